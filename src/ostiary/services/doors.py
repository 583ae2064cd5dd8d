"""What a sign-in page tells anybody before they are known: display names, and nothing else."""

from __future__ import annotations

import msgspec

from ostiary.domain.accounts import BUILT_IN, BUILT_IN_APPLICATION
from ostiary.domain.errors import NotFound
from ostiary.domain.lifetime import Lifetimes, decide
from ostiary.services.sign_in import is_open_to
from ostiary.storage import applications, organizations
from ostiary.storage.database import Transaction


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """An organization's way in, and the application behind it.

    ``remembered_seconds`` is the longest that "Keep me signed in" keeps somebody.
    """

    organization: str
    organization_name: str
    application: str
    application_name: str
    remembered_seconds: int


def organization_name(tx: Transaction, name: str) -> str:
    """How an organization calls itself; its plain name when it is gone."""
    return known_door(tx, name) or name


def known_door(tx: Transaction, name: str) -> str | None:
    """How an organization calls itself, if there is one of this name."""
    found = organizations.get(tx, name)
    return None if found is None else found.display_name or found.name


def only_organization(tx: Transaction) -> str | None:
    """The built-in organization while there is no other, so that nobody has to name it."""
    names = [item.name for item in organizations.every(tx)]
    return BUILT_IN if names == [BUILT_IN] else None


def door(tx: Transaction, defaults: Lifetimes, organization: str, application: str = "") -> Door:
    """The way in to an organization.

    Args:
        tx: the transaction.
        defaults: the installation's lifetimes.
        organization: whose users sign in.
        application: where to; empty for the organization's default, else the built-in one.

    Raises:
        NotFound: there is no such organization or application, or it is not open to its users.
    """
    owner = organizations.get(tx, organization)
    if owner is None:
        raise NotFound("There is no such sign-in page.")
    chosen = applications.get(tx, application or owner.default_application)
    if chosen is None and not application:
        chosen = applications.get(tx, BUILT_IN_APPLICATION)
    if chosen is None or not is_open_to(chosen, organization):
        raise NotFound("There is no such sign-in page.")
    return Door(
        organization=owner.name,
        organization_name=owner.display_name or owner.name,
        application=chosen.name,
        application_name=chosen.display_name or chosen.name,
        remembered_seconds=decide(defaults, owner.lifetimes, chosen.lifetimes).remembered_absolute,
    )
