"""Sending notices beside the server, in every process (DESIGN sections 8 and 10).

One thread looks at what is due and claims it; each attempt has a thread of its own, so that a
target that hangs holds up nobody but itself. Targets that are slow or failed last may have half of
the attempts at a time between them, and each of them one: whoever answers quickly is told quickly,
whatever the others do.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import structlog
from litestar import Litestar

from ostiary.domain.errors import OstiaryError
from ostiary.domain.notice import Notice
from ostiary.services import deliver
from ostiary.services.courier import Courier
from ostiary.storage import deliveries
from ostiary.storage.deliveries import Due

TICK: Final = 0.5
"""Seconds between two looks at what is due; an ending of this process is looked at at once."""

MOST: Final = 32
"""Attempts at a time."""

MOST_TO_ONE: Final = 4
"""Attempts at a time to one target."""

SLOW: Final = 1.0
"""Seconds after which a target that has not answered counts as slow."""

_RENEW_EVERY: Final = deliveries.LEASE.total_seconds() / 3
_FINISH: Final = 1.0
"""Seconds that what is being sent has to finish when the process stops. What has not is due again
after its lease, for another process or the next start."""

_AFTER_FAILURE: Final = 5.0

_log = structlog.get_logger(__name__)


class _Attempt:
    """What one thread is doing."""

    def __init__(self, item: Notice, *, suspect: bool) -> None:
        self.item = item
        self.began = time.monotonic()
        self._suspect = suspect

    def is_suspect(self, now: float) -> bool:
        return self._suspect or now - self.began > SLOW


class Deliveries:
    """The deliveries of one process."""

    def __init__(self, courier: Courier, *, most: int = MOST, tick: float = TICK) -> None:
        """Send nothing yet; `run_until_stopped` does."""
        self._courier = courier
        self._most = most
        self._tick = tick
        self._running: dict[int, _Attempt] = {}
        self._changed = threading.Condition()
        self._look = threading.Event()
        self._stop = False
        self._renewed = time.monotonic()

    def wake(self) -> None:
        """Look at once: something is owed."""
        self._look.set()

    def stop(self) -> None:
        """Begin nothing more."""
        self._stop = True
        self._look.set()

    def run_until_stopped(self) -> None:
        """Look at what is due, again and again."""
        while not self._stop:
            pause = self._tick
            try:
                self.look()
            except OstiaryError as error:
                _log.warning("deliveries.failed", code=error.code, detail=error.detail)
                pause = _AFTER_FAILURE
            except Exception:  # noqa: BLE001 - a bug must not end all deliveries
                _log.exception("deliveries.failed")
                pause = _AFTER_FAILURE
            self._look.wait(pause)
            self._look.clear()
        self.finish(_FINISH)

    def look(self) -> int:
        """Claim what is due and has room, and begin to send it.

        Returns:
            How many were begun.
        """
        house = self._courier.house
        self._renew()
        begun = 0
        for lane in house.database.read(deliveries.due, house.clock()):
            room = self._room(lane)
            if self._stop or not room:
                continue
            claimed = house.database.write(
                deliveries.claim, lane.lane, self._courier.holder, limit=room, now=house.clock()
            )
            self._begin(claimed, suspect=lane.failures > 0)
            begun += len(claimed)
        return begun

    def finish(self, seconds: float) -> bool:
        """Wait for what is being sent; False: some of it takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, seconds)

    def _room(self, lane: Due) -> int:
        """How many attempts a target may have besides those that run."""
        now = time.monotonic()
        with self._changed:
            running = list(self._running.values())
        suspects = {a.item.lane for a in running if a.is_suspect(now)}
        if lane.failures:
            suspects.add(lane.lane)
        busy = Counter(a.item.lane for a in running)
        room = self._most - len(running)
        if lane.lane not in suspects:
            return min(room, MOST_TO_ONE - busy[lane.lane])
        taken = sum(busy[suspect] for suspect in suspects)
        return max(0, min(room, 1 - busy[lane.lane], self._most // 2 - taken))

    def _begin(self, claimed: Iterable[Notice], *, suspect: bool) -> None:
        for item in claimed:
            with self._changed:
                self._running[item.id] = _Attempt(item, suspect=suspect)
            # Daemons: none of them may hold up the end of the process.
            threading.Thread(
                target=self._attempt, args=(item,), name=f"notice-{item.id}", daemon=True
            ).start()

    def _attempt(self, item: Notice) -> None:
        began = time.monotonic()
        try:
            outcome = deliver.attempt(self._courier, item)
        except Exception as error:  # noqa: BLE001 - the notice is due again after its lease
            if not self._stop:
                _log.warning("notice.interrupted", notice=item.id, error=str(error))
        else:
            took = round((time.monotonic() - began) * 1000)
            _log.info("notice.sent", notice=item.id, outcome=outcome.value, ms=took)
        finally:
            with self._changed:
                self._running.pop(item.id, None)
                self._changed.notify_all()
            self.wake()

    def _renew(self) -> None:
        """Hold what is still being sent, so that no other process sends it as well."""
        now = time.monotonic()
        if now - self._renewed < _RENEW_EVERY:
            return
        self._renewed = now
        with self._changed:
            ids = list(self._running)
        if ids:
            house = self._courier.house
            house.database.write(deliveries.renew, ids, self._courier.holder, house.clock())


def beside(deliveries: Deliveries) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """The deliveries as something that runs as long as the application does."""

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        thread = threading.Thread(
            target=deliveries.run_until_stopped, name="deliveries", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            deliveries.stop()
            await asyncio.to_thread(thread.join)

    return running
