"""Webhooks in the console, without scripts."""

from collections.abc import Callable

import pytest

from ostiary.domain.errors import NotFound
from ostiary.domain.webhook import Webhook, text_of
from ostiary.services import webhooks
from tests.support.installation import PASSWORD, Installation
from tests.web.reading import Reader

People = Callable[..., Reader]

LIST = "/console/organizations/acme/webhooks"
ADD = "/console/organizations/acme/add-webhook"
ONE = f"{LIST}/siem"
URL = "https://siem.example/hook"


def webhook(ostiary: Installation, name: str = "siem") -> Webhook:
    found: Webhook = ostiary.read(webhooks.get_webhook, ostiary.act(), "acme", name)
    return found


def secrets(ostiary: Installation) -> list[str]:
    now = ostiary.clock.now
    return [text_of(s) for s in webhooks.secrets_of(ostiary.house.vault, webhook(ostiary), now)]


def test_one_is_added_and_shows_its_secret_this_once(ostiary: Installation, boss: Reader) -> None:
    """Covers R01, R07."""
    page = boss.open("/console/organizations/acme")
    page = boss.open(page.links["Webhooks"])
    assert "Nobody is told" in page.text
    page = boss.open(page.links["Add a webhook"])
    assert page.form(ADD).fields["enabled"] == "on"
    page = boss.send(ADD, name="siem", url=f" {URL} ", started="")
    assert page.response.status_code == 200
    (secret,) = secrets(ostiary)
    assert secret in page.text
    assert "no-store" in page.response.headers["cache-control"]
    found = webhook(ostiary)
    assert (found.url, found.events, found.enabled) == (URL, ("session.ended",), True)
    page = boss.open(ONE)
    assert secret not in page.response.text
    page = boss.open(LIST)
    assert URL in page.text
    assert page.links["siem"] == ONE


def test_it_is_changed_and_turned_off(ostiary: Installation, boss: Reader) -> None:
    ostiary.webhook("acme", "siem", url=URL)
    page = boss.open(ONE)
    fields = page.form(ONE).fields
    assert (fields["url"], fields["started"], fields["enabled"]) == (URL, "on", "on")
    page = boss.send(ONE, url=f"{URL}/2", enabled="", started="")
    assert "Saved" in page.text
    found = webhook(ostiary)
    assert (found.url, found.enabled, found.events) == (f"{URL}/2", False, ("session.ended",))
    assert "Off" in boss.open(LIST).text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"url": "http://siem.example/"}, "has to be an https address"),
        ({"url": "https://10.1.2.3/"}, "has to be an https address"),
        ({"url": "siem"}, "not an absolute http or https address"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(
    ostiary: Installation, boss: Reader, fields: dict[str, str], said: str
) -> None:
    """Covers I10."""
    boss.open(ADD)
    page = boss.send(ADD, name="siem", **fields)
    assert page.response.status_code == 400
    assert said in page.text
    assert page.form(ADD).fields["url"] == fields["url"]
    ostiary.webhook("acme", "siem", url=URL)
    boss.open(ONE)
    page = boss.send(ONE, **fields)
    assert page.response.status_code == 400
    assert said in page.text
    assert webhook(ostiary).url == URL
    boss.open(ADD)
    assert boss.send(ADD, name="siem", url=URL).response.status_code == 409


def test_a_new_secret_asks_for_the_password_again(ostiary: Installation, boss: Reader) -> None:
    """Covers A17: and for a day both sign."""
    old = ostiary.webhook("acme", "siem", url=URL)
    page = boss.open(ONE)
    boss.open(page.links["Make a new secret"])
    ostiary.clock.forward(minutes=16)
    page = boss.send(f"{ONE}/rotate")
    assert "Enter your password again" in page.text
    page = boss.send("/reauthenticate", password=PASSWORD)
    new, kept = secrets(ostiary)
    assert page.with_attributes(id="webhook-secret")
    assert new in page.text
    assert kept == old
    assert "Both sign until" in boss.open(ONE).text


def test_one_is_deleted_after_asking(ostiary: Installation, boss: Reader) -> None:
    ostiary.webhook("acme", "siem", url=URL)
    page = boss.open(ONE)
    page = boss.open(page.links["Delete the webhook"])
    assert "Delete siem?" in page.text
    page = boss.send(f"{ONE}/delete")
    assert "siem was deleted" in page.text
    with pytest.raises(NotFound):
        webhook(ostiary)


def test_of_another_organization_nothing_is_shown_or_changed(
    ostiary: Installation, boss: Reader, people: People
) -> None:
    """Covers W1, W2, R07."""
    ostiary.webhook("globex", "theirs", url=URL)
    one = "/console/organizations/globex/webhooks/theirs"
    token = boss.open(ADD).form(ADD).fields["form_token"]
    for path in (one, f"{one}/rotate", f"{one}/delete", one.rpartition("/")[0]):
        assert boss.open(path).response.status_code == 404, path
    assert boss.open("/console/organizations/globex/add-webhook").response.status_code == 404
    for path in (one, f"{one}/rotate", f"{one}/delete"):
        data = {"form_token": token, "url": "https://evil.example/"}
        assert boss.browser.post(path, data=data).status_code == 404, path
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    for path in (LIST, ADD, ONE):
        assert ann.open(path).response.status_code == 403, path
    found = ostiary.read(webhooks.get_webhook, ostiary.act(), "globex", "theirs")
    assert (found.url, found.sealed_previous) == (URL, b"")


def test_the_built_in_organization_chooses_whom_it_is_about(
    ostiary: Installation, people: People
) -> None:
    admin = people(ostiary)
    admin.sign_in("built-in", "admin")
    add = "/console/organizations/built-in/add-webhook"
    page = admin.open(add)
    assert "All organizations" in page.text
    admin.send(add, name="all", url=URL, about="globex")
    item = ostiary.read(webhooks.get_webhook, ostiary.act(), "built-in", "all")
    assert item.about == "globex"
