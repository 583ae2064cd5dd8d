"""Users and their passwords, as rows."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import (
    Row,
    Select,
    and_,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import ColumnElement

from ostiary.domain.accounts import Credential, User
from ostiary.storage.database import Transaction
from ostiary.storage.pieces import pieces
from ostiary.storage.tables import credential, organization, user

_undeleted = (
    select(user, organization.c.name.label("organization"))
    .join(organization, organization.c.key == user.c.organization_key)
    .where(user.c.deleted_at.is_(None), organization.c.deleted_at.is_(None))
)


def to_user(row: Row[Any]) -> User:
    """A row with the organization's name as ``organization``."""
    return User(
        key=row.key,
        id=row.id,
        organization_key=row.organization_key,
        organization=row.organization,
        name=row.name,
        display_name=row.display_name,
        created_at=row.created_at,
        updated_at=row.updated_at,
        email=row.email,
        phone=row.phone,
        is_admin=row.is_admin,
        disabled=row.disabled,
        epoch=row.epoch,
        last_sign_in_at=row.last_sign_in_at,
        last_sign_in_address=row.last_sign_in_address,
        sealed_extra=row.sealed_extra,
    )


def _columns(item: User) -> dict[str, Any]:
    return {
        "name": item.name,
        "display_name": item.display_name,
        "updated_at": item.updated_at,
        "email": item.email,
        "phone": item.phone,
        "is_admin": item.is_admin,
        "disabled": item.disabled,
        "sealed_extra": item.sealed_extra,
    }


def get(tx: Transaction, organization_name: str, name: str, *, lock: bool = False) -> User | None:
    """The user of this name.

    Args:
        tx: the transaction.
        organization_name: the organization.
        name: the user's name in it.
        lock: hold the row until the commit: whoever signs a user in, disables, deletes or gives a
            new password does this first, so that one of two comes after the other.
    """
    query = _undeleted.where(organization.c.name == organization_name, user.c.name == name)
    return _one(tx, query, lock=lock)


def by_key(tx: Transaction, key: int, *, lock: bool = False) -> User | None:
    """The user of this key, unless deleted."""
    return _one(tx, _undeleted.where(user.c.key == key), lock=lock)


def by_login(tx: Transaction, organization_name: str, login: str) -> User | None:
    """The user whom a name, mail address or phone number names; none when it names several."""
    named = get(tx, organization_name, login)
    if named is not None or not login:
        return named
    for column in (user.c.email, user.c.phone):
        rows = tx.rows(
            _undeleted.where(organization.c.name == organization_name, column == login).limit(2)
        )
        if len(rows) == 1:
            return to_user(rows[0])
    return None


def find(
    tx: Transaction,
    *,
    organization_name: str | None = None,
    id: str | None = None,  # noqa: A002 - the field's own word
    email: str | None = None,
    phone: str | None = None,
) -> User | None:
    """The first user with all of these (contract 4.1)."""
    query = _undeleted.order_by(user.c.key).limit(1)
    for column, value in (
        (organization.c.name, organization_name),
        (user.c.id, id),
        (user.c.email, email),
        (user.c.phone, phone),
    ):
        if value is not None:
            query = query.where(column == value)
    return _one(tx, query, lock=False)


def subjects(tx: Transaction, keys: Collection[int]) -> dict[int, str]:
    """The ``id`` of some users by their keys, deleted ones too."""
    return {
        row.key: str(row.id)
        for some in pieces(sorted(keys))
        for row in tx.rows(select(user.c.key, user.c.id).where(user.c.key.in_(some)))
    }


def was_given(tx: Transaction, subject: str) -> bool:
    """Whether anybody has, or ever had, this ``id``: a subject is never given twice."""
    return tx.row(select(user.c.key).where(user.c.id == subject)) is not None


def _one(tx: Transaction, query: Select[Any], *, lock: bool) -> User | None:
    if lock and tx.is_postgresql:
        query = query.with_for_update(of=user, key_share=True)
    row = tx.row(query)
    return None if row is None else to_user(row)


def page(
    tx: Transaction,
    *,
    organization_name: str | None = None,
    text: str = "",
    after: tuple[str, str] | None = None,
    backwards: bool = False,
    limit: int | None = None,
    offset: int = 0,
) -> list[User]:
    """Users by organization and name, beyond ``after``; ``backwards``: those just before it."""
    order = (organization.c.name, user.c.name)
    query = _matching(organization_name, text)
    if after is not None:
        compare = operators.lt if backwards else operators.gt
        query = query.where(compare(tuple_(*order), tuple_(*map(literal, after))))
    query = query.order_by(*(c.desc() if backwards else c.asc() for c in order))
    if limit is not None:
        query = query.limit(limit).offset(offset)
    found = [to_user(row) for row in tx.rows(query)]
    return found[::-1] if backwards else found


def count(
    tx: Transaction,
    *,
    organization_name: str | None = None,
    text: str = "",
    up_to: int | None = None,
) -> int:
    """How many users there are, counted no further than ``up_to``."""
    some = _matching(organization_name, text).with_only_columns(user.c.key).limit(up_to)
    return tx.number(select(func.count()).select_from(some.subquery()))


