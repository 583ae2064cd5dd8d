"""The interface describes itself, completely, and so do its documents."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema_rs

from ostiary.api import OPERATIONS, problems
from ostiary.domain import errors
from ostiary.domain.events import Event
from ostiary.domain.session import EndReason
from ostiary.edge.errors import STATUS
from tests.api.world import World

DOCS = Path(__file__).parents[2] / "docs"


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each operation."""
    return [
        (method.upper(), path, item)
        for path, methods in document["paths"].items()
        for method, item in methods.items()
    ]


def references(value: Any) -> set[str]:
    """Every reference in a document."""
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    if isinstance(value, list):
        return set().union(*map(references, value))
    return set()


def test_every_route_of_v1_is_described_and_nothing_else(world: World) -> None:
    document = world.nobody.get("/v1/openapi.json").json()
    described = {(method, path) for method, path, _ in operations(document)}
    own = {"/v1/openapi.json", "/v1/docs", "/v1/docs.css"}
    served = {
        (method, re.sub(r":\w+\}", "}", route.path_format))
        for route in world.here.app.routes
        if route.path_format.startswith("/v1")
        for method in route.methods
        if method not in {"OPTIONS", "HEAD"}
    }
    assert {one for one in served if one[1] not in own} == described
    assert all(path.startswith("/v1/") for _, path in described)
    assert len(described) == len(OPERATIONS)


def test_the_document_is_whole(world: World) -> None:
    answer = world.nobody.get("/v1/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": "http://127.0.0.1:8000"}]
    schemas = document["components"]["schemas"]
    found = references(document)
    assert found <= {f"#/components/schemas/{name}" for name in schemas}
    for name, schema in schemas.items():
        jsonschema_rs.meta.validate({"$defs": schemas, **schema})
        assert schema["title"] == name
        assert schema["description"], name
        assert not re.search(r"DESIGN|REQUIREMENTS|contract|W\d", schema["description"])
    names = [item["operationId"] for _, _, item in operations(document)]
    assert len(names) == len(set(names))
    for method, path, item in operations(document):
        assert item["summary"], path
        assert item["description"], path
        assert item["tags"], path
        parts = set(re.findall(r"\{(\w+)\}", path))
        assert {p["name"] for p in item["parameters"] if p["in"] == "path"} == parts
        assert {"400", "401", "500", "503"} <= set(item["responses"])
        assert {"session": []} in item["security"]
        if method != "GET":
            assert {"403", "413", "415"} <= set(item["responses"])
        if parts:
            assert "404" in item["responses"]
        for status, response in item["responses"].items():
            media = {"application/json"} if int(status) < 300 else {problems.MEDIA_TYPE}
            assert set(response.get("content", {})) == (set() if status == "204" else media)
        if method in {"POST", "PUT", "PATCH"} and "requestBody" in item:
            assert item["requestBody"]["content"]["application/json"]["examples"]


def test_bodies_say_that_they_take_nothing_unknown(world: World) -> None:
    document = world.nobody.get("/v1/openapi.json").json()
    for _, path, item in operations(document):
        if "requestBody" in item:
            schema = item["requestBody"]["content"]["application/json"]["schema"]
            name = schema["$ref"].rpartition("/")[2]
            assert document["components"]["schemas"][name]["additionalProperties"] is False, path


def test_every_example_fits_its_own_schema(world: World) -> None:
    document = world.nobody.get("/v1/openapi.json").json()
    count = 0
    for _, path, item in operations(document):
        content = item.get("requestBody", {}).get("content", {}).get("application/json", {})
        for name, example in content.get("examples", {}).items():
            schema = {**content["schema"], "components": document["components"]}
            validator = jsonschema_rs.validator_for(schema)
            assert validator.is_valid(example["value"]), (path, name)
            count += 1
    assert count >= 10


def test_answers_fit_what_is_described(world: World) -> None:
    document = world.nobody.get("/v1/openapi.json").json()
    client, made = world.sign_in("acme/boss", application="wiki")
    ended = world.start("acme/ann", "wiki", country="DE")
    world.wiki.post(f"/v1/sessions/{ended}/end")
    for template, path in (
        ("/v1/me", "/v1/me"),
        ("/v1/me/sessions", "/v1/me/sessions"),
        ("/v1/me/events", "/v1/me/events"),
        ("/v1/sessions", "/v1/sessions?state=ended"),
        ("/v1/sessions/{session_id}", f"/v1/sessions/{made}"),
        ("/v1/sessions/{session_id}", f"/v1/sessions/{ended}"),
        ("/v1/users", "/v1/users"),
        ("/v1/applications", "/v1/applications"),
        ("/v1/organizations", "/v1/organizations"),
        ("/v1/events", "/v1/events?limit=500"),
    ):
        responses = document["paths"][template]["get"]["responses"]
        schema = responses["200"]["content"]["application/json"]["schema"]
        whole = {**schema, "components": document["components"]}
        answer = client.get(path)
        assert answer.status_code == 200
        jsonschema_rs.validator_for(whole, validate_formats=True).validate(answer.json())
        assert set(answer.json()) == properties(document, schema)


def properties(document: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    """What an answer may hold at its top."""
    return set(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"])


def test_the_page_shows_every_operation_value_and_problem_without_script(world: World) -> None:
    """Covers B10, R11."""
    answer = world.nobody.get("/v1/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    page = answer.text
    document = world.nobody.get("/v1/openapi.json").json()
    for _, path, item in operations(document):
        assert f'id="{item["operationId"]}"' in page
        assert f"<code>{path}</code>" in page
    for name in document["components"]["schemas"]:
        assert f'id="schema-{name}"' in page
    for code in problems.titles():
        assert f'id="problem-{code}"' in page
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets <= set(re.findall(r'id="([^"]+)"', page))
    assert not re.search(r"<script|style=|\son\w+=|javascript:", page)
    links = re.findall(r'(?:href|src)="([^"#]+)"', page)
    assert set(links) == {"/v1/docs.css", "/v1/openapi.json"}
    style = world.nobody.get("/v1/docs.css")
    assert style.headers["content-type"].startswith("text/css")
    assert "url(" not in style.text
    assert "@import" not in style.text


def test_a_problems_type_leads_to_its_description(world: World) -> None:
    for code in problems.titles():
        assert code == errors.OstiaryError.code or code in {*STATUS, *problems.BY_STATUS.values()}
    answer = world.nobody.get("/v1/me").json()
    page, _, anchor = answer["type"].partition("#")
    assert f'id="{anchor}"' in world.nobody.get(page).text


def test_every_route_has_an_entry_in_the_guide() -> None:
    text = (DOCS / "api.md").read_text()
    for item in OPERATIONS:
        assert f"`{item.method} /v1{item.path}`" in text
    for code in problems.titles():
        # Only a sign-in, which is not under /v1, finds a device taken.
        assert f"`{code}`" in text or code == "device_taken"


def test_every_event_and_reason_has_an_entry() -> None:
    text = (DOCS / "events.md").read_text()
    for event in Event:
        assert f"| `{event.value}` |" in text, event
    for reason in EndReason:
        assert f"`{reason.value}`" in text, reason
    entries = set(re.findall(r"^\| `(\w+\.\w+)` \|", text, re.MULTILINE))
    assert entries == {event.value for event in Event}
