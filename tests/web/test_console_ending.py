"""Ending sessions in the console: one, a selection, all that match, step by step."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.domain.search import SessionFilter
from ostiary.domain.session import EndReason
from ostiary.services import end, users
from ostiary.web.console import ending
from tests.support.installation import PASSWORD, Installation
from tests.web.reading import Page, Reader
from tests.web.sessions import live, row, scattered

People = Callable[..., Reader]


PREVIEWS = [
    ("q=user:ann", 2, 1),
    ("q=country:PT,ID", 2, 2),
    ("organization=acme", 3, 2),
    ("q=application:wiki&organization=acme", 2, 2),
    ("q=created:4m", 4, 3),
    ("q=zoe", 1, 1),
]
"""What is asked for, and how many sessions of how many users it is."""


def test_ending_one_names_it_first_and_says_what_happened_after(
    ostiary: Installation, admin: Reader, people: People
) -> None:
    """Covers R03: the other browser is signed out at its next click."""
    bob = people(ostiary)
    bob.sign_in("acme", "bob", application="wiki")
    victim = live(ostiary, user="bob")[0]
    page = admin.open(f"/console/sessions/{victim}")
    page = admin.open(page.links["End this session"])
    assert "End “Firefox on Linux” of bob?" in page.text
    assert "wiki will be told" in page.text
    page = admin.send("/console/sessions/end", follow=False)
    assert page.response.status_code == 303
    assert page.response.headers["location"] == f"/console/sessions/{victim}"
    page = admin.open(page.response.headers["location"])
    assert "Ended 1 session." in page.text
    assert "Ended 1 session." not in admin.open(f"/console/sessions/{victim}").text
    assert row(ostiary, victim).ended_reason is EndReason.REVOKED
    assert row(ostiary, victim).ended_by == "built-in/admin"
    bob.open("/account")
    assert bob.path.startswith("/sign-in")


def test_a_selection_is_named_and_ended_and_nothing_else(
    ostiary: Installation, admin: Reader
) -> None:
    """Covers A14."""
    known = scattered(ostiary)
    chosen = [known["ann at home"], known["bob"]]
    page = admin.open("/console/sessions?organization=acme")
    form = page.form("/console/sessions/end")
    assert form.method == "get"
    back = form.fields["back"]
    page = admin.open(f"/console/sessions/end?id={chosen[0]}&id={chosen[1]}&back={back}")
    assert "End 2 sessions?" in page.text
    assert "Ends 2 sessions of 2 users" in page.text
    assert "Porto" in page.text
    assert "Jakarta" in page.text
    token = page.form("/console/sessions/end").fields["form_token"]
    data = {"form_token": token, "id": chosen, "back": back}
    response = admin.browser.post("/console/sessions/end", data=data, follow_redirects=True)
    assert "Ended 2 sessions of 2 users." in Page(response).text
    assert str(response.url).endswith("/console/sessions?organization=acme")
    assert {row(ostiary, i).ended_at is None for i in chosen} == {False}
    assert row(ostiary, known["ann on the way"]).ended_at is None


def test_the_session_in_use_cannot_be_ticked_nor_ended(
    ostiary: Installation, admin: Reader
) -> None:
    known = scattered(ostiary)
    own = live(ostiary, organization="built-in")[0]
    page = admin.open("/console/sessions")
    boxes = {a["value"]: a for a in page.with_attributes(type="checkbox", name="id")}
    assert "disabled" in boxes[own]
    assert "disabled" not in boxes[known["bob"]]
    assert "yours" in page.text
    page = admin.open(f"/console/sessions/end?id={own}&id={known['bob']}")
    assert "left out" in page.text
    assert page.form("/console/sessions/end").fields["id"] == known["bob"]
    assert "Sign out instead" in admin.open(f"/console/sessions/{own}").text
    admin.open(f"/console/sessions/end?id={known['bob']}")
    page = admin.send("/console/sessions/end", id=own)
    assert page.response.status_code == 409
    assert "Sign out instead" in page.text
    assert row(ostiary, own).ended_at is None


def test_a_selection_of_nothing_has_no_button(ostiary: Installation, admin: Reader) -> None:
    known = scattered(ostiary)
    for path in ("", f"?id={'0' * 32}", "?id=../../etc", "?id="):
        page = admin.open(f"/console/sessions/end{path}")
        assert "Nothing to end" in page.text
        assert not page.form("/console/sessions/end").buttons
    assert row(ostiary, known["bob"]).ended_at is None


def test_what_ended_meanwhile_is_said_to_be_gone(ostiary: Installation, admin: Reader) -> None:
    known = scattered(ostiary)
    admin.open(f"/console/sessions/end?id={known['bob']}")
    ostiary.clock.forward(hours=2)
    admin.browser.get("/account")
    admin.sign_in("built-in", "admin")
    page = admin.open(f"/console/sessions/end?id={known['bob']}")
    assert "Nothing to end" in page.text


def test_a_page_that_is_sent_twice_ends_nothing_twice(ostiary: Installation, admin: Reader) -> None:
    known = scattered(ostiary)
    page = admin.open(f"/console/sessions/end?id={known['bob']}")
    admin.send("/console/sessions/end")
    admin.page = page
    page = admin.send("/console/sessions/end")
    assert "nothing left to end" in page.text


def test_the_preview_of_all_that_match_is_what_happens(
    ostiary: Installation, admin: Reader
) -> None:
    for query, sessions, people_of in PREVIEWS:
        end.end_matching(ostiary.house, ostiary.act(), SessionFilter(organization="acme"))
        end.end_matching(ostiary.house, ostiary.act(), SessionFilter(organization="globex"))
        scattered(ostiary)
        admin.sign_in("built-in", "admin")
        before = len(live(ostiary))
        page = admin.open(f"/console/sessions?{query}")
        page = admin.open(page.links["End all that match"])
        said = f"Ends {sessions} session" + ("s" if sessions > 1 else "")
        said += f" of {people_of} users" if people_of > 1 else ""
        assert f"{said}." in page.text, query
        page = admin.send("/console/sessions/end-matching")
        assert f"Ended {sessions} session" in page.text, query
        assert len(live(ostiary)) == before - sessions, query
        assert parse_qs(urlsplit(str(page.response.url)).query).keys() <= {"q", "organization"}


def test_ending_everything_has_to_be_meant_and_spares_the_session_in_use(
    ostiary: Installation, admin: Reader
) -> None:
    known = scattered(ostiary)
    page = admin.open("/console/sessions/end-matching")
    assert "Ends 4 sessions of 3 users" in page.text
    assert "Nothing narrows this" in page.text
    refused = admin.send("/console/sessions/end-matching")
    assert refused.response.status_code == 400
    assert len(live(ostiary)) == 5
    admin.open("/console/sessions/end-matching")
    page = admin.send("/console/sessions/end-matching", sure="1")
    assert "Ended 4 sessions of 3 users." in page.text
    assert set(live(ostiary)).isdisjoint(known.values())
    assert len(live(ostiary)) == 1


def test_nothing_that_matches_has_no_button(ostiary: Installation, admin: Reader) -> None:
    for query in ("q=user:nobody", "state=ended"):
        page = admin.open(f"/console/sessions/end-matching?{query}")
        assert "No live session matches" in page.text
        assert not page.form("/console/sessions/end-matching").buttons


def test_sent_for_ended_sessions_nothing_live_ends(ostiary: Installation, admin: Reader) -> None:
    scattered(ostiary)
    admin.open("/console/sessions/end-matching?organization=acme")
    admin.send("/console/sessions/end-matching", state="ended")
    assert len(live(ostiary)) == 5


def test_long_work_goes_on_step_by_step_and_shows_how_far_it_is(
    ostiary: Installation, admin: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without scripts somebody presses the button; with them it presses itself."""
    monkeypatch.setattr(ending, "STEP", 2)
    monkeypatch.setattr("ostiary.services.end.BATCH", 2)
    for _ in range(5):
        ostiary.start_session("acme", "ann", application="wiki")
    admin.open("/console/sessions/end-matching?q=user:ann")
    page = admin.send("/console/sessions/end-matching")
    assert page.response.status_code == 200
    assert "2 of 5 have ended." in page.text
    assert [a["value"] for tag, a in page.elements if tag == "progress"] == ["2"]
    assert page.with_attributes(**{"hx-trigger": "load delay:50ms"})
    page = admin.send("/console/sessions/end-matching")
    assert "4 of 5 have ended." in page.text
    page = admin.send("/console/sessions/end-matching")
    assert "Ended 5 sessions." in page.text
    assert "wiki is being told" in page.text
    assert live(ostiary, user="ann") == []


