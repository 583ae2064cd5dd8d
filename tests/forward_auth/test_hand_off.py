"""The one-time code: for one host, one browser, once, and soon; and the addresses around it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from ostiary.domain.access import NOBODY, user_caller
from ostiary.services import end, forwarding
from ostiary.services.forwarding import Presented, Redeemed, state_of
from ostiary.storage import tables
from tests.forward_auth.proxied import BY_SCRIPT, NOTES, OSTIARY, PAGE, WIKI, Browser, Town

NONCE = "__Host-ostiary-nonce"


def _to_callback(browser: Browser, url: str = f"{WIKI}/page") -> str:
    to = browser.open(browser.open(url).location).location
    assert urlsplit(to).path == "/.ostiary/callback"
    return to


def _is_refused(browser: Browser, callback: str) -> bool:
    answer = browser.open(callback)
    host = f"https://{urlsplit(callback).netloc}"
    if "__Host-ostiary" in browser.jar(host):
        return False
    assert answer.status == 303
    asked = {"origin": host, "rd": parse_qs(urlsplit(callback).query)["rd"][0]}
    assert answer.location == f"{OSTIARY}/forward/failed?{urlencode(asked)}"
    return True


def test_a_code_is_good_once(town: Town) -> None:
    """Covers R05."""
    ann = town.signed_in()
    callback = _to_callback(ann)
    thief = town.browser()
    thief.jar(WIKI).update(ann.jar(WIKI))
    assert ann.open(callback).location == f"{WIKI}/page"
    assert ann.open(f"{WIKI}/").passed
    assert _is_refused(thief, callback)


def test_a_code_is_good_in_the_browser_that_asked_alone(town: Town) -> None:
    """Covers R05: whoever steals it lacks the nonce, and has used it up."""
    ann = town.signed_in()
    for nonce in (None, "A" * 43, "x", state_of(ann.jar(WIKI).get(NONCE, ""))):
        callback = _to_callback(ann)
        thief = town.browser()
        if nonce is not None:
            thief.jar(WIKI)[NONCE] = nonce
        assert _is_refused(thief, callback)
        if nonce == "A" * 43:
            assert _is_refused(ann, callback)


def test_nobody_can_be_made_to_work_in_somebody_elses_account(town: Town) -> None:
    """Covers R05: the victim's browser has a nonce of its own."""
    mallory, ann = town.signed_in(), town.browser()
    callback = _to_callback(mallory)
    ann.open(f"{WIKI}/")
    assert ann.jar(WIKI)[NONCE] != mallory.jar(WIKI)[NONCE]
    assert _is_refused(ann, callback)


def test_a_code_is_good_at_its_own_host_alone(town: Town) -> None:
    """Covers R05."""
    ann = town.signed_in()
    ann.open(f"{NOTES}/")
    callback = _to_callback(ann)
    ann.jar(NOTES)[NONCE] = ann.jar(WIKI)[NONCE]
    assert _is_refused(ann, callback.replace(WIKI, NOTES))
    assert _is_refused(ann, callback)


def test_a_code_is_good_for_half_a_minute(town: Town) -> None:
    ann = town.signed_in()
    callback = _to_callback(ann)
    town.clock.forward(seconds=30)
    assert _is_refused(ann, callback)
    callback = _to_callback(ann)
    town.clock.forward(seconds=29)
    assert not _is_refused(ann, callback)


def test_a_code_of_a_session_that_ended_meanwhile_is_none(town: Town) -> None:
    """Covers R05, A10."""
    ann = town.signed_in()
    callback = _to_callback(ann)
    town.write(end.end_one, town.act(), ann.session_id)
    assert _is_refused(ann, callback)
    assert town.rows(tables.host_cookie, session_id=ann.session_id) == []


def test_what_is_no_code_is_not_looked_up(town: Town) -> None:
    ann = town.signed_in()
    ann.open(f"{WIKI}/")
    for query in ("", "code=", "code=x", f"code={'A' * 43}", f"code={quote('ü' * 43)}", "code=%00"):
        assert _is_refused(ann, f"{WIKI}/.ostiary/callback?{query}&rd=%2F")


