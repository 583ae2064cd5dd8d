"""Lists of sessions: who sees which, filtered, sorted, paged in both directions, counted."""

from datetime import timedelta
from typing import Any

import pytest

from ostiary.domain.session import EndReason
from ostiary.storage import sessions
from tests.api.world import World, back, ids, items_of, problem, walk


def test_an_administrator_sees_her_organization_and_a_global_one_sees_all(both: World) -> None:
    """Covers R07."""
    ann, eve = both.start("acme/ann"), both.start("globex/eve")
    assert set(ids(both.boss.get("/v1/sessions"))) == {ann, both.ids["boss"]}
    assert set(ids(both.wiki.get("/v1/sessions"))) == {ann, both.ids["boss"]}
    assert ids(both.portal.get("/v1/sessions")) == [eve]
    everything = {ann, eve, both.ids["boss"]}
    assert set(ids(both.builtin.get("/v1/sessions"))) == everything
    assert set(ids(both.admin.get("/v1/sessions"))) == everything | {both.ids["admin"]}


def test_a_session_shows_everything_that_is_known_about_it(world: World) -> None:
    device = {
        "kind": "phone",
        "browser": "Chrome",
        "os": "Android",
        "agent": "Chrome <script>alert(1)</script>",
        "address": "192.0.2.44",
        "country": "DE",
        "city": "Berlin",
        "asn": "AS64500",
    }
    made = world.start("acme/ann", "wiki", **device)
    assert world.wiki.get(f"/v1/sessions/{made}").json() == {
        "id": made,
        "current": False,
        "user": "ann",
        "organization": "acme",
        "application": "wiki",
        "applications": [
            {
                "name": "wiki",
                "display_name": "wiki",
                "since": "2026-11-24T09:00:00Z",
                "ended_at": None,
                "told": None,
            }
        ],
        "device": {
            "kind": "phone",
            "browser": "Chrome",
            "os": "Android",
            "name": "Chrome on Android",
            "agent": "Chrome <script>alert(1)</script>",
        },
        "label": "",
        "place": {"country": "DE", "city": "Berlin", "asn": "AS64500"},
        "address": "192.0.2.44",
        "created_at": "2026-11-24T09:00:00Z",
        "authenticated_at": "2026-11-24T09:00:00Z",
        "last_seen_at": "2026-11-24T09:00:00Z",
        "expires_at": "2026-11-25T09:00:00Z",
        "idle_expires_at": "2026-11-24T10:00:00Z",
        "remembered": False,
        "amr": ["pwd"],
        "acr": "1",
        "ended": None,
    }


def test_an_unknown_place_is_null(world: World) -> None:
    made = world.start("acme/ann")
    assert world.wiki.get(f"/v1/sessions/{made}").json()["place"] is None


def test_a_session_that_ran_out_shows_as_ended_before_anybody_swept_it(world: World) -> None:
    made = world.start("acme/ann")
    world.here.clock.forward(hours=1)
    shown = world.wiki.get(f"/v1/sessions/{made}").json()
    assert shown["ended"] == {"at": "2026-11-24T10:00:00Z", "reason": "idle", "by": "system"}
    assert ids(world.wiki.get("/v1/sessions")) == []


def test_a_session_in_use_runs_out_at_its_absolute_end(world: World) -> None:
    """Covers A09."""
    made = world.start("acme/ann")
    for _ in range(26):
        world.here.clock.forward(minutes=55)
        world.here.write(sessions.store_uses, [(made, world.here.clock.now)])
    world.here.clock.forward(minutes=20)
    shown = world.wiki.get(f"/v1/sessions/{made}").json()
    assert shown["ended"] == {"at": "2026-11-25T09:00:00Z", "reason": "expired", "by": "system"}


def test_an_ended_session_says_when_why_and_by_whom_and_who_was_told(world: World) -> None:
    made = world.start("acme/ann", "wiki")
    world.here.clock.forward(minutes=5)
    assert world.boss.post(f"/v1/sessions/{made}/end").status_code == 200
    shown = world.boss.get(f"/v1/sessions/{made}").json()
    assert shown["ended"] == {
        "at": "2026-11-24T09:05:00Z",
        "reason": "revoked",
        "by": "acme/boss",
    }
    assert [c["told"] for c in shown["applications"]] == ["pending"]
    assert shown["applications"][0]["ended_at"] == "2026-11-24T09:05:00Z"


def test_an_application_without_a_logout_address_is_said_to_be_out_of_reach(world: World) -> None:
    made = world.start("globex/eve", "portal")
    world.portal.post(f"/v1/sessions/{made}/end")
    shown = world.portal.get(f"/v1/sessions/{made}").json()
    assert [c["told"] for c in shown["applications"]] == ["without_address"]


