"""Cut-offs whose rows are not settled yet (DESIGN section 1, "epoch")."""

from __future__ import annotations

import operator
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Table, and_, func, insert, select, update

from ostiary.domain.search import Position
from ostiary.domain.session import EndReason
from ostiary.storage.database import Transaction
from ostiary.storage.tables import application, cut_off, organization, user

_SUBJECTS = {"organization": organization, "user": user, "application": application}


class CutOff(msgspec.Struct, frozen=True, kw_only=True):
    """One increment of an epoch, to ``epoch``, and what is still to be written for it."""

    id: int
    subject: str
    subject_key: int
    reason: EndReason
    actor: str
    epoch: int


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A cut-off as people follow it. ``organization`` is the one that its subject belongs to.

    ``settled`` counts the sessions whose ending has been written; ``finished_at`` is None while
    there may be more of them.
    """

    id: int
    at: datetime
    subject: str
    organization: str
    name: str
    actor: str
    settled: int
    finished_at: datetime | None


def raise_epoch(
    tx: Transaction,
    subject: str,
    key: int,
    *,
    reason: EndReason,
    actor: str,
    now: datetime,
) -> int:
    """End everything of an organization, user or application with one increment.

    Args:
        tx: the transaction.
        subject: ``organization``, ``user`` or ``application``.
        key: its row's key.
        reason: what the settled rows will say.
        actor: who did it.
        now: the instant.

    Returns:
        The cut-off's number, by which its settling is followed.
    """
    table = _SUBJECTS[subject]
    tx.execute(update(table).where(table.c.key == key).values(epoch=table.c.epoch + 1))
    added = tx.execute(
        insert(cut_off)
        .values(at=now, subject=subject, subject_key=key, reason=reason.value, actor=actor)
        .returning(cut_off.c.id)
    )
    return int(added.scalar_one())


def progress(
    tx: Transaction,
    *,
    organization_name: str | None,
    only: int | None = None,
    after: Position | None = None,
    limit: int = 1,
) -> list[Progress]:
    """Cut-offs and how far they are, newest first.

    Args:
        tx: the transaction.
        organization_name: what belongs to this organization; None: everything.
        only: just the one of this number.
        after: beyond this one, whose number is the position's ``instant``; or just before it.
        limit: at most so many.
    """
    backwards = after is not None and after.backwards
    owner = func.coalesce(user.c.organization_key, application.c.organization_key)
    query = (
        select(
            cut_off,
            func.coalesce(user.c.name, application.c.name, organization.c.name).label("name"),
            organization.c.name.label("organization"),
        )
        .select_from(
            cut_off.outerjoin(user, _is(user, "user"))
            .outerjoin(application, _is(application, "application"))
            .join(organization, organization.c.key == func.coalesce(owner, cut_off.c.subject_key))
        )
        .order_by(cut_off.c.id.asc() if backwards else cut_off.c.id.desc())
        .limit(limit)
    )
    if organization_name is not None:
        query = query.where(organization.c.name == organization_name)
    if only is not None:
        query = query.where(cut_off.c.id == only)
    if after is not None:
        beyond = operator.gt if backwards else operator.lt
        query = query.where(beyond(cut_off.c.id, after.instant))
    found = [
        Progress(
            id=row.id,
            at=row.at,
            subject=row.subject,
            organization=row.organization,
            name=row.name,
            actor=row.actor,
            settled=row.settled,
            finished_at=row.finished_at,
        )
        for row in tx.rows(query)
    ]
    return found[::-1] if backwards else found


def _is(table: Table, subject: str) -> ColumnElement[bool]:
    return and_(cut_off.c.subject == subject, table.c.key == cut_off.c.subject_key)


def unfinished(tx: Transaction) -> list[CutOff]:
    """The cut-offs that still have rows to settle, oldest first."""
    found = []
    epochs: dict[tuple[str, int], int] = {}
    query = select(cut_off).where(cut_off.c.finished_at.is_(None)).order_by(cut_off.c.id.desc())
    # From the last one back: each raised the epoch by one, and they are finished in their order.
    for row in tx.rows(query):
        of = (row.subject, row.subject_key)
        if of not in epochs:
            table = _SUBJECTS[row.subject]
            epochs[of] = tx.number(select(table.c.epoch).where(table.c.key == row.subject_key))
        found.append(
            CutOff(
                id=row.id,
                subject=row.subject,
                subject_key=row.subject_key,
                reason=EndReason(row.reason),
                actor=row.actor,
                epoch=epochs[of],
            )
        )
        epochs[of] -= 1
    return found[::-1]


def last_of(tx: Transaction, subject: str, key: int) -> tuple[EndReason, str] | None:
    """Why and by whom something was last cut off; None: never."""
    query = (
        select(cut_off.c.reason, cut_off.c.actor)
        .where(cut_off.c.subject == subject, cut_off.c.subject_key == key)
        .order_by(cut_off.c.id.desc())
        .limit(1)
    )
    row = tx.row(query)
    return None if row is None else (EndReason(row.reason), row.actor)


def any_unfinished(tx: Transaction) -> bool:
    """Whether a cut-off still has rows to settle."""
    return tx.row(select(cut_off.c.id).where(cut_off.c.finished_at.is_(None)).limit(1)) is not None


def settled(tx: Transaction, cut_off_id: int, count: int, *, finished_at: datetime | None) -> None:
    """Count rows that were settled, and say when the last one was."""
    tx.execute(
        update(cut_off)
        .where(cut_off.c.id == cut_off_id)
        .values(settled=cut_off.c.settled + count, finished_at=finished_at)
    )
