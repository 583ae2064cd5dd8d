"""The change log: everything that changes what a check would answer (DESIGN section 2).

Purging leaves a floor, which `setting` keeps: a reader whose position is below it starts anew.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select

from ostiary.storage import settings
from ostiary.storage.database import Transaction
from ostiary.storage.tables import change_log

FLOOR = "change_log_floor"


class Change(enum.StrEnum):
    """What a row of the change log is about.

    ``grant``: something was taken back of what it issued; its id stands in ``session_id``.
    """

    SESSION = "session"
    USER = "user"
    ORGANIZATION = "organization"
    APPLICATION = "application"
    GRANT = "grant"


def append(
    tx: Transaction,
    change: Change,
    now: datetime,
    subjects: Iterable[Mapping[str, Any]],
) -> None:
    """Write changes.

    Args:
        tx: the transaction that makes them.
        change: what they are about.
        now: the instant.
        subjects: for each the keys that it names: ``organization_key``, ``user_key``,
            ``application_key``, ``session_id``.
    """
    rows = [
        {
            "at": now,
            "kind": change.value,
            "organization_key": subject.get("organization_key"),
            "user_key": subject.get("user_key"),
            "application_key": subject.get("application_key"),
            "session_id": subject.get("session_id"),
        }
        for subject in subjects
    ]
    if rows:
        tx.execute(insert(change_log), rows)


def last_sequence(tx: Transaction) -> int:
    """The highest sequence written so far."""
    return tx.number(select(func.max(change_log.c.seq)))


def purge(tx: Transaction, before: datetime, limit: int) -> int:
    """Remove old rows, and raise the floor to the highest of them.

    Only the first ``limit`` rows are looked at, since their order is about that of time: a process
    whose clock is ahead makes the rows behind its own wait for a moment.

    Returns:
        How many went; fewer than ``limit``: finished.
    """
    first = select(change_log.c.seq, change_log.c.at).order_by(change_log.c.seq).limit(limit)
    found = [row.seq for row in tx.rows(first) if row.at < before]
    if found:
        tx.execute(delete(change_log).where(change_log.c.seq.in_(found)))
        settings.put(tx, FLOOR, str(max(found[-1], floor(tx))))
    return len(found)


def floor(tx: Transaction) -> int:
    """The highest sequence that was ever purged: whoever has not read beyond it starts anew."""
    return int(settings.get(tx, FLOOR) or 0)
