"""Tokens as things on this wire: whose there are, and nothing that could be used."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.services import cutting
from ostiary.services.cutting import Subject
from ostiary.storage.tables import audit_event, session
from tests.casdoor.oauth import bearer, change, open_up, post, tokens_for
from tests.casdoor.world import DENIED, Asker, World

EMPTY = ("code", "accessToken", "refreshToken", "idToken", "accessTokenHash", "refreshTokenHash")


def opened(world: World) -> World:
    """The wiki and the mail have every grant."""
    open_up(world)
    open_up(world, "mail")
    return world


@pytest.fixture
def wire(world: World) -> World:
    return opened(world)


@pytest.fixture
def each_wire(each_world: World) -> World:
    """The same on each store."""
    return opened(each_world)


def listed(asker: Asker, **parameters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = asker.data("get-tokens", owner="admin", **parameters)
    return found


def test_only_metadata_is_told(each_wire: World) -> None:
    """Covers W24."""
    tokens_for(each_wire)
    (row,) = each_wire.rows(session)
    asker = each_wire.everywhere()
    (shown,) = listed(asker)
    assert all(shown[name] == "" for name in EMPTY)
    assert (shown["owner"], shown["organization"], shown["user"]) == ("admin", "acme", "ann")
    assert (shown["application"], shown["grantType"]) == ("wiki", "authorization_code")
    assert (shown["expiresIn"], shown["sessionId"]) == (300, row.id)
    assert asker.data("get-token", id=f"admin/{shown['name']}") == shown
    for name in ("nothing", "0" * 32):
        answer = asker.get("get-token", id=f"admin/{name}")
        assert (answer["status"], answer["data"]) == ("error", None)
        assert answer["msg"] == f"The token: admin/{name} does not exist"


def test_none_is_put_in_or_changed(wire: World) -> None:
    """Covers W24."""
    asker = wire.everywhere()
    token = {"owner": "admin", "name": "t", "organization": "acme", "accessToken": "123456"}
    added = asker.post("add-token", token, id="admin/t")
    assert (added["status"], added["msg"]) == ("error", "adding tokens is not supported")
    changed = asker.post("update-token", token, id="admin/t")
    assert (changed["status"], changed["msg"]) == ("error", "updating tokens is not supported")
    assert listed(asker) == []
    for call in ("add-token", "update-token", "delete-token"):
        assert wire.program().post(call, token) == DENIED


@pytest.mark.parametrize("how", ["expired", "signed out", "idle", "cut off", "application"])
def test_what_has_ended_says_so(wire: World, how: str) -> None:
    """As the promise has it: at once, whatever is written down later."""
    ann = Asker(wire.browser())
    tokens_for(wire, ann)
    asker = wire.everywhere()
    if how == "expired":
        wire.clock.forward(days=40)
    elif how == "signed out":
        ann.post("logout")
    elif how == "idle":
        wire.clock.forward(hours=2)
    elif how == "cut off":
        wire.write(cutting.end_everything, wire.act(), Subject.ORGANIZATION, "acme")
    else:
        wire.write(cutting.end_everything, wire.act(), Subject.APPLICATION, "wiki")
    assert [token["expiresIn"] for token in listed(asker)] == [0]


def test_deleting_one_ends_what_came_of_it(wire: World) -> None:
    """Covers W11: its tokens, and not its session."""
    browser = Asker(wire.browser())
    tokens = tokens_for(wire, browser)
    asker = wire.basic("wiki")
    (shown,) = listed(asker)
    assert asker.post("delete-token", {**shown, "organization": "x"})["data"] == "Affected"
    assert [token["expiresIn"] for token in listed(asker)] == [0]
    assert post(wire, "introspect", token=tokens["access_token"]).json() == {"active": False}
    assert bearer(wire, tokens["access_token"]).get("get-account")["status"] == "error"
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert post(wire, "refresh_token", **refresh).status_code == 400
    assert browser.data("get-account")["name"] == "ann"
    assert asker.post("delete-token", {"owner": "admin", "name": "none"})["data"] == "Unaffected"
    revoked = [e for e in wire.rows(audit_event) if e.event == "grant.revoked"]
    assert [(e.actor, e.user) for e in revoked] == [("app/wiki", "ann")]


def test_each_sees_those_of_her_own_organization(wire: World) -> None:
    """Covers W1, W2."""
    tokens_for(wire)
    (shown,) = listed(wire.everywhere())
    one = {"id": f"admin/{shown['name']}"}
    for asker in (wire.basic("mail"), wire.user_agent("boss")):
        assert listed(asker) == [shown]
        assert asker.data("get-token", **one) == shown
    gina, shop = wire.user_agent("gina", "globex"), wire.basic("shop")
    for asker in (gina, shop):
        assert listed(asker) == []
        assert asker.get("get-tokens", organization="acme") == DENIED
        assert asker.get("get-token", **one)["status"] == "error"
        assert asker.post("delete-token", shown)["data"] == "Unaffected"
    for asker in (wire.program(), wire.user_agent("ann")):
        assert asker.get("get-tokens") == DENIED
        assert asker.get("get-token", **one) == DENIED
        assert asker.post("delete-token", shown) == DENIED
    assert listed(wire.everywhere())[0]["expiresIn"] == 300


def test_pages_of_tokens(each_wire: World) -> None:
    change(each_wire, access_token_lifetime=600)
    for name in ("wiki", "mail", "wiki"):
        each_wire.clock.forward(seconds=1)
        post(each_wire, "access_token", name, grant_type="client_credentials")
    asker = each_wire.basic("wiki")
    assert [t["application"] for t in listed(asker)] == ["wiki", "mail", "wiki"]
    assert [t["expiresIn"] for t in listed(asker)] == [600, 300, 600]
    assert {t["user"] for t in listed(asker)} == {""}
    page = {"p": 1, "pageSize": 2, "sortField": "application", "sortOrder": "ascend"}
    answer = asker.get("get-tokens", **page)
    assert [t["application"] for t in answer["data"]] == ["mail", "wiki"]
    assert answer["data2"] == 3
    found = asker.get("get-tokens", p=9, pageSize=2, field="application", value="wik")
    assert ([t["application"] for t in found["data"]], found["data2"]) == (["wiki", "wiki"], 2)
    none = asker.get("get-tokens", p=1, pageSize=2, field="application", value="w_ki")
    assert (none["data"], none["data2"]) == ([], 0)
    assert asker.get("get-tokens", p=1, pageSize=2, field="accessToken", value="a")["data"] is None
