"""Is this session alive, and whose is it? Every answer here reads the row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from ostiary.domain.access import NOBODY, Caller, user_caller
from ostiary.domain.secrets import digest, is_secret
from ostiary.domain.session import Session, reason_dead
from ostiary.gateways.keys import Vault
from ostiary.services import users as accounts
from ostiary.services.house import House
from ostiary.storage import checks, sessions, users
from ostiary.storage.database import Transaction


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """A live session as a check tells of it."""

    session: Session
    email: str
    groups: tuple[str, ...]


def live_by_secrets(
    tx: Transaction, vault: Vault, secret_hashes: Sequence[bytes], now: datetime
) -> dict[bytes, Live]:
    """Those of some secrets whose sessions are alive, by their SHA-256.

    Args:
        tx: any transaction; one statement is asked.
        vault: opens the users' further fields, of which the groups are told.
        secret_hashes: of the presented secrets.
        now: the instant of the request.
    """
    return {
        row.secret_hash: live
        for row in checks.by_secrets(tx, secret_hashes)
        if (live := live_of(vault, row, now)) is not None
    }


def live_of(vault: Vault, row: checks.Row, now: datetime) -> Live | None:
    """A row that was just read, as a check tells of it; None: the session is not alive."""
    if row.disabled or reason_dead(row.session, now) is not None:
        return None
    groups = accounts.groups_of(vault, row.subject, row.sealed_extra)
    return Live(session=row.session, email=row.email, groups=groups)


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
