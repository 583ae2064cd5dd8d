"""A server in this process whose ``/check`` is answered in the parser, and raw sockets to ask it.

with serving(installation) as port, talking(port) as talk:
    talk.send(b"GET /check HTTP/1.1\r\nHost: x\r\n\r\n")
    assert talk.answer().status == 401
"""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import uvicorn

from ostiary.edge.checks import Checks
from ostiary.edge.fast_check import protocol_for
from ostiary.storage.live_view import CAPACITY, LiveView, SqliteGate
from tests.support.installation import Installation


@dataclass
class Answer:
    """One answer, with lower-case header names."""

    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes


class Talk:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._buffer = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, *, head_only: bool = False) -> Answer:
        """The next answer; one without a body, whatever its length says, when ``head_only``."""
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
        length = 0 if head_only else int(headers.get("content-length", "0"))
        while len(self._buffer) < length:
            self._more()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Answer(int(status.split()[1]), headers, body, head + b"\r\n\r\n")

    def is_closed(self) -> bool:
        """Whether the other side closes, with nothing more to say."""
        try:
            return not self._buffer and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.socket.close()

    def _more(self) -> None:
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError(self._buffer)
        self._buffer += data


@contextmanager
def talking(port: int) -> Iterator[Talk]:
    """A connection that is closed again."""
    with closing(Talk(port)) as talk:
        yield talk


class Serving:
    """The server; its ``loop`` and ``checks`` are there for tests that reach inside."""

    def __init__(
        self,
        installation: Installation,
        *,
        view: bool = True,
        fast: bool = True,
        keep_alive: int = 5,
        capacity: int = CAPACITY,
    ) -> None:
        self._installation = installation
        self._capacity = capacity
        self._with_view = view
        self._fast = fast
        self._keep_alive = keep_alive
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self.checks: Checks | None = None
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(20)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(setattr, self._server, "should_exit", True)  # noqa: FBT003
        self._thread.join(20)
        assert not self._thread.is_alive()

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        database = self._installation.database
        gate = SqliteGate(database) if self._with_view else None
        view = LiveView(gate, capacity=self._capacity) if gate is not None else None
        self.checks = Checks(self._installation.house, view)
        secure = self._installation.public_url.startswith("https")
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._installation.app,
                http=protocol_for(self.checks if self._fast else None, secure=secure),
                log_config=None,
                server_header=False,
                timeout_keep_alive=self._keep_alive,
            )
        )
        self.loop.call_soon(self._ready.set)
        try:
            await self._server.serve(sockets=[self._listening])
        finally:
            self.checks.close()


@contextmanager
def serving(
    installation: Installation, *, view: bool = True, fast: bool = True, keep_alive: int = 5
) -> Iterator[Serving]:
    """Serve an installation until the block ends."""
    server = Serving(installation, view=view, fast=fast, keep_alive=keep_alive)
    server.start()
    try:
        yield server
    finally:
        server.stop()
