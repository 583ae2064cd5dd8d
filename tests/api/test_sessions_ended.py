"""Ending sessions: one, a selection, by filter, everything; what is refused, and what it says."""

from typing import Any

from ostiary.domain.search import SessionFilter
from ostiary.services import events as audit
from tests.api.world import World, ids, problem
from tests.support.installation import PASSWORD

NOTHING: dict[str, Any] = {
    "ended": [],
    "count": 0,
    "users": 0,
    "told": [],
    "pending": [],
    "without_address": [],
    "last_token_expires_at": None,
    "dry_run": False,
}


def test_an_ended_session_answers_401_at_once_and_loses_its_cookie(both: World) -> None:
    """Covers A10, R03, R08."""
    client, made = both.sign_in("acme/ann", application="wiki")
    assert client.get("/v1/me").status_code == 200
    answer = both.boss.post(f"/v1/sessions/{made}/end")
    assert answer.json() == NOTHING | {
        "ended": [made],
        "count": 1,
        "users": 1,
        "pending": ["wiki"],
    }
    refused = client.get("/v1/me")
    assert problem(refused, 401, "not_signed_in")["reason"] == "revoked"
    assert 'sid=""; HttpOnly; Max-Age=0; Path=/; SameSite=lax' in refused.headers["set-cookie"]


def test_ending_twice_is_no_error_and_does_nothing_more(both: World) -> None:
    made = both.start("acme/ann")
    assert both.boss.post(f"/v1/sessions/{made}/end").json()["count"] == 1
    before = both.boss.get(f"/v1/sessions/{made}").json()
    both.here.clock.forward(minutes=1)
    again = both.boss.post(f"/v1/sessions/{made}/end")
    assert (again.status_code, again.json()) == (200, NOTHING)
    assert both.boss.get(f"/v1/sessions/{made}").json()["ended"] == before["ended"]
    events = both.boss.get("/v1/events", params={"session_id": made, "event": "session.ended"})
    assert len(events.json()["items"]) == 1


def test_ending_what_ran_out_by_itself_is_no_error_either(world: World) -> None:
    made = world.start("acme/ann")
    world.here.clock.forward(hours=2)
    assert world.wiki.post(f"/v1/sessions/{made}/end").json() == NOTHING
    assert world.wiki.get(f"/v1/sessions/{made}").json()["ended"]["reason"] == "idle"


def test_the_session_in_use_is_ended_by_signing_out_only(world: World) -> None:
    boss = world.boss
    own = world.ids["boss"]
    for path in (f"/v1/sessions/{own}/end", f"/v1/me/sessions/{own}/end"):
        problem(boss.post(path), 409, "current_session")
    other = world.start("acme/ann")
    problem(boss.post("/v1/sessions/end", json={"ids": [other, own]}), 409, "current_session")
    dry = boss.post("/v1/sessions/end", json={"ids": [other, own], "dry_run": True})
    problem(dry, 409, "current_session")
    assert set(ids(boss.get("/v1/sessions"))) == {own, other}
    assert boss.post("/v1/sessions/end", json={"all": True}).json()["ended"] == [other]
    assert ids(boss.get("/v1/sessions")) == [own]


def test_a_user_whose_password_is_older_than_15_minutes_is_asked_for_it_again(
    world: World,
) -> None:
    """Covers A16."""
    boss = world.boss
    made = world.start("acme/ann")
    mine = world.start("acme/boss")
    world.here.clock.forward(minutes=15)
    filtered = {"filter": {"user": "ann"}}
    assert boss.post("/v1/sessions/end", json={**filtered, "dry_run": True}).status_code == 200
    world.here.clock.forward(seconds=1)
    calls: list[tuple[str, Any]] = [
        (f"/v1/sessions/{made}/end", None),
        ("/v1/sessions/end", {"ids": [made]}),
        ("/v1/sessions/end", filtered),
        ("/v1/sessions/end", {"all": True}),
        (f"/v1/me/sessions/{mine}/end", None),
        ("/v1/me/sessions/end-others", None),
    ]
    for path, body in calls:
        problem(boss.post(path, json=body), 403, "reauthentication_needed")
    assert len(ids(boss.get("/v1/sessions"))) == 3
    assert boss.post("/v1/me/reauthenticate", json={"password": PASSWORD}).status_code == 200
    assert boss.post(f"/v1/sessions/{made}/end").json()["ended"] == [made]
    # An application's secret is not a person's attention, and nobody is asked.
    assert world.wiki.post(f"/v1/sessions/{mine}/end").json()["ended"] == [mine]


