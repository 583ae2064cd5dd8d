"""What happens by itself beside the server (DESIGN sections 2 and 10).

*Leased* jobs are everybody's: a row says who holds one, so that of many processes exactly one does
it, and what a dead process held is free again within `LEASE`. *Own* jobs are each process's: it
stores when the sessions that it answered for were last used.

All of it runs in two threads of its own, so that nothing here can hold up the event loop.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import msgspec
import structlog
from litestar import Litestar

from ostiary.domain.errors import OstiaryError
from ostiary.gateways.entropy import new_public_id
from ostiary.ops.metrics import Metrics
from ostiary.services import deliver, retention
from ostiary.services.house import House
from ostiary.storage import cut_offs
from ostiary.storage import jobs as leases
from ostiary.storage.database import Transaction

LEASE: Final = timedelta(seconds=15)
"""How long a job stays its holder's without a sign of life."""

TICK: Final = 1.0
"""Seconds between two looks at what is due."""

_RENEW_AFTER: Final = LEASE.total_seconds() / 3
_LONGEST_TURN: Final = 5.0
"""Seconds after which a job that still has rows lets the others have their turn."""

_SHORTEST_BREATH: Final = 0.005
"""Seconds between two batches at least: whoever waits for the store comes first."""

_AFTER_FAILURE: Final = timedelta(seconds=10)

_log = structlog.get_logger(__name__)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A leased job.

    Attributes:
        name: the lease's, and that of its metrics.
        every: from the end of one run to the next.
        batch: does a bounded piece and returns its size.
        full: a piece that is smaller was the last one.
        wanted: says by a cheap read whether there is anything to do; None: always.
    """

    name: str
    every: timedelta
    batch: Callable[[Transaction, datetime], int]
    full: int
    wanted: Callable[[Transaction], bool] | None = None


def leased_jobs(house: House, *, sweep_every: int) -> tuple[Job, ...]:
    """The jobs of an installation.

    Args:
        house: the installation.
        sweep_every: seconds between two sweeps.
    """
    return (
        Job(
            name="settle",
            every=timedelta(seconds=1),
            batch=retention.settle_cut_offs,
            full=retention.BATCH,
            wanted=cut_offs.any_unfinished,
        ),
        Job(
            name="sweep",
            every=timedelta(seconds=sweep_every),
            batch=retention.sweep,
            full=retention.BATCH,
        ),
        Job(
            name="give_up",
            every=timedelta(minutes=1),
            batch=partial(deliver.give_up_overdue, give_up_after=house.policy.give_up_after),
            full=deliver.BATCH,
        ),
        Job(
            name="purge",
            every=timedelta(minutes=1),
            batch=partial(retention.purge, policy=house.policy),
            full=1,  # it goes over several tables, and is through when none gave a row
        ),
    )


class Jobs:
    """The jobs of one process."""

    def __init__(self, house: House, metrics: Metrics, *, sweep_every: int) -> None:
        """Start none; `beside` does."""
        self.holder = f"{socket.gethostname()[:24]}/{os.getpid()}/{new_public_id()[:8]}"
        self._house = house
        self._metrics = metrics
        self._leased = leased_jobs(house, sweep_every=sweep_every)
        self._stop = threading.Event()
        self._not_before: dict[str, datetime] = {}

    def run_due(self) -> dict[str, int]:
        """Do the leased jobs that are due and that nobody else holds.

        Returns:
            How many rows each of those that ran has looked at.
        """
        done: dict[str, int] = {}
        for job in self._leased:
            if self._stop.is_set():
                break
            rows = self._guarded(job.name, partial(self._claim_and_run, job))
            if rows is not None:
                done[job.name] = rows
        return done

    def flush(self) -> int | None:
        """Store what this process knows of sessions' last use; None: the store did not take it."""
        return self._guarded("flush_last_seen", self._flush)

    def stop(self) -> None:
        """Begin nothing more; what is being done stops after its batch."""
        self._stop.set()

    def _flush(self) -> int:
        rows = self._house.activity.flush(self._house.database)
        self._count("flush_last_seen", rows, "done")
        return rows

    def _guarded(self, name: str, work: Callable[[], int | None]) -> int | None:
        """Run one job; a failure is told and tried again, and never stops the others."""
        again_at = self._not_before.get(name)
        if again_at is not None and self._house.clock() < again_at:
            return None
        try:
            return work()
        except OstiaryError as error:
            _log.warning("job.failed", job=name, code=error.code, detail=error.detail)
        except Exception:  # noqa: BLE001 - a bug in one job must not end all others
            _log.exception("job.failed", job=name)
        self._not_before[name] = self._house.clock() + _AFTER_FAILURE
        self._count(name, 0, "failed")
        return None

    def _claim_and_run(self, job: Job) -> int | None:
        house = self._house
        now = house.clock()
        if job.wanted is not None and not house.database.read(job.wanted):
            return None
        if not house.database.read(leases.is_free, job.name, now):
            return None
        if not house.database.write(leases.claim, job.name, self.holder, lease=LEASE, now=now):
            return None
        try:
            return self._run(job)
        except Exception as error:
            self._give_back(job, f"failed: {type(error).__name__}", wait=True)
            raise

    def _run(self, job: Job) -> int:
        began = renewed = time.monotonic()
        rows, finished = 0, False
        while not finished and not self._stop.is_set():
            batch_began = time.monotonic()
            if batch_began - began > _LONGEST_TURN:
                break
            if batch_began - renewed > _RENEW_AFTER:
                if not self._renew(job):
                    return rows  # it is another's by now
                renewed = batch_began
            size = self._house.database.write(job.batch, self._house.clock())
            rows += size
            finished = size < job.full
            if not finished:
                self._stop.wait(max(_SHORTEST_BREATH, time.monotonic() - batch_began))
        self._give_back(job, f"{rows} rows", wait=finished)
        self._count(job.name, rows, "done")
        if rows:
            took = round((time.monotonic() - began) * 1000)
            _log.info("job.done", job=job.name, rows=rows, ms=took)
        return rows

    def _renew(self, job: Job) -> bool:
        house = self._house
        return house.database.write(
            leases.renew, job.name, self.holder, lease=LEASE, now=house.clock()
        )

    def _give_back(self, job: Job, outcome: str, *, wait: bool) -> None:
        now = self._house.clock()
        self._house.database.write(
            leases.finish,
            job.name,
            self.holder,
            outcome=outcome,
            due_at=now + job.every if wait else now,
            now=now,
        )

    def _count(self, name: str, rows: int, outcome: str) -> None:
        self._metrics.add("ostiary_job_runs", name, outcome)
        self._metrics.add("ostiary_job_rows", name, count=rows)

    # The threads

    def run_leased_until_stopped(self) -> None:
        """Look at what is due, again and again."""
        while not self._stop.wait(TICK):
            self.run_due()

    def run_own_until_stopped(self) -> None:
        """Flush now and then, and once more at the end."""
        every = self._house.policy.flush_last_seen_every
        flushed = time.monotonic()
        while not self._stop.wait(min(TICK, every)):
            self._metrics.password_queue(self._house.passwords.waiting)
            if time.monotonic() - flushed >= every:
                flushed = time.monotonic()
                self.flush()
        self.flush()


def beside(jobs: Jobs) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """The jobs as something that runs as long as the application does."""

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        threads = [
            threading.Thread(target=jobs.run_leased_until_stopped, name="jobs", daemon=True),
            threading.Thread(target=jobs.run_own_until_stopped, name="last-seen", daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            jobs.stop()
            for thread in threads:
                await asyncio.to_thread(thread.join)

    return running