def test_going_back_to_a_used_address_leads_to_the_page(town: Town) -> None:
    ann = town.signed_in()
    callback = _to_callback(ann)
    for _ in range(2):
        assert ann.open(callback).location == f"{WIKI}/page"


def test_pages_that_are_opened_at_once_all_arrive(town: Town) -> None:
    ann = town.signed_in()
    starts = [ann.open(f"{WIKI}/{number}").location for number in range(3)]
    assert len({parse_qs(urlsplit(start).query)["state"][0] for start in starts}) == 1
    callbacks = [ann.open(start).location for start in starts]
    for number, callback in enumerate(callbacks):
        assert ann.open(callback).location == f"{WIKI}/{number}"
        assert ann.open(f"{WIKI}/").passed


def test_the_nonce_is_kept_from_scripts_and_never_in_an_address(town: Town) -> None:
    ann = town.signed_in()
    first = ann.open(f"{WIKI}/")
    attributes = {a.lower() for a in ann.set[NONCE].split("; ")[1:]}
    assert attributes == {"httponly", "secure", "samesite=lax", "path=/"}
    nonce = ann.jar(WIKI)[NONCE]
    assert len(nonce) == 43
    assert nonce not in first.location
    assert nonce not in ann.open(first.location).location
    assert first.response.headers["referrer-policy"] == "same-origin"
    ann.jar(WIKI)[NONCE] = "chosen by a stranger"
    ann.open(f"{WIKI}/")
    assert len(ann.jar(WIKI)[NONCE]) == 43


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
        "/.ostiary/start?rd=/",
        "/.ostiary/callback?code=x",
        "/" + "x" * 1_000,
        " /x",
    ],
)
def test_no_address_leads_from_a_host_to_anywhere_else(town: Town, wanted: str) -> None:
    """Covers R04, E12: such a wish leads to the first page."""
    ann = town.signed_in()
    for rd in (quote(wanted, safe=""), wanted if wanted.startswith("/") else None):
        if rd is None:
            continue
        ann.jar(WIKI).pop("__Host-ostiary", None)
        asked = parse_qs(urlsplit(ann.open(f"{WIKI}/.ostiary/start?rd={rd}").location).query)
        assert asked["rd"] == ["/"]
        callback = _to_callback(ann).partition("?")[2]
        code = parse_qs(callback)["code"][0]
        answer = ann.open(f"{WIKI}/.ostiary/callback?code={code}&rd={quote(wanted, safe='')}")
        assert answer.location == f"{WIKI}/"
    query = {"origin": WIKI, "state": "A" * 43, "rd": wanted}
    answer = ann.open(f"{OSTIARY}/forward/hand-off?{urlencode(query)}")
    assert answer.location.endswith("&rd=%2F")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("rd=%2Fa%3Fx%3D1%26y", "/a?x=1&y"),
        ("rd=/a?x=1&y=2", "/a?x=1&y=2"),
        ("rd=/a%20b", "/a%20b"),
        ("x=1&rd=/a&b", "/a&b"),
        ("", "/"),
        ("third=/x", "/"),
        ("rd=%2F%C3%A4", "/%C3%A4"),
        ("rd=%2F%0D%0ASet-Cookie:x", "/%0D%0ASet-Cookie:x"),
    ],
)
def test_a_link_may_say_where_to_go_in_the_end(town: Town, said: str, meant: str) -> None:
    ann = town.signed_in()
    start = ann.open(f"{WIKI}/.ostiary/start?{said}")
    assert parse_qs(urlsplit(start.location).query)["rd"] == [meant]
    assert ann.open(ann.open(start.location).location).location == f"{WIKI}{meant}"


def test_in_place_of_a_refused_page_the_way_begins_there(town: Town) -> None:
    """As nginx does it: the page's own address is told by the proxy, in any bytes."""
    headers: dict[str, str | bytes] = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "wiki.example",
        "X-Forwarded-Uri": "/ä?rd=/x".encode(),
        **PAGE,
    }
    for method in ("GET", "HEAD"):
        answer = town.ask("/.ostiary/start", headers, method=method)
        asked = parse_qs(urlsplit(answer.headers["location"]).query)
        assert (answer.status_code, asked["rd"]) == (302, ["/%C3%A4?rd=/x"])
    assert town.ask("/.ostiary/start", headers, method="POST").status_code == 401


