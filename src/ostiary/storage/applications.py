"""Applications, as rows. A client secret is kept encrypted, since the wire shows it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, insert, or_, select, update

from ostiary.domain.accounts import Application
from ostiary.domain.client import AuthMethod
from ostiary.domain.search import Position
from ostiary.storage.database import Transaction
from ostiary.storage.organizations import lifetime_columns, to_overrides
from ostiary.storage.tables import application, organization

_undeleted = (
    select(application, organization.c.name.label("organization"))
    .join(organization, organization.c.key == application.c.organization_key)
    .where(application.c.deleted_at.is_(None), organization.c.deleted_at.is_(None))
)
_by_client_id = _undeleted.where(application.c.client_id == bindparam("wanted"))


_LISTS = ("redirect_uris", "post_logout_redirect_uris", "grant_types", "scopes")
_PLAIN = (
    "token_endpoint_auth_method",
    "jwks",
    "pkce_required",
    "consent_required",
    "default_max_age",
    "access_token_format",
    "access_token_lifetime",
    "refresh_token_idle",
    "refresh_token_absolute",
    "id_token_alg",
    "frontchannel_logout_uri",
)


def to_application(row: Row[Any]) -> Application:
    """A row with the organization's name as ``organization``."""
    return Application(
        key=row.key,
        name=row.name,
        organization_key=row.organization_key,
        organization=row.organization,
        display_name=row.display_name,
        created_at=row.created_at,
        client_id=row.client_id,
        sealed_secret=row.sealed_secret,
        description=row.description,
        homepage_url=row.homepage_url,
        logo=row.logo,
        backchannel_logout_uri=row.backchannel_logout_uri,
        lifetimes=to_overrides(row),
        exclusive=row.exclusive,
        sign_in_disabled=row.sign_in_disabled,
        epoch=row.epoch,
        sealed_extra=row.sealed_extra,
        **_client_values(row),
    )


def _client_values(row: Row[Any]) -> dict[str, Any]:
    plain = {name: getattr(row, name) for name in _PLAIN}
    return plain | {name: tuple(json.loads(getattr(row, name))) for name in _LISTS}


def _columns(item: Application) -> dict[str, Any]:
    return {
        "name": item.name,
        "organization_key": item.organization_key,
        "display_name": item.display_name,
        "client_id": item.client_id,
        "sealed_secret": item.sealed_secret,
        "description": item.description,
        "homepage_url": item.homepage_url,
        "logo": item.logo,
        "backchannel_logout_uri": item.backchannel_logout_uri,
        "exclusive": item.exclusive,
        "sign_in_disabled": item.sign_in_disabled,
        "sealed_extra": item.sealed_extra,
        **{name: getattr(item, name) for name in _PLAIN},
        **{name: json.dumps(getattr(item, name)) for name in _LISTS},
        **lifetime_columns(item.lifetimes),
    }


def get(tx: Transaction, name: str, *, lock: bool = False) -> Application | None:
    """The application of this name; names are unique over all organizations.

    Args:
        tx: the transaction.
        name: its name.
        lock: hold the row until the commit: whoever changes or deletes it.
    """
    query = _undeleted.where(application.c.name == name)
    if lock and tx.is_postgresql:
        query = query.with_for_update(of=application, key_share=True)
    row = tx.row(query)
    return None if row is None else to_application(row)


def by_client_id(tx: Transaction, client_id: str) -> Application | None:
    """The application of this client id."""
    row = tx.execute(_by_client_id, {"wanted": client_id}).first()
    return None if row is None else to_application(row)


def has_public_client_at(tx: Transaction, origin: str) -> bool:
    """Whether an application without a secret has a redirect address on a site.

    Args:
        tx: the transaction.
        origin: scheme, host and port, as browsers name them.
    """
    at = application.c.redirect_uris.icontains(f'"{origin}', autoescape=True)
    query = _undeleted.where(application.c.token_endpoint_auth_method == AuthMethod.NONE.value, at)
    return any(
        address.lower() == origin or address.lower().startswith((f"{origin}/", f"{origin}?"))
        for row in tx.rows(query)
        for address in json.loads(row.redirect_uris)
    )


def every(tx: Transaction, *, organization_name: str | None = None) -> list[Application]:
    """All applications, or those of one organization, oldest first."""
    query = _undeleted.order_by(application.c.key)
    if organization_name is not None:
        query = query.where(organization.c.name == organization_name)
    return [to_application(row) for row in tx.rows(query)]


def page(
    tx: Transaction,
    *,
    organization_name: str | None = None,
    text: str = "",
    after: Position | None = None,
    limit: int,
) -> list[Application]:
    """Applications by name, beyond a position, whose names or client id hold every word."""
    backwards = after is not None and after.backwards
    query = _matching(organization_name, text).limit(limit)
    if after is not None:
        key = application.c.name
        query = query.where(key < after.name if backwards else key > after.name)
    order = application.c.name.desc() if backwards else application.c.name.asc()
    found = [to_application(row) for row in tx.rows(query.order_by(order))]
    return found[::-1] if backwards else found


def count(
    tx: Transaction, *, organization_name: str | None = None, text: str = "", up_to: int
) -> int:
    """How many applications there are, counted no further than ``up_to``."""
    some = _matching(organization_name, text).with_only_columns(application.c.key).limit(up_to)
    return tx.number(select(func.count()).select_from(some.subquery()))


def _matching(organization_name: str | None, text: str) -> Select[Any]:
    query = _undeleted
    if organization_name is not None:
        query = query.where(organization.c.name == organization_name)
    columns = (application.c.name, application.c.display_name, application.c.client_id)
    for word in text.split():
        query = query.where(or_(*(c.icontains(word, autoescape=True) for c in columns)))
    return query


def add(tx: Transaction, item: Application) -> int:
    """Write a new application; ``item.key`` is ignored.

    Returns:
        Its key.
    """
    added = tx.execute(
        insert(application)
        .values(created_at=item.created_at, **_columns(item))
        .returning(application.c.key)
    )
    return int(added.scalar_one())


def put(tx: Transaction, item: Application) -> None:
    """Write an application's new values."""
    tx.execute(update(application).where(application.c.key == item.key).values(**_columns(item)))


def delete(tx: Transaction, key: int, now: datetime) -> None:
    """Hide an application; what it is still owed stays readable."""
    tx.execute(update(application).where(application.c.key == key).values(deleted_at=now))
