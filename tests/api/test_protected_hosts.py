"""Which hosts an application has that a proxy guards."""

from __future__ import annotations

import pytest

from tests.api.world import World, problem

PATH = "/v1/applications/wiki/protected-hosts"


def host(origin: str, **further: object) -> dict[str, object]:
    return {"origin": origin, "max_age": None, "background_counts": False, **further}


def put(world: World, *hosts: dict[str, object]):  # noqa: ANN201 - an answer
    return world.boss.put(PATH, json={"hosts": list(hosts)})


def test_hosts_are_replaced_as_a_whole_and_read_back_as_browsers_name_them(both: World) -> None:
    assert both.boss.get(PATH).json() == {"hosts": []}
    answer = put(
        both,
        {"origin": "https://Wiki.Acme.example:443/"},
        {"origin": "https://docs.acme.example:8443", "max_age": 3600, "background_counts": True},
        {"origin": "http://localhost:9000"},
    )
    assert answer.status_code == 200, answer.text
    expected = [
        host("http://localhost:9000"),
        host("https://docs.acme.example:8443", max_age=3600, background_counts=True),
        host("https://wiki.acme.example"),
    ]
    assert answer.json() == both.boss.get(PATH).json() == {"hosts": expected}
    assert put(both, host("https://other.acme.example")).json() == {
        "hosts": [host("https://other.acme.example")]
    }
    [event, *_] = both.boss.get("/v1/events?event=application.updated").json()["items"]
    assert [h["origin"] for h in event["detail"]["old"]["protected_hosts"]] == [
        h["origin"] for h in expected
    ]
    assert put(both).json() == {"hosts": []}


@pytest.mark.parametrize(
    "origin",
    [
        "https://wiki.acme.example/path",
        "https://wiki.acme.example?x",
        "https://wiki.acme.example#x",
        "https://user@wiki.acme.example",
        "https://",
        "wiki.acme.example",
        "ftp://wiki.acme.example",
        "javascript://wiki.acme.example",
        "http://wiki.acme.example",
        "https://*.acme.example",
        "https://wiki.acme.example:99999",
        "https://wiki acme.example",
        "https://wíki.acme.example",
        "https://wiki.acme.example\\@evil.example",
    ],
)
def test_what_is_no_origin_is_refused(world: World, origin: str) -> None:
    """Covers L20."""
    found = problem(put(world, host(origin)), 400, "bad_input")
    assert found["field"] == "origin"
    assert world.boss.get(PATH).json() == {"hosts": []}


def test_a_host_belongs_to_one_application_and_is_named_once(world: World) -> None:
    assert put(world, host("https://wiki.acme.example")).status_code == 200
    taken = world.admin.put(
        "/v1/applications/portal/protected-hosts",
        json={"hosts": [host("https://WIKI.acme.example")]},
    )
    assert problem(taken, 409, "already_exists")["field"] == "origin"
    twice = put(world, host("https://a.example"), host("https://A.example:443"))
    assert problem(twice, 400, "bad_input")["field"] == "origin"
    assert put(world, host("https://a.example", max_age=0)).status_code == 400
    assert world.boss.get(PATH).json() == {"hosts": [host("https://wiki.acme.example")]}
