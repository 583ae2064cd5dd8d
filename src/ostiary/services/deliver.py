"""One attempt at telling somebody something, and what becomes of it.

Nothing here is called by a request of a user: `ostiary.ops.deliveries` does, in threads of its own.
The call itself is made outside any transaction. Whoever dies between the call and its record sends
again after the lease (`ostiary.storage.deliveries`): told at least once, and never forgotten.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from ostiary.domain.access import SYSTEM
from ostiary.domain.events import Event
from ostiary.domain.notice import Notice, NoticeKind, break_after, delay_after
from ostiary.gateways.entropy import chance
from ostiary.gateways.outbound import Undelivered, host_of
from ostiary.services.courier import Courier, Sender
from ostiary.services.logout_tokens import logout_request
from ostiary.services.sso_notifications import sso_logout_request
from ostiary.services.webhook_messages import webhook_request
from ostiary.storage import audit, deliveries
from ostiary.storage.audit import NewEvent
from ostiary.storage.database import Transaction

BATCH: Final = 100
"""Notices that one transaction gives up."""

_SHOWN: Final = 200
"""Characters of an answer that an operator sees."""

SENDERS: Final[Mapping[str, Sender]] = {
    NoticeKind.BACKCHANNEL_LOGOUT.value: logout_request,
    NoticeKind.SSO_LOGOUT.value: sso_logout_request,
    NoticeKind.WEBHOOK.value: webhook_request,
}
"""Who makes the requests of each kind of notice."""


class Outcome(enum.StrEnum):
    """What became of an attempt. ``taken_over``: another process had settled it meanwhile."""

    DELIVERED = "delivered"
    FAILED = "failed"
    GIVEN_UP = "given_up"
    TAKEN_OVER = "taken_over"


def attempt(courier: Courier, item: Notice) -> Outcome:
    """Send a notice that this process has claimed, and write down what came of it.

    Raises:
        Unavailable: the store did not take the outcome; the notice is due again after its lease.
    """
    house = courier.house
    error = _send(courier, item)
    now = house.clock()
    if not error:
        return house.database.write(accepted, item, now)
    give_up_at = item.owed_at + timedelta(seconds=house.policy.give_up_after)
    return house.database.write(
        _failed, item, courier.holder, error, now, give_up_at=give_up_at, spread=chance()
    )


def _send(courier: Courier, item: Notice) -> str:
    """Make the call; the answer says what was wrong, and is empty when it was accepted."""
    sender = SENDERS.get(item.kind)
    if sender is None:
        return f"this version cannot send a {item.kind}"
    try:
        outgoing = sender(courier, item, courier.house.clock())
        answer = courier.house.outbound.send(
            outgoing.method, outgoing.url, outgoing.body, outgoing.headers
        )
    except Undelivered as error:
        return f"{error.kind}: {error}"
    if answer.status in outgoing.accepted:
        return ""
    said = "".join(c for c in answer.body.decode("utf-8", "replace") if c.isprintable())[:_SHOWN]
    return f"answered {answer.status}" + (f": {said}" if said else "")


def accepted(tx: Transaction, item: Notice, now: datetime) -> Outcome:
    """Write down that a notice was accepted."""
    if not deliveries.delivered(tx, item, now):
        return Outcome.TAKEN_OVER
    _audit(tx, now, Event.NOTICE_DELIVERED, item, attempts=item.attempts + 1)
    return Outcome.DELIVERED


def _failed(
    tx: Transaction,
    item: Notice,
    holder: str,
    error: str,
    now: datetime,
    *,
    give_up_at: datetime,
    spread: float,
) -> Outcome:
    attempts = item.attempts + 1
    after = now + delay_after(attempts, spread)
    kept = deliveries.failed(tx, item, holder, error=error, next_attempt_at=after)
    failures = deliveries.count_failure(tx, item.lane)
    pause = break_after(failures, spread)
    if pause is not None:
        deliveries.leave_alone(tx, item.lane, now + pause)
    if not kept:
        return Outcome.TAKEN_OVER
    if now < give_up_at:
        _audit(tx, now, Event.NOTICE_FAILED, item, attempts=attempts, error=error)
        return Outcome.FAILED
    deliveries.give_up(tx, [item], now)
    _audit(tx, now, Event.NOTICE_GIVEN_UP, item, attempts=attempts, error=error)
    return Outcome.GIVEN_UP


def give_up_overdue(
    tx: Transaction, now: datetime, *, give_up_after: int, limit: int = BATCH
) -> int:
    """Give up what is owed for too long although nobody tries it: its target is left alone.

    Args:
        tx: the transaction.
        now: the instant.
        give_up_after: seconds.
        limit: at most so many.

    Returns:
        How many were given up; fewer than ``limit``: finished.
    """
    before = now - timedelta(seconds=give_up_after)
    found = deliveries.overdue(tx, before, limit, now=now)
    if found:
        deliveries.give_up(tx, found, now)
    for item in found:
        error = item.last_error
        _audit(tx, now, Event.NOTICE_GIVEN_UP, item, attempts=item.attempts, error=error)
    return len(found)


def shown(kind: str, target: str) -> str:
    """What the audit says of an address: addresses of webhooks and the like may hold a secret."""
    return target if kind == NoticeKind.BACKCHANNEL_LOGOUT.value else host_of(target)


def _audit(tx: Transaction, now: datetime, event: Event, item: Notice, **further: Any) -> None:  # noqa: ANN401 - as JSON has it
    target = shown(item.kind, item.target)
    detail = {"notice": item.id, "kind": item.kind, "target": target, **further}
    audit.write(
        tx,
        now,
        [
            NewEvent(
                event=event,
                actor=SYSTEM.actor,
                organization=item.organization,
                user=item.user,
                application=item.application,
                session_id=item.session_id,
                detail=detail,
            )
        ],
    )
