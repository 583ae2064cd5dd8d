"""Failed sign-ins, counted under keyed hashes of what they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from ostiary.storage.database import Transaction
from ostiary.storage.tables import throttle


class Failures(msgspec.Struct, frozen=True, kw_only=True):
    """How often something failed in a row, and until when it has to wait."""

    failures: int
    last_failure_at: datetime
    delayed_until: datetime


def get(tx: Transaction, keys: Sequence[bytes]) -> dict[bytes, Failures]:
    """What is known about some keys."""
    return {
        row.key: Failures(
            failures=row.failures,
            last_failure_at=row.last_failure_at,
            delayed_until=row.delayed_until,
        )
        for row in tx.rows(select(throttle).where(throttle.c.key.in_(sorted(keys))))
    }


def put(tx: Transaction, key: bytes, failures: Failures) -> None:
    """Write what is known about a key."""
    values = msgspec.structs.asdict(failures)
    upsert = postgresql.insert if tx.is_postgresql else sqlite.insert
    tx.execute(
        upsert(throttle)
        .values(key=key, **values)
        .on_conflict_do_update(index_elements=["key"], set_=values)
    )


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
