"""Several workers: each gets its share, each is replaced, and jobs are done by one of them."""

from __future__ import annotations

import http.client
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from ostiary.domain.errors import Misconfigured
from ostiary.ops.listening import require_free
from tests.support.server import PATIENCE, Server, install, store_of, until
from tests.support.visitor import Visitor


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data", workers=2) as server:
        yield server


def metric(server: Server, name: str, **labels: str) -> float:
    page = server.client().get("/metrics").text
    return next(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    )


def connections(server: Server, count: int) -> list[http.client.HTTPConnection]:
    """Connections that have asked once and stay open."""
    target = urlsplit(server.url)
    made = []
    for _ in range(count):
        connection = http.client.HTTPConnection(
            target.hostname or "", target.port, timeout=PATIENCE
        )
        assert ask(connection) == 200
        made.append(connection)
    return made


def ask(connection: http.client.HTTPConnection) -> int | None:
    """The status of an answer; None when the connection is gone."""
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return None
    return 200 if response.status < 500 else response.status


def share(pid: int) -> int:
    """How many connections a worker has."""
    found = psutil.Process(pid).net_connections("tcp")
    return sum(connection.status == psutil.CONN_ESTABLISHED for connection in found)


def test_a_worker_that_dies_is_replaced_while_the_other_answers(server: Server) -> None:
    first, second = server.workers()
    # What forks has neither threads nor a connection to the store.
    assert server.process is not None
    parent = psutil.Process(server.process.pid)
    assert parent.num_threads() == 1
    assert not [file.path for file in parent.open_files() if "ostiary.db" in file.path]
    made = connections(server, 24)
    shares = [share(first), share(second)]
    assert min(shares) >= 4  # the kernel spreads them; 24 on one of two is less than 1 in 10^6
    os.kill(first, signal.SIGKILL)
    # What the other has goes on without a break; new ones wait for the new worker at most.
    kept = [ask(connection) for connection in made]
    assert kept.count(200) >= shares[1] - 1
    for connection in made:
        connection.close()
    for connection in connections(server, 12):
        connection.close()
    until(lambda: len(server.workers()) == 2, "there are two again")
    assert first not in server.workers()
    assert second in server.workers()
    assert metric(server, "ostiary_worker_restarts_total") == 1
    [died] = server.log("worker.died")
    assert (died["code"], died["level"]) == (-signal.SIGKILL, "error")
    answered = {line["pid"] for line in server.log("request")}
    assert answered == {first, *server.workers()}


def test_workers_do_not_outlive_their_supervisor(server: Server) -> None:
    assert server.process is not None
    workers = server.workers()
    server.process.kill()
    server.process.wait(PATIENCE)
    until(lambda: not any(psutil.pid_exists(pid) for pid in workers), "the workers are gone")
    assert {line["pid"] for line in server.log("worker.alone")} == set(workers)
    until(lambda: is_free(server.data), "the data is free")
    server.start()


def is_free(directory: Path) -> bool:
    try:
        require_free(directory)
    except Misconfigured:
        return False
    return True


def test_a_worker_that_cannot_start_ends_the_server(tmp_path: Path) -> None:
    server = Server(
        tmp_path / "data", settings={"OSTIARY_PLACES__CITY": str(tmp_path / "none.mmdb")}
    )
    with pytest.raises(AssertionError, match="it left with 1"):
        server.start()
    assert "none.mmdb does not exist" in server.errors()


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_two_workers_sweep_once(store: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Covers A08: nobody asks for the session, and one of two workers ends it, once."""
    url = request.getfixturevalue("postgresql_url") if store == "postgresql" else ""
    settings = {"OSTIARY_LIFETIME__IDLE": "1s", "OSTIARY_JOBS__SWEEP_EVERY": "1s"}
    server = Server(tmp_path / "data", url=url, workers=2, settings=settings)
    install(server.config, "ann")
    ended = text(
        "SELECT count(*) FROM audit_event WHERE event = 'session.ended' AND detail LIKE '%idle%'"
    )
    with server, store_of(server.config) as database:
        with Visitor(server.url) as visitor:
            assert visitor.sign_in("ann").json["status"] == "ok"
        until(lambda: database.read(lambda tx: tx.number(ended)) > 0, "the session was ended")
        assert metric(server, "ostiary_sessions_ended_total", reason="idle") == 1
        assert metric(server, "ostiary_job_rows_total", job="sweep") == 1
        holders = text("SELECT count(*) FROM job WHERE name = 'sweep'")
        assert database.read(lambda tx: tx.number(holders)) == 1
        assert database.read(lambda tx: tx.number(ended)) == 1
        assert server.log("job.failed") == []
