"""Introspections that come again: told without asking the store, and never once it is not so.

Each test asks twice, so that the second answer is remembered, then changes one thing, and asks the
same again. The control, a gate that hears of nothing, makes that fail.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from litestar.types import Receive, Scope, Send

from ostiary.domain.client import ASSERTION_TYPE
from ostiary.edge.introspections import Introspections
from ostiary.services import applications, consent, cutting, end, issued, passwords, users
from ostiary.services.cutting import Subject
from ostiary.storage import tables
from ostiary.storage.live_view import SqliteGate
from tests.oidc.flow import Client, Person, World, good
from tests.oidc.test_clients import Signer
from tests.support.postgres import PostgresServer

OFFLINE = "openid offline_access"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("introspections")
    made = World(f"sqlite:///{directory / 'ostiary.db'}", directory)
    yield made
    made.close()


class Server:
    """A world's application with what remembers around it; ``asked`` counts what was not known."""

    def __init__(self, world: World) -> None:
        self.world, self.asked = world, 0
        self.after: Callable[[], Any] = lambda: None
        self.around = Introspections(self._app, world.house)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        await self.world.app(scope, receive, send)
        self.after()

    def ask(self, *requests: httpx.Request) -> list[httpx.Response]:
        """Send some requests, one after the other."""

        async def send_all() -> list[httpx.Response]:
            transport = httpx.ASGITransport(app=self.around)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport) as client:
                return [await client.send(request) for request in requests]

        return asyncio.run(send_all())

    def is_active(self, request: httpx.Request) -> bool:
        """Ask once."""
        [answer] = self.ask(request)
        return bool(good(answer)["active"])


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    made = Server(world)
    with made.around._remembering():
        yield made


def question(client: Client, token: str, **further: str) -> httpx.Request:
    return httpx.Request(
        "POST",
        f"{client.world.public_url}/oauth/introspect",
        content=urlencode({"token": token, **further}),
        headers={"Content-Type": "application/x-www-form-urlencoded", **client.headers()},
    )


def remembered(server: Server, request: httpx.Request) -> httpx.Response:
    """Ask until the answer is told from memory."""
    before = server.asked
    first, second = server.ask(request, request)
    assert server.asked == before + 1
    assert first.content == second.content
    assert first.headers == second.headers
    assert good(second)["active"]
    return second


def test_an_answer_is_told_again_whatever_else_is_written(world: World, server: Server) -> None:
    """Sign-ins, uses and other tokens change nothing about it."""
    ann, wiki = world.person(), world.client()
    request = question(wiki, wiki.tokens(ann)["access_token"])
    remembered(server, request)
    other = world.person()
    wiki.tokens(other)
    wiki.tokens(ann)
    asked = server.asked
    assert server.is_active(request)
    assert server.asked == asked


def _disable(ann: Person, _: Client, __: dict[str, Any]) -> None:
    ann.change(disabled=True)


def _delete(ann: Person, _: Client, __: dict[str, Any]) -> None:
    ann.world.write(users.delete_user, ann.world.act(), "acme", ann.name)


def _end(ann: Person, _: Client, __: dict[str, Any]) -> None:
    ann.world.write(end.end_one, ann.world.act(), ann.session_id)


def _set_password(ann: Person, _: Client, __: dict[str, Any]) -> None:
    passwords.set_for(ann.world.house, ann.world.act(), "acme", ann.name, "an other pass phrase")


def _withdraw(ann: Person, client: Client, _: dict[str, Any]) -> None:
    ann.permit(client, "openid")
    ann.world.write(consent.withdraw, ann.act, client.name)


def _revoke(name: str) -> Callable[[Person, Client, dict[str, Any]], None]:
    def revoke(_: Person, client: Client, tokens: dict[str, Any]) -> None:
        good(client.revoke(tokens[name]))

    return revoke


def _reuse(_: Person, client: Client, tokens: dict[str, Any]) -> None:
    good(client.refresh(tokens["refresh_token"]))
    client.world.clock.forward(seconds=11)
    assert client.refresh(tokens["refresh_token"]).status_code == 400


def _revoke_issued(ann: Person, _: Client, tokens: dict[str, Any]) -> None:
    [row] = ann.world.rows(tables.grant, session_id=ann.session_id)
    ann.world.write(issued.revoke_issued, ann.world.act(), row.id)


