"""Bad input: a clear answer, and nothing half done."""

from __future__ import annotations

import json
from typing import Any

from tests.api.world import World, ids, problem

JSON = {"content-type": "application/json"}
WHERE = "/v1/sessions/end"

MALFORMED = [
    b"",
    b"{",
    b"[",
    b"{]",
    b"nul",
    b"{'all': true}",
    b'{"all": true',
    b'{"all": true} {"all": true}',
    b'{"all": NaN}',
    b'\xff\xfe{\x00"\x00',
    b'{"filter": {"user": "\xff"}}',
    b'{"filter": {"user": "\\ud800"}}',
    b'{"filter": {"user": "\\udc00\\ud800"}}',
    b"[" * 100_000,
    b'{"filter":' * 20_000,
]

WRONG_SHAPES = [b"null", b"true", b"1", b'"all"', b"[]", b'[{"all": true}]']

NULS: list[tuple[str, str, Any]] = [
    ("POST", WHERE, {"filter": {"user": "a\x00"}}),
    ("POST", WHERE, {"filter": {"text": "\x00"}}),
    ("POST", WHERE, {"ids": ["\x00" * 32]}),
    ("POST", "/v1/users", {"organization": "acme\x00", "name": "x"}),
    ("POST", "/v1/users", {"organization": "acme", "name": "x\x00"}),
    ("POST", "/v1/users", {"organization": "acme", "name": "x", "email": "\x00"}),
    ("POST", "/v1/users", {"organization": "acme", "name": "x", "password": "long enough \x00"}),
    ("PATCH", "/v1/users/acme/ann", {"display_name": "\x00"}),
    ("POST", "/v1/applications", {"organization": "acme", "name": "a\x00"}),
    ("PATCH", "/v1/applications/wiki", {"redirect_uris": ["https://x.example/\x00"]}),
    ("PATCH", "/v1/applications/wiki", {"description": "\x00"}),
    ("PATCH", "/v1/organizations/acme", {"default_application": "\x00"}),
    ("GET", "/v1/sessions?user=%00", None),
    ("GET", "/v1/sessions?text=a%00b", None),
    ("GET", "/v1/sessions?cursor=%00", None),
    ("GET", "/v1/users?text=%00", None),
    ("GET", "/v1/applications?organization=%00", None),
    ("GET", "/v1/organizations?text=%00", None),
    ("GET", "/v1/events?actor=%00", None),
    ("GET", "/v1/events?session_id=%00", None),
    ("GET", "/v1/sessions/%00", None),
    ("POST", "/v1/sessions/%00/end", None),
    ("GET", "/v1/users/acme/%00", None),
    ("GET", "/v1/users/%00/ann", None),
    ("DELETE", "/v1/users/acme/a%00", None),
    ("GET", "/v1/applications/%00", None),
    ("POST", "/v1/applications/%00/secret", None),
    ("GET", "/v1/organizations/%00", None),
]

