"""Small facts about an installation: the set-up link's hash, the key's canary, floors."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, text, update

from ostiary.storage.database import Transaction
from ostiary.storage.tables import setting


def get(tx: Transaction, name: str) -> str | None:
    """A setting's value, or None."""
    row = tx.row(select(setting.c.value).where(setting.c.name == name))
    return None if row is None else str(row.value)


def lock(tx: Transaction) -> None:
    """Let nobody else write settings until the commit; SQLite's writers are alone already."""
    if tx.is_postgresql:
        tx.execute(text("LOCK TABLE setting IN SHARE ROW EXCLUSIVE MODE"))


def put(tx: Transaction, name: str, value: str) -> None:
    """Write a setting."""
    changed = tx.execute(update(setting).where(setting.c.name == name).values(value=value))
    if changed.rowcount == 0:
        tx.execute(insert(setting).values(name=name, value=value))


def remove(tx: Transaction, name: str) -> bool:
    """Remove a setting, and say whether it was there: who removes a one-time value may use it."""
    return tx.execute(delete(setting).where(setting.c.name == name)).rowcount > 0
