"""Clients that begin a request and do not go on: they are hung up on, and fill no log."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from litestar import Litestar, post
from litestar.params import JSONBody
from structlog.testing import capture_logs

from ostiary.edge.fast_check import FastCheck, protocol_for
from ostiary.ops.metrics import Metrics
from ostiary.ops.request_log import RequestLog, note_exception
from ostiary.ops.worker import PATIENCE, Watch
from tests.support.server import until

HEAD = b"POST /echo HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"


@post("/echo", sync_to_thread=False, status_code=200)
def echo(data: JSONBody[dict[str, int]]) -> dict[str, int]:
    return data


class Served:
    """A server in a thread, on whose connections the watch looks when a test says so."""

    def __init__(self) -> None:
        app = Litestar(
            [echo], after_exception=[note_exception], logging_config=None, openapi_config=None
        )
        logged: Any = RequestLog(app, Metrics())
        self._server = uvicorn.Server(
            uvicorn.Config(logged, http=protocol_for(None, secure=False), log_config=None)
        )
        self._watch = Watch()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._clients: list[socket.socket] = []

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[self._listening])

    def start(self) -> None:
        self._thread.start()
        until(lambda: self._server.started, "it serves")

    def stop(self) -> None:
        for client in self._clients:
            client.close()
        self._server.should_exit = True
        self._thread.join(20)

    def connect(self) -> socket.socket:
        before = len(self.connections)
        client = socket.create_connection(self._listening.getsockname(), 20)
        self._clients.append(client)
        until(lambda: len(self.connections) > before, "it has accepted")
        return client

    @property
    def connections(self) -> list[FastCheck]:
        return list(self._server.server_state.connections)  # type: ignore[arg-type]

    def owing(self) -> int:
        return sum(connection.owes() is not None for connection in self.connections)

    def look(self, now: float) -> None:
        done = threading.Event()

        def on_the_loop() -> None:
            self._watch.look(self.connections, now)
            done.set()

        self.loop.call_soon_threadsafe(on_the_loop)
        assert done.wait(20)


@pytest.fixture
def served() -> Iterator[Served]:
    server = Served()
    server.start()
    yield server
    server.stop()


def received(client: socket.socket) -> bytes:
    """What comes until the other side closes."""
    found = b""
    while piece := client.recv(65_536):
        found += piece
    return found


def read_until(client: socket.socket, end: bytes) -> None:
    """Read an answer whose last bytes are known."""
    found = b""
    while not found.endswith(end):
        piece = client.recv(65_536)
        assert piece, found
        found += piece


def send(served: Served, client: socket.socket, data: bytes) -> None:
    """Send a piece, and wait until it has arrived."""
    before = [connection.owes() for connection in served.connections]
    client.sendall(data)
    until(lambda: [c.owes() for c in served.connections] != before, "it has arrived")


def test_a_head_that_is_not_finished_is_not_waited_for(served: Served) -> None:
    client = served.connect()
    assert served.owing() == 0
    send(served, client, HEAD)
    served.look(0)
    client.sendall(b"X-Slow: 1\r\n")  # dripping is no progress
    served.look(PATIENCE)
    assert served.owing() == 1
    served.look(PATIENCE + 1)
    assert received(client) == b""


def test_a_body_may_take_long_as_long_as_it_comes(served: Served) -> None:
    client = served.connect()
    send(served, client, HEAD + b"Content-Length: 7\r\n\r\n")
    for i, piece in enumerate((b'{"', b'a"', b":1")):
        send(served, client, piece)
        served.look(i * PATIENCE)
        served.look((i + 1) * PATIENCE)
    client.sendall(b"}")
    read_until(client, b'{"a":1}')


def test_a_body_that_stops_is_not_waited_for_and_is_no_error_of_ours(served: Served) -> None:
    with capture_logs() as logs:
        client = served.connect()
        send(served, client, HEAD + b"Content-Length: 7\r\n\r\n{")
        served.look(0)
        served.look(PATIENCE + 1)
        assert received(client) == b""
        until(lambda: bool(logs), "it is told")
    [line] = logs
    assert (line["event"], line["status"]) == ("request", 499)


def test_whoever_owes_nothing_stays(served: Served) -> None:
    client = served.connect()
    client.sendall(HEAD + b"Content-Length: 7\r\n\r\n" + b'{"a":1}')
    read_until(client, b'{"a":1}')
    for now in (0, PATIENCE + 1, 10 * PATIENCE):
        served.look(now)
    assert len(served.connections) == 1