QUERIES: list[tuple[str, str]] = [
    ("/v1/sessions?limit=0", "limit"),
    ("/v1/sessions?limit=501", "limit"),
    ("/v1/sessions?limit=-1", "limit"),
    ("/v1/sessions?limit=1.0", "limit"),
    ("/v1/sessions?limit=1e2", "limit"),
    ("/v1/sessions?limit=+1", "limit"),
    ("/v1/sessions?limit=", "limit"),
    ("/v1/sessions?limit=" + "9" * 5_000, "limit"),
    ("/v1/sessions?limit=%D9%A1", "limit"),
    ("/v1/sessions?limit=5&limit=5", "limit"),
    ("/v1/sessions?limit[]=5", "limit[]"),
    ("/v1/sessions?Limit=5", "Limit"),
    ("/v1/sessions?usr=ann", "usr"),
    ("/v1/sessions?user=", "user"),
    ("/v1/sessions?user=%20", "user"),
    ("/v1/sessions?user=" + "x" * 201, "user"),
    ("/v1/sessions?user=ann&user=bob", "user"),
    ("/v1/sessions?state=dead", "state"),
    ("/v1/sessions?state=LIVE", "state"),
    ("/v1/sessions?sort=secret_hash", "sort"),
    ("/v1/sessions?order=random()", "order"),
    ("/v1/sessions?device_kind=toaster", "device_kind"),
    ("/v1/sessions?reason=bored", "reason"),
    ("/v1/sessions?country=Germany", "country"),
    ("/v1/sessions?country=de", "country"),
    ("/v1/sessions?country=DE%0A", "country"),
    ("/v1/sessions?address=nowhere", "address"),
    ("/v1/sessions?created_from=today", "created_from"),
    ("/v1/sessions?created_from=5", "created_from"),
    ("/v1/sessions?created_from=2026-11-24", "created_from"),
    ("/v1/sessions?created_from=2026-11-24T09:00:00", "created_from"),
    ("/v1/sessions?created_from=2026-13-24T09:00:00Z", "created_from"),
    ("/v1/sessions?created_from=0001-01-01T00:00:00%2B23:59", "created_from"),
    ("/v1/sessions?created_to=9999-12-31T23:59:59-23:59", "created_to"),
    ("/v1/events?since=9999-12-31T23:59:59-23:59", "since"),
    ("/v1/sessions?cursor=", "cursor"),
    ("/v1/sessions?cursor=" + "x" * 1_001, "cursor"),
    ("/v1/sessions?user=%FF", "query"),
    ("/v1/sessions?user=%ED%A0%80", "query"),
    ("/v1/sessions?" + "&".join(f"a{n}=1" for n in range(100)), "query"),
    ("/v1/events?event=", "event"),
    ("/v1/events?limit=501", "limit"),
    ("/v1/users?page=2", "page"),
    ("/v1/applications/wiki?verbose=1", "verbose"),
    ("/v1/sessions?=x", ""),
]


def test_what_is_no_json_is_refused(world: World) -> None:
    world.start("acme/ann")
    for raw in MALFORMED:
        answer = world.builtin.post(WHERE, content=raw, headers=JSON)
        found = problem(answer, 400, "bad_input")
        assert (raw[:40], found["field"][:6] in {"body", "filter"}) == (raw[:40], True)
    for raw in WRONG_SHAPES:
        answer = world.builtin.post(WHERE, content=raw, headers=JSON)
        assert problem(answer, 400, "bad_input")["field"] == "body"
    assert len(ids(world.builtin.get("/v1/sessions"))) == 1


def test_bodies_have_to_say_that_they_are_json(world: World) -> None:
    """Covers B14."""
    made = world.start("acme/ann")
    raw = json.dumps({"ids": [made]}).encode()
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/json",
        "application/jsonp",
        "application/json5",
        "",
        "json",
    ):
        answer = world.wiki.post(WHERE, content=raw, headers={"content-type": kind})
        problem(answer, 415, "unsupported_media_type")
    for path in (f"/v1/sessions/{made}/end", "/v1/applications/wiki/secret"):
        form = world.wiki.post(path, data={"a": "b"})
        problem(form, 415, "unsupported_media_type")
        text = world.wiki.post(path, content=b"", headers={"content-type": "text/plain"})
        problem(text, 415, "unsupported_media_type")
    assert ids(world.wiki.get("/v1/sessions")) == [made]
    for kind in ("application/json", "application/json; charset=utf-8", "Application/JSON"):
        answer = world.wiki.post(WHERE, content=raw, headers={"content-type": kind})
        assert answer.status_code == 200


def test_a_call_that_takes_no_body_takes_an_empty_one(world: World) -> None:
    for content in (b"", b"{}", b" {} "):
        made = world.start("acme/ann")
        path = f"/v1/sessions/{made}/end"
        assert world.wiki.post(path, content=content, headers=JSON).json()["ended"] == [made]
    refused = world.wiki.post(path, content=b'{"dry_run": true}', headers=JSON)
    assert problem(refused, 400, "bad_input")["field"] == "body"


def test_a_body_that_is_too_large_is_refused(world: World) -> None:
    raw = b'{"description": "' + b"x" * 270_000 + b'"}'
    answer = world.wiki.patch("/v1/applications/wiki", content=raw, headers=JSON)
    problem(answer, 413, "too_large")


def test_a_nul_character_is_refused_on_both_databases(both: World) -> None:
    for method, path, body in NULS:
        answer = both.builtin.request(method, path, json=body)
        assert (path, body, answer.status_code) == (path, body, 400), answer.text
        assert answer.json()["code"] == "bad_input"
        assert answer.json()["field"]


