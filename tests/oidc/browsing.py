"""Somebody who signs in for an application, from its redirect to ours to its redirect address.

wiki = world.client()
visit = Visit(world, wiki)
page = visit.start()                    # where the authorization endpoint leads: a page of ours
page = visit.sign_in("ann")             # fills in the sign-in page that is shown
visit.answer["code"]                    # what the application got in the end
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from httpx import Response

from tests.oidc.flow import Browser, Client, World
from tests.support.installation import PASSWORD
from tests.web.reading import Page

_FEW = 10


class Visit:
    """One browser on its way for one application. It stops where the way leads off this server."""

    def __init__(self, world: World, client: Client, browser: Browser | None = None) -> None:
        self.world = world
        self.client = client
        self.browser = browser or world.browser()
        self.browser.headers["Accept"] = "text/html"
        self.page: Page
        self.hops: list[Response] = []
        self.arrived = ""

    def start(self, **more: str | None) -> Page:
        """Come from the application, by a link."""
        address = f"/oauth/authorize?{urlencode(self.client.query(**more))}"
        return self.open(address, **{"Sec-Fetch-Site": "cross-site"})

    def open(self, address: str, **headers: str) -> Page:
        """Go to an address, and on from there."""
        return self._follow(self.browser.get(address, follow_redirects=False, headers=headers), 0)

    def send(self, **values: str) -> Page:
        """Fill in the form of the page that is shown, and send it."""
        form = self.form
        fields = form.fields | values
        self.world.clock.forward(seconds=1)  # nobody types in no time
        return self._follow(self.browser.post(form.action, data=fields, follow_redirects=False), 0)

    def sign_in(self, name: str = "", *, password: str = PASSWORD, **more: str) -> Page:
        """Fill in the sign-in page; the name only where it is not there already."""
        typed = {"name": name} if name else {}
        return self.send(password=password, **typed, **more)

    @property
    def form(self) -> Any:
        """The page's own form, which is no way out of the session."""
        found = [f for f in self.page.forms if f.action != "/sign-out"]
        assert len(found) == 1, [f.action for f in self.page.forms]
        return found[0]

    @property
    def path(self) -> str:
        """Where one is: the page's path, or the whole address when it is the application's."""
        return self.arrived or self.page.response.url.path

    @property
    def answer(self) -> dict[str, str]:
        """What the application got."""
        assert self.arrived, self.page.text
        found = parse_qs(urlsplit(self.arrived).query, strict_parsing=True)
        return {name: values[0] for name, values in found.items()}

    def _follow(self, response: Response, hops: int) -> Page:
        """Follow redirects, and pages that go on by themselves, as long as they are ours."""
        assert hops < _FEW
        self.page, self.arrived = Page(response), ""
        self.hops.append(response)
        to = response.headers.get("location", "") or refreshed_to(self.page)
        if not to:
            return self.page
        whole = urljoin(str(response.url), to)
        if not whole.startswith(self.world.public_url):
            self.arrived = whole
            return self.page
        # A redirect after a form must not lead to another site: its page's form-action forbids it.
        return self._follow(self.browser.get(to, follow_redirects=False), hops + 1)


def refreshed_to(page: Page) -> str:
    """Where a page goes on to by itself; empty: it stays."""
    found = page.with_attributes(**{"http-equiv": "refresh"})
    return found[0]["content"].removeprefix("0;url=") if found else ""
