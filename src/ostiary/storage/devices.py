"""Browsers that came back: a long-lived random cookie each, stored as SHA-256."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert, select, update

from ostiary.storage.database import Transaction
from ostiary.storage.tables import device, device_user, session


def by_secret(tx: Transaction, secret_hash: bytes, *, lock: bool = False) -> int | None:
    """The key of the device whose cookie was presented.

    Args:
        tx: the transaction.
        secret_hash: the SHA-256 of its secret.
        lock: hold the row until the commit: of two users who sign in on one device at the same
            moment, the second one finds the session of the first.
    """
    query = select(device.c.key).where(device.c.secret_hash == secret_hash)
    row = tx.row(query.with_for_update(key_share=True) if lock and tx.is_postgresql else query)
    return None if row is None else int(row.key)


def add(tx: Transaction, secret_hash: bytes, now: datetime) -> int:
    """Remember a browser that has not been here before."""
    added = tx.execute(
        insert(device)
        .values(secret_hash=secret_hash, created_at=now, last_seen_at=now)
        .returning(device.c.key)
    )
    return int(added.scalar_one())


def used_by(tx: Transaction, device_key: int, user_key: int, now: datetime) -> bool:
    """Write that a user signed in on a device.

    Returns:
        Whether the user had done so before.
    """
    tx.execute(update(device).where(device.c.key == device_key).values(last_seen_at=now))
    if knows(tx, device_key, user_key):
        return True
    tx.execute(
        insert(device_user).values(device_key=device_key, user_key=user_key, first_seen_at=now)
    )
    return False


def knows(tx: Transaction, device_key: int, user_key: int) -> bool:
    """Whether this user has signed in on this device before."""
    query = select(device_user.c.user_key).where(
        device_user.c.device_key == device_key, device_user.c.user_key == user_key
    )
    return tx.row(query) is not None


def forget_user(tx: Transaction, user_key: int) -> None:
    """Remove the trace of a deleted user from every device."""
    tx.execute(delete(device_user).where(device_user.c.user_key == user_key))


def purge(tx: Transaction, before: datetime, limit: int) -> int:
    """Forget devices that nobody has signed in on since an instant.

    Returns:
        How many went; fewer than ``limit``: finished.
    """
    in_use = select(session.c.id).where(
        session.c.device_key == device.c.key, session.c.ended_at.is_(None)
    )
    keys = [
        row.key
        for row in tx.rows(
            select(device.c.key)
            .where(device.c.last_seen_at < before, ~in_use.exists())
            .limit(limit)
        )
    ]
    if keys:
        tx.execute(delete(device_user).where(device_user.c.device_key.in_(keys)))
        tx.execute(delete(device).where(device.c.key.in_(keys)))
    return len(keys)
