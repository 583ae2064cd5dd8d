"""One way into both databases: `Database.read` and `Database.write` run a verb in a transaction.

SQLite: WAL, ``synchronous=FULL``, foreign keys on, ``BEGIN IMMEDIATE`` for writes, so that what a
transaction read is still true when it writes. PostgreSQL: READ COMMITTED with row locks where a
decision hangs on a row, and ``synchronous_commit=on``. Either way an acknowledged ending survives
a loss of power (DESIGN section 5).
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, Executable, Row, create_engine, event
from sqlalchemy.engine import URL, CursorResult
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ostiary.domain.errors import Misconfigured, Overloaded, Unavailable
from ostiary.storage.fair_lock import FairLock
from ostiary.storage.urls import parse_url
from ostiary.storage.values import refuse_unstorable

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

P = ParamSpec("P")
R = TypeVar("R")

RecordKey = tuple[str, str, str]
"""``(owner, name, application)`` of a Casdoor record."""

_RETRIES = 5
_RETRY_STATES = frozenset({"40001", "40P01", "23505"})
"""PostgreSQL: serialization failure, deadlock, and a name that two gave at the same moment. Nothing
was done, and it may be repeated; the second look finds the name taken, and says so."""

_OPERATORS_STATES = ("25006", "53", "57", "58", "XX")
"""PostgreSQL: read-only (a standby, or set so), no resources, stopped, system errors, damage."""

_SQLITE_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_WRITE = "ostiary_write"


class Transaction:
    """An open transaction: what storage functions take first.

    ``record_deltas`` collects what the transaction changes in the records' counters; they are
    written once, sorted, just before the commit, so that two transactions never wait for each
    other's records in a circle. ``record_births`` holds the wire's creation time for those that
    may be new. ``events`` counts what the audit was told, by event and its reason or kind, and
    ``owes`` says whether somebody outside is owed a notice: for who watches commits.
    """

    def __init__(self, connection: Connection) -> None:
        """Wrap a connection on which a transaction has begun."""
        self.connection = connection
        self.record_deltas: Counter[RecordKey] = Counter()
        self.record_births: dict[RecordKey, str] = {}
        self.events: Counter[tuple[str, str]] = Counter()
        self.owes = False

    @property
    def is_postgresql(self) -> bool:
        """Whether row locks exist here and are needed."""
        return self.connection.dialect.name == "postgresql"

    def execute(
        self,
        statement: Executable,
        parameters: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None,
    ) -> CursorResult[Any]:
        """Run a statement."""
        return self.connection.execute(statement, parameters)

    def rows(self, statement: Executable) -> Sequence[Row[Any]]:
        """All rows of a query."""
        return self.connection.execute(statement).all()

    def row(self, statement: Executable) -> Row[Any] | None:
        """The first row of a query, or None."""
        return self.connection.execute(statement).first()

    def number(self, statement: Executable) -> int:
        """The single number that a query answers; 0 for none."""
        return int(self.connection.execute(statement).scalar() or 0)


BeforeCommit = Callable[[Transaction], None]


class Database:
    """A store of sessions, at ``sqlite:///path`` or ``postgresql://…``."""

    def __init__(self, engine: Engine, before_commit: BeforeCommit) -> None:
        """Use `open_database` instead."""
        self.engine = engine
        self._before_commit = before_commit
        self._queue = _queue_of(engine)
        self._kept = threading.local()
        # Weakly, so that what a thread kept goes back to the pool when the thread has gone.
        self._every_kept: weakref.WeakSet[Connection] = weakref.WeakSet()
        self.after_commit: Callable[[Transaction], None] | None = None
        """Told of each transaction that was committed; it must not raise, and returns at once."""

    @property
    def is_postgresql(self) -> bool:
        """Which of the two databases this is."""
        return self.engine.dialect.name == "postgresql"

    def read(
        self,
        verb: Callable[Concatenate[Transaction, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a verb that only reads, on one connection, and leave no transaction open.

        Raises:
            Unavailable: the store cannot answer.
            BadInput: a value cannot be looked up.
        """
        try:
            with self.engine.connect() as connection:
                return verb(Transaction(connection), *args, **kwargs)
        except PoolTimeoutError as error:
            raise Overloaded(str(error)) from error
        except DBAPIError as error:
            raise _as_unavailable(error) from error

    def write(
        self,
        verb: Callable[Concatenate[Transaction, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a verb in a writing transaction and commit it; on any exception nothing is kept.

        The verb may run more than once (see `_RETRY_STATES`), so it must touch nothing but its
        transaction.

        Raises:
            Unavailable: the store cannot answer, or has no room; nothing was changed.
            BadInput: a value cannot be stored.
        """
        for attempt in range(_RETRIES):
            try:
                return self._write_once(verb, *args, **kwargs)
            except PoolTimeoutError as error:
                raise Overloaded(str(error)) from error
            except DBAPIError as error:
                state = getattr(error.orig, "sqlstate", None)
                if state not in _RETRY_STATES or attempt == _RETRIES - 1:
                    raise _as_unavailable(error) from error
        raise AssertionError  # the loop returns or raises

    def _write_once(
        self,
        verb: Callable[Concatenate[Transaction, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        if self._queue is None:
            return self._transact(verb, *args, **kwargs)
        with self._queue.turn():
            return self._transact(verb, *args, **kwargs)

    def _transact(
        self,
        verb: Callable[Concatenate[Transaction, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        with self.engine.connect().execution_options(**{_WRITE: True}) as connection:
            with connection.begin():
                transaction = Transaction(connection)
                result = verb(transaction, *args, **kwargs)
                self._before_commit(transaction)
            if self.after_commit is not None:
                self.after_commit(transaction)
            return result

    def look(
        self,
        verb: Callable[Concatenate[Transaction, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a verb that reads by one statement, which is then a transaction by itself.

        On PostgreSQL each thread that looks keeps a connection, and neither begins nor ends a
        transaction around the statement: one way there and back instead of three.

        Raises:
            Unavailable: the store cannot answer.
        """
        if not self.is_postgresql:
            return self.read(verb, *args, **kwargs)
        kept: Connection | None = getattr(self._kept, "connection", None)
        for connection in (kept, None) if kept is not None else (None,):
            try:
                return verb(Transaction(connection or self._keep_one()), *args, **kwargs)
            except PoolTimeoutError as error:
                raise Overloaded(str(error)) from error
            except DBAPIError as error:
                self._drop_kept()
                # A kept connection may have died long ago: that says nothing about the store.
                if connection is None or not error.connection_invalidated:
                    raise _as_unavailable(error) from error
        raise AssertionError  # the loop returns or raises

    def _drop_kept(self) -> None:
        kept: Connection | None = getattr(self._kept, "connection", None)
        self._kept.connection = None
        if kept is not None:
            kept.close()

    def _keep_one(self) -> Connection:
        connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._kept.connection = connection
        self._every_kept.add(connection)
        return connection

    def close(self) -> None:
        """Give every connection back."""
        for connection in list(self._every_kept):
            connection.close()
        self.engine.dispose()
        if self._queue is not None:
            self._queue.close()


def _queue_of(engine: Engine) -> FairLock | None:
    """Where writers of SQLite queue, the command line's too; PostgreSQL lets many write at once."""
    if engine.dialect.name != "sqlite":
        return None
    try:
        return FairLock(Path(f"{engine.url.database}-queue"))
    except OSError:
        return None  # nobody can write there, and SQLite will say so


def _as_unavailable(error: DBAPIError) -> Exception:
    """What only the operator can mend becomes `Unavailable`; a bug of ours stays what it is."""
    state = getattr(error.orig, "sqlstate", None) or ""
    damaged = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _SQLITE_DAMAGED
    if (
        isinstance(error, OperationalError)
        or error.connection_invalidated
        or state.startswith(_OPERATORS_STATES)
        or damaged
    ):
        return Unavailable(str(error.orig))
    return error


def create(
    url: str, *, threads: int, before_commit: BeforeCommit, create_file: bool = True
) -> Database:
    """Open the engine of a store without looking at its schema.

    Args:
        url: ``sqlite:///relative``, ``sqlite:////absolute`` or ``postgresql://…``.
        threads: how many transactions this process may have open at a time.
        before_commit: what every writing transaction does last.
        create_file: make a missing SQLite file.

    Raises:
        Misconfigured: the address is of neither kind, or its directory cannot be made.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = _sqlite(parsed, threads, create_file=create_file)
    else:
        engine = _postgresql(parsed, threads)
    event.listen(engine, "before_cursor_execute", refuse_unstorable)
    return Database(engine, before_commit)


def _sqlite(url: URL, threads: int, *, create_file: bool) -> Engine:
    path = Path(url.database or "")
    try:
        if create_file:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Sessions and password hashes are nobody else's business, whatever the umask says.
        flags = os.O_RDWR | (os.O_CREAT if create_file else 0)
        os.close(os.open(path, flags, 0o600))
    except OSError as error:
        raise Misconfigured(f"The database {path} cannot be opened: {error.strerror}.") from error
    engine = create_engine(
        url,
        pool_size=threads,
        max_overflow=0,
        # The text of an error ends in the log; what is bound are hashes and addresses.
        hide_parameters=True,
        connect_args={"timeout": 30.0},
    )

    @event.listens_for(engine, "connect")
    def _settle(dbapi: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        dbapi.isolation_level = None  # transactions are begun below
        cursor = dbapi.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-16000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(url: URL, threads: int) -> Engine:
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=threads,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": 10,
            # A primary whose machine or network is gone is noticed in seconds, not in hours.
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
            "application_name": "ostiary",
            "options": "-c synchronous_commit=on -c timezone=UTC -c lock_timeout=20s",
        },
    )