def _matching(organization_name: str | None, text: str) -> Select[Any]:
    """Every word of the text is part of a name or the mail address."""
    query = _undeleted
    if organization_name is not None:
        query = query.where(organization.c.name == organization_name)
    columns = (user.c.name, user.c.display_name, user.c.email)
    for word in text.split():
        query = query.where(or_(*(c.icontains(word, autoescape=True) for c in columns)))
    return query


class UserQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A page of users as the Casdoor wire asks for it (contract 1.2 and 4.1).

    ``field`` is one of `SEARCHED`, ``sort`` one of `SORTED`; ``limit`` None: every row.
    """

    organization: str | None = None
    field: str | None = None
    value: str = ""
    sort: str = "created_time"
    descending: bool = True
    offset: int = 0
    limit: int | None = None


SEARCHED: dict[str, ColumnElement[Any]] = {
    "owner": organization.c.name,
    "name": user.c.name,
    "id": user.c.id,
    "display_name": user.c.display_name,
    "email": user.c.email,
    "phone": user.c.phone,
}
"""What a list can be searched by, in the wire's words."""

SORTED: dict[str, ColumnElement[Any]] = {
    **SEARCHED,
    "created_time": user.c.created_at,
    "updated_time": user.c.updated_at,
    "is_admin": user.c.is_admin,
    "is_forbidden": user.c.disabled,
}
"""What a list can be sorted by, in the wire's words."""


def listed(tx: Transaction, wanted: UserQuery) -> list[User]:
    """Users in the order asked for."""
    keys = (SORTED[wanted.sort], user.c.key)
    query = _wanted(wanted).order_by(*(k.desc() if wanted.descending else k.asc() for k in keys))
    if wanted.limit is not None:
        query = query.limit(wanted.limit).offset(wanted.offset)
    return [to_user(row) for row in tx.rows(query)]


def count_listed(tx: Transaction, wanted: UserQuery) -> int:
    """How many users match, exactly (contract 1.2, ``data2``)."""
    return tx.number(_wanted(wanted).with_only_columns(func.count()))


def _wanted(wanted: UserQuery) -> Select[Any]:
    query = _undeleted
    if wanted.organization is not None:
        query = query.where(organization.c.name == wanted.organization)
    if wanted.field is not None:
        query = query.where(SEARCHED[wanted.field].contains(wanted.value, autoescape=True))
    return query


def add(tx: Transaction, item: User) -> int:
    """Write a new user; ``item.key`` is ignored.

    Returns:
        The user's key.
    """
    added = tx.execute(
        insert(user)
        .values(
            id=item.id,
            organization_key=item.organization_key,
            created_at=item.created_at,
            **_columns(item),
        )
        .returning(user.c.key)
    )
    return int(added.scalar_one())


def put(tx: Transaction, item: User) -> None:
    """Write a user's new values."""
    tx.execute(update(user).where(user.c.key == item.key).values(**_columns(item)))


def signed_in(tx: Transaction, key: int, address: str, now: datetime) -> None:
    """Write a user's last sign-in."""
    tx.execute(
        update(user)
        .where(user.c.key == key)
        .values(last_sign_in_at=now, last_sign_in_address=address)
    )


def delete_and_anonymise(tx: Transaction, key: int, stand_in: str, now: datetime) -> None:
    """Leave of a user what ended sessions point at: a number, and nothing personal (R12)."""
    tx.execute(delete(credential).where(credential.c.user_key == key))
    tx.execute(
        update(user)
        .where(user.c.key == key)
        .values(
            name=stand_in,
            display_name="",
            email="",
            phone="",
            is_admin=False,
            disabled=True,
            deleted_at=now,
            last_sign_in_address="",
            sealed_extra=b"",
        )
    )


def credential_of(tx: Transaction, key: int) -> Credential | None:
    """A user's password as it is stored."""
    row = tx.row(select(credential).where(credential.c.user_key == key))
    if row is None:
        return None
    return Credential(
        user_key=row.user_key,
        encoding=row.encoding,
        value=row.value,
        salt=row.salt,
        must_change=row.must_change,
        changed_at=row.changed_at,
    )


def put_credential(tx: Transaction, item: Credential) -> None:
    """Write a user's password, new or instead of the old one."""
    columns = {
        "encoding": item.encoding,
        "value": item.value,
        "salt": item.salt,
        "must_change": item.must_change,
        "changed_at": item.changed_at,
    }
    changed = tx.execute(
        update(credential).where(credential.c.user_key == item.user_key).values(**columns)
    )
    if changed.rowcount == 0:
        tx.execute(insert(credential).values(user_key=item.user_key, **columns))


def encodings(tx: Transaction, *, but: tuple[str, str]) -> frozenset[str]:
    """The encodings of stored passwords; all of them are looked at.

    Args:
        tx: the transaction.
        but: an encoding, and how those of its values begin that are left out.
    """
    known = and_(credential.c.encoding == but[0], credential.c.value.startswith(but[1]))
    query = select(credential.c.encoding).where(~known).distinct()
    return frozenset(row.encoding for row in tx.rows(query))
