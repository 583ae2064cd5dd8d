"""Every way in which somebody ends sessions. What is written is in `ostiary.services.ending`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from ostiary.domain.access import (
    Caller,
    Kind,
    may_touch_user,
    require_fresh,
    require_user,
)
from ostiary.domain.accounts import User
from ostiary.domain.errors import CurrentSession, NotFound, NotSignedIn
from ostiary.domain.logout import Ended
from ostiary.domain.search import SessionFilter, State
from ostiary.domain.secrets import is_public_id
from ostiary.domain.session import EndReason, Session, reason_dead
from ostiary.services.ending import end_sessions, together
from ostiary.services.house import Act, House
from ostiary.services.see import Seen, some_sessions, within_reach
from ostiary.services.standing import as_of_now, rechecked
from ostiary.storage import grants, session_pages, sessions, users
from ostiary.storage.database import Transaction

BATCH = 100
"""Sessions that one transaction ends in bulk: an ending beside it waits no longer than that."""


@rechecked
def end_one(tx: Transaction, act: Act, session_id: str) -> Ended:
    """End one session that the caller may touch, other than the one in use.

    Raises:
        NotSignedIn: nobody is calling.
        NotFound: there is none, it is dead already, or the caller may not know of it.
        CurrentSession: it is the caller's own session in use.
        ReauthenticationNeeded: the caller's authentication is too old.
    """
    return _end_one(tx, act, _touchable(tx, act, session_id))


@rechecked
def end_mine(tx: Transaction, act: Act, session_id: str) -> Ended:
    """End one of the caller's own sessions; anybody else's is not found.

    Raises:
        NotSignedIn, NotFound, CurrentSession, ReauthenticationNeeded: as `end_one`.
    """
    require_user(act.caller)
    session = _touchable(tx, act, session_id)
    if session.user_key != act.caller.user_key:
        raise NotFound(detail=f"{session_id} belongs to somebody else")
    return _end_one(tx, act, session)


@rechecked
def ensure_ended(tx: Transaction, act: Act, session_id: str, *, own: bool = False) -> Ended:
    """End one session, for programs that may ask twice: one that has ended already is no error.

    Args:
        tx: the transaction.
        act: who ends it.
        session_id: its public id.
        own: whether it has to be the caller's own.

    Raises:
        NotFound: there is none, or the caller may not know of it.
        NotSignedIn, CurrentSession, ReauthenticationNeeded: as `end_one`.
    """
    session = _known(tx, act, session_id)
    if own and session.user_key != act.caller.user_key:
        raise NotFound(detail=f"{session_id} belongs to somebody else")
    if reason_dead(session, act.now) is not None:
        return Ended()
    return _end_one(tx, act, session)


def _end_one(tx: Transaction, act: Act, session: Session) -> Ended:
    _refuse_current(act.caller, [session.id])
    require_fresh(act.caller, act.now, within=act.fresh_within)
    return end_sessions(tx, act, [session.id], EndReason.REVOKED)


@rechecked
def end_others(tx: Transaction, act: Act) -> Ended:
    """End all of the caller's own sessions but the one in use.

    Raises:
        NotSignedIn: the caller has no session.
        ReauthenticationNeeded: its authentication is too old.
    """
    user = _own_user(tx, act)
    require_fresh(act.caller, act.now, within=act.fresh_within)
    return end_of_user(tx, act, user, EndReason.REVOKED, but=act.caller.session_id)


def end_of_user(
    tx: Transaction, act: Act, user: User, reason: EndReason, *, but: str | None = None
) -> Ended:
    """End all sessions of a user, but one."""
    unended = sessions.unended_of_user(tx, user.organization_key, user.key)
    return end_sessions(tx, act, [i for i in unended if i != but], reason)


def end_access_of_user(
    tx: Transaction, act: Act, user: User, reason: EndReason, *, but: str | None = None
) -> Ended:
    """End all sessions of a user, but one, and every grant, offline ones too (contract W13).

    What disabling, deleting and a new password do.
    """
    ended = end_of_user(tx, act, user, reason, but=but)
    last = grants.end_of_user(tx, user.key, reason=reason, now=act.now, but=but)
    return together((ended, Ended(last_token_expires_at=last)))


@rechecked
def end_selected(tx: Transaction, act: Act, ids: Sequence[str]) -> Ended:
    """End the sessions that were ticked in a list; those that are gone by now are passed over.

    Raises:
        NotSignedIn: nobody is calling.
        CurrentSession: the caller's own session is among them.
        ReauthenticationNeeded: the caller's authentication is too old.
    """
    _refuse_current(act.caller, ids)
    require_fresh(act.caller, act.now, within=act.fresh_within)
    wanted = [i for i in ids if is_public_id(i)]
    mine = [
        s.id
        for s in sessions.by_ids(tx, wanted)
        if reason_dead(s, act.now) is None and may_touch_user(act.caller, s.organization, s.user)
    ]
    return end_sessions(tx, act, mine, EndReason.REVOKED)


def sign_out(tx: Transaction, act: Act) -> Ended:
    """End the caller's own session. Signing out twice is no error."""
    if act.caller.session_id is None:
        return Ended()
    return end_sessions(tx, act, [act.caller.session_id], EndReason.SIGNED_OUT)


def sign_out_of(tx: Transaction, act: Act, session_ids: Sequence[str]) -> Ended:
    """End sessions whose own browsers, or whose ID tokens, have asked for it."""
    return end_sessions(tx, act, session_ids, EndReason.SIGNED_OUT)


