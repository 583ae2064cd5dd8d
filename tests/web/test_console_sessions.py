"""Single sessions in the console: found, shown, selected and ended, without scripts."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.domain.search import Order, SessionFilter, State
from ostiary.domain.session import Device, EndReason, Session
from ostiary.services import end, see, users
from ostiary.web.console import ending
from tests.support.installation import PASSWORD, Installation
from tests.web.reading import Page, Reader

People = Callable[..., Reader]


@pytest.fixture
def admin(ostiary: Installation, people: People) -> Reader:
    """The global administrator."""
    reader = people(ostiary)
    reader.sign_in("built-in", "admin")
    return reader


def device(**further: str) -> Device:
    return Device(
        **{
            "kind": "desktop",
            "browser": "Firefox",
            "os": "Linux",
            "agent": "Mozilla/5.0 Firefox",
            "address": "203.0.113.7",
            **further,
        }
    )


def scattered(ostiary: Installation) -> dict[str, str]:
    """Four sessions of three people, by a name each."""
    found = {}
    for name, organization, user, application, where in (
        ("ann at home", "acme", "ann", "wiki", device(country="PT", city="Porto")),
        ("ann on the way", "acme", "ann", "tickets", device(kind="phone", browser="Chrome")),
        ("bob", "acme", "bob", "wiki", device(country="ID", city="Jakarta", address="192.0.2.9")),
        ("zoe", "globex", "zoe", "shop", device(browser="Safari", os="macOS")),
    ):
        started = ostiary.start_session(organization, user, application=application, device=where)
        found[name] = started.session.id
        ostiary.clock.forward(minutes=1)
    return found


SEARCHES: list[tuple[str, set[str]]] = [
    ("user:ann", {"ann at home", "ann on the way"}),
    ("country:PT", {"ann at home"}),
    ("country:PT,ID", {"ann at home", "bob"}),
    ("country:pt browser:firefox", {"ann at home"}),
    ("browser:chrome", {"ann on the way"}),
    ("device:phone", {"ann on the way"}),
    ("address:192.0.2.9", {"bob"}),
    ("application:wiki", {"ann at home", "bob"}),
    ("organization:globex", {"zoe"}),
    ("porto", {"ann at home"}),
    ("firefox linux acme", {"ann at home", "bob"}),
    ("user:ann nothing-like-it", set()),
    ("created:2m user:bob", {"bob"}),
    ("older:3m", {"ann at home"}),
]

PREVIEWS = [
    ("q=user:ann", 2, 1),
    ("q=country:PT,ID", 2, 2),
    ("organization=acme", 3, 2),
    ("q=application:wiki&organization=acme", 2, 2),
    ("q=created:4m", 4, 3),
    ("q=zoe", 1, 1),
]
"""What is asked for, and how many sessions of how many users it is."""


def shown(page: Page) -> list[str]:
    """The public ids that a list shows, in its order."""
    hrefs = [a.get("href", "") for tag, a in page.elements if tag == "a"]
    ids = [h.rpartition("/")[2] for h in hrefs if h.startswith("/console/sessions/")]
    return [i for i in ids if len(i) == 32]


def row(ostiary: Installation, session_id: str) -> Session:
    found: Session = ostiary.read(see.one_session, ostiary.act(), session_id).session
    return found


def live(ostiary: Installation, **narrowed: str) -> list[str]:
    chosen = SessionFilter(**narrowed)
    page = ostiary.read(see.list_sessions, ostiary.act(), ostiary.house.vault, chosen, Order())
    return [s.session.id for s in page.items]


def test_the_search_finds_what_it_says(ostiary: Installation, admin: Reader) -> None:
    known = scattered(ostiary)
    for query, names in SEARCHES:
        page = admin.open(f"/console/sessions?q={query}")
        assert page.response.status_code == 200, query
        found = set(shown(page)) & set(known.values())
        assert found == {known[name] for name in names}, query
        assert ("Nothing matches" in page.text) is (not names), query


def test_a_row_says_who_where_and_with_what(ostiary: Installation, admin: Reader) -> None:
    scattered(ostiary)
    text = admin.open("/console/sessions?q=user:bob").text
    for words in ("bob", "acme", "Wiki", "Firefox on Linux", "Jakarta, Indonesia", "192.0.2.9"):
        assert words in text
    assert "1 live session" in text
    assert "1 to 1 of 1" in text


def test_what_is_in_force_is_shown_and_can_be_taken_away(
    ostiary: Installation, admin: Reader
) -> None:
    known = scattered(ostiary)
    page = admin.open("/console/sessions?q=user:ann+country:PT&organization=acme")
    assert shown(page) == [known["ann at home"]]
    assert "country: PT" in page.text
    without = [
        a["href"]
        for a in page.with_attributes(**{"aria-label": "Take “country” away"})
        if "href" in a
    ]
    assert len(shown(admin.open(without[0]))) == 2
    assert len(shown(admin.open(page.links["Clear"]))) == 5


def test_a_search_that_cannot_be_used_says_so_and_shows_nothing(
    ostiary: Installation, admin: Reader
) -> None:
    scattered(ostiary)
    page = admin.open("/console/sessions?q=country:Portugal")
    assert "two letters" in page.text
    assert shown(page) == []
    assert (
        admin.open("/console/sessions/end-matching?q=country:Portugal").response.status_code == 400
    )


def test_the_list_turns_its_pages_both_ways(
    ostiary: Installation, admin: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.web.console.sessions.PAGE", 2)
    monkeypatch.setattr("ostiary.web.console.parts.PAGE", 2)
    scattered(ostiary)
    first = admin.open("/console/sessions")
    assert "1 to 2 of 5" in first.text
    second = admin.open(first.links["Older"])
    assert "3 to 4 of 5" in second.text
    third = admin.open(second.links["Older"])
    assert "5 to 5 of 5" in third.text
    assert "Older" not in third.links
    again = admin.open(third.links["Newer"])
    assert shown(again) == shown(second)
    assert "3 to 4 of 5" in again.text
    assert shown(admin.open(again.links["Newer"])) == shown(first)
    every = shown(first) + shown(second) + shown(third)
    assert len(set(every)) == 5


def test_a_cursor_of_another_list_leads_to_the_first_page(
    ostiary: Installation, admin: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.web.console.sessions.PAGE", 2)
    scattered(ostiary)
    older = urlsplit(admin.open("/console/sessions").links["Older"])
    cursor = parse_qs(older.query)["cursor"][0]
    for path in (
        f"/console/sessions?q=user:ann&cursor={cursor}",
        f"/console/sessions?q=user:ann&cursor={cursor[:-3]}AAA",
        "/console/sessions?q=user:ann&cursor=nonsense",
    ):
        page = admin.open(path)
        assert page.response.status_code == 200
        assert "cursor" not in str(page.response.url)
        assert len(shown(page)) == 2


def test_a_page_of_the_last_hours_is_followed_by_the_same_hours(
    ostiary: Installation, admin: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.web.console.sessions.PAGE", 2)
    known = scattered(ostiary)
    first = admin.open("/console/sessions?q=created:3m")
    assert shown(first) == [known["zoe"], known["bob"]]
    ostiary.clock.forward(minutes=2)
    second = admin.open(first.links["Older"])
    assert second.response.status_code == 200
    assert shown(second) == [known["ann on the way"]]


def test_sorted_by_user_the_names_go_from_a_to_z(ostiary: Installation, admin: Reader) -> None:
    known = scattered(ostiary)
    page = admin.open("/console/sessions?sort=user")
    assert [i for i in shown(page) if i in known.values()] == [
        known["ann at home"],
        known["ann on the way"],
        known["bob"],
        known["zoe"],
    ]


def test_sorted_by_last_use_what_was_used_last_comes_first(
    ostiary: Installation, admin: Reader, people: People
) -> None:
    scattered(ostiary)
    browser, used = ostiary.signed_in_browser("acme", "ann", application="wiki")
    scattered(ostiary)
    ostiary.clock.forward(minutes=5)
    browser.get("/account")
    ostiary.house.activity.flush(ostiary.database)
    page = admin.open("/console/sessions?sort=last_seen&q=user:ann")
    assert shown(page)[0] == used


def test_too_many_to_sort_by_last_use_are_sorted_otherwise_and_it_is_said(
    ostiary: Installation, admin: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.services.see.SORT_BY_USE_LIMIT", 3)
    known = scattered(ostiary)
    page = admin.open("/console/sessions?sort=last_seen")
    assert "Too many sessions match" in page.text
    assert shown(page)[0] == known["zoe"]


def test_ended_sessions_are_shown_when_asked_for_with_why_and_by_whom(
    ostiary: Installation, admin: Reader
) -> None:
    known = scattered(ostiary)
    admin.open(f"/console/sessions/end?id={known['bob']}")
    admin.send("/console/sessions/end")
    assert known["bob"] not in shown(admin.open("/console/sessions"))
    page = admin.open("/console/sessions?state=ended")
    assert shown(page) == [known["bob"]]
    assert "Ended by somebody" in page.text
    assert "End all that match" not in page.links
    assert shown(admin.open("/console/sessions?state=ended&q=ended:1h+reason:revoked"))
    assert not shown(admin.open("/console/sessions?state=ended&q=reason:idle"))
    one = admin.open(f"/console/sessions/{known['bob']}")
    assert "built-in/admin" in one.text
    assert "End this session" not in one.links


def test_more_than_a_thousand_are_not_counted_to_the_end(
    ostiary: Installation, admin: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.services.pages.COUNT_LIMIT", 3)
    scattered(ostiary)
    page = admin.open("/console/sessions")
    assert "More than 3 live sessions" in page.text
    assert "of more than 3" in page.text


def test_one_session_is_shown_with_everything_that_is_known(
    ostiary: Installation, admin: Reader
) -> None:
    known = scattered(ostiary)
    page = admin.open(f"/console/sessions/{known['ann at home']}")
    for words in (
        known["ann at home"],
        "Firefox on Linux",
        "Porto, Portugal",
        "203.0.113.7",
        "Mozilla/5.0 Firefox",
        "24 November 2026, 09:00:00 UTC",
        "in use",
        "password",
        "Signed in",
    ):
        assert words in page.text, words
    assert page.response.text.count("secret") == 0


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


def test_the_part_that_htmx_asks_for_keeps_the_address(
    ostiary: Installation, admin: Reader
) -> None:
    scattered(ostiary)
    page = admin.open(
        "/console/sessions?q=user:ann&organization=&state=live&sort=created",
        **{"HX-Request": "true"},
    )
    assert page.response.headers["hx-replace-url"] == "/console/sessions?q=user%3Aann"
    assert [a for _, a in page.elements if a.get("id") == "results"]


def test_lists_are_the_same_on_both_stores(anywhere: Installation, people: People) -> None:
    """The journey of a search, on PostgreSQL too."""
    known = scattered(anywhere)
    admin = people(anywhere)
    admin.sign_in("built-in", "admin")
    page = admin.open("/console/sessions?q=country:PT,ID+browser:FIREFOX+created:1h&sort=user")
    assert shown(page) == [known["ann at home"], known["bob"]]
    page = admin.open(page.links["End all that match"])
    assert "Ends 2 sessions of 2 users" in page.text
    page = admin.send("/console/sessions/end-matching")
    assert "Ended 2 sessions of 2 users." in page.text
    page = admin.open("/console/sessions?state=ended&q=reason:admin_bulk+ended:1h")
    assert set(shown(page)) == {known["ann at home"], known["bob"]}
    ended = SessionFilter(state=State.ENDED)
    listed = anywhere.read(see.list_sessions, anywhere.act(), anywhere.house.vault, ended, Order())
    assert listed.total == 2
    assert admin.open("/console").response.status_code == 200
    assert admin.open("/console/sessions?q=%00&organization=%00").response.status_code < 500
    assert admin.open("/console/users/acme/%00").response.status_code < 500
