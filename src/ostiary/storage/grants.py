"""What authorizations issued, and how it ends with its session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, update

from ostiary.domain.session import SPARES_OFFLINE_GRANTS, EndReason
from ostiary.storage.database import Transaction
from ostiary.storage.pieces import pieces
from ostiary.storage.tables import Instant, grant, token


def end_of_sessions(
    tx: Transaction, session_ids: Sequence[str], *, reason: EndReason, now: datetime
) -> datetime | None:
    """End the grants of ended sessions; offline ones outlive what contract W13 lists.

    Returns:
        When the last access token that an application checks by itself runs out, or None.
    """
    lasts = []
    for some in pieces(session_ids):
        mine = grant.c.session_id.in_(some) & grant.c.ended_at.is_(None)
        if reason in SPARES_OFFLINE_GRANTS:
            mine &= grant.c.offline.is_(False)
        lasts.append(_end(tx, mine, reason=reason, now=now))
    return max((last for last in lasts if last is not None), default=None)


def end_of_user(
    tx: Transaction, user_key: int, *, reason: EndReason, now: datetime, but: str | None = None
) -> datetime | None:
    """End every grant of a user, offline ones included, but those of the session ``but``.

    Returns:
        As `end_of_sessions`.
    """
    mine = (grant.c.user_key == user_key) & grant.c.ended_at.is_(None)
    if but is not None:
        mine &= grant.c.session_id.is_distinct_from(but)
    return _end(tx, mine, reason=reason, now=now)


def _end(
    tx: Transaction, mine: ColumnElement[bool], *, reason: EndReason, now: datetime
) -> datetime | None:
    row = tx.row(
        select(func.max(token.c.expires_at, type_=Instant).label("last"))
        .select_from(token.join(grant, grant.c.id == token.c.grant_id))
        .where(mine, token.c.locally_checked.is_(True), token.c.expires_at > now)
    )
    tx.execute(update(grant).where(mine).values(ended_at=now, ended_reason=reason.value))
    return None if row is None else row.last
