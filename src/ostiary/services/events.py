"""Seeing the audit: who did what to whom, when, from where."""

from __future__ import annotations

from datetime import datetime

import msgspec

from ostiary.domain.access import Caller, Kind
from ostiary.domain.errors import BadInput, NotAllowed, NotSignedIn
from ostiary.domain.events import AuditEvent, Event
from ostiary.domain.search import EventFilter, Page, Position
from ostiary.gateways.keys import Vault
from ostiary.services.house import Act
from ostiary.services.pages import paged
from ostiary.storage import audit
from ostiary.storage.database import Transaction

_ABOUT_NOTICES = frozenset(
    {
        Event.NOTICE_DELIVERED,
        Event.NOTICE_FAILED,
        Event.NOTICE_GIVEN_UP,
        Event.NOTICE_RESENT,
    }
)


def list_events(
    tx: Transaction,
    act: Act,
    vault: Vault,
    *,
    organization: str | None = None,
    user: str | None = None,
    application: str | None = None,
    event: str | None = None,
    actor: str | None = None,
    session_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[AuditEvent]:
    """One page of the audit, newest first.

    Administrators and applications see their organization, global ones everything, and a plain
    user what is about herself.

    Args:
        tx: the transaction.
        act: who asks.
        vault: holds the key that signs cursors.
        organization: of the events' subject.
        user: the name of the user whom events are about.
        application: the name of the application that they are about.
        event: one of `Event`'s values.
        actor: who did it: ``acme/ann``, ``app/wiki``, ``operator``, ``system`` or ``nobody``.
        session_id: the public id of the session that they are about.
        since: from this instant on.
        until: before this instant.
        cursor: where the page begins.
        limit: the most events on it.

    Raises:
        NotAllowed, NotSignedIn: the caller may not see events of that organization or user.
        BadInput: there is no such event.
        BadCursor: the cursor is not of this list.
    """
    if event and event not in {known.value for known in Event}:
        raise BadInput("event", f"There is no event {event}.")
    reach = _within_reach(
        act.caller,
        EventFilter(
            organization=organization,
            user=user,
            application=application,
            event=event,
            actor=actor,
            session_id=session_id,
            since=since,
            until=until,
        ),
    )
    found = paged(
        vault,
        ("events", reach),
        cursor=cursor,
        limit=limit,
        fetch=lambda after, most: audit.page(tx, reach, after=after, limit=most),
        position=lambda item: Position(instant=item.id, id=""),
        count=lambda up_to: audit.count(tx, reach, up_to=up_to),
    )
    if _is_plain(act.caller):
        shown = tuple(_for_users(act.caller, item) for item in found.items)
        return msgspec.structs.replace(found, items=shown)
    return found


def _is_plain(caller: Caller) -> bool:
    return not caller.is_global and caller.administers is None


def _within_reach(caller: Caller, chosen: EventFilter) -> EventFilter:
    """The filter, narrowed to what the caller may see.

    Raises:
        NotSignedIn: nobody is calling.
        NotAllowed: it names another organization, or another user than a plain user's own.
    """
    if caller.kind is Kind.NOBODY:
        raise NotSignedIn(reason=caller.dead_reason)
    if caller.is_global:
        return chosen
    if chosen.organization and chosen.organization != caller.organization:
        raise NotAllowed(detail=f"{caller.actor} asked for events of {chosen.organization}")
    narrowed = msgspec.structs.replace(chosen, organization=caller.organization)
    if not _is_plain(caller):
        return narrowed
    if chosen.user and chosen.user != caller.name:
        raise NotAllowed(detail=f"{caller.actor} asked for events of {chosen.user}")
    return msgspec.structs.replace(narrowed, user=caller.name)


def _for_users(caller: Caller, item: AuditEvent) -> AuditEvent:
    """An event as a plain user sees it.

    Where an administrator sits is not the user's business; where strangers tried is. Nor is where
    applications listen, and what their servers answered.
    """
    if item.event in _ABOUT_NOTICES:
        kept = {k: v for k, v in item.detail.items() if k not in {"target", "error"}}
        item = msgspec.structs.replace(item, detail=kept)
    if item.actor in {caller.actor, "nobody"}:
        return item
    return msgspec.structs.replace(item, address="")
