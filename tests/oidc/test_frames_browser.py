"""Frames in Chromium: our state in pages of two other sites, and their pages on our way out.

Ours is reached by https under a name, since that is when browsers keep a cookie in frames.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright

from ostiary.domain.session import EndReason
from ostiary.storage.tables import session
from tests.oidc.flow import VERIFIER, Client, World, good
from tests.support.certificates import certify
from tests.support.installation import PASSWORD
from tests.support.serving import serving
from tests.web.windows import ARGUMENTS, TIMEOUT

HOST = "id.example"
PARTY = """<!doctype html><title>a relying party</title>
<iframe id="op" src="{frame}"></iframe>
<script>
  function ask(text) {{
    return new Promise(function (resolve) {{
      addEventListener("message", function (event) {{ resolve([event.origin, event.data]); }},
        {{once: true}});
      document.getElementById("op").contentWindow.postMessage(text, "{origin}");
    }});
  }}
</script>"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all three sites show; the browser is told to believe anything."""
    return certify(tmp_path_factory.mktemp("certificate"), HOST)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[World]:
    """A world behind https."""
    folder = tmp_path_factory.mktemp("framed")

    def make(public_url: str) -> World:
        return World(f"sqlite:///{folder / 'ostiary.db'}", folder, public_url=public_url)

    with serving(make, HOST, certificate=certificate) as world:
        yield world


@contextmanager
def profile(chromium_path: str, folder: Path, *, hides_cookies: bool) -> Iterator[BrowserContext]:
    """A browser that finds all three sites on this machine, with a profile as people have one.

    Args:
        chromium_path: the program.
        folder: where the profile lies.
        hides_cookies: whether it keeps a site's cookies from frames within other sites.
    """
    chosen = {"profile": {"cookie_controls_mode": 1 if hides_cookies else 0}}
    preferences = folder / "Default" / "Preferences"
    preferences.parent.mkdir(parents=True)
    preferences.write_text(json.dumps(chosen), "utf-8")
    arguments = [
        *ARGUMENTS,
        "--ignore-certificate-errors",
        f"--host-resolver-rules=MAP {HOST} 127.0.0.1, MAP *.test 127.0.0.1",
    ]
    with sync_playwright() as playwright:
        made = playwright.chromium.launch_persistent_context(
            folder, executable_path=chromium_path, args=arguments
        )
        made.set_default_timeout(TIMEOUT)
        yield made
        made.close()


