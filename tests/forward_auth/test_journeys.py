"""Whole ways: to a host that a proxy guards, on to another, and what ends them."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.services import applications, cutting, end, retention, users
from ostiary.storage import sessions as stored
from ostiary.storage import tables
from tests.forward_auth.proxied import BY_SCRIPT, NOTES, OSTIARY, SHOP, WIKI, Browser, Town

ADDRESS = f"{WIKI}/page/a%20b?x=1&y=%2F"


def test_a_stranger_signs_in_and_comes_to_the_page_that_was_asked_for(town: Town) -> None:
    """Covers R04, R05."""
    ann = town.browser()
    ann.name = town.person()
    first = ann.open(ADDRESS)
    assert first.status == 302
    assert first.location.startswith(f"{OSTIARY}/forward/hand-off?")
    assert list(ann.jar(WIKI)) == ["__Host-ostiary-nonce"]
    second = ann.open(first.location)
    assert second.location.startswith(f"{OSTIARY}/sign-in/acme/wiki?return_to=")
    arrived = ann.arrive(second.location)
    assert arrived.url == ADDRESS
    assert arrived.passed
    told = {k: v for k, v in arrived.response.headers.items() if k.startswith("x-ostiary-")}
    assert told.pop("x-ostiary-auth-time").isdigit()
    [session_id] = [row.id for row in town.rows(tables.session, user_name=ann.name, ended_at=None)]
    assert told == {
        "x-ostiary-user": ann.name,
        "x-ostiary-organization": "acme",
        "x-ostiary-session": session_id,
        "x-ostiary-email": f"{ann.name}@example.com",
        "x-ostiary-groups": "",
    }


def test_who_is_signed_in_is_not_asked_again_at_any_host(town: Town) -> None:
    """Covers R05: each host has a cookie of its own, and none is a parent domain's."""
    ann = town.signed_in()
    assert ann.arrive(f"{WIKI}/").user == ann.name
    assert ann.arrive(f"{NOTES}/").user == ann.name
    at_wiki, at_notes = (ann.jar(host)["__Host-ostiary"] for host in (WIKI, NOTES))
    assert len({at_wiki, at_notes, ann.jar(OSTIARY)["__Host-sid"]}) == 3
    for wrong, host in ((at_wiki, NOTES), (at_notes, WIKI)):
        mallory = town.browser()
        mallory.jar(host)["__Host-ostiary"] = wrong
        assert mallory.open(f"{host}/", redirect=False).status == 401
    entered = town.rows(tables.audit_event, event="session.entered", user=ann.name)
    assert [json.loads(e.detail) for e in entered] == [{"host": WIKI}, {"host": NOTES}]
    assert {e.application for e in entered} == {"wiki"}


def test_the_hosts_cookie_is_kept_from_scripts_and_other_hosts(town: Town) -> None:
    """Covers R05, B01."""
    ann = town.signed_in()
    answer = _to_callback(ann)
    ann.open(answer)
    attributes = ann.set["__Host-ostiary"].split("; ")[1:]
    assert {a.lower() for a in attributes} == {"httponly", "secure", "samesite=lax", "path=/"}
    again = town.signed_in(remember=True)
    again.open(_to_callback(again))
    assert "Max-Age=2592000" in again.set["__Host-ostiary"]


def test_an_ended_session_is_refused_by_the_next_check_of_every_host(town: Town) -> None:
    """Covers R04, A10, R03."""
    ann, bob = town.signed_in(), town.signed_in()
    for person in (ann, bob):
        for host in (WIKI, NOTES):
            person.arrive(f"{host}/")
    town.write(end.end_one, town.act(), ann.session_id)
    for host in (WIKI, NOTES):
        assert ann.open(f"{host}/", redirect=False).status == 401
        assert bob.open(f"{host}/", redirect=False).user == bob.name
    [used] = town.rows(tables.client_session, session_id=ann.session_id, settled_at=None)
    [owed] = town.rows(tables.notice, session_id=ann.session_id)
    assert owed.sid == used.sid


