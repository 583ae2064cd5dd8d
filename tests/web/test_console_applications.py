"""Applications and organizations in the console, without scripts."""

from collections.abc import Callable

import pytest

from ostiary.domain.accounts import Application, Organization
from ostiary.domain.lifetime import Overrides
from ostiary.services import applications, organizations, see
from tests.support.installation import PASSWORD, Installation
from tests.web.reading import Reader

People = Callable[..., Reader]

TEMPORARY = "a temporary password of four"


def application(ostiary: Installation, name: str) -> Application:
    found: Application = ostiary.read(applications.get_application, ostiary.act(), name)
    return found


def organization(ostiary: Installation, name: str) -> Organization:
    found: Organization = ostiary.read(organizations.get_organization, ostiary.act(), name)
    return found


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
