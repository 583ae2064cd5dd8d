"""Applications over the wire (contract 4.1)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ostiary.storage import applications as application_rows
from ostiary.storage.tables import session
from tests.casdoor.world import CALLBACK, DENIED, Asker, World


@pytest.fixture
def everywhere(world: World) -> Asker:
    return world.everywhere()


def body(name: str = "board", organization: str = "acme", **more: Any) -> dict[str, Any]:
    return {
        "owner": "admin",
        "name": name,
        "organization": organization,
        "displayName": f"The {name}",
        **more,
    }


def shown(asker: Asker, name: str = "board") -> Any:
    return asker.data("get-application", id=f"admin/{name}")


def test_an_application_goes_its_way(everywhere: Asker) -> None:
    """Contract 4.2: what the SDKs' own tests send and look for, `[""]` for nothing included."""
    sent = body(
        createdTime="2023-01-01T00:00:00Z",
        logo="https://board.example/logo.png",
        homepageUrl="https://board.example",
        description="Board",
        redirectUris=[""],
        grantTypes=[""],
        tags=[""],
        clientId="",
        clientSecret="",
        tokenFormat="",
        expireInHours=0,
    )
    assert everywhere.post("add-application", sent, id="admin/board")["data"] == "Affected"
    assert "board" in [a["name"] for a in everywhere.data("get-applications", owner="admin")]
    found = shown(everywhere)
    same = ("owner", "name", "createdTime", "displayName", "logo", "homepageUrl", "organization")
    assert {key: found[key] for key in same} == {key: sent[key] for key in same}
    assert re.fullmatch("[0-9a-f]{20}", found["clientId"])
    assert re.fullmatch("[0-9a-f]{40}", found["clientSecret"])
    assert (found["redirectUris"], found["grantTypes"]) == ([], ["authorization_code"])
    assert (found["tokenFormat"], found["tags"]) == ("JWT", [])
    changed = {**found, "description": "Changed"}
    assert everywhere.post("update-application", changed, id="admin/board")["data"] == "Affected"
    assert shown(everywhere) == changed
    assert everywhere.post("delete-application", changed, id="admin/board")["data"] == "Affected"
    assert everywhere.get("get-application", id="admin/board")["data"] is None
    assert everywhere.post("delete-application", changed)["data"] == "Unaffected"
    assert everywhere.post("update-application", changed, id="admin/board")["data"] == "Unaffected"


def test_credentials_may_be_brought_along(world: World, everywhere: Asker) -> None:
    brought = {"clientId": "my-client", "clientSecret": "a secret of twenty-four!"}
    everywhere.post("add-application", body(**brought))
    found = shown(everywhere)
    assert (found["clientId"], found["clientSecret"]) == tuple(brought.values())
    asked = {"owner": "acme", **brought}
    assert world.program().get("get-sessions", **asked)["status"] == "ok"
    # Masked, empty or absent: as it was.
    for same in ({"clientSecret": "***"}, {"clientSecret": ""}, {}):
        everywhere.post("update-application", {"name": "board", **same}, id="admin/board")
        assert shown(everywhere)["clientSecret"] == brought["clientSecret"]
    new = {"clientSecret": "another secret, quite long"}
    everywhere.post("update-application", new, id="admin/board")
    refused = world.program().get("get-sessions", **asked)
    assert refused["msg"] == "Incorrect client secret for application: board"
    assert everywhere.post("add-application", body("b2", **brought))["data"] == "Unaffected"
    taken = everywhere.post("update-application", {"clientId": "my-client"}, id="admin/wiki")
    assert taken["data"] == "Unaffected"
    short = everywhere.post("update-application", {"clientSecret": "short"}, id="admin/board")
    assert short["status"] == "error"


def test_what_ostiary_uses_is_in_force(world: World, everywhere: Asker) -> None:
    change = {
        "redirectUris": ["https://wiki.example/new"],
        "backchannelLogoutUri": "https://wiki.example/out",
        "enableExclusiveSignin": True,
        "homepageUrl": "https://home.example",
    }
    everywhere.post("update-application", change, id="admin/wiki")
    found = shown(everywhere, "wiki")
    assert {key: found[key] for key in change} == change
    first, second = world.user_agent("ann"), world.user_agent("ann")
    assert first.get("get-account")["msg"] == "Please login first"
    assert second.post("logout")["data2"] == "https://home.example"
    ann = world.user_agent("ann")
    refused = ann.post("logout", post_logout_redirect_uri=CALLBACK)
    assert refused["status"] == "error"
    everywhere.post("update-application", {"disableSignin": True}, id="admin/wiki")
    assert world.log_in(Asker(world.browser()))["msg"] == "password or code is incorrect"


