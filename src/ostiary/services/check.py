"""Is this session alive, and whose is it? Every answer reads the row."""

from __future__ import annotations

from datetime import datetime

from ostiary.domain.access import NOBODY, Caller, user_caller
from ostiary.domain.secrets import digest, is_secret
from ostiary.domain.session import Session, reason_dead
from ostiary.services.house import House
from ostiary.storage import sessions, users
from ostiary.storage.database import Transaction


def caller_of(house: House, secret: str, now: datetime, *, active: bool = True) -> Caller:
    """Who presents this cookie; nobody when its session is unknown, ended or expired.

    Args:
        house: the installation.
        secret: the session cookie's value, as it was sent.
        now: the instant of the request.
        active: whether this counts as a use of the session (DESIGN section 2, "Activity is").
    """
    if not is_secret(secret):
        return NOBODY
    caller, session = house.database.read(_find, digest(secret), now)
    if session is not None and active:
        house.activity.note(house.database, session, now)
    return caller


def _find(tx: Transaction, secret_hash: bytes, now: datetime) -> tuple[Caller, Session | None]:
    session = sessions.by_secret(tx, secret_hash)
    if session is None:
        return NOBODY, None
    reason = reason_dead(session, now)
    user = users.by_key(tx, session.user_key)
    if reason is not None or user is None or user.disabled:
        # The organization is kept, so that the sign-in page knows whose it should be.
        dead = reason.value if reason is not None else "user_disabled"
        return Caller(dead_reason=dead, organization=session.organization), None
    return user_caller(user, session), session
