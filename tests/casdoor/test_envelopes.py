"""The shape of every answer, and what may come in (contract 0.1)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest

from ostiary.ops.app import LARGEST_BODY
from ostiary.services import setup
from tests.casdoor.world import FOUR, SEVEN, Asker, World, key

LOGIN = {
    "type": "login",
    "application": "wiki",
    "organization": "acme",
    "username": "ann",
    "password": "correct horse battery staple",
}


@pytest.fixture
def server(world: World) -> Asker:
    return world.basic("wiki")


def test_a_handler_s_answer_has_seven_keys_in_their_order(server: Asker) -> None:
    answer = server.get("get-sessions", owner="acme")
    assert list(answer) == SEVEN
    assert list(server.get("get-session", sessionPkId="acme")) == SEVEN
    assert list(server.post("delete-session", key())) == SEVEN
    assert (answer["msg"], answer["sub"], answer["name"]) == ("", "", "")


def test_a_refusal_has_four_keys_in_their_order(world: World) -> None:
    """Item 5 of the acceptance list."""
    answer = world.program().get("get-sessions", owner="acme")
    assert list(answer) == FOUR
    assert answer["msg"] == "Unauthorized operation"


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "application/json",
        "text/plain;charset=UTF-8",
        "text/plain; charset=utf-8",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "text",
        'multipart/mixed; boundary="a b"',
    ],
)
def test_a_body_is_json_whatever_its_type_says(world: World, kind: str) -> None:
    server = world.basic("wiki")
    if kind:
        server.client.headers["Content-Type"] = kind
    body = {**key("kim"), "sessionId": ["x"]}
    assert server.post("add-session", body)["data"] == "Affected"
    assert server.ids("kim") == ["x"]


@pytest.mark.parametrize(
    "kind", ["/", "text/", "a b", "text/plain; charset", "text/plain; =x", "text/plain,x", ";"]
)
def test_a_type_that_cannot_be_read_is_refused(world: World, kind: str) -> None:
    server = world.basic("wiki")
    server.client.headers["Content-Type"] = kind
    response = server.send("POST", "delete-session", key())
    assert response.status_code == 400
    assert response.json() == {"status": "error", "msg": "invalid Content-Type header"}
    assert server.send("GET", "get-sessions", owner="acme").status_code == 200


def test_a_hostile_type_costs_no_time(world: World) -> None:
    server = world.basic("wiki")
    server.client.headers["Content-Type"] = "text/plain" + "; \t" * 5_000 + "!(("
    assert server.send("POST", "delete-session", key()).status_code == 400


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "unexpected end of JSON input"),
        (b"{", "unexpected end of JSON input"),
        (b'{"owner":', "unexpected end of JSON input"),
        (b"x", "invalid character 'x' looking for beginning of value"),
        (b"owner=acme", "invalid character 'o' looking for beginning of value"),
        (b"{} {}", "invalid character '{' after top-level value"),
        (b"[]", "json: cannot unmarshal array into Go value of type Session"),
        (b'"x"', "json: cannot unmarshal string into Go value of type Session"),
        (b"1", "json: cannot unmarshal number into Go value of type Session"),
        (b"true", "json: cannot unmarshal bool into Go value of type Session"),
        (b'{"owner":"\xff"}', "invalid UTF-8 in string literal"),
        (b'{"owner":"\\u0000"}', "invalid character '\\x00' in string literal"),
        (b'{"\\u0000":1}', "invalid character '\\x00' in string literal"),
        (b"[" * 100_000, "exceeded max depth"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "exceeded max depth"),
        (b'{"a":1e400}', "json: Number out of range"),
        (
            b'{"owner":1}',
            "json: cannot unmarshal number into Go struct field Session.owner of type string",
        ),
        (
            b'{"owner":{}}',
            "json: cannot unmarshal object into Go struct field Session.owner of type string",
        ),
    ],
)
def test_a_bad_body_is_an_error_in_words(server: Asker, body: bytes, text: str) -> None:
    for call in ("add-session", "update-session", "delete-session"):
        answer = server.post(call, body)
        assert (answer["status"], answer["msg"]) == ("error", text)
        assert answer["data"] is None


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"sessionId": "x"}, "string into Go struct field Session.sessionId of type []string"),
        ({"sessionId": [1]}, "number into Go struct field Session.sessionId of type string"),
        ({"sessionId": [None]}, "null into Go struct field Session.sessionId of type string"),
        (
            {"ExclusiveSignin": 1},
            "number into Go struct field Session.ExclusiveSignin of type bool",
        ),
    ],
)
def test_a_wrong_type_is_an_error_in_words(server: Asker, more: dict[str, Any], text: str) -> None:
    answer = server.post("add-session", {**key("kim"), **more})
    assert (answer["status"], answer["msg"]) == ("error", f"json: cannot unmarshal {text}")
    assert server.ids("kim") is None


def test_keys_are_matched_without_regard_to_case_and_unknown_ones_ignored(server: Asker) -> None:
    body = {"OWNER": "acme", "Name": "kim", "application": "wiki", "SessionID": ["x"], "new": [{}]}
    assert server.post("add-session", body)["data"] == "Affected"
    assert server.ids("kim") == ["x"]
    # Of two that differ in case only, the last one counts.
    twice = b'{"owner":"acme","name":"lee","Name":"kim","application":"wiki"}'
    assert server.post("delete-session", twice)["data"] == "Affected"
    assert server.ids("kim") is None


def test_query_and_form_are_one_namespace(world: World) -> None:
    client_id, secret = world.credentials("wiki")
    program = world.program()
    form = {
        "clientId": client_id,
        "clientSecret": secret,
        "userOwner": "acme",
        "userName": "ann",
        "newPassword": "tomorrow is another day",
    }
    response = program.client.post("/api/set-password", data=form)
    assert response.json()["status"] == "ok"
    files = {name: (None, value) for name, value in form.items()}
    response = program.client.post("/api/set-password", files=files)
    assert response.json()["status"] == "ok"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nrubbish"),
        ("multipart/form-data; boundary=b", b"not a part at all"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="userName"\r\n\r\n\xff\r\n--b--\r\n',
        ),
        (
            "multipart/form-data; boundary=b",
            (
                b'--b\r\nContent-Disposition: form-data; name="a"\r\n'
                b"Content-Type: text/plain; charset=no-such\r\n\r\nx\r\n--b--\r\n"
            ),
        ),
    ],
)
def test_a_form_that_cannot_be_read_is_an_error(world: World, kind: str, body: bytes) -> None:
    program = world.program()
    response = program.client.post(
        "/api/set-password", content=body, headers={"Content-Type": kind}
    )
    assert response.status_code == 200
    assert response.json()["status"] == "error"


def test_a_nul_in_a_parameter_is_an_error(server: Asker) -> None:
    for name in ("owner", "value", "p"):
        answer = server.get("get-sessions", **{"owner": "acme", "field": "name", name: "a\x00b"})
        assert answer["msg"] == "invalid character '\\x00' in a parameter"


def test_names_may_not_hold_separators(world: World) -> None:
    """Contract 0.1: said after it is certain that the caller may write there."""
    server = world.everywhere()
    for call in (
        "add-session",
        "update-session",
        "add-user",
        "update-user",
        "add-organization",
        "update-organization",
        "add-application",
        "update-application",
    ):
        body = {"owner": "acme", "name": "a/b", "application": "wiki", "organization": "acme"}
        ids = {
            "update-user": "acme/ann",
            "update-organization": "admin/acme",
            "update-application": "admin/wiki",
        }
        which = {"id": ids[call]} if call in ids else {}
        answer = server.post(call, body, **which)
        assert answer == {
            "status": "error",
            "msg": "Field 'name' contains forbidden characters: \"/?:#&%=+;\"",
            "data": None,
            "data2": None,
        }, call
        assert list(answer) == FOUR
        assert world.program().post(call, body, **which)["msg"] == "Unauthorized operation"
        assert world.basic("shop").post(call, body, **which)["msg"] == "Unauthorized operation"


def test_what_is_not_offered_says_so_in_the_envelope(server: Asker) -> None:
    for method in ("GET", "POST"):
        response = server.send(method, "get-certs", owner="admin")
        assert response.status_code == 404
        assert list(response.json()) == FOUR
        assert response.json()["msg"] == "This server does not offer /api/get-certs"
    assert server.send("POST", "get-sessions").status_code == 405
    assert server.send("GET", "delete-session").status_code == 405


def test_a_body_that_is_too_large_is_refused(server: Asker) -> None:
    response = server.send("POST", "add-session", b" " * (LARGEST_BODY + 1))
    assert response.status_code == 413
    assert response.json()["status"] == "error"


def test_when_the_store_cannot_answer_nothing_is_said_to_be_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers D19: 503, so that nobody takes it for a yes."""
    server, browser = world.basic("wiki"), world.user_agent("ann")
    world.database.close()
    path = world.database.engine.url.database

    def full(*_: Any, **__: Any) -> sqlite3.Connection:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(world.database.engine.dialect, "connect", full)
    for asker in (server, browser):
        response = asker.send("POST", "delete-session", key())
        assert response.status_code == 503, path
        assert response.headers["retry-after"]
        assert list(response.json()) == FOUR
        assert "full" not in response.text
    assert server.send("GET", "health").status_code == 503


def test_a_bug_tells_strangers_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Covers D19."""

    def broken(*_: Any) -> bool:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(setup, "is_installed", broken)
    response = world.program().send("GET", "health")
    assert response.status_code == 500
    assert list(response.json()) == FOUR
    assert response.json()["msg"] == "internal server error"
    assert "secret" not in response.text


def test_it_is_well(world: World) -> None:
    answer = world.program().get("health")
    assert (list(answer), answer["status"]) == (SEVEN, "ok")


def test_answers_are_data_and_never_pages(world: World) -> None:
    """Covers B01, B02, B09, B11, B12, E06: no other site may read, frame or render them."""
    world.log_in(Asker(world.browser("<script>alert(1)</script>")))
    server = world.basic("wiki")
    server.client.headers["Origin"] = "https://evil.example"
    response = server.send("GET", "get-sessions", owner="acme")
    assert "<script>" in json.loads(response.text)["data"][0]["sessionInfos"][0]["userAgent"]
    assert response.headers["content-type"].startswith("application/json")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in response.headers["content-security-policy"]
    assert response.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in response.headers
    preflight = server.client.options(
        "/api/get-sessions", headers={"Access-Control-Request-Method": "GET"}
    )
    assert "access-control-allow-origin" not in preflight.headers