@pytest.mark.parametrize(
    ("hours", "plain", "kept"),
    [(0, None, None), (8, 8, 8), (24, 24, 24), (240, 24, 240), (9_600, 24, 9_600)],
)
def test_the_cookie_s_hours_are_the_longest_life(
    world: World, everywhere: Asker, hours: int, plain: int | None, kept: int | None
) -> None:
    """Contract 1.6: with "keep me signed in" all of them, a day at most without."""
    everywhere.post("update-application", {"cookieExpireInHours": hours}, id="admin/wiki")
    assert shown(everywhere, "wiki")["cookieExpireInHours"] == hours
    found = world.read(application_rows.get, "wiki")
    assert found is not None
    lifetimes = found.lifetimes
    expected = [None if h is None else h * 3_600 for h in (plain, kept)]
    assert [lifetimes.absolute, lifetimes.remembered_absolute] == expected
    one = Asker(world.browser())
    world.log_in(one, autoSignin=True)
    (row,) = world.rows(session)
    lived = (row.expires_at - row.created_at).total_seconds()
    assert lived == (kept * 3_600 if kept else 30 * 86_400)


def test_hours_that_did_not_change_change_nothing(world: World, everywhere: Asker) -> None:
    """A round trip by an SDK must not undo what was set elsewhere."""
    everywhere.post("update-application", {"cookieExpireInHours": 8}, id="admin/wiki")
    before = world.read(application_rows.get, "wiki")
    everywhere.post("update-application", shown(everywhere, "wiki"), id="admin/wiki")
    after = world.read(application_rows.get, "wiki")
    assert before is not None
    assert after is not None
    assert before.lifetimes == after.lifetimes
    for bad in (-1, 9_601, 1e300, "8", True):
        change = {"cookieExpireInHours": bad}
        answer = everywhere.post("update-application", change, id="admin/wiki")
        assert answer["status"] == "error", bad


@pytest.mark.parametrize(
    "change",
    [
        {"redirectUris": ["javascript:alert(1)"]},
        {"redirectUris": ["/relative"]},
        {"redirectUris": ["https://a.example/#x"]},
        {"redirectUris": [f"https://a.example/{n}" for n in range(101)]},
        {"redirectUris": "https://a.example"},
        {"backchannelLogoutUri": "ftp://a.example"},
        {"displayName": "two\nlines"},
        {"clientId": "a/b"},
        {"headerHtml": "x" * 70_000},
    ],
)
def test_what_cannot_be_used_is_told_and_changes_nothing(
    everywhere: Asker, change: dict[str, Any]
) -> None:
    before = shown(everywhere, "wiki")
    answer = everywhere.post("update-application", {"logo": "new", **change}, id="admin/wiki")
    assert answer["status"] == "error"
    assert shown(everywhere, "wiki") == before


def test_other_fields_are_kept_and_given_back(everywhere: Asker) -> None:
    kept = {
        "maxSessions": 5,
        "expireInHours": 1.5,
        "providers": [{"owner": "admin", "name": "p", "provider": {"clientSecret": "s"}}],
        "samlReplyUrl": "https://board.example/saml",
        "registrationAccessToken": "token",
        "fieldOfTomorrow": {"a": [1, None]},
    }
    everywhere.post("add-application", body(**kept))
    assert {key: shown(everywhere)[key] for key in kept} == kept
    change = body(maxSessions=6, expireInHours=3, organizationObj={"name": "acme"})
    everywhere.post("update-application", change, id="admin/board", columns="max_sessions")
    found = shown(everywhere)
    assert (found["maxSessions"], found["expireInHours"]) == (6, 1.5)
    assert "organizationObj" not in found


def test_deleting_needs_the_right_organization(world: World, everywhere: Asker) -> None:
    ann = world.user_agent("ann")
    elsewhere = everywhere.post("delete-application", body("wiki", "globex"))
    assert elsewhere["data"] == "Unaffected"
    assert everywhere.post("delete-application", body("app-built-in", "built-in"))["data"] == (
        "Unaffected"
    )
    assert ann.data("get-account")["name"] == "ann"
    wiki = world.basic("wiki")
    assert everywhere.post("delete-application", body("wiki"))["data"] == "Affected"
    # What signed in through it, and its own credentials, are dead at once.
    assert ann.get("get-account")["msg"] == "Please login first"
    assert wiki.get("get-sessions", owner="acme") == DENIED


