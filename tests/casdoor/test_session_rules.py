"""Who may see and touch which record: the contract's section 2.5, and W1 to W4."""

from __future__ import annotations

from typing import Any

import pytest

from tests.casdoor.world import DENIED, Asker, World, key

OWNERS = ("acme", "globex", "built-in")


class Cast:
    """Everybody who can call, and a session for each organization's own user."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.victims = {
            "acme": world.user_agent("bob"),
            "globex": world.user_agent("gus", "globex"),
            "built-in": world.user_agent("admin", "built-in"),
        }
        self.callers = {
            "nobody": world.program(),
            "user": world.user_agent("ann"),
            "org admin": world.user_agent("boss"),
            "application": world.basic("wiki"),
            "foreign user": world.user_agent("gus", "globex"),
            "foreign org admin": world.user_agent("gina", "globex"),
            "foreign application": world.by_parameters("shop"),
            "global admin": world.user_agent("admin", "built-in"),
            "global application": world.basic("app-built-in"),
        }


WIDE = {"global admin", "global application"}
OF_ACME = {"org admin", "application"} | WIDE
OF_GLOBEX = {"foreign org admin", "foreign application"} | WIDE


def is_denied(answer: dict[str, Any]) -> bool:
    """Whether nothing was said or done; a denial has exactly this shape."""
    if answer["status"] == "ok":
        return False
    assert answer == DENIED
    assert list(answer) == list(DENIED)
    return True


@pytest.fixture
def cast(world: World) -> Cast:
    return Cast(world)


def test_lists_are_for_those_who_administer_the_owner(cast: Cast) -> None:
    """Covers W2, R07: whatever else a request names."""
    may = {
        "acme": OF_ACME | {"user"},
        "globex": OF_GLOBEX | {"foreign user"},
        "built-in": WIDE,
        "": WIDE | {"user", "foreign user"},
    }
    for owner, allowed in may.items():
        for name, caller in cast.callers.items():
            tricks = {"organization": caller_organization(name), "id": "acme/ann"}
            answer = caller.get("get-sessions", owner=owner, **tricks)
            assert is_denied(answer) == (name not in allowed), (owner, name)


def caller_organization(name: str) -> str:
    return "globex" if name.startswith("foreign") else "acme"


def test_a_plain_user_s_list_holds_her_own_rows(cast: Cast) -> None:
    """Covers W2: with and without a page, a filter or an owner."""
    ann = cast.callers["user"]
    for asked in ({}, {"owner": "acme"}, {"owner": "acme", "p": 1, "pageSize": 50}):
        answer = ann.get("get-sessions", **asked)
        assert [(r["owner"], r["name"]) for r in answer["data"]] == [("acme", "ann")]
        assert answer["data2"] in {None, 1}
    found = ann.get("get-sessions", owner="acme", p=1, pageSize=9, field="name", value="bob")
    assert (found["data"], found["data2"]) == ([], 0)


def test_an_administrator_s_list_holds_one_organization(cast: Cast) -> None:
    """Covers W2."""
    for name in ("org admin", "application"):
        rows = cast.callers[name].data("get-sessions", owner="acme")
        assert {r["owner"] for r in rows} == {"acme"}
    everything = cast.callers["global application"].data("get-sessions")
    assert {r["owner"] for r in everything} == set(OWNERS)


@pytest.mark.parametrize("call", ["get-session", "is-session-duplicated"])
def test_one_record_is_for_those_who_administer_it_and_its_user(cast: Cast, call: str) -> None:
    """Covers W1: the parts of sessionPkId decide, and not the id beside them."""
    rows = {
        "acme/bob/wiki": OF_ACME,
        "acme/ann/wiki": OF_ACME | {"user"},
        "globex/gus/shop": OF_GLOBEX | {"foreign user"},
        "built-in/admin/app-built-in": WIDE,
        "acme/nobody/nothing": OF_ACME,
    }
    for row, allowed in rows.items():
        for name, caller in cast.callers.items():
            for lure in ("acme/ann", "globex/gina", "anonymous/anonymous", row):
                answer = caller.get(
                    call, sessionPkId=row, id=lure, owner=lure.split("/")[0], sessionId="x"
                )
                assert is_denied(answer) == (name not in allowed), (row, name, lure)


@pytest.mark.parametrize("call", ["add-session", "update-session"])
def test_registering_is_for_those_who_administer_the_row(cast: Cast, call: str) -> None:
    """Covers W1: the body's key decides, and not the id beside it."""
    for owner, allowed in (("acme", OF_ACME), ("globex", OF_GLOBEX), ("built-in", WIDE)):
        for name, caller in cast.callers.items():
            if caller.session_id:
                caller.client.headers["Sec-Fetch-Site"] = "same-origin"
            body = {**key("kim", "wiki", owner), "sessionId": [name]}
            lure = f"{caller_organization(name)}/ann"
            answer = caller.post(call, body, id=lure, organization=caller_organization(name))
            assert is_denied(answer) == (name not in allowed), (owner, name)
    # A plain user may not even write her own.
    assert cast.callers["user"].post(call, {**key(), "sessionId": ["x"]}) == DENIED