def _cut_off(subject: Subject) -> Callable[[Person, Client, dict[str, Any]], None]:
    def cut(ann: Person, client: Client, _: dict[str, Any]) -> None:
        names = {"organization": "acme", "user": ann.name, "application": client.name}
        of = "acme" if subject is Subject.USER else ""
        act = ann.world.act()
        ann.world.write(cutting.end_everything, act, subject, names[subject.value], organization=of)

    return cut


def _delete_application(ann: Person, client: Client, _: dict[str, Any]) -> None:
    ann.world.write(applications.delete_application, ann.world.act(), client.name)


def _expire(ann: Person, _: Client, __: dict[str, Any]) -> None:
    ann.world.clock.forward(minutes=5)


ENDINGS: dict[str, Callable[[Person, Client, dict[str, Any]], None]] = {
    "the session ends": _end,
    "the user is disabled": _disable,
    "the user is deleted": _delete,
    "the password is set": _set_password,
    "the consent is withdrawn": _withdraw,
    "the access token is revoked": _revoke("access_token"),
    "the refresh token is revoked": _revoke("refresh_token"),
    "the refresh token is used twice": _reuse,
    "an administrator revokes it": _revoke_issued,
    "the organization is cut off": _cut_off(Subject.ORGANIZATION),
    "the user is cut off": _cut_off(Subject.USER),
    "the application is cut off": _cut_off(Subject.APPLICATION),
    "the application is deleted": _delete_application,
    "its time is over": _expire,
}
CLOCK_ALONE = {"its time is over"}


@pytest.mark.parametrize("scope", ["openid", OFFLINE], ids=["online", "offline"])
@pytest.mark.parametrize("what", ENDINGS)
def test_the_very_next_answer_knows_of_an_ending(
    world: World, server: Server, what: str, scope: str
) -> None:
    """Covers A10, A11, L11, R03: asked by another application, which stays as it is."""
    ann, wiki, asking = world.person(), world.client(), world.client()
    tokens = wiki.tokens(ann, scope=scope)
    request = question(asking, tokens["access_token"])
    remembered(server, request)
    ENDINGS[what](ann, wiki, tokens)
    [answer] = server.ask(request)
    assert answer.json() == {"active": False}


