"""Users in the console, without scripts."""

from collections.abc import Callable

import pytest

from ostiary.domain.errors import NotFound
from ostiary.domain.session import EndReason
from ostiary.services import see, users
from tests.support.installation import PASSWORD, Installation
from tests.web.reading import Reader

People = Callable[..., Reader]

TEMPORARY = "a temporary password of four"


def user(ostiary: Installation, organization: str, name: str) -> users.User:
    return ostiary.read(users.get_user, ostiary.act(), organization, name)


def test_a_user_is_added_signs_in_and_has_to_choose_a_password(
    ostiary: Installation, boss: Reader, people: People
) -> None:
    """Covers W23, C11."""
    boss.open("/console/users")
    boss.open(boss.page.links["Add a user"])
    page = boss.send(
        "/console/add-user",
        name="carol",
        display_name="Carol Danvers",
        email="carol@acme.example",
        password=TEMPORARY,
    )
    assert boss.path == "/console/users/acme/carol"
    assert "carol was added." in page.text
    assert "carol@acme.example" in page.text
    carol = people(ostiary)
    page = carol.sign_in("acme", "carol", password=TEMPORARY)
    assert "Choose a password of your own" in page.text


def test_a_form_that_cannot_be_used_keeps_what_was_typed(
    ostiary: Installation, boss: Reader
) -> None:
    boss.open("/console/add-user")
    for name, password, field, said in (
        ("ann", TEMPORARY, "name", "There is a user acme/ann already."),
        ("", TEMPORARY, "name", "must not be empty"),
        ("a/b", TEMPORARY, "name", "must not hold any of"),
        ("carol", "short", "password", "characters"),
    ):
        page = boss.send(
            "/console/add-user",
            name=name,
            display_name="Carol <Danvers>",
            email="carol@acme.example",
            is_admin="on",
            password=password,
        )
        assert page.response.status_code in {400, 409}
        wrong = page.with_attributes(id=f"field-{field}")[0]
        assert wrong["aria-invalid"] == "true"
        assert f"field-{field}-error" in wrong["aria-describedby"]
        assert said in page.text
        form = page.form("/console/add-user")
        assert form.fields["display_name"] == "Carol <Danvers>"
        assert form.fields["email"] == "carol@acme.example"
        assert form.fields["is_admin"] == "on"
        assert form.fields["name"] == name
        assert form.fields["password"] == ""
    assert ostiary.read(users.count_users, ostiary.act(), "acme") == 3


def test_a_mail_address_that_somebody_has_is_refused_at_its_field(
    ostiary: Installation, boss: Reader
) -> None:
    ostiary.user("acme", "carol", email="carol@acme.example")
    boss.open("/console/users/acme/ann/edit")
    page = boss.send("/console/users/acme/ann/edit", email="carol@acme.example")
    assert page.response.status_code == 409
    assert page.with_attributes(id="field-email")[0]["aria-invalid"] == "true"


def test_a_user_is_changed_and_renamed_and_stays_signed_in(
    ostiary: Installation, boss: Reader
) -> None:
    browser, session_id = ostiary.signed_in_browser("acme", "ann", application="wiki")
    boss.open("/console/users/acme/ann/edit")
    page = boss.send(
        "/console/users/acme/ann/edit",
        name="anna",
        display_name="Anna",
        phone="+351 1",
        is_admin="on",
    )
    assert boss.path == "/console/users/acme/anna"
    assert "Saved." in page.text
    changed = user(ostiary, "acme", "anna")
    assert (changed.display_name, changed.phone, changed.is_admin) == ("Anna", "+351 1", True)
    assert browser.get("/account", follow_redirects=False).status_code == 200
    assert session_id in boss.open("/console/sessions?q=user:anna").response.text


def test_an_empty_display_name_is_refused(ostiary: Installation, boss: Reader) -> None:
    boss.open("/console/users/acme/ann/edit")
    page = boss.send("/console/users/acme/ann/edit", display_name="  ", phone="12")
    assert page.response.status_code == 400
    assert page.form("/console/users/acme/ann/edit").fields["phone"] == "12"


def test_what_decides_about_somebody_asks_for_the_password_again(
    ostiary: Installation, boss: Reader
) -> None:
    """Covers A15, A17: and then what was typed is done."""
    boss.open("/console/users/acme/ann/edit")
    ostiary.clock.forward(minutes=16)
    page = boss.send("/console/users/acme/ann/edit", email="new@acme.example")
    assert "Enter your password again" in page.text
    assert user(ostiary, "acme", "ann").email == ""
    boss.send("/reauthenticate", password=PASSWORD)
    assert boss.path == "/console/users/acme/ann"
    assert user(ostiary, "acme", "ann").email == "new@acme.example"


def test_disabling_says_what_it_ends_and_ends_it(
    ostiary: Installation, boss: Reader, people: People
) -> None:
    """Covers A11, W13."""
    ann = people(ostiary)
    ann.sign_in("acme", "ann", application="wiki")
    page = boss.open("/console/users/acme/ann")
    assert "1 live session" in page.text
    page = boss.open(page.links["Disable"])
    assert "Ends 1 session. wiki will be told." in page.text
    page = boss.send("/console/users/acme/ann/disable")
    assert "ann is disabled." in page.text
    assert "Ended 1 session." in page.text
    ann.open("/account")
    assert ann.path.startswith("/sign-in")
    assert "because the account was disabled" in ann.page.text
    page = boss.send("/console/users/acme/ann/enable")
    assert "ann is enabled." in page.text
    assert not user(ostiary, "acme", "ann").disabled


