"""What is asked about tokens that are there: what they tell, what they are, and their giving up."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime
from typing import Any

import msgspec

from ostiary.domain import claims
from ostiary.domain.accounts import Application
from ostiary.domain.claims import Subject
from ostiary.domain.client import OPENID
from ostiary.domain.events import Event
from ostiary.domain.grant import Detail, Held, Refused, TokenKind, reason_dead, reason_grant_dead
from ostiary.domain.secrets import digest
from ostiary.domain.session import EndReason
from ostiary.gateways.keys import Vault
from ostiary.services.house import Act
from ostiary.services.issuing import audit_grant, by_client, hold
from ostiary.services.minting import detail_of
from ostiary.services.users import extra_of
from ostiary.storage import changes, grants, tokens
from ostiary.storage.changes import Change
from ostiary.storage.database import Transaction

_LONGEST_PRESENTED = 16_384


class Bearer(msgspec.Struct, frozen=True, kw_only=True):
    """A good access token, with what it stands for."""

    held: Held
    detail: Detail


def bearer(tx: Transaction, vault: Vault, act: Act, token: str) -> Bearer | None:
    """A good access token; None: it is unknown, expired, revoked, or its session has ended.

    Args:
        tx: any transaction; one statement is asked.
        vault: opens what the token remembers.
        act: when.
        token: as it came.
    """
    found = _good(tx, act, token)
    if found is None or found.token.kind is not TokenKind.ACCESS:
        return None
    sealed = found.token.sealed_detail
    return Bearer(held=found, detail=detail_of(vault, found.token.hash, sealed))


def _good(tx: Transaction, act: Act, token: str) -> Held | None:
    if not token or len(token) > _LONGEST_PRESENTED:
        return None
    found = tokens.find(tx, digest(token))
    return found if found is not None and not reason_dead(found, act.now) else None


def userinfo(
    tx: Transaction, vault: Vault, act: Act, token: str
) -> tuple[dict[str, Any] | Refused, Application | None]:
    """What an access token lets somebody know about its user (OpenID Connect Core 5.3).

    Returns:
        The claims, or ``invalid_token``, ``insufficient_scope``; and whose token it is, if good.
    """
    found = bearer(tx, vault, act, token)
    if found is None:
        text = "The access token is unknown, expired or revoked, or its session has ended."
        return Refused(error="invalid_token", description=text), None
    user, client = found.held.user, found.held.application
    if user is None or OPENID not in found.detail.scope:
        text = "The scope openid is needed."
        return Refused(error="insufficient_scope", description=text), client
    subject = Subject(user=user, extra=extra_of(vault, user))
    return {"sub": user.id, **claims.of_user(subject, found.detail.scope)}, client


class Introspected(msgspec.Struct, frozen=True, kw_only=True):
    """What a token is, and how long that is so.

    Until ``until``, unless there is a change of something that ``names`` (see
    `ostiary.storage.live_view`).
    """

    claims: dict[str, Any]
    until: datetime
    names: tuple[Hashable, ...]


def introspect(
    tx: Transaction, vault: Vault, act: Act, issuer: str, application: Application, token: str
) -> dict[str, Any] | None:
    """The claims of `introspection`."""
    found = introspection(tx, vault, act, issuer, application, token)
    return None if found is None else found.claims


def introspection(
    tx: Transaction, vault: Vault, act: Act, issuer: str, application: Application, token: str
) -> Introspected | None:
    """What a token is (RFC 7662, 2.2); None: nothing that this application may know of.

    An application may ask about its own tokens, and about access tokens of its organization's
    applications, which come to it when they call it.

    Args:
        tx: any transaction; one statement is asked.
        vault: opens what the token remembers.
        act: when.
        issuer: who issued it.
        application: who asks, authenticated.
        token: as it came.
    """
    found = _good(tx, act, token)
    owner = found.application if found is not None else None
    if found is None or owner is None or found.token.kind is TokenKind.CODE:
        return None
    is_access = found.token.kind is TokenKind.ACCESS
    is_own = owner.key == application.key
    if not is_own and not (is_access and owner.organization == application.organization):
        return None
    detail = detail_of(vault, found.token.hash, found.token.sealed_detail)
    return Introspected(
        claims=_described(issuer, found, owner, detail),
        until=_until(found),
        names=_names(found, application),
    )


def _until(held: Held) -> datetime:
    """When it is over by the clock alone."""
    until = min(held.token.expires_at, held.grant.expires_at)
    if held.session is not None and not held.grant.offline:
        until = min(until, held.session.idle_expires_at)
    return until


def _names(held: Held, asker: Application) -> tuple[Hashable, ...]:
    """Everything whose change may make an answer about an access token another one."""
    grant, session = held.grant, held.session
    about: list[Hashable] = [
        ("grant", grant.id),
        ("organization", grant.organization_key),
        ("application", grant.application_key),
        ("application", asker.key),
    ]
    if grant.user_key is not None:
        about.append(("user", grant.user_key))
    if session is not None:
        about += [session.id, ("application", session.application_key)]
    return tuple(dict.fromkeys(about))


def _described(issuer: str, found: Held, owner: Application, detail: Detail) -> dict[str, Any]:
    user = found.user
    said: dict[str, Any] = {
        "active": True,
        "iss": issuer,
        "client_id": owner.client_id,
        "aud": owner.client_id,
        "sub": user.id if user is not None else claims.subject_of_client(owner.client_id),
        "scope": " ".join(detail.scope),
        "iat": int(found.token.created_at.timestamp()),
        "exp": int(found.token.expires_at.timestamp()),
        "organization": user.organization if user is not None else owner.organization,
    }
    if found.token.kind is TokenKind.ACCESS:
        said |= {"token_type": "Bearer", "jti": detail.jti}
    if user is not None:
        said |= {
            "username": user.name,
            "auth_time": detail.auth_time,
            "amr": list(detail.amr),
            "acr": detail.acr,
            **({"grant_id": found.grant.id} if found.grant.offline else {"sid": detail.sid}),
        }
    return said


def revoke(tx: Transaction, act: Act, application: Application, token: str) -> bool:
    """Give a token up (RFC 7009, 2.1), and say whether there was one to give up.

    A refresh token takes its whole grant with it, a spent one too: the client may have lost what
    came after it, and means to leave. An access token goes alone. Another client's token is left
    alone, and the answer does not tell.
    """
    found = tokens.find(tx, digest(token)) if 0 < len(token) <= _LONGEST_PRESENTED else None
    found = hold(tx, found) if found is not None else None
    if found is None or found.grant.application_key != application.key:
        return False
    if found.token.kind is TokenKind.CODE:
        return False
    is_refresh = found.token.kind is TokenKind.REFRESH
    if reason_grant_dead(found, act.now) if is_refresh else reason_dead(found, act.now):
        return False
    if is_refresh:
        grants.end_one(tx, found.grant.id, reason=EndReason.REVOKED, now=act.now)
    else:
        tokens.use(tx, found.token.hash, act.now)
        changes.append(tx, Change.GRANT, act.now, [{"session_id": found.grant.id}])
    what: dict[str, object] = {"what": found.token.kind.value}
    audit_grant(tx, by_client(act, application), Event.GRANT_REVOKED, found, what)
    return True
