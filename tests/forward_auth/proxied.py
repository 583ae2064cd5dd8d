"""A proxy in front of hosts, and browsers that go through it, with the real application behind.

town = Town(url, directory)                # acme with the application wiki and its hosts
ann = town.browser()
ann.open("https://wiki.example/page")      # asked by the proxy; an Answer, no redirect followed
ann.arrive("https://wiki.example/page")    # redirects followed, and signed in where that is asked
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec
from litestar.testing import TestClient
from litestar.types import Receive, Scope, Send
from sqlalchemy import Row, Table, select

from ostiary.services import protected_hosts
from ostiary.storage.database import Transaction
from ostiary.storage.protected_hosts import ProtectedHost
from tests.support.installation import FIREFOX, PASSWORD, Installation
from tests.web.reading import Page

OSTIARY = "https://id.example"
WIKI, NOTES, SHOP = "https://wiki.example", "https://notes.example", "https://shop.example"
PROXY = "10.0.0.9"
PAGE = {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
BY_SCRIPT = {"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}


class Town(Installation):
    """An installation with wiki (two hosts) of acme and shop of globex, behind a proxy."""

    def __init__(self, url: str, directory: Path, **further: Any) -> None:
        super().__init__(url, directory, public_url=OSTIARY, trusted=("10.0.0.0/8",), **further)
        self._numbers = itertools.count(1)
        self.organization("acme")
        self.organization("globex")
        self.application("acme", "wiki", backchannel_logout_uri="https://wiki.example/logout")
        self.application("globex", "shop")
        self.hosts("wiki", WIKI, NOTES)
        self.hosts("shop", SHOP)
        self._clients: dict[str, TestClient[Any]] = {}

    def hosts(self, application: str, *origins: str, **settings: Any) -> None:
        """Say which hosts an application has."""
        hosts = [ProtectedHost(origin=origin, **settings) for origin in origins]
        self.write(protected_hosts.replace_hosts, self.act(), application, hosts)

    def person(self, organization: str = "acme") -> str:
        """A new user."""
        name = f"user-{next(self._numbers)}"
        self.user(organization, name, email=f"{name}@example.com")
        return name

    def rows(self, table: Table, **equal: Any) -> list[Row[Any]]:
        """The rows of a table with these values."""
        query = select(table).order_by(*table.primary_key)
        for name, value in equal.items():
            query = query.where(table.c[name] == value)
        return list(self.read(Transaction.rows, query))

    def browser(self) -> Browser:
        """Somebody who is not known yet."""
        return Browser(self)

    def signed_in(self, organization: str = "acme", **further: Any) -> Browser:
        """A new user, signed in at Ostiary."""
        name = self.person(organization)
        started = self.start_session(organization, name, **further)
        browser = Browser(self, name)
        browser.session_id = started.session.id
        browser.jar(OSTIARY)["__Host-sid"] = started.secret
        return browser

    def ask(
        self,
        path: str,
        headers: Mapping[str, str | bytes] | Sequence[tuple[str, str]] = (),
        *,
        method: str = "GET",
        peer: str = PROXY,
        body: dict[str, str] | None = None,
    ) -> httpx.Response:
        """One request to Ostiary from this peer, with nothing but what is given."""
        client = self._clients.get(peer)
        if client is None:
            client = TestClient(_from(self.app, peer), base_url=OSTIARY)
            self._clients[peer] = client
        client.cookies.clear()
        sent = httpx.Headers(headers)
        return client.request(method, path, headers=sent, data=body, follow_redirects=False)


def _from(app: Any, peer: str) -> Any:
    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["client"] = (peer, 40_000)
        await app(scope, receive, send)

    return wrapped


class Answer(msgspec.Struct):
    """What a browser gets: of the host's own page, once it passed, what the proxy was told."""

    url: str
    response: httpx.Response
    passed: bool = False

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def location(self) -> str:
        """Where it leads, absolute."""
        return urljoin(self.url, self.response.headers["location"])

    @property
    def user(self) -> str:
        """Whom the host is told of."""
        return self.response.headers["x-ostiary-user"] if self.passed else ""


