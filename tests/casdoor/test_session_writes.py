"""Registering, replacing and ending over the wire, beyond the table of states."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ostiary.domain.session import EndReason
from ostiary.storage import sessions
from ostiary.storage.tables import audit_event, change_log, client_session, notice, session
from tests.casdoor.world import Asker, World, key
from tests.support.installation import CHROME

REGISTERED = [f"s{number}" for number in range(120)]


def reason(world: World, asker: Asker) -> EndReason | None:
    found = world.read(sessions.by_id, asker.session_id)
    return found.ended_reason


def test_the_server_says_when_a_record_was_made(each_world: World) -> None:
    server = each_world.basic("wiki")
    body = {**key("kim"), "createdTime": "long ago", "sessionId": None, "sessionInfos": [{}]}
    assert server.post("add-session", body, id="acme/kim", columns="")["data"] == "Affected"
    record = server.data("get-session", sessionPkId="acme/kim/wiki")
    assert (record["createdTime"], record["sessionId"]) == ("2026-11-24T09:00:00Z", [])
    each_world.clock.forward(hours=1)
    server.post("add-session", {**body, "sessionId": ["x"]})
    record = server.data("get-session", sessionPkId="acme/kim/wiki")
    assert (record["createdTime"], record["sessionId"]) == ("2026-11-24T09:00:00Z", ["x"])


def test_ids_are_merged_in_their_order(each_world: World) -> None:
    """Empty ones, which one SDK sends for "none", and repeated ones are dropped."""
    server = each_world.basic("wiki")
    server.post("add-session", {**key("kim"), "sessionId": ["b", "", "a", "b"]})
    assert server.ids("kim") == ["b", "a"]
    server.post("add-session", {**key("kim"), "sessionId": ["c", "a", ""]})
    assert server.ids("kim") == ["b", "a", "c"]
    server.post("update-session", {**key("kim"), "sessionId": ["z", "b"]})
    assert server.ids("kim") == ["z", "b"]
    assert server.post("delete-session", key("kim"), sessionId="z")["data"] == "Affected"
    assert server.ids("kim") == ["b"]
    assert server.post("delete-session", key("kim"), sessionId="b")["data"] == "Affected"
    assert server.ids("kim") is None


def test_of_a_record_the_last_hundred_ids_stay(each_world: World) -> None:
    """Covers W9: a real session that the cap pushes out ends."""
    server, ann = each_world.basic("wiki"), each_world.user_agent("ann")
    server.post("add-session", {**key(), "sessionId": REGISTERED[:99]})
    assert server.ids() == [ann.session_id, *REGISTERED[:99]]
    server.post("add-session", {**key(), "sessionId": REGISTERED[99:105]})
    assert server.ids() == REGISTERED[5:105]
    assert reason(each_world, ann) is EndReason.DISPLACED
    assert ann.get("get-account")["msg"] == "Please login first"
    too_many = server.post("add-session", {**key("kim"), "sessionId": REGISTERED})
    assert too_many["status"] == "error"
    assert server.ids("kim") is None


def test_an_exclusive_registration_stays_alone(each_world: World) -> None:
    """Covers W9, and item 10 of the acceptance list."""
    server, ann = each_world.basic("wiki"), each_world.user_agent("ann")
    body = {**key(), "sessionId": ["new", "other"], "ExclusiveSignin": True}
    assert server.post("add-session", body)["data"] == "Affected"
    assert server.ids() == ["new"]
    assert reason(each_world, ann) is EndReason.DISPLACED
    answer = server.post("add-session", {**key(), "sessionId": [], "ExclusiveSignin": True})
    assert answer["status"] == "error"
    assert server.ids() == ["new"]


def test_what_an_update_leaves_out_ends(each_world: World) -> None:
    """Covers W9: Casdoor would leave it alive."""
    server = each_world.basic("wiki")
    a, b = each_world.user_agent("ann"), each_world.user_agent("ann", agent=CHROME)
    body = {**key(), "sessionId": [b.session_id, "own"]}
    assert server.post("update-session", body)["data"] == "Affected"
    assert server.ids() == [b.session_id, "own"]
    assert reason(each_world, a) is EndReason.DISPLACED
    assert a.get("get-account")["msg"] == "Please login first"
    assert b.data("get-account")["name"] == "ann"
    assert server.post("update-session", key("nobody"))["data"] == "Unaffected"


def test_registering_an_id_signs_nobody_in(each_world: World) -> None:
    """Covers W3, W5: also not with the id of a session, or with something like a secret."""
    server, bob = each_world.basic("wiki"), each_world.user_agent("bob")
    for invented in (bob.session_id, "A" * 43, "x" * 43):
        server.post("add-session", {**key(), "sessionId": [invented]})
        browser = Asker(each_world.browser())
        browser.client.cookies.set("sid", invented)
        assert browser.get("get-account")["msg"] == "Please login first"
    assert len(each_world.rows(session)) == 1
    # Forgetting the id there leaves the session, which is somebody else's.
    assert server.post("delete-session", key(), sessionId=bob.session_id)["data"] == "Affected"
    assert bob.data("get-account")["name"] == "bob"


@pytest.mark.parametrize("call", ["add-session", "update-session"])
def test_an_administrator_does_not_push_out_her_own_session(world: World, call: str) -> None:
    boss = world.user_agent("boss")
    body = {**key("boss"), "sessionId": ["x"], "ExclusiveSignin": True}
    answer = boss.post(call, body)
    assert answer["status"] == "error"
    assert "session you are using" in answer["msg"]
    assert boss.ids("boss") == [boss.session_id]


@pytest.mark.parametrize(
    "more",
    [
        {"sessionId": ["x" * 201]},
        {"sessionId": [], "createdTime": "x" * 101},
        {"sessionId": [], "createdTime": "two\nlines"},
        {"application": "a" * 101},
    ],
)
def test_what_is_too_long_is_an_error_and_changes_nothing(
    each_world: World, more: dict[str, object]
) -> None:
    server = each_world.basic("wiki")
    server.post("add-session", {**key("kim"), "sessionId": ["x"]})
    answer = server.post("update-session", {**key("kim"), **more})
    assert answer["status"] == "error"
    (record,) = server.data("get-sessions", owner="acme")
    assert (record["sessionId"], record["createdTime"]) == (["x"], "2026-11-24T09:00:00Z")


def test_an_ending_is_written_with_all_that_it_owes(each_world: World) -> None:
    """Covers W11: the change log, the application's notice, the audit, with reason and actor."""
    ann, boss = each_world.user_agent("ann"), each_world.user_agent("boss")
    before = len(each_world.rows(change_log))
    assert boss.post("delete-session", key(), sessionId=ann.session_id)["data"] == "Affected"
    (row,) = [r for r in each_world.rows(session) if r.id == ann.session_id]
    assert (row.ended_reason, row.ended_by) == ("revoked", "acme/boss")
    (client,) = [c for c in each_world.rows(client_session) if c.session_id == ann.session_id]
    assert client.ended_at is not None
    assert client.settled_at is None
    assert [n.session_id for n in each_world.rows(notice)] == [ann.session_id]
    assert len(each_world.rows(change_log)) == before + 1
    told = [e for e in each_world.rows(audit_event) if e.event == "session.ended"]
    assert [(e.actor, e.session_id) for e in told] == [("acme/boss", ann.session_id)]


