"""Users, applications and organizations in the console, without scripts."""

from collections.abc import Callable

import pytest

from ostiary.domain.accounts import Application, Organization
from ostiary.domain.errors import NotFound
from ostiary.domain.lifetime import Overrides
from ostiary.domain.session import EndReason
from ostiary.services import applications, organizations, see, users
from tests.support.installation import PASSWORD, Installation
from tests.web.reading import Reader

People = Callable[..., Reader]

TEMPORARY = "a temporary password of four"


@pytest.fixture
def admin(ostiary: Installation, people: People) -> Reader:
    """The global administrator."""
    reader = people(ostiary)
    reader.sign_in("built-in", "admin")
    return reader


@pytest.fixture
def boss(ostiary: Installation, people: People) -> Reader:
    """An administrator of Acme."""
    ostiary.user("acme", "boss", is_admin=True)
    reader = people(ostiary)
    reader.sign_in("acme", "boss")
    return reader


def user(ostiary: Installation, organization: str, name: str) -> users.User:
    return ostiary.read(users.get_user, ostiary.act(), organization, name)


def application(ostiary: Installation, name: str) -> Application:
    found: Application = ostiary.read(applications.get_application, ostiary.act(), name)
    return found


def organization(ostiary: Installation, name: str) -> Organization:
    found: Organization = ostiary.read(organizations.get_organization, ostiary.act(), name)
    return found


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


def test_an_application_is_added_and_shows_its_secret_this_once(
    ostiary: Installation, boss: Reader
) -> None:
    """Covers R01, R07."""
    boss.open("/console/add-application")
    page = boss.send(
        "/console/add-application",
        name="chat",
        display_name="Chat",
        redirect_uris="https://chat.example/back\r\n\r\n http://127.0.0.1:3000/back ",
        backchannel_logout_uri="https://chat.example/logout",
        idle="15m",
        absolute="8 hours",
        exclusive="on",
    )
    added = application(ostiary, "chat")
    secret = applications.secret_of(ostiary.house.vault, added)
    assert page.response.status_code == 200
    assert secret in page.text
    assert added.client_id in page.text
    assert "no-store" in page.response.headers["cache-control"]
    assert added.redirect_uris == ("https://chat.example/back", "http://127.0.0.1:3000/back")
    assert added.lifetimes == Overrides(idle=900, absolute=28_800)
    assert added.exclusive
    page = boss.open("/console/applications/chat")
    assert secret not in page.response.text
    assert "Signed out after 15 minutes without activity, and 8 hours after signing in" in page.text
    assert "A new sign-in ends" in page.text


def test_a_secret_is_made_anew_and_the_old_one_stops(ostiary: Installation, boss: Reader) -> None:
    old = application(ostiary, "wiki")
    before = applications.secret_of(ostiary.house.vault, old)
    page = boss.open("/console/applications/wiki")
    page = boss.open(page.links["Make a new one"])
    page = boss.send("/console/applications/wiki/rotate")
    after = applications.secret_of(ostiary.house.vault, application(ostiary, "wiki"))
    assert after in page.text
    assert before != after
    vault = ostiary.house.vault
    assert ostiary.read(applications.authenticate, vault, old.client_id, before) is None
    assert ostiary.read(applications.authenticate, vault, old.client_id, after) is not None


def test_a_new_secret_asks_for_the_password_again(ostiary: Installation, boss: Reader) -> None:
    """Covers A17."""
    before = application(ostiary, "wiki").sealed_secret
    boss.open("/console/applications/wiki/rotate")
    ostiary.clock.forward(minutes=16)
    page = boss.send("/console/applications/wiki/rotate")
    assert "Enter your password again" in page.text
    assert application(ostiary, "wiki").sealed_secret == before
    page = boss.send("/reauthenticate", password=PASSWORD)
    assert page.with_attributes(id="client-secret")
    assert application(ostiary, "wiki").sealed_secret != before
    assert boss.open("/console").response.status_code == 200


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("redirect_uris", "javascript:alert(1)", "not an address"),
        ("redirect_uris", "https://a.example/#x", "fragment"),
        ("backchannel_logout_uri", "ftp://a.example", "not an absolute"),
        ("idle", "soon", "Write a number and a unit"),
        ("absolute", "401d", "at most 400 days"),
        ("remembered_idle", "0s", "at least 1 second"),
        ("remembered_absolute", "1h30m", "Write a number and a unit"),
    ],
)
def test_a_value_that_cannot_be_used_is_said_at_its_field(
    ostiary: Installation, boss: Reader, field: str, value: str, said: str
) -> None:
    before = application(ostiary, "wiki")
    for path, name in (("/console/applications/wiki/edit", ""), ("/console/add-application", "x")):
        boss.open(path)
        page = boss.send(path, name=name, display_name="Kept", **{field: value})
        assert page.response.status_code == 400
        wrong = page.with_attributes(id=f"field-{field}")[0]
        assert wrong.get("aria-invalid") == "true"
        assert said in page.text
        assert page.form(path).fields["display_name"] == "Kept"
        assert value in page.response.text
    assert application(ostiary, "wiki") == before