def test_an_application_stays_where_and_what_it_is(everywhere: Asker) -> None:
    renamed = everywhere.post("update-application", body("wiki2"), id="admin/wiki")
    assert renamed["msg"] == "An application cannot be renamed."
    moved = everywhere.post("update-application", body("wiki", "globex"), id="admin/wiki")
    assert moved["msg"] == "An application cannot be moved to another organization."
    twice = everywhere.post("add-application", body("wiki"))
    assert "already" in twice["msg"]
    nowhere = everywhere.post("add-application", body(organization="nowhere"))
    assert nowhere["msg"] == "the organization: nowhere is not found"
    everywhere.post("add-application", {"owner": "admin", "name": "of-all"})
    assert shown(everywhere, "of-all")["organization"] == "built-in"


def test_who_may_do_what_to_applications(world: World) -> None:
    """Covers W1, W2, R07."""
    _, secret = world.credentials("wiki")
    ann, gina = world.user_agent("ann"), world.user_agent("gina", "globex")
    shop, nobody = world.basic("shop"), world.program()
    for asker in (ann, gina, shop, nobody):
        lures = {"id": "admin/shop", "owner": "globex"}
        assert asker.post("add-application", body(), **lures) == DENIED
        assert asker.post("delete-application", body("wiki"), **lures) == DENIED
        assert asker.post("update-application", body("shop", "globex"), id="admin/wiki") == DENIED
        assert asker.get("get-applications", organization="acme", owner="admin") == DENIED
        response = asker.send("GET", "get-application", id="admin/wiki", organization="globex")
        assert response.json()["data"]["clientSecret"] == "***"
        assert secret not in response.text
    for asker in (gina, shop):
        # What id names is theirs, but the body names what is not.
        assert asker.post("update-application", body("wiki"), id="admin/shop") == DENIED
        moved = asker.post("update-application", body("shop", "acme"), id="admin/shop")
        assert moved == DENIED
        delete = asker.post("delete-application", body("shop", "acme"))
        assert delete["data"] == "Unaffected"
        assert [a["name"] for a in asker.data("get-applications", owner="admin")] == ["shop"]
    for asker in (world.user_agent("boss"), world.basic("mail")):
        assert shown(asker, "wiki")["clientSecret"] == secret
        changed = asker.post("update-application", {"description": "x"}, id="admin/wiki")
        assert changed["data"] == "Affected"
    assert {a["name"] for a in world.everywhere().data("get-applications")} == {
        "wiki",
        "mail",
        "shop",
        "app-built-in",
    }


def test_an_organization_s_applications_are_listed(world: World) -> None:
    asked = {"owner": "admin", "organization": "acme"}
    for asker, secret in (
        (world.everywhere(), world.credentials("wiki")[1]),
        (world.basic("wiki"), world.credentials("wiki")[1]),
        (world.user_agent("ann"), "***"),
    ):
        found = {a["name"]: a for a in asker.data("get-organization-applications", **asked)}
        assert set(found) == {"wiki", "mail"}
        assert found["wiki"]["clientSecret"] == secret
    for asker in (world.user_agent("gus", "globex"), world.basic("shop"), world.program()):
        assert asker.get("get-organization-applications", **asked) == DENIED


def test_lists_are_paged_searched_and_sorted(everywhere: Asker) -> None:
    page = {"owner": "admin", "p": 1, "pageSize": 2, "sortField": "name", "sortOrder": "ascend"}
    answer = everywhere.get("get-applications", **page)
    assert ([a["name"] for a in answer["data"]], answer["data2"]) == (["app-built-in", "mail"], 4)
    found = everywhere.get("get-applications", **page, field="organization", value="glob")
    assert ([a["name"] for a in found["data"]], found["data2"]) == (["shop"], 1)
    assert (
        everywhere.get("get-applications", **page, field="clientSecret", value="a")["msg"]
        == "no such column: client_secret"
    )


def test_an_id_has_two_parts(everywhere: Asker) -> None:
    """Covers W4."""
    for bad in ("", "wiki", "admin/wiki/x", "/wiki", "admin/"):
        for call in ("get-application", "get-organization", "get-app-login"):
            answer = everywhere.get(call, id=bad)
            assert answer["status"] == "error", (call, bad)
            assert answer["data"] is None
