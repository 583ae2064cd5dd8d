"""Users over the wire: added, found, changed, deleted (contract 4.1)."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ostiary.storage import users as user_rows
from ostiary.storage.tables import session
from tests.casdoor.world import DENIED, Asker, World
from tests.support.installation import PASSWORD


@pytest.fixture
def server(world: World) -> Asker:
    return world.basic("wiki")


def body(name: str = "kim", owner: str = "acme", **more: Any) -> dict[str, Any]:
    return {"owner": owner, "name": name, "displayName": f"{name}'s name", **more}


def shown(asker: Asker, name: str = "kim", owner: str = "acme") -> Any:
    return asker.data("get-user", id=f"{owner}/{name}")


def test_a_user_goes_her_way(server: Asker) -> None:
    """Contract 4.2: add, list, get, change, delete, and the get brings null."""
    created = "2023-01-01T00:00:00+08:00"
    assert server.post("add-user", body(createdTime=created), id="admin/kim")["data"] == "Affected"
    assert "kim" in [u["name"] for u in server.data("get-users", owner="acme")]
    user = shown(server)
    assert (user["name"], user["displayName"], user["createdTime"]) == (
        "kim",
        "kim's name",
        created,
    )
    assert str(uuid.UUID(user["id"])) == user["id"]
    assert (user["password"], user["passwordSalt"]) == ("***", "")
    changed = {**user, "displayName": "Kim the Second"}
    assert server.post("update-user", changed, id="acme/kim")["data"] == "Affected"
    assert shown(server) == {**changed, "updatedTime": shown(server)["updatedTime"]}
    assert server.post("delete-user", changed, id="acme/kim")["data"] == "Affected"
    assert server.get("get-user", id="acme/kim")["data"] is None
    assert server.post("delete-user", changed, id="acme/kim")["data"] == "Unaffected"


def test_other_fields_are_kept_and_given_back(world: World, server: Asker) -> None:
    """Encrypted, since which of them are secret cannot be told for fields not known yet."""
    kept = {
        "tag": "staff",
        "score": 12,
        "properties": {"colour": "a colour that is in no other row"},
        "groups": ["acme/one"],
        "brandNewField": [{"x": None}, 1.5],
        "signupApplication": "wiki",
    }
    server.post("add-user", body(**kept))
    user = shown(server)
    assert {key: user[key] for key in kept} == kept
    server.post("update-user", {"Tag": "guest", "score": 13}, id="acme/kim", columns="tag")
    user = shown(server)
    assert (user["tag"], user["score"], "Tag" in user) == ("guest", 12, False)
    world.database.close()
    path = world.database.engine.url.database
    assert path is not None
    with open(path, "rb") as file:  # noqa: PTH123 - bytes of a file that is open elsewhere
        assert b"a colour that is in no other row" not in file.read()


def test_columns_say_what_is_written(server: Asker) -> None:
    """Item 10 of the acceptance list: in camelCase, and in snake_case as older SDKs send them."""
    server.post("add-user", body(email="kim@acme.example", phone="1"))
    wanted = body(displayName="New", email="new@acme.example", phone="2", isAdmin=True)
    server.post("update-user", wanted, id="acme/kim", columns="display_name,email")
    user = shown(server)
    assert [user[k] for k in ("displayName", "email", "phone", "isAdmin")] == [
        "New",
        "new@acme.example",
        "1",
        False,
    ]
    server.post("update-user", wanted, id="acme/kim", columns="isAdmin")
    assert (shown(server)["isAdmin"], shown(server)["phone"]) == (True, "1")


def test_what_does_not_come_stays(server: Asker) -> None:
    server.post("add-user", body(email="kim@acme.example", tag="staff", isForbidden=True))
    server.post("update-user", {"displayName": "New"}, id="acme/kim")
    user = shown(server)
    assert (user["displayName"], user["email"], user["tag"]) == ("New", "kim@acme.example", "staff")
    assert user["isForbidden"] is True


def test_users_are_found_by_more_than_their_name(world: World, server: Asker) -> None:
    server.post("add-user", body(email="kim@gmail.com", phone="13912345678", id="given-id"))
    for found in ({"owner": "acme", "email": "kim@gmail.com"}, {"phone": "13912345678"}):
        assert server.data("get-user", **found)["name"] == "kim"
    assert server.data("get-user", owner="acme", userId="given-id")["name"] == "kim"
    assert world.everywhere().data("get-user", userId="given-id")["name"] == "kim"
    assert server.get("get-user", email="nobody@gmail.com")["data"] is None
    assert server.get("get-user")["status"] == "error"
    assert server.get("get-user", id="acme")["msg"] == (
        "GetOwnerAndNameFromId() error, wrong token count for ID: acme"
    )
    # Somebody else's are found neither way (W2).
    for foreign in ({"userId": "given-id"}, {"email": "kim@gmail.com"}, {"phone": "13912345678"}):
        assert world.basic("shop").get("get-user", **foreign)["data"] is None
        assert world.user_agent("bob").get("get-user", **foreign)["data"] is None
    by_id = {"owner": "acme", "userId": "given-id"}
    server.post("update-user", {"displayName": "By id"}, **by_id)
    assert shown(server)["displayName"] == "By id"
    assert world.basic("shop").post("update-user", {"displayName": "x"}, **by_id) == DENIED


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"name": "ann"}, "Username already exists"),
        ({"email": "ann@acme.example"}, "Email already exists"),
        ({"name": ""}, "name must not be empty."),
        ({"name": "x" * 101}, "name must not be longer than 100 characters."),
        ({"displayName": "two\nlines"}, "display_name must not hold control characters."),
        ({"email": "e" * 201}, "email must not be longer than 200 characters."),
        ({"password": "short"}, None),
        ({"password": "password123"}, None),
        ({"password": "x", "passwordType": "rot13"}, "unsupported password type: rot13"),
        (
            {"isAdmin": "yes"},
            "json: cannot unmarshal string into Go struct field User.isAdmin of type bool",
        ),
        ({"bio": "x" * 70_000}, None),
    ],
)
def test_what_cannot_be_added_is_told(
    server: Asker, more: dict[str, Any], text: str | None
) -> None:
    answer = server.post("add-user", {**body(), **more})
    assert answer["status"] == "error"
    assert text is None or answer["msg"] == text
    assert server.data("get-user-count", owner="acme") == 3


def test_an_unknown_organization_is_told(world: World) -> None:
    answer = world.everywhere().post("add-user", body(owner="nowhere"))
    assert answer["msg"] == "the organization: nowhere is not found"


def test_a_display_name_does_not_become_empty(server: Asker) -> None:
    answer = server.post("update-user", {"displayName": ""}, id="acme/ann")
    assert answer["msg"] == "Display name cannot be empty"
    # A new user without one is called by the name.
    server.post("add-user", {"owner": "acme", "name": "kim", "displayName": ""})
    assert shown(server)["displayName"] == "kim"


def test_a_rename_takes_the_records_along(world: World, server: Asker) -> None:
    ann = world.user_agent("ann")
    answer = server.post("update-user", body("anna"), id="acme/ann")
    assert answer["data"] == "Affected"
    assert server.ids("anna") == [ann.session_id]
    assert ann.data("get-account")["name"] == "anna"
    assert server.get("get-user", id="acme/ann")["data"] is None
    taken = server.post("update-user", body("bob"), id="acme/anna")
    assert taken["msg"] == "Username already exists"
    same_mail = server.post("update-user", {"email": "bob@acme.example"}, id="acme/anna")
    assert same_mail["msg"] == "Email already exists"
    gone = server.post("update-user", body("x"), id="acme/ann")
    assert gone["msg"] == "The user: acme/ann doesn't exist"


def test_an_id_is_never_changed(server: Asker) -> None:
    server.post("add-user", body(id="given-id"))
    answer = server.post("update-user", {"id": "another"}, id="acme/kim")
    assert (answer["status"], shown(server)["id"]) == ("error", "given-id")
    again = server.post("add-user", body("lee", id="given-id"))
    assert again["msg"] == "This id is taken."


@pytest.mark.parametrize("flag", ["isForbidden", "isDeleted"])
def test_a_forbidden_user_is_signed_out_everywhere(world: World, server: Asker, flag: str) -> None:
    """Covers W13, A11: soft deletion too, and both can be taken back."""
    ann, bob = world.user_agent("ann"), world.user_agent("bob")
    assert server.post("update-user", {flag: True}, id="acme/ann")["data"] == "Affected"
    assert ann.get("get-account")["msg"] == "Please login first"
    assert server.ids() is None
    assert world.log_in(Asker(world.browser()))["msg"] == "password or code is incorrect"
    assert bob.data("get-account")["name"] == "bob"
    (row,) = [r for r in world.rows(session) if r.user_name == "ann"]
    assert row.ended_reason == "user_disabled"
    user = shown(server, "ann")
    assert (user["isForbidden"], user["isDeleted"]) == (True, flag == "isDeleted")
    # Taking back the one leaves the other in force.
    server.post("update-user", {"isForbidden": False}, id="acme/ann")
    assert shown(server, "ann")["isForbidden"] is (flag == "isDeleted")
    server.post("update-user", {"isForbidden": False, "isDeleted": False}, id="acme/ann")
    assert shown(server, "ann")["isForbidden"] is False
    assert world.log_in(Asker(world.browser()))["data"] == "acme/ann"


def test_a_deleted_user_leaves_nothing_to_sign_in_with(world: World, server: Asker) -> None:
    """Covers W13, A11."""
    ann = world.user_agent("ann")
    assert server.post("delete-user", body("ann"))["data"] == "Affected"
    assert ann.get("get-account")["msg"] == "Please login first"
    assert server.ids() is None
    assert world.log_in(Asker(world.browser()))["msg"] == "password or code is incorrect"
    # The name can be given again, to somebody with nothing of hers.
    server.post("add-user", body("ann", password=PASSWORD))
    assert ann.get("get-account")["msg"] == "Please login first"
    assert world.log_in(Asker(world.browser()))["data"] == "acme/ann"


def test_the_first_administrator_stays(world: World) -> None:
    """Contract 4.1: deleting, renaming or forbidding it is refused."""
    everywhere = world.everywhere()
    admin = body("admin", "built-in")
    assert everywhere.post("delete-user", admin) == DENIED
    for change in (body("root", "built-in"), {**admin, "isForbidden": True}):
        assert everywhere.post("update-user", change, id="built-in/admin") == DENIED
    assert shown(everywhere, "admin", "built-in")["isForbidden"] is False
    boss = world.user_agent("boss")
    assert boss.post("delete-user", body("boss")) == DENIED


def test_users_of_the_built_in_organization_need_a_word(world: World) -> None:
    """Each of them administers everything."""
    everywhere = world.everywhere()
    answer = everywhere.post("add-user", body(owner="built-in"))
    assert "hasPrivilegeConsent" in answer["msg"]
    everywhere.post("update-organization", {"hasPrivilegeConsent": True}, id="admin/built-in")
    assert everywhere.post("add-user", body(owner="built-in"))["data"] == "Affected"


def test_who_may_do_what_to_users(world: World) -> None:
    """Covers W1, W2, R07: judged by the row, whatever id, owner or organization say besides."""
    ann, gina = world.user_agent("ann"), world.user_agent("gina", "globex")
    shop, nobody = world.basic("shop"), world.program()
    lures = [{}, {"id": "acme/ann"}, {"id": "globex/gus", "organization": "globex"}]
    for lure in lures:
        for asker in (ann, gina, shop, nobody):
            assert asker.post("add-user", body(), **lure) == DENIED
            assert asker.post("delete-user", body("bob"), **lure) == DENIED
    for asker in (ann, gina, shop, nobody):
        for call in ("get-users", "get-sorted-users", "get-user-count"):
            assert asker.get(call, owner="acme", organization="globex", sorter="name") == DENIED
        assert asker.get("get-user", id="acme/bob", owner="globex") == DENIED
        assert asker.post("update-user", body("ann"), id="acme/bob") == DENIED
        assert asker.post("update-user", body("bob"), id="acme/bob", userId="x") == DENIED
        assert asker.get("get-user", id="acme/nobody") == DENIED
    assert ann.get("get-global-users") == DENIED
    # What id names is hers, but the body names another organization.
    assert ann.post("update-user", body("ann", "globex"), id="acme/ann") == DENIED
    assert gina.post("update-user", body("gus", "acme"), id="globex/gus") == DENIED
    moved = world.everywhere().post("update-user", body("ann", "globex"), id="acme/ann")
    assert moved["msg"] == "A user cannot be moved to another organization."
    # Administrators of one organization see one organization.
    for asker in (gina, shop):
        assert {u["owner"] for u in asker.data("get-global-users")} == {"globex"}
        assert {u["owner"] for u in asker.data("get-users")} == {"globex"}
    everybody = world.everywhere().data("get-global-users")
    assert {u["owner"] for u in everybody} == {"acme", "globex", "built-in"}


def test_a_plain_user_writes_what_is_hers(world: World, server: Asker) -> None:
    """Contract 4.1: of herself, and nothing that applications trust."""
    server.post("update-user", {"tag": "staff", "totpSecret": "secret"}, id="acme/ann")
    ann = world.user_agent("ann")
    user = shown(ann, "ann")
    assert (user["tag"], user["totpSecret"]) == ("staff", "***")
    wanted = {**user, "displayName": "Ann A.", "bio": "cats", "tag": "boss", "groups": ["all"]}
    assert ann.post("update-user", wanted, id="acme/ann")["data"] == "Affected"
    user = shown(server, "ann")
    assert [user[k] for k in ("displayName", "bio", "tag", "groups", "totpSecret")] == [
        "Ann A.",
        "cats",
        "staff",
        [],
        "secret",
    ]
    for change in (
        {"name": "anna"},
        {"email": "new@acme.example"},
        {"phone": "2"},
        {"isAdmin": True},
        {"isForbidden": True},
        {"isDeleted": True},
        {"password": "a new one of mine"},
    ):
        assert ann.post("update-user", change, id="acme/ann")["status"] == "error", change
    after = shown(server, "ann")
    assert (after["email"], after["isAdmin"], after["isForbidden"]) == (
        "ann@acme.example",
        False,
        False,
    )


def test_lists_are_paged_searched_and_sorted(server: Asker) -> None:
    def names(**asked: Any) -> list[str]:
        return [u["name"] for u in server.data("get-users", owner="acme", **asked)]

    assert sorted(names()) == ["ann", "bob", "boss"]
    page = {"p": 1, "pageSize": 2, "sortField": "name", "sortOrder": "ascend"}
    answer = server.get("get-users", owner="acme", **page)
    assert ([u["name"] for u in answer["data"]], answer["data2"]) == (["ann", "bob"], 3)
    assert names(**{**page, "p": 9}) == ["boss"]
    assert names(**{**page, "p": "x", "pageSize": "x"}) == ["ann", "bob", "boss"]
    assert names(**page, field="email", value="ann@") == ["ann"]
    assert names(**page, field="displayName", value="zzz") == []
    for bad in ({"field": "password", "value": "x"}, {"sortField": "secret", "sortOrder": "x"}):
        answer = server.get("get-users", owner="acme", **{**page, **bad})
        assert answer["msg"].startswith("no such column")
    assert [
        u["name"] for u in server.data("get-sorted-users", owner="acme", sorter="name", limit=2)
    ] == [
        "boss",
        "bob",
    ]
    for limit in ("x", "-1", "", "9" * 30):
        asked = {"owner": "acme", "sorter": "created_time", "limit": limit}
        assert len(server.data("get-sorted-users", **asked)) == 3
    assert server.get("get-sorted-users", owner="acme", sorter="x; --")["status"] == "error"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("", 3), ("1", 1), ("true", 1), ("True", 1), ("0", 2), ("false", 2), ("junk", 3)],
)
def test_users_are_counted(world: World, server: Asker, asked: str, expected: int) -> None:
    """Contract 4.2: online and offline together are all."""
    world.user_agent("ann")
    world.user_agent("ann")
    assert server.data("get-user-count", owner="acme", isOnline=asked) == expected


def test_who_is_online_has_a_live_session(world: World, server: Asker) -> None:
    world.user_agent("ann")
    users = {u["name"]: u["isOnline"] for u in server.data("get-users", owner="acme")}
    assert users == {"ann": True, "bob": False, "boss": False}
    assert shown(server, "ann")["isOnline"] is True
    world.clock.forward(hours=2)
    assert shown(server, "ann")["isOnline"] is False


def test_two_that_add_the_same_name_at_once_make_one(each_world: World) -> None:
    server = each_world.basic("wiki")
    with ThreadPoolExecutor(max_workers=6) as pool:
        done = [pool.submit(server.post, "add-user", body()) for _ in range(6)]
        texts = sorted(str(f.result()["data"] or f.result()["msg"]) for f in done)
    assert texts == ["Affected"] + ["Username already exists"] * 5
    found = each_world.read(user_rows.get, "acme", "kim")
    assert found is not None
