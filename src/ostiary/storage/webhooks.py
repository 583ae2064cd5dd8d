"""Webhooks, as rows: managed by their organization, and asked for by whoever has news for them."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select, tuple_, update

from ostiary.domain.search import Position
from ostiary.domain.webhook import Webhook, WebhookEvent
from ostiary.storage.database import Transaction
from ostiary.storage.tables import organization, webhook

EVERYBODY = ""
"""What `Webhook.about` is for all organizations."""

_rows = (
    select(webhook, organization.c.name.label("organization"))
    .join(organization, organization.c.key == webhook.c.organization_key)
    .where(organization.c.deleted_at.is_(None))
)


def _to_webhook(row: Row[Any]) -> Webhook:
    return Webhook(
        key=row.key,
        organization_key=row.organization_key,
        organization=row.organization,
        name=row.name,
        about=row.about,
        url=row.url,
        events=tuple(json.loads(row.events)),
        enabled=row.enabled,
        sealed_secret=row.sealed_secret,
        sealed_previous=row.sealed_previous,
        previous_until=row.previous_until,
        sealed_extra=row.sealed_extra,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _columns(item: Webhook) -> dict[str, Any]:
    return {
        "about": item.about,
        "url": item.url,
        "events": json.dumps(item.events),
        "enabled": item.enabled,
        "sealed_secret": item.sealed_secret,
        "sealed_previous": item.sealed_previous,
        "previous_until": item.previous_until,
        "sealed_extra": item.sealed_extra,
        "updated_at": item.updated_at,
    }


def get(tx: Transaction, owner: str, name: str, *, lock: bool = False) -> Webhook | None:
    """The webhook of this name in an organization.

    Args:
        tx: the transaction.
        owner: the organization.
        name: the webhook's name in it.
        lock: hold the row until the commit.
    """
    query = _rows.where(organization.c.name == owner, webhook.c.name == name)
    if lock and tx.is_postgresql:
        query = query.with_for_update(of=webhook)
    row = tx.row(query)
    return None if row is None else _to_webhook(row)


def by_key(tx: Transaction, key: int) -> Webhook | None:
    """The webhook of this key."""
    row = tx.row(_rows.where(webhook.c.key == key))
    return None if row is None else _to_webhook(row)


def every(tx: Transaction, *, owner: str | None = None) -> list[Webhook]:
    """All webhooks, or those of one organization, by organization and name."""
    query = _of(owner).order_by(organization.c.name, webhook.c.name)
    return [_to_webhook(row) for row in tx.rows(query)]


def page(
    tx: Transaction, *, owner: str | None, after: Position | None, limit: int
) -> list[Webhook]:
    """Webhooks by organization and name, beyond a position."""
    backwards = after is not None and after.backwards
    key = tuple_(organization.c.name, webhook.c.name)
    query = _of(owner).limit(limit)
    if after is not None:
        place = tuple_(after.id, after.name)
        query = query.where(key < place if backwards else key > place)
    columns = (organization.c.name, webhook.c.name)
    query = query.order_by(*(c.desc() if backwards else c.asc() for c in columns))
    found = [_to_webhook(row) for row in tx.rows(query)]
    return found[::-1] if backwards else found


def count(tx: Transaction, *, owner: str | None, up_to: int) -> int:
    """How many webhooks there are, counted no further than ``up_to``."""
    some = _of(owner).with_only_columns(webhook.c.key).limit(up_to)
    return tx.number(select(func.count()).select_from(some.subquery()))


def _of(owner: str | None) -> Select[Any]:
    return _rows if owner is None else _rows.where(organization.c.name == owner)


def listening(
    tx: Transaction, event: WebhookEvent, organizations: Collection[str]
) -> list[Webhook]:
    """Those that are told of an event about sessions of some organizations."""
    query = _rows.where(
        webhook.c.about.in_([EVERYBODY, *sorted(organizations)]), webhook.c.enabled.is_(True)
    ).order_by(webhook.c.key)
    found = [_to_webhook(row) for row in tx.rows(query)]
    return [item for item in found if item.url and event.value in item.events]


def add(tx: Transaction, item: Webhook) -> int:
    """Write a new webhook; ``item.key`` is ignored.

    Returns:
        Its key.
    """
    added = tx.execute(
        insert(webhook)
        .values(
            organization_key=item.organization_key,
            name=item.name,
            created_at=item.created_at,
            **_columns(item),
        )
        .returning(webhook.c.key)
    )
    return int(added.scalar_one())


def put(tx: Transaction, item: Webhook) -> None:
    """Write a webhook's new values."""
    tx.execute(update(webhook).where(webhook.c.key == item.key).values(**_columns(item)))


def remove(tx: Transaction, key: int) -> None:
    """Remove a webhook."""
    tx.execute(delete(webhook).where(webhook.c.key == key))
