"""Who is signed in at the moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ostiary.domain.accounts import User
from ostiary.storage.database import Transaction
from ostiary.storage.pieces import pieces
from ostiary.storage.sessions import is_live, rows_with_names
from ostiary.storage.tables import session


def online(tx: Transaction, found: Sequence[User], now: datetime) -> frozenset[int]:
    """The keys of those among some users who have a live session."""
    base = rows_with_names().with_only_columns(session.c.user_key).where(is_live(now)).distinct()
    # One organization at a time: so the database finds each user's rows where they lie together.
    users_in: dict[int, list[int]] = {}
    for item in found:
        users_in.setdefault(item.organization_key, []).append(item.key)
    return frozenset(
        row.user_key
        for organization_key, keys in users_in.items()
        for some in pieces(keys)
        for row in tx.rows(
            base.where(session.c.organization_key == organization_key, session.c.user_key.in_(some))
        )
    )
