"""Errors as OAuth tells them: JSON with ``error``, the right status, and nothing to be kept."""

from __future__ import annotations

import msgspec
import structlog
from litestar import Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from ostiary.domain.errors import OstiaryError
from ostiary.domain.grant import Refused
from ostiary.edge.errors import headers_of, status_of
from ostiary.edge.house import AnyRequest

_log = structlog.get_logger(__name__)

JSON = "application/json"
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_SERVER_ERROR = 500
_BUSY = frozenset({429, 503})

BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, TOO_MANY, UNAVAILABLE = 400, 401, 403, 429, 503


def answer(
    value: object, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response[bytes]:
    """JSON that nobody keeps (RFC 6749, 5.1; REQUIREMENTS G11)."""
    return Response(
        msgspec.json.encode(value),
        status_code=status,
        media_type=JSON,
        headers={**NO_STORE, **(headers or {})},
    )


def refusal(refused: Refused) -> Response[bytes]:
    """An error of the token endpoint and its neighbours (RFC 6749, 5.2; REQUIREMENTS L03)."""
    status, headers = BAD_REQUEST, {}
    if refused.error == "invalid_client":
        status = UNAUTHORIZED
        headers["WWW-Authenticate"] = 'Basic realm="ostiary", charset="UTF-8"'
    elif refused.error == "temporarily_unavailable":
        status = UNAVAILABLE
    if refused.retry_after:
        status = TOO_MANY
        headers["Retry-After"] = str(refused.retry_after)
    return _error(refused.error, refused.description, status, headers)


def bearer_refusal(refused: Refused | None, *, status: int = 0) -> Response[bytes]:
    """An error of a protected resource (RFC 6750, 3; REQUIREMENTS L06); None: nothing was sent."""
    challenge = 'Bearer realm="ostiary"'
    if refused is None:
        return answer({}, status=UNAUTHORIZED, headers={"WWW-Authenticate": challenge})
    codes = {"invalid_token": UNAUTHORIZED, "insufficient_scope": FORBIDDEN}
    status = status or codes.get(refused.error, BAD_REQUEST)
    challenge += f', error="{refused.error}", error_description="{refused.description}"'
    if refused.error == "insufficient_scope":
        challenge += ', scope="openid"'
    headers = {"WWW-Authenticate": challenge}
    return _error(refused.error, refused.description, status, headers)


def _error(error: str, description: str, status: int, headers: dict[str, str]) -> Response[bytes]:
    said = {"error": error}
    if description:
        said["error_description"] = description
    return answer(said, status=status, headers=headers)


def exception_handlers() -> ExceptionHandlersMap:
    """For the endpoints that programs call."""
    return {OstiaryError: _expected, HTTPException: _protocol, Exception: _unexpected}


def _expected(request: AnyRequest, error: OstiaryError) -> Response[bytes]:
    del request
    status = status_of(error)
    if status >= _SERVER_ERROR and status not in _BUSY:
        return _error("server_error", OstiaryError.default_text, status, {})
    word = "temporarily_unavailable" if status in _BUSY else "invalid_request"
    return _error(word, error.text, status, headers_of(error))


def _protocol(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    del request
    kept = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
    word = "server_error" if error.status_code >= _SERVER_ERROR else "invalid_request"
    return _error(word, "", error.status_code, kept)


def _unexpected(request: AnyRequest, error: Exception) -> Response[bytes]:
    _log.error("oauth.crashed", path=request.scope["path"], exc_info=error)
    return _error("server_error", OstiaryError.default_text, _SERVER_ERROR, {})