def test_an_application_is_changed_and_what_is_left_empty_is_inherited(
    ostiary: Installation, boss: Reader
) -> None:
    page = boss.open("/console/organizations/acme/edit")
    boss.send("/console/organizations/acme/edit", idle="2h")
    page = boss.open("/console/applications/wiki/edit")
    assert page.with_attributes(id="field-idle")[0]["placeholder"] == "2h"
    assert page.with_attributes(id="field-absolute")[0]["placeholder"] == "1d"
    page = boss.send("/console/applications/wiki/edit", absolute="10h", sign_in_disabled="on")
    assert "2 hours without activity, and 10 hours after" in page.text
    assert "sign-in off" in page.text
    changed = application(ostiary, "wiki")
    assert changed.lifetimes == Overrides(absolute=36_000)
    assert changed.backchannel_logout_uri == "https://wiki.example/logout"


def test_deleting_an_application_signs_out_who_signed_in_through_it(
    ostiary: Installation, boss: Reader, people: People
) -> None:
    ann = people(ostiary)
    ann.sign_in("acme", "ann", application="wiki")
    page = boss.open("/console/applications/wiki")
    page = boss.open(page.links["Delete the application"])
    assert "1 live session is used in it." in page.text
    page = boss.send("/console/applications/wiki/delete")
    assert "wiki was deleted." in page.text
    assert "Wiki" not in page.links
    ann.open("/account")
    assert ann.path.startswith("/sign-in")


def test_the_built_in_application_is_protected(ostiary: Installation, admin: Reader) -> None:
    page = admin.open("/console/applications/app-built-in")
    assert "Delete the application" not in page.links
    admin.open("/console/applications/app-built-in/delete")
    page = admin.send("/console/applications/app-built-in/delete")
    assert page.response.status_code == 409


def test_an_application_leads_to_its_sessions_and_ends_them(
    ostiary: Installation, boss: Reader
) -> None:
    ostiary.start_session("acme", "ann", application="wiki")
    ostiary.start_session("acme", "bob", application="tickets")
    page = boss.open("/console/applications/wiki")
    assert "1 live session" in boss.open(page.links["Show its sessions"]).text
    page = boss.open(page.links["End its sessions"])
    assert "Ends 1 session." in page.text
    page = boss.send("/console/sessions/end-matching")
    assert "Ended 1 session." in page.text
    assert boss.path == "/console/applications/wiki"


def test_an_organization_is_added_changed_and_deleted(ostiary: Installation, admin: Reader) -> None:
    admin.open("/console/add-organization")
    page = admin.send(
        "/console/add-organization", name="initech", display_name="Initech", idle="10m"
    )
    assert admin.path == "/console/organizations/initech"
    assert "Signed out after 10 minutes without activity" in page.text
    admin.open(page.links["Edit"])
    page = admin.send(
        "/console/organizations/initech/edit",
        default_application="app-built-in",
        exclusive="on",
        keep_sessions_on_password_change="on",
        absolute="2h",
    )
    assert "Saved." in page.text
    changed = organization(ostiary, "initech")
    assert changed.lifetimes == Overrides(idle=600, absolute=7_200)
    assert (changed.exclusive, changed.keep_sessions_on_password_change) == (True, True)
    assert changed.default_application == "app-built-in"
    page = admin.open(page.links["Delete the organization"])
    page = admin.send("/console/organizations/initech/delete")
    assert "initech was deleted." in page.text


def test_an_organization_that_is_in_use_is_not_deleted(
    ostiary: Installation, admin: Reader
) -> None:
    admin.open("/console/organizations/acme/delete")
    page = admin.send("/console/organizations/acme/delete")
    assert "users and applications first" in page.text
    assert organization(ostiary, "acme")
    assert "Delete the organization" not in admin.open("/console/organizations/built-in").links


def test_a_taken_name_is_said_at_its_field(ostiary: Installation, admin: Reader) -> None:
    admin.open("/console/add-organization")
    page = admin.send("/console/add-organization", name="acme", display_name="Kept")
    assert page.response.status_code == 409
    assert page.with_attributes(id="field-name")[0]["aria-invalid"] == "true"
    assert page.form("/console/add-organization").fields["display_name"] == "Kept"


def test_an_organization_ends_all_of_its_sessions(ostiary: Installation, admin: Reader) -> None:
    """Covers A14."""
    ostiary.start_session("acme", "ann")
    ostiary.start_session("acme", "bob")
    kept = ostiary.start_session("globex", "zoe").session.id
    page = admin.open("/console/organizations/acme")
    page = admin.open(page.links["End all its sessions"])
    assert "Ends 2 sessions of 2 users." in page.text
    page = admin.send("/console/sessions/end-matching")
    assert "Ended 2 sessions of 2 users." in page.text
    assert ostiary.read(see.one_session, ostiary.act(), kept).session.ended_at is None


def test_somebody_who_may_choose_none_adds_to_her_own_organization(
    ostiary: Installation, boss: Reader
) -> None:
    page = boss.open("/console/add-application")
    assert page.form("/console/add-application").fields["organization"] == "acme"
    page = boss.send("/console/add-application", name="x", organization="globex")
    assert page.response.status_code == 403


def test_an_organization_that_is_not_there_is_said_at_its_field(
    ostiary: Installation, admin: Reader
) -> None:
    for path in ("/console/add-user", "/console/add-application"):
        admin.open(path)
        page = admin.send(path, name="x", organization="nowhere")
        assert page.response.status_code == 404
        assert "There is no organization nowhere." in page.text
        assert page.form(path).fields["name"] == "x"
