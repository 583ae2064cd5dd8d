"""What every page has: headers, words, files, safe addresses, errors that can be read."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary import web
from ostiary.domain.errors import Overloaded, Unavailable
from ostiary.services import see, setup
from ostiary.web import static_files
from ostiary.web.returning import HOME, safe_path
from tests.support.installation import PASSWORD, Installation
from tests.web.reading import Reader
from tests.web.routes import filled, page_routes

People = Callable[..., Reader]

TEMPLATES = Path(web.__file__).parent / "templates"
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def test_every_page_has_the_headers_and_no_third_party(
    ostiary: Installation, people: People
) -> None:
    """Covers A13, B08, B10, B11, B12, B13, E06, R11."""
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    other = ostiary.start_session("acme", "ann")
    values = {"organization": "acme", "application": "wiki", "session_id": other.session.id}
    paths = [filled(path, **values) for path, _ in page_routes(ostiary, "GET")]
    paths = [p for p in paths if not p.startswith("/console")]
    assert len(paths) > 10
    for path in [*paths, "/nothing/here"]:
        page = ann.open(path, Accept="text/html")
        headers = page.response.headers
        assert headers["content-type"].startswith("text/html; charset=utf-8"), path
        policy = dict(
            part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
        )
        assert POLICY.items() <= policy.items(), path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store", path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert "max-age=63072000" in headers["strict-transport-security"]
        assert "Sec-Fetch-Site" in headers["vary"]
        assert headers["content-language"] == "en"
        for tag, attributes in page.elements:
            for name in ("src", "href", "action", "hx-get"):
                assert attributes.get(name, "/").startswith(("/", "#")), (path, tag, attributes)
            assert "style" not in attributes, (path, tag)
            assert not any(name.startswith("on") for name in attributes), (path, tag)
        if page.with_attributes(href="/account/security"):
            assert page.form("/sign-out").buttons, path


def test_pages_can_be_used_without_eyes_and_mouse(ostiary: Installation, people: People) -> None:
    """Each field has a label, each page one heading, a title, landmarks and a way past the menu."""
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    other = ostiary.start_session("acme", "ann")
    for path in (
        "/account",
        "/account/security",
        "/account/activity",
        "/account/end-others",
        f"/account/sessions/{other.session.id}/end",
        f"/account/sessions/{other.session.id}/name",
        "/sign-in/acme",
        "/sign-out",
    ):
        page = ann.open(path)
        tags = [tag for tag, _ in page.elements]
        assert tags.count("h1") == 1, path
        assert tags.count("main") == tags.count("header") == 1, path
        assert page.title, path
        assert page.links["Skip to the content"] == "#content"
        assert page.with_attributes(id="content")
        labels = {a.get("for") for tag, a in page.elements if tag == "label"}
        for tag, attributes in page.elements:
            hidden = attributes.get("type") in {"hidden", "checkbox"} or "aria-hidden" in attributes
            if tag == "input" and not hidden:
                assert attributes["id"] in labels, (path, attributes)
            if tag == "button" and "data-theme-toggle" not in attributes:
                assert attributes["type"] == "submit"
        ids = [a["id"] for _, a in page.elements if "id" in a]
        assert len(ids) == len(set(ids)), path
        assert page.with_attributes(lang="en")


ELSEWHERE = [
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "//evil.example/%2e%2e",
    "/%2fevil.example",
    "%2f%2fevil.example",
    "/%5cevil.example",
    "/%252f%252fevil.example",
    "/account//evil.example",
    "http://127.0.0.1:8000@evil.example/",
    "@evil.example",
    "/account\r\nSet-Cookie: sid=x",
    "/account%0d%0aSet-Cookie:%20sid=x",
    "/account?x=%0d%0aSet-Cookie:%20sid=x",
    "/\t/evil.example",
    " //evil.example",
    "/account\x00",
    "/" + "a" * 2_000,
    "",
    "account",
]


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_no_return_address_leads_elsewhere(wanted: str) -> None:
    """Covers E12, B16."""
    assert safe_path(wanted) == HOME


def test_signing_in_leads_nowhere_else(ostiary: Installation, people: People) -> None:
    """Covers E12, B16."""
    ann = people(ostiary)
    for wanted in ELSEWHERE[:8]:
        ann.open("/sign-in/acme")
        page = ann.send(
            "/sign-in/acme/app-built-in",
            follow=False,
            name="ann",
            password=PASSWORD,
            return_to=wanted,
        )
        assert page.response.headers["location"] == HOME, wanted


@pytest.mark.parametrize(
    "wanted",
    [
        "/account/activity",
        "/console/sessions?q=country%3ADE&cursor=abc_-",
        "/oauth/authorize?client_id=1&redirect_uri=https%3A%2F%2Fwiki.example%2Fcb&state=a%26b",
    ],
)
def test_our_own_addresses_are_returned_to(wanted: str) -> None:
    assert safe_path(wanted) == wanted


@given(st.text(max_size=60))
def test_whatever_is_asked_for_the_answer_stays_on_this_host(wanted: str) -> None:
    """Covers E12."""
    for asked in (wanted, "/" + wanted):
        parts = urlsplit(safe_path(asked))
        assert (parts.scheme, parts.netloc) == ("", "")
        assert parts.path.startswith("/")


def test_files_are_kept_for_good_under_an_address_of_their_content(
    ostiary: Installation, people: People
) -> None:
    """Covers B01: each file has its type, and none can act as a page."""
    browser = people(ostiary).browser
    types = {
        "css": "text/css",
        "js": "text/javascript",
        "svg": "image/svg+xml",
        "txt": "text/plain",
    }
    assert {"vendor/tabler.min.css", "ostiary.css", "vendor/icons.svg"} <= set(static_files.files())
    for path in static_files.files():
        answer = browser.get(static_files.address(path))
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"].startswith(types[path.rpartition(".")[2]])
        assert answer.headers["content-encoding"] == "gzip"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["vary"] == "Accept-Encoding"
    answer = browser.get("/static/ostiary.css", headers={"Accept-Encoding": "identity"})
    assert answer.headers["cache-control"] == "public, no-cache"
    assert "content-encoding" not in answer.headers
    again = browser.get(
        "/static/ostiary.css",
        headers={"Accept-Encoding": "identity", "If-None-Match": answer.headers["etag"]},
    )
    assert (again.status_code, again.content) == (304, b"")
    zipped = browser.get("/static/ostiary.css")
    assert zipped.headers["etag"] != answer.headers["etag"]
    assert zipped.content == answer.content


@pytest.mark.parametrize(
    "path",
    ["nothing.css", "../pages.py", "..%2fpages.py", "vendor/.stamp", "", "vendor", "%00"],
)
def test_nothing_but_the_files_is_served(ostiary: Installation, people: People, path: str) -> None:
    assert people(ostiary).browser.get(f"/static/{path}").status_code == 404


def test_unknown_addresses_are_a_page_for_people_and_a_problem_for_programs(
    ostiary: Installation, people: People
) -> None:
    browser = people(ostiary).browser
    page = browser.get("/nothing", headers={"Accept": "text/html,*/*"})
    assert (page.status_code, "There is no such page." in page.text) == (404, True)
    problem = browser.get("/nothing")
    assert problem.headers["content-type"].startswith("application/problem+json")
    assert problem.json() == {"type": "about:blank", "title": "Not Found", "status": 404}
    wrong = browser.put("/account", headers={"Accept": "text/html"})
    assert wrong.status_code == 405
    assert "GET" in wrong.headers["allow"]


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (Unavailable("disk full at /var/secret"), 503, "cannot reach its data"),
        (Overloaded("queue"), 503, "busy"),
        (RuntimeError("a secret in a traceback"), 500, "This is our fault"),
        (KeyError("secret"), 500, "This is our fault"),
    ],
)
def test_failures_are_pages_that_say_nothing_of_the_inside(
    ostiary: Installation,
    people: People,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    said: str,
) -> None:
    """Covers D19: it refuses, and shows neither a trace nor a detail."""
    ann = people(ostiary)
    ann.sign_in("acme", "ann")

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(see, "my_sessions", fail)
    page = ann.open("/account")
    assert page.response.status_code == status
    assert said in page.text
    assert "secret" not in page.response.text
    assert "Traceback" not in page.response.text
    assert ("retry-after" in page.response.headers) == (status == 503)
    fragment = ann.browser.get("/account", headers={"HX-Request": "true"})
    assert fragment.status_code == status
    assert fragment.headers["hx-retarget"] == "#messages"
    assert "<html" not in fragment.text
    assert said in fragment.text


def test_the_sign_in_page_fails_closed(
    ostiary: Installation, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers D19."""

    def fail(*_: object, **__: object) -> None:
        raise Unavailable("gone")

    monkeypatch.setattr(setup, "is_installed", fail)
    page = people(ostiary).open("/sign-in/acme")
    assert page.response.status_code == 503
    assert not page.forms


