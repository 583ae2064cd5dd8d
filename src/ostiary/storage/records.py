"""Casdoor's view: a record for each (organization, user, application), with its own counter.

A record exists while it has live client sessions, or since an application registered it by
``add-session``. Its registered ids name no browser; its user and application need not exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Row,
    Table,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from ostiary.domain.session import Session
from ostiary.storage.database import RecordKey, Transaction
from ostiary.storage.pieces import pieces
from ostiary.storage.sessions import is_live, rows_with_names, to_session
from ostiary.storage.tables import (
    application,
    client_session,
    organization,
    record,
    registered_id,
    user,
)
from ostiary.storage.tables import session as session_table


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A record without its ids. ``created_time`` is text, as the wire's clients store it."""

    owner: str
    name: str
    application: str
    created_time: str
    live: int = 0
    registered: bool = False

    @property
    def key(self) -> RecordKey:
        """What names it."""
        return self.owner, self.name, self.application


class RecordQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A page of records as the wire asks for it (contract 1.2).

    ``field`` is one of `SEARCHED`, ``sort`` one of `FIELDS`; ``limit`` None: every row.
    """

    owner: str | None = None
    name: str | None = None
    field: str | None = None
    value: str = ""
    sort: str = "created_time"
    descending: bool = True
    offset: int = 0
    limit: int | None = None


FIELDS = ("owner", "name", "application", "created_time")
SEARCHED = (*FIELDS, "session_id")
"""What a list can be searched by: its columns, and the ids that a record shows."""


_KEY = (record.c.owner, record.c.name, record.c.application)


def apply_deltas(tx: Transaction) -> None:
    """Write what the transaction counted, in one order for all (see `Transaction`).

    A record whose last session left goes with it, unless an application registered it.
    """
    for key, delta in sorted(tx.record_deltas.items()):
        if delta > 0:
            _raise_counter(tx, key, delta)
        elif delta < 0:
            _lower_counter(tx, key, -delta)
    tx.record_deltas.clear()


def _raise_counter(tx: Transaction, key: RecordKey, delta: int) -> None:
    created = tx.record_births[key]
    upsert = postgresql.insert if tx.is_postgresql else sqlite.insert
    statement = upsert(record).values(
        owner=key[0], name=key[1], application=key[2], created_time=created, live=delta
    )
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["owner", "name", "application"],
            set_={"live": record.c.live + delta},
        )
    )


def _lower_counter(tx: Transaction, key: RecordKey, delta: int) -> None:
    tx.execute(update(record).where(_is(record, key)).values(live=record.c.live - delta))
    tx.execute(
        delete(record).where(_is(record, key), record.c.live <= 0, record.c.registered.is_(False))
    )


def _is(table: Table, key: RecordKey) -> ColumnElement[bool]:
    return and_(table.c.owner == key[0], table.c.name == key[1], table.c.application == key[2])


def get(tx: Transaction, key: RecordKey, *, lock: bool = False) -> Record | None:
    """A record, or None; ``lock`` holds its row until the commit."""
    query = select(record).where(_is(record, key))
    row = tx.row(query.with_for_update() if lock and tx.is_postgresql else query)
    return None if row is None else to_record(row)


def page(tx: Transaction, wanted: RecordQuery) -> list[Record]:
    """Records in the order asked for."""
    names = dict.fromkeys([wanted.sort, "owner", "name", "application"])
    order = [record.c[name].desc() if wanted.descending else record.c[name] for name in names]
    query = select(record).order_by(*order)
    if wanted.limit is None:
        query = query.where(*_conditions(wanted))
    elif _in_index_order(wanted):
        # What is skipped is counted in the index alone: the rows are fetched for the page only.
        some = select(*_KEY).where(*_conditions(wanted)).order_by(*order)
        kept = some.offset(wanted.offset).limit(wanted.limit).subquery()
        query = query.join(kept, and_(*(column == kept.c[column.name] for column in _KEY)))
    else:
        query = query.where(*_conditions(wanted)).offset(wanted.offset).limit(wanted.limit)
    return [to_record(row) for row in tx.rows(query)]


def _in_index_order(wanted: RecordQuery) -> bool:
    return wanted.sort in {"created_time", "owner"} or (
        wanted.sort == "name" and wanted.owner is not None
    )


def count(tx: Transaction, wanted: RecordQuery) -> int:
    """How many records match, exactly (contract 1.2, ``data2``)."""
    return tx.number(select(func.count()).select_from(record).where(*_conditions(wanted)))


def _conditions(wanted: RecordQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.owner is not None:
        conditions.append(record.c.owner == wanted.owner)
    if wanted.name is not None:
        conditions.append(record.c.name == wanted.name)
    if wanted.field == "session_id":
        conditions.append(_shows_id_with(wanted.value))
    elif wanted.field is not None:
        conditions.append(record.c[wanted.field].contains(wanted.value, autoescape=True))
    return conditions


def _shows_id_with(part: str) -> ColumnElement[bool]:
    """Whether a record shows an id with this in it, a registered one or a live session's.

    Such ids are looked for once, and not for each record.
    """
    registered = (registered_id.c.owner, registered_id.c.name, registered_id.c.application)
    own = select(*registered).where(registered_id.c.public_id.contains(part, autoescape=True))
    used = application.alias("used")
    live = (
        select(organization.c.name, session_table.c.user_name, used.c.name)
        .select_from(
            session_table.join(client_session, client_session.c.session_id == session_table.c.id)
            .join(organization, organization.c.key == client_session.c.organization_key)
            .join(used, used.c.key == client_session.c.application_key)
        )
        .where(
            session_table.c.ended_at.is_(None),
            session_table.c.id.contains(part, autoescape=True),
            client_session.c.ended_at.is_(None),
            used.c.deleted_at.is_(None),
        )
    )
    key = tuple_(*_KEY)
    return or_(key.in_(own), key.in_(live))


def to_record(row: Row[Any]) -> Record:
    """A row as a value."""
    return Record(
        owner=row.owner,
        name=row.name,
        application=row.application,
        created_time=row.created_time,
        live=row.live,
        registered=row.registered,
    )


def live_sessions(
    tx: Transaction, keys: Sequence[RecordKey], now: datetime
) -> dict[RecordKey, list[Session]]:
    """The live sessions that some records show, oldest use first."""
    found: dict[RecordKey, list[Session]] = {}
    used = application.alias("used")
    base = (
        rows_with_names()
        .add_columns(used.c.key.label("used_key"))
        .join(
            client_session,
            and_(
                client_session.c.organization_key == session_table.c.organization_key,
                client_session.c.user_key == session_table.c.user_key,
                client_session.c.session_id == session_table.c.id,
            ),
        )
        .join(used, used.c.key == client_session.c.application_key)
        .where(
            client_session.c.ended_at.is_(None),
            # The application was cut off: the session may live, its use there does not.
            client_session.c.application_epoch == used.c.epoch,
            is_live(now),
        )
        .order_by(client_session.c.created_at, session_table.c.id)
    )
    for some in pieces(keys):
        named = _keys_behind(tx, some)
        users_in: dict[int, set[int]] = {}
        for owner, name, _ in named:
            users_in.setdefault(owner, set()).add(name)
        for owner, names in users_in.items():
            query = base.where(
                session_table.c.organization_key == owner,
                session_table.c.user_key.in_(sorted(names)),
            )
            for row in tx.rows(query):
                key = named.get((owner, row.user_key, row.used_key))
                if key is not None:
                    found.setdefault(key, []).append(to_session(row))
    return found


def _keys_behind(
    tx: Transaction, keys: Sequence[RecordKey]
) -> dict[tuple[int, int, int], RecordKey]:
    """The rows that have these names now: whoever had one of them before is somebody else."""
    owners, names, applications = ({key[part] for key in keys} for part in range(3))
    organization_of = _named(tx, organization, owners)
    application_of = _named(tx, application, applications)
    in_them = user.c.organization_key.in_(sorted(organization_of.values()))
    users = select(user.c.key, user.c.organization_key, user.c.name).where(
        in_them, user.c.name.in_(sorted(names)), user.c.deleted_at.is_(None)
    )
    user_of = {(row.organization_key, row.name): row.key for row in tx.rows(users)}
    behind = {}
    for key in keys:
        owner = organization_of.get(key[0], 0)
        name, used_in = user_of.get((owner, key[1])), application_of.get(key[2])
        if name is not None and used_in is not None:
            behind[owner, name, used_in] = key
    return behind


def _named(tx: Transaction, table: Table, names: Iterable[str]) -> dict[str, int]:
    query = select(table.c.key, table.c.name).where(
        table.c.name.in_(sorted(names)), table.c.deleted_at.is_(None)
    )
    return {row.name: row.key for row in tx.rows(query)}


def registered_ids(tx: Transaction, keys: Sequence[RecordKey]) -> dict[RecordKey, list[str]]:
    """The ids that applications registered in some records, oldest first."""
    found: dict[RecordKey, list[str]] = {}
    columns = (registered_id.c.owner, registered_id.c.name, registered_id.c.application)
    for some in pieces(keys):
        query = (
            select(registered_id)
            .where(tuple_(*columns).in_(some))
            .order_by(*columns, registered_id.c.position)
        )
        for row in tx.rows(query):
            found.setdefault((row.owner, row.name, row.application), []).append(row.public_id)
    return found


def register(tx: Transaction, key: RecordKey, created_time: str) -> None:
    """Make a record that stays without live sessions, or keep the one that is there."""
    upsert = postgresql.insert if tx.is_postgresql else sqlite.insert
    statement = upsert(record).values(
        owner=key[0],
        name=key[1],
        application=key[2],
        created_time=created_time,
        live=0,
        registered=True,
    )
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["owner", "name", "application"], set_={"registered": True}
        )
    )


def set_created_time(tx: Transaction, key: RecordKey, created_time: str) -> None:
    """Store what ``update-session`` sent, as it was sent (contract 4.2)."""
    tx.execute(update(record).where(_is(record, key)).values(created_time=created_time))


def replace_registered(tx: Transaction, key: RecordKey, ids: Sequence[str]) -> None:
    """Let a record's registered ids be these, in this order."""
    tx.execute(delete(registered_id).where(_is(registered_id, key)))
    if ids:
        tx.execute(
            insert(registered_id),
            [
                {
                    "owner": key[0],
                    "name": key[1],
                    "application": key[2],
                    "public_id": public_id,
                    "position": position,
                }
                for position, public_id in enumerate(ids)
            ],
        )


