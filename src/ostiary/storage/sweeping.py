"""Sessions that nobody reads any more: found when they could be dead, and purged at last."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import and_, bindparam, delete, select, update
from sqlalchemy.sql import Subquery

from ostiary.domain.lifetime import check_after
from ostiary.domain.session import Session
from ostiary.storage.client_sessions import open_in
from ostiary.storage.database import Transaction
from ostiary.storage.sessions import locked, rows_with_names, to_session
from ostiary.storage.tables import client_session, host_cookie, session, user


def due(tx: Transaction, now: datetime, limit: int) -> list[Session]:
    """Sessions that the sweeper has to look at, held until the commit; others may sweep beside."""
    query = (
        rows_with_names()
        .where(session.c.ended_at.is_(None), session.c.check_after <= now)
        .order_by(session.c.check_after)
        .limit(limit)
    )
    return [to_session(row) for row in tx.rows(locked(tx, query, skip=True))]


def postpone(tx: Transaction, sessions: Iterable[Session]) -> None:
    """Let the sweeper come back when each of these could be dead."""
    parameters = [
        {
            "which": s.id,
            "then": check_after(s.last_seen_at, s.idle_seconds, s.expires_at),
        }
        for s in sorted(sessions, key=lambda s: s.id)
    ]
    if parameters:
        tx.execute(
            update(session)
            .where(session.c.id == bindparam("which"))
            .values(check_after=bindparam("then", type_=session.c.check_after.type)),
            parameters,
        )


def of_cut_off(tx: Transaction, column: str, key: int, epoch: int, limit: int) -> list[str]:
    """Public ids of unended sessions that a cut-off has killed and nobody has settled yet.

    Args:
        tx: the transaction.
        column: ``organization``, ``user`` or ``application``.
        key: the key of that row.
        epoch: what the cut-off raised its epoch to; later ones have their own rows.
        limit: at most so many.
    """
    query = select(session.c.id).where(
        session.c[f"{column}_key"] == key,
        session.c.ended_at.is_(None),
        session.c[f"{column}_epoch"] < epoch,
    )
    # The rows of an organization lie together; the others have to be led to.
    if column == "user":
        owner = select(user.c.organization_key).where(user.c.key == key)
        query = query.where(session.c.organization_key == owner.scalar_subquery())
    elif column == "application":
        query = query.join_from(
            client_session,
            session,
            and_(
                session.c.organization_key == client_session.c.organization_key,
                session.c.user_key == client_session.c.user_key,
                session.c.id == client_session.c.session_id,
            ),
        ).where(*open_in(key))
    return [row.id for row in tx.rows(query.limit(limit))]


def purge(tx: Transaction, before: datetime, limit: int) -> int:
    """Remove sessions that ended before an instant, with their client sessions.

    A client session whose notice is not settled keeps both (DESIGN section 8).

    Returns:
        How many sessions went; fewer than ``limit``: finished.
    """
    unsettled = select(client_session.c.session_id).where(
        client_session.c.session_id == session.c.id,
        client_session.c.settled_at.is_(None),
    )
    chosen: Subquery = (
        select(session.c.id)
        .where(session.c.ended_at < before, ~unsettled.exists())
        .order_by(session.c.ended_at)
        .limit(limit)
        .subquery()
    )
    ids = [row.id for row in tx.rows(select(chosen.c.id))]
    if ids:
        tx.execute(delete(client_session).where(client_session.c.session_id.in_(ids)))
        tx.execute(delete(host_cookie).where(host_cookie.c.session_id.in_(ids)))
        tx.execute(delete(session).where(session.c.id.in_(ids)))
    return len(ids)
