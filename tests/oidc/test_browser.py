"""oidc-client-ts, which most pages without a server use, in Chromium against the real server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ostiary.domain.session import EndReason
from ostiary.storage import tables
from tests.oidc.flow import World
from tests.support.installation import FIREFOX, PASSWORD
from tests.support.programs import need_browser_library
from tests.support.serving import serving
from tests.web.windows import ARGUMENTS

PAGE = b"""<!doctype html><title>An application</title>
<script src="/oidc-client-ts.min.js"></script>
<script>
  const manager = (authority, id) => new oidc.UserManager({
    authority, client_id: id, scope: "openid profile email", loadUserInfo: true,
    redirect_uri: location.origin + "/callback",
    silent_redirect_uri: location.origin + "/silent",
    post_logout_redirect_uri: location.origin + "/bye",
    automaticSilentRenew: false, silentRequestTimeoutInSeconds: 10,
  });
  const said = (user) => user && {
    sub: user.profile.sub, sid: user.profile.sid, auth_time: user.profile.auth_time,
    email: user.profile.email, access: user.access_token, refresh: user.refresh_token || "",
  };
  const tried = (promise) => promise.then(said, (error) => ({error: error.error || error.message}));
  if (location.pathname === "/silent" && parent !== window)
    new oidc.UserManager({authority: "", client_id: "", redirect_uri: ""}).signinSilentCallback();
</script>
"""


class _Application(BaseHTTPRequestHandler):
    """The files of a page without a server of its own."""

    library = b""

    def do_GET(self) -> None:
        is_library = self.path == "/oidc-client-ts.min.js"
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if is_library else "text/html")
        self.end_headers()
        self.wfile.write(self.library if is_library else PAGE)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def chromium(chromium_path: str) -> Iterator[Browser]:
    """The system's browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where the application's page is served."""
    _Application.library = need_browser_library(
        "oidc-client-ts/dist/browser/oidc-client-ts.min.js"
    ).read_bytes()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Application) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join(10)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world at a real address, whose time is that of the browser."""
    directory = tmp_path_factory.mktemp("browser")

    def make(public_url: str) -> World:
        made = World(f"sqlite:///{directory / 'ostiary.db'}", directory, public_url=public_url)
        made.clock.now = datetime.now(UTC)
        return made

    with serving(make) as world:
        yield world


class Application:
    """The page in a window, driven by its own library."""

    def __init__(self, page: Page, world: World, site: str, **settings: Any) -> None:
        self.page, self.world, self.site = page, world, site
        self.client = world.public_client(
            redirect_uris=(f"{site}/callback", f"{site}/silent"),
            post_logout_redirect_uris=(f"{site}/bye",),
            **settings,
        )

    def run(self, call: str) -> Any:
        """Call the library's manager, and say what came of it."""
        made = f"manager({self.world.public_url!r}, {self.client.client_id!r})"
        return self.page.evaluate(f"() => tried({made}.{call})")

    def leave(self, call: str) -> None:
        """Call what leads away from the page."""
        made = f"manager({self.world.public_url!r}, {self.client.client_id!r})"
        self.page.evaluate(f"() => {{ {made}.{call} }}")

    def sign_in(self, name: str, email: str) -> dict[str, Any]:
        """By the page's library, our sign-in page, and back."""
        self.world.user("acme", name, email=email)
        self.page.goto(self.site)
        self.leave("signinRedirect()")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"{self.site}/callback?**")
        found: dict[str, Any] = self.run("signinCallback()")
        assert found["email"] == email, found
        return found


@contextmanager
def _window(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(user_agent=FIREFOX)
    context.set_default_timeout(20_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        yield page
        assert errors == []
    finally:
        context.close()


def test_a_page_signs_in_refreshes_renews_silently_and_signs_out(
    chromium: Browser, served: World, port: int
) -> None:
    """Covers G03, G13, H05, H11, B09, R11: application and server on one site."""
    with _window(chromium) as page:
        here = f"http://127.0.0.1:{port}"
        app = Application(page, served, here)
        first = app.sign_in("ann", "ann@acme.example")
        assert first["refresh"]
        refreshed = app.run("signinSilent()")
        assert refreshed["refresh"] not in {"", first["refresh"]}
        assert refreshed["access"] != first["access"]
        assert (refreshed["sub"], refreshed["sid"]) == (first["sub"], first["sid"])

        thin = Application(page, served, here, grant_types=("authorization_code",))
        page.goto(here)
        silent = thin.run("signinSilent()")
        assert (silent["sub"], silent["refresh"]) == (first["sub"], ""), silent
        assert silent["auth_time"] == first["auth_time"]
        assert thin.run("signinSilent()")["access"] != silent["access"]

        app.leave("signoutRedirect()")
        page.wait_for_url(f"{here}/bye**")
        assert thin.run("signinSilent()") == {"error": "login_required"}
        assert app.client.userinfo(refreshed["access"]).status_code == 401
        ended = [row.ended_reason for row in served.rows(tables.session) if row.ended_at]
        assert ended == [EndReason.SIGNED_OUT]


def test_on_another_site_the_browser_keeps_the_cookie_and_the_refresh_token_serves(
    chromium: Browser, served: World, port: int
) -> None:
    """Covers G03, M04: silent renewal in a frame answers login_required, and nothing breaks."""
    with _window(chromium) as page:
        there = f"http://localhost:{port}"
        app = Application(page, served, there)
        first = app.sign_in("bob", "bob@acme.example")
        thin = Application(page, served, there, grant_types=("authorization_code",))
        assert thin.run("signinSilent()") == {"error": "login_required"}
        refreshed = app.run("signinSilent()")
        assert refreshed["sub"] == first["sub"]
        assert refreshed["access"] != first["access"]
        # Going there with the whole window needs no password: the session is alive.
        page.goto(there)
        thin.leave("signinRedirect()")
        page.wait_for_url(f"{there}/callback?**")
        assert thin.run("signinCallback()")["sub"] == first["sub"]
