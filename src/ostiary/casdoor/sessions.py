"""The session calls (contract 1): what is seen, registered and ended, by the record's own key."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency

from ostiary.casdoor import envelopes
from ostiary.casdoor.callers import known
from ostiary.casdoor.envelopes import Reply
from ostiary.casdoor.paging import Listing, listing_of
from ostiary.casdoor.reading import Body, Wire
from ostiary.domain.access import require_administrator
from ostiary.domain.errors import BadInput, CurrentSession
from ostiary.domain.session import Session
from ostiary.services import records
from ostiary.services.house import Act
from ostiary.services.records import RecordView
from ostiary.storage.client_sessions import wire_time
from ostiary.storage.database import RecordKey, Transaction
from ostiary.storage.records import FIELDS, SEARCHED, RecordQuery

_KEY_PARTS = 3


@get("/get-sessions", sync_to_thread=True)
def get_sessions(wire: NamedDependency[Wire]) -> Reply:
    """Records, all of an owner's or one page (contract 1.2)."""
    act = known(wire)
    listing = listing_of(wire, searched=SEARCHED, sorted_by=FIELDS)
    owner = wire.get("owner") or None
    found, total = wire.visit.house.database.read(_listed, act, owner, listing)
    return envelopes.ok([to_wire(view) for view in found], total if listing.size else None)


def _listed(
    tx: Transaction, act: Act, owner: str | None, listing: Listing
) -> tuple[tuple[RecordView, ...], int]:
    def page(at: Listing) -> tuple[tuple[RecordView, ...], int]:
        query = RecordQuery(
            owner=owner,
            field=at.field,
            value=at.value,
            sort=at.sort,
            descending=at.descending,
            offset=at.offset,
            limit=at.size,
        )
        return records.list_records(tx, act, query)

    found, total = page(listing)
    within = listing.within(total)
    return (found, total) if within.page == listing.page else page(within)


@get("/get-session", sync_to_thread=True)
def get_session(wire: NamedDependency[Wire]) -> Reply:
    """One record, or null."""
    act = known(wire)
    key = _key_of(wire.get("sessionPkId"))
    view = wire.visit.house.database.read(records.get_record, act, key)
    return envelopes.ok(None if view is None else to_wire(view))


@get("/is-session-duplicated", sync_to_thread=True)
def is_session_duplicated(wire: NamedDependency[Wire]) -> Reply:
    """Whether somebody else holds a record."""
    act = known(wire)
    key = _key_of(wire.get("sessionPkId"))
    read = wire.visit.house.database.read
    return envelopes.ok(read(records.is_duplicated, act, key, wire.get("sessionId")))


@post("/add-session", sync_to_thread=True)
def add_session(wire: NamedDependency[Wire]) -> Reply:
    """Register ids; nobody is signed in by it (contract 1.4)."""
    act, body, key = _written(wire)
    change = wire.visit.house.database.write(
        records.add_record,
        act,
        key,
        body.texts("sessionId"),
        exclusive=body.flag("ExclusiveSignin"),
    )
    return envelopes.affected(change.affected)


@post("/update-session", sync_to_thread=True)
def update_session(wire: NamedDependency[Wire]) -> Reply:
    """Replace what is not empty; what leaves the list is ended (contract 1.3, W9)."""
    act, body, key = _written(wire)
    change = wire.visit.house.database.write(
        records.update_record,
        act,
        key,
        body.texts("sessionId"),
        created_time=body.text("createdTime"),
    )
    return envelopes.affected(change.affected)


@post("/delete-session", sync_to_thread=True)
def delete_session(wire: NamedDependency[Wire]) -> Reply:
    """End one session, or all of a record (contract 1.5)."""
    act = known(wire)
    key = _key_in(wire.body("Session"))
    session_id, write = wire.get("sessionId"), wire.visit.house.database.write
    # The second text carries a prefix that clients compare as it is.
    prefix = "" if session_id else "session:"
    try:
        if session_id:
            change = write(records.delete_id, act, key, session_id)
        else:
            change = write(records.delete_record, act, key)
    except CurrentSession as error:
        return envelopes.error(
            f"{prefix}session id {error.session_id} is the current session and cannot be deleted"
        )
    return envelopes.affected(change.affected)


def _written(wire: Wire) -> tuple[Act, Body, RecordKey]:
    """Who writes what, once it is certain that they may: names are judged after that."""
    act = known(wire)
    body = wire.body("Session")
    require_administrator(act.caller, body.text("owner"))
    body.require_plain_name()
    return act, body, _key_in(body)


def _key_in(body: Body) -> RecordKey:
    return body.text("owner"), body.text("name"), body.text("application")


def _key_of(value: str) -> RecordKey:
    """The three parts of a ``sessionPkId``; empty ones are refused by the service (W4).

    Raises:
        BadInput: it has not three parts.
    """
    parts = value.split("/")
    if len(parts) != _KEY_PARTS:
        raise BadInput("sessionPkId", f"wrong token count for session ID: {value}")
    return parts[0], parts[1], parts[2]


def to_wire(view: RecordView) -> dict[str, Any]:
    """A record as the wire shows it, the newer ``sessionInfos`` included (contract 1.1)."""
    devices = {session.id: session for session in view.sessions}
    return {
        "owner": view.record.owner,
        "name": view.record.name,
        "application": view.record.application,
        "createdTime": view.record.created_time,
        "sessionId": list(view.ids),
        "ExclusiveSignin": False,
        "sessionInfos": [_info(public_id, devices.get(public_id)) for public_id in view.ids],
    }


class _Info(msgspec.Struct, rename="camel"):
    """What is known of one id; of one that an application registered, nothing."""

    session_id: str
    ip: str = ""
    user_agent: str = ""
    created_time: str = ""
    last_active_time: str = ""


def _info(public_id: str, session: Session | None) -> _Info:
    if session is None:
        return _Info(public_id)
    return _Info(
        public_id,
        ip=session.device.address,
        user_agent=session.device.agent,
        created_time=wire_time(session.created_at),
        last_active_time=wire_time(session.last_seen_at),
    )
