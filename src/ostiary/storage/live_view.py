"""What a process remembers of live sessions, allowed to answer only while it is provably current.

Answers about tokens are remembered in the same way (`ostiary.edge.introspections`).

DESIGN section 2, transport 1. On SQLite a *gate* tells, in some 3 us, whether anybody has committed
anything since it was last asked; if so, the tail of the change log says what to forget. The view
belongs to one thread, that of the event loop: nothing here locks.

A view answers in three steps, and the order is the promise::

    view.refresh()               # once, after the last check of a batch was parsed
    entry = view.get(digest)     # forgets what changed meanwhile
    ...                          # None: read the row, then view.put(entry, read_at=...)

**Forgetting.** A change names sessions, users, organizations or applications. Instead of finding
the entries that are meant, the view writes down at which position each name last changed, and an
entry is compared with that when it is next asked for. So a change costs the same whatever the view
holds, and entries need no index.

**Bounds.** Entries live in two generations. What is asked for moves to the young one; when that has
grown to half the capacity, the old one is dropped and the young one grows old. The names that
changed age with them, and an entry that was last proved current before the oldest remembered
change is read again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Hashable, Iterable
from contextlib import closing
from typing import Generic, Protocol, TypeVar

import msgspec

from ostiary.storage.changes import FLOOR
from ostiary.storage.database import Database

CAPACITY = 100_000
LONGEST_TAIL = 20_000
"""Changes that are read one by one; after more the view starts anew."""

_ID_LENGTH = 32


class Entry(msgspec.Struct, gc=False):
    """A live session as a check needs it. Of instants: seconds since 1970.

    Not tracked by the garbage collector, since a million tracked objects make a collection take a
    quarter of a second. ``told`` begins with the session's public id, 32 bytes, so that it is not
    kept twice; what follows is whatever the caller answers. ``proved_at`` is the position up to
    which nothing about it has changed.
    """

    told: bytes
    organization_key: int
    user_key: int
    application_key: int
    expires_at: float
    idle_seconds: int
    seen_at: float
    stored_at: float
    proved_at: int = 0

    @property
    def session_id(self) -> str:
        """The session's public id."""
        return self.told[:_ID_LENGTH].decode()

    @property
    def names(self) -> tuple[Hashable, ...]:
        """Whose changes it has to be compared with."""
        return (
            self.session_id,
            ("user", self.user_key),
            ("organization", self.organization_key),
            ("application", self.application_key),
        )


class Remembered(Protocol):
    """Whatever a view may hold: a session as a check needs it, or an answer about a token."""

    proved_at: int

    @property
    def names(self) -> tuple[Hashable, ...]:
        """Whose changes it has to be compared with."""


E = TypeVar("E", bound=Remembered)


class Tail(msgspec.Struct, frozen=True):
    """What changed since a position: the names, and the new position; ``whole`` False: forget all.

    A name is a session's public id, or ``("user", key)``, ``("grant", id)`` and the like.
    """

    position: int
    names: tuple[Hashable, ...] = ()
    whole: bool = True


class Gate(Protocol):
    """How a view hears of changes. SQLite's is below; a lease over PostgreSQL comes beside it."""

    def changed(self, position: int) -> Tail | None:
        """What changed since ``position``; None: nothing at all."""

    def has(self, digest: bytes) -> bool:
        """Whether any session, dead or alive, has a secret with this SHA-256 just now."""

    def close(self) -> None:
        """Give the connection back."""


class SqliteGate:
    """``PRAGMA data_version``: another connection has committed since this one last looked.

    The connection only ever reads, so that every write, of this process too, is another's.
    """

    def __init__(self, database: Database) -> None:
        """Open a connection of its own to the same file."""
        path = database.engine.url.database
        self._connection = sqlite3.connect(path or "", isolation_level=None, timeout=5.0)
        self._connection.execute("PRAGMA query_only=ON")
        self._version = -1

    def changed(self, position: int) -> Tail | None:
        """Compare first, read then, and remember the version only when reading succeeded."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return None
        tail = self._tail(position)
        self._version = version
        return tail

    def has(self, digest: bytes) -> bool:
        """Ask the index alone: strangers' guesses cost no more than that."""
        query = "SELECT 1 FROM session WHERE secret_hash = ?"
        return self._connection.execute(query, (digest,)).fetchone() is not None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _tail(self, position: int) -> Tail:
        # SQLite's writers are serial, so the order of the sequence is that of the commits.
        with closing(
            self._connection.execute(
                "SELECT seq, kind, organization_key, user_key, application_key, session_id"
                " FROM change_log WHERE seq > ? ORDER BY seq LIMIT ?",
                (position, LONGEST_TAIL + 1),
            )
        ) as cursor:
            rows = cursor.fetchall()
        # After the tail: a purge in between can only make this too careful.
        if len(rows) > LONGEST_TAIL or self._floor() > position:
            return Tail(self._last(), whole=False)
        if not rows:
            return Tail(position)
        return Tail(rows[-1][0], tuple(_names(rows)))

    def _floor(self) -> int:
        found = self._connection.execute(
            "SELECT value FROM setting WHERE name = ?", (FLOOR,)
        ).fetchone()
        return int(found[0]) if found else 0

    def _last(self) -> int:
        # Before everything is forgotten: what is read later is at least as new as this.
        (found,) = self._connection.execute("SELECT max(seq) FROM change_log").fetchone()
        return max(int(found or 0), self._floor())


