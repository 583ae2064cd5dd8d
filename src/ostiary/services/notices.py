"""Notices, for those who look after them: what is owed to whom, and sending one again."""

from __future__ import annotations

import msgspec

from ostiary.domain.access import Kind, may_administer, reach_of
from ostiary.domain.errors import NotFound, NotSignedIn, Protected
from ostiary.domain.events import Event
from ostiary.domain.notice import Notice, NoticeFilter, NoticeKind, NoticeState
from ostiary.domain.search import Page, Position
from ostiary.gateways.keys import Vault
from ostiary.services.deliver import shown
from ostiary.services.house import Act
from ostiary.services.pages import paged
from ostiary.services.standing import rechecked
from ostiary.storage import applications, audit, deliveries, outbox, webhooks
from ostiary.storage.audit import NewEvent
from ostiary.storage.database import Transaction


def list_notices(
    tx: Transaction,
    act: Act,
    vault: Vault,
    chosen: NoticeFilter,
    *,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Notice]:
    """One page of the notices about an organization's sessions, or of all, newest first.

    Raises:
        NotSignedIn, NotAllowed: the caller does not administer the organization.
        BadCursor: the cursor is not of this list.
    """
    organization = reach_of(act.caller, chosen.organization)
    reach = msgspec.structs.replace(chosen, organization=organization)
    return paged(
        vault,
        ("notices", reach),
        cursor=cursor,
        limit=limit,
        fetch=lambda after, most: outbox.page(tx, reach, after=after, limit=most),
        position=lambda item: Position(instant=item.id, id=""),
        count=lambda up_to: outbox.count(tx, reach, up_to=up_to),
    )


def get_notice(tx: Transaction, act: Act, number: int) -> Notice:
    """A notice about a session of an organization that the caller administers.

    Raises:
        NotSignedIn: nobody is calling.
        NotFound: there is none, or the caller may not know of it.
    """
    return _administered(tx, act, number)


@rechecked
def resend(tx: Transaction, act: Act, number: int) -> Notice:
    """Try a notice anew, at once and for the whole time, at the address that holds now.

    Raises:
        NotSignedIn: nobody is calling.
        NotFound: there is none, or the caller may not know of it.
        Protected: it was accepted; or there is no address any more.
    """
    found = _administered(tx, act, number, lock=True)
    if found.state is NoticeState.DELIVERED:
        raise Protected("It was accepted. Nothing is left to be sent.")
    target = _target_of_now(tx, found)
    if not target:
        raise Protected("There is no address any more that it could be sent to.")
    outbox.owe_again(tx, found, target=target, now=act.now)
    deliveries.forget_failures(tx, outbox.lane_of(target))
    event = NewEvent(
        event=Event.NOTICE_RESENT,
        actor=act.caller.actor,
        organization=found.organization,
        user=found.user,
        application=found.application,
        session_id=found.session_id,
        address=act.address,
        detail={"notice": found.id, "kind": found.kind, "target": shown(found.kind, target)},
    )
    audit.write(tx, act.now, [event])
    return _administered(tx, act, number)


def _administered(tx: Transaction, act: Act, number: int, *, lock: bool = False) -> Notice:
    if act.caller.kind is Kind.NOBODY:
        raise NotSignedIn(reason=act.caller.dead_reason)
    found = outbox.by_id(tx, number, lock=lock)
    if found is None or not may_administer(act.caller, found.organization):
        raise NotFound(f"There is no notice {number}.")
    return found


def _target_of_now(tx: Transaction, item: Notice) -> str:
    """Where it goes now; what it is owed to may have moved, been turned off or deleted."""
    match item.kind:
        case NoticeKind.BACKCHANNEL_LOGOUT.value:
            application = applications.get(tx, item.application)
            known = application is not None and application.key == item.application_key
            return application.backchannel_logout_uri if application and known else ""
        case NoticeKind.WEBHOOK.value:
            webhook = webhooks.by_key(tx, item.webhook_key or 0)
            return webhook.url if webhook is not None and webhook.enabled else ""
        case _:
            return item.target
