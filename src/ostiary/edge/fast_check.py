"""``GET`` and ``HEAD /check``, answered inside the HTTP parser (DESIGN section 9).

A subclass of uvicorn's protocol, which is pinned for its sake: `require_known_uvicorn` refuses to
work with one that looks different. It takes a request whose parsed path is ``/check`` and that
needs nothing but the session's cookie. Everything else, a request behind an unfinished one too,
goes its ordinary way to the application, whose route ``/check`` answers the same bytes.

It also guards what uvicorn leaves open: a head that never ends, and a connection that never asks.
"""

from __future__ import annotations

import asyncio
import inspect
from hashlib import sha256
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ostiary.domain.errors import Misconfigured
from ostiary.edge import cookies
from ostiary.edge.check_answer import UNAUTHORIZED, Beginnings
from ostiary.edge.checks import Checks, Question

PATH = b"/check"

LARGEST_HEAD = 65_536
"""Bytes of a request's head; a larger one is answered with 431."""

MOST_WAITING = 256
"""Pipelined checks of one connection that may wait; then it is not read on."""

LAST_CHANCE = 1.0
"""Seconds in which a connection that was made before the server stops may begin its request."""

_SECRET_LENGTH = 43

# These ask for more than the session's cookie can answer: the plain route takes them.
_NOT_FAST = frozenset(
    {
        b"content-length",
        b"transfer-encoding",
        b"x-forwarded-host",
        b"x-forwarded-uri",
        b"x-forwarded-method",
        b"x-original-uri",
        b"x-original-url",
        b"x-original-method",
    }
)

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)
_END = b"\r\n"
_END_AND_CLOSE = b"connection: close\r\n\r\n"


class _Signal:
    """Somebody whom nobody waits for."""

    def set(self) -> None:
        """Do nothing."""


class _StandIn:
    """Stands where uvicorn keeps the request it is answering, while checks wait."""

    __slots__ = (
        "body",
        "disconnected",
        "keep_alive",
        "message_event",
        "more_body",
        "response_complete",
    )

    def __init__(self) -> None:
        self.body = bytearray()
        self.disconnected = False
        self.keep_alive = True
        self.message_event = _Signal()
        self.more_body = False
        self.response_complete = True