def test_a_disabled_users_cookie_opens_nothing(town: Town) -> None:
    ann = town.signed_in()
    ann.arrive(f"{WIKI}/")
    change = users.UserChange(disabled=True)
    town.write(users.update_user, town.act(), town.house.vault, "acme", ann.name, change)
    assert ann.open(f"{WIKI}/", redirect=False).status == 401


def test_a_cut_off_of_the_application_stops_its_hosts_and_nothing_else(town: Town) -> None:
    """The session goes on elsewhere, and comes back by a new cookie."""
    ann = town.signed_in()
    ann.arrive(f"{WIKI}/")
    town.clock.forward(seconds=1)
    town.write(cutting.end_everything, town.act(), cutting.Subject.APPLICATION, "wiki")
    assert ann.open(f"{WIKI}/", redirect=False).status == 401
    assert ann.open(f"{OSTIARY}/account").status == 200
    assert ann.arrive(f"{WIKI}/").user == ann.name


def test_a_cookie_ends_with_its_host_or_application(town: Town) -> None:
    town.application("acme", "blog")
    old, new = "https://old.example", "https://new.example"
    town.hosts("blog", old, new)
    ann = town.signed_in()
    for host in (old, new):
        ann.arrive(f"{host}/")
    town.hosts("blog", new)
    assert ann.open(f"{old}/").status == 403
    assert ann.open(f"{new}/").user == ann.name
    town.application("acme", "diary")
    town.hosts("diary", old)
    assert ann.open(f"{old}/", redirect=False).status == 401
    town.write(applications.delete_application, town.act(), "blog")
    assert ann.open(f"{new}/").status == 403
    town.hosts("diary", old, new)
    assert ann.open(f"{new}/", redirect=False).status == 401


def test_users_of_another_organization_get_no_cookie(town: Town) -> None:
    ann = town.signed_in()
    answer = ann.arrive(f"{SHOP}/")
    assert answer.status == 403
    assert "The application shop is not open to acme." in answer.response.text
    assert "__Host-ostiary" not in ann.jar(SHOP)
    assert town.signed_in("globex").arrive(f"{SHOP}/").passed


def test_an_application_that_takes_no_sign_ins_gives_no_new_cookies(town: Town) -> None:
    town.application("acme", "closed")
    host = "https://closed.example"
    town.hosts("closed", host)
    ann, bob = town.signed_in(), town.signed_in()
    ann.arrive(f"{host}/")
    callback = _to_callback(bob, host)
    change = applications.ApplicationChange(sign_in_disabled=True)
    town.write(applications.update_application, town.act(), town.house.vault, "closed", change)
    assert ann.open(f"{host}/").user == ann.name
    assert bob.open(callback).location.startswith(f"{OSTIARY}/forward/failed?")
    assert bob.arrive(f"{host}/").status == 403


def test_an_authentication_that_is_too_old_for_a_host_is_asked_for_again(town: Town) -> None:
    """Covers R06."""
    town.application("acme", "safe")
    host = "https://safe.example"
    town.hosts("safe", host, max_age=600)
    ann = town.signed_in()
    assert ann.arrive(f"{host}/").user == ann.name
    ann.arrive(f"{WIKI}/")
    town.clock.forward(seconds=600)
    assert ann.open(f"{host}/").passed
    town.clock.forward(seconds=1)
    assert ann.open(f"{host}/", **BY_SCRIPT).status == 401
    assert ann.open(f"{host}/", redirect=False).status == 401
    assert ann.open(f"{WIKI}/").passed
    to = ann.open(ann.open(f"{host}/page").location).location
    asked = parse_qs(urlsplit(to).query)
    assert asked["whom"] == ["the_same"]
    arrived = ann.arrive(to)
    assert (arrived.url, arrived.user) == (f"{host}/page", ann.name)
    assert arrived.response.headers["x-ostiary-session"] == ann.session_id


