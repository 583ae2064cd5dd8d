"""Keys that sign tokens: the private half encrypted, the public half as a JWK."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, delete, func, insert, or_, select, text, update

from ostiary.storage.database import Transaction
from ostiary.storage.tables import signing_key


class StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is stored. It signs from ``active_from`` until ``retired_at``."""

    kid: str
    algorithm: str
    sealed_private: bytes
    public_jwk: dict[str, Any]
    created_at: datetime
    active_from: datetime
    retired_at: datetime | None


def _to_key(row: Row[Any]) -> StoredKey:
    return StoredKey(
        kid=row.kid,
        algorithm=row.algorithm,
        sealed_private=row.sealed_private,
        public_jwk=json.loads(row.public_jwk),
        created_at=row.created_at,
        active_from=row.active_from,
        retired_at=row.retired_at,
    )


def lock(tx: Transaction) -> None:
    """Let nobody else make or retire keys until the commit; SQLite's writers are alone already."""
    if tx.is_postgresql:
        tx.execute(text("LOCK TABLE signing_key IN SHARE ROW EXCLUSIVE MODE"))


def add(
    tx: Transaction,
    *,
    kid: str,
    algorithm: str,
    sealed_private: bytes,
    public_jwk: dict[str, Any],
    now: datetime,
    active_from: datetime | None = None,
) -> None:
    """Write a key that may sign from now on, or from ``active_from`` on."""
    tx.execute(
        insert(signing_key).values(
            kid=kid,
            algorithm=algorithm,
            sealed_private=sealed_private,
            public_jwk=json.dumps(public_jwk),
            created_at=now,
            active_from=active_from or now,
        )
    )


def count(tx: Transaction) -> int:
    """How many keys there are."""
    return tx.number(select(func.count()).select_from(signing_key))


def every(tx: Transaction, algorithm: str | None = None) -> list[StoredKey]:
    """All keys that are kept, or those of one algorithm, in the order in which they sign."""
    query = select(signing_key).order_by(signing_key.c.active_from, signing_key.c.kid)
    if algorithm is not None:
        query = query.where(signing_key.c.algorithm == algorithm)
    return [_to_key(row) for row in tx.rows(query)]


def active(tx: Transaction, algorithm: str, now: datetime) -> StoredKey | None:
    """The key of an algorithm that signs now; None: there is none yet."""
    row = tx.row(
        select(signing_key)
        .where(
            signing_key.c.algorithm == algorithm,
            signing_key.c.active_from <= now,
            or_(signing_key.c.retired_at.is_(None), signing_key.c.retired_at > now),
        )
        .order_by(signing_key.c.active_from.desc(), signing_key.c.kid)
        .limit(1)
    )
    return None if row is None else _to_key(row)


def retire(tx: Transaction, kid: str, at: datetime) -> None:
    """Let a key sign no more from an instant on."""
    tx.execute(update(signing_key).where(signing_key.c.kid == kid).values(retired_at=at))


def remove(tx: Transaction, kids: list[str]) -> None:
    """Forget keys: nothing that they signed is good any more."""
    tx.execute(delete(signing_key).where(signing_key.c.kid.in_(kids)))


def purge(tx: Transaction, before: datetime) -> int:
    """Remove keys that were retired before an instant, and say how many went."""
    gone = tx.execute(delete(signing_key).where(signing_key.c.retired_at < before))
    return gone.rowcount
