"""Organizations, as rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, insert, or_, select, update

from ostiary.domain.accounts import Organization
from ostiary.domain.lifetime import Overrides
from ostiary.domain.search import Position
from ostiary.storage.database import Transaction
from ostiary.storage.tables import application, organization, user


def lifetime_columns(lifetimes: Overrides) -> dict[str, int | None]:
    """An owner's overrides as its columns."""
    return {name: getattr(lifetimes, name) for name in Overrides.__struct_fields__}


def to_overrides(row: Row[Any]) -> Overrides:
    """An owner's overrides out of its columns."""
    return Overrides(row.idle, row.absolute, row.remembered_idle, row.remembered_absolute)


def _to_organization(row: Row[Any]) -> Organization:
    return Organization(
        key=row.key,
        name=row.name,
        display_name=row.display_name,
        created_at=row.created_at,
        default_application=row.default_application,
        lifetimes=to_overrides(row),
        password_salt=row.password_salt,
        exclusive=row.exclusive,
        sign_in_disabled=row.sign_in_disabled,
        keep_sessions_on_password_change=row.keep_sessions_on_password_change,
        epoch=row.epoch,
        sealed_extra=row.sealed_extra,
    )


def _columns(item: Organization) -> dict[str, Any]:
    return {
        "name": item.name,
        "display_name": item.display_name,
        "default_application": item.default_application,
        "password_salt": item.password_salt,
        "exclusive": item.exclusive,
        "sign_in_disabled": item.sign_in_disabled,
        "keep_sessions_on_password_change": item.keep_sessions_on_password_change,
        "sealed_extra": item.sealed_extra,
        **lifetime_columns(item.lifetimes),
    }


_undeleted = select(organization).where(organization.c.deleted_at.is_(None))


def get(tx: Transaction, name: str, *, lock: bool = False) -> Organization | None:
    """The organization of this name.

    Args:
        tx: the transaction.
        name: its name.
        lock: hold the row until the commit: whoever changes or deletes it, or adds to it.
    """
    query = _undeleted.where(organization.c.name == name)
    if lock and tx.is_postgresql:
        query = query.with_for_update(key_share=True)
    row = tx.row(query)
    return None if row is None else _to_organization(row)


def every(tx: Transaction, *, name: str | None = None) -> list[Organization]:
    """All organizations, or the one of this name, by name."""
    query = _undeleted.order_by(organization.c.name)
    if name is not None:
        query = query.where(organization.c.name == name)
    return [_to_organization(row) for row in tx.rows(query)]


def page(
    tx: Transaction,
    *,
    name: str | None = None,
    text: str = "",
    after: Position | None = None,
    limit: int,
) -> list[Organization]:
    """Organizations by name, beyond a position, whose names hold every word of a text."""
    backwards = after is not None and after.backwards
    query = _matching(name, text).limit(limit)
    if after is not None:
        key = organization.c.name
        query = query.where(key < after.name if backwards else key > after.name)
    order = organization.c.name.desc() if backwards else organization.c.name.asc()
    found = [_to_organization(row) for row in tx.rows(query.order_by(order))]
    return found[::-1] if backwards else found


def count(tx: Transaction, *, name: str | None = None, text: str = "", up_to: int) -> int:
    """How many organizations there are, counted no further than ``up_to``."""
    some = _matching(name, text).with_only_columns(organization.c.key).limit(up_to)
    return tx.number(select(func.count()).select_from(some.subquery()))


def _matching(name: str | None, text: str) -> Select[Any]:
    query = _undeleted
    if name is not None:
        query = query.where(organization.c.name == name)
    columns = (organization.c.name, organization.c.display_name)
    for word in text.split():
        query = query.where(or_(*(c.icontains(word, autoescape=True) for c in columns)))
    return query


def add(tx: Transaction, item: Organization) -> int:
    """Write a new organization; ``item.key`` is ignored.

    Returns:
        Its key.
    """
    added = tx.execute(
        insert(organization)
        .values(created_at=item.created_at, **_columns(item))
        .returning(organization.c.key)
    )
    return int(added.scalar_one())


def put(tx: Transaction, item: Organization) -> None:
    """Write an organization's new values; its name stays, since records are kept by names."""
    tx.execute(update(organization).where(organization.c.key == item.key).values(**_columns(item)))


def delete(tx: Transaction, key: int, now: datetime) -> None:
    """Hide an organization; what ended sessions say about it stays readable until purged."""
    tx.execute(update(organization).where(organization.c.key == key).values(deleted_at=now))


def is_empty(tx: Transaction, key: int) -> bool:
    """Whether it has neither users nor applications."""
    return not any(
        tx.number(
            select(func.count())
            .select_from(table)
            .where(table.c.organization_key == key, table.c.deleted_at.is_(None))
        )
        for table in (user, application)
    )
