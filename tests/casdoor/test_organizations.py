"""Organizations over the wire (contract 4.1)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.casdoor.world import DENIED, Asker, World


@pytest.fixture
def everywhere(world: World) -> Asker:
    return world.everywhere()


def body(name: str = "initech", **more: Any) -> dict[str, Any]:
    return {"owner": "admin", "name": name, "displayName": f"{name}, Inc.", **more}


def shown(asker: Asker, name: str = "initech") -> Any:
    return asker.data("get-organization", id=f"admin/{name}")


def test_an_organization_goes_its_way(everywhere: Asker) -> None:
    """Contract 4.2: what the SDKs' own tests send and look for."""
    sent = body(
        createdTime="2023-01-01T00:00:00Z",
        websiteUrl="https://initech.example",
        passwordType="plain",
        passwordOptions=["AtLeast6"],
        countryCodes=["US", "ES"],
        tags=[],
        languages=["en", "es"],
        initScore=2000,
        enableSoftDeletion=False,
        isProfilePublic=False,
    )
    assert everywhere.post("add-organization", sent, id="admin/initech")["data"] == "Affected"
    found = shown(everywhere)
    assert {key: found[key] for key in sent} == sent
    listed = everywhere.data("get-organizations", owner="admin")
    assert "initech" in [o["name"] for o in listed]
    changed = {**found, "displayName": "Changed"}
    assert everywhere.post("update-organization", changed, id="admin/initech")["data"] == "Affected"
    assert shown(everywhere) == changed
    assert everywhere.post("delete-organization", changed)["data"] == "Affected"
    assert everywhere.get("get-organization", id="admin/initech")["data"] is None
    assert everywhere.post("delete-organization", changed)["data"] == "Unaffected"
    assert everywhere.post("update-organization", changed)["data"] == "Unaffected"


def test_a_new_one_has_what_is_usual(everywhere: Asker) -> None:
    everywhere.post("add-organization", body(languages=[""], tags=None))
    found = shown(everywhere)
    assert (found["languages"], found["countryCodes"], found["tags"]) == (["en"], ["US"], [])
    assert (found["balanceCurrency"], found["mfaRememberInHours"]) == ("USD", 12)
    assert found["passwordOptions"]
    twice = everywhere.post("add-organization", body())
    assert twice["status"] == "error"
    assert "already" in twice["msg"]


def test_no_password_opens_every_account(world: World, everywhere: Asker) -> None:
    """Kept for a way back, shown to nobody, honoured nowhere."""
    words = {
        "masterPassword": "opens every account there",
        "defaultPassword": "everybody's at first",
        "masterVerificationCode": "000000",
    }
    everywhere.post("update-organization", words, id="admin/acme")
    response = everywhere.send("GET", "get-organization", id="admin/acme")
    assert [response.json()["data"][key] for key in words] == ["***"] * 3
    for word in words.values():
        assert word not in response.text
        answer = world.log_in(Asker(world.browser()), password=word)
        assert answer["msg"] == "password or code is incorrect"
    # The mask coming back changes nothing; an empty text takes it away.
    everywhere.post("update-organization", shown(everywhere, "acme"), id="admin/acme")
    assert shown(everywhere, "acme")["masterPassword"] == "***"
    everywhere.post("update-organization", {"masterPassword": ""}, id="admin/acme")
    assert shown(everywhere, "acme")["masterPassword"] == ""


def test_what_ostiary_uses_is_in_force(world: World, everywhere: Asker) -> None:
    change = {"enableExclusiveSignin": True, "defaultApplication": "wiki", "passwordSalt": "salt"}
    everywhere.post("update-organization", change, id="admin/acme")
    found = shown(everywhere, "acme")
    assert {key: found[key] for key in change} == change
    first, second = world.user_agent("ann"), world.user_agent("ann", application="mail")
    assert first.get("get-account")["msg"] == "Please login first"
    everywhere.post("update-organization", {"disableSignin": True}, id="admin/acme")
    assert shown(everywhere, "acme")["disableSignin"] is True
    assert world.log_in(Asker(world.browser()))["msg"] == "password or code is incorrect"
    assert second.data("get-account")["name"] == "ann"


