"""What authorizations issued, and how it ends with its session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, insert, select, update

from ostiary.domain.grant import Grant
from ostiary.domain.session import SPARES_OFFLINE_GRANTS, EndReason
from ostiary.storage import changes
from ostiary.storage.changes import Change
from ostiary.storage.database import Transaction
from ostiary.storage.pieces import pieces
from ostiary.storage.tables import Instant, grant, token


def add(tx: Transaction, new: Grant) -> None:
    """Write an authorization; the epochs that it is born with were read in this transaction."""
    tx.execute(
        insert(grant).values(
            id=new.id,
            session_id=new.session_id,
            organization_key=new.organization_key,
            user_key=new.user_key,
            application_key=new.application_key,
            kind=new.kind,
            offline=new.offline,
            organization_epoch=new.born.organization,
            user_epoch=new.born.user,
            application_epoch=new.born.application,
            created_at=new.created_at,
            expires_at=new.expires_at,
        )
    )


def lock(tx: Transaction, grant_id: str) -> None:
    """Hold a grant's row until the commit; SQLite's writers are alone already."""
    if tx.is_postgresql:
        tx.execute(select(grant.c.id).where(grant.c.id == grant_id).with_for_update())


def end_one(tx: Transaction, grant_id: str, *, reason: EndReason, now: datetime) -> datetime | None:
    """End one grant with all that it issued.

    Returns:
        As `end_of_sessions`.
    """
    mine = (grant.c.id == grant_id) & grant.c.ended_at.is_(None)
    changes.append(tx, Change.GRANT, now, [{"session_id": grant_id}])
    return _end(tx, mine, reason=reason, now=now)


def end_of_application(
    tx: Transaction, user_key: int, application_key: int, *, reason: EndReason, now: datetime
) -> datetime | None:
    """End what a user granted to one application, offline grants included.

    Returns:
        As `end_of_sessions`.
    """
    mine = (
        (grant.c.user_key == user_key)
        & (grant.c.application_key == application_key)
        & grant.c.ended_at.is_(None)
    )
    changes.append(tx, Change.USER, now, [{"user_key": user_key}])
    return _end(tx, mine, reason=reason, now=now)


def offline_applications(tx: Transaction, user_key: int, now: datetime) -> set[int]:
    """The keys of the applications that hold an offline grant of a user."""
    query = select(grant.c.application_key).where(
        grant.c.user_key == user_key,
        grant.c.offline.is_(True),
        grant.c.ended_at.is_(None),
        grant.c.expires_at > now,
    )
    return {row.application_key for row in tx.rows(query.distinct())}


def purge(tx: Transaction, before: datetime, limit: int) -> int:
    """Remove grants that ran out before an instant and whose tokens have gone.

    Returns:
        How many went; fewer than ``limit``: finished.
    """
    used = select(token.c.hash).where(token.c.grant_id == grant.c.id)
    chosen = select(grant.c.id).where(grant.c.expires_at < before, ~used.exists()).limit(limit)
    ids = [row.id for row in tx.rows(chosen)]
    if ids:
        tx.execute(delete(grant).where(grant.c.id.in_(ids)))
    return len(ids)


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
    changes.append(tx, Change.USER, now, [{"user_key": user_key}])
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