class Browser:
    """A browser: it keeps cookies of each host apart, and takes those that a browser would take."""

    def __init__(self, town: Town, name: str = "") -> None:
        self.town, self.name = town, name
        self.session_id = ""
        self._jars: dict[str, dict[str, str]] = {}
        self.set: dict[str, str] = {}

    def jar(self, origin: str) -> dict[str, str]:
        """The cookies of a host."""
        return self._jars.setdefault(origin, {})

    def open(
        self, url: str, *, method: str = "GET", redirect: bool = True, **headers: str
    ) -> Answer:
        """Ask for a page, or for whatever the headers say (``Sec_Fetch_Mode`` and so on)."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        sent = {"User-Agent": FIREFOX, **PAGE}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        cookies = "; ".join(f"{k}={v}" for k, v in self.jar(origin).items())
        if cookies:
            sent["Cookie"] = cookies
        if origin == OSTIARY:
            response = self.town.ask(path, sent, method=method, peer="203.0.113.7")
            return self._taken(origin, Answer(url, response))
        sent |= {
            "X-Forwarded-For": "203.0.113.7",
            "X-Forwarded-Proto": parts.scheme,
            "X-Forwarded-Host": parts.netloc,
            "X-Forwarded-Uri": path,
            "X-Forwarded-Method": method,
        }
        if parts.path.startswith("/.ostiary/"):
            return self._taken(origin, Answer(url, self.town.ask(path, sent, method=method)))
        response = self.town.ask("/check?redirect=yes" if redirect else "/check", sent)
        return self._taken(origin, Answer(url, response, passed=response.status_code == 200))

    def arrive(self, url: str) -> Answer:
        """Ask for a page and follow every redirect; sign in where a form asks for a password."""
        answer = self.open(url)
        for _ in range(12):
            if answer.response.is_redirect:
                answer = self.open(answer.location)
            elif not answer.passed and 'name="password"' in answer.response.text:
                answer = self._sign_in(answer)
            elif 'http-equiv="refresh"' in answer.response.text:
                [to] = set(Page(answer.response).links.values()) & {_refreshed(answer)}
                answer = self.open(urljoin(answer.url, to))
            else:
                return answer
        raise AssertionError(answer)

    def _sign_in(self, answer: Answer) -> Answer:
        """Fill the sign-in form in."""
        page = Page(answer.response)
        [form] = [f for f in page.forms if f.action.startswith("/sign-in")]
        fields = {**form.fields, "name": self.name, "password": PASSWORD}
        headers = {
            "User-Agent": FIREFOX,
            "Sec-Fetch-Site": "same-origin",
            "Cookie": "; ".join(f"{k}={v}" for k, v in self.jar(OSTIARY).items()),
        }
        response = self.town.ask(
            form.action, headers, method="POST", peer="203.0.113.7", body=fields
        )
        return self._taken(OSTIARY, Answer(urljoin(OSTIARY, form.action), response))

    def _taken(self, origin: str, answer: Answer) -> Answer:
        self.set = {}
        for header in answer.response.headers.get_list("set-cookie"):
            [(name, morsel)] = SimpleCookie(header).items()
            assert not morsel["domain"], header
            assert morsel["path"] == "/"
            if origin.startswith("https://"):
                assert name.startswith("__Host-"), header
                assert morsel["secure"], header
            self.set[name] = header
            if morsel["max-age"] == "0":
                self.jar(origin).pop(name, None)
            else:
                self.jar(origin)[name] = morsel.value
        return answer


def _refreshed(answer: Answer) -> str:
    [refresh] = [
        attributes["content"]
        for _, attributes in Page(answer.response).elements
        if attributes.get("http-equiv") == "refresh"
    ]
    return refresh.partition("url=")[2]
