"""The audit over the interface: who sees which events, filtered and paged."""

from typing import Any

from ostiary.domain.access import Caller, Kind
from ostiary.services.end import end_one
from ostiary.storage import users
from tests.api.world import World, back, items_of, problem, walk
from tests.support.installation import PASSWORD


def kinds(answer: Any) -> list[str]:
    """The events of a list, newest first."""
    assert answer.status_code == 200, answer.text
    return [item["event"] for item in answer.json()["items"]]


def test_an_event_says_who_did_what_to_whom_and_from_where(world: World) -> None:
    made = world.start("acme/ann", "wiki")
    world.here.clock.forward(seconds=1)
    world.boss.post(f"/v1/sessions/{made}/end")
    found = world.boss.get("/v1/events", params={"session_id": made}).json()["items"]
    assert [e["event"] for e in found] == ["session.ended", "session.started"]
    assert found[0] == {
        "id": found[0]["id"],
        "at": "2026-11-24T09:00:01Z",
        "event": "session.ended",
        "actor": "acme/boss",
        "organization": "acme",
        "user": "ann",
        "application": "wiki",
        "session_id": made,
        "address": found[0]["address"],
        "detail": {"reason": "revoked", "device": "Firefox on Linux"},
    }
    assert found[0]["id"] > found[1]["id"]


def test_each_caller_sees_the_events_within_reach(both: World) -> None:
    """Covers R07."""
    both.start("acme/ann")
    both.start("acme/bob")
    both.start("globex/eve")

    def seen(caller: str, **params: str) -> set[tuple[str, str]]:
        answer = both.caller(caller).get("/v1/events", params={"limit": 500, **params})
        assert answer.status_code == 200, answer.text
        return {(e["organization"], e["user"]) for e in answer.json()["items"]}

    everybody = {("acme", "ann"), ("acme", "bob"), ("globex", "eve")}
    assert seen("admin", event="session.started") > everybody
    assert seen("builtin", event="session.started") >= everybody
    for caller in ("boss", "wiki"):
        assert {organization for organization, _ in seen(caller)} == {"acme"}
    assert {organization for organization, _ in seen("portal")} == {"globex"}
    assert seen("plain") == {("acme", "ann")}
    assert seen("plain", organization="acme", user="ann") == {("acme", "ann")}
    problem(both.plain.get("/v1/events?user=bob"), 403, "not_allowed")
    for caller in ("plain", "boss", "wiki"):
        problem(both.caller(caller).get("/v1/events?organization=globex"), 403, "not_allowed")
    assert seen("boss", user="eve") == set()


def test_events_are_filtered_by_everything_that_they_name(both: World) -> None:
    ann, bob = both.start("acme/ann", "wiki"), both.start("acme/bob")
    both.here.clock.forward(minutes=1)
    both.wiki.post(f"/v1/sessions/{ann}/end")
    both.boss.post(f"/v1/sessions/{bob}/end")

    def ended(**params: str) -> set[str]:
        answer = both.builtin.get("/v1/events", params={"event": "session.ended", **params})
        return {item["session_id"] for item in answer.json()["items"]}

    assert ended() == {ann, bob}
    assert ended(user="ann") == {ann}
    assert ended(application="wiki") == {ann}
    assert ended(actor="app/wiki") == {ann}
    assert ended(actor="acme/boss") == {bob}
    assert ended(session_id=bob) == {bob}
    assert ended(organization="globex") == set()
    assert ended(since="2026-11-24T09:01:00Z") == {ann, bob}
    assert ended(since="2026-11-24T10:01:00.000001+01:00") == set()
    assert ended(until="2026-11-24T09:01:00Z") == set()
    refused = both.builtin.get("/v1/events", params={"event": "session.eaten"})
    assert problem(refused, 400, "bad_input")["field"] == "event"


def test_events_are_walked_in_both_directions(both: World) -> None:
    for _ in range(9):
        both.start("acme/ann")
    whole = items_of(walk(both.wiki, "/v1/events", user="ann", event="session.started"))
    assert whole == sorted(whole, reverse=True)
    assert len(whole) == 9
    for size in (1, 4, 8, 9):
        further = {"user": "ann", "event": "session.started", "limit": size}
        pages = walk(both.wiki, "/v1/events", **further)
        assert items_of(pages) == whole
        again = [*back(both.wiki, "/v1/events", pages[-1], **further), pages[-1]]
        assert [p["items"] for p in again] == [p["items"] for p in pages]


