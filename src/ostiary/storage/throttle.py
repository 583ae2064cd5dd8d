"""Failed sign-ins, counted under keyed hashes of what they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, case, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ostiary.storage.database import Transaction
from ostiary.storage.tables import throttle


class Failures(msgspec.Struct, frozen=True, kw_only=True):
    """How often something failed in a row, and until when it has to wait."""

    failures: int
    last_failure_at: datetime
    delayed_until: datetime


_by_keys = select(throttle).where(throttle.c.key.in_(bindparam("keys", expanding=True)))


def get(tx: Transaction, keys: Sequence[bytes]) -> dict[bytes, Failures]:
    """What is known about some keys."""
    return {
        row.key: Failures(
            failures=row.failures,
            last_failure_at=row.last_failure_at,
            delayed_until=row.delayed_until,
        )
        for row in tx.execute(_by_keys, {"keys": sorted(keys)})
    }


def count(tx: Transaction, key: bytes, now: datetime, *, forgotten: datetime) -> int:
    """Count one more failure, in one statement: of two at the same moment none is lost.

    Args:
        tx: the transaction.
        key: what failed.
        now: when.
        forgotten: what has not failed since then begins anew.

    Returns:
        How often it failed in a row by now.
    """
    upsert = postgresql.insert if tx.is_postgresql else sqlite.insert
    once_more = case((throttle.c.last_failure_at > forgotten, throttle.c.failures + 1), else_=1)
    counted = tx.execute(
        upsert(throttle)
        .values(key=key, failures=1, last_failure_at=now, delayed_until=now)
        .on_conflict_do_update(
            index_elements=["key"], set_={"failures": once_more, "last_failure_at": now}
        )
        .returning(throttle.c.failures)
    )
    return int(counted.scalar_one())


def delay(tx: Transaction, key: bytes, until: datetime) -> None:
    """Let a key that was counted wait."""
    tx.execute(update(throttle).where(throttle.c.key == key).values(delayed_until=until))


def forget(tx: Transaction, keys: Sequence[bytes]) -> None:
    """Start counting anew, after a success."""
    tx.execute(delete(throttle).where(throttle.c.key.in_(sorted(keys))))


def purge(tx: Transaction, before: datetime, limit: int) -> int:
    """Forget failures older than an instant.

    Returns:
        How many went; fewer than ``limit``: finished.
    """
    keys = [
        row.key
        for row in tx.rows(
            select(throttle.c.key).where(throttle.c.last_failure_at < before).limit(limit)
        )
    ]
    if keys:
        tx.execute(delete(throttle).where(throttle.c.key.in_(keys)))
    return len(keys)
