"""Making tokens: what is decided becomes signed text, and rows to be written.

Signing takes far longer than writing. So it is done between two transactions: the first decides
what is to be issued, the second decides again under lock and writes only if it comes to the very
same (see `ostiary.services.issuing`).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ostiary.domain import claims
from ostiary.domain.accounts import Application
from ostiary.domain.client import OPENID, TokenFormat
from ostiary.domain.grant import Detail, Grant, TokenKind
from ostiary.domain.secrets import digest
from ostiary.gateways.entropy import new_secret
from ostiary.gateways.keys import Vault
from ostiary.services import keys
from ostiary.services.house import House
from ostiary.storage.tokens import NewToken

ID_TOKEN_LIFETIME = 3_600
"""Seconds. It says that somebody signed in, once; nothing is kept open by it."""

ACCESS_TOKEN = "at+jwt"  # noqa: S105 - a type (RFC 9068, 2.1)

ClaimsOf = Callable[["Draft", dict[str, Any]], dict[str, Any]]


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be issued. Two that are equal lead to tokens that say the same.

    ``scope`` is that of the access token, ``detail.scope`` that of the grant. ``subject`` is None
    for an application's own. ``until``: no access token is good beyond, since the session is not.
    """

    grant: Grant
    application: Application
    organization: str
    subject: claims.Subject | None
    detail: Detail
    scope: tuple[str, ...]
    until: datetime
    refreshable: bool


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A successful answer of the token endpoint (RFC 6749, 5.1; OpenID Connect Core 3.1.3.3)."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str = ""
    id_token: str = ""


class Minted(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, and the rows by which we recognise what is in it."""

    answer: TokenAnswer
    tokens: tuple[NewToken, ...]


def _unchanged(draft: Draft, said: dict[str, Any]) -> dict[str, Any]:
    del draft
    return said


@dataclass(frozen=True, slots=True)
class Shape:
    """How one front writes its tokens, where it differs from the standards.

    ``access_token`` and ``id_token`` take the draft and the standard claims, and give the claims
    that are signed. ``new_jti`` names an access token.
    """

    access_token: ClaimsOf = _unchanged
    id_token: ClaimsOf = _unchanged
    access_typ: str = ACCESS_TOKEN
    new_jti: Callable[[], str] = new_secret


STANDARD = Shape()


def needs_signature(draft: Draft) -> bool:
    """Whether minting takes the time of a signature, and reads which key signs."""
    is_opaque = draft.application.access_token_format == TokenFormat.OPAQUE.value
    return not is_opaque or _is_about_user(draft)


def mint(
    house: House,
    issuer: str,
    draft: Draft,
    now: datetime,
    *,
    follows: bytes = b"",
    shape: Shape = STANDARD,
) -> Minted:
    """Make the tokens of a draft.

    Args:
        house: signs and seals.
        issuer: who says it.
        draft: what is to be issued.
        now: the instant of issue.
        follows: the SHA-256 of the refresh token that the new one replaces.
        shape: how the front writes them.
    """
    lifetime = timedelta(seconds=draft.application.access_token_lifetime)
    expires_at = min(now + lifetime, draft.until)
    detail = msgspec.structs.replace(draft.detail, scope=draft.scope, nonce="", jti=shape.new_jti())
    is_jwt = draft.application.access_token_format != TokenFormat.OPAQUE.value
    alg = draft.application.id_token_alg
    key = keys.active_key(house, alg, now) if needs_signature(draft) else None
    if is_jwt and key is not None:
        said = _access_claims(issuer, draft, detail, now, expires_at)
        access = keys.sign_by(house, key, shape.access_token(draft, said), typ=shape.access_typ)
    else:
        access = new_secret()
    rows = [_row(house.vault, access, TokenKind.ACCESS, draft, detail, now, expires_at, jwt=is_jwt)]
    refresh = ""
    if draft.refreshable:
        refresh = new_secret()
        idle = timedelta(seconds=draft.application.refresh_token_idle)
        ends = min(now + idle, draft.grant.expires_at)
        kept = msgspec.structs.replace(draft.detail, nonce="", follows=follows.hex())
        rows.append(_row(house.vault, refresh, TokenKind.REFRESH, draft, kept, now, ends))
    id_token = ""
    if key is not None and _is_about_user(draft):
        said = _id_claims(issuer, draft, access, now)
        id_token = keys.sign_by(house, key, shape.id_token(draft, said), typ=keys.ID_TOKEN)
    answer = TokenAnswer(
        access_token=access,
        token_type="Bearer",  # noqa: S106 - a scheme
        expires_in=int((expires_at - now).total_seconds()),
        scope=" ".join(draft.scope),
        refresh_token=refresh,
        id_token=id_token,
    )
    return Minted(answer=answer, tokens=tuple(rows))


def _access_claims(
    issuer: str, draft: Draft, detail: Detail, now: datetime, expires_at: datetime
) -> dict[str, Any]:
    return claims.access_token(
        issuer=issuer,
        application=draft.application,
        grant=draft.grant,
        organization=draft.organization,
        subject=subject_of(draft),
        detail=detail,
        issued=int(now.timestamp()),
        expires=int(expires_at.timestamp()),
    )


def _is_about_user(draft: Draft) -> bool:
    """Whether there is an ID token: where the grant is about a user's identity."""
    return draft.subject is not None and OPENID in draft.scope


def _id_claims(issuer: str, draft: Draft, access_token: str, now: datetime) -> dict[str, Any]:
    if draft.subject is None:
        raise AssertionError  # then there is no ID token
    return claims.id_token(
        issuer=issuer,
        application=draft.application,
        subject=draft.subject,
        detail=msgspec.structs.replace(draft.detail, scope=draft.scope),
        at_hash=left_half(draft.application.id_token_alg, access_token),
        issued=int(now.timestamp()),
        lifetime=ID_TOKEN_LIFETIME,
    )


def subject_of(draft: Draft) -> str:
    """Whom an access token is about."""
    if draft.subject is None:
        return claims.subject_of_client(draft.application.client_id)
    return draft.subject.user.id


def left_half(alg: str, value: str) -> str:
    """The left half of a value's hash, by the hash of the algorithm (Core 3.1.3.6).

    Ed25519 signs over SHA-512 (RFC 8032), so that is its hash here, as others do it.
    """
    hashed = hashlib.new("sha512" if alg == "EdDSA" else "sha256", value.encode()).digest()
    return base64.urlsafe_b64encode(hashed[: len(hashed) // 2]).rstrip(b"=").decode()


def _row(
    vault: Vault,
    value: str,
    kind: TokenKind,
    draft: Draft,
    detail: Detail,
    now: datetime,
    expires_at: datetime,
    *,
    jwt: bool = False,
) -> NewToken:
    hashed = digest(value)
    return NewToken(
        hash=hashed,
        grant_id=draft.grant.id,
        kind=kind,
        now=now,
        expires_at=expires_at,
        sealed_detail=seal_detail(vault, hashed, detail),
        locally_checked=jwt,
    )


def seal_detail(vault: Vault, token_hash: bytes, detail: Detail) -> bytes:
    """What a token remembers, encrypted."""
    return vault.seal(msgspec.json.encode(detail), _context(token_hash))


def detail_of(vault: Vault, token_hash: bytes, sealed: bytes) -> Detail:
    """What it remembers, in clear."""
    return msgspec.json.decode(vault.unseal(sealed, _context(token_hash)), type=Detail)


def _context(token_hash: bytes) -> str:
    return f"token/{token_hash.hex()}"
