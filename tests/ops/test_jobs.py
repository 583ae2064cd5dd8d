"""What happens beside the server: done in time, by one process, and harmless to all others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ostiary.domain.errors import Unavailable
from ostiary.domain.session import EndReason
from ostiary.ops.jobs import LEASE, Job, Jobs
from ostiary.ops.metrics import Metrics
from ostiary.services import retention
from ostiary.services.house import Policy
from ostiary.storage import cut_offs, sessions
from ostiary.storage import jobs as leases
from tests.support.installation import Installation

SWEEP_EVERY = 10
POLICY = Policy(retention=3_600)


@contextmanager
def installed(url: str, directory: Path) -> Iterator[Installation]:
    made = Installation(url, directory, policy=POLICY)
    made.organization("acme")
    made.user("acme", "ann")
    yield made
    made.close()


@pytest.fixture
def either(database_url: str, tmp_path: Path) -> Iterator[Installation]:
    """On both stores: where leases and locks decide."""
    with installed(database_url, tmp_path) as made:
        yield made


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """On one of them: where it makes no difference."""
    with installed(f"sqlite:///{tmp_path / 'ostiary.db'}", tmp_path) as made:
        yield made


def worker(installation: Installation) -> Jobs:
    return Jobs(installation.house, Metrics(), sweep_every=SWEEP_EVERY)


def ended(installation: Installation, session_id: str) -> EndReason | None:
    found = installation.read(sessions.by_id, session_id)
    assert found is not None
    return found.ended_reason


def row(installation: Installation, name: str) -> leases.JobRow:
    return next(r for r in installation.read(leases.every) if r.name == name)


def swept(jobs: Jobs) -> int | None:
    return jobs.run_due().get("sweep")


def test_nobody_has_to_ask_for_a_session_to_expire(either: Installation) -> None:
    """Covers A08, F04: the sweeper ends what nobody reads."""
    started = either.start_session("acme", "ann")
    jobs = worker(either)
    assert swept(jobs) == 0
    either.clock.forward(hours=2)
    assert swept(jobs) == 1
    assert ended(either, started.session.id) is EndReason.IDLE


def test_a_sweep_goes_on_until_nothing_is_due(installation: Installation) -> None:
    for _ in range(3):
        installation.start_session("acme", "ann")
    installation.clock.forward(hours=2)
    jobs = worker(installation)
    jobs._leased = (
        Job(
            name="sweep",
            every=timedelta(seconds=SWEEP_EVERY),
            batch=lambda tx, now: retention.sweep(tx, now, 1),
            full=1,
        ),
    )
    assert jobs.run_due() == {"sweep": 3}


def test_a_job_that_is_not_due_is_left_alone(installation: Installation) -> None:
    jobs = worker(installation)
    assert swept(jobs) == 0
    assert swept(jobs) is None
    installation.clock.forward(seconds=SWEEP_EVERY - 1)
    assert swept(jobs) is None
    installation.clock.forward(seconds=1)
    assert swept(jobs) == 0


def test_of_two_processes_one_does_the_work(either: Installation) -> None:
    one, two = worker(either), worker(either)
    assert swept(one) == 0
    assert swept(two) is None
    either.clock.forward(seconds=SWEEP_EVERY)
    assert swept(two) == 0
    assert swept(one) is None


def test_what_a_dead_process_held_is_free_within_twenty_seconds(either: Installation) -> None:
    dead, heir = worker(either), worker(either)
    now = either.clock.now
    assert either.write(leases.claim, "sweep", dead.holder, lease=LEASE, now=now)
    either.clock.forward(seconds=14)
    assert swept(heir) is None
    either.clock.forward(seconds=5)
    assert swept(heir) == 0


def test_a_process_that_lost_its_lease_stops(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.ops.jobs._RENEW_AFTER", -1.0)
    slow, heir = worker(installation), worker(installation)
    batches: list[int] = []

    def batch(tx: Any, now: Any) -> int:
        batches.append(1)
        if len(batches) == 2:
            tx.execute(
                leases.job.update().where(leases.job.c.name == "sweep").values(holder=heir.holder)
            )
        return 1

    slow._leased = (Job(name="sweep", every=timedelta(seconds=10), batch=batch, full=1),)
    assert swept(slow) == 2
    assert row(installation, "sweep").holder == heir.holder


def test_a_long_job_lets_the_others_have_their_turn(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.ops.jobs._LONGEST_TURN", 0.0)
    jobs = worker(installation)
    endless = Job(name="endless", every=timedelta(hours=1), batch=lambda tx, now: 1, full=1)
    jobs._leased = (endless, *jobs._leased)
    done = jobs.run_due()
    assert set(done) >= {"endless", "sweep", "purge"}
    # It is due again at once, since it was not through.
    assert row(installation, "endless").due_at <= installation.clock.now


def test_a_job_that_fails_is_told_and_tried_again(installation: Installation) -> None:
    jobs = worker(installation)
    failures = iter([ZeroDivisionError("oh"), Unavailable("the disk is full")])

    def batch(tx: Any, now: Any) -> int:
        for failure in failures:
            raise failure
        return 0

    jobs._leased = (
        Job(name="broken", every=timedelta(seconds=1), batch=batch, full=1),
        *jobs._leased,
    )
    with capture_logs() as logs:
        assert "broken" not in jobs.run_due()
    assert [(log["event"], log["job"]) for log in logs] == [("job.failed", "broken")]
    assert row(installation, "broken").holder == ""
    assert row(installation, "broken").last_outcome == "failed: ZeroDivisionError"
    assert row(installation, "sweep").last_outcome == "0 rows"
    installation.clock.forward(seconds=5)
    assert "broken" not in jobs.run_due()  # it is not tried all the time
    installation.clock.forward(seconds=6)
    with capture_logs() as logs:
        assert "broken" not in jobs.run_due()
    assert logs[0]["detail"] == "the disk is full"
    installation.clock.forward(seconds=11)
    assert jobs.run_due()["broken"] == 0


def test_a_cut_off_is_settled_in_the_background(either: Installation) -> None:
    started = either.start_session("acme", "ann")
    jobs = worker(either)
    assert "settle" not in jobs.run_due()
    key = started.session.organization_key
    why = {"reason": EndReason.ADMIN_BULK, "actor": "operator", "now": either.clock.now}
    either.write(cut_offs.raise_epoch, "organization", key, **why)
    assert jobs.run_due()["settle"] == 1
    assert ended(either, started.session.id) is EndReason.ADMIN_BULK
    either.clock.forward(seconds=60)
    assert "settle" not in jobs.run_due()


def test_what_is_past_retention_is_purged(either: Installation) -> None:
    started = either.start_session("acme", "ann")
    either.clock.forward(hours=2)
    jobs = worker(either)
    jobs.run_due()
    assert ended(either, started.session.id) is EndReason.IDLE
    either.clock.forward(seconds=POLICY.retention + 60)
    assert jobs.run_due()["purge"] > 0
    assert either.read(sessions.by_id, started.session.id) is None


def test_a_process_stores_what_it_knows_of_the_last_use(installation: Installation) -> None:
    started = installation.start_session("acme", "ann")
    jobs = worker(installation)
    now = installation.clock.forward(seconds=30)
    installation.house.activity.note(installation.database, started.session, now)
    assert jobs.flush() == 1
    found = installation.read(sessions.by_id, started.session.id)
    assert found is not None
    assert found.last_seen_at == now
    assert jobs.flush() == 0


def test_a_use_that_could_not_be_stored_is_stored_later(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = installation.start_session("acme", "ann")
    jobs = worker(installation)
    now = installation.clock.forward(seconds=30)
    installation.house.activity.note(installation.database, started.session, now)
    with monkeypatch.context() as broken:
        broken.setattr(installation.database, "write", _no_room)
        assert jobs.flush() is None
    installation.clock.forward(seconds=11)
    assert jobs.flush() == 1


def _no_room(*_: Any, **__: Any) -> Any:
    raise Unavailable("no room")


def test_a_job_that_is_told_to_stop_gives_back_what_it_held(installation: Installation) -> None:
    jobs, heir = worker(installation), worker(installation)

    def batch(tx: Any, now: Any) -> int:
        jobs.stop()
        return 1

    jobs._leased = (Job(name="long", every=timedelta(hours=1), batch=batch, full=1),)
    assert jobs.run_due() == {"long": 1}
    heir._leased = (Job(name="long", every=timedelta(hours=1), batch=lambda tx, now: 0, full=1),)
    assert heir.run_due() == {"long": 0}


class _Pauses(threading.Event):
    """Notes how long it was waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        return False


def test_a_long_job_pauses_as_long_as_it_works(installation: Installation) -> None:
    jobs = worker(installation)
    jobs._stop = pauses = _Pauses()
    sizes = iter([5, 5, 0])

    def batch(tx: Any, now: Any) -> int:
        time.sleep(0.02)  # a batch that takes its time
        return next(sizes)

    jobs._leased = (Job(name="long", every=timedelta(hours=1), batch=batch, full=5),)
    assert jobs.run_due() == {"long": 10}
    assert len(pauses.seconds) == 2
    assert min(pauses.seconds) >= 0.02
