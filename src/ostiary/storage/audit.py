"""The audit: who did what to whom, when, from where."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, delete, func, insert, or_, select, update

from ostiary.domain.events import AuditEvent, Event
from ostiary.domain.search import EventFilter, Position
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
    rows = []
    for e in events:
        tx.events[e.event.value, str(e.detail.get("reason") or e.detail.get("kind", ""))] += 1
        rows.append(
            {
                **msgspec.structs.asdict(e),
                "at": now,
                "event": e.event.value,
                "detail": json.dumps(e.detail),
            }
        )
    if rows:
        tx.execute(insert(audit_event), rows)


def page(
    tx: Transaction, chosen: EventFilter, *, after: Position | None, limit: int
) -> list[AuditEvent]:
    """Up to ``limit`` events beyond a position, newest first.

    With ``after.backwards`` these are the ones just before the position, newest first too.
    """
    backwards = after is not None and after.backwards
    query = select(audit_event).where(*_conditions(chosen)).limit(limit)
    if after is not None:
        key = audit_event.c.id
        query = query.where(key > after.instant if backwards else key < after.instant)
    query = query.order_by(audit_event.c.id.asc() if backwards else audit_event.c.id.desc())
    found = [
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
    return found[::-1] if backwards else found


def count(tx: Transaction, chosen: EventFilter, *, up_to: int) -> int:
    """How many events match, counted no further than ``up_to``."""
    some = select(audit_event.c.id).where(*_conditions(chosen)).limit(up_to).subquery()
    return tx.number(select(func.count()).select_from(some))


def count_since(
    tx: Transaction, event: Event, since: datetime, *, organization: str | None, up_to: int
) -> int:
    """How many events of one kind there were lately, counted no further than ``up_to``.

    It reads the events of that kind from the first one of any kind since then, so that neither
    the age of the audit nor what else happens matters.
    """
    first = (
        select(audit_event.c.id)
        .where(audit_event.c.at >= since)
        .order_by(audit_event.c.at)
        .limit(1)
        .scalar_subquery()
    )
    query = select(audit_event.c.id).where(
        audit_event.c.event == event.value, audit_event.c.id >= first, audit_event.c.at >= since
    )
    if organization is not None:
        query = query.where(audit_event.c.organization == organization)
    return tx.number(select(func.count()).select_from(query.limit(up_to).subquery()))


def _conditions(chosen: EventFilter) -> list[ColumnElement[bool]]:
    exact = {
        audit_event.c.organization: chosen.organization,
        audit_event.c.user: chosen.user,
        audit_event.c.application: chosen.application,
        audit_event.c.event: chosen.event,
        audit_event.c.actor: chosen.actor,
        audit_event.c.session_id: chosen.session_id,
    }
    conditions: list[ColumnElement[bool]] = [
        column == value for column, value in exact.items() if value
    ]
    if chosen.since is not None:
        conditions.append(audit_event.c.at >= chosen.since)
    if chosen.until is not None:
        conditions.append(audit_event.c.at < chosen.until)
    return conditions


def rename_user(tx: Transaction, organization: str, old: str, new: str) -> None:
    """Follow a user's new name: whoever gets the old one next must not see these events."""
    tx.execute(
        update(audit_event)
        .where(audit_event.c.organization == organization, audit_event.c.user == old)
        .values(user=new)
    )
    tx.execute(
        update(audit_event)
        .where(audit_event.c.actor == f"{organization}/{old}")
        .values(actor=f"{organization}/{new}")
    )


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
