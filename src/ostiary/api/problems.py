"""Errors as problem details (RFC 9457), for everything below /v1."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec
from litestar import Response
from litestar.datastructures import Cookie
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap
from msgspec import UNSET, Meta, UnsetType

from ostiary.domain import errors
from ostiary.edge import cookies
from ostiary.edge.errors import headers_of, status_of
from ostiary.edge.house import AnyRequest, Visit

MEDIA_TYPE = "application/problem+json"

_UNAUTHORIZED = 401
_SERVER_ERROR = 500

BY_STATUS = {
    400: "bad_input",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}
"""The codes of what the protocol itself refuses; every other code is an error's own."""


_TEXTS = {
    404: "There is nothing at this address.",
    405: "This address does not know this method; Allow names those that it knows.",
    413: "The body is larger than this server takes.",
}


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong. Programs go by `code`; `detail` is for people."""

    type: Annotated[str, Meta(description="Where this kind of problem is described.")]
    title: Annotated[str, Meta(description="The kind of problem, in a few words.")]
    status: Annotated[int, Meta(description="The HTTP status once more.", ge=400, le=599)]
    detail: Annotated[str, Meta(description="What to do about it, for people.")]
    code: Annotated[
        str, Meta(description="The kind of problem; it stays the same.", examples=["not_found"])
    ]
    field: (
        Annotated[
            str, Meta(description="What of that which was sent cannot be used.", examples=["limit"])
        ]
        | UnsetType
    ) = UNSET
    reason: (
        Annotated[
            str,
            Meta(description="Why the session that was presented has ended.", examples=["revoked"]),
        ]
        | UnsetType
    ) = UNSET


def exception_handlers() -> ExceptionHandlersMap:
    """For every address below /v1, those that do not exist too."""
    return {
        errors.OstiaryError: _expected,
        HTTPException: _protocol,
        Exception: _unexpected,
    }


def titles() -> dict[str, str]:
    """Every code that a problem can have, with its title."""
    found = {leaf.code: leaf.code for leaf in _leaves(errors.OstiaryError)}
    found.update({code: code for code in BY_STATUS.values()})
    return {code: _title(code) for code in sorted(found)}


def _leaves(base: type[errors.OstiaryError]) -> Iterable[type[errors.OstiaryError]]:
    yield base
    for child in base.__subclasses__():
        yield from _leaves(child)


def _expected(request: AnyRequest, error: errors.OstiaryError) -> Response[bytes]:
    visit = Visit(request)
    status = status_of(error)
    text = error.text
    if status == _SERVER_ERROR:
        # What the operator has to mend is none of the caller's business.
        text = errors.OstiaryError.default_text
    problem = Problem(
        type=_address(visit, error.code),
        title=_title(error.code),
        status=status,
        detail=text,
        code=error.code,
        field=_field(error) or UNSET,
        reason=(error.reason or UNSET) if isinstance(error, errors.NotSignedIn) else UNSET,
    )
    headers = headers_of(error)
    if status == _UNAUTHORIZED:
        headers["WWW-Authenticate"] = _challenge(visit)
    return _answer(problem, headers, _cleared(visit, error))


def _field(error: errors.OstiaryError) -> str:
    if isinstance(error, errors.BadInput | errors.AlreadyExists):
        return error.field
    return ""


def _protocol(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    visit = Visit(request)
    status = error.status_code
    if status >= _SERVER_ERROR:
        return _unexpected(request, error)
    code = BY_STATUS.get(status, "bad_input")
    problem = Problem(
        type=_address(visit, code),
        title=_title(code),
        status=status,
        detail=_TEXTS.get(status) or error.detail,
        code=code,
    )
    allow = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
    return _answer(problem, allow, [])


def _unexpected(request: AnyRequest, error: Exception) -> Response[bytes]:
    del error  # logged for the operator, whose business it is
    code = errors.OstiaryError.code
    problem = Problem(
        type=_address(Visit(request), code),
        title=_title(code),
        status=_SERVER_ERROR,
        detail=errors.OstiaryError.default_text,
        code=code,
    )
    return _answer(problem, {}, [])


def _answer(
    problem: Problem, headers: dict[str, str], set_cookies: list[Cookie]
) -> Response[bytes]:
    return Response(
        msgspec.json.encode(problem),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=headers,
        cookies=set_cookies,
    )


def _address(visit: Visit, code: str) -> str:
    return f"{visit.front.public_url}/v1/docs#problem-{code}"


def _title(code: str) -> str:
    return code.replace("_", " ").capitalize()


def _challenge(visit: Visit) -> str:
    """What to authenticate with (RFC 9110, 11.6.1).

    Browsers are not told of Basic: they would ask with a window of their own.
    """
    headers = visit.request.headers
    is_browser = bool(visit.cookies.session) or "sec-fetch-mode" in headers
    if is_browser and "authorization" not in headers:
        return 'Cookie realm="Ostiary"'
    return 'Basic realm="Ostiary", charset="UTF-8"'


def _cleared(visit: Visit, error: errors.OstiaryError) -> list[Cookie]:
    """Take away the cookie of a session that has ended.

    Only of one that is known to be dead: a secret that nobody knows may be one that was renewed a
    moment ago, and this answer must not take away the new one.
    """
    dead = isinstance(error, errors.NotSignedIn) and bool(error.reason)
    if not dead or not visit.cookies.session or "authorization" in visit.request.headers:
        return []
    return [cookies.delete(cookies.SESSION, secure=visit.front.secure)]
