"""Ended means ended: no worker accepts a session after the ending was acknowledged (DESIGN 2).

The short form; `ostiary bench exact` asks 100,000 times and more.
"""

from __future__ import annotations

import socket
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ostiary.domain.access import OPERATOR
from ostiary.domain.secrets import digest
from ostiary.domain.session import Device, Epochs
from ostiary.gateways.entropy import new_public_id, new_secret
from ostiary.ops.compose import close_house, open_house, utc_now
from ostiary.services import end
from ostiary.services.house import Act, House
from ostiary.storage import applications, client_sessions, organizations, sessions, users
from ostiary.storage.database import Transaction
from tests.support.server import Server, install

WORKERS, CONNECTIONS, SESSIONS = 2, 8, 40

UNGATED = textwrap.dedent("""
    from ostiary.storage import live_view
    live_view.SqliteGate.changed = lambda self, position: None
    from ostiary.ops.cli import main
    main()
""")


def _start_sessions(tx: Transaction, count: int) -> list[tuple[str, str]]:
    """Sessions of the administrator, without comparing a password for each.

    Returns:
        Their public ids and secrets.
    """
    owner = users.get(tx, "built-in", "admin")
    application = applications.get(tx, "app-built-in")
    organization = organizations.get(tx, "built-in")
    assert owner is not None
    assert application is not None
    assert organization is not None
    now, made = utc_now(), []
    for _ in range(count):
        public_id, secret = new_public_id(), new_secret()
        sessions.add(
            tx,
            sessions.NewSession(
                id=public_id,
                secret_hash=digest(secret),
                organization_key=owner.organization_key,
                user_key=owner.key,
                user=owner.name,
                application_key=application.key,
                device_key=None,
                now=now,
                expires_at=now.replace(year=now.year + 1),
                idle_seconds=3_600,
                remembered=False,
                device=Device(),
                amr=("pwd",),
                acr="1",
                epochs=Epochs(organization.epoch, owner.epoch, application.epoch),
            ),
        )
        session = sessions.by_id(tx, public_id)
        assert session is not None
        client_sessions.add(
            tx,
            session,
            application_key=application.key,
            application_name=application.name,
            application_epoch=application.epoch,
            sid=new_public_id(),
            now=now,
        )
        made.append((public_id, secret))
    return made


class Prober:
    """A connection that is kept, and asks about one session at a time."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)

    def status(self, secret: str) -> int:
        request = f"GET /check HTTP/1.1\r\nHost: x\r\nCookie: sid={secret}\r\n\r\n"
        self._socket.sendall(request.encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += self._socket.recv(4_096)
        return int(answer[9:12])

    def close(self) -> None:
        self._socket.close()


@contextmanager
def _under_load(port: int, secrets: list[str]) -> Iterator[None]:
    """Other sessions are checked all the time."""
    over = threading.Event()

    def ask() -> None:
        prober = Prober(port)
        while not over.is_set():
            for secret in secrets:
                assert prober.status(secret) == 200
        prober.close()

    thread = threading.Thread(target=ask)
    thread.start()
    yield
    over.set()
    thread.join(20)


def _stale(house: House, port: int) -> tuple[int, int]:
    """End sessions one by one, and ask every connection after each.

    Returns:
        How many answers there were after an acknowledged ending, and how many accepted it.
    """
    made = house.database.write(_start_sessions, SESSIONS + 10)
    asked = stale = 0
    with ExitStack() as stack:
        stack.enter_context(_under_load(port, [secret for _, secret in made[SESSIONS:]]))
        probers = [Prober(port) for _ in range(CONNECTIONS)]
        for prober in probers:
            stack.callback(prober.close)
        for public_id, secret in made[:SESSIONS]:
            assert {prober.status(secret) for prober in probers} == {200}
            ended = house.database.write(
                end.end_one, Act(caller=OPERATOR, now=utc_now()), public_id
            )
            assert ended.ended == (public_id,)
            for prober in probers * 3:
                asked += 1
                stale += prober.status(secret) == 200
    return asked, stale


@pytest.mark.parametrize("gated", [True, False], ids=["gated", "gate switched off"])
def test_no_worker_accepts_a_session_after_its_ending(tmp_path: Path, *, gated: bool) -> None:
    """The ending is made by another process. The control: without the gate, it is accepted.

    Covers A10, R03.
    """
    server = Server(tmp_path / "data", workers=WORKERS)
    if not gated:
        server.program = [sys.executable, "-c", UNGATED]
    install(server.config)
    with server:
        house = open_house(server.config)
        try:
            asked, stale = _stale(house, int(server.url.rpartition(":")[2]))
        finally:
            close_house(house)
    assert asked == SESSIONS * CONNECTIONS * 3
    if gated:
        assert stale == 0
    else:
        assert stale > 0


def test_no_worker_of_postgresql_accepts_a_session_after_its_ending(
    tmp_path: Path, postgresql_url: str
) -> None:
    """Covers A10, R03."""
    server = Server(tmp_path / "data", url=postgresql_url, workers=WORKERS)
    install(server.config)
    with server:
        house = open_house(server.config)
        try:
            _, stale = _stale(house, int(server.url.rpartition(":")[2]))
        finally:
            close_house(house)
    assert stale == 0
