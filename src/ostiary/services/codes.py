"""Authorization codes: what an authorization of a signed-in user writes."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from ostiary.domain.accounts import Application
from ostiary.domain.client import OFFLINE, GrantType
from ostiary.domain.errors import NotSignedIn
from ostiary.domain.grant import Detail, Grant, TokenKind
from ostiary.domain.secrets import digest
from ostiary.domain.session import Epochs, Session
from ostiary.gateways.entropy import new_public_id, new_secret
from ostiary.gateways.keys import Vault
from ostiary.services.entering import enter
from ostiary.services.house import Act
from ostiary.services.minting import seal_detail
from ostiary.storage import applications, client_sessions, grants, sessions, tokens
from ostiary.storage.database import Transaction
from ostiary.storage.tokens import NewToken

LIFETIME = timedelta(seconds=60)
"""ASVS 10.4.3 asks for ten minutes at most, and for one at its third level (D07)."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a code is bound to, and leads to. ``challenge``: PKCE's, S256; empty: none."""

    scope: tuple[str, ...]
    redirect_uri: str = ""
    challenge: str = ""
    nonce: str = ""


def issue(tx: Transaction, act: Act, vault: Vault, application: str, asked: Asked) -> str:
    """Let the caller's session be used in an application, and make a code that says so.

    The client session is written before anything is issued, so that the application is told of the
    session's end whatever becomes of its tokens (Back-Channel Logout 2.3).

    Args:
        tx: the transaction.
        act: the user, by a session.
        vault: seals what the code remembers.
        application: the client's name.
        asked: what was asked for and granted.

    Raises:
        NotSignedIn: the caller's session is not alive.
        NotFound, NotAllowed: the application is gone, or not open to this user.
    """
    enter(tx, act, application)
    session = sessions.by_id(tx, act.caller.session_id or "")
    client = applications.get(tx, application)
    if session is None or client is None:
        raise NotSignedIn
    grant = _grant(act, session, client, asked)
    grants.add(tx, grant)
    code = new_secret()
    detail = Detail(
        scope=asked.scope,
        auth_time=int(session.authenticated_at.timestamp()),
        amr=session.amr,
        acr=session.acr,
        sid=client_sessions.sid_of(tx, session.id, client.key),
        redirect_uri=asked.redirect_uri,
        challenge=asked.challenge,
        nonce=asked.nonce,
    )
    row = NewToken(
        hash=digest(code),
        grant_id=grant.id,
        kind=TokenKind.CODE,
        now=act.now,
        expires_at=act.now + LIFETIME,
        sealed_detail=seal_detail(vault, digest(code), detail),
    )
    tokens.add(tx, [row])
    return code


def _grant(act: Act, session: Session, client: Application, asked: Asked) -> Grant:
    lasts = timedelta(seconds=client.access_token_lifetime) + LIFETIME
    if GrantType.REFRESH_TOKEN.value in client.grant_types:
        lasts = max(lasts, timedelta(seconds=client.refresh_token_absolute))
    born = Epochs(
        organization=session.current.organization,
        user=session.current.user,
        application=client.epoch,
    )
    return Grant(
        id=new_public_id(),
        kind=GrantType.AUTHORIZATION_CODE.value,
        application_key=client.key,
        organization_key=session.organization_key,
        session_id=session.id,
        user_key=session.user_key,
        offline=OFFLINE in asked.scope,
        born=born,
        current=born,
        created_at=act.now,
        expires_at=act.now + lasts,
    )
