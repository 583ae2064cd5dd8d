"""Starting and stopping the real server: what is refused, what is told, and how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import text

from ostiary.domain.errors import Misconfigured
from ostiary.ops.config import Config
from ostiary.ops.config_file import load
from ostiary.ops.listening import LOCK_FILE, claim_port, held, require_free
from ostiary.ops.server import run
from tests.support.command_line import Terminal
from tests.support.installation import PASSWORD
from tests.support.server import PATIENCE, Server, install, store_of, until


def login(name: str) -> dict[str, Any]:
    return {
        "type": "login",
        "application": "app-built-in",
        "organization": "built-in",
        "username": name,
        "password": PASSWORD,
    }


# What only one server may have


def test_a_data_directory_has_one_server(tmp_path: Path) -> None:
    require_free(tmp_path / "not there")
    with held(tmp_path):
        for take in (lambda: require_free(tmp_path), lambda: held(tmp_path).__enter__()):
            with pytest.raises(Misconfigured, match=f"process {os.getpid()}") as caught:
                take()
            assert str(tmp_path) in caught.value.text
    require_free(tmp_path)
    with held(tmp_path):
        pass
    assert (tmp_path / LOCK_FILE).stat().st_mode & 0o777 == 0o600


def test_a_data_directory_is_free_when_the_last_process_is_gone(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        with held(tmp_path):
            if os.fork() == 0:  # as a worker, which holds it too
                os.close(writer)
                os.read(reader, 1)
                os.kill(os.getpid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(parent, 0)
    with pytest.raises(Misconfigured):
        require_free(tmp_path)
    os.close(writer)
    until(lambda: is_free(tmp_path), "the directory is free")
    os.close(reader)


def is_free(directory: Path) -> bool:
    with contextlib.suppress(Misconfigured):
        require_free(directory)
        return True
    return False


def closed(sockets: list[socket.socket]) -> None:
    for one in sockets:
        one.close()


def test_a_port_has_one_server_however_many_workers() -> None:
    first = claim_port("127.0.0.1", 0, 3)
    port = first[0].getsockname()[1]
    try:
        assert {one.getsockname() for one in first} == {("127.0.0.1", port)}
        for workers in (1, 2):
            with pytest.raises(Misconfigured, match=f"Port {port} of 127.0.0.1 is taken"):
                claim_port("127.0.0.1", port, workers)
    finally:
        closed(first)
    closed(claim_port("127.0.0.1", port, 2))


def test_a_port_is_taken_again_while_old_connections_linger() -> None:
    listeners = claim_port("127.0.0.1", 0, 2)
    port = listeners[0].getsockname()[1]
    clients, served = [], []
    for one in listeners:
        one.settimeout(0)
    while len(served) < 8:
        clients.append(socket.create_connection(("127.0.0.1", port)))
        for one in listeners:
            with contextlib.suppress(BlockingIOError):
                served.append(one.accept()[0])
    closed(served)  # the server closes first: its side lingers
    closed(listeners)
    closed(claim_port("127.0.0.1", port, 2))
    closed(clients)


def test_a_port_that_another_program_shares_is_taken() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(Misconfigured, match="is taken"):
            claim_port("127.0.0.1", other.getsockname()[1], 2)


def test_an_address_that_cannot_be_listened_on_is_named() -> None:
    with pytest.raises(Misconfigured, match=r"192\.0\.2\.1 is no address of this machine"):
        claim_port("192.0.2.1", 0, 1)
    with pytest.raises(Misconfigured, match="has no address"):
        claim_port("nowhere.invalid", 0, 1)


# Starting


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """One that is not started yet, and is gone in the end."""
    server = Server(tmp_path / "data")
    with contextlib.ExitStack() as stack:
        stack.push(server.__exit__)
        yield server


def refusal(config: Config) -> str:
    """Try to serve in this process: what is refused is refused before anything starts."""
    with pytest.raises(Misconfigured) as caught:
        run(config)
    return caught.value.text


@pytest.mark.usefixtures("restored_logging")
def test_a_second_server_is_refused_and_the_first_goes_on(server: Server, tmp_path: Path) -> None:
    server.start()
    assert "Another Ostiary serves the data in" in refusal(server.config)
    port = httpx.URL(server.url).port
    other = load(
        environ={}, overrides={"server.port": port, "storage.data": str(tmp_path / "other")}
    )
    assert f"Port {port} of 127.0.0.1 is taken" in refusal(other.config)
    assert not (tmp_path / "other").exists()
    assert server.client().get("/health/ready").status_code == 200


@pytest.mark.usefixtures("restored_logging")
def test_data_of_a_newer_version_is_not_served(server: Server) -> None:
    with store_of(server.config) as store:
        newer = text("UPDATE alembic_version SET version_num = 'v0999'")
        store.write(lambda tx: tx.execute(newer))
    assert "newer version of Ostiary (schema v0999)" in refusal(server.config)
    require_free(server.data)


def test_the_first_start_prints_a_link_that_works_once(server: Server) -> None:
    """Covers C06."""
    server.start()
    ready, _, link = server.said().splitlines()
    assert ready == f"Ostiary is ready at {server.url}"
    assert link.strip().startswith(f"{server.url}/set-up?link=")
    page = server.client().get(link.strip())
    assert page.status_code == 200
    assert "<form" in page.text
    install(server.config)  # beside the running server, as `ostiary init` does
    client = server.client()
    assert client.get(link.strip()).status_code != 200
    assert client.post("/api/login", json=login("admin")).json()["status"] == "ok"
    assert server.stop() == 0
    server.start()
    assert server.said().splitlines() == [ready.replace(ready.split()[-1], server.url)]
    # The link is a secret: it went to standard output and nowhere else.
    secret = link.partition("link=")[2]
    assert secret not in server.errors()


# Stopping


def half_a_request(url: str) -> socket.socket:
    """A sign-in of which the last byte is missing."""
    body = json.dumps(login("admin")).encode()
    target = httpx.URL(url)
    connection = socket.create_connection((target.host, target.port or 80), PATIENCE)
    head = (
        f"POST /api/login HTTP/1.1\r\nHost: {target.host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body[:-1])
    return connection


def finish(connection: socket.socket, rest: bytes) -> bytes:
    """Send the rest, and read until the server closes."""
    connection.sendall(rest)
    received = b""
    while piece := connection.recv(65_536):
        received += piece
    connection.close()
    return received


def accepts(url: str) -> bool:
    target = httpx.URL(url)
    try:
        socket.create_connection((target.host, target.port or 80), 1).close()
    except OSError:
        return False
    return True


def test_what_is_being_answered_is_finished(server: Server) -> None:
    install(server.config)
    server.start()
    idle = server.client()
    idle.get("/health/live")
    before = open_connections(server)
    connection = half_a_request(server.url)
    target = httpx.URL(server.url)
    silent = socket.create_connection((target.host, target.port or 80), PATIENCE)
    until(lambda: open_connections(server) == before + 2, "it has accepted both")
    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    until(lambda: not accepts(server.url), "it accepts nothing more")
    began = time.monotonic()
    assert server.process.poll() is None
    # Who was on the way when it stopped is heard too.
    late = finish(silent, b"GET /health/live HTTP/1.1\r\nHost: here\r\n\r\n")
    assert late.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in late
    received = finish(connection, b"}")
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b'"status":"ok"' in received
    assert b"connection: close" in received
    assert server.process.wait(PATIENCE) == 0
    assert time.monotonic() - began < 7
    assert [line["event"] for line in server.log()][-2:] == ["request", "server.stopped"]


def open_connections(server: Server) -> int:
    found = [c for pid in server.workers() for c in psutil.Process(pid).net_connections("tcp")]
    return sum(c.status == psutil.CONN_ESTABLISHED for c in found)


def test_what_never_ends_is_cut_off_after_ten_seconds(server: Server) -> None:
    server.start()
    before = open_connections(server)
    connection = half_a_request(server.url)
    until(lambda: open_connections(server) == before + 1, "it reads the request")
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 15
    connection.close()


def test_a_second_ctrl_c_means_now(server: Server) -> None:
    process = server.start().process
    assert process is not None
    before = open_connections(server)
    connection = half_a_request(server.url)
    until(lambda: open_connections(server) == before + 1, "it reads the request")
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all of them
    time.sleep(1.2)  # as long as a person needs to lose patience
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(PATIENCE) == 0
    assert time.monotonic() - began < 6
    assert [line["event"] for line in server.log("worker.killed")] == ["worker.killed"]
    connection.close()


def test_closing_the_terminal_in_which_it_runs_stops_it(tmp_path: Path) -> None:
    with Terminal(["serve", "--data", str(tmp_path / "data"), "--port", "0"], cwd=tmp_path) as it:
        it.wait_for("Ostiary is ready at", seconds=PATIENCE)
        os.close(it._main)
        assert it.process.wait(PATIENCE) == 0
        os.close(it._other)
    require_free(tmp_path / "data")


def test_when_sessions_were_last_used_is_stored_at_the_end(tmp_path: Path) -> None:
    settings = {"OSTIARY_JOBS__FLUSH_LAST_SEEN_EVERY": "14m"}
    server = Server(tmp_path / "data", settings=settings)
    install(server.config)
    used = text("SELECT count(*) FROM session WHERE last_seen_at > created_at")
    with server, store_of(server.config) as store:
        client = server.client()
        assert client.post("/api/login", json=login("admin")).json()["status"] == "ok"
        assert client.get("/api/get-account").json()["status"] == "ok"
        assert store.read(lambda tx: tx.number(used)) == 0  # it is only remembered
        assert server.stop() == 0
        assert store.read(lambda tx: tx.number(used)) == 1


# Reading the configuration again


def test_hup_reads_the_configuration_again_and_misses_no_request(tmp_path: Path) -> None:
    file = tmp_path / "ostiary.toml"
    file.write_text("")
    with Server(tmp_path / "data", workers=2, settings={"OSTIARY_CONFIG": str(file)}) as server:
        assert server.process is not None
        before = server.workers()
        assert server.client().get("/metrics").status_code == 200
        failures: list[object] = []
        done = threading.Event()
        asking = threading.Thread(target=keep_asking, args=(server, failures, done))
        asking.start()

        file.write_text('[metrics]\ntoken = "sesame"\n')
        server.process.send_signal(signal.SIGHUP)
        until(lambda: not set(before) & set(server.workers()), "all workers are new")
        until(lambda: len(server.workers()) == 2, "there are two of them")
        done.set()
        asking.join()
        assert failures == []
        assert server.client().get("/metrics").status_code == 401

        renewed = server.workers()
        for wrong, event, said in (
            ("[metrics]\ntoken = 7\n", "reload.refused", "metrics.token: expected text"),
            ('[server]\nhost = "127.0.0.2"\n', "reload.refused", "server.host: only a restart"),
            ('[places]\ncity = "none.mmdb"\n', "reload.failed", "the workers before it go on"),
        ):
            count = len(server.log(event))
            file.write_text(wrong)
            server.process.send_signal(signal.SIGHUP)
            until(lambda e=event, c=count: len(server.log(e)) > c, f"{said} is told")
            assert said in server.log(event)[-1]["detail"]
        assert "none.mmdb does not exist" in server.log("worker.not_started")[0]["detail"]
        assert server.workers() == renewed
        # Whoever dies now is replaced by one with the configuration that works.
        os.kill(renewed[0], signal.SIGKILL)
        until(lambda: len(set(server.workers()) - set(renewed)) == 1, "it is replaced")
        until(lambda: server.client().get("/metrics").status_code == 401, "it works")
        assert len(server.log("worker.died")) == 1


def keep_asking(server: Server, failures: list[object], done: threading.Event) -> None:
    """Ask by a new connection each time, as strangers do."""
    while not done.is_set():
        try:
            response = httpx.get(f"{server.url}/health/ready", timeout=PATIENCE)
        except httpx.HTTPError as error:
            failures.append(error)
        else:
            if response.status_code != 200:
                failures.append(response)
