"""Errors as pages: what happened and how to go on, never a stack.

`of_pages` answers for the routes of this front, `of_strangers` for addresses that no front owns.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
from litestar import Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from ostiary.domain import errors
from ostiary.edge.errors import headers_of, status_of
from ostiary.edge.house import AnyRequest, Visit
from ostiary.web import pages
from ostiary.web.returning import here, with_return
from ostiary.web.who import known

_log = structlog.get_logger(__name__)
_SERVER_ERROR = 500
_TITLED = frozenset({400, 403, 404, 405, 409, 413, 415, 429, 500, 503})

Handler = Callable[[AnyRequest, Any], Response[Any]]


def of_pages() -> ExceptionHandlersMap:
    """For the routes of this front."""
    return {
        errors.OstiaryError: _expected,
        HTTPException: _protocol,
        Exception: _unexpected,
    }


def of_strangers() -> ExceptionHandlersMap:
    """For addresses that no front owns: a page for people, a problem for programs (RFC 9457)."""
    return {
        errors.OstiaryError: _by_taste(_expected),
        HTTPException: _by_taste(_protocol),
        Exception: _by_taste(_unexpected),
    }


def sign_in_first(visit: Visit) -> Response[Any]:
    """To the sign-in page, which says why the session ended, and back here afterwards."""
    organization = known(visit).caller.organization
    door = f"/sign-in/{organization}" if organization else "/sign-in"
    return pages.see_other(visit, with_return(door, here(visit)))


def error_page(
    visit: Visit, status: int, text: str = "", headers: dict[str, str] | None = None
) -> Response[Any]:
    """A page that says what went wrong; for htmx a message at the top of the page that is there.

    Args:
        visit: the request.
        status: the HTTP status.
        text: the error's own public text; empty for the usual one of its status.
        headers: what the answer carries besides.
    """
    t = pages.translator_of(visit)
    name = str(status) if status in _TITLED else "other"
    fragment = pages.is_fragment(visit)
    response = pages.render(
        visit,
        "error_fragment.html" if fragment else "error.html",
        known(visit).caller,
        status=status,
        heading=t(f"error.{name}.title"),
        text=text or t(f"error.{name}.text"),
        code=status,
    )
    for header, value in (headers or {}).items():
        response.headers[header] = value
    if fragment:
        response.headers["HX-Retarget"] = "#messages"
        response.headers["HX-Reswap"] = "innerHTML show:window:top"
        response.headers["HX-Reselect"] = ".alert"
    return response


def _expected(request: AnyRequest, error: errors.OstiaryError) -> Response[Any]:
    visit = Visit(request)
    if isinstance(error, errors.NotSignedIn):
        return sign_in_first(visit)
    status = status_of(error)
    if status >= _SERVER_ERROR:
        _log.error("page.failed", code=error.code, detail=error.detail)
    return error_page(visit, status, error_text(visit, error), headers_of(error))


def error_text(visit: Visit, error: errors.OstiaryError) -> str:
    """An error's text in the reader's language, where the catalogue has it; else its own."""
    t = pages.translator_of(visit)
    key = f"problem.{error.code}"
    if not t.has(key):
        return error.text
    if isinstance(error, errors.TooManyFailures):
        return t(key, count=error.retry_after)
    return t(key)


def _protocol(request: AnyRequest, error: HTTPException) -> Response[Any]:
    return error_page(Visit(request), error.status_code, headers=_allowed(error))


def _allowed(error: Exception) -> dict[str, str]:
    """The methods that an address knows, where the error tells them (RFC 9110, 15.5.6)."""
    headers = error.headers if isinstance(error, HTTPException) else None
    return {k: v for k, v in (headers or {}).items() if k.lower() == "allow"}


def _unexpected(request: AnyRequest, error: Exception) -> Response[Any]:
    _log.error("page.crashed", path=request.scope["path"], exc_info=error)
    return error_page(Visit(request), _SERVER_ERROR)


def _by_taste(page: Handler) -> Handler:
    def answer(request: AnyRequest, error: Any) -> Response[Any]:  # noqa: ANN401 - any exception
        response = page(request, error)
        if "text/html" in request.headers.get("accept", ""):
            return response
        expected = isinstance(error, errors.OstiaryError)
        status = status_of(error) if expected else response.status_code or _SERVER_ERROR
        return Response(
            {"type": "about:blank", "title": _title(status), "status": status},
            status_code=status,
            media_type="application/problem+json",
            headers=headers_of(error) if expected else _allowed(error),
        )

    return answer


def _title(status: int) -> str:
    return HTTPStatus(status).phrase
