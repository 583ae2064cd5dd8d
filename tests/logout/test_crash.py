"""``kill -9`` between an ending and its notices: whoever is owed one is told all the same.

The real server, and applications that are or are not there when it dies.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import pytest
from sqlalchemy import Row, select, update

from ostiary.domain.access import OPERATOR
from ostiary.ops.compose import close_house, open_house, utc_now
from ostiary.ops.worker import DRAIN
from ostiary.services import applications
from ostiary.services.applications import ApplicationChange
from ostiary.services.house import Act
from ostiary.storage.database import Database, Transaction
from ostiary.storage.tables import notice
from tests.logout.receivers import Handler, Request, Site, answer
from tests.support.installation import PASSWORD
from tests.support.server import Server, install, store_of, until
from tests.support.visitor import Visitor


@dataclass(frozen=True)
class Place:
    """A server, an application of its users on another, and what the application is called."""

    server: Server
    site: Site
    client_id: str

    def sign_in_and_out(self) -> str:
        """Somebody uses the application and signs out; the session's public id."""
        with Visitor(self.server.url) as visitor:
            login = {
                "type": "login",
                "application": "wiki",
                "organization": "built-in",
                "username": "ann",
                "password": PASSWORD,
            }
            signed_in = visitor.ask("POST", "/api/login", login)
            assert signed_in.json["status"] == "ok", signed_in
            session_id = visitor.session_id()
            assert visitor.ask("POST", "/api/logout").json["status"] == "ok"
            assert not visitor.is_signed_in()
            return session_id

    def owed(self, database: Database, session_id: str) -> Row[Any]:
        """The one notice about a session."""
        query = select(notice).where(notice.c.session_id == session_id)
        [row] = database.read(Transaction.rows, query)
        return row

    def pass_lease(self, session_id: str) -> None:
        """What the dead process held is free, as if its lease were over."""
        with store_of(self.server.config) as database:
            assert self.owed(database, session_id).settled_at is None
            due_now = update(notice).values(next_attempt_at=utc_now())
            database.write(Transaction.execute, due_now.where(notice.c.session_id == session_id))

    def claims(self, request: Request) -> dict[str, Any]:
        """What a logout token says, verified by the keys that the server publishes now."""
        keys = httpx.get(f"{self.server.url}/oauth/jwks").json()["keys"]
        by_id = {key["kid"]: jwt.PyJWK(key) for key in keys}
        header = jwt.get_unverified_header(request.token)
        assert header["typ"] == "logout+jwt"
        found: dict[str, Any] = jwt.decode(
            request.token,
            by_id[header["kid"]],
            algorithms=["RS256"],
            audience=self.client_id,
            options={"require": ["iss", "aud", "iat", "exp", "jti", "events"]},
        )
        return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    data = tmp_path_factory.mktemp("crash") / "data"
    settings = {"OSTIARY_OUTBOUND__ALLOW_NETWORKS": "127.0.0.0/8"}
    server = Server(data, workers=2, settings=settings)
    install(server.config, "ann")
    with Site() as site:
        house = open_house(server.config)
        act = Act(caller=OPERATOR, now=utc_now(), allow=house.outbound.allow)
        change = ApplicationChange(backchannel_logout_uri=site.address("/wiki"))
        made = house.database.write(
            applications.add_application, act, house.vault, "built-in", "wiki", change
        )
        close_house(house)
        with server:
            yield Place(server, site, made.client_id)


def delivered(place: Place, session_id: str) -> Row[Any]:
    """Wait until a notice was accepted."""
    with store_of(place.server.config) as database:
        until(
            lambda: place.owed(database, session_id).state == "delivered",
            "the application is told",
        )
        return place.owed(database, session_id)


def test_an_application_that_is_there_is_told_at_once(place: Place) -> None:
    """Covers I09."""
    before = len(place.site.heard["/wiki"])
    session_id = place.sign_in_and_out()
    request = place.site.wait("/wiki", before + 1)[-1]
    assert place.claims(request)["sid"] == delivered(place, session_id).sid


@pytest.mark.parametrize("accepts", [False, True], ids=["refused before", "being accepted"])
def test_who_was_not_told_when_the_server_died_is_told_after_it(
    place: Place, *, accepts: bool
) -> None:
    """Covers I09, I10: at least once, each time by a token of its own."""
    may_go = threading.Event()

    def keep_waiting(handler: Handler) -> None:
        may_go.wait(60)
        handler.say(200)

    before = len(place.site.heard["/wiki"])
    place.site.answers["/wiki"] = keep_waiting if accepts else answer(503)
    session_id = place.sign_in_and_out()
    first = place.site.wait("/wiki", before + 1)[before]
    sid = place.claims(first)["sid"]
    place.server.kill()
    place.site.answers["/wiki"] = answer(200)
    may_go.set()
    place.pass_lease(session_id)
    tried = len(place.site.heard["/wiki"])
    place.server.start()
    again = place.site.wait("/wiki", tried + 1)[-1]
    assert delivered(place, session_id).sid == sid == place.claims(again)["sid"]
    assert (
        place.claims(again)["jti"]
        != jwt.decode(first.token, options={"verify_signature": False})["jti"]
    )


def test_an_application_that_hangs_does_not_keep_the_server_from_stopping(place: Place) -> None:
    """Covers I07, I10: and is told after the next start."""
    may_go = threading.Event()

    def keep_waiting(handler: Handler) -> None:
        may_go.wait(60)
        handler.say(500)

    before = len(place.site.heard["/wiki"])
    place.site.answers["/wiki"] = keep_waiting
    session_id = place.sign_in_and_out()
    place.site.wait("/wiki", before + 1)
    began = time.monotonic()
    assert place.server.stop() == 0
    assert time.monotonic() - began < DRAIN
    place.site.answers["/wiki"] = answer(204)
    may_go.set()
    place.pass_lease(session_id)
    place.server.start()
    delivered(place, session_id)