def test_work_can_be_stopped_halfway(
    ostiary: Installation, admin: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "STEP", 2)
    monkeypatch.setattr("ostiary.services.end.BATCH", 2)
    for _ in range(5):
        ostiary.start_session("acme", "ann", application="wiki")
    admin.open("/console/sessions/end-matching?q=user:ann")
    page = admin.send("/console/sessions/end-matching")
    admin.open(page.links["Stop here"])
    assert len(live(ostiary, user="ann")) == 3


def test_an_old_authentication_is_renewed_before_anything_ends(
    ostiary: Installation, admin: Reader
) -> None:
    """Covers A16, A17: the password is asked for, and then it is done."""
    known = scattered(ostiary)
    admin.open(f"/console/sessions/end?id={known['bob']}&back=/console/sessions?q=user:bob")
    ostiary.clock.forward(minutes=16)
    page = admin.send("/console/sessions/end")
    assert page.response.status_code == 403
    assert "Enter your password again" in page.text
    assert row(ostiary, known["bob"]).ended_at is None
    page = admin.send("/reauthenticate", password="wrong")
    assert row(ostiary, known["bob"]).ended_at is None
    page = admin.send("/reauthenticate", password=PASSWORD)
    assert "Ended 1 session." in page.text
    assert str(page.response.url).endswith("/console/sessions?q=user:bob")
    assert row(ostiary, known["bob"]).ended_at is not None


