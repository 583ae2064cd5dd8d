"""The command line as its users have it: in this process, as a process of its own, on a terminal.

line = CommandLine(data)
line.run("users", "list").out
line.json("sessions", "list")["items"]
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from click.testing import CliRunner

from ostiary.domain.access import Caller
from ostiary.domain.session import Device
from ostiary.ops.cli import main
from ostiary.ops.compose import close_house, open_house, utc_now
from ostiary.ops.config_file import load
from ostiary.services import check, sign_in
from ostiary.services.house import Act, House
from tests.support.installation import FIREFOX, PASSWORD

PROGRAM = Path(sys.executable).with_name("ostiary")
PATIENCE = 30.0
"""Seconds for whatever a command does; a slow machine under coverage needs many of them."""


@dataclass(frozen=True)
class Said:
    """What a command said, and how it left."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """The tab-separated lines."""
        return [line.split("\t") for line in self.out.splitlines()]

    @property
    def error(self) -> dict[str, str]:
        """What ``--json`` says of a failure."""
        [name] = json.loads(self.err)
        assert name == "error"
        error: dict[str, str] = json.loads(self.err)["error"]
        return error


@dataclass(frozen=True)
class CommandLine:
    """The commands, on one data directory."""

    data: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, *args: str, given: str | bytes = "", data: bool = True) -> Said:
        """Run a command in this process; ``given`` is its standard input, a pipe."""
        named = ("--data", str(self.data)) if data else ()
        result = CliRunner().invoke(main, [*args, *named], input=given, env=self.environment)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    def ok(self, *args: str, given: str | bytes = "") -> Said:
        """Run a command that has to succeed."""
        said = self.run(*args, given=given)
        assert said.code == 0, said
        return said

    def json(self, *args: str, given: str | bytes = "") -> Any:
        """Run a command that has to succeed, and read its JSON."""
        return json.loads(self.ok(*args, "--json", given=given).out)

    @contextlib.contextmanager
    def house(self) -> Iterator[House]:
        """The installation, opened as the commands open it."""
        config = load(environ=self.environment, overrides={"storage.data": str(self.data)}).config
        house = open_house(config)
        try:
            yield house
        finally:
            close_house(house)

    def sign_in(
        self,
        account: str,
        *,
        application: str = "app-built-in",
        agent: str = FIREFOX,
        **device: Any,
    ) -> sign_in.SignedIn:
        """Sign somebody in, on a device of its own."""
        organization, _, name = account.partition("/")
        seen = {"kind": "desktop", "browser": "Firefox", "os": "Linux", "address": "203.0.113.7"}
        with self.house() as house:
            return sign_in.sign_in(
                house,
                Act(now=utc_now()),
                sign_in.Attempt(
                    organization=organization,
                    application=application,
                    login=name,
                    password=PASSWORD,
                    device=Device(agent=agent, **(seen | device)),
                ),
            )

    def caller(self, secret: str) -> Caller:
        """Who presents this cookie, as the server answers it."""
        with self.house() as house:
            return check.caller_of(house, secret, utc_now())

    def is_live(self, secret: str) -> bool:
        """Whether this cookie still opens something."""
        return self.caller(secret).session_id is not None


def environment(**further: str) -> dict[str, str]:
    """What a command of its own process is given."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("OSTIARY_")}
    return mine | {"TERM": "xterm", "COLUMNS": "200", "LINES": "50"} | further


class Terminal:
    """A command on a terminal of its own: what is typed, and what is shown."""

    def __init__(self, args: Sequence[str], *, cwd: Path, columns: int = 200) -> None:
        """Start it; as the leader of a session it takes the terminal when it opens it."""
        self._main, other = pty.openpty()
        name = os.ttyname(other)
        take = f'exec "$@" <{name} >{name} 2>{name}'
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", take, "sh", str(PROGRAM), *args],
            cwd=cwd,
            env=environment(COLUMNS=str(columns)),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )
        # The terminal stays open until the command has it; a reader would meet its end else.
        self._other = other
        self.shown = ""
        self._waited_to = 0

    def wait_for(self, text: str, *, seconds: float = PATIENCE) -> None:
        """Read until the text is shown, after what was waited for before."""
        end = time.monotonic() + seconds
        while (at := self.shown.find(text, self._waited_to)) < 0:
            assert time.monotonic() < end, f"{text!r} is not in {self.shown[self._waited_to :]!r}"
            self.shown += self._read()
        self._waited_to = at + len(text)

    def interrupt(self, *, seconds: float = PATIENCE) -> None:
        """Press Ctrl-C once the command sleeps until something is typed.

        Before that, the interpreter would only notice it at the next key.
        """
        end = time.monotonic() + seconds
        stat = Path(f"/proc/{self.process.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] != "S":
            assert time.monotonic() < end, "it does not wait"
            time.sleep(0.01)
        self.type("\x03")

    @property
    def echoes(self) -> bool:
        """Whether it shows what is typed."""
        return bool(termios.tcgetattr(self._other)[3] & termios.ECHO)

    def type(self, text: str) -> None:
        """Type on the keyboard."""
        os.write(self._main, text.encode())

    def finish(self, *, seconds: float = PATIENCE) -> int:
        """Wait for the command's end, and return its exit code."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < end, self.shown
            self.shown += self._read()
        os.set_blocking(self._main, False)
        with contextlib.suppress(OSError):
            while more := os.read(self._main, 65_536):
                self.shown += more.decode(errors="replace")
        os.close(self._main)
        os.close(self._other)
        return self.process.returncode

    def _read(self) -> str:
        """What is shown within a moment."""
        os.set_blocking(self._main, False)
        try:
            return os.read(self._main, 65_536).decode(errors="replace")
        except BlockingIOError:
            time.sleep(0.01)
            return ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
