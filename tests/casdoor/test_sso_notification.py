"""Casdoor's SSO-logout notification (contract 3.9): who is told of what, and by which signature."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.domain.sso_logout import signature
from ostiary.services import applications, retention, users
from ostiary.storage.tables import notice, user
from tests.casdoor.conftest import MakeWorld
from tests.casdoor.hearing import Ear, later, owed, send_all
from tests.casdoor.oauth import open_up, tokens_for
from tests.casdoor.world import Asker, World
from tests.support.installation import CHROME

URL = "https://wiki.example/sso-logout"


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def told(make_world: MakeWorld, ear: Ear) -> World:
    """A world whose notices go to the ear, and whose wiki wants to be told."""
    world = make_world(outbound=ear)
    listen(world, provider())
    return world


def provider(**fields: Any) -> dict[str, Any]:
    usual = {
        "owner": "admin",
        "name": "provider_notify",
        "category": "Notification",
        "type": "Custom HTTP",
        "method": "POST",
        "title": "content",
        "receiver": URL,
    }
    return {**usual, **fields}


def listen(world: World, *providers: dict[str, Any], name: str = "wiki") -> dict[str, Any]:
    entries = [{"name": p["name"], "provider": p} for p in providers]
    sent = {"owner": "admin", "name": name, "providers": entries}
    return world.basic("wiki").post("update-application", sent, id=f"admin/{name}")


def notified(ear: Ear) -> list[dict[str, Any]]:
    return [json.loads(heard.form["content"]) for heard in ear.heard if heard.url == URL]


def is_signed(said: dict[str, Any], secret: str) -> bool:
    """Verify as a receiver would, by the contract's own words."""
    message = "|".join(
        [
            said["owner"],
            said["name"],
            said["nonce"],
            str(said["timestamp"]),
            ",".join(said["sessionIds"]),
            ",".join(said["accessTokenHashes"]),
        ]
    )
    right = hmac.digest(secret.encode(), message.encode(), hashlib.sha256).hex()
    return hmac.compare_digest(right, said["signature"])


def test_the_signature_is_that_of_the_contract() -> None:
    """Item 8 of the acceptance list: the vector of contract 3.9."""
    made = signature(
        "secret",
        owner="org1",
        name="alice",
        nonce="nonce-1",
        timestamp=1_700_000_000,
        session_ids=("sid-1", "sid-2"),
        token_hashes=("hash-1", "hash-2"),
    )
    assert made == "4e487742d1d9a801fc2a1c5b5a42d4734432168eeec508d56a9f7107cd04013d"
    assert hashlib.sha256(b"123456").hexdigest().startswith("8d969eef6ecad3c2")


def test_signing_out_everywhere_is_told(told: World, ear: Ear) -> None:
    """Item 9 of the acceptance list: each session, with the hashes of what ended with it."""
    open_up(told, extra=kept_of(told))
    browser = Asker(told.browser())
    tokens = tokens_for(told, browser)
    other = told.user_agent("ann", agent=CHROME)
    browser.post("sso-logout")
    send_all(told)
    said = {tuple(item["sessionIds"]): item for item in notified(ear)}
    (row,) = [row for row in told.rows(user) if row.name == "ann"]
    assert len(said) == 2
    mine = next(item for ids, item in said.items() if ids != (other.session_id,))
    assert list(mine) == [
        "owner",
        "name",
        "displayName",
        "email",
        "phone",
        "id",
        "event",
        "sessionIds",
        "accessTokenHashes",
        "nonce",
        "timestamp",
        "signature",
    ]
    assert (mine["owner"], mine["name"], mine["event"]) == ("acme", "ann", "sso-logout")
    assert (mine["id"], mine["email"]) == (row.id, "ann@acme.example")
    hashed = hashlib.sha256(tokens["access_token"].encode()).hexdigest()
    assert mine["accessTokenHashes"] == [hashed]
    assert said[(other.session_id,)]["accessTokenHashes"] == []
    secret = told.credentials("wiki")[1]
    assert all(is_signed(item, secret) for item in said.values())
    assert not is_signed({**mine, "name": "bob"}, secret)
    assert not any(is_signed(item, "another secret") for item in said.values())


def kept_of(world: World) -> dict[str, Any]:
    """What is kept of the wiki besides, so that a change by the services does not drop it."""
    shown = world.basic("wiki").data("get-application", id="admin/wiki")
    return {"providers": shown["providers"], "tokenFormat": "JWT"}


@pytest.mark.parametrize("how", ["logout", "delete-session", "expired", "forbidden", "deleted"])
def test_every_ending_is_told(told: World, ear: Ear, how: str) -> None:
    """Covers I09: also what Casdoor itself keeps to itself."""
    ann = told.user_agent("ann")
    server = told.basic("wiki")
    if how == "logout":
        ann.post("logout")
    elif how == "delete-session":
        server.post("delete-session", {"owner": "acme", "name": "ann", "application": "wiki"})
    elif how == "expired":
        told.clock.forward(days=3)
        told.write(retention.sweep, told.clock.now, 100)
    elif how == "forbidden":
        server.post(
            "update-user", {"owner": "acme", "name": "ann", "isForbidden": True}, id="acme/ann"
        )
    else:
        told.write(users.delete_user, told.act(), "acme", "ann")
    send_all(told)
    (said,) = notified(ear)
    assert said["sessionIds"] == [ann.session_id]
    # Of whoever was deleted nothing is known any more but whom the application has to forget.
    assert said["name"] == "ann"
    assert said["email"] == ("" if how == "deleted" else "ann@acme.example")
    assert is_signed(said, told.credentials("wiki")[1])


