"""Two workers under load, and ``kill -9``: nothing that was acknowledged is lost (DESIGN 10).

The real server over HTTP, on both stores.
"""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.support.postgres import PostgresServer
from tests.support.server import PATIENCE, Installed, Server, install, until
from tests.support.visitor import Answer, Visitor

LOADERS = tuple(f"loader{i}" for i in range(6))


@dataclass(frozen=True)
class Place:
    """A server with two workers, and who may call it."""

    server: Server
    installed: Installed

    def visitor(self) -> Visitor:
        """Somebody in a browser."""
        return Visitor(self.server.url)

    def application(self) -> Visitor:
        """The built-in application."""
        return Visitor(
            self.server.url,
            basic=(self.installed.client_id, self.installed.client_secret),
        )


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    data = tmp_path_factory.mktemp("crash") / "data"
    url, postgres = "", None
    if request.param == "postgresql":
        postgres = request.getfixturevalue("postgres_server")
        assert isinstance(postgres, PostgresServer)
        url = postgres.new_database()
    server = Server(data, url=url, workers=2)
    installed = install(server.config, "ann", "bob", *LOADERS)
    with server:
        yield Place(server, installed)
    if postgres is not None:
        postgres.drop_database(url)


def at_once(*deeds: Callable[[], Answer]) -> list[Answer]:
    """Do all of it at the same moment, each in a thread of its own."""
    start = threading.Barrier(len(deeds))
    answers: list[Answer | None] = [None] * len(deeds)

    def do(i: int) -> None:
        start.wait(PATIENCE)
        answers[i] = deeds[i]()

    threads = [threading.Thread(target=do, args=(i,)) for i in range(len(deeds))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(3 * PATIENCE)
    return [answer for answer in answers if answer is not None]


def test_a_hundred_sign_ins_of_one_user_at_once(place: Place) -> None:
    """Covers W8: none lost, none doubled."""
    with contextlib.ExitStack() as stack:
        visitors = [stack.enter_context(place.visitor()) for _ in range(100)]
        answers = at_once(*(lambda v=v: v.sign_in("ann") for v in visitors))
        assert [answer.status for answer in answers] == [200] * 100
        assert {answer.json["status"] for answer in answers} == {"ok"}
        assert len({visitor.cookies["sid"] for visitor in visitors}) == 100
        assert all(visitor.is_signed_in() for visitor in visitors)
        ids = stack.enter_context(place.application()).ids_of("ann")
        assert len(ids) == len(set(ids)) == 100


def test_endings_beside_sign_ins_of_the_same_user(place: Place) -> None:
    """Covers W8, R10: nothing that ended comes back, and nothing else ends."""
    with contextlib.ExitStack() as stack:
        old = [stack.enter_context(place.visitor()) for _ in range(20)]
        new = [stack.enter_context(place.visitor()) for _ in range(30)]
        applications = [stack.enter_context(place.application()) for _ in old]
        for visitor in old:
            assert visitor.sign_in("bob").json["status"] == "ok"
        ids = [visitor.session_id() for visitor in old]
        answers = at_once(
            *(lambda a=a, i=i: a.end("bob", i) for a, i in zip(applications, ids, strict=True)),
            *(lambda v=v: v.sign_in("bob") for v in new),
        )
        assert {answer.json["status"] for answer in answers} == {"ok"}
        assert len(answers) == 50
        assert not any(visitor.is_signed_in() for visitor in old)
        assert all(visitor.is_signed_in() for visitor in new)
        left = applications[0].ids_of("bob")
        assert len(left) == len(set(left)) == 30
        assert not set(left) & set(ids)


@dataclass
class Load:
    """Sign-ins and endings of some users, and which of them were acknowledged."""

    place: Place
    signed_in: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    failures: list[object] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, user: str) -> None:
        """Sign in twice, end one of the two, and again, until the server is gone."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            while not self.stop.is_set():
                self._sign_in(user)
                self._end(user, self._sign_in(user))

    def _sign_in(self, user: str) -> tuple[str, str]:
        with self.place.visitor() as visitor:
            answer = visitor.sign_in(user)
            if answer.status != 200 or answer.json["status"] != "ok":
                self.failures.append(answer)
            secret = visitor.cookies["sid"]
            self.signed_in.add(secret)
            return secret, visitor.session_id()

    def _end(self, user: str, session: tuple[str, str]) -> None:
        secret, public_id = session
        # From here on, until there is an answer, nobody can say whether it has ended.
        self.signed_in.discard(secret)
        with self.place.application() as application:
            answer = application.end(user, public_id)
        if answer.status != 200 or answer.json["data"] != "Affected":
            self.failures.append(answer)
        self.ended.add(secret)


def test_nothing_acknowledged_is_lost_by_kill_9(place: Place) -> None:
    load = Load(place)
    threads = [threading.Thread(target=load.run, args=(user,)) for user in LOADERS]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(load.ended) >= 12, "it is in mid-load", seconds=60)
    finally:
        place.server.kill()
        load.stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert load.failures == []
    place.server.start()
    with place.visitor() as visitor:
        for secret in load.signed_in:
            visitor.cookies = {"sid": secret}
            assert visitor.is_signed_in()
        for secret in load.ended:
            visitor.cookies = {"sid": secret}
            assert not visitor.is_signed_in()
    assert len(load.signed_in) >= 12
    # It works on: what was half done holds nobody up.
    for user in LOADERS:
        with place.visitor() as visitor:
            assert visitor.sign_in(user).json["status"] == "ok"
            assert visitor.is_signed_in()
