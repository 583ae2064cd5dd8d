"""Passwords over the wire: set, brought along, compared."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.services.house import Policy
from ostiary.storage.tables import credential
from tests.casdoor.conftest import MakeWorld
from tests.casdoor.world import DENIED, Asker, World
from tests.support.installation import PASSWORD

NEW = "tomorrow is another day"
WRONG = "password or code is incorrect"


def form(user: str = "ann", new: str = NEW, old: str = "", owner: str = "acme") -> dict[str, str]:
    return {"userOwner": owner, "userName": user, "oldPassword": old, "newPassword": new}


def signs_in(world: World, password: str, user: str = "ann") -> Any:
    answer = world.log_in(Asker(world.browser()), user, password=password)
    return answer["data"] if answer["status"] == "ok" else False


def test_one_s_own_password_is_changed_with_the_old_one(world: World) -> None:
    """Covers W13, W7, C03, A12: the other sessions end, the one in use gets a new secret."""
    other, ann = world.user_agent("ann"), world.user_agent("ann")
    old_secret = ann.client.cookies["sid"]
    for wrong in ("", "wrong"):
        assert ann.post("set-password", **form(old=wrong))["msg"] == WRONG
    assert other.data("get-account")["name"] == "ann"
    response = ann.send("POST", "set-password", **form(old=PASSWORD))
    assert response.json()["status"] == "ok"
    assert ann.client.cookies["sid"] != old_secret
    assert ann.data("get-account")["name"] == "ann"
    assert other.get("get-account")["msg"] == "Please login first"
    stale = Asker(world.browser())
    stale.client.cookies.set("sid", old_secret)
    assert stale.get("get-account")["msg"] == "Please login first"
    assert world.basic("wiki").ids() == [ann.session_id]
    assert (signs_in(world, NEW), signs_in(world, PASSWORD)) == ("acme/ann", False)


def test_a_kept_session_s_new_cookie_is_kept_as_long(world: World) -> None:
    ann = world.user_agent("ann", remember=True)
    world.clock.forward(days=10)
    header = ann.send("POST", "set-password", **form(old=PASSWORD)).headers["set-cookie"]
    assert f"Max-Age={20 * 86_400}" in header


def test_an_administrator_sets_somebody_else_s_password(world: World) -> None:
    """Covers W13, W23."""
    boss, ann = world.user_agent("boss"), world.user_agent("ann")
    assert boss.post("set-password", **form())["status"] == "ok"
    assert ann.get("get-account")["msg"] == "Please login first"
    assert boss.data("get-account")["name"] == "boss"
    assert signs_in(world, NEW) == "RequiredUpdatePassword"
    assert boss.data("get-user", id="acme/ann")["needUpdatePassword"] is True
    # Her own needs the old one, administrator or not.
    assert boss.post("set-password", **form("boss"))["msg"] == WRONG
    assert boss.post("set-password", **form("boss", old=PASSWORD))["status"] == "ok"


def test_an_application_sets_passwords_that_are_good_at_once(world: World) -> None:
    """Covers W23."""
    server = world.basic("wiki")
    assert server.post("set-password", **form())["status"] == "ok"
    assert signs_in(world, NEW) == "acme/ann"
    missing = server.post("set-password", **form("nobody"))
    assert missing["msg"] == "The user: acme/nobody doesn't exist"
    for weak in ("", "short", "password1", "qwertyuiop"):
        assert server.post("set-password", **form(new=weak))["status"] == "error"
    assert signs_in(world, NEW) == "acme/ann"


def test_who_may_not_set_a_password(world: World) -> None:
    """Covers W1, W2."""
    nobody = world.program().post("set-password", **form())
    assert (nobody["msg"], nobody["data"]) == ("Please login first", "Please login first")
    for asker in (world.user_agent("bob"), world.user_agent("gina", "globex"), world.basic("shop")):
        assert asker.post("set-password", **form(), owner="globex", id="globex/gus") == DENIED
        assert asker.post("set-password", **form(old=PASSWORD)) == DENIED
    assert signs_in(world, PASSWORD) == "acme/ann"


def test_an_old_authentication_sets_nobody_s_password(world: World) -> None:
    """Covers A15: the administrator signs in again first."""
    boss = world.user_agent("boss", remember=True)
    world.clock.forward(minutes=16)
    answer = boss.post("set-password", **form())
    assert answer["msg"] == "Enter your password again before you do this."
    assert signs_in(world, PASSWORD) == "acme/ann"


def test_a_password_is_compared(make_world: MakeWorld) -> None:
    """Covers W6, C08: no session begins, and failures are slowed down."""
    world = make_world(policy=Policy(failures_before_delay=2, first_delay=30))
    server = world.basic("wiki")

    def check(password: str, name: str = "ann", asker: Asker = server) -> Any:
        user = {"owner": "acme", "name": name, "password": password}
        return asker.post("check-user-password", user, id=f"acme/{name}")

    assert check(PASSWORD)["status"] == "ok"
    assert server.ids() is None
    ann = world.user_agent("ann")
    assert check(PASSWORD, asker=ann)["status"] == "ok"
    for asker in (world.user_agent("bob"), world.basic("shop"), world.program()):
        assert check(PASSWORD, asker=asker) == DENIED
    for _ in range(2):
        answer = check("wrong")
        assert (answer["status"], answer["msg"]) == ("error", WRONG)
    assert "please wait for 1 minutes" in check(PASSWORD)["msg"]
    assert check("wrong", "nobody")["msg"] == WRONG


def test_a_user_may_bring_a_password(world: World) -> None:
    server, boss = world.basic("wiki"), world.user_agent("boss")
    server.post("add-user", {"owner": "acme", "name": "kim", "password": NEW})
    assert signs_in(world, NEW, "kim") == "acme/kim"
    boss.post("add-user", {"owner": "acme", "name": "lee", "password": NEW})
    assert signs_in(world, NEW, "lee") == "RequiredUpdatePassword"
    server.post(
        "add-user",
        {"owner": "acme", "name": "max", "password": NEW, "needUpdatePassword": True},
    )
    assert signs_in(world, NEW, "max") == "RequiredUpdatePassword"
    for none in ("", "***"):
        server.post("add-user", {"owner": "acme", "name": f"no{len(none)}", "password": none})
        assert signs_in(world, none, f"no{len(none)}") is False


VECTORS = [
    ("plain", "clear as day, and long enough"),
    ("salt", "f8a7b3e73bfb6bb8312322f4e7b8320682d7a763f5b4fd371fc7cd2019b6347a"),
    ("md5-salt", "60d6d355651281a0772c27a246c8bbca"),
    (
        "pbkdf2-django",
        "pbkdf2_sha256$260000$0123456789abcdef0123$/Kiatazreo5N5yl/KQTPDnzINfeNUblAiYw5jc3kamQ=",
    ),
]


@pytest.mark.parametrize(("encoding", "value"), VECTORS)
def test_a_user_may_bring_a_password_hashed_elsewhere(
    world: World, encoding: str, value: str
) -> None:
    """Contract 5.4: with the salt of its own, and hashed anew at the first sign-in."""
    user = {
        "owner": "acme",
        "name": "kim",
        "password": value,
        "passwordType": encoding,
        "passwordSalt": "0123456789abcdef0123",
    }
    assert world.basic("wiki").post("add-user", user)["data"] == "Affected"
    typed = value if encoding == "plain" else "123456"
    assert signs_in(world, typed, "kim") == "acme/kim"
    (row,) = [r for r in world.rows(credential) if r.value.startswith("$argon2id") and not r.salt][
        -1:
    ]
    assert row.encoding == "argon2id"
    assert signs_in(world, typed, "kim") == "acme/kim"


def test_a_salt_may_be_the_organization_s(world: World) -> None:
    everywhere = world.everywhere()
    salt = {"passwordSalt": "0123456789abcdef0123", "passwordType": "salt"}
    everywhere.post("update-organization", salt, id="admin/acme")
    user = {"owner": "acme", "name": "kim", "password": VECTORS[1][1], "passwordType": "salt"}
    world.basic("wiki").post("add-user", user)
    assert signs_in(world, "123456", "kim") == "acme/kim"


def test_an_update_sets_a_password_only_when_one_comes(world: World) -> None:
    """Covers W13: a mask, or nothing, is no new password."""
    server, ann = world.basic("wiki"), world.user_agent("ann")
    user = server.data("get-user", id="acme/ann")
    for same in (user, {**user, "password": ""}, {**user, "passwordType": "argon2id"}):
        assert server.post("update-user", same, id="acme/ann")["data"] == "Affected"
    assert ann.data("get-account")["name"] == "ann"
    answer = server.post("update-user", {**user, "password": NEW}, id="acme/ann")
    assert answer["data"] == "Affected"
    assert ann.get("get-account")["msg"] == "Please login first"
    assert signs_in(world, NEW) == "acme/ann"
    # Nothing of an update with a bad password is done.
    weak = {**user, "displayName": "New", "password": "short"}
    assert server.post("update-user", weak, id="acme/ann")["status"] == "error"
    assert server.data("get-user", id="acme/ann")["displayName"] == "ann"
    boss = world.user_agent("boss")
    own = boss.post("update-user", {"name": "boss", "password": NEW}, id="acme/boss")
    assert own["msg"] == "Change your own password by /api/set-password."


def test_a_change_of_password_can_be_demanded(world: World) -> None:
    """Covers W23."""
    server = world.basic("wiki")
    server.post("update-user", {"needUpdatePassword": True}, id="acme/ann")
    assert server.data("get-user", id="acme/ann")["needUpdatePassword"] is True
    assert signs_in(world, PASSWORD) == "RequiredUpdatePassword"
    # It is not taken back by a client that writes an older view of the user.
    server.post("update-user", {"needUpdatePassword": False}, id="acme/ann")
    assert signs_in(world, PASSWORD) == "RequiredUpdatePassword"
    # Nor can she demand it of herself, or free herself of it.
    bob = world.user_agent("bob")
    bob.post("update-user", {"needUpdatePassword": True}, id="acme/bob")
    assert signs_in(world, PASSWORD, "bob") == "acme/bob"
