"""Signing out, and the first start."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ostiary.services import setup
from ostiary.web.set_up import setup_address
from tests.support.installation import PASSWORD, PUBLIC_URL, Installation
from tests.web.reading import Reader, set_cookies

People = Callable[..., Reader]


def test_one_signs_out_and_reads_who_is_told(anywhere: Installation, people: People) -> None:
    """Covers A10, A13, H11."""
    ann = people(anywhere)
    ann.sign_in("acme", "ann", application="wiki")
    secret = ann.cookie("sid")
    page = ann.send("/sign-out")
    assert ann.path == "/signed-out"
    assert "ann has signed out. Wiki is being told." in page.text
    assert page.links["Sign in again"] == "/sign-in/acme"
    assert ann.cookie("sid") is None
    thief = people(anywhere)
    thief.set_cookie("sid", secret or "")
    page = thief.open("/account")
    assert "You have signed out." in page.text


def test_signing_out_takes_the_cookie_away_and_clears_the_cache(
    secure: Installation, people: People
) -> None:
    """Covers E06, M05."""
    ann = people(secure)
    ann.sign_in("acme", "ann")
    page = ann.send("/sign-out", follow=False)
    assert page.response.status_code == 303
    assert page.response.headers["clear-site-data"] == '"cache"'
    assert page.response.headers["cache-control"] == "no-store"
    value, *attributes = set_cookies(page.response)["__Host-sid"]
    assert value in {"", '""'}
    assert {"max-age=0", "secure", "path=/", "httponly", "samesite=lax"} <= set(attributes)
    assert "__Host-device" not in set_cookies(page.response)


def test_a_get_asks_and_does_not_act(ostiary: Installation, people: People) -> None:
    """Covers W20, B14, H10."""
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    page = ann.open("/sign-out")
    assert "Sign out?" in page.text
    ann.open("/account")
    assert ann.path == "/account"
    ann.open("/sign-out")
    ann.send("/sign-out")
    assert ann.path == "/signed-out"


def test_signing_out_twice_is_no_error(ostiary: Installation, people: People) -> None:
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    secret, fields = ann.cookie("sid"), ann.page.form("/sign-out").fields
    ann.send("/sign-out")
    ann.set_cookie("sid", secret or "")
    again = ann.browser.post("/sign-out", data=fields)
    assert again.status_code == 200
    assert again.url.path == "/signed-out"
    ann.open("/sign-out")
    assert ann.path == "/signed-out"


def test_the_page_after_signing_out_names_only_organizations_that_exist(
    ostiary: Installation, people: People
) -> None:
    page = people(ostiary).open("/signed-out?organization=%3Cscript%3E//evil")
    assert "evil" not in page.response.text
    assert page.links["Sign in again"] == "/sign-in"


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(f"sqlite:///{tmp_path / 'o.db'}", tmp_path, install=False)
    yield made
    made.close()


def link_of(empty: Installation) -> tuple[str, str]:
    secret = empty.write(setup.new_link)
    return secret, setup_address(PUBLIC_URL, secret)


def test_the_first_start_is_done_with_the_link_and_signs_in(
    empty: Installation, people: People
) -> None:
    """Covers C06, W18."""
    admin = people(empty)
    page = admin.open("/account")
    assert "Not set up yet" in page.text
    secret, address = link_of(empty)
    assert address == f"http://127.0.0.1:8000/set-up?link={secret}"
    page = admin.open(address)
    assert page.title == "Set up Ostiary"
    page = admin.send("/set-up", name="root", password=PASSWORD, password_again="different")
    assert "are not the same" in page.text
    page = admin.send("/set-up", password="short", password_again="short")
    assert "Use at least 8 characters." in page.text
    assert page.form("/set-up").fields["name"] == "root"
    page = admin.send("/set-up", name="a/b", password=PASSWORD, password_again=PASSWORD)
    assert page.response.status_code == 400
    page = admin.send("/set-up", name="root", password=PASSWORD, password_again=PASSWORD)
    assert admin.path == "/account"
    assert "Ostiary is set up. Welcome, root." in page.text
    assert page.links["Console"] == "/console"
    assert admin.cookie("sid") is not None
    again = people(empty).open(address)
    assert again.response.status_code == 404
    assert "wrong or has been used" in again.text


@pytest.mark.parametrize("link", ["", "wrong", "A" * 43, "%00", "é"])
def test_a_wrong_link_sets_nothing_up(empty: Installation, people: People, link: str) -> None:
    link_of(empty)
    stranger = people(empty)
    page = stranger.open(f"/set-up?link={link}")
    assert page.response.status_code == 404
    assert "start the server again" in page.text
    fields = stranger.open("/sign-in").forms
    assert not fields
    assert not empty.read(setup.is_installed)


def test_a_link_that_was_used_in_the_meantime_is_of_no_use(
    empty: Installation, people: People
) -> None:
    first, second = people(empty), people(empty)
    _, address = link_of(empty)
    first.open(address)
    second.open(address)
    chosen = {"password": PASSWORD, "password_again": PASSWORD}
    first.send("/set-up", name="first", **chosen)
    page = second.send("/set-up", name="second", **chosen)
    assert page.response.status_code == 404
    assert second.cookie("sid") is None
