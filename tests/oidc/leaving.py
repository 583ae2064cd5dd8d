"""Short ways out: an application that asks to sign its user out, and who follows where it leads."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

from httpx import Response

from tests.oidc.flow import Browser, Client, Person, World
from tests.web.reading import Page

LOGOUT = "/oauth/logout"
VISITING = {"Accept": "text/html", "Sec-Fetch-Site": "cross-site"}
"""What browsers send when a page of the application leads to ours."""

AWAY = "https://away.example/bye"


def leaver(world: World, **change: Any) -> Client:
    """An application that has registered where one goes after signing out."""
    return world.client(**{"post_logout_redirect_uris": (AWAY,), **change})


def hint_of(client: Client, person: Person) -> str:
    """An ID token of a person's session."""
    return str(client.tokens(person)["id_token"])


def ask(browser: Browser, **parameters: str) -> Response:
    """Send a browser to the end-session endpoint, from the application's page."""
    query = f"?{urlencode(parameters)}" if parameters else ""
    return browser.get(LOGOUT + query, follow_redirects=False, headers=VISITING)


def ask_by_form(world: World, person: Person, **parameters: str) -> Response:
    """The same by a form, whose post browsers send without ``SameSite=Lax`` cookies."""
    stranger = world.browser(same_origin=False)
    posted = stranger.post(
        LOGOUT,
        data=parameters,
        follow_redirects=False,
        headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://wiki.example"},
    )
    assert posted.status_code == 303, posted.text
    assert "set-cookie" not in posted.headers
    return person.browser.get(posted.headers["location"], follow_redirects=False)


def opened(browser: Browser, response: Response) -> Page:
    """The page of ours that an answer leads to."""
    while response.status_code == 303:
        to = response.headers["location"]
        assert to.startswith("/"), to
        response = browser.get(to, follow_redirects=False)
    return Page(response)


def confirm(browser: Browser, page: Page) -> Page:
    """Say yes."""
    fields = page.form("/sign-out").fields
    sent = browser.post("/sign-out", data=fields, follow_redirects=False)
    return opened(browser, sent)


def leads_to(page: Page) -> str:
    """Where a page goes on to by itself; empty: it stays."""
    found = page.with_attributes(**{"http-equiv": "refresh"})
    return found[0]["content"].partition("url=")[2] if found else ""


def sources(page: Page) -> list[str]:
    """What the page's policy lets into frames."""
    policy = page.response.headers["content-security-policy"]
    for directive in policy.split(";"):
        name, *values = directive.split()
        if name == "frame-src":
            return values
    return []


def frames(page: Page) -> list[str]:
    """The addresses that a page puts into frames."""
    return [attributes["src"] for tag, attributes in page.elements if tag == "iframe"]


def unsigned(token: str, **change: Any) -> str:
    """The same claims, with changes, by nobody's key."""
    claims = json.loads(_decoded(token.split(".")[1])) | change
    return f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{_encoded(claims)}."


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
