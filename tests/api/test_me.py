"""What a user does about herself: her sessions, her password, signing out."""

import collections
from typing import Any

from ostiary.api import OPERATIONS
from ostiary.domain.lifetime import Overrides
from ostiary.services.house import Policy
from tests.api.world import Client, World, back, ids, items_of, problem, walk
from tests.support.installation import CHROME, PASSWORD, Installation

NEW = "four more words in a row"


def secret_of(client: Client) -> str:
    """The session's cookie."""
    return str(client.cookies["sid"])


def with_secret(world: World, secret: str) -> Client:
    """A browser that presents this session cookie."""
    client = world.here.browser()
    client.cookies.set("sid", secret, domain="127.0.0.1")
    return client


def test_one_sees_who_one_is_and_by_which_session(both: World) -> None:
    client, made = both.sign_in("acme/ann", application="wiki")
    me = client.get("/v1/me").json()
    assert me["user"]["name"] == "ann"
    assert me["user"]["organization"] == "acme"
    assert me["user"]["is_admin"] is False
    assert me["session"]["id"] == made
    assert me["session"]["current"] is True
    assert set(me["user"]) == set(client.get("/v1/users/acme/ann").json())


def test_the_session_in_use_comes_first_then_the_others_by_last_use(both: World) -> None:
    client, own = both.sign_in("acme/ann")
    both.here.clock.forward(minutes=1)
    others = [both.start("acme/ann")]
    both.here.clock.forward(minutes=1)
    others.insert(0, both.start("acme/ann"))
    both.start("acme/bob")
    answer = client.get("/v1/me/sessions")
    assert ids(answer) == [own, *others]
    assert [s["current"] for s in answer.json()["items"]] == [True, False, False]
    assert answer.json()["total"] == 3


def test_ones_own_sessions_are_paged_in_both_directions(both: World) -> None:
    both.crowd("acme", "ann", 7)
    client, own = both.sign_in("acme/ann")
    whole = items_of(walk(client, "/v1/me/sessions"))
    assert whole[0] == own
    assert len(whole) == 8
    for size in (1, 3, 7, 8):
        pages = walk(client, "/v1/me/sessions", limit=size)
        assert items_of(pages) == whole, size
        again = [*back(client, "/v1/me/sessions", pages[-1], limit=size), pages[-1]]
        assert items_of(again) == whole, size


def test_the_session_in_use_comes_first_even_if_others_were_used_later(world: World) -> None:
    client, own = world.sign_in("acme/ann")
    world.here.clock.forward(minutes=1)
    newer = world.crowd("acme", "ann", 5)[::-1]
    for size in (1, 2, 3, 5, 6):
        pages = walk(client, "/v1/me/sessions", limit=size)
        assert items_of(pages) == [own, *newer], size
        again = [*back(client, "/v1/me/sessions", pages[-1], limit=size), pages[-1]]
        assert items_of(again) == [own, *newer], size


def test_one_session_is_ended_from_the_list(both: World) -> None:
    """Covers A16."""
    client, own = both.sign_in("acme/ann")
    phone, other = both.sign_in("acme/ann", agent=CHROME)
    done = client.post(f"/v1/me/sessions/{other}/end")
    assert done.json()["ended"] == [other]
    assert client.post(f"/v1/me/sessions/{other}/end").json()["count"] == 0
    assert ids(client.get("/v1/me/sessions")) == [own]
    assert problem(phone.get("/v1/me"), 401, "not_signed_in")["reason"] == "revoked"


def test_somebody_elses_session_is_not_found_even_for_an_administrator(world: World) -> None:
    """Covers R07."""
    made = world.start("acme/ann")
    for caller in (world.boss, world.admin):
        problem(caller.post(f"/v1/me/sessions/{made}/end"), 404, "not_found")
    assert made in ids(world.boss.get("/v1/sessions"))


def test_all_others_end_and_the_one_in_use_stays(both: World) -> None:
    """Covers A12, A16."""
    client, own = both.sign_in("acme/ann")
    others = {both.start("acme/ann"), both.start("acme/ann", "wiki")}
    bob = both.start("acme/bob")
    done = client.post("/v1/me/sessions/end-others").json()
    assert set(done["ended"]) == others
    assert (done["count"], done["users"], done["pending"]) == (2, 1, ["wiki"])
    assert client.post("/v1/me/sessions/end-others").json()["count"] == 0
    assert ids(client.get("/v1/me/sessions")) == [own]
    assert bob in ids(both.boss.get("/v1/sessions"))


