"""Which session a token names that comes back as a hint of what shall be signed out.

Its expiry is not looked at, nor whether it was revoked: a hint lets nobody in (RP-Initiated Logout
2). On the Casdoor wire an access token may be one, too (contract 1.6).
"""

from __future__ import annotations

import msgspec

from ostiary.domain.access import Caller, user_caller
from ostiary.domain.session import Session
from ostiary.services import bearer_calls, keys
from ostiary.storage import client_sessions, sessions, users
from ostiary.storage.database import Transaction


class Hinted(msgspec.Struct, frozen=True, kw_only=True):
    """A token of ours: the client it was issued to, and who is signed in by its session.

    ``caller`` is None where that session or its user is gone.
    """

    client_id: str
    caller: Caller | None = None


def read_hint(tx: Transaction, issuer: str, hint: str) -> Hinted | None:
    """What an ID token or an access token names; None: it was not issued here.

    Args:
        tx: any transaction.
        issuer: who issues here.
        hint: as it came.
    """
    held = bearer_calls.find(tx, hint)
    if held is not None:
        client_id = held.application.client_id if held.application is not None else ""
        return Hinted(client_id=client_id, caller=_caller(tx, held.session))
    claims = keys.verify_own(tx, issuer, hint)
    if claims is None:
        return None
    named = client_sessions.by_sid(tx, str(claims.get("sid", "")))
    session = sessions.by_id(tx, named[0]) if named is not None else None
    return Hinted(client_id=str(claims.get("aud", "")), caller=_caller(tx, session))


def _caller(tx: Transaction, session: Session | None) -> Caller | None:
    user = users.by_key(tx, session.user_key) if session is not None else None
    return user_caller(user, session) if user is not None else None
