"""The audit: who did what to whom, when, from where."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import delete, insert, or_, select, update

from ostiary.domain.events import AuditEvent, Event
from ostiary.storage.database import Transaction
from ostiary.storage.tables import audit_event


class NewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that is about to be written; ``detail`` carries old and new, never a secret."""

    event: Event
    actor: str
    organization: str = ""
    user: str = ""
    application: str = ""
    session_id: str = ""
    address: str = ""
    detail: dict[str, Any] = {}


def write(tx: Transaction, now: datetime, events: Iterable[NewEvent]) -> None:
    """Write events in the transaction that makes them true."""
    rows = [
        {
            **msgspec.structs.asdict(e),
            "at": now,
            "event": e.event.value,
            "detail": json.dumps(e.detail),
        }
        for e in events
    ]
    if rows:
        tx.execute(insert(audit_event), rows)


def page(
    tx: Transaction,
    *,
    organization: str | None,
    user: str | None,
    before_id: int | None,
    limit: int,
) -> list[AuditEvent]:
    """Events, newest first."""
    query = select(audit_event).order_by(audit_event.c.id.desc()).limit(limit)
    if organization is not None:
        query = query.where(audit_event.c.organization == organization)
    if user is not None:
        query = query.where(audit_event.c.user == user)
    if before_id is not None:
        query = query.where(audit_event.c.id < before_id)
    return [
        AuditEvent(
            id=row.id,
            at=row.at,
            event=Event(row.event),
            actor=row.actor,
            organization=row.organization,
            user=row.user,
            application=row.application,
            session_id=row.session_id,
            address=row.address,
            detail=json.loads(row.detail),
        )
        for row in tx.rows(query)
    ]


def anonymise(tx: Transaction, organization: str, user: str, stand_in: str) -> None:
    """Take a deleted user's name and addresses out of what is kept (REQUIREMENTS R12)."""
    actor = f"{organization}/{user}"
    tx.execute(
        update(audit_event)
        .where(audit_event.c.organization == organization, audit_event.c.user == user)
        .values(user=stand_in, address="", detail="{}")
    )
    tx.execute(
        update(audit_event)
        .where(or_(audit_event.c.actor == actor))
        .values(actor=f"{organization}/{stand_in}", address="")
    )


def purge(tx: Transaction, before: datetime, limit: int) -> int:
    """Remove events past retention.

    Returns:
        How many went; fewer than ``limit``: finished.
    """
    old = select(audit_event.c.id).where(audit_event.c.at < before).limit(limit).subquery()
    ids = [row.id for row in tx.rows(select(old.c.id))]
    if ids:
        tx.execute(delete(audit_event).where(audit_event.c.id.in_(ids)))
    return len(ids)