def test_events_are_counted_to_a_thousand(world: World) -> None:
    # Adding bob was the first of them.
    for more, expected in ((999, (1_000, True)), (1, (1_000, False))):
        world.crowd("acme", "bob", more)
        world.wiki.post("/v1/sessions/end", json={"filter": {"user": "bob"}})
        counted = world.wiki.get("/v1/events", params={"limit": 1, "user": "bob"}).json()
        assert (counted["total"], counted["total_is_exact"]) == expected


def test_a_cursor_of_the_audit_is_good_for_the_same_question_only(world: World) -> None:
    world.start("acme/ann")
    cursor = world.wiki.get("/v1/events", params={"limit": 1}).json()["next"]
    assert world.wiki.get("/v1/events", params={"limit": 1, "cursor": cursor}).status_code == 200
    for caller, params in (
        (world.wiki, {"user": "ann"}),
        (world.wiki, {"event": "session.ended"}),
        (world.portal, {}),
        (world.builtin, {}),
    ):
        problem(caller.get("/v1/events", params={**params, "cursor": cursor}), 400, "bad_cursor")
    problem(world.plain.get("/v1/me/events", params={"cursor": cursor}), 400, "bad_cursor")


def test_one_sees_the_events_about_oneself_an_administrator_too(both: World) -> None:
    client, _ = both.sign_in("acme/ann")
    both.start("acme/bob")
    assert kinds(client.get("/v1/me/events")) == ["session.started", "user.added"]
    about = both.boss.get("/v1/me/events").json()["items"]
    assert {(e["organization"], e["user"]) for e in about} == {("acme", "boss")}
    about = both.admin.get("/v1/me/events").json()["items"]
    assert {(e["organization"], e["user"]) for e in about} == {("built-in", "admin")}


def test_a_user_is_not_told_where_an_administrator_sits(world: World) -> None:
    client, own = world.sign_in("acme/ann")
    other = world.start("acme/ann")
    boss, _ = world.sign_in("acme/boss")
    world.here.clock.forward(seconds=1)
    world.here.write(_end_from, world, other, "192.0.2.99")
    boss.get("/v1/me")
    mine = client.get("/v1/me/events", params={"session_id": other}).json()["items"]
    assert [(e["event"], e["address"]) for e in mine] == [
        ("session.ended", ""),
        ("session.started", "203.0.113.7"),
    ]
    theirs = world.boss.get("/v1/events", params={"session_id": other}).json()["items"]
    assert theirs[0]["address"] == "192.0.2.99"
    assert own not in {e["session_id"] for e in mine}


def _end_from(tx: Any, world: World, session_id: str, address: str) -> None:
    boss = users.get(tx, "acme", "boss")
    assert boss is not None
    caller = Caller(
        kind=Kind.USER, organization="acme", name="boss", user_key=boss.key, is_admin=True
    )
    end_one(tx, world.here.act(caller, address), session_id)


def test_a_failed_sign_in_is_told_to_the_user_with_its_address(world: World) -> None:
    client, _ = world.sign_in("acme/ann")
    client.post("/v1/me/reauthenticate", json={"password": "wrong"})
    newest = client.get("/v1/me/events", params={"limit": 1}).json()["items"][0]
    assert newest["event"] == "sign_in.failed"
    assert newest["actor"] == "nobody"
    assert newest["detail"]["why"] == "wrong password"
    assert PASSWORD not in client.get("/v1/me/events").text


def test_who_gets_the_name_of_somebody_else_does_not_get_her_events(both: World) -> None:
    """Covers R07, R12."""
    both.start("acme/ann")
    both.wiki.patch("/v1/users/acme/ann", json={"name": "anna"})
    both.here.user("acme", "ann")
    client, _ = both.sign_in("acme/ann")
    assert kinds(client.get("/v1/me/events")) == ["session.started", "user.added"]
    anna, _ = both.sign_in("acme/anna")
    assert set(kinds(anna.get("/v1/me/events"))) == {
        "session.started",
        "user.updated",
        "user.added",
    }


def test_what_is_kept_of_a_deleted_user_names_nobody(both: World) -> None:
    """Covers R12."""
    both.start("acme/ann", city="Berlin")
    assert both.wiki.delete("/v1/users/acme/ann").status_code == 200
    for answer in (
        both.wiki.get("/v1/events", params={"limit": 500}),
        both.wiki.get("/v1/sessions", params={"state": "ended"}),
    ):
        assert answer.status_code == 200
        assert '"ann"' not in answer.text
        assert "acme/ann" not in answer.text
        assert "Berlin" not in answer.text
