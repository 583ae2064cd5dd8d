"""Leases on jobs: any process may do one, exactly one does (DESIGN section 10).

The instants are the callers' own. A lease only spares work that is harmless when it is done
twice, so clocks that disagree cost effort and nothing else.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ostiary.storage.database import Transaction
from ostiary.storage.tables import job


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """A job as the console shows it."""

    name: str
    holder: str
    lease_until: datetime
    due_at: datetime
    last_finished_at: datetime | None
    last_outcome: str


def is_free(tx: Transaction, name: str, now: datetime) -> bool:
    """Whether a job is due and nobody holds it, so that trying to `claim` it is worth a write."""
    row = tx.row(select(job).where(job.c.name == name))
    if row is None:
        return True
    return bool(row.due_at <= now and (row.holder == "" or row.lease_until <= now))


def claim(tx: Transaction, name: str, holder: str, *, lease: timedelta, now: datetime) -> bool:
    """Take a job that is due and that nobody holds.

    Returns:
        Whether the caller holds it now, until ``now + lease``.
    """
    upsert = postgresql.insert if tx.is_postgresql else sqlite.insert
    tx.execute(
        upsert(job)
        .values(name=name, holder="", lease_until=now, due_at=now)
        .on_conflict_do_nothing(index_elements=["name"])
    )
    taken = tx.execute(
        update(job)
        .where(
            job.c.name == name,
            job.c.due_at <= now,
            or_(job.c.holder == "", job.c.lease_until <= now),
        )
        .values(holder=holder, lease_until=now + lease)
    )
    return taken.rowcount == 1


def renew(tx: Transaction, name: str, holder: str, *, lease: timedelta, now: datetime) -> bool:
    """Hold a claimed job for longer; False: another process has it by now."""
    kept = tx.execute(
        update(job)
        .where(job.c.name == name, job.c.holder == holder)
        .values(lease_until=now + lease)
    )
    return kept.rowcount == 1


def finish(
    tx: Transaction,
    name: str,
    holder: str,
    *,
    outcome: str,
    due_at: datetime,
    now: datetime,
) -> None:
    """Give a job back and say when it is due again."""
    tx.execute(
        update(job)
        .where(job.c.name == name, job.c.holder == holder)
        .values(holder="", due_at=due_at, last_finished_at=now, last_outcome=outcome)
    )


def any_finished(tx: Transaction, since: datetime) -> bool:
    """Whether any job was done since then: some server runs, or did until a moment ago."""
    return tx.row(select(job.c.name).where(job.c.last_finished_at >= since).limit(1)) is not None


def every(tx: Transaction) -> list[JobRow]:
    """All jobs that ever ran."""
    return [
        JobRow(
            name=row.name,
            holder=row.holder,
            lease_until=row.lease_until,
            due_at=row.due_at,
            last_finished_at=row.last_finished_at,
            last_outcome=row.last_outcome,
        )
        for row in tx.rows(select(job).order_by(job.c.name))
    ]