def test_what_was_cut_off_shows_as_ended_at_once(world: World) -> None:
    made = world.start("acme/ann", "wiki")
    assert world.boss.delete("/v1/applications/wiki").status_code == 204
    shown = world.boss.get(f"/v1/sessions/{made}").json()
    assert shown["ended"] == {"at": None, "reason": "admin_bulk", "by": "system"}
    assert made not in ids(world.boss.get("/v1/sessions"))


def test_ended_sessions_are_listed_only_when_asked_for(world: World) -> None:
    live, ended = world.start("acme/ann"), world.start("acme/bob")
    world.wiki.post(f"/v1/sessions/{ended}/end")
    assert ids(world.wiki.get("/v1/sessions")) == [live]
    assert ids(world.wiki.get("/v1/sessions", params={"state": "live"})) == [live]
    assert ids(world.wiki.get("/v1/sessions", params={"state": "ended"})) == [ended]


SAMPLES: dict[str, dict[str, Any]] = {
    "phone": {
        "kind": "phone",
        "browser": "Chrome",
        "os": "Android",
        "address": "192.0.2.1",
        "country": "DE",
        "city": "Berlin",
    },
    "laptop": {"address": "192.0.2.2", "country": "AT", "city": "Wien"},
    "tool": {"kind": "cli", "browser": "curl", "os": None, "address": "2001:db8::7"},
}

FILTERS: list[tuple[dict[str, str], set[str]]] = [
    ({"organization": "acme"}, {"phone", "laptop", "tool"}),
    ({"organization": "globex"}, set()),
    ({"organization": "nowhere"}, set()),
    ({"user": "ann"}, {"phone", "laptop"}),
    ({"user": "nobody"}, set()),
    ({"application": "wiki"}, {"phone"}),
    ({"application": "app-built-in"}, {"laptop", "tool"}),
    ({"address": "192.0.2.1"}, {"phone"}),
    ({"address": "2001:DB8:0::7"}, {"tool"}),
    ({"device_kind": "phone"}, {"phone"}),
    ({"device_kind": "tablet"}, set()),
    ({"browser": "firefox"}, {"laptop"}),
    ({"country": "DE"}, {"phone"}),
    ({"country": "DE,AT"}, {"phone", "laptop"}),
    ({"created_from": "2026-11-24T09:01:00Z"}, {"laptop", "tool"}),
    ({"created_to": "2026-11-24T09:01:00Z"}, {"phone"}),
    (
        {"created_from": "2026-11-24T10:01:00+01:00", "created_to": "2026-11-24T09:02:00Z"},
        {"laptop"},
    ),
    ({"seen_from": "2026-11-24T09:02:00Z"}, {"tool", "phone"}),
    ({"seen_to": "2026-11-24T09:02:00Z"}, {"laptop"}),
    ({"text": "berlin"}, {"phone"}),
    ({"text": "ann firefox"}, {"laptop"}),
    ({"text": "ann   CURL"}, set()),
    ({"text": "192.0.2."}, {"phone", "laptop"}),
    ({"text": "%"}, set()),
    ({"text": "_"}, set()),
    ({"text": "acme"}, {"phone", "laptop", "tool"}),
    ({"user": "ann", "country": "AT", "browser": "Firefox", "device_kind": "desktop"}, {"laptop"}),
    ({"user": "bob", "country": "AT"}, set()),
]


def sampled(world: World) -> dict[str, str]:
    """One session of each kind, a minute apart, and the first one used again at the end."""
    made = {"phone": world.start("acme/ann", "wiki", **SAMPLES["phone"])}
    world.here.clock.forward(minutes=1)
    made["laptop"] = world.start("acme/ann", **SAMPLES["laptop"])
    world.here.clock.forward(minutes=1)
    made["tool"] = world.start("acme/bob", **SAMPLES["tool"])
    world.here.clock.forward(minutes=1)
    world.here.write(sessions.store_uses, [(made["phone"], world.here.clock.now)])
    return made


def test_each_filter_and_their_combinations_find_what_they_say(both: World) -> None:
    made = sampled(both)
    for params, expected in FILTERS:
        answer = both.builtin.get("/v1/sessions", params=params)
        found = {name for name, one in made.items() if one in ids(answer)}
        assert (params, found) == (params, expected)
        assert answer.json()["total"] == len(expected)


def test_a_session_is_found_by_a_part_of_its_id(world: World) -> None:
    made = sampled(world)
    assert ids(world.builtin.get("/v1/sessions", params={"text": made["tool"][:12]})) == [
        made["tool"]
    ]


