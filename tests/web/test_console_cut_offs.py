"""Ending everything at once in the console, and following how far it is."""

from collections.abc import Callable

import pytest

from ostiary.services import retention
from tests.support.installation import PASSWORD, Installation
from tests.web.reading import Reader
from tests.web.sessions import scattered

People = Callable[..., Reader]
CONFIRM = "/console/cut-off"


@pytest.mark.parametrize(
    ("page", "ended"),
    [
        ("/console/organizations/acme", 3),
        ("/console/applications/wiki", 2),
        ("/console/users/acme/ann", 2),
    ],
)
def test_everything_of_a_subject_ends_at_once_and_is_followed_to_its_end(
    ostiary: Installation, admin: Reader, page: str, ended: int
) -> None:
    """Covers A14, R03."""
    scattered(ostiary)
    shown = admin.open(admin.open(page).links["End everything at once"])
    assert "End everything of the" in shown.text
    assert f"Ends {ended} sessions" in shown.text
    shown = admin.send(CONFIRM)
    assert admin.path == "/console/cut-offs/1"
    assert "has ended." in shown.text
    assert f"0 sessions are done, {ended} are left" in shown.text
    assert "in work" in admin.open("/console/cut-offs").text
    ostiary.write(retention.settle_cut_offs, ostiary.clock.now)
    shown = admin.open("/console/cut-offs/1")
    assert f"The audit and the notices of {ended} sessions are written." in shown.text
    assert not shown.with_attributes(id="cut-off")[0].get("hx-trigger")
    assert "finished" in admin.open("/console/cut-offs").text
    assert "Everything ended at once" in admin.open("/console/events").text


def test_who_is_cut_off_is_signed_out_at_the_next_click(
    ostiary: Installation, admin: Reader, people: People
) -> None:
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    zoe = people(ostiary)
    zoe.sign_in("globex", "zoe")
    admin.open(admin.open("/console/organizations/acme").links["End everything at once"])
    admin.send(CONFIRM)
    ann.open("/account")
    assert ann.path.startswith("/sign-in")
    zoe.open("/account")
    assert zoe.path == "/account"


def test_an_old_authentication_asks_for_the_password_and_goes_on(
    ostiary: Installation, admin: Reader
) -> None:
    """Covers A16."""
    ostiary.clock.forward(minutes=16)
    admin.open(f"{CONFIRM}?subject=organization&name=acme")
    page = admin.send(CONFIRM)
    assert page.response.status_code == 403
    assert "Nothing was ended at once so far" in admin.open("/console/cut-offs").text
    admin.open(f"{CONFIRM}?subject=organization&name=acme")
    admin.send(CONFIRM)
    admin.send("/reauthenticate", password=PASSWORD)
    assert admin.path == "/console/cut-offs/1"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("subject=everything&name=acme", 400),
        ("subject=organization&name=nothing", 404),
        ("subject=user&name=nobody&organization=acme", 404),
        ("subject=application&name=nothing", 404),
    ],
)
def test_what_is_not_there_cannot_be_cut_off(admin: Reader, query: str, status: int) -> None:
    assert admin.open(f"{CONFIRM}?{query}").response.status_code == status


def test_an_organizations_administrator_cuts_off_that_organization_alone(
    ostiary: Installation, people: People
) -> None:
    ostiary.user("acme", "boss", is_admin=True)
    boss = people(ostiary)
    boss.sign_in("acme", "boss")
    for query in ("subject=organization&name=globex", "subject=user&name=zoe&organization=globex"):
        assert boss.open(f"{CONFIRM}?{query}").response.status_code in {403, 404}
    assert boss.open(f"{CONFIRM}?subject=application&name=shop").response.status_code == 404
    assert "Nothing was ended at once so far" in boss.open("/console/cut-offs").text
    assert boss.open(f"{CONFIRM}?subject=organization&name=acme").response.status_code == 200
