"""What went wrong, in the wire's words: one renderer for all errors of this front."""

from __future__ import annotations

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from ostiary.casdoor import envelopes
from ostiary.casdoor.envelopes import JSON, Reply
from ostiary.casdoor.reading import BadContentType, Refused
from ostiary.domain import errors
from ostiary.edge.errors import headers_of, status_of
from ostiary.edge.house import AnyRequest

WRONG = "password or code is incorrect"
"""The one text of every failed sign-in (contract W21)."""

_MINUTE = 60


def exception_handlers() -> ExceptionHandlersMap:
    """What answers when a handler of this front raises."""
    return {
        errors.OstiaryError: _of_ours,
        HTTPException: _of_litestar,
        Exception: _of_anything,
    }


def _of_ours(_: AnyRequest, error: errors.OstiaryError) -> Reply:
    if isinstance(error, BadContentType):
        body = msgspec.json.encode({"status": "error", "msg": error.text})
        return Response(body, media_type=JSON, status_code=400)
    if isinstance(error, errors.Overloaded | errors.Unavailable | errors.Misconfigured):
        # Nothing was decided: clients that look at the status only must not take it for a yes.
        status = status_of(error)
        return envelopes.refused(error.text, status_code=status, headers=headers_of(error))
    if isinstance(error, Refused | errors.CrossSite):
        return envelopes.refused(error.text)
    if isinstance(error, errors.NotSignedIn) or error.text == errors.NotAllowed.default_text:
        return envelopes.refused()
    return envelopes.error(_text_of(error))


def _text_of(error: errors.OstiaryError) -> str:
    if isinstance(error, errors.WrongCredentials):
        return WRONG
    if isinstance(error, errors.TooManyFailures):
        return _wait(error.retry_after)
    return error.text


def _wait(seconds: int) -> str:
    minutes = -(-seconds // _MINUTE)
    return (
        "You have entered the wrong password or code too many times, please wait for "
        f"{minutes} minutes and try again"
    )


def _of_litestar(_: AnyRequest, error: HTTPException) -> Reply:
    """A body that is too large, a method that does not exist."""
    return envelopes.refused(
        error.detail, status_code=error.status_code, headers=dict(error.headers or {})
    )


def _of_anything(_: AnyRequest, __: Exception) -> Reply:
    """A bug of ours: the log tells the operator of it, the answer tells the caller nothing."""
    return envelopes.refused("internal server error", status_code=500)
