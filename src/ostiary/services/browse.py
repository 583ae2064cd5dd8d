"""Organizations, applications and webhooks a page at a time, for those who administer them."""

from __future__ import annotations

from ostiary.domain.access import reach_of
from ostiary.domain.accounts import Application, Organization
from ostiary.domain.search import Page, Position
from ostiary.domain.webhook import Webhook
from ostiary.gateways.keys import Vault
from ostiary.services.house import Act
from ostiary.services.pages import paged
from ostiary.storage import applications, organizations, webhooks
from ostiary.storage.database import Transaction


def browse_organizations(
    tx: Transaction,
    act: Act,
    vault: Vault,
    *,
    text: str = "",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Organization]:
    """One page of the organizations whose names hold every word, by name.

    Raises:
        NotAllowed, NotSignedIn: the caller administers nothing.
        BadCursor: the cursor is not of this list.
    """
    reach = reach_of(act.caller, None)
    return paged(
        vault,
        ("organizations", reach, text),
        cursor=cursor,
        limit=limit,
        fetch=lambda after, most: organizations.page(
            tx, name=reach, text=text, after=after, limit=most
        ),
        position=lambda item: Position(instant=0, id="", name=item.name),
        count=lambda up_to: organizations.count(tx, name=reach, text=text, up_to=up_to),
    )


def browse_applications(
    tx: Transaction,
    act: Act,
    vault: Vault,
    organization: str | None,
    *,
    text: str = "",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Application]:
    """One page of the applications whose names or client ids hold every word, by name.

    Raises:
        NotAllowed, NotSignedIn: the caller administers nothing, or not that organization.
        BadCursor: the cursor is not of this list.
    """
    reach = reach_of(act.caller, organization)
    return paged(
        vault,
        ("applications", reach, text),
        cursor=cursor,
        limit=limit,
        fetch=lambda after, most: applications.page(
            tx, organization_name=reach, text=text, after=after, limit=most
        ),
        position=lambda item: Position(instant=0, id="", name=item.name),
        count=lambda up_to: applications.count(tx, organization_name=reach, text=text, up_to=up_to),
    )


def browse_webhooks(
    tx: Transaction,
    act: Act,
    vault: Vault,
    organization: str | None,
    *,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Webhook]:
    """One page of the webhooks, by organization and name.

    Raises:
        NotAllowed, NotSignedIn: the caller administers nothing, or not that organization.
        BadCursor: the cursor is not of this list.
    """
    reach = reach_of(act.caller, organization)
    return paged(
        vault,
        ("webhooks", reach),
        cursor=cursor,
        limit=limit,
        fetch=lambda after, most: webhooks.page(tx, owner=reach, after=after, limit=most),
        position=lambda item: Position(instant=0, id=item.organization, name=item.name),
        count=lambda up_to: webhooks.count(tx, owner=reach, up_to=up_to),
    )
