"""Changing one's password."""

from collections.abc import Callable

from ostiary.services import organizations
from tests.support.installation import CHROME, PASSWORD, Installation
from tests.web.reading import Page, Reader, set_cookies

People = Callable[..., Reader]

ADDRESS = "/account/security"
NEW = "an entirely new password"


def change(reader: Reader, *, current: str = PASSWORD, new: str = NEW, again: str = "") -> Page:
    reader.open(ADDRESS)
    return reader.send(
        ADDRESS, current_password=current, new_password=new, new_password_again=again or new
    )


def test_the_password_changes_and_the_other_sessions_end(
    anywhere: Installation, people: People
) -> None:
    """Covers A07, A12, C03, E04, W13."""
    ann, other = people(anywhere), people(anywhere, CHROME)
    ann.sign_in("acme", "ann", remember="yes")
    other.sign_in("acme", "ann", application="wiki")
    before = ann.cookie("sid")
    ann.open(ADDRESS)
    page = ann.send(
        ADDRESS, follow=False, current_password=PASSWORD, new_password=NEW, new_password_again=NEW
    )
    assert page.response.status_code == 303
    assert f"max-age={30 * 86_400}" in set_cookies(page.response)["sid"]
    assert NEW not in page.response.text
    page = ann.open(ADDRESS)
    assert "The password was changed. 1 other session was ended. Wiki is being told." in page.text
    assert ann.cookie("sid") != before
    ann.open("/account")
    assert ann.path == "/account"
    page = other.open("/account")
    assert "because the password was changed" in page.text
    old = people(anywhere)
    old.set_cookie("sid", before or "")
    old.open("/account")
    assert old.path.startswith("/sign-in")
    assert people(anywhere).sign_in("acme", "ann").response.status_code == 401
    again = people(anywhere)
    again.sign_in("acme", "ann", password=NEW)
    assert again.path == "/account"


def test_an_organization_may_keep_the_other_sessions_and_the_page_offers_to_end_them(
    ostiary: Installation, people: People
) -> None:
    """Covers A12."""
    keep = organizations.OrganizationChange(keep_sessions_on_password_change=True)
    ostiary.write(
        organizations.update_organization, ostiary.act(), ostiary.house.vault, "acme", keep
    )
    ann, other = people(ostiary), people(ostiary)
    ann.sign_in("acme", "ann")
    other.sign_in("acme", "ann")
    page = change(ann)
    assert "The password was changed." in page.text
    assert other.open("/account").response.status_code == 200
    assert other.path == "/account"
    ann.open(page.links["End all others"])
    ann.send("/account/end-others")
    other.open("/account")
    assert other.path.startswith("/sign-in")


def test_a_password_that_is_easy_to_guess_is_refused(ostiary: Installation, people: People) -> None:
    """Covers C02, C04, C05."""
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    before = ann.cookie("sid")
    for new, said in (
        ("short", "Use at least 8 characters."),
        ("password1", "among those that are tried first"),
        ("x" * 1_025, "Use at most 1,024 characters."),
        (PASSWORD, "Do not use your name"),
    ):
        page = change(ann, new=new)
        assert page.response.status_code == 400
        assert said in page.text
        assert new not in page.response.text
        assert ann.cookie("sid") == before


def test_two_different_new_passwords_are_refused(ostiary: Installation, people: People) -> None:
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    page = change(ann, again="something else")
    assert page.response.status_code == 400
    assert "are not the same" in page.text


def test_a_wrong_current_password_changes_nothing_and_is_delayed(
    ostiary: Installation, people: People
) -> None:
    """Covers A15, C01."""
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    page = change(ann, current="wrong")
    assert page.response.status_code == 401
    assert "The current password is not right." in page.text
    for _ in range(8):
        page = change(ann, current="wrong")
    assert page.response.status_code == 429
    assert "Wait" in page.text
