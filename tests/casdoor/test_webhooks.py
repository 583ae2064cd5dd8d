"""Webhooks on this wire: objects like others, and what of them means something here."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.storage import webhooks
from ostiary.storage.tables import audit_event, webhook
from tests.casdoor.world import DENIED, Asker, World

URL = "https://siem.acme.example/hooks/a-secret-path"


def body(name: str = "siem", owner: str = "acme", **more: Any) -> dict[str, Any]:
    return {"owner": owner, "name": name, "organization": owner, "url": URL, **more}


def test_it_is_added_seen_changed_and_deleted(world: World) -> None:
    """Contract 4.2, item 2 of the acceptance list: for global callers and for the organization."""
    for asker in (world.everywhere(), world.basic("wiki"), world.user_agent("boss")):
        added = asker.post("add-webhook", body(), id="acme/siem")
        assert (added["status"], added["data"]) == ("ok", "Affected")
        assert added["data2"].startswith("whsec_")
        (listed,) = asker.data("get-webhooks", owner="acme")
        shown = asker.data("get-webhook", id="acme/siem")
        assert listed == shown
        assert (shown["name"], shown["owner"], shown["url"]) == ("siem", "acme", URL)
        assert (shown["organization"], shown["isEnabled"], shown["events"]) == ("acme", False, [])
        changed = {**shown, "organization": "Updated Casdoor Website", "isEnabled": True}
        assert asker.post("update-webhook", changed, id="acme/siem")["data"] == "Affected"
        shown = asker.data("get-webhook", id="acme/siem")
        assert (shown["organization"], shown["isEnabled"]) == ("Updated Casdoor Website", True)
        gone = {"owner": "acme", "name": "siem", "organization": "acme"}
        assert asker.post("delete-webhook", gone)["data"] == "Affected"
        assert asker.post("delete-webhook", gone)["data"] == "Unaffected"
        assert asker.data("get-webhook", id="acme/siem") is None


def test_only_whoever_administers_the_owner_may(world: World) -> None:
    """Covers W1, W2: by the row, whatever else is named beside it."""
    server = world.everywhere()
    server.post("add-webhook", body("theirs", "globex"))
    for asker in (world.program(), world.user_agent("ann"), world.basic("wiki")):
        for call, sent, query in (
            ("add-webhook", body("mine", "globex"), {"id": "acme/mine"}),
            ("update-webhook", body("theirs", "globex"), {"id": "globex/theirs"}),
            ("update-webhook", body("theirs", "globex"), {}),
            ("delete-webhook", body("theirs", "globex", organization="acme"), {}),
            ("delete-webhook", body("theirs", "globex"), {"id": "acme/theirs"}),
        ):
            assert asker.post(call, sent, **query) == DENIED, call
        for call in ("get-webhook", "get-webhooks"):
            asked = {"id": "globex/theirs", "owner": "globex"}
            assert asker.get(call, **asked)["msg"] == DENIED["msg"]
    for asker in (world.program(), world.user_agent("ann")):
        assert asker.get("get-webhooks", owner="acme") == DENIED
    assert [row.name for row in world.rows(webhook)] == ["theirs"]
    assert world.basic("wiki").data("get-webhooks") == []
    assert len(server.data("get-webhooks")) == 1


def test_an_update_does_not_move_it(world: World) -> None:
    asker = world.basic("wiki")
    asker.post("add-webhook", body())
    for moved in (body("other"), body(owner="globex"), body("", owner="globex")):
        assert asker.post("update-webhook", moved, id="acme/siem")["status"] == "error"
    assert asker.post("update-webhook", body("nothing"))["data"] == "Unaffected"
    assert asker.post("add-webhook", body())["msg"] == "There is a webhook acme/siem already."
    assert asker.post("add-webhook", body("a/b"))["status"] == "error"
    nowhere = world.everywhere().post("add-webhook", body("x", "nowhere"))
    assert nowhere["msg"] == "the organization: nowhere is not found"
    assert len(world.rows(webhook)) == 1


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (["login"], ("session.started",)),
        (["logout", "sso-logout", "signup"], ("session.ended",)),
        (["session.ended", "login"], ("session.ended", "session.started")),
        (["add-user"], ()),
    ],
)
def test_actions_mean_events(world: World, sent: list[str], kept: tuple[str, ...]) -> None:
    """What it lists is given back as it came; what of it means something is told."""
    asker = world.basic("wiki")
    asker.post("add-webhook", body(events=sent, isEnabled=True))
    assert asker.data("get-webhook", id="acme/siem")["events"] == sent
    found = world.read(webhooks.get, "acme", "siem")
    assert set(found.events) == set(kept)


def test_what_is_kept_is_given_back(world: World) -> None:
    """Contract 4.1: and one that was made under /v1 is shown in the wire's words."""
    asker = world.basic("wiki")
    further = {
        "headers": [{"name": "X-Key", "value": "a"}],
        "tokenFields": ["Id"],
        "maxRetries": 9,
        "somethingNew": {"a": 1},
    }
    asker.post("add-webhook", body(**further))
    shown = asker.data("get-webhook", id="acme/siem")
    assert {name: shown[name] for name in further} == further
    narrow = {"isEnabled": True, "url": "https://other.example/", "maxRetries": 1}
    asker.post("update-webhook", narrow, id="acme/siem", columns="is_enabled")
    shown = asker.data("get-webhook", id="acme/siem")
    assert (shown["isEnabled"], shown["url"], shown["maxRetries"]) == (True, URL, 9)
    world.webhook("acme", "own", url=URL)
    own = asker.data("get-webhook", id="acme/own")
    assert own["events"] == ["session.started", "session.ended"]
    assert own["organization"] == "acme"


