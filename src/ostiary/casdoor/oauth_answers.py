"""What the OAuth endpoints of this wire answer: no envelope, and HTTP statuses (contract 3.4)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from litestar import Response

from ostiary.casdoor.envelopes import JSON, Reply
from ostiary.domain.accounts import Application
from ostiary.domain.grant import Refused
from ostiary.services.minting import TokenAnswer

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_BAD_REQUEST, _UNAUTHORIZED, _TOO_MANY, _UNAVAILABLE = 400, 401, 429, 503


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """A good answer; the order of its fields is the order on the wire."""

    access_token: str
    id_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    scope: str


class _Error(msgspec.Struct, frozen=True, kw_only=True):
    error: str
    error_description: str


def plain(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """JSON that nobody keeps (RFC 6749, 5.1)."""
    return Response(
        msgspec.json.encode(value),
        media_type=JSON,
        status_code=status,
        headers={**_NO_STORE, **(headers or {})},
    )


def tokens(answer: TokenAnswer) -> Reply:
    """Tokens. What was not issued is an empty text, and the two tokens are two (contract W22)."""
    return plain(
        Tokens(
            access_token=answer.access_token,
            id_token=answer.id_token,
            refresh_token=answer.refresh_token,
            token_type=answer.token_type,
            expires_in=answer.expires_in,
            scope=answer.scope,
        )
    )


def refusal(refused: Refused) -> Reply:
    """``error`` and ``error_description``: 400, and 401 with a challenge for the client itself."""
    status, headers = _BAD_REQUEST, {}
    if refused.error == "invalid_client":
        status = _UNAUTHORIZED
        headers["WWW-Authenticate"] = 'Basic realm="OAuth2"'
    elif refused.error == "temporarily_unavailable":
        status = _UNAVAILABLE
    if refused.retry_after:
        status = _TOO_MANY
        headers["Retry-After"] = str(refused.retry_after)
    said = _Error(error=refused.error, error_description=refused.description)
    return plain(said, status=status, headers=headers)


def client_refusal(refused: Refused, text: str) -> Reply:
    """Why a client is not believed, in the wire's words; an unknown one is told apart."""
    if refused.error != "invalid_client":
        return refusal(refused)
    if refused.detail == "unknown client":
        text = "client_id is invalid"
    elif not refused.detail:
        text = refused.description
    return refusal(msgspec.structs.replace(refused, description=text))


def no_secret(application: Application) -> Refused | None:
    """Why a client that has no secret may not ask this; None: it has one."""
    if not application.is_public:
        return None
    return Refused(error="invalid_client", description="the application has no client secret")
