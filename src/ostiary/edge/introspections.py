"""Introspections that come again, answered without asking the store (DESIGN section 2).

A resource server asks about one token with each request that brings it, in the very same words. So
what was answered is remembered by these words, and told again while it is provably current: until
the clock ends it, or a change is committed of anything that it hung on. The view is that of
`ostiary.storage.live_view`, with the same order of steps: it hears of every change that was
committed before the question was complete, and then answers.

Only good access tokens are remembered, and only for who proves itself by a secret: an assertion is
used up by its first use. What is not remembered goes its ordinary way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Hashable, Iterator, MutableMapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import msgspec
import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from ostiary.edge.house import NOTE, AnyRequest
from ostiary.services.house import House
from ostiary.services.tokens import Introspected
from ostiary.storage.live_view import LiveView, SqliteGate

_log = structlog.get_logger(__name__)

PATH = "/oauth/introspect"
CAPACITY = 20_000
LARGEST_BODY = 16_384
"""Bytes of a question that is looked up; a larger one goes its ordinary way."""

_OK = 200
_FOUND = "ostiary_introspected"
_WORDS = (b"authorization", b"content-type")
"""The headers that an answer hangs on, besides the body."""


class Answer(msgspec.Struct, gc=False):
    """An answer as it was sent. ``until``: in seconds since 1970. ``note``: for the log line."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    note: tuple[tuple[str, Any], ...]
    until: float
    names: tuple[Hashable, ...]
    proved_at: int = 0


def remember(request: AnyRequest, found: Introspected) -> None:
    """Let the answer to this request be told again to who asks in the same words."""
    request.scope["state"][_FOUND] = found


class Introspections:
    """A plain ASGI application around the fronts. See the module.

    The view belongs to the event loop's thread: it is there from its start-up to its shut-down, and
    only on SQLite, where a gate tells of changes.
    """

    def __init__(self, app: ASGIApp, house: House) -> None:
        """Wrap an application."""
        self._app = app
        self._house = house
        self._view: LiveView[Answer] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from the view, or let the application answer and remember it."""
        kind: str = scope["type"]
        if kind == "lifespan":
            with self._remembering():
                await self._app(scope, receive, send)
        elif self._view is not None and kind == ScopeType.HTTP and _is_question(scope):
            await self._answer(self._view, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    @contextmanager
    def _remembering(self) -> Iterator[None]:
        if not self._house.database.is_postgresql:
            self._view = LiveView(SqliteGate(self._house.database), capacity=CAPACITY)
        try:
            yield
        finally:
            view, self._view = self._view, None
            if view is not None:
                view.close()

    async def _answer(
        self, view: LiveView[Answer], scope: Scope, receive: Receive, send: Send
    ) -> None:
        pieces, body = await _read(receive)
        digest = _digest(scope, body) if body else None
        if digest is None or not _is_current(view):
            await self._app(scope, _again(pieces, receive), send)
            return
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        # The question is complete: whatever was committed before now is heard of.
        known = view.get(digest)
        if known is not None and self._house.clock().timestamp() < known.until:
            state.get(NOTE, {}).update(known.note)
            start = {"type": "http.response.start", "status": _OK, "headers": list(known.headers)}
            await send(start)  # type: ignore[arg-type]
            await send({"type": "http.response.body", "body": known.body, "more_body": False})
            return
        read_at = view.position
        kept = _Kept(send)
        await self._app(scope, _again(pieces, receive), kept.send)
        found: Introspected | None = state.pop(_FOUND, None)
        if found is not None and kept.is_whole and view is self._view:
            view.put(digest, kept.answer(found, state.get(NOTE, {})), read_at=read_at)


def _is_question(scope: Any) -> bool:  # noqa: ANN401 - of HTTP, which has a method
    return bool(scope["path"] == PATH and scope["method"] == "POST")


def _is_current(view: LiveView[Answer]) -> bool:
    try:
        view.refresh()
    except sqlite3.Error:
        _log.exception("introspections.not_current")
        return False
    return True


async def _read(receive: Receive) -> tuple[list[Any], bytes]:
    """The pieces in which a body came, and all of it; empty: it is none to look up by."""
    pieces: list[Any] = []
    body = b""
    while len(body) <= LARGEST_BODY:
        piece: Any = await receive()
        pieces.append(piece)
        if piece["type"] != "http.request":  # the client has gone
            return pieces, b""
        body += piece.get("body", b"")
        if not piece.get("more_body"):
            return pieces, body if len(body) <= LARGEST_BODY else b""
    return pieces, b""


def _again(pieces: list[Any], receive: Receive) -> Receive:
    """Give back what was read already, and then what follows."""
    waiting = iter(pieces)

    async def receive_again() -> Any:  # noqa: ANN401 - one of ASGI's messages
        for piece in waiting:
            return piece
        return await receive()

    return receive_again


def _digest(scope: Scope, body: bytes) -> bytes | None:
    """What the words of a question are known by; None: they say something twice."""
    words = sha256(b"%d:%s" % (len(body), body))
    for name in _WORDS:
        values = [value for other, value in scope["headers"] if other == name]
        if len(values) > 1:
            return None
        for value in values:
            words.update(b"%s:%d:%s" % (name, len(value), value))
    return words.digest()


class _Kept:
    """What an application sends, passed on and kept."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._headers: tuple[tuple[bytes, bytes], ...] = ()
        self._body = b""
        self.is_whole = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == _OK:
            self._headers = tuple((bytes(n), bytes(v)) for n, v in message["headers"])
        elif message["type"] == "http.response.body" and self._headers:
            self._body += message["body"]
            self.is_whole = not message.get("more_body", False)
        await self._send(message)

    def answer(self, found: Introspected, note: MutableMapping[str, Any]) -> Answer:
        """What to remember of it."""
        return Answer(
            headers=self._headers,
            body=self._body,
            note=tuple((name, value) for name, value in note.items() if name != "request_id"),
            until=found.until.timestamp(),
            names=found.names,
        )
