"""Connections that ask one question at a time and measure, and what the disk takes to be sure."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ostiary.domain.errors import Misconfigured
from ostiary.ops.bench.figures import timed

_HEAD_END = b"\r\n\r\n"
_LARGEST_PIECE = 1 << 16
_STATUS = slice(9, 12)


class Prober:
    """A kept connection that asks `/check`."""

    def __init__(self, port: int) -> None:
        """Connect."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def send(self, secrets: Sequence[str]) -> None:
        """Ask about some secrets at once."""
        self._socket.sendall(
            b"".join(
                f"GET /check HTTP/1.1\r\nHost: x\r\nCookie: sid={secret}\r\n\r\n".encode()
                for secret in secrets
            )
        )

    def statuses(self, count: int) -> list[int]:
        """The next answers, which have no body.

        Raises:
            Misconfigured: the server closed the connection.
        """
        found: list[int] = []
        while len(found) < count:
            head, end, rest = self._buffer.partition(_HEAD_END)
            if end:
                found.append(int(head[_STATUS]))
                self._buffer = rest
                continue
            data = self._socket.recv(_LARGEST_PIECE)
            if not data:
                raise Misconfigured("The server closed a connection.")
            self._buffer += data
        return found

    def status(self, secret: str) -> int:
        """What one secret is answered with."""
        self.send([secret])
        return self.statuses(1)[0]

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


class Client:
    """A kept connection that calls as an application."""

    def __init__(self, port: int, credentials: tuple[str, str]) -> None:
        """Connect at the first call."""
        token = base64.b64encode(":".join(credentials).encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Call, and read the answer.

        Raises:
            Misconfigured: it was refused.
        """
        text = None if body is None else json.dumps(body)
        self._connection.request(method, path, body=text, headers=self._headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status >= http.client.BAD_REQUEST:
            said = content.decode(errors="replace")
            raise Misconfigured(f"{method} {path} answered {response.status}: {said}")
        return json.loads(content)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def syncs(directory: Path, times: int = 200) -> list[float]:
    """Milliseconds that each of some small writes took to be on the disk (``fdatasync``)."""
    file = directory / "sync-test"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        return timed(lambda: _write_surely(descriptor), times)
    finally:
        os.close(descriptor)
        file.unlink()


def _write_surely(descriptor: int) -> None:
    os.pwrite(descriptor, b"x" * 4_096, 0)
    os.fdatasync(descriptor)


def milliseconds_since(began: float) -> float:
    """Milliseconds since an instant of ``time.perf_counter``."""
    return (time.perf_counter() - began) * 1_000
