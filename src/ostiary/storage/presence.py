"""Who is signed in at the moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import tuple_

from ostiary.domain.accounts import User
from ostiary.storage.database import Transaction
from ostiary.storage.sessions import is_live, rows_with_names
from ostiary.storage.tables import session

_AT_A_TIME = 200
"""Users that one statement looks up."""


def online(tx: Transaction, found: Sequence[User], now: datetime) -> frozenset[int]:
    """The keys of those among some users who have a live session."""
    base = rows_with_names().with_only_columns(session.c.user_key).where(is_live(now)).distinct()
    names = tuple_(session.c.organization_key, session.c.user_key)
    keys = [(item.organization_key, item.key) for item in found]
    return frozenset(
        row.user_key
        for start in range(0, len(keys), _AT_A_TIME)
        for row in tx.rows(base.where(names.in_(keys[start : start + _AT_A_TIME])))
    )
