"""Errors below /v1: always problem details, with the headers that belong to them."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from litestar.testing import TestClient
from sqlalchemy.exc import OperationalError

from ostiary.domain import errors
from ostiary.services import see
from tests.api.world import World, problem


def test_addresses_that_are_not_there_are_problems(world: World) -> None:
    for path in ("/v1", "/v1/", "/v1/nothing", "/v1/sessions/a/b/c", "/v1/users/acme", "/v1/me/x"):
        for client in (world.nobody, world.wiki):
            answer = client.get(path, headers={"Accept": "text/html"})
            problem(answer, 404, "not_found")
    elsewhere = world.nobody.get("/v1x", headers={"Accept": "text/html"})
    assert elsewhere.status_code == 404
    assert elsewhere.headers["content-type"].startswith("text/html")


def test_methods_that_are_not_there_are_problems_and_name_those_that_are(world: World) -> None:
    for method, path, allowed in (
        ("PUT", "/v1/sessions", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/v1/me/sessions", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/v1/me/sign-out", {"POST", "OPTIONS"}),
        ("TRACE", "/v1/users", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("PATCH", "/v1/openapi.json", {"GET", "HEAD", "OPTIONS"}),
        ("BREW", "/v1/me", {"GET", "HEAD", "OPTIONS"}),
    ):
        answer = world.wiki.request(method, path)
        problem(answer, 405, "method_not_allowed")
        assert set(answer.headers["allow"].split(", ")) == allowed


def test_a_head_request_is_answered_like_a_get_without_its_body(world: World) -> None:
    for path in ("/v1/sessions", "/v1/openapi.json", "/v1/docs", "/v1/docs.css"):
        whole, head = world.wiki.get(path), world.wiki.head(path)
        assert head.status_code == whole.status_code == 200
        for header in ("content-type", "content-length"):
            assert head.headers[header] == whole.headers[header]


def test_an_unexpected_error_is_a_problem_that_tells_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers D19."""

    def broken(*_: Any, **__: Any) -> None:
        message = "the secret of the universe"
        raise RuntimeError(message)

    monkeypatch.setattr(see, "list_sessions", broken)
    client = TestClient(world.here.app, raise_server_exceptions=False)
    client.auth = world.secrets["wiki"]
    answer = client.get("/v1/sessions")
    assert problem(answer, 500, "error")["detail"] == "Something went wrong."
    assert "secret of" not in answer.text


def test_what_the_operator_has_to_mend_is_not_told_to_callers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers D19."""

    def misconfigured(*_: Any, **__: Any) -> None:
        message = "Put back the file encryption.key."
        raise errors.Misconfigured(message, detail="/var/lib/somewhere")

    monkeypatch.setattr(see, "list_sessions", misconfigured)
    answer = world.wiki.get("/v1/sessions")
    problem(answer, 500, "misconfigured")
    assert "encryption" not in answer.text
    assert "/var/lib" not in answer.text


def test_a_store_that_cannot_answer_is_a_reason_to_come_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers D19."""

    def full(*_: Any, **__: Any) -> None:
        raise OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))

    wiki = world.wiki
    assert wiki.get("/v1/sessions").status_code == 200
    monkeypatch.setattr(see, "list_sessions", full)
    answer = wiki.get("/v1/sessions")
    assert "disk" not in problem(answer, 503, "unavailable")["detail"]
    assert int(answer.headers["retry-after"]) >= 1


def test_strangers_learn_how_to_authenticate(world: World) -> None:
    """Covers L03."""
    program = world.here.browser(same_origin=False)
    answer = program.get("/v1/me")
    assert "reason" not in problem(answer, 401, "not_signed_in")
    assert answer.headers["www-authenticate"] == 'Basic realm="Ostiary", charset="UTF-8"'
    # A browser would open a window of its own for Basic.
    page = program.get("/v1/me", headers={"Sec-Fetch-Mode": "cors"})
    assert page.headers["www-authenticate"] == 'Cookie realm="Ostiary"'
    unknown = program.get("/v1/me", headers={"Cookie": f"sid={'x' * 43}"})
    assert "reason" not in problem(unknown, 401, "not_signed_in")
    assert unknown.headers["www-authenticate"] == 'Cookie realm="Ostiary"'
    assert "set-cookie" not in unknown.headers


def test_every_answer_is_data_that_no_browser_takes_for_a_page(world: World) -> None:
    """Covers B01, B08, B10, B11, B12, E06."""
    made = world.start("acme/ann", agent="<script>alert(1)</script>")
    answers = [
        world.wiki.get(f"/v1/sessions/{made}"),
        world.wiki.get("/v1/sessions", params={"<script>": "1"}),
        world.wiki.get("/v1/applications/%3Cscript%3E"),
        world.wiki.get("/v1/nothing"),
        world.wiki.put("/v1/sessions"),
        world.nobody.get("/v1/me"),
        world.nobody.get("/v1/openapi.json"),
    ]
    for answer in answers:
        headers = answer.headers
        assert headers["content-type"] in {"application/json", "application/problem+json"}
        assert headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["strict-transport-security"]
