"""The way through sign-in and consent in Chromium: without scripts, to another site and further."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page
from playwright.sync_api import Error as BrowserError

from ostiary.services import applications
from ostiary.services.pkce import challenge_of
from tests.support.installation import PASSWORD, Installation
from tests.web.windows import LOOKS, keep, window

THEIRS = ("third party: http://localhost", "third party: http://www.localhost")
OPENER = """<!doctype html><title>waiting</title><script>
addEventListener("message", function (event) { document.title = event.data; });
</script>"""
OPENED = """<!doctype html><title>back</title><script>
if (opener) opener.postMessage("told by " + location.pathname, "*");
</script>"""


class Site(BaseHTTPRequestHandler):
    """An application's site, which sends its users on to a further one."""

    def do_GET(self) -> None:
        """Answer."""
        path = urlsplit(self.path).path
        if path == "/callback":
            self.send_response(302)
            host = f"www.localhost:{self.server.server_port}"  # type: ignore[attr-defined]
            self.send_header("Location", f"http://{host}/home?{urlsplit(self.path).query}")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write((OPENER if path == "/opener" else OPENED).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Where it is."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def wiki(here: Installation, site: str) -> str:
    """Its client id; people are asked what it may know."""
    change = applications.ApplicationChange(
        redirect_uris=(f"{site}/callback", f"{site}/opened"), consent_required=True
    )
    found = here.write(
        applications.update_application, here.act(), here.house.vault, "wiki", change
    )
    return str(found.client_id)


def request(client_id: str, address: str, **more: str) -> str:
    return "/oauth/authorize?" + urlencode(
        {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": address,
            "scope": "openid profile email groups",
            "state": "a state",
            "code_challenge": challenge_of("v" * 43),
            "code_challenge_method": "S256",
            **more,
        }
    )


def sign_in(page: Page, name: str = "") -> None:
    if name:
        page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("look", ["phone", "light"])
def test_signing_in_leads_back_to_the_application(
    chromium: Browser, here: Installation, site: str, wiki: str, look: str
) -> None:
    """Covers B10: no policy of ours stands in the way, and no script is needed."""
    with window(chromium, here, expected=THEIRS, **LOOKS[look]) as page:
        page.goto(request(wiki, f"{site}/callback"))
        keep(page, "sign-in-application", look)
        sign_in(page, "ann")
        page.get_by_role("heading", name="Let Wiki use your account?").wait_for()
        keep(page, "consent", look)
        page.get_by_role("button", name="Allow", exact=True).click()
        page.wait_for_url("**/home?**")
        answer = parse_qs(urlsplit(page.url).query)
        assert (answer["state"], len(answer["code"])) == (["a state"], 1)
        page.goto("/account/security")
        page.get_by_text("What applications may know").wait_for()
        keep(page, "permissions", look)
        page.goto(request(wiki, f"{site}/callback", prompt="login"))
        page.get_by_role("heading", name="Enter your password again").wait_for()
        keep(page, "sign-in-again", look)
        here.clock.forward(seconds=1)
        sign_in(page)
        page.wait_for_url("**/home?**")
        page.goto(request(wiki, f"{site}/callback", prompt="consent"))
        page.get_by_role("button", name="Don\u2019t allow").click()
        page.wait_for_url("**/home?**")
        assert parse_qs(urlsplit(page.url).query)["error"] == ["access_denied"]


def test_a_pop_up_can_tell_the_window_that_opened_it(
    chromium: Browser, here: Installation, site: str, wiki: str
) -> None:
    with window(chromium, here, expected=THEIRS) as page:
        page.goto(f"{site}/opener")
        address = here.public_url + request(wiki, f"{site}/opened")
        with page.expect_popup() as opened:
            page.evaluate("address => { open(address, 'sign-in', 'popup'); }", address)
        popup = opened.value
        sign_in(popup, "bob")
        popup.get_by_role("button", name="Allow", exact=True).click()
        page.wait_for_function("document.title === 'told by /opened'")


def test_a_frame_is_told_who_is_signed_in(
    chromium: Browser, here: Installation, site: str, wiki: str
) -> None:
    """Covers G03: silently, on one site; our own pages stay out of frames all the same."""
    neighbour = site.replace("localhost", "127.0.0.1")
    change = applications.ApplicationChange(
        redirect_uris=(f"{neighbour}/opened",), consent_required=False
    )
    here.write(applications.update_application, here.act(), here.house.vault, "wiki", change)
    expected = (f"third party: {neighbour}", "frame", "failed: ")
    with window(chromium, here, expected=expected) as page:

        def framed(**more: str) -> str:
            page.goto(f"{neighbour}/opener")
            address = here.public_url + request(wiki, f"{neighbour}/opened", **more)
            page.set_content("<iframe></iframe>")
            page.locator("iframe").evaluate("(frame, address) => { frame.src = address; }", address)
            page.wait_for_function("document.querySelector('iframe').src && frames.length === 1")
            frame = page.frames[1]
            # What may not be shown in a frame is either an error by itself or the page of one.
            with suppress(BrowserError):
                frame.wait_for_url(lambda url: not url.startswith(("about:", here.public_url)))
            frame.wait_for_url(lambda url: not url.startswith(("about:", here.public_url)))
            return frame.url

        assert "error=login_required" in framed(prompt="none")
        page.goto(request(wiki, f"{neighbour}/opened"))
        sign_in(page, "ann")
        page.wait_for_url("**/opened?**")
        assert "code=" in framed(prompt="none")
        assert framed(prompt="login").startswith("chrome-error://")
