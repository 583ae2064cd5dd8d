"""Posts that another site made, or a program with somebody's cookie, do nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from ostiary.storage import tables
from ostiary.storage.database import Transaction
from tests.support.installation import PASSWORD, Installation
from tests.web.reading import Reader
from tests.web.routes import filled, page_routes

People = Callable[..., Reader]


def snapshot(tx: Transaction) -> dict[str, Any]:
    """What a post could have changed: sessions, their labels, passwords, the audit."""
    columns = tables.session.c
    return {
        "sessions": [
            tuple(r)
            for r in tx.rows(
                select(columns.id, columns.ended_at, columns.label, columns.secret_hash).order_by(
                    columns.id
                )
            )
        ],
        "passwords": [
            tuple(r)
            for r in tx.rows(
                select(tables.credential.c.user_key, tables.credential.c.value).order_by(
                    tables.credential.c.user_key
                )
            )
        ],
        "audit": tx.number(select(func.count()).select_from(tables.audit_event)),
    }


def post_paths(installation: Installation, session_id: str) -> list[str]:
    """Every page's address that takes a post."""
    values = {"organization": "acme", "application": "wiki", "session_id": session_id}
    return [filled(path, **values) for path, _ in page_routes(installation, "POST")]


FIELDS = {
    "name": "ann",
    "password": PASSWORD,
    "current_password": PASSWORD,
    "new_password": "a new password of hers",
    "new_password_again": "a new password of hers",
    "organization": "acme",
}

FORGERIES: dict[str, dict[str, Any]] = {
    "without a token": {"token": None},
    "with a token of somebody else": {"token": "foreign"},
    "with a made up token": {"token": "A" * 43},
    "from another site": {"headers": {"Sec-Fetch-Site": "cross-site"}},
    "from a neighbour": {"headers": {"Sec-Fetch-Site": "same-site"}},
    "from another origin": {"headers": {"Origin": "https://evil.example"}, "fetch": False},
    "from no origin": {"headers": {"Origin": "null"}, "fetch": False},
    "from another page": {"headers": {"Referer": "https://evil.example/x"}, "fetch": False},
    "without any header": {"fetch": False},
}


def test_a_forged_post_does_nothing(ostiary: Installation, people: People) -> None:
    """Covers B14, E09, E10, F08, R08, W19."""
    ann, bob = people(ostiary), people(ostiary)
    own = ann.sign_in("acme", "ann").form("/sign-out").fields["form_token"]
    foreign = bob.sign_in("acme", "bob").form("/sign-out").fields["form_token"]
    other = ostiary.start_session("acme", "ann")
    before = ostiary.read(snapshot)
    paths = post_paths(ostiary, other.session.id)
    assert len(paths) > 8
    for forgery, how in FORGERIES.items():
        token = {"foreign": foreign}.get(how.get("token", own), how.get("token", own))
        headers = dict(how.get("headers", {}))
        ann.browser.headers.pop("Sec-Fetch-Site", None)
        if how.get("fetch", True):
            headers.setdefault("Sec-Fetch-Site", "same-origin")
        for path in paths:
            fields = FIELDS | ({"form_token": token} if token else {})
            answer = ann.browser.post(path, data=fields, headers=headers, follow_redirects=False)
            assert answer.status_code == 403, (forgery, path)
            assert "set-cookie" not in answer.headers, (forgery, path)
    assert ostiary.read(snapshot) == before


def test_only_forms_are_forms(ostiary: Installation, people: People) -> None:
    """Covers B14."""
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    other = ostiary.start_session("acme", "ann")
    before = ostiary.read(snapshot)
    for media_type in ("application/json", "text/plain", "multipart/form-data"):
        for path in post_paths(ostiary, other.session.id):
            answer = ann.browser.post(
                path, content=b"{}", headers={"Content-Type": media_type}, follow_redirects=False
            )
            assert answer.status_code == 415, (media_type, path)
    assert ostiary.read(snapshot) == before


def test_our_own_pages_are_known_by_origin_and_referer_too(
    ostiary: Installation, people: People
) -> None:
    """Covers E09: older browsers send no Sec-Fetch-Site."""
    for headers in (
        {"Origin": "http://127.0.0.1:8000"},
        {"Referer": "http://127.0.0.1:8000/sign-in/acme"},
    ):
        ann = people(ostiary)
        del ann.browser.headers["Sec-Fetch-Site"]
        fields = ann.open("/sign-in/acme").form("/sign-in/acme/app-built-in").fields
        answer = ann.browser.post(
            "/sign-in/acme/app-built-in",
            data=fields | {"name": "ann", "password": PASSWORD},
            headers=headers,
            follow_redirects=False,
        )
        assert answer.status_code == 303


def test_every_post_takes_its_form_through_the_check(ostiary: Installation) -> None:
    for path, handler in page_routes(ostiary, "POST"):
        assert "form" in handler.parsed_fn_signature.parameters, path


@pytest.mark.parametrize(
    "body",
    [
        b"form_token=%ff%fe",
        b"\xff\xfe",
        b"&".join(b"a=%d" % i for i in range(1_001)),
        b"name=a&name=b",
        b"",
    ],
)
def test_a_form_that_cannot_be_read_is_refused(
    ostiary: Installation, people: People, body: bytes
) -> None:
    answer = people(ostiary).browser.post(
        "/sign-in/acme",
        content=body,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code in {400, 403}
    assert "<h1" in answer.text


def test_a_form_that_is_too_long_is_refused(ostiary: Installation, people: People) -> None:
    answer = people(ostiary).browser.post("/sign-in/acme", data={"name": "x" * 300_000})
    assert answer.status_code == 413
    assert "Too much" in answer.text


def test_a_field_that_came_twice_is_refused(ostiary: Installation, people: People) -> None:
    ann = people(ostiary)
    fields = ann.open("/sign-in/acme").form("/sign-in/acme/app-built-in").fields
    twice = [*fields.items(), ("name", "ann"), ("password", PASSWORD)]
    answer = ann.browser.post(
        "/sign-in/acme/app-built-in",
        content="&".join(f"{name}={value}" for name, value in twice),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 400
    assert ann.cookie("sid") is None


@pytest.mark.parametrize("field", ["name", "password", "organization", "new_password"])
def test_what_cannot_be_stored_is_refused(
    anywhere: Installation, people: People, field: str
) -> None:
    ann = people(anywhere)
    ann.open("/sign-in")
    values = {"organization": "acme", "name": "ann", "password": PASSWORD} | {field: "a\x00b"}
    page = ann.send("/sign-in", **values)
    assert page.response.status_code in {400, 401}
    assert ann.cookie("sid") is None


def test_looking_at_pages_changes_nothing(ostiary: Installation, people: People) -> None:
    """Covers B14, A19: no GET ends, names, signs in or signs out."""
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    other = ostiary.start_session("acme", "ann")
    before = ostiary.read(snapshot)
    values = {"organization": "acme", "application": "wiki", "session_id": other.session.id}
    for path, _ in page_routes(ostiary, "GET"):
        ann.browser.get(filled(path, **values) + "?name=x&password=y&confirm=1")
    assert ostiary.read(snapshot) == before
