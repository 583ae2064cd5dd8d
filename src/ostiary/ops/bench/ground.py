"""Where benchmarks take place: an installation of their own, filled in bulk, and real servers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from ostiary.domain.access import OPERATOR
from ostiary.domain.errors import Misconfigured
from ostiary.domain.secrets import digest
from ostiary.gateways.entropy import new_secret
from ostiary.ops.bench import processes
from ostiary.ops.compose import close_house, open_house
from ostiary.ops.config_file import load
from ostiary.services import applications, organizations, setup
from ostiary.services.house import Act, House
from ostiary.storage import bulk, sessions
from ostiary.storage.bulk import Crowd
from ostiary.storage.database import Transaction

ORGANIZATION, APPLICATION = "crowd", "square"
PER_USER = 2

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Shows how far something is: of what, and how many there are to do."""

_CHUNK = 50_000
_PATIENCE = 60.0
_READY = re.compile(r"Ostiary is ready at (\S+)")

_PROGRAM = "from ostiary.ops.cli import main; main()"

# The control of `exact`, in that child process alone: a view that never hears of anything.
_GATE_OFF = textwrap.dedent("""
    from ostiary.storage import live_view
    live_view.SqliteGate.changed = lambda self, position: None
""")


class Known(msgspec.Struct, frozen=True):
    """A session whose secret is known."""

    id: str
    secret: str


class Ground:
    """An installation in a directory of its own. `ground` makes one."""

    def __init__(self, directory: Path) -> None:
        """Install it.

        Args:
            directory: an empty one.
        """
        self.directory = directory
        self.file = directory / "ostiary.toml"
        data = directory / "data"
        self.file.write_text(
            f'[storage]\ndata = "{data}"\n[log]\nlevel = "warning"\n[server]\nport = 0\n',
            encoding="utf-8",
        )
        self.config = load(file=self.file, environ={}).config
        self.house: House = open_house(self.config)
        act = self.act()
        installed = setup.install(self.house, act, admin="admin", password=new_secret())
        if installed is None:
            raise Misconfigured(f"There is an installation in {directory} already.")
        self.credentials = (installed.application.client_id, installed.client_secret)
        self._filled = 0
        self._crowds = 0

    def act(self) -> Act:
        """The operator acts now."""
        return Act(caller=OPERATOR, now=self.house.clock())

    def crowd(self, *, ended: datetime | None = None) -> Crowd:
        """A new organization, whose sessions `fill` adds before the next one is made."""
        self._crowds += 1
        name = f"{ORGANIZATION}-{self._crowds}"
        database, vault = self.house.database, self.house.vault
        organization = database.write(
            organizations.add_organization,
            self.act(),
            vault,
            name,
            organizations.OrganizationChange(),
        )
        application = database.write(
            applications.add_application,
            self.act(),
            vault,
            name,
            f"{APPLICATION}-{self._crowds}",
            applications.ApplicationChange(),
        )
        return Crowd(
            organization=name,
            organization_key=organization.key,
            application=application.name,
            application_key=application.key,
            first_user=database.read(bulk.next_user),
            per_user=PER_USER,
            now=self.house.clock(),
            ended=ended,
        )

    def fill(self, crowd: Crowd, count: int, progress: Progress) -> float:
        """Add this many sessions to an empty crowd.

        Returns:
            How many were added in a second.
        """
        began = time.perf_counter()
        with progress("Adding sessions", count) as done:
            for first in range(0, count, _CHUNK):
                some = min(_CHUNK, count - first)
                self.house.database.write(bulk.add_crowd, crowd, first, some + some % PER_USER)
                done(first + some)
        return count / (time.perf_counter() - began)

    def known(self, crowd: Crowd, count: int) -> list[Known]:
        """Give secrets to some sessions of a crowd."""
        found = self.house.database.read(bulk.ids_of, crowd, count)
        made = [Known(public_id, new_secret()) for public_id in found]

        def give(tx: Transaction) -> None:
            for one in made:
                sessions.replace_secret(tx, one.id, digest(one.secret))

        self.house.database.write(give)
        return made

    @contextmanager
    def serve(self, *, workers: int = 1, gate: bool = True) -> Iterator[Serving]:
        """Run ``ostiary serve`` on it until the block ends."""
        serving = Serving(self, workers=workers, gate=gate)
        try:
            yield serving.wait()
        finally:
            processes.stop(serving.process)

    def close(self) -> None:
        """Give everything back."""
        close_house(self.house)


class Serving:
    """A running server."""

    def __init__(self, ground: Ground, *, workers: int, gate: bool) -> None:
        """Start it."""
        self._said = ground.directory / f"server-{time.monotonic_ns()}.out"
        self.url = ""
        program = ("" if gate else _GATE_OFF) + _PROGRAM
        words = ["serve", "--config", str(ground.file), "--port", "0", "--workers", str(workers)]
        with self._said.open("wb") as out:
            self.process = subprocess.Popen(  # noqa: S603 - no shell, all of it ours
                [sys.executable, "-c", program, *words],
                cwd=ground.directory,
                env=_without_settings(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self) -> Serving:
        """Wait until it answers.

        Raises:
            Misconfigured: it does not start; says what it said.
        """
        end = time.monotonic() + _PATIENCE
        while True:
            said = self._said.read_text(encoding="utf-8", errors="replace")
            match = _READY.search(said)
            if match is not None:
                self.url = match.group(1)
                return self
            if self.process.poll() is not None or time.monotonic() > end:
                raise Misconfigured(f"The server did not start: {said.strip()}")
            time.sleep(0.02)

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.url).port or 80

    @property
    def workers(self) -> list[int]:
        """The process ids of its workers."""
        return processes.children_of(self.process.pid)


def _without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if not name.startswith("OSTIARY_")}


@contextmanager
def ground(parent: Path | None) -> Iterator[Ground]:
    """An installation in a new directory, which is gone afterwards.

    Args:
        parent: where the directory is made, so that a certain disk is measured; None: where
            temporary files go.
    """
    with ExitStack() as undo:
        if parent is not None:
            parent.mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(prefix="ostiary-bench-", dir=parent))
        undo.callback(shutil.rmtree, directory, ignore_errors=True)
        made = Ground(directory)
        undo.callback(made.close)
        yield made
