"""What webhooks are told: each start and each ending, signed, at least once, to the right ones."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import Any

import pytest

from ostiary.domain.session import EndReason
from ostiary.domain.webhook import signatures, text_of
from ostiary.services import end, retention, users, webhooks
from ostiary.services.webhooks import WebhookChange
from ostiary.storage import sessions as session_rows
from ostiary.storage.database import Transaction
from ostiary.storage.tables import audit_event, notice, user
from tests.casdoor.conftest import MakeWorld
from tests.casdoor.hearing import Ear, Heard, later, owed, send_all
from tests.casdoor.world import Asker, World

URL = "https://siem.example/hook"


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def told(make_world: MakeWorld, ear: Ear) -> World:
    """A world whose notices go to the ear."""
    return make_world(outbound=ear)


def secret_bytes(text: str) -> bytes:
    return base64.b64decode(text.removeprefix("whsec_"))


def is_signed(heard: Heard, secret: str) -> bool:
    """Verify as a receiver would, by the text of the specification."""
    head = heard.headers
    signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + heard.body
    right = base64.b64encode(hmac.digest(secret_bytes(secret), signed, hashlib.sha256)).decode()
    return f"v1,{right}" in head["webhook-signature"].split(" ")


def kinds(ear: Ear) -> list[str]:
    return [heard.json["type"] for heard in ear.heard if heard.url.startswith(URL)]


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The vector that its libraries are tested with."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signatures(
        [secret],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1_614_265_330,
        body=b'{"test": 2432232314}',
    )
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert text_of(secret) == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_start_and_an_ending_are_told(told: World, ear: Ear) -> None:
    secret = told.webhook("acme", "siem", url=URL)
    browser = Asker(told.browser())
    told.log_in(browser)
    send_all(told)
    (started,) = ear.heard
    assert (started.method, started.url) == ("POST", URL)
    assert started.headers["Content-Type"] == "application/json"
    assert is_signed(started, secret)
    assert abs(int(started.headers["webhook-timestamp"]) - told.clock.now.timestamp()) < 1
    assert list(started.json) == ["type", "timestamp", "data"]
    data = started.json["data"]
    assert started.json["type"] == "session.started"
    assert (data["organization"], data["user"], data["application"]) == ("acme", "ann", "wiki")
    (row,) = [row for row in told.rows(user) if row.name == "ann"]
    assert data["user_id"] == row.id
    assert (data["device"], data["device_kind"]) == ("Firefox on Linux", "desktop")
    assert data["known_device"] is False
    browser.post("login", {"type": "login", "application": "mail"})
    browser.post("logout")
    send_all(told)
    ended = next(heard for heard in ear.heard if heard.url == URL and heard is not started)
    assert is_signed(ended, secret)
    assert ended.json["type"] == "session.ended"
    about = ended.json["data"]
    assert about["session"] == data["session"]
    assert (about["reason"], about["by"]) == ("signed_out", "acme/ann")
    assert about["applications"] == ["mail", "wiki"]
    assert ended.headers["webhook-id"] != started.headers["webhook-id"]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("signed out", "signed_out"),
        ("from the list", "revoked"),
        ("idle", "idle"),
        ("expired", "expired"),
        ("displaced", "displaced"),
        ("disabled", "user_disabled"),
        ("deleted", "user_deleted"),
        ("password", "credential_changed"),
    ],
)
def test_every_ending_is_told_with_its_reason(told: World, ear: Ear, how: str, reason: str) -> None:
    """Covers I09: expiry too, when it is swept."""
    told.webhook("acme", "siem", url=URL, events=("session.ended",))
    ann = told.user_agent("ann")
    vault = told.house.vault
    if how == "signed out":
        ann.post("logout")
    elif how == "from the list":
        told.basic("wiki").post("delete-session", _key())
    elif how in {"idle", "expired"}:
        told.clock.forward(hours=2 if how == "idle" else 0, days=0 if how == "idle" else 2)
        if how == "expired":
            seen = told.clock.now - timedelta(minutes=1)
            told.write(session_rows.store_uses, [(ann.session_id, seen)])
        told.write(retention.sweep, told.clock.now, 100)
    elif how == "displaced":
        told.log_in(ann, "bob")
    elif how == "disabled":
        change = users.UserChange(disabled=True)
        told.write(users.update_user, told.act(), vault, "acme", "ann", change)
    elif how == "deleted":
        told.write(users.delete_user, told.act(), "acme", "ann")
    else:
        sent = {"userOwner": "acme", "userName": "ann", "newPassword": "four new words here"}
        told.basic("wiki").post("set-password", **sent)
    send_all(told)
    (heard,) = [heard for heard in ear.heard if heard.url == URL]
    data = heard.json["data"]
    assert (data["session"], data["user"], data["reason"]) == (ann.session_id, "ann", reason)
    assert data["user_id"]
    assert EndReason(reason)


def _key() -> dict[str, Any]:
    return {"owner": "acme", "name": "ann", "application": "wiki"}


def test_a_webhook_hears_of_its_own_organization_alone(told: World, ear: Ear) -> None:
    """Covers W2: one of the built-in organization of all, or of the one that it is about."""
    for owner, path, further in (
        ("acme", "acme", {}),
        ("globex", "globex", {"about": "acme"}),
        ("built-in", "all", {}),
        ("built-in", "some", {"about": "globex"}),
    ):
        told.webhook(owner, path, url=f"{URL}/{path}", events=("session.started",), **further)
    told.user_agent("ann")
    told.user_agent("gus", "globex")
    send_all(told)
    heard = {(h.url.rpartition("/")[2], h.json["data"]["user"]) for h in ear.heard}
    assert heard == {
        ("acme", "ann"),
        ("globex", "gus"),
        ("all", "ann"),
        ("all", "gus"),
        ("some", "gus"),
    }
    # Whoever administers acme learns nothing of what the built-in organization is told.
    rows = [row for row in told.rows(notice) if row.target.endswith("/all")]
    assert {(row.organization, row.user) for row in rows} == {("built-in", "")}


def test_only_what_it_listens_to_is_owed(told: World, ear: Ear) -> None:
    told.webhook("acme", "off", url=URL, enabled=False)
    told.webhook("acme", "nowhere")
    told.webhook("acme", "endings", url=f"{URL}/endings", events=("session.ended",))
    ann = told.user_agent("ann")
    again = told.log_in(ann)
    assert again["status"] == "ok"
    assert told.rows(notice) == []
    ann.post("logout")
    send_all(told)
    assert kinds(ear) == ["session.ended"]


def test_it_is_told_until_it_takes_it_in(told: World, ear: Ear) -> None:
    """At least once, with the same id, freshly signed; then what it said is forgotten."""
    secret = told.webhook("acme", "siem", url=URL, events=("session.started",))
    ann = told.user_agent("ann")
    for status in (500, 404, 302, 204):
        ear.status = status
        later(told)
        send_all(told)
    later(told)
    send_all(told)
    assert len(ear.heard) == 4
    assert len({heard.headers["webhook-id"] for heard in ear.heard}) == 1
    assert len({heard.headers["webhook-timestamp"] for heard in ear.heard}) == 4
    assert len({heard.body for heard in ear.heard}) == 1
    assert all(is_signed(heard, secret) for heard in ear.heard)
    (kept,) = owed(told, ann.session_id, "webhook")
    assert (kept.state, kept.attempts, kept.detail) == ("delivered", 4, "{}")
    events = [e.event for e in told.rows(audit_event) if e.event.startswith("notice.")]
    assert events == ["notice.failed"] * 3 + ["notice.delivered"]


def test_both_secrets_sign_for_a_day(told: World, ear: Ear) -> None:
    old = told.webhook("acme", "siem", url=URL, events=("session.started",))
    rotate = (webhooks.rotate_secret, told.act(), told.house.vault, "acme", "siem")
    new = told.write(*rotate).secret
    told.user_agent("ann")
    send_all(told)
    (heard,) = ear.heard
    assert is_signed(heard, old)
    assert is_signed(heard, new)
    told.clock.forward(hours=24)
    told.user_agent("bob")
    send_all(told)
    assert is_signed(ear.heard[1], new)
    assert not is_signed(ear.heard[1], old)


def test_what_is_owed_follows_the_webhook(told: World, ear: Ear) -> None:
    """To its new address; and nowhere once it is turned off or deleted."""
    told.webhook("acme", "siem", url=URL, events=("session.started",))
    ear.status = 500
    ann = told.user_agent("ann")
    send_all(told)

    def change(**values: Any) -> None:
        wanted = WebhookChange(**values)
        told.write(webhooks.update_webhook, told.act(), told.house.vault, "acme", "siem", wanted)

    change(url=f"{URL}/moved")
    later(told)
    send_all(told)
    assert [heard.url for heard in ear.heard] == [URL, f"{URL}/moved"]
    change(enabled=False)
    later(told)
    send_all(told)
    (kept,) = owed(told, ann.session_id, "webhook")
    assert (kept.state, len(ear.heard)) == ("given_up", 2)
    assert kept.last_error == "the webhook was deleted or turned off"
    change(enabled=True)
    bob = told.user_agent("bob")
    told.write(webhooks.delete_webhook, told.act(), "acme", "siem")
    later(told)
    send_all(told)
    (kept,) = owed(told, bob.session_id, "webhook")
    assert (kept.state, len(ear.heard)) == ("given_up", 2)


def test_headers_of_its_own_go_along_and_none_of_ours(told: World, ear: Ear) -> None:
    named = {
        "Authorization": "Bearer of-theirs",
        "X-Key": "a",
        "webhook-signature": "v1,forged",
        "Host": "elsewhere.example",
        "Content-Length": "0",
        "Bad Name": "x",
        "X-Split": "a\r\nX-Other: b",
    }
    headers = [{"name": name, "value": value} for name, value in named.items()]
    sent = {"owner": "acme", "name": "siem", "url": URL, "events": ["login"], "isEnabled": True}
    answer = told.basic("wiki").post("add-webhook", {**sent, "headers": [*headers, "junk", {}]})
    told.user_agent("ann")
    send_all(told)
    (heard,) = ear.heard
    assert is_signed(heard, answer["data2"])
    further = {k: v for k, v in heard.headers.items() if not k.startswith("webhook-")}
    assert further == {
        "Authorization": "Bearer of-theirs",
        "X-Key": "a",
        "Content-Type": "application/json",
    }


def test_an_ending_that_is_not_written_owes_nothing(told: World) -> None:
    """The message is written with what it tells of, or not at all."""
    told.webhook("acme", "siem", url=URL, events=("session.ended",))
    ann = told.user_agent("ann")

    def end_and_fail(tx: Transaction) -> None:
        end.end_one(tx, told.act(), ann.session_id)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        told.write(end_and_fail)
    assert told.rows(notice) == []
    told.write(end.end_one, told.act(), ann.session_id)
    assert len(told.rows(notice)) == 2  # the logout of the wiki besides
