"""Casdoor records: what the wire shows of sessions, and the ids that applications register.

A record shows the public ids of real sessions, oldest first, then those that applications
registered by ``add-session``. Who may touch a record is decided by its own key (contract W1).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ostiary.domain.access import (
    Caller,
    Kind,
    may_administer,
    may_touch_user,
    reach_of,
    require_administrator,
    require_fresh,
)
from ostiary.domain.accounts import LONGEST_NAME, checked_text
from ostiary.domain.errors import BadInput, CurrentSession, NotAllowed, NotSignedIn
from ostiary.domain.events import Event
from ostiary.domain.limits import RECORD_CAP
from ostiary.domain.logout import Ended
from ostiary.domain.search import Page
from ostiary.domain.session import EndReason, Session
from ostiary.gateways.keys import Vault
from ostiary.services.ending import end_sessions
from ostiary.services.house import Act
from ostiary.services.pages import paged
from ostiary.services.standing import rechecked
from ostiary.storage import audit, record_pages, records
from ostiary.storage.audit import NewEvent
from ostiary.storage.client_sessions import wire_time
from ostiary.storage.database import RecordKey, Transaction
from ostiary.storage.record_pages import RecordFilter
from ostiary.storage.records import Record, RecordQuery

LONGEST_ID = 200


class RecordView(msgspec.Struct, frozen=True, kw_only=True):
    """A record with its ids: real sessions first, then what applications registered."""

    record: Record
    sessions: tuple[Session, ...] = ()
    registered: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """What the wire calls ``sessionId``, oldest first."""
        real = [s.id for s in self.sessions]
        return (*real, *(i for i in self.registered if i not in set(real)))


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a write did: ``affected`` says whether the record was there (contract 0.1)."""

    affected: bool
    ended: Ended = Ended()


def list_records(
    tx: Transaction, act: Act, wanted: RecordQuery
) -> tuple[tuple[RecordView, ...], int]:
    """The records that match, and how many there are in all.

    Raises:
        NotAllowed, NotSignedIn: the caller may not see that owner's records.
    """
    narrowed = _within_reach(act.caller, wanted)
    return _with_ids(tx, act, records.page(tx, narrowed)), records.count(tx, narrowed)


