"""Checks of one event loop, answered in batches (DESIGN section 2, transport 1).

All that were parsed in one tick of the loop are answered together, after one look at the gate that
is made *after* the last of them was parsed: a look at the start of the tick would be too early for
bytes that arrive later in it. A secret that no session has is refused by a glance at the index;
what there is and the live view does not hold is read from the store by a thread, all of a batch by
one statement.
"""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Protocol

import msgspec
import structlog

from ostiary.domain.errors import OstiaryError
from ostiary.domain.lifetime import must_store_use
from ostiary.edge.check_answer import OK, UNAUTHORIZED, UNAVAILABLE, told
from ostiary.services.check import Live, live_by_secrets
from ostiary.services.house import House
from ostiary.storage import sessions
from ostiary.storage.live_view import Entry, LiveView

_log = structlog.get_logger(__name__)

_NOTE_EVERY = 1.0
"""Seconds between two notes of one session's use: finer than anybody is shown."""

_MOST_NUMBERS = 10_000

_REREADS = 20
"""How often a row that changes while it is read is read again."""


class Asker(Protocol):
    """A connection that asked, and is answered in the order of its questions."""

    unread: int
    """How many of its questions wait for the store; those behind them wait too."""

    def answer(self, status: int, told: bytes, *, keep_alive: bool) -> None:
        """Write an answer."""


class Question(msgspec.Struct, gc=False):
    """One check: whose secret it presented, as SHA-256, and whether the connection stays."""

    asker: Asker
    digest: bytes
    keep_alive: bool