def test_what_a_database_could_stumble_over_is_no_error_of_the_server(both: World) -> None:
    odd = ["'; DROP TABLE session; --", '"', "\\", "%", "_", "\x1b[31m", "\u202e", "𐍈", "ﬃ", "İ"]
    for text in odd:
        for path in ("/v1/sessions", "/v1/users", "/v1/applications", "/v1/organizations"):
            answer = both.builtin.get(path, params={"text": text})
            assert (path, text, answer.status_code) == (path, text, 200)
            assert answer.json()["items"] == []
        for name in ("user", "organization", "application", "browser"):
            answer = both.builtin.get("/v1/sessions", params={name: text})
            assert (name, text, ids(answer)) == (name, text, [])
    for moment in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"):
        for name in ("created_from", "created_to", "seen_from", "seen_to"):
            assert both.builtin.get("/v1/sessions", params={name: moment}).status_code == 200
        assert both.builtin.get("/v1/events", params={"since": moment}).status_code == 200


def test_every_bad_query_names_what_is_wrong(world: World) -> None:
    for path, field in QUERIES:
        answer = world.builtin.get(path)
        assert (path[:80], answer.status_code) == (path[:80], 400), answer.text
        if field:
            assert (path[:80], answer.json()["field"]) == (path[:80], field)
        assert len(answer.text) < 1_000


def test_ids_and_names_that_look_like_paths_lead_nowhere(world: World) -> None:
    for odd in (
        "..",
        "%2e%2e",
        "..%2f..%2fetc%2fpasswd",
        "%2fetc%2fpasswd",
        "...",
        "a%0d%0aSet-Cookie:x=1",
        "%u002e",
        "x" * 5_000,
        "%ff",
        "3F0C9A1BE2D84C55A7106B9E24D1F8C3",
        "0x0",
        "null",
        "*",
    ):
        for path in ("/v1/sessions", "/v1/applications", "/v1/organizations", "/v1/users/acme"):
            answer = world.builtin.get(f"{path}/{odd}")
            # Some of these are the list itself, or a longer path, once they are put together.
            assert answer.status_code in {200, 404}, (path, odd)
            if answer.status_code == 200:
                assert "items" in answer.json()
            assert "set-cookie" not in answer.headers


def test_an_error_cannot_forge_a_header_or_a_line(world: World) -> None:
    """Covers D18."""
    answer = world.builtin.get("/v1/sessions?a%0d%0aX-Forged:%201=1")
    assert "x-forged" not in answer.headers
    found = problem(answer, 400, "bad_input")
    assert "\n" not in found["detail"]
    assert "\r" not in found["field"]
    long = problem(world.builtin.get("/v1/sessions?" + "k" * 500 + "=1"), 400, "bad_input")
    assert len(long["field"]) == 100


def test_over_long_values_are_refused(world: World) -> None:
    for method, path, body in (
        ("POST", "/v1/users", {"organization": "acme", "name": "x" * 101}),
        ("POST", "/v1/users", {"organization": "acme", "name": "x", "password": "x" * 4_097}),
        ("POST", "/v1/users", {"organization": "x" * 201, "name": "x"}),
        ("PATCH", "/v1/users/acme/ann", {"display_name": "x" * 201}),
        ("PATCH", "/v1/applications/wiki", {"description": "x" * 2_001}),
        ("PATCH", "/v1/applications/wiki", {"redirect_uris": ["https://x.example/" + "x" * 2_000]}),
        ("PATCH", "/v1/applications/wiki", {"client_id": "x" * 101}),
        ("PATCH", "/v1/organizations/acme", {"display_name": "x" * 201}),
        ("PATCH", "/v1/organizations/acme", {"default_application": "x" * 101}),
        ("POST", WHERE, {"filter": {"text": "x" * 201}}),
    ):
        problem(world.builtin.request(method, path, json=body), 400, "bad_input")


def test_strangers_are_asked_to_sign_in_before_anything_is_read(world: World) -> None:
    """Covers D19."""
    for raw in (b"{", b'{"all": true}', b"\xff"):
        answer = world.nobody.post(WHERE, content=raw, headers={"content-type": "text/plain"})
        problem(answer, 401, "not_signed_in")
    problem(world.nobody.get("/v1/sessions?limit=x&limit=y"), 401, "not_signed_in")