@pytest.mark.parametrize("whole", [True, False])
def test_an_old_authentication_has_to_be_renewed_before_it_ends_sessions(
    world: World, *, whole: bool
) -> None:
    """Covers A16 (DESIGN 6): the error says so; API credentials are not asked."""
    other = world.user_agent("ann", application="mail", remember=True)
    ann = world.user_agent("ann", remember=True)
    which = {} if whole else {"sessionId": other.session_id}
    world.clock.forward(minutes=16)
    answer = ann.post("delete-session", key(application="mail"), **which)
    assert (answer["status"], answer["msg"]) == (
        "error",
        "Enter your password again before you do this.",
    )
    assert other.data("get-account")["name"] == "ann"
    assert world.log_in(ann)["status"] == "ok"
    answer = ann.post("delete-session", key(application="mail"), **which)
    assert answer["data"] == "Affected"
    world.clock.forward(minutes=16)
    assert world.basic("wiki").post("delete-session", key())["data"] == "Affected"


def test_sign_ins_and_endings_at_once_lose_no_id_and_revive_none(each_world: World) -> None:
    """Covers W8: one session is one row."""
    doomed = [each_world.user_agent("ann") for _ in range(6)]
    server = each_world.basic("wiki")
    browsers = [Asker(each_world.browser()) for _ in range(6)]

    def end(asker: Asker) -> str:
        answer = server.post("delete-session", key(), sessionId=asker.session_id)
        return str(answer["data"])

    def begin(asker: Asker) -> str:
        return str(each_world.log_in(asker)["data"])

    with ThreadPoolExecutor(max_workers=12) as pool:
        endings = [pool.submit(end, asker) for asker in doomed]
        beginnings = [pool.submit(begin, asker) for asker in browsers]
        assert {f.result() for f in endings} == {"Affected"}
        assert {f.result() for f in beginnings} == {"acme/ann"}
    alive = sorted(r.id for r in each_world.rows(session) if r.ended_at is None)
    assert len(alive) == len(browsers)
    assert sorted(server.ids()) == alive
    for asker in browsers:
        assert asker.data("get-account")["name"] == "ann"
    for asker in doomed:
        assert asker.get("get-account")["msg"] == "Please login first"
