"""Notices that are owed to applications and others. Written with what they tell; sent later.

Sending them is `ostiary.storage.deliveries`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, Select, delete, func, insert, select, update

from ostiary.domain.notice import Notice, NoticeFilter, NoticeKind, NoticeState
from ostiary.domain.search import Position
from ostiary.domain.session import EndReason
from ostiary.storage.client_sessions import ClientSession
from ostiary.storage.database import Transaction
from ostiary.storage.pieces import pieces
from ostiary.storage.tables import application, client_session, notice


def lane_of(target: str) -> str:
    """What an address is queued under: of one length, since addresses are long for an index."""
    return hashlib.sha256(target.encode()).hexdigest()[:32]


def owe_logouts(
    tx: Transaction, ended: Sequence[ClientSession], *, reason: EndReason, now: datetime
) -> None:
    """Owe a back-channel logout for each client session whose application can be told."""
    rows = [
        {
            "kind": NoticeKind.BACKCHANNEL_LOGOUT.value,
            "application_key": item.application_key,
            "organization": item.organization,
            "user": item.user,
            "session_id": item.session_id,
            "sid": item.sid,
            "target": item.backchannel_logout_uri,
            "lane": lane_of(item.backchannel_logout_uri),
            "reason": reason.value,
            "state": NoticeState.PENDING.value,
            "created_at": now,
            "owed_at": now,
            "next_attempt_at": now,
        }
        for item in ended
        if item.backchannel_logout_uri
    ]
    if rows:
        tx.execute(insert(notice), rows)
        tx.owes = True


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """A notice of another kind than back-channel logout; ``detail`` is what it tells, as JSON."""

    kind: NoticeKind
    organization: str
    user: str
    session_id: str
    target: str
    reason: str = ""
    detail: str
    sid: str = ""
    application_key: int | None = None
    webhook_key: int | None = None


def owe(tx: Transaction, items: Sequence[Owed], now: datetime) -> None:
    """Owe notices from now on."""
    rows = [
        {
            **msgspec.structs.asdict(item),
            "kind": item.kind.value,
            "lane": lane_of(item.target),
            "state": NoticeState.PENDING.value,
            "created_at": now,
            "owed_at": now,
            "next_attempt_at": now,
        }
        for item in items
    ]
    if rows:
        tx.execute(insert(notice), rows)
        tx.owes = True


selected: Select[Any] = select(
    notice,
    application.c.name.label("application"),
    application.c.display_name,
    application.c.client_id,
    application.c.id_token_alg,
).select_from(notice.outerjoin(application, application.c.key == notice.c.application_key))
"""A notice with the application that it is owed to, deleted or not."""


def to_notice(row: Row[Any]) -> Notice:
    """A row of `selected`."""
    return Notice(
        id=row.id,
        kind=row.kind,
        organization=row.organization,
        user=row.user,
        session_id=row.session_id,
        sid=row.sid,
        target=row.target,
        lane=row.lane,
        reason=row.reason,
        state=NoticeState(row.state),
        attempts=row.attempts,
        created_at=row.created_at,
        owed_at=row.owed_at,
        next_attempt_at=row.next_attempt_at,
        settled_at=row.settled_at,
        claimed_by=row.claimed_by,
        last_error=row.last_error,
        detail=row.detail,
        application_key=row.application_key,
        application=row.application or "",
        display_name=row.display_name or "",
        client_id=row.client_id or "",
        id_token_alg=row.id_token_alg or "",
        webhook_key=row.webhook_key,
    )


def by_id(tx: Transaction, notice_id: int, *, lock: bool = False) -> Notice | None:
    """One notice.

    Args:
        tx: the transaction.
        notice_id: its number.
        lock: hold the row until the commit.
    """
    query = selected.where(notice.c.id == notice_id)
    if lock and tx.is_postgresql:
        query = query.with_for_update(of=notice)
    row = tx.row(query)
    return None if row is None else to_notice(row)


def of_sessions(tx: Transaction, session_ids: Sequence[str]) -> list[Notice]:
    """Every notice about some sessions, oldest first."""
    return [
        to_notice(row)
        for some in pieces(session_ids)
        for row in tx.rows(selected.where(notice.c.session_id.in_(some)).order_by(notice.c.id))
    ]


def untold(tx: Transaction, session_ids: Sequence[str]) -> set[str]:
    """The names of the applications that have not accepted a notice of the end of some sessions."""
    query = (
        select(application.c.name)
        .join(notice, notice.c.application_key == application.c.key)
        .where(notice.c.state != NoticeState.DELIVERED.value)
        .distinct()
    )
    return {
        row.name
        for some in pieces(session_ids)
        for row in tx.rows(query.where(notice.c.session_id.in_(some)))
    }


def page(
    tx: Transaction, chosen: NoticeFilter, *, after: Position | None, limit: int
) -> list[Notice]:
    """Up to ``limit`` notices beyond a position, newest first.

    With ``after.backwards`` these are the ones just before the position, newest first too.
    """
    backwards = after is not None and after.backwards
    query = selected.where(*_conditions(chosen)).limit(limit)
    if after is not None:
        key = notice.c.id
        query = query.where(key > after.instant if backwards else key < after.instant)
    query = query.order_by(notice.c.id.asc() if backwards else notice.c.id.desc())
    found = [to_notice(row) for row in tx.rows(query)]
    return found[::-1] if backwards else found


def count(tx: Transaction, chosen: NoticeFilter, *, up_to: int) -> int:
    """How many notices match, counted no further than ``up_to``."""
    some = select(notice.c.id).where(*_conditions(chosen)).limit(up_to).subquery()
    return tx.number(select(func.count()).select_from(some))


def count_waiting(tx: Transaction, *, organization: str | None, up_to: int) -> int:
    """How many notices are owed and neither accepted nor given up, counted to ``up_to``."""
    chosen = NoticeFilter(organization=organization, state=NoticeState.PENDING)
    return count(tx, chosen, up_to=up_to)


def _conditions(chosen: NoticeFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if chosen.organization is not None:
        conditions.append(notice.c.organization == chosen.organization)
    if chosen.application is not None:
        # Deleted ones, too: their names are never given again while they are owed something.
        keys = select(application.c.key).where(application.c.name == chosen.application)
        conditions.append(notice.c.application_key.in_(keys))
    if chosen.state is not None:
        conditions.append(notice.c.state == chosen.state.value)
    if chosen.state is NoticeState.PENDING:
        conditions.append(notice.c.settled_at.is_(None))  # as the index has it
    if chosen.session_id is not None:
        conditions.append(notice.c.session_id == chosen.session_id)
    return conditions


def owe_again(tx: Transaction, item: Notice, *, target: str, now: datetime) -> None:
    """Begin anew with a notice that is not delivered; what it tells about is unsettled again."""
    tx.execute(
        update(notice)
        .where(notice.c.id == item.id)
        .values(
            target=target,
            lane=lane_of(target),
            state=NoticeState.PENDING.value,
            attempts=0,
            owed_at=now,
            next_attempt_at=now,
            settled_at=None,
            claimed_by=None,
        )
    )
    tx.owes = True
    if item.kind == NoticeKind.BACKCHANNEL_LOGOUT.value:
        tx.execute(
            update(client_session).where(client_session.c.sid == item.sid).values(settled_at=None)
        )


def retarget(tx: Transaction, application_key: int, target: str) -> None:
    """Send the logouts that an application is still owed to its new address."""
    tx.execute(
        update(notice)
        .where(
            notice.c.application_key == application_key,
            notice.c.kind == NoticeKind.BACKCHANNEL_LOGOUT.value,
            notice.c.settled_at.is_(None),
        )
        .values(target=target, lane=lane_of(target))
    )


def retarget_webhook(tx: Transaction, webhook_key: int, old: str, target: str) -> None:
    """Send what a webhook is still owed to its new address."""
    tx.execute(
        update(notice)
        .where(*_owed_to(webhook_key, old))
        .values(target=target, lane=lane_of(target))
    )


def withdraw_webhook(tx: Transaction, webhook_key: int, target: str, now: datetime) -> None:
    """Give up what a webhook is still owed that was deleted or turned off."""
    tx.execute(
        update(notice)
        .where(*_owed_to(webhook_key, target))
        .values(
            state=NoticeState.GIVEN_UP.value,
            settled_at=now,
            claimed_by=None,
            last_error="the webhook was deleted or turned off",
        )
    )


def _owed_to(webhook_key: int, target: str) -> tuple[ColumnElement[bool], ...]:
    """By the lane, since that is what there is an index for."""
    return (
        notice.c.lane == lane_of(target),
        notice.c.webhook_key == webhook_key,
        notice.c.settled_at.is_(None),
    )


def rename_user(tx: Transaction, organization: str, old: str, new: str) -> None:
    """Follow a user's new name; also the stand-in's, when the user was deleted."""
    tx.execute(
        update(notice)
        .where(notice.c.organization == organization, notice.c.user == old)
        .values(user=new)
    )


def purge(tx: Transaction, before: datetime, limit: int) -> int:
    """Remove settled notices past retention.

    Only the first ``limit`` rows are looked at, since their order is about that of time: one that
    is not settled yet makes some that come after it wait.

    Returns:
        How many went.
    """
    first = select(notice.c.id, notice.c.settled_at).order_by(notice.c.id).limit(limit)
    old = [
        row.id for row in tx.rows(first) if row.settled_at is not None and row.settled_at < before
    ]
    if old:
        tx.execute(delete(notice).where(notice.c.id.in_(old)))
    return len(old)