def test_a_dry_run_says_what_then_happens(both: World) -> None:
    for user in ("ann", "ann", "bob"):
        both.start(f"acme/{user}", "wiki", country="DE")
    both.start("acme/bob", country="DE")
    both.start("acme/bob", country="AT")
    both.start("globex/eve", country="DE")
    body = {"filter": {"country": "DE"}}
    before = ids(both.boss.get("/v1/sessions"))
    preview = both.boss.post("/v1/sessions/end", json={**body, "dry_run": True}).json()
    assert preview == NOTHING | {
        "count": 4,
        "users": 2,
        "pending": ["wiki"],
        "without_address": ["app-built-in"],
        "dry_run": True,
    }
    assert ids(both.boss.get("/v1/sessions")) == before
    done = both.boss.post("/v1/sessions/end", json=body).json()
    assert len(set(done["ended"])) == 4
    assert done | {"ended": [], "dry_run": True} == preview
    assert len(ids(both.boss.get("/v1/sessions"))) == 2
    assert len(ids(both.portal.get("/v1/sessions"))) == 1


def test_a_dry_run_of_a_selection_says_what_then_happens(both: World) -> None:
    mine = [both.start("acme/ann", "wiki"), both.start("acme/bob")]
    ended = both.start("acme/bob")
    both.wiki.post(f"/v1/sessions/{ended}/end")
    body = {"ids": [*mine, ended, both.start("globex/eve"), "0" * 32, "nonsense"]}
    preview = both.wiki.post("/v1/sessions/end", json={**body, "dry_run": True}).json()
    done = both.wiki.post("/v1/sessions/end", json=body).json()
    assert set(done["ended"]) == set(mine)
    assert done | {"ended": [], "dry_run": True} == preview
    assert both.wiki.post("/v1/sessions/end", json=body).json() == NOTHING
    assert len(ids(both.portal.get("/v1/sessions"))) == 1


def test_a_dry_run_does_not_count_the_session_in_use(world: World) -> None:
    boss = world.boss
    preview = boss.post("/v1/sessions/end", json={"filter": {"user": "boss"}, "dry_run": True})
    assert preview.json() == NOTHING | {"dry_run": True}
    assert boss.post("/v1/sessions/end", json={"filter": {"user": "boss"}}).json() == NOTHING


UNSAFE: list[tuple[Any, str]] = [
    ({}, "filter"),
    ({"dry_run": True}, "filter"),
    ({"all": False}, "filter"),
    ({"filter": {}}, "filter"),
    ({"filter": {}, "dry_run": True}, "filter"),
    ({"filter": {}, "all": True}, "filter"),
    ({"filter": {"user": "ann"}, "all": True}, "filter"),
    ({"filter": {"user": "ann"}, "ids": ["0" * 32]}, "filter"),
    ({"ids": ["0" * 32], "all": True}, "filter"),
    ({"ids": []}, "ids"),
    ({"ids": ["0" * 32] * 101}, "ids"),
    ({"ids": "0" * 32}, "ids"),
    ({"ids": [1]}, "ids[0]"),
    ({"ids": None}, "ids"),
    ({"filter": None}, "filter"),
    ({"filter": []}, "filter"),
    ({"filter": {"usr": "ann"}}, "filter.usr"),
    ({"filter": {"User": "ann"}}, "filter.User"),
    ({"filter": {"user": ""}}, "filter.user"),
    ({"filter": {"user": None}}, "filter.user"),
    ({"filter": {"user": ["ann"]}}, "filter.user"),
    ({"filter": {"user": "  "}}, "filter.user"),
    ({"filter": {"text": "   "}}, "filter.text"),
    ({"filter": {"country": "de"}}, "filter.country"),
    ({"filter": {"country": ""}}, "filter.country"),
    ({"filter": {"device_kind": "toaster"}}, "filter.device_kind"),
    ({"filter": {"address": "10.0.0.0/8"}}, "filter.address"),
    ({"filter": {"created_to": "yesterday"}}, "filter.created_to"),
    ({"filter": {"created_to": "2026-11-24T09:00:00"}}, "filter.created_to"),
    ({"filter": {"created_to": 1_764_000_000}}, "filter.created_to"),
    ({"filter": {"state": "ended"}}, "filter.state"),
    ({"filter": {"user": "ann"}, "dryrun": True}, "dryrun"),
    ({"filter": {"user": "ann"}, "dry_run": "true"}, "dry_run"),
    ({"filter": {"user": "ann"}, "dry_run": 1}, "dry_run"),
    ({"all": "true"}, "all"),
    ({"all": 1}, "all"),
]


