"""Health and metrics: what machines that watch this one are told, and who may ask."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from prometheus_client.parser import text_string_to_metric_families

from ostiary.domain.access import user_caller
from ostiary.domain.errors import Unavailable, WrongCredentials
from ostiary.domain.events import Event
from ostiary.edge.house import Front
from ostiary.ops import health
from ostiary.ops.app import create_app
from ostiary.ops.metrics import FRONTS, Metrics, SharedNumbers, front_of
from ostiary.services import end
from ostiary.storage import audit
from tests.support.installation import PUBLIC_URL, Installation


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(f"sqlite:///{tmp_path / 'ostiary.db'}", tmp_path)
    yield made
    made.close()


@pytest.fixture
def metrics(installation: Installation) -> Metrics:
    metrics = Metrics()
    installation.database.after_commit = metrics.committed
    return metrics


Watch = Callable[..., TestClient[Any]]


@pytest.fixture
def watch(installation: Installation, metrics: Metrics) -> Watch:
    """Who asks: by default a program on this machine, directly."""

    def client(token: str = "", peer: str = "127.0.0.1") -> TestClient[Any]:
        app = create_app(
            installation.house,
            Front(public_url=PUBLIC_URL),
            further=[health.router(installation.house, metrics, token=token)],
        )

        async def from_peer(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "client": (peer, 50_000)}, receive, send)

        return TestClient(from_peer, base_url=PUBLIC_URL)

    return client


def numbers(page: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def number(page: str, name: str, **labels: str) -> float:
    return numbers(page)[name, tuple(sorted(labels.items()))]


def test_it_lives_and_is_ready(watch: Watch) -> None:
    client = watch(peer="203.0.113.7")
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").json() == {"status": "ready"}


def test_it_is_not_ready_when_the_store_is_gone(
    watch: Watch, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers D19."""

    def gone(*_: Any) -> Any:
        raise Unavailable("the disk /secret/path is gone")

    monkeypatch.setattr(installation.database, "read", gone)
    client = watch()
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable"}
    assert int(response.headers["retry-after"]) > 0
    assert client.get("/health/live").status_code == 200
    page = client.get("/metrics").text
    assert "ostiary_sessions_live" not in page
    assert number(page, "ostiary_password_queue") == 0


