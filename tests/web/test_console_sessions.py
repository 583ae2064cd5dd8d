"""Single sessions in the console: searched, sorted, paged and shown, without scripts."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.domain.search import Order, SessionFilter, State
from ostiary.services import see
from tests.support.installation import Installation
from tests.web.reading import Reader
from tests.web.sessions import scattered, shown

People = Callable[..., Reader]


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
