"""Webhooks under /v1: made, shown without their secret, changed, given another secret."""

from __future__ import annotations

import base64

import pytest

from ostiary.services import webhooks
from ostiary.storage.tables import audit_event
from tests.api.world import World

URL = "https://siem.acme.example/hooks/a-secret-path"
NEW = {"organization": "acme", "name": "siem", "url": URL}


def test_one_is_made_and_its_secret_is_shown_once(world: World) -> None:
    answer = world.wiki.post("/v1/webhooks", json=NEW)
    assert answer.status_code == 201
    assert answer.headers["location"].endswith("/v1/webhooks/acme/siem")
    made = answer.json()
    assert len(base64.b64decode(made["secret"].removeprefix("whsec_"))) == 32
    shown = {name: value for name, value in made.items() if name != "secret"}
    assert shown["events"] == ["session.started", "session.ended"]
    assert (shown["enabled"], shown["about"]) == (True, "acme")
    assert world.boss.get("/v1/webhooks/acme/siem").json() == shown
    assert world.boss.get("/v1/webhooks").json()["items"] == [shown]
    again = world.wiki.post("/v1/webhooks", json=NEW)
    assert (again.status_code, again.json()["code"]) == (409, "already_exists")


def test_what_is_left_out_stays_as_it_is(world: World) -> None:
    world.here.webhook("acme", "siem", url=URL)
    path = "/v1/webhooks/acme/siem"
    changed = world.boss.patch(path, json={"events": ["session.ended"]}).json()
    assert (changed["url"], changed["events"]) == (URL, ["session.ended"])
    assert world.boss.patch(path, json={"about": "globex"}).json()["about"] == "acme"
    assert world.boss.patch(path, json={"url": ""}).json()["url"] == ""
    for wrong in (
        {"events": ["session.renamed"]},
        {"url": "http://siem.acme.example/"},
        {"url": "https://10.0.0.1/"},
        {"name": "other"},
        {"secret": "whsec_mine"},
        {"enabled": None},
    ):
        answer = world.boss.patch(path, json=wrong)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_input"), wrong
    assert world.boss.delete(path).status_code == 204
    assert world.boss.get(path).status_code == 404


def test_one_of_the_built_in_organization_is_about_all_or_about_one(world: World) -> None:
    """Covers W2."""
    new = {"organization": "built-in", "name": "all"}
    assert world.builtin.post("/v1/webhooks", json=new).json()["about"] is None
    path = "/v1/webhooks/built-in/all"
    assert world.builtin.patch(path, json={"about": "acme"}).json()["about"] == "acme"
    assert world.builtin.patch(path, json={"about": None}).json()["about"] is None
    assert world.builtin.patch(path, json={"about": "nowhere"}).status_code == 400
    assert world.boss.get("/v1/webhooks").json()["items"] == []


def test_a_new_secret_takes_a_day_to_replace_the_old_one(world: World) -> None:
    """Covers A16: and a password that was entered too long ago is asked for again."""
    old = world.here.webhook("acme", "siem", url=URL)
    path = "/v1/webhooks/acme/siem/secret"
    answer = world.wiki.post(path).json()
    assert answer["secret"] != old
    assert answer["previous_secret_until"] == "2026-11-25T09:00:00Z"
    item = world.here.read(webhooks.get_webhook, world.here.act(), "acme", "siem")
    vault, clock = world.here.house.vault, world.here.clock
    kept = [base64.b64encode(s).decode() for s in webhooks.secrets_of(vault, item, clock.now)]
    assert [f"whsec_{text}" for text in kept] == [answer["secret"], old]
    boss, _ = world.sign_in("acme/boss")
    clock.forward(minutes=16)
    assert boss.post(path).json()["code"] == "reauthentication_needed"
    clock.forward(days=1)
    assert len(webhooks.secrets_of(vault, item, clock.now)) == 1


def test_the_audit_says_what_was_done_and_no_secret(world: World) -> None:
    secret = world.wiki.post("/v1/webhooks", json=NEW).json()["secret"]
    world.wiki.patch("/v1/webhooks/acme/siem", json={"enabled": False})
    world.wiki.post("/v1/webhooks/acme/siem/secret")
    world.wiki.delete("/v1/webhooks/acme/siem")
    query = {"organization": "acme", "actor": "app/wiki"}
    events = world.boss.get("/v1/events", params=query).json()["items"]
    names = [e["event"] for e in events if e["event"].startswith("webhook.")]
    assert names == ["webhook.deleted", "webhook.updated", "webhook.updated", "webhook.added"]
    text = world.boss.get("/v1/events", params=query).text
    assert secret not in text
    assert "a-secret-path" not in text
    rows = world.here.read(lambda tx: tx.rows(audit_event.select()))
    assert not any(secret in row.detail for row in rows)


def test_pages_go_by_organization_and_name(world: World) -> None:
    for organization, name in (("globex", "a"), ("acme", "b"), ("acme", "a"), ("built-in", "c")):
        world.here.webhook(organization, name)
    found, cursor = [], None
    while True:
        query = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        page = world.builtin.get("/v1/webhooks", params=query).json()
        found += [(item["organization"], item["name"]) for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == [("acme", "a"), ("acme", "b"), ("built-in", "c"), ("globex", "a")]
    assert page["total"] == 4
    back = world.builtin.get("/v1/webhooks", params={"limit": 3, "cursor": page["previous"]})
    assert [item["name"] for item in back.json()["items"]] == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["", "a/b", " a", "x" * 101])
def test_a_name_has_to_be_one(world: World, name: str) -> None:
    answer = world.wiki.post("/v1/webhooks", json={**NEW, "name": name})
    assert answer.status_code == 400
