"""Assertions by which applications authenticated: none is good twice (RFC 7523, 3)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from ostiary.storage.database import Transaction
from ostiary.storage.tables import assertion


def use(tx: Transaction, assertion_hash: bytes, expires_at: datetime) -> bool:
    """Remember an assertion until it expires; False when it was used before."""
    upsert = postgresql.insert if tx.is_postgresql else sqlite.insert
    added = tx.execute(
        upsert(assertion)
        .values(hash=assertion_hash, expires_at=expires_at)
        .on_conflict_do_nothing(index_elements=["hash"])
    )
    return added.rowcount > 0


def purge(tx: Transaction, before: datetime, limit: int) -> int:
    """Forget those that expired before an instant, and say how many."""
    chosen = select(assertion.c.hash).where(assertion.c.expires_at < before).limit(limit)
    hashes = [row.hash for row in tx.rows(chosen)]
    if hashes:
        tx.execute(delete(assertion).where(assertion.c.hash.in_(hashes)))
    return len(hashes)
