"""What anybody may know before signing in: which applications there are, and whose."""

from __future__ import annotations

from ostiary.domain.accounts import Application, Organization
from ostiary.storage import applications, organizations
from ostiary.storage.database import Transaction


def application(tx: Transaction, name: str) -> Application | None:
    """An application by its name; whoever shows it to strangers leaves its secrets out."""
    return applications.get(tx, name)


def application_of_client(tx: Transaction, client_id: str) -> Application | None:
    """An application by its client id, which is public (RFC 6749, 2.2)."""
    return applications.by_client_id(tx, client_id)


def organization(tx: Transaction, name: str) -> Organization | None:
    """An organization by its name."""
    return organizations.get(tx, name)


def is_origin_of_public_client(tx: Transaction, origin: str) -> bool:
    """Whether a public client has a redirect address on this site (RFC 6454, 6.2)."""
    return bool(origin) and applications.has_public_client_at(tx, origin)


def applications_of(tx: Transaction, organization: str) -> list[Application]:
    """The applications of an organization, oldest first."""
    return applications.every(tx, organization_name=organization)