def test_deleting_is_asked_for_and_leaves_nothing_personal(
    ostiary: Installation, boss: Reader
) -> None:
    """Covers A11, R12."""
    session_id = ostiary.start_session("acme", "ann").session.id
    page = boss.open("/console/users/acme/ann")
    page = boss.open(page.links["Delete"])
    assert "gone for good" in page.text
    page = boss.send("/console/users/acme/ann/delete")
    assert "ann was deleted." in page.text
    with pytest.raises(NotFound):
        user(ostiary, "acme", "ann")
    ended = ostiary.read(see.one_session, ostiary.act(), session_id).session
    assert ended.ended_reason is EndReason.USER_DELETED
    page = boss.open(f"/console/sessions/{session_id}")
    assert "203.0.113.7" not in page.text


def test_a_temporary_password_ends_sessions_and_has_to_be_changed(
    ostiary: Installation, boss: Reader, people: People
) -> None:
    """Covers W13, W23."""
    browser, _ = ostiary.signed_in_browser("acme", "ann")
    boss.open("/console/users/acme/ann")
    page = boss.send("/console/users/acme/ann/password", password="short")
    assert page.response.status_code == 400
    assert page.with_attributes(id="password")[0]["aria-invalid"] == "true"
    assert browser.get("/account", follow_redirects=False).status_code == 200
    page = boss.send("/console/users/acme/ann/password", password=TEMPORARY)
    assert "has to change it" in page.text
    assert TEMPORARY not in page.response.text
    assert browser.get("/account", follow_redirects=False).status_code == 303
    again = people(ostiary)
    assert "own" in again.sign_in("acme", "ann", password=TEMPORARY).text
    assert again.cookie("sid") is None


def test_a_password_that_waits_for_the_administrators_own_is_not_shown(
    ostiary: Installation, boss: Reader
) -> None:
    """Covers R12: it travels encrypted through the page that asks."""
    boss.open("/console/users/acme/ann")
    ostiary.clock.forward(minutes=16)
    page = boss.send("/console/users/acme/ann/password", password=TEMPORARY)
    assert "Enter your password again" in page.text
    assert TEMPORARY not in page.response.text
    page = boss.send("/reauthenticate", password=PASSWORD)
    assert "has to change it" in page.text


def test_all_sessions_of_a_user_end_at_once(ostiary: Installation, boss: Reader) -> None:
    """Covers A14."""
    for _ in range(3):
        ostiary.start_session("acme", "ann", application="wiki")
    other = ostiary.start_session("acme", "bob").session.id
    page = boss.open("/console/users/acme/ann")
    page = boss.open(page.links["End all sessions"])
    assert "Ends 3 sessions." in page.text
    page = boss.send("/console/users/acme/ann/end")
    assert "Ended 3 sessions." in page.text
    assert "Signed in nowhere" in page.text
    assert ostiary.read(see.one_session, ostiary.act(), other).session.ended_at is None


def test_ones_own_account_can_neither_be_disabled_nor_deleted(
    ostiary: Installation, boss: Reader
) -> None:
    page = boss.open("/console/users/acme/boss")
    assert "The one you are using" in page.text
    assert {"Disable", "Delete"}.isdisjoint(page.links)
    for verb in ("disable", "delete"):
        page = boss.open(f"/console/users/acme/boss/{verb}")
        assert "your own account" in page.text
        assert not page.form(f"/console/users/acme/boss/{verb}").buttons
        boss.send(f"/console/users/acme/boss/{verb}")
        assert not user(ostiary, "acme", "boss").disabled
    boss.open("/console/users/acme/boss/end")
    boss.send("/console/users/acme/boss/end")
    assert boss.open("/console").response.status_code == 200


def test_the_built_in_administrator_is_protected(
    ostiary: Installation, admin: Reader, people: People
) -> None:
    ostiary.user("built-in", "second")
    second = people(ostiary)
    second.sign_in("built-in", "second")
    second.open("/console/users/built-in/admin/disable")
    page = second.send("/console/users/built-in/admin/disable")
    assert page.response.status_code == 409
    assert "cannot be renamed or disabled" in page.text
    assert admin.open("/console").response.status_code == 200


def test_users_are_searched_and_paged(
    anywhere: Installation, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = people(anywhere)
    admin.sign_in("built-in", "admin")
    monkeypatch.setattr("ostiary.web.console.users.PAGE", 2)
    monkeypatch.setattr("ostiary.web.console.parts.PAGE", 2)
    anywhere.user("acme", "carol", display_name="Carol Danvers", email="cd@acme.example")
    first = admin.open("/console/users")
    assert "1 to 2 of 5" in first.text
    second = admin.open(first.links["Older"])
    assert "3 to 4 of 5" in second.text
    assert admin.open(second.links["Newer"]).links.keys() >= {"ann", "bob"}
    assert "Carol Danvers" in admin.open("/console/users?q=danvers+CAROL").text
    assert "Carol Danvers" in admin.open("/console/users?q=cd@acme").text
    assert "Nobody matches" in admin.open("/console/users?q=%25").text
    assert "zoe" not in admin.open("/console/users?organization=acme").links
    assert admin.open("/console/users?cursor=nonsense").response.status_code == 200


def test_names_with_spaces_and_dots_have_pages(ostiary: Installation, admin: Reader) -> None:
    for name in ("Ann Lee", "ann.lee", "ann@lee", "Zoë", "añn(1)"):
        ostiary.user("acme", name)
        ostiary.start_session("acme", name)
        page = admin.open("/console/sessions")
        page = admin.open(page.links[name])
        assert page.response.status_code == 200, name
        assert "1 live session" in page.text
        assert admin.open(page.links["All events"]).links.get(name)