def test_what_could_end_more_than_was_meant_is_refused(world: World) -> None:
    world.start("acme/ann")
    for body, field in UNSAFE:
        answer = world.builtin.post("/v1/sessions/end", json=body)
        assert (body, problem(answer, 400, "bad_input")["field"]) == (body, field)
    assert len(ids(world.builtin.get("/v1/sessions"))) == 1


def test_a_key_that_comes_twice_is_refused(world: World) -> None:
    world.start("acme/ann")
    headers = {"content-type": "application/json"}
    for raw, field in (
        (b'{"filter": {"user": "bob"}, "filter": {"user": "ann"}}', "filter"),
        (b'{"filter": {"user": "bob", "user": "ann"}}', "user"),
        (b'{"all": true, "dry_run": true, "dry_run": false}', "dry_run"),
    ):
        answer = world.builtin.post("/v1/sessions/end", content=raw, headers=headers)
        assert problem(answer, 400, "bad_input")["field"] == field
    assert len(ids(world.builtin.get("/v1/sessions"))) == 1


def test_ending_works_in_batches_and_tells_the_first_thousand(world: World) -> None:
    world.crowd("acme", "ann", 600)
    world.crowd("acme", "bob", 450)
    done = world.wiki.post("/v1/sessions/end", json={"filter": {"organization": "acme"}}).json()
    assert (done["count"], done["users"], len(set(done["ended"]))) == (1_050, 2, 1_000)
    assert ids(world.wiki.get("/v1/sessions")) == []
    counted = world.here.read(
        audit.list_events, world.here.act(), world.here.house.vault, event="session.ended"
    )
    assert (counted.total, counted.total_is_exact) == (1_000, False)


def test_the_whole_organization_ends_but_nobody_elses(both: World) -> None:
    """Covers A14, R07."""
    both.start("acme/ann")
    both.start("acme/bob")
    eve = both.start("globex/eve")
    assert both.wiki.post("/v1/sessions/end", json={"all": True}).json()["count"] == 2
    assert ids(both.builtin.get("/v1/sessions")) == [eve]


def test_what_only_one_organization_administers_only_it_ends(world: World) -> None:
    """Covers R07."""
    eve, ann = world.start("globex/eve"), world.start("acme/ann")
    problem(world.wiki.post(f"/v1/sessions/{eve}/end"), 404, "not_found")
    problem(world.plain.post(f"/v1/sessions/{eve}/end"), 404, "not_found")
    problem(world.portal.post(f"/v1/sessions/{ann}/end"), 404, "not_found")
    foreign = {"filter": {"organization": "globex"}}
    for caller in (world.wiki, world.boss, world.plain):
        problem(caller.post("/v1/sessions/end", json=foreign), 403, "not_allowed")
        problem(
            caller.post("/v1/sessions/end", json={**foreign, "dry_run": True}), 403, "not_allowed"
        )
        assert caller.post("/v1/sessions/end", json={"ids": [eve]}).json() == NOTHING
    for body in ({"all": True}, {"filter": {"user": "eve"}}, {"filter": {"text": "eve"}}):
        problem(world.plain.post("/v1/sessions/end", json=body), 403, "not_allowed")
    live = set(ids(world.builtin.get("/v1/sessions")))
    assert {eve, ann} <= live


def test_a_plain_user_ends_a_selection_of_her_own(world: World) -> None:
    plain = world.plain
    own, bob = world.start("acme/ann"), world.start("acme/bob")
    done = plain.post("/v1/sessions/end", json={"ids": [own, bob]}).json()
    assert done["ended"] == [own]
    assert bob in ids(world.wiki.get("/v1/sessions"))


def test_the_filter_of_an_ending_is_that_of_the_list(world: World) -> None:
    """Whatever narrows a list of live sessions narrows an ending, and the other way round."""
    document = world.nobody.get("/v1/openapi.json").json()
    listed = {p["name"] for p in document["paths"]["/v1/sessions"]["get"]["parameters"]}
    narrows = set(document["components"]["schemas"]["Filter"]["properties"])
    assert listed - narrows == {
        *("state", "reason", "ended_from", "ended_to"),
        *("sort", "order", "cursor", "limit"),
    }
    assert narrows <= set(SessionFilter.__struct_fields__)