def unregister(tx: Transaction, key: RecordKey) -> None:
    """Forget what an application registered; live sessions keep the record."""
    replace_registered(tx, key, [])
    tx.execute(update(record).where(_is(record, key)).values(registered=False))
    tx.execute(delete(record).where(_is(record, key), record.c.live <= 0))


def rename_user(tx: Transaction, owner: str, old: str, new: str) -> None:
    """Follow a user's new name.

    An application may have registered ids under that name before anybody had it: the two become
    one record.
    """
    query = select(record).where(record.c.owner == owner, record.c.name == old)
    for row in tx.rows(query.order_by(record.c.application)):
        came, went = to_record(row), (owner, new, row.application)
        there = get(tx, went, lock=True)
        ids = registered_ids(tx, [came.key, went])
        if there is None:
            tx.execute(update(record).where(_is(record, came.key)).values(name=new))
        else:
            tx.execute(delete(record).where(_is(record, came.key)))
            tx.execute(
                update(record)
                .where(_is(record, went))
                .values(
                    live=record.c.live + came.live,
                    registered=there.registered or came.registered,
                )
            )
        replace_registered(tx, came.key, [])
        both = dict.fromkeys([*ids.get(went, ()), *ids.get(came.key, ())])
        replace_registered(tx, went, [*both])


def forget_user(tx: Transaction, owner: str, name: str) -> None:
    """Forget what applications registered for a user; live sessions keep their records."""
    mine = and_(registered_id.c.owner == owner, registered_id.c.name == name)
    tx.execute(delete(registered_id).where(mine))
    of_user = and_(record.c.owner == owner, record.c.name == name)
    tx.execute(update(record).where(of_user).values(registered=False))
    tx.execute(delete(record).where(of_user, record.c.live <= 0))