@pytest.mark.parametrize("counts", [False, True])
def test_what_a_page_asks_for_by_itself_is_a_use_only_where_that_is_said(
    town: Town, *, counts: bool
) -> None:
    """Covers R06."""
    town.application("acme", f"chat-{counts}")
    host = f"https://chat-{counts}.example".lower()
    town.hosts(f"chat-{counts}", host, background_counts=counts)
    ann = town.signed_in()
    ann.arrive(f"{host}/")
    for _ in range(3):
        town.clock.forward(minutes=25)
        ann.open(f"{host}/poll", redirect=False, **BY_SCRIPT)
        ann.open(f"{host}/next", redirect=False, Sec_Purpose="prefetch;prerender")
        town.house.activity.flush(town.database)
    assert ann.open(f"{host}/").passed is counts


def test_pages_that_somebody_opens_are_uses(town: Town) -> None:
    """Covers R06. A program that says nothing about itself is no page, and counts too."""
    ann, bob = town.signed_in(), town.signed_in()
    for person in (ann, bob):
        person.arrive(f"{WIKI}/")
    cookie = {"Cookie": f"__Host-ostiary={bob.jar(WIKI)['__Host-ostiary']}"}
    for _ in range(3):
        town.clock.forward(minutes=25)
        assert ann.open(f"{WIKI}/").passed
        assert town.ask("/check", {"X-Forwarded-Host": "wiki.example", **cookie}).status_code == 200
        town.house.activity.flush(town.database)
    assert ann.open(f"{WIKI}/").passed


def test_signing_out_of_a_host_leads_to_signing_out_everywhere(town: Town) -> None:
    ann = town.signed_in()
    ann.arrive(f"{WIKI}/")
    ann.arrive(f"{NOTES}/")
    asked = ann.open(f"{WIKI}/.ostiary/sign-out")
    assert (asked.status, asked.location) == (303, f"{OSTIARY}/sign-out")
    assert ann.open(f"{WIKI}/").passed
    secret = ann.jar(WIKI)["__Host-ostiary"]
    left = ann.open(f"{WIKI}/.ostiary/sign-out", method="POST", Sec_Fetch_Site="same-origin")
    assert (left.status, left.location) == (303, f"{OSTIARY}/sign-out")
    assert "__Host-ostiary" not in ann.jar(WIKI)
    ann.jar(WIKI)["__Host-ostiary"] = secret
    assert ann.open(f"{WIKI}/", redirect=False).status == 401
    assert ann.open(f"{NOTES}/").passed
    assert ann.open(f"{OSTIARY}/account").status == 200


def test_nobody_is_signed_out_of_a_host_by_another_site(town: Town) -> None:
    """Covers E09."""
    ann = town.signed_in()
    ann.arrive(f"{WIKI}/")
    for proof in (
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": NOTES},
        {"Origin": OSTIARY},
        {},
    ):
        answer = ann.open(f"{WIKI}/.ostiary/sign-out", method="POST", **proof)
        assert answer.status == 403
    assert ann.open(f"{WIKI}/").passed
    assert ann.open(f"{WIKI}/.ostiary/sign-out", method="POST", Origin=WIKI).status == 303


def test_one_browser_has_few_cookies_of_a_host(town: Town) -> None:
    """Pages that are opened at once each get one; older ones go."""
    ann = town.signed_in()
    first = _to_callback(ann)
    second = _to_callback(ann)
    for callback in (first, second):
        assert ann.open(callback).location == f"{WIKI}/"
    for _ in range(4):
        town.clock.forward(minutes=2)
        del ann.jar(WIKI)["__Host-ostiary"]
        ann.arrive(f"{WIKI}/")
    assert len(town.rows(tables.host_cookie, session_id=ann.session_id)) == 1


def test_codes_that_nobody_came_for_are_purged(town: Town) -> None:
    ann = town.signed_in()
    _to_callback(ann)
    town.clock.forward(minutes=1)
    town.write(retention.purge, town.clock.now, town.policy)
    assert town.rows(tables.hand_off) == []
    session = town.read(stored.by_id, ann.session_id)
    assert session is not None


def _to_callback(browser: Browser, host: str = WIKI) -> str:
    """As far as to the address with the code."""
    to = browser.open(browser.open(f"{host}/").location).location
    assert to.startswith(f"{host}/.ostiary/callback?")
    return to
