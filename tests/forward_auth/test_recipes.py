"""The recipes of the documentation, with the real proxies."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import sync_playwright

from tests.forward_auth.proxies import (
    ID,
    PAGE,
    PROXIES,
    RECIPES,
    WIKI,
    Browser,
    Front,
    House,
    house,
)
from tests.support.installation import PASSWORD
from tests.web.windows import ARGUMENTS, TIMEOUT

ADDRESS = f"https://{WIKI}/some/page?x=1&y=%2F"
FORGED = {
    "X-Ostiary-User": "admin",
    "X-Ostiary-Groups": "admins",
    "X-Ostiary-Session": "mine",
    "Remote-User": "admin",
    # As applications see it that are called by CGI or WSGI, these are the same names.
    "X_Ostiary_User": "admin",
    "X_Ostiary_Groups": "admins",
    "Remote_User": "admin",
}


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """What lies behind the proxies."""
    with house(tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.fixture(scope="module", params=list(PROXIES))
def here(
    request: pytest.FixtureRequest, behind: House, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """The way in through each proxy in turn."""
    if request.param == "traefik" and shutil.which("traefik") is None:
        pytest.skip("traefik is not installed; no package of Debian brings it")
    with behind.behind(request.param, tmp_path_factory.mktemp(request.param)) as made:
        yield made


def signed_in(here: Front, name: str = "ann") -> tuple[Browser, dict[str, Any]]:
    """A browser that was led to the sign-in, and what the application was told then."""
    browser = here.browser()
    url, status, body = browser.sign_in(browser.follow(ADDRESS), name, PASSWORD)
    assert (url, status) == (ADDRESS, 200), body
    return browser, json.loads(body)


def test_a_stranger_is_led_to_sign_in_and_back_to_the_page(here: Front) -> None:
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


def test_what_a_visitor_says_of_himself_is_not_passed_on(here: Front) -> None:
    """Covers L20, R04: identity headers from outside."""
    browser, _ = signed_in(here)
    status, _, body = browser.ask(ADDRESS, **PAGE, forged=FORGED)
    headers = json.loads(body)["headers"]
    assert status == 200
    assert headers["x-ostiary-user"] == "ann"
    assert headers.get("remote-user", "ann") == "ann"
    assert not {"admin", "admins", "mine"} & set(headers.values())


def test_traefik_takes_every_spelling_of_an_identity_out() -> None:
    """Covers L20: the pattern alone, since its program is seldom there."""
    recipe = (RECIPES / "traefik-ostiary.yml").read_text()
    [pattern] = re.findall(r"authResponseHeadersRegex: (\S+)\n", recipe)
    further = ("X-Ostiary_user", "X_ostiary-User", "X.ostiary.user", "X-Ostiary-Auth-Time")
    for name in (*FORGED, *further):
        assert re.search(pattern, name), name
    for name in ("Cookie", "X-Forwarded-Host", "Remote-Users", "Accept"):
        assert not re.search(pattern, name), name


def test_nobody_gets_in_by_what_he_says_about_the_request(here: Front) -> None:
    """Covers L20, R04: what the proxy is to say cannot be said, or kept from us, by a visitor."""
    stranger = here.browser()
    for forged in (
        FORGED,
        {"X-Forwarded-Host": ID, "X-Forwarded-Uri": "/check"},
        {"X-Forwarded-Method": "GET", "X-Original-Uri": "/", "Forwarded": f"host={ID}"},
        {"Connection": "close, X-Forwarded-Host, X-Forwarded-Uri, Cookie"},
    ):
        assert stranger.ask(ADDRESS, Accept="*/*", forged=forged)[0] == 401
        status, headers, _ = stranger.ask(ADDRESS, **PAGE, forged=forged)
        assert status == 302
        assert headers["location"].startswith(
            f"https://{ID}/forward/hand-off?origin=https%3A%2F%2F"
        )
        assert quote(WIKI) in headers["location"]


def test_what_is_no_page_is_told_401_and_reaches_nobody(here: Front) -> None:
    """Covers R04."""
    stranger = here.browser()
    for method, headers in (("POST", PAGE), ("GET", {"Accept": "application/json"})):
        status, told, _ = stranger.ask(
            ADDRESS, method=method, body="x" if method == "POST" else "", **headers
        )
        assert status == 401
        assert "location" not in told


def test_bodies_and_methods_reach_the_application(here: Front) -> None:
    browser, _ = signed_in(here)
    status, _, body = browser.ask(ADDRESS, method="PUT", body="hello", Accept="*/*")
    assert (status, json.loads(body)["body"]) == (200, "hello")


def test_an_ended_session_is_refused_at_once(here: Front) -> None:
    """Covers A10, R03."""
    browser, told = signed_in(here, "bob")
    assert browser.ask(ADDRESS, Accept="*/*")[0] == 200
    here.house.end(told["headers"]["x-ostiary-session"])
    assert browser.ask(ADDRESS, Accept="*/*")[0] == 401
    url, _, _ = browser.follow(ADDRESS)
    assert url.startswith(f"https://{ID}/sign-in/")


def test_the_proxys_own_question_cannot_be_asked_from_outside(here: Front) -> None:
    browser, _ = signed_in(here)
    for path in ("/.ostiary/check", "/.ostiary/../check", "/.ostiary/account", "/.ostiary/v1/me"):
        status, headers, _ = browser.ask(f"https://{WIKI}{path}", Accept="*/*")
        assert status == 404 or "x-ostiary-user" not in headers


def test_it_works_in_a_real_browser(here: Front, chromium_path: str) -> None:
    """Covers R05: the browser's own rules for cookies and redirects, from the form to the page."""
    mapped = f"--host-resolver-rules=MAP *.example.org 127.0.0.1:{here.port}"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=chromium_path, args=[*ARGUMENTS, mapped]
        )
        context = chromium.new_context(ignore_https_errors=True)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(ADDRESS)
        page.locator("[name=name]").fill("ann")
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("[name=password]").press("Enter")
        page.wait_for_url(ADDRESS)
        assert '"x-ostiary-user": "ann"' in (page.text_content("body") or "")
        assert complaints == []
        assert page.evaluate("document.cookie") == ""
        assert page.evaluate("fetch('/data').then((answer) => answer.status)") == 200
        other = context.new_page()
        other.goto(f"https://{WIKI}/.ostiary/sign-out")
        other.locator("form[action='/sign-out'] button").last.click()
        other.wait_for_url(f"https://{ID}/signed-out*")
        assert page.evaluate("fetch('/data').then((answer) => answer.status)") == 401
        page.reload()
        assert page.url.startswith(f"https://{ID}/sign-in/built-in/wiki?")
        chromium.close()
