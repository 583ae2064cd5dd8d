"""One log line and one count for each request, an id for each answer, and an end to overload.

A plain ASGI application around all others, so that what no route answers is logged too. Of a
request nothing is written but its method, its path without the query, and who asked: queries,
cookies, bodies and ``Authorization`` may hold secrets (REQUIREMENTS R12).
"""

from __future__ import annotations

import os
import time
from collections.abc import MutableMapping, Sequence
from typing import Any, Final

import structlog
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, InternalServerException
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from ostiary.domain.errors import OstiaryError
from ostiary.edge.errors import status_of
from ostiary.edge.house import NOTE
from ostiary.gateways.addresses import Network, client_address
from ostiary.ops.metrics import Metrics, front_of

MOST_IN_FLIGHT: Final = 1_000
"""Requests that one process works on at a time; the next is told to come back."""

_SERVER_ERROR: Final = 500
_GONE: Final = 499
"""As nginx writes it: the client went away before it was answered."""

_WENT_AWAY: Final = "client disconnected prematurely"
"""What Litestar raises a 500 with when a client leaves in the middle of its body."""

_QUIET_FRONT: Final = "operations"
_BUSY: Final = b"The server is busy. Try again in a moment.\n"
_BROKEN: Final = b"Something went wrong on the server.\n"

_log = structlog.get_logger(__name__)


class RequestLog:
    """See the module."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        *,
        trusted: Sequence[Network] = (),
        most: int = MOST_IN_FLIGHT,
    ) -> None:
        """Wrap an application.

        Args:
            app: what answers.
            metrics: where requests are counted.
            trusted: the proxies whose ``X-Forwarded-For`` is believed.
            most: requests that are worked on at a time.
        """
        self._app = app
        self._metrics = metrics
        self._trusted = trusted
        self._most = most
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and tell of it."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = os.urandom(8).hex()
        note: MutableMapping[str, Any] = {"request_id": request_id}
        scope["state"][NOTE] = note
        header = (b"x-request-id", request_id.encode())
        status = 0

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        self._in_flight += 1
        try:
            if self._in_flight > self._most:
                await _answer(send_marked, 503, _BUSY, (b"retry-after", b"2"))
            else:
                await self._app(scope, receive, send_marked)
        except Exception as error:  # whatever went wrong outside the fronts' own care
            _log.error("request.crashed", request_id=request_id, exc_info=error)
            if status:
                raise  # an answer has begun, and cannot be taken back: uvicorn cuts it off
            await _answer(send_marked, _SERVER_ERROR, _BROKEN)
        finally:
            self._in_flight -= 1
            self._tell(scope, note, status, time.perf_counter() - started)

    def _tell(
        self, scope: Scope, note: MutableMapping[str, Any], status: int, seconds: float
    ) -> None:
        path = scope["path"]
        status = _GONE if note.pop("gone", False) else status or _GONE
        self._metrics.request(path, status, seconds)
        tell = _log.debug if front_of(path) == _QUIET_FRONT else _log.info
        tell(
            "request",
            method=scope.get("method"),
            path=path,
            status=status,
            ms=round(seconds * 1000, 1),
            address=self._address(scope),
            **note,
        )

    def _address(self, scope: Scope) -> str:
        client = scope["client"]
        forwarded = [
            value.decode("latin-1")
            for name, value in scope["headers"]
            if name == b"x-forwarded-for"
        ]
        return client_address(client[0] if client else None, forwarded, self._trusted)


async def note_exception(exception: Exception, scope: Scope) -> None:
    """Log what an operator has to know of: Litestar tells this hook of every exception.

    Refusals, which are the callers' own doing, are told by the request's status alone, unless they
    carry a detail that is for operators only.
    """
    note = scope["state"].get(NOTE, {})
    request_id = note.get("request_id", "")
    if isinstance(exception, InternalServerException) and exception.detail == _WENT_AWAY:
        note["gone"] = True
    elif isinstance(exception, OstiaryError):
        status = status_of(exception)
        if status >= _SERVER_ERROR or exception.detail:
            tell = _log.error if status >= _SERVER_ERROR else _log.warning
            tell(
                "request.refused",
                request_id=request_id,
                code=exception.code,
                detail=exception.detail or exception.text,
            )
    elif not isinstance(exception, HTTPException) or exception.status_code >= _SERVER_ERROR:
        _log.error("request.failed", request_id=request_id, exc_info=exception)


async def _answer(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", str(len(body)).encode()),
                (b"cache-control", b"no-store"),
                (b"x-content-type-options", b"nosniff"),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
