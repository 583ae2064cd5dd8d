"""Lists of sessions: filtered, sorted, paged by keyset over an index (DESIGN section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    ScalarSelect,
    Select,
    Table,
    and_,
    func,
    literal,
    or_,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.sql import operators

from ostiary.domain.accounts import BUILT_IN_APPLICATION
from ostiary.domain.search import Order, Position, SessionFilter, Sort, State
from ostiary.domain.session import EndReason, Session
from ostiary.storage.database import Transaction
from ostiary.storage.sessions import is_live, rows_with_names, to_session
from ostiary.storage.tables import (
    NUMBER,
    application,
    client_session,
    logout_listener,
    micros,
    organization,
    session,
)
from ostiary.storage.words import says


def page(
    tx: Transaction,
    chosen: SessionFilter,
    order: Order,
    *,
    after: Position | None,
    limit: int,
    now: datetime,
) -> list[Session]:
    """Up to ``limit`` sessions beyond a position, in the list's order.

    With ``after.backwards`` these are the ones just before the position, still in the list's
    order, so that a page looks the same from both sides.
    """
    backwards = after is not None and after.backwards
    descending = order.descending != backwards
    # The sessions of one user need not be sorted by the user.
    sort = Sort.CREATED if order.sort is Sort.USER and chosen.user else order.sort
    query, columns = _listed(chosen, sort, now)
    if after is not None:
        compare = operators.lt if descending else operators.gt
        query = query.where(compare(tuple_(*columns), tuple_(*_values(sort, after))))
    query = query.order_by(*(c.desc() if descending else c.asc() for c in columns)).limit(limit)
    found = [to_session(row) for row in tx.rows(query)]
    return found[::-1] if backwards else found


def count(
    tx: Transaction,
    chosen: SessionFilter,
    *,
    up_to: int | None,
    now: datetime,
    but: str | None = None,
) -> int:
    """How many sessions match.

    Args:
        tx: the transaction.
        chosen: what they have to match.
        up_to: stop there, so that counting for a list never reads a whole table.
        now: the instant at which they have to live.
        but: leave out the session with this public id.
    """
    some = _matching(chosen, now, but=but).with_only_columns(session.c.id).limit(up_to).subquery()
    return tx.number(select(func.count()).select_from(some))


def count_unended(tx: Transaction) -> int:
    """How many sessions nobody has ended, in the whole installation: one walk over an index."""
    return tx.number(select(func.count()).where(session.c.ended_at.is_(None)))


def ids(
    tx: Transaction,
    chosen: SessionFilter,
    *,
    but: str | None = None,
    limit: int,
    now: datetime,
) -> list[str]:
    """Public ids of up to ``limit`` sessions that match, oldest first; never that of ``but``."""
    query, columns = _listed(chosen, Sort.CREATED, now, but=but)
    query = query.with_only_columns(session.c.id).order_by(*columns).limit(limit)
    return [row.id for row in tx.rows(query)]


def users(tx: Transaction, chosen: SessionFilter, *, but: str | None = None, now: datetime) -> int:
    """How many users the matching sessions belong to, the session ``but`` left out."""
    some = (
        _matching(chosen, now, but=but).with_only_columns(session.c.user_key).distinct().subquery()
    )
    return tx.number(select(func.count()).select_from(some))


def applications(
    tx: Transaction, chosen: SessionFilter, *, but: str | None = None, now: datetime
) -> Sequence[tuple[str, bool]]:
    """The applications that the matching sessions are used in, and whether each can be told.

    Each application looks for one such session, and finds it at once where there are many.
    """
    told, used = application.alias("told"), client_session.alias("used")
    inside = (
        _matching(chosen, now, but=but)
        .with_only_columns(literal(1))
        .join(
            used,
            and_(
                used.c.organization_key == session.c.organization_key,
                used.c.user_key == session.c.user_key,
                used.c.session_id == session.c.id,
            ),
        )
    )
    query = (
        select(
            told.c.name,
            or_(
                told.c.backchannel_logout_uri != "",
                told.c.key.in_(select(logout_listener.c.application_key)),
            ).label("can_be_told"),
        )
        .where(
            inside.where(used.c.application_key == told.c.key, used.c.ended_at.is_(None))
            .correlate(told)
            .exists()
        )
        .order_by(told.c.name)
    )
    return [(row.name, bool(row.can_be_told)) for row in tx.rows(query)]


def reasons(
    tx: Transaction, since: datetime, *, organization_name: str | None, up_to: int
) -> list[tuple[EndReason, int]]:
    """Why sessions ended since then, the commonest reason first.

    Args:
        tx: the transaction.
        since: from this instant on.
        organization_name: of this organization only.
        up_to: look at no more than so many of the latest endings.
    """
    latest = select(session.c.ended_reason).where(session.c.ended_at >= since)
    if organization_name is not None:
        key = select(organization.c.key).where(
            organization.c.name == organization_name, organization.c.deleted_at.is_(None)
        )
        latest = latest.where(session.c.organization_key == key.scalar_subquery())
    some = latest.order_by(session.c.ended_at.desc()).limit(up_to).subquery()
    number = func.count().label("number")
    query = select(some.c.ended_reason, number).group_by(some.c.ended_reason)
    ordered = query.order_by(number.desc(), some.c.ended_reason)
    return [(EndReason(row.ended_reason), row.number) for row in tx.rows(ordered)]


def position_of(item: Session, sort: Sort) -> Position:
    """Where a session stands in a list."""
    instant = item.last_seen_at if sort is Sort.LAST_SEEN else item.created_at
    name = item.user if sort is Sort.USER else ""
    return Position(instant=micros(instant), id=item.id, name=name)


def _listed(
    chosen: SessionFilter, sort: Sort, now: datetime, *, but: str | None = None
) -> tuple[Select[Any], tuple[ColumnElement[Any], ...]]:
    """The sessions of a filter, and the columns that sort them.

    They are the columns of an index and compared as numbers, since a cast would hide them from it.
    """
    query = _matching(chosen, now, but=but)
    match sort:
        case Sort.USER:
            created = type_coerce(session.c.created_at, NUMBER)
            return query, (session.c.user_name, created, session.c.id)
        case Sort.LAST_SEEN:
            return query, (type_coerce(session.c.last_seen_at, NUMBER), session.c.id)
        case Sort.CREATED if _walks_client_sessions(chosen):
            started = type_coerce(client_session.c.started_at, NUMBER)
            return query, (started, client_session.c.session_id)
        case Sort.CREATED:
            return query, (type_coerce(session.c.created_at, NUMBER), session.c.id)


def _values(sort: Sort, position: Position) -> tuple[ColumnElement[Any], ...]:
    tail = (literal(position.instant, NUMBER), literal(position.id))
    return (literal(position.name), *tail) if sort is Sort.USER else tail


def _matching(chosen: SessionFilter, now: datetime, *, but: str | None = None) -> Select[Any]:
    """The sessions of a filter, not sorted yet."""
    live = chosen.state is State.LIVE
    query = rows_with_names().where(
        is_live(now) if live else session.c.ended_at.is_not(None), *_conditions(chosen)
    )
    if _walks_client_sessions(chosen):
        query = query.join(client_session, _is_of_session).where(
            client_session.c.organization_key == _organization_key(chosen), _used_in(chosen)
        )
    elif chosen.application:
        used = select(literal(1)).where(_is_of_session, _used_in(chosen)).correlate(session)
        query = query.where(used.exists())
    return query if but is None else query.where(session.c.id != but)


_is_of_session = and_(
    client_session.c.organization_key == session.c.organization_key,
    client_session.c.user_key == session.c.user_key,
    client_session.c.session_id == session.c.id,
)


def _walks_client_sessions(chosen: SessionFilter) -> bool:
    """Whether an application's sessions are found by an index of their own.

    It begins with an organization: the one that is named, or the application's. Only the built-in
    application is open to the users of all of them. A user's or an address's sessions are fewer.
    """
    named = chosen.organization or chosen.application != BUILT_IN_APPLICATION
    return bool(chosen.application and named and not chosen.user and not chosen.address)


def _organization_key(chosen: SessionFilter) -> ScalarSelect[int]:
    if chosen.organization:
        return _key(organization, chosen.organization)
    return _key(application, chosen.application or "", application.c.organization_key)


def _used_in(chosen: SessionFilter) -> ColumnElement[bool]:
    """Signed in to the application, or used in it by single sign-on, and not cut off there."""
    name = chosen.application or ""
    inside = client_session.c.application_key == _key(application, name)
    if chosen.state is State.ENDED:
        return and_(inside, client_session.c.ended_at.is_not(None))
    return and_(
        inside,
        client_session.c.ended_at.is_(None),
        client_session.c.application_epoch == _key(application, name, application.c.epoch),
    )


def _key(table: Table, name: str, column: Column[int] | None = None) -> ScalarSelect[int]:
    """The key behind a name, or another column of its row; deleted ones have no name any more."""
    wanted = table.c.key if column is None else column
    query = select(wanted).where(table.c.name == name, table.c.deleted_at.is_(None))
    return query.scalar_subquery()


def _conditions(chosen: SessionFilter) -> list[ColumnElement[bool]]:
    exact = {
        session.c.user_name: chosen.user,
        session.c.address: chosen.address,
        session.c.device_kind: chosen.device_kind,
        session.c.ended_reason: chosen.reason.value if chosen.reason else None,
    }
    conditions: list[ColumnElement[bool]] = [
        column == value for column, value in exact.items() if value
    ]
    if chosen.country:
        countries = chosen.country.split(",")
        column = session.c.country
        conditions.append(column.in_(countries) if len(countries) > 1 else column == countries[0])
    if chosen.browser:
        conditions.append(func.lower(session.c.browser) == chosen.browser.lower())
    walks = _walks_client_sessions(chosen)
    if chosen.organization and not walks:
        # By the key alone: the indexes begin with it.
        conditions.append(session.c.organization_key == _organization_key(chosen))
    created = client_session.c.started_at if walks else session.c.created_at
    for column, lower, upper in (
        (created, chosen.created_from, chosen.created_to),
        (session.c.last_seen_at, chosen.seen_from, chosen.seen_to),
        (session.c.ended_at, chosen.ended_from, chosen.ended_to),
    ):
        if lower is not None:
            conditions.append(column >= lower)
        if upper is not None:
            conditions.append(column < upper)
    if chosen.text:
        conditions.append(_says(chosen.text))
    return conditions


def _says(words: str) -> ColumnElement[bool]:
    """Every word is part of something that the list shows."""
    columns = (
        session.c.user_name,
        session.c.address,
        session.c.browser,
        session.c.os,
        session.c.city,
        session.c.country,
        session.c.label,
        session.c.id,
        organization.c.name,
        application.c.name,
    )
    return says(words, columns)