def test_htmx_is_sent_to_the_sign_in_by_its_own_header(
    ostiary: Installation, people: People
) -> None:
    answer = people(ostiary).browser.get(
        "/account", headers={"HX-Request": "true"}, follow_redirects=False
    )
    assert (answer.status_code, answer.headers["hx-redirect"]) == (200, "/sign-in")


def test_a_message_is_shown_once_and_only_to_whom_it_was_for(
    ostiary: Installation, people: People
) -> None:
    ann, bob = people(ostiary), people(ostiary)
    ann.sign_in("acme", "ann")
    bob.sign_in("acme", "bob")
    other = ostiary.start_session("acme", "ann")
    address = f"/account/sessions/{other.session.id}/end"
    ann.open(address)
    ann.send(address, follow=False)
    message = ann.cookie("flash")
    assert message is not None
    assert len(message) < 4_000
    bob.set_cookie("flash", message)
    assert "Ended “" not in bob.open("/account").text
    assert "Ended “" in ann.open("/account").text
    assert "Ended “" not in ann.open("/account").text
    ann.set_cookie("flash", message)
    ostiary.clock.forward(minutes=3)
    assert "Ended “" not in ann.open("/account").text
    ann.set_cookie("flash", "garbage =")
    assert ann.open("/account").response.status_code == 200


def test_a_message_about_many_applications_fits_into_a_cookie(
    ostiary: Installation, people: People
) -> None:
    """Covers B07, M02."""
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    for number in range(25):
        name = f"application-number-{number}"
        ostiary.application("acme", name, display_name=("long " * 20) + str(number))
        ostiary.start_session("acme", "ann", application=name)
    ann.open("/account/end-others")
    page = ann.send("/account/end-others", follow=False)
    cookie = next(c for c in page.response.headers.get_list("set-cookie") if "flash=" in c)
    assert len(cookie) < 4_096
    assert "Ended 25 other sessions." in ann.open("/account").text
