"""Sessions by user and application: tags, and what their crosses do. On both stores."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from ostiary.domain.session import Device, EndReason
from ostiary.services import records, see
from tests.support.installation import PASSWORD, Installation
from tests.web.reading import Page, Reader

People = Callable[..., Reader]

PHONE = Device(kind="phone", browser="Chrome", os="Android", agent="x", address="192.0.2.9")


def administrator(installation: Installation, people: People) -> Reader:
    """The global one."""
    reader = people(installation)
    reader.sign_in("built-in", "admin")
    return reader


def end_address(owner: str, name: str, application: str, session: str = "") -> str:
    said = {"owner": owner, "name": name, "application": application}
    return "/console/records/end?" + urlencode(
        {**said, **({"session": session} if session else {})}
    )


def crosses(page: Page) -> list[str]:
    """Where the cross of every tag leads."""
    return [
        a["href"] for a in page.with_attributes(**{"class": "btn-close"}) if "/end?" in a["href"]
    ]


def test_an_administrator_ends_a_tag_and_the_other_browser_is_signed_out(
    anywhere: Installation, people: People
) -> None:
    """Covers W1, R03: the confirmation names the device, the page after says what happened."""
    admin = administrator(anywhere, people)
    ann = people(anywhere)
    ann.sign_in("acme", "ann", application="wiki")
    anywhere.clock.forward(minutes=1)
    kept = anywhere.start_session("acme", "ann", application="wiki", device=PHONE).session.id
    page = admin.open("/console/records?q=user:ann")
    assert "1 user and application" in page.text
    assert len(crosses(page)) == 2
    page = admin.open(crosses(page)[0])
    assert "End “Firefox on Linux” of ann?" in page.text
    page = admin.send("/console/records/end", follow=False)
    assert page.response.status_code == 303
    page = admin.open(page.response.headers["location"])
    assert "Ended 1 session." in page.text
    assert "wiki is being told" in page.text
    assert len(crosses(page)) == 1
    assert kept[:8] in page.text
    ann.open("/account")
    assert ann.path.startswith("/sign-in")


def test_the_button_ends_the_whole_record_after_naming_it(
    anywhere: Installation, people: People
) -> None:
    """Covers W11."""
    admin = administrator(anywhere, people)
    ids = [
        anywhere.start_session("acme", "ann", application="wiki", device=PHONE).session.id
        for _ in range(3)
    ]
    other = anywhere.start_session("acme", "ann", application="tickets").session.id
    page = admin.open("/console/records?q=user:ann+application:wiki")
    page = admin.open(page.links["End all 3"])
    assert "End all 3 sessions of ann in wiki?" in page.text
    assert "Chrome on Android" in page.text
    page = admin.send("/console/records/end")
    assert "Ended 3 sessions." in page.text
    for session_id in ids:
        session = anywhere.read(see.one_session, anywhere.act(), session_id).session
        assert session.ended_reason is EndReason.REVOKED
    assert anywhere.read(see.one_session, anywhere.act(), other).session.ended_at is None


def test_registered_ids_look_different_and_are_taken_out(
    anywhere: Installation, people: People
) -> None:
    """Covers W9: they name no device, and the confirmation says so."""
    admin = administrator(anywhere, people)
    real = anywhere.start_session("acme", "ann", application="wiki").session.id
    key = ("acme", "ann", "wiki")
    anywhere.write(
        records.add_record, anywhere.act(), key, ["app-made", "<b>bold</b>"], exclusive=False
    )
    page = admin.open("/console/records?q=ann")
    marked = [a for _, a in page.elements if "session-tag-registered" in a.get("class", "")]
    assert len(marked) == 2
    assert "<b>bold</b>" in page.text
    page = admin.open(end_address(*key, session="app-made"))
    assert "names no device" in page.text
    page = admin.send("/console/records/end")
    assert "does not hold it any more" in page.text
    assert "app-made" not in page.text
    view = anywhere.read(records.get_record, anywhere.act(), key)
    assert view.ids == (real, "<b>bold</b>")


def test_a_record_without_sessions_can_be_removed(ostiary: Installation, admin: Reader) -> None:
    key = ("acme", "nobody-yet", "legacy")
    ostiary.write(records.add_record, ostiary.act(), key, [], exclusive=False)
    page = admin.open("/console/records?q=legacy")
    assert "no session" in page.text
    admin.open(end_address(*key))
    page = admin.send("/console/records/end")
    assert ostiary.read(records.get_record, ostiary.act(), key) is None


def test_ones_own_session_has_no_cross_and_does_not_end(
    ostiary: Installation, admin: Reader
) -> None:
    page = admin.open("/console/records?q=user:admin")
    assert "yours" in page.text
    assert crosses(page) == []
    assert "End 1 session" not in page.links
    key = ("built-in", "admin", "app-built-in")
    own = ostiary.read(records.get_record, ostiary.act(), key).ids[0]
    for address in (end_address(*key), end_address(*key, session=own)):
        page = admin.open(address)
        assert "sign out instead" in page.text.lower()
        form = page.form("/console/records/end")
        assert not form.buttons
        fields = {**form.fields, "session": own if own in address else ""}
        response = admin.browser.post("/console/records/end", data=fields)
        assert response.status_code == 409
    assert admin.open("/console").response.status_code == 200


def test_other_sessions_beside_ones_own_are_ended_one_by_one(
    ostiary: Installation, admin: Reader
) -> None:
    other = ostiary.start_session("built-in", "admin", device=PHONE).session.id
    page = admin.open("/console/records?q=user:admin")
    assert len(crosses(page)) == 1
    admin.open(crosses(page)[0])
    assert "Ended 1 session." in admin.send("/console/records/end").text
    assert ostiary.read(see.one_session, ostiary.act(), other).session.ended_at is not None


def test_an_id_of_another_record_ends_nothing(ostiary: Installation, admin: Reader) -> None:
    """Covers W1."""
    bobs = ostiary.start_session("acme", "bob", application="wiki").session.id
    ostiary.start_session("acme", "ann", application="wiki")
    assert admin.open(end_address("acme", "ann", "wiki", bobs)).response.status_code == 404
    admin.open(end_address("acme", "ann", "wiki"))
    admin.send("/console/records/end", session=bobs)
    assert ostiary.read(see.one_session, ostiary.act(), bobs).session.ended_at is None


def test_what_is_no_record_is_not_there(ostiary: Installation, admin: Reader) -> None:
    assert admin.open(end_address("acme", "ann", "wiki")).response.status_code == 404
    for incomplete in (("", "ann", "wiki"), ("acme", "", "wiki"), ("acme", "ann", "")):
        assert admin.open(end_address(*incomplete)).response.status_code == 400, incomplete


def test_the_list_is_narrowed_and_turns_its_pages(
    anywhere: Installation, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = administrator(anywhere, people)
    monkeypatch.setattr("ostiary.web.console.records.PAGE", 2)
    monkeypatch.setattr("ostiary.web.console.parts.PAGE", 2)
    for application in ("wiki", "tickets"):
        for user in ("ann", "bob"):
            anywhere.clock.forward(minutes=1)
            anywhere.start_session("acme", user, application=application)
    anywhere.start_session("globex", "zoe", application="shop")
    first = admin.open("/console/records")
    assert "1 to 2 of 6" in first.text
    second = admin.open(first.links["Older"])
    assert "3 to 4 of 6" in second.text
    back = admin.open(second.links["Newer"])
    assert back.links.keys() >= {"zoe"}
    for query, count in (
        ("q=user:ann", 2),
        ("q=application:wiki", 2),
        ("organization=globex", 1),
        ("q=organization:acme", 4),
        ("q=bob+tick", 1),
        ("q=nothing-like-it", 0),
    ):
        page = admin.open(f"/console/records?{query}")
        said = f"{count} users and applications" if count != 1 else "1 user and application"
        assert said in page.text, query
    page = admin.open("/console/records?q=bob&cursor=nonsense")
    assert page.response.status_code == 200


def test_a_token_of_the_other_view_is_pointed_there(ostiary: Installation, admin: Reader) -> None:
    ostiary.start_session("acme", "ann", application="wiki")
    page = admin.open("/console/records?q=user:ann+country:PT")
    assert "knows nothing about country" in page.text
    assert crosses(page) == []
    page = admin.open(page.links["Look among single sessions"])
    assert "country: PT" in page.text


def test_many_tags_are_folded_away(ostiary: Installation, admin: Reader) -> None:
    for _ in range(10):
        ostiary.start_session("acme", "ann", application="wiki")
    page = admin.open("/console/records?q=ann")
    assert "2 more" in page.text
    assert len(crosses(page)) == 10


def test_the_two_views_keep_the_search(ostiary: Installation, admin: Reader) -> None:
    page = admin.open("/console/sessions?q=user:ann&organization=acme")
    assert page.links["By user and application"] == (
        "/console/records?q=user%3Aann&organization=acme"
    )
    page = admin.open(page.links["By user and application"])
    assert page.links["Single sessions"] == "/console/sessions?q=user%3Aann&organization=acme"


def test_an_old_authentication_is_renewed_before_a_tag_ends(
    ostiary: Installation, admin: Reader
) -> None:
    """Covers A16."""
    victim = ostiary.start_session("acme", "ann", application="wiki").session.id
    admin.open(end_address("acme", "ann", "wiki", victim))
    ostiary.clock.forward(minutes=16)
    page = admin.send("/console/records/end")
    assert page.response.status_code == 403
    assert ostiary.read(see.one_session, ostiary.act(), victim).session.ended_at is None
    page = admin.send("/reauthenticate", password=PASSWORD)
    assert "Ended 1 session." in page.text
    assert ostiary.read(see.one_session, ostiary.act(), victim).session.ended_at is not None