def test_a_step_of_long_work_asks_again_when_it_takes_too_long(
    ostiary: Installation, admin: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "STEP", 2)
    monkeypatch.setattr("ostiary.services.end.BATCH", 2)
    for _ in range(3):
        ostiary.start_session("acme", "ann", application="wiki")
    admin.open("/console/sessions/end-matching?q=user:ann")
    admin.send("/console/sessions/end-matching")
    ostiary.clock.forward(minutes=16)
    admin.send("/console/sessions/end-matching")
    assert len(live(ostiary, user="ann")) == 1
    page = admin.send("/reauthenticate", password=PASSWORD)
    assert "Ended 3 sessions." in page.text


def test_back_leads_nowhere_else(ostiary: Installation, admin: Reader) -> None:
    """Covers E12."""
    known = scattered(ostiary)
    for wanted in ("https://evil.example", "//evil.example", "/account", "/console/../account"):
        admin.open(f"/console/sessions/end?id={known['bob']}")
        page = admin.send("/console/sessions/end", follow=False, back=wanted)
        assert page.response.headers["location"] == "/console/sessions"


def test_who_is_no_administrator_any_more_ends_nothing(
    ostiary: Installation, people: People
) -> None:
    """Covers R10."""
    ostiary.user("acme", "boss", is_admin=True)
    victim = ostiary.start_session("acme", "bob").session.id
    boss = people(ostiary)
    boss.sign_in("acme", "boss")
    boss.open(f"/console/sessions/end?id={victim}")
    change = users.UserChange(is_admin=False)
    ostiary.write(users.update_user, ostiary.act(), ostiary.house.vault, "acme", "boss", change)
    page = boss.send("/console/sessions/end")
    assert page.response.status_code == 403
    assert row(ostiary, victim).ended_at is None
