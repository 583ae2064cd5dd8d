"""Keys that sign tokens: the private half encrypted, the public half as a JWK."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select

from ostiary.storage.database import Transaction
from ostiary.storage.tables import signing_key


def add(
    tx: Transaction,
    *,
    kid: str,
    algorithm: str,
    sealed_private: bytes,
    public_jwk: dict[str, Any],
    now: datetime,
) -> None:
    """Write a key that may sign from now on."""
    tx.execute(
        insert(signing_key).values(
            kid=kid,
            algorithm=algorithm,
            sealed_private=sealed_private,
            public_jwk=json.dumps(public_jwk),
            created_at=now,
            active_from=now,
        )
    )


def count(tx: Transaction) -> int:
    """How many keys there are."""
    return tx.number(select(func.count()).select_from(signing_key))
