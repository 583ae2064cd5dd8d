"""Which applications a session is used in, and so who must be told when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, and_, case, delete, insert, or_, select, update

from ostiary.domain.notice import NoticeKind, NoticeState
from ostiary.domain.session import Session
from ostiary.storage.database import RecordKey, Transaction
from ostiary.storage.pieces import pieces
from ostiary.storage.tables import (
    application,
    client_session,
    logout_listener,
    notice,
    organization,
    session,
)


def wire_time(instant: datetime) -> str:
    """An instant as the Casdoor wire writes it: RFC 3339 with seconds (contract 0.1)."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


class ClientSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session in one application. ``sid`` is what that application knows it by.

    ``settled_at``: since when nobody has to be told of its end any more. ``notice``: what became of
    the notices of its end (`NoticeState`'s value), the worst of them; empty: none was owed.
    ``listens``: whether the application is told by the Casdoor wire's notification.
    """

    organization_key: int
    user_key: int
    session_id: str
    application_key: int
    organization: str
    user: str
    application: str
    display_name: str
    backchannel_logout_uri: str
    sid: str
    created_at: datetime
    ended_at: datetime | None = None
    settled_at: datetime | None = None
    notice: str = ""
    listens: bool = False

    @property
    def can_be_told(self) -> bool:
        """Whether there is an address at which the application hears of its end."""
        return bool(self.backchannel_logout_uri) or self.listens

    @property
    def record(self) -> RecordKey:
        """The Casdoor record that shows it."""
        return self.organization, self.user, self.application


def add(
    tx: Transaction,
    owner: Session,
    *,
    application_key: int,
    application_name: str,
    application_epoch: int,
    sid: str,
    now: datetime,
) -> bool:
    """Write that a session is used in an application.

    Returns:
        False when it was already; the row and its ``sid`` stay as they are.
    """
    mine = and_(
        client_session.c.organization_key == owner.organization_key,
        client_session.c.user_key == owner.user_key,
        client_session.c.session_id == owner.id,
        client_session.c.application_key == application_key,
    )
    known = tx.row(select(client_session.c.ended_at).where(mine))
    if known is not None and known.ended_at is None:
        tx.execute(update(client_session).where(mine).values(application_epoch=application_epoch))
        return False
    if known is not None:
        # The application was cut off meanwhile, and not the session: it knows it by a new sid.
        tx.execute(delete(client_session).where(mine))
    tx.execute(
        insert(client_session).values(
            organization_key=owner.organization_key,
            user_key=owner.user_key,
            session_id=owner.id,
            application_key=application_key,
            sid=sid,
            created_at=now,
            started_at=owner.created_at,
            application_epoch=application_epoch,
        )
    )
    key = (owner.organization, owner.user, application_name)
    tx.record_deltas[key] += 1
    tx.record_births.setdefault(key, wire_time(now))
    return True


def sid_of(tx: Transaction, session_id: str, application_key: int) -> str:
    """What an application knows a session by; empty: it does not know it."""
    row = tx.row(
        select(client_session.c.sid).where(
            client_session.c.session_id == session_id,
            client_session.c.application_key == application_key,
        )
    )
    return "" if row is None else str(row.sid)


def by_sid(tx: Transaction, sid: str) -> tuple[str, int] | None:
    """The session's public id and the application's key that a ``sid`` stands for."""
    row = tx.row(
        select(client_session.c.session_id, client_session.c.application_key).where(
            client_session.c.sid == sid
        )
    )
    return None if row is None else (str(row.session_id), int(row.application_key))


def of_sessions(
    tx: Transaction, session_ids: Sequence[str], *, open_only: bool = True
) -> list[ClientSession]:
    """The client sessions of some sessions; those of one lie together, by application."""
    told = (
        select(notice.c.state)
        .where(
            notice.c.session_id == client_session.c.session_id,
            or_(
                notice.c.sid == client_session.c.sid,
                # The notification of the Casdoor wire knows no sid.
                and_(
                    notice.c.kind == NoticeKind.SSO_LOGOUT.value,
                    notice.c.application_key == client_session.c.application_key,
                ),
            ),
        )
        .order_by(
            case(
                (notice.c.state == NoticeState.PENDING.value, 0),
                (notice.c.state == NoticeState.GIVEN_UP.value, 1),
                else_=2,
            ),
            notice.c.id.desc(),
        )
        .limit(1)
        .scalar_subquery()
    )
    listens = (
        select(logout_listener.c.application_key)
        .where(logout_listener.c.application_key == client_session.c.application_key)
        .exists()
    )
    query = (
        select(
            client_session,
            organization.c.name.label("organization"),
            session.c.user_name,
            application.c.name.label("application"),
            application.c.display_name,
            application.c.backchannel_logout_uri,
            told.label("notice"),
            listens.label("listens"),
        )
        .select_from(
            client_session.join(session, session.c.id == client_session.c.session_id)
            .join(organization, organization.c.key == client_session.c.organization_key)
            .join(application, application.c.key == client_session.c.application_key)
        )
        .order_by(client_session.c.session_id, application.c.name)
    )
    if open_only:
        query = query.where(client_session.c.ended_at.is_(None))
    return [
        ClientSession(
            organization_key=row.organization_key,
            user_key=row.user_key,
            session_id=row.session_id,
            application_key=row.application_key,
            organization=row.organization,
            user=row.user_name,
            application=row.application,
            display_name=row.display_name,
            backchannel_logout_uri=row.backchannel_logout_uri,
            sid=row.sid,
            created_at=row.created_at,
            ended_at=row.ended_at,
            settled_at=row.settled_at,
            notice=row.notice or "",
            listens=bool(row.listens),
        )
        for some in pieces(session_ids)
        for row in tx.rows(query.where(client_session.c.session_id.in_(some)))
    ]


def open_in(application_key: int) -> tuple[ColumnElement[bool], ...]:
    """The conditions for what is used in an application, as the index has them."""
    return (
        client_session.c.organization_key.in_(select(organization.c.key)),
        client_session.c.application_key == application_key,
        client_session.c.ended_at.is_(None),
    )


def of_cut_off(tx: Transaction, application_key: int, epoch: int, limit: int) -> list[str]:
    """Public ids of sessions whose use in an application was cut off and is not settled yet.

    Args:
        tx: the transaction.
        application_key: the application.
        epoch: what the cut-off raised its epoch to.
        limit: at most so many.
    """
    query = (
        select(client_session.c.session_id)
        .where(*open_in(application_key), client_session.c.application_epoch < epoch)
        .limit(limit)
    )
    return [row.session_id for row in tx.rows(query)]


def end(tx: Transaction, ended: Sequence[ClientSession], now: datetime) -> None:
    """End client sessions, of sessions that this transaction holds.

    Those whose application names no logout address are settled with it: nobody can be told.
    """
    for settled_at in (now, None):
        sids = [c.sid for c in ended if bool(c.backchannel_logout_uri) == (settled_at is None)]
        for some in pieces(sids):
            tx.execute(
                update(client_session)
                .where(client_session.c.sid.in_(some))
                .values(ended_at=now, settled_at=settled_at)
            )
    for item in ended:
        tx.record_deltas[item.record] -= 1
