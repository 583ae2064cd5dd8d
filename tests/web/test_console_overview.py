"""The headline numbers and the audit in the console."""

from collections.abc import Callable

import pytest

from ostiary.domain.errors import WrongCredentials
from ostiary.services import end, overview
from tests.support.installation import PASSWORD, Installation
from tests.web.reading import Page, Reader

People = Callable[..., Reader]


def busy(installation: Installation) -> None:
    """Five sign-ins, two failures, two endings, in two organizations."""
    ann = installation.start_session("acme", "ann", application="wiki").session.id
    bob = installation.start_session("acme", "bob", application="tickets").session.id
    installation.start_session("acme", "bob", application="tickets")
    installation.start_session("globex", "zoe", application="shop")
    for organization, name in (("acme", "ann"), ("globex", "zoe")):
        with pytest.raises(WrongCredentials):
            installation.start_session(organization, name, password="wrong")
    installation.write(end.end_selected, installation.act(), [ann, bob])


def tiles(page: Page) -> dict[str, tuple[str, str]]:
    """The numbers by their names, with the addresses that they lead to."""
    words = page.text.split()
    found = {}
    for name in ("Live sessions", "Failed sign-ins", "Ended sessions", "Notices waiting"):
        first = name.split()
        for place in range(len(words)):
            if words[place : place + len(first)] == first:
                number = words[place + len(first)]
                found[name] = (number, page.links.get(number, ""))
    return found


def test_the_numbers_are_those_of_the_last_day_and_lead_to_what_they_count(
    anywhere: Installation, people: People
) -> None:
    busy(anywhere)
    admin = people(anywhere)
    admin.sign_in("built-in", "admin")
    page = admin.open("/console")
    numbers = anywhere.read(overview.overview, anywhere.act())
    assert (numbers.live.number, numbers.started.number) == (3, 5)
    assert (numbers.failed.number, numbers.ended.number, numbers.waiting.number) == (2, 2, 1)
    assert [(r.value, n) for r, n in numbers.reasons] == [("revoked", 2)]
    assert "Live sessions 3" in page.text
    assert "Sign-ins 5" in page.text
    assert "Failed sign-ins 2" in page.text
    assert "Ended sessions 2" in page.text
    assert "Notices waiting 1" in page.text
    assert "Ended by somebody 2 · 100 %" in page.text
    hrefs = {a.get("href", "") for tag, a in page.elements if tag == "a"}
    for address, said in (
        ("/console/sessions", "3 live sessions"),
        ("/console/events?event=sign_in.failed", "1 to 2 of 2"),
        ("/console/events?event=session.started", "1 to 5 of 5"),
        ("/console/sessions?state=ended&q=ended%3A24h", "2 ended sessions"),
        ("/console/sessions?state=ended&q=ended%3A24h+reason%3Arevoked", "2 ended sessions"),
    ):
        assert address in hrefs, address
        assert said in admin.open(address).text, address


def test_an_organization_has_numbers_of_its_own(anywhere: Installation, people: People) -> None:
    busy(anywhere)
    numbers = anywhere.read(overview.overview, anywhere.act(), "acme")
    assert (numbers.live.number, numbers.started.number, numbers.failed.number) == (1, 3, 1)
    assert (numbers.ended.number, numbers.waiting.number) == (2, 1)
    admin = people(anywhere)
    admin.sign_in("built-in", "admin")
    page = admin.open("/console?organization=globex")
    assert "Live sessions 1" in page.text
    assert "No session ended" in page.text
    assert "Notices waiting" not in page.text


def test_what_is_older_than_a_day_is_not_counted(ostiary: Installation) -> None:
    busy(ostiary)
    ostiary.clock.forward(hours=24, seconds=1)
    numbers = ostiary.read(overview.overview, ostiary.act())
    assert (numbers.live.number, numbers.started.number) == (0, 0)
    assert (numbers.failed.number, numbers.ended.number, numbers.reasons) == (0, 0, ())


def test_a_great_number_is_more_than_a_thousand(
    ostiary: Installation, admin: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "COUNT_LIMIT", 2)
    busy(ostiary)
    page = admin.open("/console")
    assert "Live sessions more than 2" in page.text
    assert "Sign-ins more than 2" in page.text
    assert "Ended sessions 2" in page.text


def test_the_audit_is_filtered_and_paged(
    ostiary: Installation, admin: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.web.console.events.PAGE", 2)
    monkeypatch.setattr("ostiary.web.console.parts.PAGE", 2)
    busy(ostiary)
    first = admin.open("/console/events")
    assert "Session ended" in first.text
    second = admin.open(first.links["Older"])
    assert "3 to 4 of" in second.text
    assert admin.open(second.links["Newer"]).text == first.text
    page = admin.open("/console/events?user=ann&event=sign_in.failed")
    assert "wrong password" in page.text
    assert "1 to 1 of 1" in page.text
    assert "zoe" not in admin.open("/console/events?organization=acme").links
    assert admin.open("/console/events?event=no.such").response.status_code == 200
    assert admin.open("/console/events?cursor=nonsense").response.status_code == 200
    assert "Nothing happened" in admin.open("/console/events?user=nobody-here").text


def test_what_was_changed_is_shown_as_old_and_new(ostiary: Installation, admin: Reader) -> None:
    admin.open("/console/organizations/acme/edit")
    admin.send("/console/organizations/acme/edit", idle="2h", display_name="New name")
    page = admin.open("/console/events?event=organization.updated")
    assert "display_name: Acme → New name" in page.text
    assert "idle 7200" in page.text


def test_every_event_has_a_name(admin: Reader) -> None:
    page = admin.open("/console/events")
    options = [a["value"] for tag, a in page.elements if tag == "option" and "." in a["value"]]
    assert len(options) > 20
    for option in options:
        assert option not in page.text, f"{option} has no text"


def test_looking_does_not_write_the_audit(ostiary: Installation, admin: Reader) -> None:
    before = admin.open("/console/events").text
    admin.open("/console")
    admin.open("/console/sessions")
    assert admin.open("/console/events").text == before
    assert PASSWORD not in before