@pytest.mark.parametrize(
    "url",
    [
        "http://siem.example/",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/latest",
        "ftp://siem.example/",
        "https://user:secret@siem.example/",
        "https://siem.example/#here",
        "not an address",
    ],
)
def test_an_address_that_must_not_be_called_is_refused(world: World, url: str) -> None:
    """Covers I10: when it is written down; each delivery looks again."""
    asker = world.basic("wiki")
    assert asker.post("add-webhook", body(url=url))["status"] == "error"
    asker.post("add-webhook", body())
    assert asker.post("update-webhook", body(url=url), id="acme/siem")["status"] == "error"
    assert asker.data("get-webhook", id="acme/siem")["url"] == URL


def test_its_secret_and_its_address_stay_out_of_the_audit(world: World) -> None:
    """Covers W5, W16: the secret is shown once, and kept encrypted."""
    asker = world.basic("wiki")
    secret = asker.post("add-webhook", body())["data2"]
    for call in ("get-webhook", "get-webhooks"):
        assert secret not in asker.send("GET", call, id="acme/siem", owner="acme").text
    (row,) = world.rows(webhook)
    assert secret.removeprefix("whsec_").encode() not in row.sealed_secret
    events = [e for e in world.rows(audit_event) if e.event.startswith("webhook.")]
    assert [e.event for e in events] == ["webhook.added"]
    assert "a-secret-path" not in events[0].detail
    assert "siem.acme.example" in events[0].detail


def test_pages_of_webhooks(world: World) -> None:
    asker = world.basic("wiki")
    for number in range(3):
        asker.post("add-webhook", body(f"w{number}"))
    page = {"owner": "acme", "p": 2, "pageSize": 2, "sortField": "name", "sortOrder": "ascend"}
    answer = asker.get("get-webhooks", **page)
    assert ([w["name"] for w in answer["data"]], answer["data2"]) == (["w2"], 3)


def test_an_organization_has_so_many_and_no_more(world: World) -> None:
    asker = Asker(world.browser(same_origin=False))
    asker.client.headers.update(world.basic("wiki").client.headers)
    for number in range(50):
        assert asker.post("add-webhook", body(f"w{number}"))["status"] == "ok"
    refused = asker.post("add-webhook", body("one-more"))
    assert refused["msg"] == "An organization has at most 50 webhooks."