def test_there_is_no_code_for_a_host_that_nobody_has_registered(town: Town) -> None:
    """Covers R04, L20."""
    ann = town.signed_in()
    for origin in (
        "https://evil.example",
        f"{WIKI}.evil.example",
        f"{WIKI}@evil.example",
        f"{WIKI}/",
        f"{WIKI}:443",
        WIKI.upper(),
        "http://wiki.example",
        OSTIARY,
        "",
    ):
        query = urlencode({"origin": origin, "state": "A" * 43, "rd": "/"})
        for person in (ann, town.browser()):
            answer = person.open(f"{OSTIARY}/forward/hand-off?{query}")
            assert answer.status == 404
            assert "location" not in answer.response.headers
        assert ann.open(f"{OSTIARY}/forward/failed?{query}").status == 404


def test_there_is_no_code_without_a_state(town: Town) -> None:
    ann = town.signed_in()
    for state in ("", "x", "A" * 42, "A" * 44, "ü" * 43):
        query = urlencode({"origin": WIKI, "state": state, "rd": "/"})
        assert ann.open(f"{OSTIARY}/forward/hand-off?{query}").status == 400
    assert town.rows(tables.hand_off, session_id=ann.session_id) == []


def test_asking_for_a_code_is_a_use_only_by_a_person(town: Town) -> None:
    """Covers R06."""
    ann, bob = town.signed_in(), town.signed_in()
    for _ in range(3):
        town.clock.forward(minutes=25)
        query = urlencode({"origin": WIKI, "state": "A" * 43, "rd": "/"})
        ann.open(f"{OSTIARY}/forward/hand-off?{query}")
        bob.open(f"{OSTIARY}/forward/hand-off?{query}", **BY_SCRIPT)
    assert ann.open(f"{OSTIARY}/account").status == 200
    assert bob.open(f"{OSTIARY}/account").status == 303


def test_a_page_says_how_to_try_again(town: Town) -> None:
    query = urlencode({"origin": WIKI, "rd": "/a?x=1&y"})
    answer = town.browser().open(f"{OSTIARY}/forward/failed?{query}")
    assert answer.status == 400
    assert "Signing in to wiki.example took too long" in answer.response.text
    again = f"{WIKI}/.ostiary/start?rd=%2Fa%3Fx%3D1%26y"
    assert f'href="{again}"' in answer.response.text


def test_a_long_way_back_survives_the_sign_in_page(town: Town) -> None:
    ann = town.browser()
    ann.name = town.person()
    address = f"{WIKI}/{'a%20' * 240}"
    assert ann.arrive(address).url == address


@pytest.fixture
def own_town(database_url: str, tmp_path: Path) -> Iterator[Town]:
    """A town on each store in turn."""
    made = Town(database_url, tmp_path)
    yield made
    made.close()


def test_of_two_who_present_a_code_at_once_one_gets_the_cookie(own_town: Town) -> None:
    """Covers R05."""
    started = own_town.start_session("acme", own_town.person())
    nonce = "n" * 43
    caller = user_caller(started.user, started.session)
    for _ in range(3):
        code = forwarding.hand_off(own_town.house, own_town.act(caller), WIKI, state_of(nonce))
        assert isinstance(code, str)
        [redeemed] = filter(
            None, _at_once(own_town, Presented(origin=WIKI, code=code, nonce=nonce))
        )
        judged = forwarding.judge(own_town.house, WIKI, redeemed.secret, own_town.clock.now)
        assert isinstance(judged, forwarding.Passed)
        assert judged.live.session.id == started.session.id


def _at_once(town: Town, presented: Presented) -> list[Redeemed | None]:
    barrier = threading.Barrier(2)
    got: list[Redeemed | None] = []

    def redeem() -> None:
        barrier.wait()
        got.append(forwarding.redeem(town.house, town.act(NOBODY), presented))

    threads = [threading.Thread(target=redeem) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got