def test_ending_is_for_those_who_administer_the_row_and_its_user(cast: Cast) -> None:
    """Covers W1, W2, R07: nothing that was refused has happened."""
    admin = cast.callers["global application"]
    for owner, user, application, allowed in (
        ("acme", "bob", "wiki", OF_ACME),
        ("globex", "gus", "shop", OF_GLOBEX | {"foreign user"}),
        ("built-in", "admin", "app-built-in", WIDE),
    ):
        body = key(user, application, owner)
        victim = cast.victims[owner]
        for name, caller in cast.callers.items():
            if name in allowed:
                continue
            for lure in ("acme/ann", "globex/gina", f"{owner}/{user}", "anonymous/anonymous"):
                lures = {"id": lure, "owner": lure.split("/")[0], "organization": "acme"}
                assert caller.post("delete-session", body, **lures) == DENIED, name
                with_id = {**lures, "sessionId": victim.session_id}
                assert caller.post("delete-session", body, **with_id) == DENIED, name
        assert victim.session_id in admin.ids(user, application, owner)
        assert victim.data("get-account")["name"] == user


@pytest.mark.parametrize("name", ["org admin", "application", "global admin", "global application"])
def test_those_who_may_end_do(cast: Cast, name: str) -> None:
    body, victim = key("bob"), cast.victims["acme"]
    answer = cast.callers[name].post("delete-session", body, sessionId=victim.session_id)
    assert answer["data"] == "Affected"
    assert victim.get("get-account")["msg"] == "Please login first"


def test_a_plain_user_ends_her_own(world: World) -> None:
    here, there = world.user_agent("ann"), world.user_agent("ann")
    assert here.post("delete-session", key(), sessionId=there.session_id)["data"] == "Affected"
    assert there.get("get-account")["msg"] == "Please login first"
    assert here.data("get-account")["name"] == "ann"


def test_an_id_of_somebody_else_ends_nothing_through_one_s_own_row(cast: Cast) -> None:
    """Covers W1, W3: an id is only looked for in the row that was judged."""
    ann, victim = cast.callers["user"], cast.victims["acme"]
    for strange in (
        victim.session_id,
        cast.victims["globex"].session_id,
        f"../{victim.session_id}",
        f"acme/bob/{victim.session_id}",
        "../../etc/passwd",
        "%",
        "' OR 1=1 --",
        "a" * 10_000,
        "👻",
    ):
        assert ann.post("delete-session", key(), sessionId=strange)["data"] == "Affected"
        assert (
            ann.post("delete-session", key(application="mail"), sessionId=strange)["data"]
            == "Unaffected"
        )
    assert victim.data("get-account")["name"] == "bob"
    assert cast.victims["globex"].data("get-account")["name"] == "gus"


MALFORMED = [
    "",
    "acme",
    "acme/ann",
    "acme/ann/wiki/more",
    "/ann/wiki",
    "acme//wiki",
    "acme/ann/",
    "//",
    "acme//",
    f"acme/{'n' * 101}/wiki",
]


@pytest.mark.parametrize("call", ["get-session", "is-session-duplicated"])
def test_a_malformed_key_is_an_error_and_no_wildcard(world: World, call: str) -> None:
    """Covers W4."""
    world.user_agent("ann")
    callers = (world.everywhere(), world.basic("wiki"), world.user_agent("boss"))
    for malformed in MALFORMED:
        for caller in callers:
            answer = caller.get(call, sessionPkId=malformed)
            assert answer["status"] == "error"
            assert answer["data"] is None
        assert world.program().get(call, sessionPkId=malformed) == DENIED


@pytest.mark.parametrize("call", ["add-session", "update-session", "delete-session"])
@pytest.mark.parametrize("missing", ["owner", "name", "application"])
def test_an_empty_part_of_a_body_s_key_is_an_error(world: World, call: str, missing: str) -> None:
    """Covers W4: nothing is written, nothing ends."""
    ann, admin = world.user_agent("ann"), world.everywhere()
    for body in ({**key(), missing: ""}, {k: v for k, v in key().items() if k != missing}):
        answer = admin.post(call, {**body, "sessionId": ["x"]}, sessionId=ann.session_id)
        assert answer["status"] == "error", answer
    assert [r["sessionId"] for r in admin.data("get-sessions", owner="acme")] == [[ann.session_id]]


def test_a_stranger_s_cookie_is_nobody(world: World) -> None:
    """Covers W3, E03: an id that we did not make is never looked up as more than a hash."""
    for invented in ("../../etc/passwd", "0" * 43, "0" * 32, "'; DROP TABLE session; --"):
        browser = Asker(world.browser())
        browser.client.headers["Cookie"] = f"sid={invented}"
        assert browser.get("get-sessions", owner="acme") == DENIED
        assert browser.post("delete-session", key()) == DENIED
        assert "set-cookie" not in browser.send("GET", "get-account").headers