class FastCheck(HttpToolsProtocol):
    """See the module. `protocol_for` makes the class that a server is started with."""

    checks: ClassVar[Checks | None] = None
    cookie: ClassVar[bytes] = b""
    beginnings: ClassVar[Beginnings] = Beginnings()
    cycle: Any  # uvicorn's, or the stand-in

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; a connection that asks nothing is closed like one that asks nothing more."""
        super().connection_made(transport)
        self.unread = 0
        self._waiting = 0
        self._stand_in = _StandIn()
        self._head_began_here = False
        self._in_head = False
        self._head_size = 0
        self._leaving = False
        self._used = self.loop.time()
        self._arm(self.timeout_keep_alive)

    # What arrives

    def data_received(self, data: bytes) -> None:
        """Parse; the timer is not stopped and started for each request, it looks when it fires."""
        self._used = self.loop.time()
        timer, self.timeout_keep_alive_task = self.timeout_keep_alive_task, None
        super().data_received(data)
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = timer
        elif timer is not None:
            timer.cancel()
        if self._in_head:
            self._count_head(len(data))

    def on_message_begin(self) -> None:
        """Wait with what only the application needs until it is known that it is asked."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._in_head = self._head_began_here = True
        self._head_size = 0

    def on_headers_complete(self) -> None:
        """Take a check, or hand the request on."""
        self._in_head = False
        url = self.url
        plain = url == PATH or (url.startswith(b"/check?") and b"redirect" not in url)
        if plain and self._take():
            if self._leaving:
                super().shutdown()
            return
        headers, expect = self.headers, self.expect_100_continue
        if len(url) + sum(len(n) + len(v) for n, v in headers) > LARGEST_HEAD:
            self._refuse_head()
            return
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect
        self.headers.extend(headers)
        super().on_headers_complete()
        if self._leaving:
            super().shutdown()

    def on_body(self, body: bytes) -> None:
        """A check has none."""
        if self.cycle is not self._stand_in:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """A check was complete with its headers."""
        if self.cycle is not self._stand_in:
            super().on_message_complete()

    def _take(self) -> bool:
        """Ask the question, if it is one and the connection is not busy with something else."""
        checks, cycle = self.checks, self.cycle
        if (
            checks is None
            or (cycle is not None and cycle is not self._stand_in and not cycle.response_complete)
            or self.pipeline
            or self.limit_concurrency is not None
            or self.expect_100_continue
            or self.parser.should_upgrade()
            or self.parser.get_method() not in {b"GET", b"HEAD"}
        ):
            return False
        values: set[bytes] = set()
        for name, value in self.headers:
            if name == b"cookie":
                self._collect(value, values)
            elif name in _NOT_FAST:
                return False
        keep = self.parser.get_http_version() == "1.1" and self.parser.should_keep_alive()
        self.cycle = self._stand_in
        self._stand_in.response_complete = False
        self._waiting += 1
        secret = values.pop() if len(values) == 1 else b""
        if len(secret) != _SECRET_LENGTH and not self.unread and self._waiting == 1:
            self.answer(UNAUTHORIZED, b"", keep_alive=keep)
        else:
            digest = sha256(secret).digest()
            checks.ask(Question(self, digest, keep))
            if self._waiting >= MOST_WAITING:
                self.flow.pause_reading()
        return True

    def _collect(self, header: bytes, values: set[bytes]) -> None:
        """The values of our cookie; two different ones are as good as none (`edge.cookies`)."""
        for pair in header.split(b";"):
            name, _, value = pair.strip().partition(b"=")
            if name == self.cookie:
                values.add(value)

    # What is answered

    def answer(self, status: int, told: bytes, *, keep_alive: bool) -> None:
        """Write an answer, then go on with what waited behind it."""
        self._waiting -= 1
        if self._waiting == 0:
            self._stand_in.response_complete = True
        transport = self.transport
        if transport.is_closing():
            return
        self.server_state.total_requests += 1
        beginning = self.beginnings.of(status, self.server_state.default_headers)
        if keep_alive and self._stand_in.keep_alive:
            transport.write(b"".join((beginning, told, _END)))
        else:
            transport.write(b"".join((beginning, told, _END_AND_CLOSE)))
            transport.close()
            return
        if self._waiting == 0:
            self._go_on()

    def _go_on(self) -> None:
        if self.pipeline:
            super().on_response_complete()
            return
        if self.flow.read_paused and not self.flow.write_paused:
            self.flow.resume_reading()
        if self.timeout_keep_alive_task is None:
            self._arm(self.timeout_keep_alive)

    def pause_writing(self) -> None:
        """Read nothing more from a client that does not read what it asked for."""
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        """Read on, unless a request before it is still being answered."""
        super().resume_writing()
        if not self.pipeline and self._waiting < MOST_WAITING:
            self.flow.resume_reading()

    # What is guarded

    def shutdown(self) -> None:
        """Stop after what is being answered; a connection that was just made may ask once.

        uvicorn would close it, and a client whose request is on its way would get no answer.
        """
        if self.cycle is not None:
            super().shutdown()
            return
        self._leaving = True
        self.loop.call_later(LAST_CHANCE, self._close_unasked)

    def _close_unasked(self) -> None:
        if self.cycle is None and not self._in_head:
            self.transport.close()

    def owes(self) -> object | None:
        """What the client has begun to send and has not finished.

        Returns:
            The same object as long as it makes no progress: for a head, that it is complete, and
            for a body, that more of it comes. None: nothing is owed.
        """
        if self._in_head:
            return self.headers
        cycle = self.cycle
        if cycle is not None and cycle.more_body and not cycle.response_complete:
            return self._used
        return None

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection on which nothing arrived for long and nothing is being answered."""
        self.timeout_keep_alive_task = None
        if self._waiting or (self.cycle is not None and not self.cycle.response_complete):
            return  # whoever answers arms the timer again
        left = self._used + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._arm(left)
        else:
            super().timeout_keep_alive_handler()

    def _arm(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def _count_head(self, size: int) -> None:
        """Count what arrived of a head after the piece that it began in, which is bounded."""
        if self._head_began_here:
            self._head_began_here = False
            return
        self._head_size += size
        if self._head_size > LARGEST_HEAD:
            self._refuse_head()

    def _refuse_head(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()


def protocol_for(checks: Checks | None, *, secure: bool) -> type[FastCheck]:
    """The protocol class of one server.

    Args:
        checks: who answers; None: everything goes to the application.
        secure: whether browsers reach us by https, which decides the cookie's name.
    """
    name = ("__Host-" if secure else "") + cookies.SESSION

    class Protocol(FastCheck):
        """With this server's checks."""

    Protocol.checks = checks
    Protocol.cookie = name.encode()
    Protocol.beginnings = Beginnings()
    return Protocol


_OVERRIDDEN = {
    "connection_made": ("self", "transport"),
    "data_received": ("self", "data"),
    "on_message_begin": ("self",),
    "on_headers_complete": ("self",),
    "on_body": ("self", "body"),
    "on_message_complete": ("self",),
    "on_response_complete": ("self",),
    "pause_writing": ("self",),
    "resume_writing": ("self",),
    "shutdown": ("self",),
    "timeout_keep_alive_handler": ("self",),
}


def require_known_uvicorn(protocol: type[Any] = HttpToolsProtocol) -> None:
    """Refuse a uvicorn whose protocol class is not the one that this module was written for.

    Raises:
        Misconfigured: a method is missing or takes something else.
    """
    for name, parameters in _OVERRIDDEN.items():
        method = getattr(protocol, name, None)
        if method is None or tuple(inspect.signature(method).parameters) != parameters:
            raise Misconfigured(f"This uvicorn's HTTP protocol has another {name}().")