def test_a_store_that_hangs_is_as_good_as_gone(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.ops.health._PATIENCE", 0.05)
    hangs, asked = threading.Event(), 0

    def wait(*_: Any) -> bool:
        nonlocal asked
        asked += 1
        return hangs.wait(30)

    monkeypatch.setattr(installation.database, "read", wait)
    store = health._Store(installation.house)

    async def ask_twice() -> None:
        try:
            for _ in range(2):
                with pytest.raises(Unavailable):
                    await store.answer()
        finally:
            hangs.set()
        await store.answer()

    asyncio.run(ask_twice())
    assert asked == 1  # however often it is asked, one thread waits


def test_metrics_are_for_this_machine_unless_there_is_a_token(watch: Watch) -> None:
    assert watch().get("/metrics").status_code == 200
    assert watch(peer="::1").get("/metrics").status_code == 200
    assert watch(peer="203.0.113.7").get("/metrics").status_code == 404
    # From a proxy on this machine, which speaks for somebody else.
    for header in ("X-Forwarded-For", "Forwarded"):
        assert watch().get("/metrics", headers={header: "x"}).status_code == 404


def test_metrics_are_for_who_has_the_token(watch: Watch) -> None:
    client = watch(token="sesame", peer="203.0.113.7")
    for given in ("", "Bearer", "Bearer other", "Bearer sesame2", "Basic sesame", "Bearer sésame"):
        headers = {"Authorization": given.encode()} if given else {}
        response = client.get("/metrics", headers=headers)
        assert response.status_code == 401, given
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert response.json() == {"status": "not_signed_in"}
    response = client.get("/metrics", headers={"Authorization": "bearer sesame"})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert watch(token="sesame").get("/metrics").status_code == 401


def test_what_happened_is_counted_when_it_is_true(watch: Watch, installation: Installation) -> None:
    client = watch()
    started = installation.start_session("built-in", "admin")
    installation.start_session("built-in", "admin")
    with pytest.raises(WrongCredentials):
        installation.start_session("built-in", "admin", password="wrong")
    with pytest.raises(ZeroDivisionError):
        installation.write(_started_but_undone, installation)
    page = client.get("/metrics").text
    assert number(page, "ostiary_events_total", event="session.started") == 2
    assert number(page, "ostiary_events_total", event="sign_in.failed") == 1
    assert number(page, "ostiary_sessions_live") == 2
    assert number(page, "ostiary_sessions_ended_total", reason="signed_out") == 0
    caller = user_caller(started.user, started.session)
    installation.write(end.sign_out, installation.act(caller))
    page = client.get("/metrics").text
    assert number(page, "ostiary_sessions_ended_total", reason="signed_out") == 1
    assert number(page, "ostiary_events_total", event="session.ended") == 1


def _started_but_undone(tx: Any, installation: Installation) -> None:
    event = audit.NewEvent(event=Event.SESSION_STARTED, actor="nobody")
    audit.write(tx, installation.clock.now, [event])
    raise ZeroDivisionError


def test_requests_are_counted_by_front_and_status() -> None:
    metrics = Metrics()
    for path, status, seconds in (
        ("/v1/sessions", 200, 0.001),
        ("/v1", 404, 0.3),
        ("/v10", 404, 0.3),
        ("/api/login", 503, 60.0),
        ("/", 303, 0.02),
        ("/health/live", 200, 0.0),
        ("/metricsx", 200, 0.0),
        ("/weird", 799, 0.0),
    ):
        metrics.request(path, status, seconds)
    page = metrics.page(None).decode()
    name = "ostiary_requests_total"
    assert number(page, name, front="api", status="2xx") == 1
    assert number(page, name, front="api", status="4xx") == 1
    assert number(page, name, front="casdoor", status="5xx") == 1
    assert number(page, name, front="web", status="3xx") == 1
    assert number(page, name, front="web", status="4xx") == 1
    assert number(page, name, front="operations", status="2xx") == 1
    seconds = "ostiary_request_seconds"
    assert number(page, f"{seconds}_count", front="api") == 2
    assert number(page, f"{seconds}_sum", front="api") == pytest.approx(0.301)
    assert number(page, f"{seconds}_bucket", front="api", le="0.005") == 1
    assert number(page, f"{seconds}_bucket", front="api", le="0.5") == 2
    assert number(page, f"{seconds}_bucket", front="casdoor", le="10.0") == 0
    assert number(page, f"{seconds}_bucket", front="casdoor", le="+Inf") == 1
    assert "ostiary_sessions_live" not in page


def test_paths_belong_to_one_front_each() -> None:
    paths = {"/v1": "api", "/api/x": "casdoor", "/metrics": "operations", "/apix": "web", "": "web"}
    assert {path: front_of(path) for path in paths} == paths
    assert set(paths.values()) == set(FRONTS)


def test_all_processes_count_into_one_page() -> None:
    shared = SharedNumbers(3)
    ours = Metrics(shared, 0)
    ours.add("ostiary_job_rows", "sweep", count=5)
    ours.password_queue(2)
    child = os.fork()
    if child == 0:  # as a worker does
        theirs = Metrics(shared, 1)
        theirs.add("ostiary_job_rows", "sweep", count=7)
        theirs.password_queue(3)
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    for metrics in (ours, Metrics(shared, 2)):
        page = metrics.page(None).decode()
        assert number(page, "ostiary_job_rows_total", job="sweep") == 12
        assert number(page, "ostiary_password_queue") == 5
    # Whoever takes the dead one's place counts on from there.
    Metrics(shared, 1).add("ostiary_job_rows", "sweep")
    assert number(ours.page(None).decode(), "ostiary_job_rows_total", job="sweep") == 13


def test_what_has_no_place_is_not_counted() -> None:
    metrics = Metrics()
    metrics.add("ostiary_events", "something.new")
    assert "something.new" not in metrics.page(None).decode()
