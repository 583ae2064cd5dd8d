"""Who calls is looked at again in the very transaction that writes.

A front finds out who calls in a transaction of its own. By the time the write begins, that session
may have ended, its user may have been disabled, renamed or made a plain user, the application
deleted; and what an ended session does after its ending was acknowledged would break the promise of
DESIGN section 2. So every verb that writes on somebody's behalf is `rechecked`: it locks the
caller's user and then the caller's session, which is the order in which a sign-in takes them, and
goes on with what these rows say now.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import msgspec

from ostiary.domain.access import Caller, Kind, application_caller, user_caller
from ostiary.domain.errors import NotSignedIn
from ostiary.domain.session import EndReason, reason_dead
from ostiary.services.house import Act
from ostiary.storage import applications, sessions, users
from ostiary.storage.database import Transaction

P = ParamSpec("P")
R = TypeVar("R")


def rechecked(
    verb: Callable[Concatenate[Transaction, Act, P], R],
) -> Callable[Concatenate[Transaction, Act, P], R]:
    """Let a verb begin with `as_of_now`, and so raise `NotSignedIn` for who may act no more."""

    @functools.wraps(verb)
    def checked(tx: Transaction, act: Act, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return verb(tx, as_of_now(tx, act), *args, **kwargs)

    return checked


def as_of_now(tx: Transaction, act: Act) -> Act:
    """The same act by the caller as this transaction reads it.

    Raises:
        NotSignedIn: nobody calls; or the session has ended, the user is disabled or gone, the
            application deleted.
    """
    caller = act.caller
    if caller.kind is Kind.NOBODY:
        raise NotSignedIn(reason=caller.dead_reason)
    if caller.kind is Kind.USER:
        return msgspec.structs.replace(act, caller=_user(tx, act))
    if caller.kind is Kind.APPLICATION:
        return msgspec.structs.replace(act, caller=_application(tx, caller))
    return act


def _user(tx: Transaction, act: Act) -> Caller:
    user = users.by_key(tx, act.caller.user_key or 0, lock=True)
    if user is None:
        raise NotSignedIn(reason=EndReason.USER_DELETED.value)
    if user.disabled:
        raise NotSignedIn(reason=EndReason.USER_DISABLED.value)
    if act.caller.session_id is None:
        return user_caller(user)
    session = sessions.by_id(tx, act.caller.session_id, lock=True)
    reason = reason_dead(session, act.now) if session is not None else EndReason.REVOKED
    if reason is not None:
        raise NotSignedIn(reason=reason.value)
    return user_caller(user, session)


def _application(tx: Transaction, caller: Caller) -> Caller:
    found = applications.get(tx, caller.name)
    if found is None or found.organization != caller.organization:
        raise NotSignedIn(detail=f"{caller.actor} is gone")
    return application_caller(found)