def _names(rows: Iterable[tuple[int, str, int, int, int, str]]) -> Iterable[Hashable]:
    for _, kind, organization, user, application, session in rows:
        match kind:
            case "session":
                yield session
            case "user":
                yield (kind, user)
            case "organization":
                yield (kind, organization)
            case "application":
                yield (kind, application)
            case "grant":
                yield (kind, session)
            case _:  # written by a newer version: what it means is not known
                yield None


class LiveView(Generic[E]):
    """The entries of one process. See the module."""

    def __init__(self, gate: Gate, *, capacity: int = CAPACITY) -> None:
        """Start empty, at the position of now.

        Args:
            gate: how the view hears of changes.
            capacity: the most entries it holds.
        """
        self._gate = gate
        self._half = max(1, capacity // 2)
        self._young: dict[bytes, E] = {}
        self._old: dict[bytes, E] = {}
        self._changed: dict[Hashable, int] = {}
        self._changed_before: dict[Hashable, int] = {}
        self._grown_at = 0
        self._remembered_from = 0
        self.position = 0
        self.refresh()
        self._start_anew(self.position)

    def __len__(self) -> int:
        """How many sessions it holds."""
        return len(self._young) + len(self._old)

    def refresh(self) -> None:
        """Hear of everything that was committed before this call.

        Raises:
            sqlite3.Error: the store did not answer; nothing may be answered from the view then.
        """
        tail = self._gate.changed(self.position)
        if tail is None:
            return
        if not tail.whole or None in tail.names:
            self._start_anew(tail.position)
            return
        for name in tail.names:
            self._changed[name] = tail.position
        self.position = tail.position
        if len(self._changed) >= self._half:
            self._age()

    def get(self, digest: bytes) -> E | None:
        """The session whose secret has this SHA-256, if it is here and nothing about it changed."""
        entry = self._young.get(digest)
        if entry is not None:
            if entry.proved_at == self.position or self._still(entry):
                return entry
            del self._young[digest]
            return None
        entry = self._old.pop(digest, None)
        if entry is None or not self._still(entry):
            return None
        self._keep(digest, entry)
        return entry

    def is_stored(self, digest: bytes) -> bool:
        """Whether there is such a session in the store, whatever became of it; exact as of now.

        Raises:
            sqlite3.Error: the store did not answer.
        """
        return self._gate.has(digest)

    def put(self, digest: bytes, entry: E, *, read_at: int) -> bool:
        """Remember a row.

        Args:
            digest: the SHA-256 of the secret.
            entry: what the row says.
            read_at: the `position` of the moment before it was read.

        Returns:
            False when something about it has changed since: read it again, do not answer by it.
        """
        entry.proved_at = read_at
        if not self._still(entry):
            return False
        self._keep(digest, entry)
        return True

    def close(self) -> None:
        """Forget everything and close the gate."""
        self._start_anew(self.position)
        self._gate.close()

    def _still(self, entry: E) -> bool:
        """Whether nothing about it has changed since it was last proved; it is proved again."""
        since = entry.proved_at
        if since < self._remembered_from:
            return False
        for name in entry.names:
            if self._changed.get(name, 0) > since or self._changed_before.get(name, 0) > since:
                return False
        entry.proved_at = self.position
        return True

    def _keep(self, digest: bytes, entry: E) -> None:
        if len(self._young) >= self._half:
            self._age()
        self._young[digest] = entry

    def _age(self) -> None:
        self._old, self._young = self._young, {}
        self._changed_before, self._changed = self._changed, {}
        self._remembered_from, self._grown_at = self._grown_at, self.position

    def _start_anew(self, position: int) -> None:
        self._young, self._old = {}, {}
        self._changed, self._changed_before = {}, {}
        self.position = self._grown_at = self._remembered_from = position
