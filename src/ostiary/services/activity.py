"""When sessions were last used: remembered in memory, stored in batches (DESIGN section 2)."""

from __future__ import annotations

import threading
from datetime import datetime

from ostiary.domain.lifetime import must_store_use
from ostiary.domain.session import Session
from ostiary.storage import sessions
from ostiary.storage.database import Database


class Activity:
    """The uses that this process has seen and not stored yet. Safe to call from any thread."""

    def __init__(self, flush_every: int) -> None:
        """Start empty.

        Args:
            flush_every: seconds between two flushes, as the job is configured.
        """
        self._flush_every = flush_every
        self._uses: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def note(self, database: Database, session: Session, now: datetime) -> None:
        """Remember a use; store it at once where other processes could conclude idleness."""
        stored = session.last_seen_at
        if now <= stored:
            return
        if must_store_use(
            stored,
            now,
            idle_seconds=session.idle_seconds,
            flush_every=self._flush_every,
        ):
            database.write(sessions.store_uses, [(session.id, now)])
            return
        with self._lock:
            if now > self._uses.get(session.id, stored):
                self._uses[session.id] = now

    def remember(self, session_id: str, now: datetime) -> None:
        """Remember a use that the next flush stores; never on the way to the store."""
        with self._lock:
            self._uses[session_id] = now

    def flush(self, database: Database, *, batch: int = 100) -> int:
        """Store what was remembered, in sorted batches so that nobody waits long.

        Returns:
            How many uses were stored.
        """
        with self._lock:
            uses, self._uses = self._uses, {}
        rows = sorted(uses.items())
        for start in range(0, len(rows), batch):
            try:
                database.write(sessions.store_uses, rows[start : start + batch])
            except BaseException:
                self._take_back(rows[start:])
                raise
        return len(rows)

    def _take_back(self, rows: list[tuple[str, datetime]]) -> None:
        """What could not be stored waits for the next flush; a newer use wins."""
        with self._lock:
            for session_id, used in rows:
                self._uses.setdefault(session_id, used)
