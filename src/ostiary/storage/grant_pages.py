"""Lists of what authorizations issued, for those who administer the organization."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select

from ostiary.storage.database import Transaction
from ostiary.storage.sessions import is_live
from ostiary.storage.tables import application, grant, organization, session, user

_client = application.alias("client")


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """One authorization as it is listed. ``alive``: whether anything of it is good still.

    ``user`` is empty for an application's own. ``access_token_lifetime`` is in seconds.
    """

    id: str
    kind: str
    organization: str
    user: str
    application: str
    session_id: str
    offline: bool
    created_at: datetime
    alive: bool
    access_token_lifetime: int


class IssuedQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which of them: the rows ``offset`` to ``offset + limit`` of a sorted list.

    ``field`` and ``sort`` are among `FIELDS`; ``value`` is found as it is typed.
    """

    organization: str | None = None
    field: str | None = None
    value: str = ""
    sort: str = "created_time"
    descending: bool = True
    offset: int = 0
    limit: int


FIELDS: Mapping[str, ColumnElement[Any]] = {
    "name": grant.c.id,
    "created_time": grant.c.created_at,
    "application": _client.c.name,
    "organization": organization.c.name,
    "user": user.c.name,
    "grant_type": grant.c.kind,
}
SEARCHED = frozenset(FIELDS) - {"created_time"}


def page(tx: Transaction, query: IssuedQuery, now: datetime) -> tuple[list[Issued], int]:
    """One page, and how many there are on all pages."""
    rows = _rows(now)
    if query.organization is not None:
        rows = rows.where(organization.c.name == query.organization)
    if query.field is not None:
        rows = rows.where(FIELDS[query.field].contains(query.value, autoescape=True))
    total = tx.number(
        select(func.count()).select_from(rows.with_only_columns(grant.c.id).subquery())
    )
    columns = (FIELDS[query.sort], grant.c.id)
    ordered = rows.order_by(*(c.desc() if query.descending else c.asc() for c in columns))
    found = tx.rows(ordered.offset(query.offset).limit(query.limit))
    return [_to_issued(row) for row in found], total


def by_id(tx: Transaction, grant_id: str, now: datetime) -> Issued | None:
    """One of them."""
    row = tx.row(_rows(now).where(grant.c.id == grant_id))
    return None if row is None else _to_issued(row)


def _rows(now: datetime) -> Select[Any]:
    return select(
        grant,
        organization.c.name.label("organization"),
        user.c.name.label("user"),
        _client.c.name.label("application"),
        _client.c.access_token_lifetime,
        _is_good(now).label("alive"),
    ).select_from(
        grant.join(organization, organization.c.key == grant.c.organization_key)
        .join(_client, _client.c.key == grant.c.application_key)
        .outerjoin(user, user.c.key == grant.c.user_key)
        .outerjoin(session, session.c.id == grant.c.session_id)
        .outerjoin(application, application.c.key == session.c.application_key)
    )


def _is_good(now: datetime) -> ColumnElement[bool]:
    """`ostiary.domain.grant.reason_grant_dead` in SQL, for the eye: nothing is decided by it."""
    of_nobody = grant.c.user_key.is_(None)
    by_user = and_(
        user.c.deleted_at.is_(None),
        user.c.disabled.is_(False),
        grant.c.user_epoch == user.c.epoch,
    )
    return and_(
        grant.c.ended_at.is_(None),
        grant.c.expires_at > now,
        grant.c.organization_epoch == organization.c.epoch,
        grant.c.application_epoch == _client.c.epoch,
        _client.c.deleted_at.is_(None),
        or_(of_nobody, by_user),
        or_(of_nobody, grant.c.offline.is_(True), func.coalesce(is_live(now), False)),
    )


def _to_issued(row: Row[Any]) -> Issued:
    return Issued(
        id=row.id,
        kind=row.kind,
        organization=row.organization,
        user=row.user or "",
        application=row.application,
        session_id=row.session_id or "",
        offline=row.offline,
        created_at=row.created_at,
        alive=bool(row.alive),
        access_token_lifetime=row.access_token_lifetime,
    )