def test_a_label_is_given_shown_and_taken_away(world: World) -> None:
    client, own = world.sign_in("acme/ann")
    other = world.start("acme/ann")
    labelled = client.patch(f"/v1/sessions/{other}", json={"label": "  The kitchen <b>tablet "})
    assert labelled.json()["label"] == "The kitchen <b>tablet"
    assert world.boss.get(f"/v1/sessions/{other}").json()["label"] == "The kitchen <b>tablet"
    assert ids(world.boss.get("/v1/sessions", params={"text": "kitchen"})) == [other]
    assert client.patch(f"/v1/sessions/{other}", json={"label": ""}).json()["label"] == ""
    assert client.patch(f"/v1/sessions/{own}", json={"label": "this"}).status_code == 200
    foreign = world.start("acme/bob")
    for caller, one in ((client, foreign), (world.boss, other), (client, "0" * 32)):
        problem(caller.patch(f"/v1/sessions/{one}", json={"label": "mine"}), 404, "not_found")
    for bad in ("x" * 61, "two\nlines", "\u202eright to left"):
        refused = client.patch(f"/v1/sessions/{own}", json={"label": bad})
        assert problem(refused, 400, "bad_input")["field"] == "label"
    client.post(f"/v1/me/sessions/{other}/end")
    problem(client.patch(f"/v1/sessions/{other}", json={"label": "late"}), 404, "not_found")


def test_entering_the_password_again_renews_the_secret_and_nothing_else(both: World) -> None:
    """Covers A07, E04, F04, W7."""
    client, made = both.sign_in("acme/ann", application="wiki", remember=True)
    old = secret_of(client)
    both.here.clock.forward(days=10)
    shown = client.get("/v1/me").json()["session"]
    answer = client.post("/v1/me/reauthenticate", json={"password": PASSWORD})
    assert answer.status_code == 200
    fresh = answer.json()
    moved = {"authenticated_at", "last_seen_at", "expires_at", "idle_expires_at", "address"}
    assert {k: v for k, v in fresh.items() if k not in moved} == {
        k: v for k, v in shown.items() if k not in moved
    }
    assert (fresh["id"], fresh["application"], fresh["remembered"]) == (made, "wiki", True)
    assert fresh["authenticated_at"] == "2026-12-04T09:00:00Z"
    assert fresh["expires_at"] == "2027-01-03T09:00:00Z"
    assert f"Max-Age={30 * 86_400}" in answer.headers["set-cookie"]
    assert secret_of(client) != old
    assert client.get("/v1/me").json()["session"]["id"] == made
    stolen = with_secret(both, old).get("/v1/me")
    assert "reason" not in problem(stolen, 401, "not_signed_in")
    # An answer to the old secret must not take away the new one, which the same browser has.
    assert "set-cookie" not in stolen.headers


def test_a_plain_session_stays_one_that_ends_with_the_browser(world: World) -> None:
    """Covers F07."""
    client, _ = world.sign_in("acme/ann")
    answer = client.post("/v1/me/reauthenticate", json={"password": PASSWORD})
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("sid="))
    assert "Max-Age" not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_a_wrong_password_renews_nothing_and_is_slowed_down(world: World) -> None:
    """Covers R09, E11."""
    client, _ = world.sign_in("acme/ann")
    old = secret_of(client)
    for path, body in (
        ("/v1/me/reauthenticate", {"password": "wrong"}),
        ("/v1/me/password", {"current": "wrong", "new": NEW}),
    ):
        refused = client.post(path, json=body)
        assert "reason" not in problem(refused, 401, "wrong_credentials")
        assert "set-cookie" not in refused.headers
        assert refused.headers["www-authenticate"].startswith("Cookie")
    for _ in range(4):
        answer = client.post("/v1/me/reauthenticate", json={"password": "wrong"})
    slowed = client.post("/v1/me/reauthenticate", json={"password": PASSWORD})
    problem(slowed, 429, "too_many_failures")
    assert int(slowed.headers["retry-after"]) >= 1
    assert answer.status_code in {401, 429}
    assert secret_of(client) == old
    world.here.clock.forward(minutes=20)
    assert client.post("/v1/me/reauthenticate", json={"password": PASSWORD}).status_code == 200


