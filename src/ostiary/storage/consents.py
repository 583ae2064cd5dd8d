"""What users have consented to, once for each application."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import delete, insert, select, update

from ostiary.storage.database import Transaction
from ostiary.storage.tables import application, consent


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """What one application may learn of a user."""

    application_key: int
    application: str
    display_name: str
    scopes: tuple[str, ...]
    created_at: datetime
    updated_at: datetime


def scopes(tx: Transaction, user_key: int, application_key: int) -> frozenset[str]:
    """What a user has consented to; empty: nothing."""
    row = tx.row(
        select(consent.c.scopes).where(
            consent.c.user_key == user_key, consent.c.application_key == application_key
        )
    )
    return frozenset() if row is None else frozenset(json.loads(row.scopes))


def put(
    tx: Transaction, user_key: int, application_key: int, wanted: Sequence[str], now: datetime
) -> None:
    """Remember a consent. The user's row is locked, so nobody else adds one for her."""
    mine = (consent.c.user_key == user_key) & (consent.c.application_key == application_key)
    text = json.dumps(sorted(wanted))
    changed = tx.execute(update(consent).where(mine).values(scopes=text, updated_at=now))
    if changed.rowcount == 0:
        tx.execute(
            insert(consent).values(
                user_key=user_key,
                application_key=application_key,
                scopes=text,
                created_at=now,
                updated_at=now,
            )
        )


def of_user(tx: Transaction, user_key: int) -> list[Consent]:
    """Everything that a user has consented to, by application."""
    query = (
        select(consent, application.c.name, application.c.display_name)
        .join(application, application.c.key == consent.c.application_key)
        .where(consent.c.user_key == user_key, application.c.deleted_at.is_(None))
        .order_by(application.c.name)
    )
    return [
        Consent(
            application_key=row.application_key,
            application=row.name,
            display_name=row.display_name,
            scopes=tuple(json.loads(row.scopes)),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in tx.rows(query)
    ]


def remove(tx: Transaction, user_key: int, application_key: int) -> bool:
    """Withdraw a consent, and say whether there was one."""
    gone = tx.execute(
        delete(consent).where(
            consent.c.user_key == user_key, consent.c.application_key == application_key
        )
    )
    return gone.rowcount > 0


def remove_of_user(tx: Transaction, user_key: int) -> None:
    """Withdraw all that a user has consented to."""
    tx.execute(delete(consent).where(consent.c.user_key == user_key))