def test_columns_say_what_is_written(everywhere: Asker) -> None:
    everywhere.post("add-organization", body(websiteUrl="https://a.example", tags=["x"]))
    change = body(displayName="New", websiteUrl="https://b.example", tags=["y"])
    everywhere.post("update-organization", change, id="admin/initech", columns="website_url")
    found = shown(everywhere)
    assert (found["displayName"], found["websiteUrl"], found["tags"]) == (
        "initech, Inc.",
        "https://b.example",
        ["x"],
    )


def test_some_things_stay(world: World, everywhere: Asker) -> None:
    assert everywhere.post("delete-organization", body("built-in"))["data"] == "Unaffected"
    full = everywhere.post("delete-organization", body("acme"))
    assert full["msg"] == "Delete the organization's users and applications first."
    renamed = everywhere.post("update-organization", body("acme2"), id="admin/acme")
    assert renamed["msg"] == "An organization cannot be renamed."
    for bad in (body(""), body("x" * 101), body(displayName="x" * 201), {**body(), "name": 1}):
        assert everywhere.post("add-organization", bad)["status"] == "error"
    assert world.user_agent("ann").data("get-account")["name"] == "ann"


def test_who_may_do_what_to_organizations(world: World) -> None:
    """Covers W1, W2, R07."""
    ann, boss = world.user_agent("ann"), world.user_agent("boss")
    wiki, gina = world.basic("wiki"), world.user_agent("gina", "globex")
    nobody = world.program()
    for asker in (ann, boss, wiki, gina, nobody):
        lures = {"id": "admin/globex", "organization": "globex", "owner": "globex"}
        assert asker.post("add-organization", body()) == DENIED
        assert asker.post("delete-organization", body("acme"), **lures) == DENIED
    for asker in (ann, gina, nobody):
        assert asker.get("get-organization", id="admin/acme", organization="globex") == DENIED
        assert asker.post("update-organization", body("globex"), id="admin/acme") == DENIED
    for asker in (boss, wiki):
        assert shown(asker, "acme")["name"] == "acme"
        assert asker.get("get-organization", id="admin/globex") == DENIED
        # What id names is theirs, but the body names another's; and the other way round.
        assert asker.post("update-organization", body("globex"), id="admin/acme") == DENIED
        assert asker.post("update-organization", body("acme"), id="admin/globex") == DENIED
        assert [o["name"] for o in asker.data("get-organizations")] == ["acme"]
        assert (
            asker.post("update-organization", body("acme"), id="admin/acme")["data"] == "Affected"
        )
    assert nobody.get("get-organizations") == nobody.get("get-organization-names") == DENIED


def test_plain_users_see_what_a_sign_in_page_may_know(world: World, everywhere: Asker) -> None:
    kept = {"masterPassword": "x", "websiteUrl": "https://a.example", "ipWhitelist": "10.0.0.0/8"}
    everywhere.post("update-organization", {**kept, "passwordSalt": "salt"}, id="admin/acme")
    (seen,) = world.user_agent("ann").data("get-organizations")
    assert (seen["name"], seen["websiteUrl"], seen["passwordSalt"]) == (
        "acme",
        "https://a.example",
        "***",
    )
    assert "ipWhitelist" not in seen
    assert "masterPassword" not in seen
    names = world.user_agent("ann").data("get-organization-names", owner="admin")
    assert names == [{"name": "acme", "displayName": "Acme"}]


def test_lists_are_paged_searched_and_sorted(everywhere: Asker) -> None:
    page = {"p": 1, "pageSize": 2, "sortField": "name", "sortOrder": "ascend"}
    answer = everywhere.get("get-organizations", owner="admin", **page)
    assert ([o["name"] for o in answer["data"]], answer["data2"]) == (["acme", "built-in"], 3)
    answer = everywhere.get("get-organizations", **{**page, "p": 7})
    assert [o["name"] for o in answer["data"]] == ["globex"]
    found = everywhere.get("get-organizations", **page, field="displayName", value="Acm")
    assert ([o["name"] for o in found["data"]], found["data2"]) == (["acme"], 1)
    assert everywhere.get("get-organizations", **page, field="x", value="y")["status"] == "error"
