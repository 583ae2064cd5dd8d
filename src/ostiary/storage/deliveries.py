"""Sending notices: who takes which, and what becomes of it.

A claim is a lease. It moves ``next_attempt_at`` to its own end, so that what a dead process held is
simply due again. Each target has a lane of its own (`outbox.lane_of`), in due order, so that a
million notices for one do not stand before the first of another.

``notice_lane`` is the memory of lanes that failed lately: how often in a row, and until when they
are left alone. All processes share it. One whose target answers has no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ostiary.domain.notice import Notice, NoticeKind, NoticeState
from ostiary.storage.database import Transaction
from ostiary.storage.outbox import selected, to_notice
from ostiary.storage.tables import client_session, notice, notice_lane

LEASE = timedelta(seconds=15)
"""How long a notice stays with whoever claimed it, without a sign of life."""

LONGEST_ERROR = 500


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A lane in which something is due. ``failures``: how often its target failed in a row."""

    lane: str
    since: datetime
    failures: int


def due(tx: Transaction, now: datetime) -> list[Due]:
    """The lanes whose targets can be called now, the longest due first.

    It jumps from lane to lane in the index, and so costs the same however much is owed.
    """
    waiting = notice.c.settled_at.is_(None)
    walk = select(func.min(notice.c.lane).label("lane")).where(waiting).cte(recursive=True)
    following = (
        select(func.min(notice.c.lane))
        .where(waiting, notice.c.lane > walk.c.lane)
        .correlate(walk)
        .scalar_subquery()
    )
    walk = walk.union_all(select(following).where(walk.c.lane.is_not(None)))
    first = (
        select(func.min(notice.c.next_attempt_at))
        .where(waiting, notice.c.lane == walk.c.lane)
        .correlate(walk)
        .scalar_subquery()
        .label("first")
    )
    query = (
        select(walk.c.lane, first, notice_lane.c.failures, notice_lane.c.open_until)
        .select_from(walk.outerjoin(notice_lane, notice_lane.c.lane == walk.c.lane))
        .where(walk.c.lane.is_not(None))
    )
    found = [
        Due(lane=row.lane, since=row.first, failures=row.failures or 0)
        for row in tx.rows(query)
        if row.first is not None
        and row.first <= now
        and (row.open_until is None or row.open_until <= now)
    ]
    return sorted(found, key=lambda item: item.since)


def claim(tx: Transaction, lane: str, holder: str, *, limit: int, now: datetime) -> list[Notice]:
    """Take up to ``limit`` notices of one lane, the longest due first.

    On PostgreSQL what another process is just taking is passed over.
    """
    query = (
        selected.where(
            notice.c.lane == lane,
            notice.c.settled_at.is_(None),
            notice.c.next_attempt_at <= now,
        )
        .order_by(notice.c.next_attempt_at, notice.c.id)
        .limit(limit)
    )
    if tx.is_postgresql:
        query = query.with_for_update(of=notice, skip_locked=True)
    found = [to_notice(row) for row in tx.rows(query)]
    if found:
        tx.execute(
            update(notice)
            .where(notice.c.id.in_([item.id for item in found]))
            .values(claimed_by=holder, next_attempt_at=now + LEASE)
        )
    return found


def renew(tx: Transaction, ids: Sequence[int], holder: str, now: datetime) -> None:
    """Hold what is still being sent for longer."""
    tx.execute(
        update(notice)
        .where(notice.c.id.in_(ids), notice.c.claimed_by == holder, notice.c.settled_at.is_(None))
        .values(next_attempt_at=now + LEASE)
    )


def delivered(tx: Transaction, item: Notice, now: datetime) -> bool:
    """Write that a notice was accepted.

    Returns:
        False: it was settled before; two processes had sent it.
    """
    done = tx.execute(
        update(notice)
        .where(notice.c.id == item.id, notice.c.settled_at.is_(None))
        .values(
            state=NoticeState.DELIVERED.value,
            attempts=notice.c.attempts + 1,
            settled_at=now,
            claimed_by=None,
            last_error="",
            # What it told is known where it was to be known; here it is not kept any longer.
            detail="{}",
        )
    )
    tx.execute(delete(notice_lane).where(notice_lane.c.lane == item.lane))
    if done.rowcount == 1:
        _settle_client(tx, item, now)
    return done.rowcount == 1


def failed(
    tx: Transaction, item: Notice, holder: str, *, error: str, next_attempt_at: datetime
) -> bool:
    """Write that an attempt failed, and when the next one comes.

    Returns:
        False: it is another's by now, or settled.
    """
    kept = tx.execute(
        update(notice)
        .where(notice.c.id == item.id, notice.c.claimed_by == holder, notice.c.settled_at.is_(None))
        .values(
            attempts=notice.c.attempts + 1,
            last_error=error[:LONGEST_ERROR],
            next_attempt_at=next_attempt_at,
            claimed_by=None,
        )
    )
    return kept.rowcount == 1


def overdue(tx: Transaction, before: datetime, limit: int, *, now: datetime) -> list[Notice]:
    """Notices that have been owed since before an instant, held; what is being sent is not."""
    query = (
        selected.where(
            notice.c.settled_at.is_(None),
            notice.c.owed_at <= before,
            or_(notice.c.claimed_by.is_(None), notice.c.next_attempt_at <= now),
        )
        .order_by(notice.c.owed_at)
        .limit(limit)
    )
    if tx.is_postgresql:
        query = query.with_for_update(of=notice, skip_locked=True)
    return [to_notice(row) for row in tx.rows(query)]


def give_up(tx: Transaction, items: Sequence[Notice], now: datetime) -> None:
    """Stop trying; they stay to be seen, and to be sent again by hand."""
    tx.execute(
        update(notice)
        .where(notice.c.id.in_([item.id for item in items]))
        .values(state=NoticeState.GIVEN_UP.value, settled_at=now, claimed_by=None)
    )
    for item in items:
        _settle_client(tx, item, now)


def _settle_client(tx: Transaction, item: Notice, now: datetime) -> None:
    if item.kind == NoticeKind.BACKCHANNEL_LOGOUT.value:
        tx.execute(
            update(client_session)
            .where(client_session.c.sid == item.sid, client_session.c.ended_at.is_not(None))
            .values(settled_at=now)
        )


def count_failure(tx: Transaction, lane: str) -> int:
    """Count a failure of a target, and say how many there were in a row."""
    upsert = postgresql.insert if tx.is_postgresql else sqlite.insert
    counted = tx.execute(
        upsert(notice_lane)
        .values(lane=lane, failures=1)
        .on_conflict_do_update(
            index_elements=["lane"], set_={"failures": notice_lane.c.failures + 1}
        )
        .returning(notice_lane.c.failures)
    )
    return int(counted.scalar_one())


def leave_alone(tx: Transaction, lane: str, until: datetime) -> None:
    """Call a target no more until an instant."""
    tx.execute(update(notice_lane).where(notice_lane.c.lane == lane).values(open_until=until))


def forget_failures(tx: Transaction, lane: str) -> None:
    """Try a target again at once."""
    tx.execute(delete(notice_lane).where(notice_lane.c.lane == lane))
