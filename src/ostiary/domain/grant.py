"""What an authorization issued, and the question whether it is good for anything still.

A *grant* is one authorization; its *tokens* are the code, the access tokens and the refresh tokens
that came of it. A token is good while its grant is, and a grant while its session is: there is one
answer to that, here, and every use of a token asks for it in the transaction that decides.
"""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from ostiary.domain.accounts import Application, User
from ostiary.domain.session import SPARES_OFFLINE_GRANTS, EndReason, Epochs, Session
from ostiary.domain.session import reason_dead as reason_session_dead


class TokenKind(enum.StrEnum):
    """What a row of tokens is."""

    CODE = "code"
    ACCESS = "access"
    REFRESH = "refresh"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """One authorization.

    ``kind`` is the grant type that it began with. ``session_id`` and ``user_key`` are None for an
    application's own (client_credentials). ``offline``: it outlives its session's ordinary end
    (contract W13). ``expires_at``: nothing that it issues is good beyond.
    """

    id: str
    kind: str
    application_key: int
    organization_key: int
    session_id: str | None = None
    user_key: int | None = None
    offline: bool = False
    born: Epochs = Epochs()
    current: Epochs = Epochs()
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    ended_reason: str = ""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A row of tokens. ``used_at``: the code was exchanged, the token rotated or revoked."""

    hash: bytes
    kind: TokenKind
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    sealed_detail: bytes = b""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A token with all that its goodness hangs on, read in one statement."""

    token: Token
    grant: Grant
    application: Application | None
    user: User | None = None
    session: Session | None = None


class Detail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a token remembers; it is kept encrypted.

    ``auth_time`` is that of the authentication which the grant came of, in seconds since 1970; it
    is copied unchanged (OpenID Connect Core 12.2). ``sid`` is what the application knows the
    session by. A code remembers its ``redirect_uri``, ``challenge`` (S256) and ``nonce`` besides; a
    refresh token the SHA-256 of the one it ``follows``, as hex digits; an access token its ``jti``.
    """

    scope: tuple[str, ...] = ()
    auth_time: int = 0
    amr: tuple[str, ...] = ()
    acr: str = ""
    sid: str = ""
    redirect_uri: str = ""
    challenge: str = ""
    nonce: str = ""
    follows: str = ""
    jti: str = ""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A request that a protocol refuses.

    ``error`` is the word registered for it, ``description`` what the client's developer may read,
    ``detail`` what the operator may besides. ``retry_after``: whole seconds; 0: waiting is no help.
    """

    error: str
    description: str = ""
    detail: str = ""
    retry_after: int = 0


def reason_dead(held: Held, now: datetime) -> str:
    """Why a token is good for nothing, for the operator; empty while it is good.

    Session and epochs must have been read in this very transaction (REQUIREMENTS R03).
    """
    if held.token.used_at is not None:
        return "used"
    if now >= held.token.expires_at:
        return "expired"
    return reason_grant_dead(held, now)


def reason_grant_dead(held: Held, now: datetime) -> str:
    """Why nothing of a grant is good any more; empty while it is."""
    grant = held.grant
    if grant.ended_at is not None:
        return grant.ended_reason or "ended"
    if now >= grant.expires_at:
        return "grant expired"
    if held.application is None or grant.born != grant.current:
        return "cut off"
    if grant.user_key is not None and (held.user is None or held.user.disabled):
        return "no such user"
    return _reason_session_dead(held, now)


def _reason_session_dead(held: Held, now: datetime) -> str:
    """What ties a grant to its session; those of applications have no tie, offline ones half of it.

    An ending that offline grants do not outlive writes it into them. A cut-off writes only later,
    and is in force before.
    """
    grant, session = held.grant, held.session
    if grant.session_id is None or (grant.offline and session is None):
        return ""
    dead = EndReason.REVOKED if session is None else reason_session_dead(session, now)
    if dead is None or (grant.offline and dead in SPARES_OFFLINE_GRANTS):
        return ""
    return dead.value