class Checks:
    """The questions and the view of one event loop; everything but `_read` runs on its thread."""

    def __init__(self, house: House, view: LiveView[Entry] | None) -> None:
        """Start with nothing asked.

        Args:
            house: the installation.
            view: what may answer without the store; None: every check reads the row.
        """
        self._house = house
        self._view = view
        self._loop = asyncio.get_running_loop()
        self._asked: list[Question] = []
        self._unread: list[Question] = []
        self._reading = False
        # Numbers that most entries share: a million copies of them would take 80 MB.
        self._numbers: dict[int, int] = {}
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="checks")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="uses")

    def ask(self, question: Question) -> None:
        """Take a question that was just parsed; it is answered at the end of this tick."""
        self._asked.append(question)
        if len(self._asked) == 1:
            self._loop.call_soon(self._answer_all)

    def close(self) -> None:
        """Stop the threads and forget the view."""
        self._reader.shutdown(wait=True, cancel_futures=True)
        self._writer.shutdown(wait=True)
        if self._view is not None:
            self._view.close()

    def _answer_all(self) -> None:
        asked, self._asked = self._asked, []
        view = self._current_view()
        now = self._house.clock().timestamp()
        for question in asked:
            asker = question.asker
            entry = None
            if view is not None and not asker.unread:
                entry = view.get(question.digest)
                if entry is None and _is_unknown(view, question.digest):
                    asker.answer(UNAUTHORIZED, b"", keep_alive=question.keep_alive)
                    continue
            if entry is None or not _is_alive(entry, now):
                # Unknown, or idle as far as this process knows: the row decides (DESIGN 2).
                asker.unread += 1
                self._unread.append(question)
                continue
            self._note(entry, now)
            asker.answer(OK, entry.told, keep_alive=question.keep_alive)
        if self._unread and not self._reading:
            self._read_next()

    def _current_view(self) -> LiveView[Entry] | None:
        """The view; None, when it cannot be brought up to date."""
        if self._view is not None:
            try:
                self._view.refresh()
            except sqlite3.Error:
                _log.exception("live_view.not_current")
                return None
        return self._view

    def _note(self, entry: Entry, now: float) -> None:
        if now - entry.seen_at < _NOTE_EVERY:
            return
        entry.seen_at = now
        used = datetime.fromtimestamp(now, UTC)
        urgent = must_store_use(
            datetime.fromtimestamp(entry.stored_at, UTC),
            used,
            idle_seconds=entry.idle_seconds,
            flush_every=self._house.policy.flush_last_seen_every,
        )
        entry.stored_at = now
        if urgent:
            self._writer.submit(self._store_use, entry.session_id, used)
        else:
            self._house.activity.remember(entry.session_id, used)

    def _store_use(self, session_id: str, used: datetime) -> None:
        try:
            self._house.database.write(sessions.store_uses, [(session_id, used)])
        except OstiaryError:
            _log.exception("last_seen.not_stored", session=session_id)
            self._house.activity.remember(session_id, used)

    def _read_next(self) -> None:
        questions, self._unread = self._unread, []
        self._reading = True
        self._read_rows(questions, _REREADS)

    def _read_rows(self, questions: list[Question], rereads: int) -> None:
        read_at = self._view.position if self._view is not None else 0
        digests = list({q.digest for q in questions})
        future = self._loop.run_in_executor(self._reader, self._read, digests)

        def done(read: asyncio.Future[dict[bytes, Live]]) -> None:
            if read.cancelled():
                return
            self._after_reading(questions, read, read_at, rereads)

        future.add_done_callback(done)

    def _read(self, digests: list[bytes]) -> dict[bytes, Live]:
        house = self._house
        return house.database.look(live_by_secrets, house.vault, digests, house.clock())

    def _after_reading(
        self,
        questions: list[Question],
        read: asyncio.Future[dict[bytes, Live]],
        read_at: int,
        rereads: int,
    ) -> None:
        error = read.exception()
        entries: dict[bytes, Entry] | None = {}
        if error is not None:
            if not isinstance(error, OstiaryError):
                _log.error("check.failed", exc_info=error)
            entries = None
        else:
            entries = self.remember(read.result(), read_at)
            if entries is None and rereads:
                self._read_rows(questions, rereads - 1)
                return
        self._answer_read(questions, entries)
        self._reading = False
        if self._unread:
            self._read_next()

    def remember(self, found: dict[bytes, Live], read_at: int) -> dict[bytes, Entry] | None:
        """Put rows into the view; None: one of them changed while it was read."""
        entries = {digest: self._entry(live) for digest, live in found.items()}
        if self._view is not None:
            for digest, entry in entries.items():
                if not self._view.put(digest, entry, read_at=read_at):
                    return None
        return entries

    def _entry(self, live: Live) -> Entry:
        session = live.session
        seen = session.last_seen_at.timestamp()
        if len(self._numbers) > _MOST_NUMBERS:
            self._numbers.clear()
        once = self._numbers.setdefault
        return Entry(
            told=told(live),
            organization_key=once(session.organization_key, session.organization_key),
            user_key=session.user_key,
            application_key=once(session.application_key, session.application_key),
            expires_at=session.expires_at.timestamp(),
            idle_seconds=once(session.idle_seconds, session.idle_seconds),
            seen_at=seen,
            stored_at=seen,
        )

    def _answer_read(self, questions: list[Question], entries: dict[bytes, Entry] | None) -> None:
        now = self._house.clock().timestamp()
        for question in questions:
            question.asker.unread -= 1
            entry = entries.get(question.digest) if entries is not None else None
            if entries is None:
                question.asker.answer(UNAVAILABLE, b"", keep_alive=question.keep_alive)
            elif entry is None:
                question.asker.answer(UNAUTHORIZED, b"", keep_alive=question.keep_alive)
            else:
                self._note(entry, now)
                question.asker.answer(OK, entry.told, keep_alive=question.keep_alive)


def _is_unknown(view: LiveView[Entry], digest: bytes) -> bool:
    """Whether no session has this secret, by a glance at the index: a stranger's guess, mostly.

    It is asked here and not by the thread: so many guesses come at once that the way there and
    back would cost them more, and whoever waits beside them too.
    """
    try:
        return not view.is_stored(digest)
    except sqlite3.Error:
        return False  # whoever reads the row finds out what is wrong


def _is_alive(entry: Entry, now: float) -> bool:
    return now < entry.expires_at and now < entry.seen_at + entry.idle_seconds
