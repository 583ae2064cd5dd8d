"""The recipes of the documentation, with the real proxies."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.forward_auth.proxies import ID, PAGE, PROXIES, WIKI, Browser, House, house
from tests.support.installation import PASSWORD

ADDRESS = f"https://{WIKI}/some/page?x=1&y=%2F"
FORGED = {"X-Ostiary-User": "admin", "X-Ostiary-Groups": "admins", "X-Ostiary-Session": "mine"}


@pytest.fixture(scope="module", params=list(PROXIES))
def here(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """A house behind each proxy in turn."""
    if request.param == "traefik" and shutil.which("traefik") is None:
        pytest.skip("traefik is not installed; no package of Debian brings it")
    with house(request.param, tmp_path_factory.mktemp(request.param)) as made:
        yield made


def signed_in(here: House, name: str = "ann") -> tuple[Browser, dict[str, Any]]:
    """A browser that was led to the sign-in, and what the application was told then."""
    browser = here.browser()
    url, status, body = browser.sign_in(browser.follow(ADDRESS), name, PASSWORD)
    assert (url, status) == (ADDRESS, 200), body
    return browser, json.loads(body)


def test_a_stranger_is_led_to_sign_in_and_back_to_the_page(here: House) -> None:
    """Covers R04, R05."""
    browser = here.browser()
    url, status, body = browser.follow(ADDRESS)
    assert url.startswith(f"https://{ID}/sign-in/built-in/wiki?return_to=")
    assert status == 200
    url, status, body = browser.sign_in((url, status, body), "ann", PASSWORD)
    assert (url, status) == (ADDRESS, 200)
    told = json.loads(body)
    assert told["path"] == "/some/page?x=1&y=%2F"
    headers = told["headers"]
    assert headers["x-ostiary-user"] == "ann"
    assert headers["x-ostiary-organization"] == "built-in"
    assert set(browser.jars[WIKI]) >= {"__Host-ostiary"}
    assert "__Host-sid" not in browser.jars[WIKI]
    assert browser.ask(ADDRESS, **PAGE)[0] == 200


def test_what_a_visitor_says_of_himself_is_not_passed_on(here: House) -> None:
    """Covers L20, R04: identity headers from outside."""
    browser, _ = signed_in(here)
    status, _, body = browser.ask(
        ADDRESS, **PAGE, **{k.replace("-", "_"): v for k, v in FORGED.items()}
    )
    headers = json.loads(body)["headers"]
    assert status == 200
    assert headers["x-ostiary-user"] == "ann"
    assert headers.get("x-ostiary-groups", "") == ""
    assert headers["x-ostiary-session"] != "mine"
    stranger = here.browser()
    forged = {"X_Forwarded_Host": ID, "X_Ostiary_User": "admin", "X_Forwarded_Uri": "/check"}
    assert stranger.ask(ADDRESS, Accept="*/*", **forged)[0] == 401


def test_what_is_no_page_is_told_401_and_reaches_nobody(here: House) -> None:
    """Covers R04."""
    stranger = here.browser()
    for method, headers in (("POST", PAGE), ("GET", {"Accept": "application/json"})):
        status, told, _ = stranger.ask(
            ADDRESS, method=method, body="x" if method == "POST" else "", **headers
        )
        assert status == 401
        assert "location" not in told


def test_bodies_and_methods_reach_the_application(here: House) -> None:
    browser, _ = signed_in(here)
    status, _, body = browser.ask(ADDRESS, method="PUT", body="hello", Accept="*/*")
    assert (status, json.loads(body)["body"]) == (200, "hello")


def test_an_ended_session_is_refused_at_once(here: House) -> None:
    """Covers A10, R03."""
    browser, told = signed_in(here, "bob")
    assert browser.ask(ADDRESS, Accept="*/*")[0] == 200
    here.command("sessions", "end", told["headers"]["x-ostiary-session"], "--yes")
    assert browser.ask(ADDRESS, Accept="*/*")[0] == 401
    url, _, _ = browser.follow(ADDRESS)
    assert url.startswith(f"https://{ID}/sign-in/")


def test_the_proxys_own_question_cannot_be_asked_from_outside(here: House) -> None:
    browser, _ = signed_in(here)
    for path in ("/.ostiary/check", "/.ostiary/../check", "/.ostiary/account", "/.ostiary/v1/me"):
        status, headers, _ = browser.ask(f"https://{WIKI}{path}", Accept="*/*")
        assert status == 404 or "x-ostiary-user" not in headers
