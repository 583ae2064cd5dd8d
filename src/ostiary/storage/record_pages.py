"""Lists of records for people: filtered, newest first, paged by keyset.

The wire's own pages (contract 1.2) are in `ostiary.storage.records`.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Select, func, literal, or_, select, tuple_
from sqlalchemy.sql import operators

from ostiary.domain.search import Position
from ostiary.storage.database import Transaction
from ostiary.storage.records import Record, to_record
from ostiary.storage.tables import record


class RecordFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that narrows a list of records; None or empty: not narrowed."""

    owner: str | None = None
    name: str | None = None
    application: str | None = None
    text: str | None = None


_BETWEEN = "\x00"
"""Between the parts of a key: no part holds it (`ostiary.services.records`)."""

_ORDER = (record.c.created_time, record.c.owner, record.c.name, record.c.application)


def page(
    tx: Transaction, chosen: RecordFilter, *, after: Position | None, limit: int
) -> list[Record]:
    """Up to ``limit`` records beyond a position, newest first.

    With ``after.backwards`` these are the ones just before the position, newest first too.
    """
    backwards = after is not None and after.backwards
    query = _matching(chosen)
    if after is not None:
        compare = operators.gt if backwards else operators.lt
        place = (after.name, *after.id.split(_BETWEEN))
        query = query.where(compare(tuple_(*_ORDER), tuple_(*map(literal, place))))
    query = query.order_by(*(c.asc() if backwards else c.desc() for c in _ORDER)).limit(limit)
    found = [to_record(row) for row in tx.rows(query)]
    return found[::-1] if backwards else found


def count(tx: Transaction, chosen: RecordFilter, *, up_to: int) -> int:
    """How many records match, counted no further than ``up_to``."""
    some = _matching(chosen).with_only_columns(record.c.owner).limit(up_to).subquery()
    return tx.number(select(func.count()).select_from(some))


def position_of(item: Record) -> Position:
    """Where a record stands in the list: its time is text, and its key is its id."""
    return Position(instant=0, name=item.created_time, id=_BETWEEN.join(item.key))


def _matching(chosen: RecordFilter) -> Select[Any]:
    query = select(record)
    for column, value in (
        (record.c.owner, chosen.owner),
        (record.c.name, chosen.name),
        (record.c.application, chosen.application),
    ):
        if value:
            query = query.where(column == value)
    for word in (chosen.text or "").split():
        columns = (record.c.owner, record.c.name, record.c.application)
        query = query.where(or_(*(c.icontains(word, autoescape=True) for c in columns)))
    return query