def test_only_applications_that_the_session_was_used_in_are_told(told: World, ear: Ear) -> None:
    told.user_agent("bob", application="mail").post("logout")
    told.user_agent("gus", "globex").post("logout")
    send_all(told)
    assert notified(ear) == []
    ann = told.user_agent("ann", application="mail")
    ann.post("login", {"type": "login", "application": "wiki"})
    ann.post("logout")
    send_all(told)
    assert [said["sessionIds"] for said in notified(ear)] == [[ann.session_id]]


def test_each_attempt_has_a_nonce_of_its_own(told: World, ear: Ear) -> None:
    """A receiver that remembers nonces takes the second attempt, too; only 200 is a yes."""
    ann = told.user_agent("ann")
    ann.post("logout")
    for status in (500, 204, 200):
        ear.status = status
        later(told)
        send_all(told)
    later(told)
    send_all(told)
    said = notified(ear)
    assert len(said) == len({item["nonce"] for item in said}) == 3
    assert len({item["timestamp"] for item in said}) == 3
    assert all(is_signed(item, told.credentials("wiki")[1]) for item in said)
    (kept,) = owed(told, ann.session_id, "sso_logout")
    assert (kept.state, kept.detail) == ("delivered", "{}")


def test_it_may_come_by_get_and_under_another_name(told: World, ear: Ear) -> None:
    places = [provider(method="GET", title="msg", receiver=f"{URL}?a=1"), provider(title="")]
    assert listen(told, *places)["data"] == "Affected"
    told.user_agent("ann").post("logout")
    send_all(told)
    got = next(heard for heard in ear.heard if heard.method == "GET")
    address = urlsplit(got.url)
    query = parse_qs(address.query)
    assert (address.path, query["a"], got.body) == ("/sso-logout", ["1"], b"")
    assert is_signed(json.loads(query["msg"][0]), told.credentials("wiki")[1])
    assert len(notified(ear)) == 1


def test_other_providers_mean_nothing(told: World, ear: Ear) -> None:
    """They are kept and given back, as everything is."""
    others = [
        provider(category="OAuth"),
        provider(type="Telegram"),
        provider(receiver=""),
        {"name": "provider_plain"},
    ]
    assert listen(told, *others)["data"] == "Affected"
    told.user_agent("ann").post("logout")
    send_all(told)
    assert notified(ear) == []
    shown = told.basic("wiki").data("get-application", id="admin/wiki")["providers"]
    assert [entry["name"] for entry in shown][-1] == "provider_plain"


def test_what_is_taken_off_is_told_no_more(told: World, ear: Ear) -> None:
    ear.status = 500
    ann = told.user_agent("ann")
    ann.post("logout")
    send_all(told)
    listen(told)
    later(told)
    send_all(told)
    assert len(notified(ear)) == 1
    (kept,) = owed(told, ann.session_id, "sso_logout")
    assert kept.state == "given_up"
    told.user_agent("ann").post("logout")
    assert [row for row in told.rows(notice) if row.kind == "sso_logout"][1:] == []


def test_an_application_that_was_deleted_is_told_still(told: World, ear: Ear) -> None:
    ann = told.user_agent("ann")
    ann.post("logout")
    secret = told.credentials("wiki")[1]
    told.write(applications.delete_application, told.act(), "wiki")
    send_all(told)
    (said,) = notified(ear)
    assert is_signed(said, secret)


@pytest.mark.parametrize(
    "wrong",
    [
        {"receiver": "http://wiki.example/"},
        {"receiver": "https://127.0.0.1/"},
        {"receiver": "https://[fd00::1]/"},
        {"receiver": 5},
        {"method": "DELETE"},
        {"title": "x" * 101},
        {"title": 5},
    ],
)
def test_where_nobody_must_be_called_nothing_is_changed(told: World, wrong: dict[str, Any]) -> None:
    """Covers I10: refused together with the rest of the change."""
    before = told.basic("wiki").data("get-application", id="admin/wiki")
    assert listen(told, provider(**wrong))["status"] == "error"
    assert told.basic("wiki").data("get-application", id="admin/wiki") == before
    many = listen(told, *[provider(receiver=f"{URL}/{n}") for n in range(11)])
    assert many["msg"] == "An application is told in at most 10 places."


def test_a_new_application_may_say_so_at_once(told: World, ear: Ear) -> None:
    entry = {"name": "p", "provider": provider()}
    body = {"owner": "admin", "name": "new", "organization": "acme", "providers": [entry]}
    assert told.basic("wiki").post("add-application", body)["data"] == "Affected"
    told.user_agent("ann", application="new").post("logout")
    send_all(told)
    (said,) = notified(ear)
    assert is_signed(said, told.credentials("new")[1])
