"""A browser without scripts: reads pages, follows links, fills in forms and sends them."""

from html.parser import HTMLParser

import httpx
from litestar import Litestar
from litestar.testing import TestClient

from ostiary.domain.access import Caller, user_caller
from ostiary.services.sign_in import SignedIn
from tests.support.installation import PASSWORD

Browser = TestClient[Litestar]


class Form:
    """A form as it came, with what is filled in already."""

    def __init__(self, attributes: dict[str, str]) -> None:
        self.action = attributes.get("action", "")
        self.method = attributes.get("method", "get")
        self.fields: dict[str, str] = {}
        self.types: dict[str, str] = {}
        self.buttons: list[str] = []


class Page(HTMLParser):
    """What a page says and offers."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(convert_charrefs=True)
        self.response = response
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.title = ""
        self.elements: list[tuple[str, dict[str, str]]] = []
        self._texts: list[str] = []
        self._inside: list[str] = []
        self._link = ""
        self.feed(response.text)

    @property
    def text(self) -> str:
        """Everything that can be read, in one line."""
        return " ".join(" ".join(self._texts).split())

    def form(self, action: str) -> Form:
        """The form that is sent to this address."""
        found = [f for f in self.forms if f.action == action]
        assert found, f"no form to {action}, but to {[f.action for f in self.forms]}"
        return found[-1]

    def with_attributes(self, **wanted: str) -> list[dict[str, str]]:
        """Every element that has all of these attributes."""
        return [a for _, a in self.elements if wanted.items() <= a.items()]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        if tag == "form":
            self.forms.append(Form(attributes))
        elif tag == "input" and self.forms and "name" in attributes:
            self._field(self.forms[-1], attributes)
        elif tag == "a":
            self._link = attributes.get("href", "")
        if tag not in {"input", "meta", "link", "br", "use", "path", "img"}:
            self._inside.append(tag)

    def _field(self, form: Form, attributes: dict[str, str]) -> None:
        kind = attributes.get("type", "text")
        form.types[attributes["name"]] = kind
        if kind != "checkbox" or "checked" in attributes:
            form.fields[attributes["name"]] = attributes.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            while self._inside.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        inside = self._inside[-1] if self._inside else ""
        if inside == "title":
            self.title += data
        elif inside not in {"script", "style"}:
            self._texts.append(data)
        if "a" in self._inside and data.strip():
            self.links[data.strip()] = self._link
        if inside == "button" and self.forms and data.strip():
            self.forms[-1].buttons.append(data.strip())


class Reader:
    """Somebody in front of a browser."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.page: Page

    def open(self, address: str, **headers: str) -> Page:
        """Go somewhere, and wherever that leads."""
        response = self.browser.get(address, follow_redirects=True, headers=headers)
        self.page = Page(response)
        return self.page

    def send(self, action: str, *, follow: bool = True, **values: str) -> Page:
        """Fill in a form of the page and send it."""
        fields = self.page.form(action).fields | values
        response = self.browser.post(action, data=fields, follow_redirects=follow)
        self.page = Page(response)
        return self.page

    def sign_in(
        self,
        organization: str,
        name: str,
        *,
        application: str = "app-built-in",
        password: str = PASSWORD,
        **further: str,
    ) -> Page:
        """Through the sign-in page."""
        address = f"/sign-in/{organization}/{application}"
        self.open(address)
        return self.send(address, name=name, password=password, **further)

    @property
    def path(self) -> str:
        """Where one is."""
        return self.page.response.url.path

    def set_cookie(self, name: str, value: str) -> None:
        """Put a cookie into the browser as if this server had set it."""
        prefix = "__Host-" if self.browser.base_url.scheme == "https" else ""
        self.browser.cookies.set(prefix + name, value, domain=self.browser.base_url.host)

    def cookie(self, name: str) -> str | None:
        """A cookie's value."""
        for cookie in self.browser.cookies.jar:
            if cookie.name in {name, f"__Host-{name}"} and cookie.value:
                return cookie.value.strip('"')
        return None


def set_cookies(response: httpx.Response) -> dict[str, list[str]]:
    """The cookies that an answer sets: name, and the value and attributes in lower case."""
    found = {}
    for header in response.headers.get_list("set-cookie"):
        first, *attributes = [part.strip() for part in header.split(";")]
        name, _, value = first.partition("=")
        found[name] = [value, *sorted(a.lower() for a in attributes)]
    return found


def caller_of(started: SignedIn) -> Caller:
    """Somebody as the session identifies her."""
    return user_caller(started.user, started.session)