def test_a_changed_password_ends_the_others_and_renews_the_secret(both: World) -> None:
    """Covers A12, C03, E04, W13."""
    client, own = both.sign_in("acme/ann", application="wiki")
    phone, other = both.sign_in("acme/ann", agent=CHROME)
    old = secret_of(client)
    both.here.clock.forward(hours=0.9)
    answer = client.post("/v1/me/password", json={"current": PASSWORD, "new": NEW})
    assert answer.status_code == 200
    assert answer.json()["ended"] == [other]
    assert PASSWORD not in answer.text
    assert secret_of(client) != old
    assert client.get("/v1/me").json()["session"]["id"] == own
    assert problem(phone.get("/v1/me"), 401, "not_signed_in")["reason"] == "credential_changed"
    problem(with_secret(both, old).get("/v1/me"), 401, "not_signed_in")
    again = client.post("/v1/me/password", json={"current": PASSWORD, "new": NEW})
    problem(again, 401, "wrong_credentials")


def test_an_easy_new_password_is_refused_with_its_field(world: World) -> None:
    """Covers C02, C04."""
    client, _ = world.sign_in("acme/ann")
    for bad in ("short", "password123", "x" * 1_025, PASSWORD[:0] or "ann", "acme"):
        refused = client.post("/v1/me/password", json={"current": PASSWORD, "new": bad})
        assert problem(refused, 400, "bad_input")["field"] == "new"
    assert client.post("/v1/me/reauthenticate", json={"password": PASSWORD}).status_code == 200


def test_signing_out_ends_the_session_and_takes_the_cookie_away(both: World) -> None:
    """Covers A10, E06, M05."""
    client, made = both.sign_in("acme/ann", application="wiki")
    secret = secret_of(client)
    answer = client.post("/v1/me/sign-out")
    assert answer.json()["ended"] == [made]
    assert answer.json()["pending"] == ["wiki"]
    assert 'sid=""; HttpOnly; Max-Age=0; Path=/; SameSite=lax' in answer.headers["set-cookie"]
    assert "clear-site-data" in answer.headers
    problem(client.get("/v1/me"), 401, "not_signed_in")
    replayed = with_secret(both, secret).get("/v1/me")
    assert problem(replayed, 401, "not_signed_in")["reason"] == "signed_out"


def test_an_ended_sessions_cookie_answers_401_on_every_route(world: World) -> None:
    """Covers A10, R03."""
    client, made = world.sign_in("acme/boss")
    secret = secret_of(client)
    world.wiki.post(f"/v1/sessions/{made}/end")
    bodies: dict[str, Any] = {
        "/v1/sessions/end": {"all": True},
        "/v1/me/password": {"current": PASSWORD, "new": NEW},
        "/v1/me/reauthenticate": {"password": PASSWORD},
        "/v1/users": {"organization": "acme", "name": "late"},
        "/v1/applications": {"organization": "acme", "name": "late"},
        "/v1/organizations": {"name": "late"},
    }
    names = collections.defaultdict(lambda: "1", session_id=made, organization="acme")
    document = client.get("/v1/openapi.json").json()
    count = 0
    for path, methods in document["paths"].items():
        for method in methods:
            with_dead = with_secret(world, secret)
            body = bodies.get(path, {} if method in {"post", "patch", "put"} else None)
            answer = with_dead.request(method, path.format_map(names), json=body)
            found = problem(answer, 401, "not_signed_in")
            assert found["reason"] == "revoked", (method, path)
            assert 'sid=""' in answer.headers["set-cookie"]
            count += 1
    assert count == len(OPERATIONS)


def test_a_disabled_users_cookie_says_so(world: World) -> None:
    """Covers A11."""
    client, _ = world.sign_in("acme/ann")
    assert world.boss.patch("/v1/users/acme/ann", json={"disabled": True}).status_code == 200
    assert problem(client.get("/v1/me"), 401, "not_signed_in")["reason"] == "user_disabled"


def test_over_https_the_cookies_are_host_cookies(tmp_path: Any) -> None:
    """Covers B03, B05, M01, M05."""
    here = Installation(
        f"sqlite:///{tmp_path / 'o.db'}",
        tmp_path,
        public_url="https://sessions.example",
        policy=Policy(),
    )
    try:
        here.organization("acme", lifetimes=Overrides(idle=600))
        here.user("acme", "ann")
        client, _ = here.signed_in_browser("acme", "ann")
        answer = client.post("/v1/me/reauthenticate", json={"password": PASSWORD})
        assert answer.status_code == 200
        for cookie in answer.headers.get_list("set-cookie"):
            assert cookie.startswith("__Host-")
            assert "Secure" in cookie
            assert "Path=/" in cookie
            assert "Domain" not in cookie
        assert client.post("/v1/me/sign-out").headers["set-cookie"].startswith('__Host-sid=""')
        document = client.get("/v1/openapi.json").json()
        assert document["components"]["securitySchemes"]["session"]["name"] == "__Host-sid"
        assert document["servers"] == [{"url": "https://sessions.example"}]
    finally:
        here.close()