@pytest.mark.parametrize("what", [name for name in ENDINGS if name not in CLOCK_ALONE])
def test_without_the_gate_it_would_not(
    world: World, server: Server, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: what the test above finds, it finds by the gate."""
    ann, wiki, asking = world.person(), world.client(), world.client()
    tokens = wiki.tokens(ann)
    request = question(asking, tokens["access_token"])
    remembered(server, request)
    monkeypatch.setattr(SqliteGate, "changed", lambda *_: None)
    ENDINGS[what](ann, wiki, tokens)
    assert server.is_active(request)


def test_a_session_that_idles_away_takes_its_tokens_along(world: World, server: Server) -> None:
    """Covers A08: by the clock alone, though the token would be good for longer."""
    ann, wiki = world.person(), world.client(access_token_lifetime=86_400)
    tokens = wiki.tokens(ann)
    request = question(wiki, tokens["access_token"])
    remembered(server, request)
    world.clock.forward(seconds=ann.session.idle_seconds)
    assert not server.is_active(request)


def test_an_answer_is_as_new_as_what_it_tells(world: World, server: Server) -> None:
    ann, wiki = world.person(), world.client()
    request = question(wiki, wiki.tokens(ann)["access_token"])
    assert remembered(server, request).json()["username"] == ann.name
    ann.change(name=f"{ann.name}-renamed")
    [answer] = server.ask(request)
    assert answer.json()["username"] == f"{ann.name}-renamed"


def test_a_secret_that_is_no_more_asks_nothing(world: World, server: Server) -> None:
    """Covers D13: nor does one of an application that authenticates in another way now."""
    for change in ({"client_secret": "another-secret-that-is-long-enough"}, {"public": True}):
        ann, wiki, asking = world.person(), world.client(), world.client()
        request = question(asking, wiki.tokens(ann)["access_token"])
        remembered(server, request)
        if "public" in change:
            asking.change(token_endpoint_auth_method="none", grant_types=("authorization_code",))
        else:
            asking.change(**change)
        [answer] = server.ask(request)
        assert answer.status_code == 401


def test_only_the_very_same_words_get_the_answer(world: World, server: Server) -> None:
    """Covers L11, R07."""
    world.organization("elsewhere")
    ann, wiki = world.person(), world.client()
    stranger = world.client(organization="elsewhere")
    token = wiki.tokens(ann)["access_token"]
    request = question(wiki, token)
    remembered(server, request)
    assert not server.is_active(question(stranger, token))
    wrong = question(wiki, token)
    wrong.headers["Authorization"] = "Basic eDp5"
    bare = question(wiki, token)
    del bare.headers["Authorization"]
    as_json = question(wiki, token)
    as_json.headers["Content-Type"] = "application/json"
    twice = httpx.Request(
        "POST",
        request.url,
        content=request.content,
        headers=[*request.headers.multi_items(), ("Authorization", "Basic eDp5")],
    )
    asked = server.asked
    answers = server.ask(wrong, bare, as_json)
    assert [answer.status_code for answer in answers] == [401, 401, 400]
    server.ask(twice)
    assert server.asked == asked + 4
    [get] = server.ask(httpx.Request("GET", request.url, headers=request.headers))
    assert get.status_code == 405


@pytest.mark.parametrize("what", ["refresh", "inactive", "unauthenticated", "too large"])
def test_what_is_no_good_access_token_is_asked_about_each_time(
    world: World, server: Server, what: str
) -> None:
    """Refresh tokens are spent without a word, and what is not good may mean anything."""
    ann, wiki = world.person(), world.client()
    tokens = wiki.tokens(ann)
    request = {
        "refresh": lambda: question(wiki, tokens["refresh_token"]),
        "inactive": lambda: question(wiki, "unknown"),
        "unauthenticated": lambda: httpx.Request("POST", question(wiki, "x").url, content=b""),
        "too large": lambda: question(wiki, tokens["access_token"], more="x" * 20_000),
    }[what]()
    server.ask(request, request)
    assert server.asked == 2


def test_an_assertion_proves_something_once(world: World, server: Server) -> None:
    """Covers D02: the answer to it is not told to who has recorded it."""
    signer = Signer(world)
    token = signer.call().json()["access_token"]
    fields = {
        "token": token,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": signer.signed(signer.claims()),
    }
    request = httpx.Request(
        "POST",
        f"{world.public_url}/oauth/introspect",
        content=urlencode(fields),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    first, second = server.ask(request, request)
    assert (first.status_code, second.status_code) == (200, 401)


def test_what_changes_while_an_answer_is_on_its_way_is_not_remembered(
    world: World, server: Server
) -> None:
    """Covers R03, R10: the row was read before the ending, and the answer came after it."""
    ann, wiki = world.person(), world.client()
    request = question(wiki, wiki.tokens(ann)["access_token"])

    def end_it() -> None:
        server.after = lambda: None
        ann.be_revoked()

    server.after = end_it
    assert server.is_active(request)  # it was decided before
    assert not server.is_active(request)


def test_a_gate_that_does_not_answer_lets_nothing_be_told_from_memory(
    world: World, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers D19."""
    ann, wiki = world.person(), world.client()
    request = question(wiki, wiki.tokens(ann)["access_token"])
    remembered(server, request)

    def broken(*_: object) -> None:
        raise sqlite3.OperationalError

    monkeypatch.setattr(SqliteGate, "changed", broken)
    asked = server.asked
    assert server.is_active(request)
    assert server.asked == asked + 1


def test_nothing_is_remembered_before_the_start_and_after_the_end(world: World) -> None:
    ann, wiki = world.person(), world.client()
    request = question(wiki, wiki.tokens(ann)["access_token"])
    server = Server(world)
    server.ask(request, request)
    with server.around._remembering():
        server.ask(request, request)
    server.ask(request, request)
    assert server.asked == 2 + 1 + 2


def test_postgresql_is_asked_each_time(postgres_server: PostgresServer, tmp_path: Path) -> None:
    """It has no gate yet."""
    url = postgres_server.new_database()
    world = World(url, tmp_path)
    try:
        ann, wiki = world.person(), world.client()
        request = question(wiki, wiki.tokens(ann)["access_token"])
        server = Server(world)
        with server.around._remembering():
            server.ask(request, request)
        assert server.asked == 2
    finally:
        world.close()
        postgres_server.drop_database(url)