def test_ended_sessions_are_found_by_reason_and_time(world: World) -> None:
    made = sampled(world)
    world.builtin.post(f"/v1/sessions/{made['phone']}/end")
    world.here.clock.forward(minutes=1)
    world.builtin.post("/v1/sessions/end", json={"filter": {"user": "bob"}})

    def ended(**params: str) -> list[str]:
        answer = world.builtin.get("/v1/sessions", params={"state": "ended", **params})
        return ids(answer)

    assert ended(reason="revoked") == [made["phone"]]
    assert ended(reason="admin_bulk") == [made["tool"]]
    assert ended(reason="idle") == []
    assert ended(ended_from="2026-11-24T09:04:00Z") == [made["tool"]]
    assert ended(ended_to="2026-11-24T09:04:00Z") == [made["phone"]]


def test_an_organizations_name_in_the_filter_never_reaches_beyond_ones_own(world: World) -> None:
    """Covers R07."""
    world.start("globex/eve")
    for caller in (world.boss, world.wiki):
        problem(caller.get("/v1/sessions?organization=globex"), 403, "not_allowed")
        assert ids(caller.get("/v1/sessions", params={"user": "eve"})) == []
        assert ids(caller.get("/v1/sessions", params={"text": "globex"})) == []


ORDERS: list[tuple[dict[str, str], str, bool]] = [
    ({}, "created_at", True),
    ({"sort": "created"}, "created_at", True),
    ({"sort": "created", "order": "asc"}, "created_at", False),
    ({"sort": "user"}, "user", False),
    ({"sort": "user", "order": "desc"}, "user", True),
    ({"sort": "last_seen"}, "last_seen_at", True),
    ({"sort": "last_seen", "order": "asc"}, "last_seen_at", False),
]


def test_every_order_can_be_walked_forwards_and_backwards(both: World) -> None:
    for user in ("bob", "ann", "boss"):
        both.crowd("acme", user, 4)
    for params, key, falling in ORDERS:
        whole = walk(both.wiki, "/v1/sessions", limit=500, **params)
        order = items_of(whole)
        values = items_of(whole, key)
        assert values == sorted(values, reverse=falling), params
        assert len(order) == 12
        for size in (1, 5, 11, 12):
            pages = walk(both.wiki, "/v1/sessions", limit=size, **params)
            assert items_of(pages) == order, (params, size)
            assert pages[0]["previous"] is None
            again = [*back(both.wiki, "/v1/sessions", pages[-1], limit=size, **params), pages[-1]]
            assert [p["items"] for p in again] == [p["items"] for p in pages], (params, size)


def test_a_page_stays_where_it_is_while_newer_sessions_come_in(world: World) -> None:
    made = world.crowd("acme", "ann", 6)[::-1]
    first = world.wiki.get("/v1/sessions", params={"limit": 3}).json()
    world.crowd("acme", "bob", 3)
    world.start("acme/bob")
    second = world.wiki.get("/v1/sessions", params={"limit": 3, "cursor": first["next"]}).json()
    assert items_of([first]) == made[:3]
    assert second["items"][-1]["id"] in made
    newest = world.wiki.get("/v1/sessions", params={"limit": 3}).json()
    assert newest["total"] == 10


def test_a_cursor_works_after_the_session_that_it_names_has_ended(world: World) -> None:
    made = world.crowd("acme", "ann", 6)[::-1]
    first = world.wiki.get("/v1/sessions", params={"limit": 3}).json()
    world.wiki.post(f"/v1/sessions/{made[2]}/end")
    second = world.wiki.get("/v1/sessions", params={"limit": 3, "cursor": first["next"]})
    assert ids(second) == made[3:]


def test_cursors_that_were_changed_or_belong_to_another_list_are_refused(world: World) -> None:
    world.crowd("acme", "ann", 4)
    good = world.wiki.get("/v1/sessions", params={"limit": 2}).json()["next"]
    changed = [good[:-1], good + "A", "x" + good[1:], good[:43], good[::-1], "x", "é", "A" * 900]
    flipped = [
        good[:i] + ("A" if good[i] != "A" else "B") + good[i + 1 :] for i in range(len(good))
    ]
    for cursor in changed + flipped:
        answer = world.wiki.get("/v1/sessions", params={"limit": 2, "cursor": cursor})
        assert problem(answer, 400, "bad_cursor")["field"] == "cursor"
    for path, params in (
        ("/v1/sessions", {"sort": "user"}),
        ("/v1/sessions", {"order": "asc"}),
        ("/v1/sessions", {"user": "ann"}),
        ("/v1/sessions", {"state": "ended"}),
        ("/v1/users", {}),
        ("/v1/applications", {}),
        ("/v1/organizations", {}),
        ("/v1/events", {}),
    ):
        answer = world.wiki.get(path, params={**params, "cursor": good})
        problem(answer, 400, "bad_cursor")
    # The same list of another organization is another list.
    problem(world.portal.get("/v1/sessions", params={"cursor": good}), 400, "bad_cursor")