def browse_records(
    tx: Transaction,
    act: Act,
    vault: Vault,
    chosen: RecordFilter,
    *,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[RecordView]:
    """One page of the records that match, newest first, for administrators and applications.

    Raises:
        NotAllowed, NotSignedIn: the caller administers nothing, or not the owner that is named.
        BadCursor: the cursor is not of this list.
    """
    owner = reach_of(act.caller, chosen.owner)
    reach = msgspec.structs.replace(chosen, owner=owner)
    found = paged(
        vault,
        ("records", reach),
        cursor=cursor,
        limit=limit,
        fetch=lambda after, most: record_pages.page(tx, reach, after=after, limit=most),
        position=record_pages.position_of,
        count=lambda up_to: record_pages.count(tx, reach, up_to=up_to),
    )
    return Page(
        items=_with_ids(tx, act, found.items),
        next=found.next,
        previous=found.previous,
        total=found.total,
        total_is_exact=found.total_is_exact,
    )


def _within_reach(caller: Caller, wanted: RecordQuery) -> RecordQuery:
    """Contract 2.5: a plain user sees only what is hers, administrators their organization."""
    if may_administer(caller, wanted.owner or ""):
        return wanted
    mine = wanted.owner in (None, caller.organization)
    if caller.kind is Kind.USER and mine and not caller.is_admin:
        return msgspec.structs.replace(wanted, owner=caller.organization, name=caller.name)
    require_administrator(caller, wanted.owner or "")
    return wanted


def get_record(tx: Transaction, act: Act, key: RecordKey) -> RecordView | None:
    """A record, or None when there is none.

    Raises:
        BadInput: a part of the key is empty (contract W4).
        NotAllowed, NotSignedIn: the caller may not see it.
    """
    require_touch(act.caller, key)
    found = records.get(tx, key)
    return None if found is None else next(iter(_with_ids(tx, act, [found])), None)


def is_duplicated(tx: Transaction, act: Act, key: RecordKey, session_id: str) -> bool:
    """Whether somebody else holds this record (contract 1.2).

    Raises:
        BadInput, NotAllowed, NotSignedIn: as `get_record`.
    """
    view = get_record(tx, act, key)
    if view is None or not view.ids:
        return False
    return len(view.ids) > 1 or view.ids[0] != session_id


@rechecked
def add_record(
    tx: Transaction, act: Act, key: RecordKey, ids: Sequence[str], *, exclusive: bool
) -> Change:
    """Register ids, without signing anybody in (contract 1.4, W9).

    Raises:
        BadInput: a key part is empty, an id too long, or ``exclusive`` came without an id.
        CurrentSession: the caller's own session would have to leave.
        NotAllowed, NotSignedIn: the caller does not administer the organization.
    """
    _require_administrator_of(act.caller, key)
    wanted = _checked_ids(ids)
    if exclusive and not wanted:
        raise BadInput("sessionId", "An exclusive sign-in has to name the session that stays.")
    view = _held(tx, act, key)
    if view is None:
        records.register(tx, key, wire_time(act.now))
        records.replace_registered(tx, key, wanted)
        _audit(tx, act, key, Event.RECORD_REGISTERED, before=(), after=tuple(wanted))
        return Change(affected=True)
    target = [*view.ids, *(i for i in wanted if i not in view.ids)]
    target = target[-RECORD_CAP:]
    return _become(tx, act, view, wanted[:1] if exclusive else target)


@rechecked
def update_record(
    tx: Transaction, act: Act, key: RecordKey, ids: Sequence[str], *, created_time: str
) -> Change:
    """Replace what is not empty; a session that leaves the list is ended (contract 1.3, W9).

    Raises:
        BadInput, CurrentSession, NotAllowed, NotSignedIn: as `add_record`.
    """
    _require_administrator_of(act.caller, key)
    wanted = _checked_ids(ids)
    checked_text("createdTime", created_time, longest=LONGEST_NAME)
    view = _held(tx, act, key)
    if view is None:
        return Change(affected=False)
    if created_time:
        records.set_created_time(tx, key, created_time)
    return _become(tx, act, view, wanted) if wanted else Change(affected=True)


@rechecked
def delete_id(tx: Transaction, act: Act, key: RecordKey, session_id: str) -> Change:
    """End one session of a record, or forget one registered id (contract 1.5).

    An id that is not in this record changes nothing, wherever else it may be (W1).

    Raises:
        CurrentSession: it is the caller's own session in use.
        ReauthenticationNeeded: the caller's authentication is too old.
        BadInput, NotAllowed, NotSignedIn: as `get_record`.
    """
    require_touch(act.caller, key)
    if act.caller.session_id == session_id:
        raise CurrentSession(session_id)
    view = _held(tx, act, key)
    if view is None:
        return Change(affected=False)
    require_fresh(act.caller, act.now, within=act.fresh_within)
    ended = Ended()
    if session_id in {s.id for s in view.sessions}:
        ended = end_sessions(tx, act, [session_id], EndReason.REVOKED)
    elif session_id in view.registered:
        left = [i for i in view.registered if i != session_id]
        records.replace_registered(tx, key, left)
        _audit(tx, act, key, Event.RECORD_UPDATED, before=view.ids, after=tuple(left))
    if view.record.registered and all(i == session_id for i in view.ids):
        records.unregister(tx, key)
    return Change(affected=True, ended=ended)


@rechecked
def delete_record(tx: Transaction, act: Act, key: RecordKey) -> Change:
    """End every session of a record and forget what was registered (contract 1.5).

    Raises:
        CurrentSession: the caller's own session in use is among them.
        ReauthenticationNeeded: the caller's authentication is too old.
        BadInput, NotAllowed, NotSignedIn: as `get_record`.
    """
    require_touch(act.caller, key)
    view = _held(tx, act, key)
    if view is None:
        return Change(affected=False)
    if act.caller.session_id is not None and act.caller.session_id in view.ids:
        raise CurrentSession(act.caller.session_id)
    require_fresh(act.caller, act.now, within=act.fresh_within)
    ended = end_sessions(tx, act, [s.id for s in view.sessions], EndReason.REVOKED)
    if view.record.registered:
        records.unregister(tx, key)
    _audit(tx, act, key, Event.RECORD_DELETED, before=view.ids, after=())
    return Change(affected=True, ended=ended)


def require_touch(caller: Caller, key: RecordKey) -> None:
    """Refuse a caller who may not see and end the sessions of this record.

    Raises:
        BadInput: a part of the key is empty.
        NotAllowed, NotSignedIn: it is not the caller's.
    """
    if caller.kind is Kind.NOBODY:
        raise NotSignedIn(reason=caller.dead_reason)
    _check_key(key)
    if not may_touch_user(caller, key[0], key[1]):
        raise NotAllowed(detail=f"{caller.actor} asked for the record {'/'.join(key)}")


def _require_administrator_of(caller: Caller, key: RecordKey) -> None:
    require_administrator(caller, key[0])
    _check_key(key)


def _check_key(key: RecordKey) -> None:
    for field, part in zip(("owner", "name", "application"), key, strict=True):
        if not part:
            raise BadInput(field, f"The {field} of a session must not be empty.")
        if len(part) > LONGEST_NAME:
            raise BadInput(field, f"The {field} of a session is longer than {LONGEST_NAME}.")
        if "\x00" in part:
            raise BadInput(field, f"The {field} of a session holds a NUL character.")


def _checked_ids(ids: Sequence[str]) -> list[str]:
    """Without repetitions and empty ones, which some clients send for "none" (contract 1.5)."""
    wanted = [i for i in dict.fromkeys(ids) if i]
    if any(len(i) > LONGEST_ID or "\x00" in i for i in wanted):
        raise BadInput("sessionId", f"A session id is longer than {LONGEST_ID} characters.")
    if len(wanted) > RECORD_CAP:
        raise BadInput("sessionId", f"A record holds at most {RECORD_CAP} session ids.")
    return wanted


def _held(tx: Transaction, act: Act, key: RecordKey) -> RecordView | None:
    found = records.get(tx, key, lock=True)
    return None if found is None else next(iter(_with_ids(tx, act, [found])), None)


def _become(tx: Transaction, act: Act, view: RecordView, target: Sequence[str]) -> Change:
    """Let a record hold just these ids, ending the sessions that leave it."""
    key = view.record.key
    leaving = [s.id for s in view.sessions if s.id not in target]
    if act.caller.session_id is not None and act.caller.session_id in leaving:
        raise CurrentSession(act.caller.session_id)
    ended = end_sessions(tx, act, leaving, EndReason.DISPLACED)
    real = {s.id for s in view.sessions}
    registered = [i for i in target if i not in real]
    if registered and not view.record.registered:
        records.register(tx, key, view.record.created_time)
    records.replace_registered(tx, key, registered)
    _audit(tx, act, key, Event.RECORD_UPDATED, before=view.ids, after=tuple(target))
    return Change(affected=True, ended=ended)


def _with_ids(tx: Transaction, act: Act, found: Sequence[Record]) -> tuple[RecordView, ...]:
    """Records with their ids; one whose sessions have all run out by the clock is left out."""
    live = records.live_sessions(tx, [r.key for r in found if r.live], act.now)
    own = records.registered_ids(tx, [r.key for r in found if r.registered])
    views = (
        RecordView(
            record=r,
            sessions=tuple(live.get(r.key, ())),
            registered=tuple(own.get(r.key, ())),
        )
        for r in found
    )
    return tuple(v for v in views if v.record.registered or v.sessions)


def _audit(
    tx: Transaction,
    act: Act,
    key: RecordKey,
    event: Event,
    *,
    before: tuple[str, ...],
    after: tuple[str, ...],
) -> None:
    audit.write(
        tx,
        act.now,
        [
            NewEvent(
                event=event,
                actor=act.caller.actor,
                organization=key[0],
                user=key[1],
                application=key[2],
                address=act.address,
                detail={"old": list(before), "new": list(after)},
            )
        ],
    )
