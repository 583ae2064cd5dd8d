"""The real server, as its operators have it: processes, a port, signals, logs.

with Server(data, workers=2) as server:         # starts, and waits until it is ready
    server.client().get("/health/live")
    server.kill()                               # kill -9, all processes at once
    server.start()
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import httpx
import psutil

from ostiary.domain.access import OPERATOR
from ostiary.ops.compose import close_house, open_house, utc_now
from ostiary.ops.config import Config
from ostiary.ops.config_file import load
from ostiary.services import passwords, setup, users
from ostiary.services.house import Act
from ostiary.storage.database import Database
from tests.support.installation import FIREFOX, PASSWORD

PROGRAM = Path(sys.executable).with_name("ostiary")
PATIENCE = 30.0
"""Seconds for whatever a server does; a slow machine under coverage needs many of them."""

_READY = re.compile(r"Ostiary is ready at (\S+)")


def until(true: Callable[[], bool], what: str, *, seconds: float = PATIENCE) -> None:
    """Look again and again until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what}: not within {seconds} seconds"
        time.sleep(0.02)


class Server:
    """See the module."""

    def __init__(
        self,
        data: Path,
        *,
        url: str = "",
        workers: int = 1,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            data: the data directory.
            url: the store, instead of SQLite in the data directory.
            workers: how many.
            settings: further keys of the configuration, by their variables.
        """
        self.data = data
        self.program: list[str | Path] = [PROGRAM]
        self._variables = {
            "OSTIARY_STORAGE__DATA": str(data),
            "OSTIARY_SERVER__PORT": "0",
            "OSTIARY_SERVER__WORKERS": str(workers),
            "OSTIARY_LOG__FORMAT": "json",
            **({"OSTIARY_STORAGE__URL": url} if url else {}),
            **(settings or {}),
        }
        self._out = data.parent / f"{data.name}.out"
        self._err = data.parent / f"{data.name}.err"
        self._clients: list[httpx.Client] = []
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""

    @property
    def config(self) -> Config:
        """What the server has in force, but for its port."""
        return load(environ=self._variables).config

    # Its life

    def launch(self) -> subprocess.Popen[bytes]:
        """Start it and do not wait."""
        mine = {k: v for k, v in os.environ.items() if not k.startswith("OSTIARY_")}
        with self._out.open("ab") as out, self._err.open("ab") as err:
            self._out_from = out.tell()
            self.process = subprocess.Popen(
                [*self.program, "serve"],
                cwd=self.data.parent,
                env=mine | self._variables,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        return self.process

    def start(self) -> Self:
        """Start it and wait until it answers."""
        process = self.launch()

        def told() -> bool:
            assert process.poll() is None, f"it left with {process.returncode}:\n{self.errors()}"
            return _READY.search(self.said()) is not None

        until(told, "the server is ready")
        match = _READY.search(self.said())
        assert match is not None
        self.url = match.group(1)
        response = self.client().get("/health/ready")
        assert response.status_code == 200, response.text
        return self

    def stop(self) -> int:
        """Stop it as a process manager does, and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """``kill -9`` to all of its processes at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)

    def workers(self) -> list[int]:
        """The process ids of its workers."""
        assert self.process is not None
        return sorted(child.pid for child in psutil.Process(self.process.pid).children())

    # What it says

    def said(self) -> str:
        """Its standard output since it was last started."""
        return self._out.read_bytes()[self._out_from :].decode()

    def errors(self) -> str:
        """Its standard error, of all starts."""
        return self._err.read_text(encoding="utf-8")

    def log(self, event: str = "") -> list[dict[str, Any]]:
        """The lines of its log, of one event if it is named."""
        found = [json.loads(line) for line in self.errors().splitlines()]
        return [line for line in found if event in ("", line["event"])]

    def client(self, **further: Any) -> httpx.Client:
        """A browser, with cookies of its own."""
        headers = {"User-Agent": FIREFOX, "Sec-Fetch-Site": "same-origin"}
        client = httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE, **further)
        self._clients.append(client)
        return client

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Installed:
    """What `install` made: an administrator, a client, and further users."""

    def __init__(self, client_id: str, client_secret: str) -> None:
        self.client_id, self.client_secret = client_id, client_secret

    @property
    def basic(self) -> httpx.BasicAuth:
        """The credentials of the built-in application."""
        return httpx.BasicAuth(self.client_id, self.client_secret)


def install(config: Config, *names: str) -> Installed:
    """Set up an installation on the data itself, as ``ostiary init`` does, with further users.

    Args:
        config: where.
        names: of users of ``built-in``, besides ``admin``; all have the same password.
    """
    house = open_house(config)
    try:
        act = Act(caller=OPERATOR, now=utc_now())
        installed = setup.install(house, act, admin="admin", password=PASSWORD)
        assert installed is not None
        if names:
            credential = passwords.prepare(house, act, "built-in", names[0], PASSWORD)
        for name in names:
            house.database.write(
                users.add_user,
                act,
                house.vault,
                "built-in",
                name,
                users.UserChange(),
                credential=credential,
            )
        return Installed(installed.application.client_id, installed.client_secret)
    finally:
        close_house(house)


@contextlib.contextmanager
def store_of(config: Config) -> Iterator[Database]:
    """The store of an installation, to look into."""
    house = open_house(config)
    try:
        yield house.database
    finally:
        close_house(house)