class Parties:
    """The sites of both applications: what they were told, and which one does not answer."""

    def __init__(self, certificate: Path) -> None:
        self.told: list[str] = []
        self.hangs = ""
        self.page = ""
        self.released = threading.Event()
        parties = self

        class Site(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                if path == "/out":
                    address = f"https://{self.headers['Host']}{self.path}"
                    parties.told.append(address)
                    if parties.hangs and address.startswith(parties.hangs):
                        parties.released.wait(TIMEOUT / 1_000)
                        return
                body = (parties.page if path == "/callback" else "done").encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        # Shaken hands in each connection's own thread: browsers open some that they never use.
        self._server.socket = tls.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        port = self._server.server_address[1]
        self.wiki, self.mail = f"https://wiki.test:{port}", f"https://mail.test:{port}"

    def close(self) -> None:
        """Stop."""
        self.released.set()
        self._server.shutdown()
        self._thread.join(TIMEOUT / 1_000)
        self._server.server_close()

    def sids(self) -> dict[str, str]:
        """What each site was told, by its name."""
        found = {}
        for address in self.told:
            query = parse_qs(urlsplit(address).query, strict_parsing=True)
            assert query.keys() == {"iss", "sid"}
            found[address.partition("/out")[0]] = query["sid"][0]
        return found


@pytest.fixture
def parties(here: World, certificate: Path) -> Iterator[Parties]:
    """Both sites, each page of which watches our state in a frame."""
    made = Parties(certificate)
    made.page = PARTY.format(frame=f"{here.public_url}/oauth/check-session", origin=here.public_url)
    yield made
    made.close()


def client_at(here: World, site: str) -> Client:
    return here.client(
        redirect_uris=(f"{site}/callback",),
        post_logout_redirect_uris=(f"{site}/bye",),
        frontchannel_logout_uri=f"{site}/out",
    )


def enter(here: World, page: Page, client: Client, name: str) -> dict[str, str]:
    """Come from the application and go back to it; sign in where one is asked to."""
    page.goto(f"{here.public_url}/oauth/authorize?{urlencode(client.query())}")
    if page.url.startswith(here.public_url):
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{client.redirect_uri}?*")
    query = parse_qs(urlsplit(page.url).query)
    return {key: values[0] for key, values in query.items()}


def test_applications_in_frames_and_frames_of_applications(
    here: World, chromium_path: str, tmp_path: Path, parties: Parties
) -> None:
    """Covers B15, J02, J03, J05, J06: two sites watch our state, and are told on our way out."""
    here.user("acme", "ann")
    with profile(chromium_path, tmp_path, hides_cookies=False) as context:
        watch_and_leave(here, context, parties)


def watch_and_leave(here: World, context: BrowserContext, parties: Parties) -> None:
    wiki, mail = client_at(here, parties.wiki), client_at(here, parties.mail)
    page, other = context.new_page(), context.new_page()
    complaints: list[str] = []
    other.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))

    entered = enter(here, page, wiki, "ann")
    known = f"{wiki.client_id} {entered['session_state']}"
    answers = {
        "unchanged": [known],
        "changed": [
            f"{mail.client_id} {entered['session_state']}",
            known[:-1] + ("0" if known[-1] != "0" else "1"),
        ],
        "error": ["", "junk", wiki.client_id, f"{known} more", f"{known}.more", 5, None, {}],
    }
    for word, asked in answers.items():
        for text in asked:
            assert page.evaluate("ask", text) == [here.public_url, word], text
    in_mail = enter(here, other, mail, "ann")
    assert other.evaluate("ask", known) == [here.public_url, "changed"]
    known_to_mail = f"{mail.client_id} {in_mail['session_state']}"
    assert other.evaluate("ask", known_to_mail) == [here.public_url, "unchanged"]

    hint = good(wiki.exchange(entered["code"], code_verifier=VERIFIER))["id_token"]
    mails = good(mail.exchange(in_mail["code"], code_verifier=VERIFIER))["id_token"]
    asked = {"id_token_hint": hint, "post_logout_redirect_uri": f"{parties.wiki}/bye", "state": "s"}
    other.goto(f"{here.public_url}/oauth/logout?{urlencode(asked)}", wait_until="commit")
    other.wait_for_url(f"{parties.wiki}/bye?state=s")
    assert parties.sids() == {
        parties.wiki: here.claims(hint)["sid"],
        parties.mail: here.claims(mails)["sid"],
    }
    assert len(parties.told) == 2
    assert [row.ended_reason for row in here.rows(session)] == [EndReason.SIGNED_OUT.value]
    assert page.evaluate("ask", known) == [here.public_url, "changed"]
    assert [c for c in complaints if c.startswith(("error", "warning"))] == []

    # One that does not answer holds nobody up for long.
    again = enter(here, page, wiki, "ann")
    enter(here, other, mail, "ann")
    parties.hangs = parties.mail
    hint = good(wiki.exchange(again["code"], code_verifier=VERIFIER))["id_token"]
    asked["id_token_hint"] = hint
    other.goto(f"{here.public_url}/oauth/logout?{urlencode(asked)}", wait_until="commit")
    other.get_by_role("link", name=f"Go on to {wiki.name}").wait_for()
    other.wait_for_url(f"{parties.wiki}/bye?state=s")
    assert len(parties.told) == 4
    parties.released.set()


def test_a_browser_that_hides_cookies_is_told_nothing(
    here: World, chromium_path: str, tmp_path: Path, parties: Parties
) -> None:
    """Covers J04, J06: "changed" would make the application ask again and again."""
    here.user("acme", "bob")
    wiki = client_at(here, parties.wiki)
    with profile(chromium_path, tmp_path, hides_cookies=True) as context:
        page = context.new_page()
        entered = enter(here, page, wiki, "bob")
        known = f"{wiki.client_id} {entered['session_state']}"
        assert page.evaluate("ask", known) == [here.public_url, "error"]