def sign_out_everywhere(tx: Transaction, act: Act) -> Ended:
    """End all sessions of the user who calls, the one in use too.

    A name and a password, which begin no session, are enough. Signing out twice is no error here
    either; but a session that has ended ends nothing more.
    """
    if act.caller.kind is not Kind.USER:
        return Ended()
    try:
        act = as_of_now(tx, act)
    except NotSignedIn:
        return Ended()
    user = users.by_key(tx, act.caller.user_key or 0)
    return Ended() if user is None else end_of_user(tx, act, user, EndReason.SIGNED_OUT)


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What ending a selection, or everything that matches a filter, would do."""

    sessions: int = 0
    users: int = 0
    pending: tuple[str, ...] = ()
    without_address: tuple[str, ...] = ()


def preview_selected(chosen: Sequence[Seen]) -> Preview:
    """What `end_selected` would do with these."""
    used = {c.application: c for seen in chosen for c in seen.clients if c.ended_at is None}
    told = {name for name, client in used.items() if client.can_be_told}
    return Preview(
        sessions=len(chosen),
        users=len({seen.session.user_key for seen in chosen}),
        pending=tuple(sorted(told)),
        without_address=tuple(sorted(used.keys() - told)),
    )


def preview_of(tx: Transaction, act: Act, ids: Sequence[str]) -> Preview:
    """Count what `end_selected` would end.

    Raises:
        CurrentSession: the caller's own session is among them.
    """
    _refuse_current(act.caller, ids)
    return preview_selected(some_sessions(tx, act, ids))


def preview_matching(tx: Transaction, act: Act, chosen: SessionFilter) -> Preview:
    """Count what `end_matching` would end; the caller's own session in use is never part of it.

    Raises:
        NotAllowed, NotSignedIn: the caller administers nothing of what the filter names.
    """
    reach = within_reach(act.caller, chosen)
    if reach.state is not State.LIVE:
        return Preview()
    own = act.caller.session_id
    used = session_pages.applications(tx, reach, but=own, now=act.now)
    return Preview(
        sessions=session_pages.count(tx, reach, but=own, up_to=None, now=act.now),
        users=session_pages.users(tx, reach, but=own, now=act.now),
        pending=tuple(name for name, can_be_told in used if can_be_told),
        without_address=tuple(name for name, can_be_told in used if not can_be_told),
    )


def end_matching(
    house: House,
    act: Act,
    chosen: SessionFilter,
    *,
    on_progress: Callable[[int], None] = lambda _: None,
    most: int | None = None,
) -> Ended:
    """End everything that matches a filter, but the caller's own session in use.

    It works in batches, each its own transaction, so that nobody waits for a million rows. What
    signs in while it works and matches is ended as well.

    Args:
        house: the installation.
        act: who does it.
        chosen: what to end.
        on_progress: told how many have ended so far, after each batch.
        most: stop after so many, rounded up to whole batches, so that a page can show how far it
            is; fewer than that in the answer means finished. None: go on to the end.

    Raises:
        NotAllowed, NotSignedIn: the caller administers nothing of what the filter names.
        ReauthenticationNeeded: the caller's authentication is too old.
    """
    require_fresh(act.caller, act.now, within=act.fresh_within)
    within_reach(act.caller, chosen)
    outcomes: list[Ended] = []
    people: set[int] = set()
    done = 0
    while most is None or done < most:
        outcome, owners = house.database.write(_end_batch, act, chosen)
        if not owners:
            break
        people |= owners
        outcomes.append(outcome)
        done += outcome.count
        on_progress(done)
    return msgspec.structs.replace(together(outcomes), users=len(people))


@rechecked
def _end_batch(tx: Transaction, act: Act, chosen: SessionFilter) -> tuple[Ended, set[int]]:
    """End up to a batch of what matches; no owners: nothing is left.

    Each batch asks anew what the caller may reach: who is no administrator any more stops here.

    That somebody else ended the whole batch meanwhile does not mean that nothing is left.
    """
    if chosen.state is not State.LIVE:
        return Ended(), set()
    reach = within_reach(act.caller, chosen)
    wanted = session_pages.ids(tx, reach, but=act.caller.session_id, limit=BATCH, now=act.now)
    owners = {s.user_key for s in sessions.by_ids(tx, wanted)}
    return end_sessions(tx, act, wanted, EndReason.ADMIN_BULK), owners


def _touchable(tx: Transaction, act: Act, session_id: str) -> Session:
    """A live session that the caller may touch; every other one is the same "not found"."""
    session = _known(tx, act, session_id)
    if reason_dead(session, act.now) is not None:
        raise NotFound("This session has ended already.")
    return session


def _known(tx: Transaction, act: Act, session_id: str) -> Session:
    """A session that the caller may touch, dead or alive, held until the commit."""
    session = sessions.by_id(tx, session_id, lock=True) if is_public_id(session_id) else None
    if session is None or not may_touch_user(act.caller, session.organization, session.user):
        raise NotFound(detail=f"{act.caller.actor} asked for session {session_id!r}")
    return session


def _refuse_current(caller: Caller, ids: Sequence[str]) -> None:
    if caller.session_id is not None and caller.session_id in ids:
        raise CurrentSession(caller.session_id)


def _own_user(tx: Transaction, act: Act) -> User:
    require_user(act.caller)
    user = users.by_key(tx, act.caller.user_key or 0)
    if user is None:
        raise NotSignedIn(detail="the user is gone")
    return user