def test_a_cursor_is_not_bound_to_a_page_length(world: World) -> None:
    made = world.crowd("acme", "ann", 5)[::-1]
    good = world.wiki.get("/v1/sessions", params={"limit": 2}).json()["next"]
    assert ids(world.wiki.get("/v1/sessions", params={"limit": 1, "cursor": good})) == [made[2]]


def test_counts_are_exact_up_to_a_thousand_and_say_more_beyond(both: World) -> None:
    both.crowd("acme", "ann", 999)
    answer = both.wiki.get("/v1/sessions", params={"limit": 1}).json()
    assert (answer["total"], answer["total_is_exact"]) == (999, True)
    both.crowd("acme", "bob", 1)
    answer = both.wiki.get("/v1/sessions", params={"limit": 1}).json()
    assert (answer["total"], answer["total_is_exact"]) == (1_000, True)
    both.crowd("acme", "bob", 1)
    answer = both.wiki.get("/v1/sessions", params={"limit": 1}).json()
    assert (answer["total"], answer["total_is_exact"]) == (1_000, False)
    answer = both.wiki.get("/v1/sessions", params={"limit": 1, "user": "bob"}).json()
    assert (answer["total"], answer["total_is_exact"]) == (2, True)


def test_sorting_by_last_use_is_refused_beyond_what_can_be_sorted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.services.see.SORT_BY_USE_LIMIT", 10)
    world.crowd("acme", "ann", 10)
    assert len(ids(world.wiki.get("/v1/sessions", params={"sort": "last_seen"}))) == 10
    world.crowd("acme", "ann", 1)
    refused = world.wiki.get("/v1/sessions", params={"sort": "last_seen"})
    assert problem(refused, 400, "bad_input")["field"] == "sort"
    within = world.wiki.get("/v1/sessions", params={"sort": "last_seen", "user": "ann"})
    assert len(ids(within)) == 11


def test_a_page_has_a_hundred_items_unless_asked_otherwise(world: World) -> None:
    world.crowd("acme", "ann", 101)
    assert len(ids(world.wiki.get("/v1/sessions"))) == 100
    assert len(ids(world.wiki.get("/v1/sessions", params={"limit": 500}))) == 101


def test_one_sees_ones_own_session_by_its_id_and_nobody_elses(world: World) -> None:
    """Covers R07."""
    bob = world.start("acme/bob")
    plain = world.plain
    assert plain.get(f"/v1/sessions/{world.ids['plain']}").json()["current"] is True
    for foreign in (bob, world.start("globex/eve"), "0" * 32, "nonsense", "..", "%2e%2e%2fetc"):
        assert plain.get(f"/v1/sessions/{foreign}").status_code in {404, 403}
    problem(plain.get(f"/v1/sessions/{bob}"), 404, "not_found")
    unknown = plain.get(f"/v1/sessions/{'0' * 32}").json()
    assert plain.get(f"/v1/sessions/{bob}").json() == unknown


def test_no_secret_of_a_session_is_ever_shown(world: World) -> None:
    """Covers R07, B06."""
    client, made = world.sign_in("acme/ann")
    secret, device = client.cookies["sid"], client.cookies["device"]
    for answer in (
        client.get("/v1/me"),
        client.get("/v1/me/sessions"),
        client.get("/v1/me/events"),
        world.boss.get("/v1/sessions"),
        world.boss.get(f"/v1/sessions/{made}"),
        world.boss.get("/v1/events"),
    ):
        assert answer.status_code == 200
        assert secret not in answer.text
        assert device not in answer.text


def test_looking_counts_as_use_and_keeps_a_session_alive(world: World) -> None:
    """Covers A08."""
    client, made = world.sign_in("acme/ann")
    for _ in range(3):
        world.here.clock.forward(minutes=50)
        assert client.get("/v1/me/sessions").status_code == 200
    world.here.clock.forward(minutes=61)
    assert problem(client.get("/v1/me/sessions"), 401, "not_signed_in")["reason"] == "idle"
    assert EndReason(world.boss.get(f"/v1/sessions/{made}").json()["ended"]["reason"]) == "idle"


def test_instants_are_in_utc_and_name_the_zone(world: World) -> None:
    world.here.clock.forward(microseconds=1)
    made = world.start("acme/ann")
    shown = world.wiki.get(f"/v1/sessions/{made}").json()
    assert shown["created_at"] == "2026-11-24T09:00:00.000001Z"
    assert world.here.clock.now.utcoffset() == timedelta(0)
