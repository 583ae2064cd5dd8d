"""Signing in through the pages, without any script."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ostiary.domain.accounts import BUILT_IN
from ostiary.domain.session import EndReason
from ostiary.services import end, passwords, users
from ostiary.services.users import UserChange
from ostiary.storage import organizations
from tests.support.installation import CHROME, PASSWORD, Installation
from tests.web.reading import Reader, caller_of, set_cookies

People = Callable[..., Reader]


def test_somebody_signs_in_and_sees_her_sessions(anywhere: Installation, people: People) -> None:
    """Covers A05, A13, E01, M04."""
    ann = people(anywhere)
    page = ann.open("/account")
    assert ann.path == "/sign-in"
    page = ann.open("/sign-in/acme")
    assert page.title == "Sign in to Acme"
    assert "Keep me signed in" in page.text
    page = ann.send("/sign-in/acme/app-built-in", name="ann", password=PASSWORD)
    assert ann.path == "/account"
    assert "1 session on 1 device" in page.text
    assert "Firefox on Linux" in page.text
    assert page.form("/sign-out").buttons == ["Sign out"]


def test_the_page_names_application_and_organization(ostiary: Installation, people: People) -> None:
    page = people(ostiary).open("/sign-in/acme/wiki")
    assert page.title == "Sign in to Wiki"
    assert "with your account at Acme" in page.text


@pytest.mark.parametrize(
    "address",
    ["/sign-in/nobody", "/sign-in/acme/shop", "/sign-in/acme/nothing", "/sign-in/acme/wiki/more"],
)
def test_a_door_that_is_not_there_is_not_found(
    ostiary: Installation, people: People, address: str
) -> None:
    page = people(ostiary).open(address, Accept="text/html")
    assert page.response.status_code == 404
    assert "Nothing here" in page.text


def test_the_organization_is_asked_for_when_there_are_several(
    ostiary: Installation, people: People
) -> None:
    ann = people(ostiary)
    page = ann.open("/sign-in")
    assert "organization" in page.form("/sign-in").fields
    ann.send("/sign-in", organization="acme", name="ann", password=PASSWORD)
    assert ann.path == "/account"


def test_the_built_in_organization_need_not_be_named_while_it_is_alone(
    tmp_path: Path, people: People
) -> None:
    alone = Installation(f"sqlite:///{tmp_path / 'o.db'}", tmp_path)
    admin = people(alone)
    page = admin.open("/sign-in")
    assert page.title == "Sign in to Built-in"
    admin.send(f"/sign-in/{BUILT_IN}/app-built-in", name="admin", password=PASSWORD)
    assert admin.path == "/account"
    alone.close()


def test_every_refusal_is_the_same(ostiary: Installation, people: People) -> None:
    """Covers C10, E11: unknown, wrong, disabled, not of this application, no such organization."""
    ostiary.write(
        users.update_user,
        ostiary.act(),
        ostiary.house.vault,
        "acme",
        "bob",
        UserChange(disabled=True),
    )
    answers = set()
    for organization, name, password in (
        ("acme", "nobody", PASSWORD),
        ("acme", "ann", "wrong"),
        ("acme", "bob", PASSWORD),
        ("acme", "zoe", PASSWORD),
        ("nowhere", "ann", PASSWORD),
    ):
        ann = people(ostiary)
        ann.open("/sign-in")
        page = ann.send("/sign-in", organization=organization, name=name, password=password)
        assert ann.cookie("sid") is None
        fields = page.form("/sign-in").fields
        assert "password" not in {k for k, v in fields.items() if v}
        said = page.text
        answers.add((page.response.status_code, said))
    assert len(answers) == 1
    status, said = answers.pop()
    assert status == 401
    assert "Name or password is incorrect." in said


def test_failures_are_delayed_and_the_page_says_for_how_long(
    ostiary: Installation, people: People
) -> None:
    """Covers C01, R09."""
    ann = people(ostiary)
    ann.open("/sign-in/acme")
    page = ann.page
    for _ in range(8):
        page = ann.send("/sign-in/acme/app-built-in", name="ann", password="wrong")
        if page.response.status_code == 429:
            break
    assert page.response.status_code == 429
    seconds = int(page.response.headers["retry-after"])
    unit = "second" if seconds == 1 else "seconds"
    assert f"Wait {seconds} {unit} and try again." in page.text
    ostiary.clock.forward(seconds=seconds)
    ann.send("/sign-in/acme/app-built-in", name="ann", password=PASSWORD)
    assert ann.path == "/account"


def test_a_get_never_signs_in(ostiary: Installation, people: People) -> None:
    """Covers A19."""
    ann = people(ostiary)
    page = ann.open(f"/sign-in/acme?name=ann&password={PASSWORD}")
    assert ann.cookie("sid") is None
    assert page.form("/sign-in/acme/app-built-in").fields["name"] == ""


def test_the_session_goes_with_the_browser_unless_it_is_to_be_kept(
    secure: Installation, people: People
) -> None:
    """Covers B03, B04, B05, B06, B07, F07, F09, M01, M02, M03."""
    for remember in (False, True):
        ann = people(secure)
        ann.open("/sign-in/acme")
        box = {"remember": "yes"} if remember else {}
        page = ann.send(
            "/sign-in/acme/app-built-in", follow=False, name="ann", password=PASSWORD, **box
        )
        assert page.response.status_code == 303
        assert page.response.headers["cache-control"] == "no-store"
        cookies = set_cookies(page.response)
        value, *attributes = cookies["__Host-sid"]
        kept = [f"max-age={30 * 86_400}"] if remember else []
        assert attributes == sorted([*kept, "httponly", "path=/", "samesite=lax", "secure"])
        assert len(value) == 43
        assert value not in page.response.text
        assert value not in str(page.response.headers["location"])
        device = cookies["__Host-device"]
        assert "max-age=34560000" in device
        assert {"httponly", "path=/", "samesite=lax", "secure"} <= set(device)
        assert all("domain" not in " ".join(c) for c in cookies.values())


def test_the_login_form_is_bound_to_a_cookie_that_goes_at_login(
    secure: Installation, people: People
) -> None:
    """Covers E10, E04."""
    ann = people(secure)
    ann.open("/sign-in/acme")
    form_cookie = ann.cookie("form")
    assert form_cookie is not None
    page = ann.send("/sign-in/acme/app-built-in", follow=False, name="ann", password=PASSWORD)
    deleted = set_cookies(page.response)["__Host-form"]
    assert "max-age=0" in deleted
    assert {"secure", "path=/", "httponly"} <= set(deleted)
    assert ann.cookie("form") is None


def test_another_browsers_form_signs_nobody_in(ostiary: Installation, people: People) -> None:
    """Covers E10: an attacker's own form, with the attacker's password, in a victim's browser."""
    mallory, victim = people(ostiary), people(ostiary)
    fields = mallory.open("/sign-in/acme").form("/sign-in/acme/app-built-in").fields
    victim.open("/sign-in/acme")
    answer = victim.browser.post(
        "/sign-in/acme/app-built-in", data=fields | {"name": "bob", "password": PASSWORD}
    )
    assert answer.status_code == 403
    assert victim.cookie("sid") is None


def test_a_second_sign_in_renews_the_secret_and_keeps_the_session(
    ostiary: Installation, people: People
) -> None:
    """Covers A07, E03, W7."""
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    old = ann.cookie("sid")
    ann.sign_in("acme", "ann")
    assert ann.cookie("sid") != old
    assert "1 session on 1 device" in ann.page.text
    stranger = people(ostiary)
    stranger.set_cookie("sid", old)
    stranger.open("/account")
    assert stranger.path.startswith("/sign-in")


def test_a_session_id_that_the_browser_made_up_is_not_adopted(
    ostiary: Installation, people: People
) -> None:
    """Covers E02, E03."""
    ann = people(ostiary)
    invented = "A" * 43
    ann.set_cookie("sid", invented)
    ann.sign_in("acme", "ann")
    assert ann.path == "/account"
    values = {c.value for c in ann.browser.cookies.jar if c.name == "sid"}
    assert invented not in values
    other = people(ostiary)
    secret = ann.cookie("sid")
    other.open(f"/account?sid={secret}", **{"X-Session": secret or "", "Authorization": secret})
    assert other.path.startswith("/sign-in")


def test_somebody_else_on_this_device_is_announced_before_it_is_done(
    ostiary: Installation, people: People
) -> None:
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    page = ann.open("/sign-in/acme")
    assert "ann is signed in in this browser." in page.text
    assert "Signing in as somebody else signs ann out." in page.text
    assert page.links["Go on as ann"] == "/account"
    ann.send("/sign-in/acme/app-built-in", name="bob", password=PASSWORD)
    assert ann.path == "/account"
    assert "Signed in" in ann.page.text
    assert ann.page.with_attributes(title="Signed in as bob")


def test_somebody_else_whom_the_page_could_not_see_is_announced_after_the_password(
    ostiary: Installation, people: People
) -> None:
    """The session's cookie is gone, the device's is not: only the service knows."""
    shared = people(ostiary)
    shared.sign_in("acme", "ann")
    ann_secret = shared.cookie("sid")
    shared.browser.cookies.delete("sid")
    page = shared.open("/sign-in/acme")
    assert "is signed in in this browser" not in page.text
    page = shared.send("/sign-in/acme/app-built-in", name="bob", password=PASSWORD)
    assert page.response.status_code == 409
    assert "ann is signed in in this browser." in page.text
    form = page.form("/sign-in/acme/app-built-in")
    assert form.buttons == ["Sign in and sign ann out"]
    assert form.fields["name"] == "bob"
    assert PASSWORD not in page.response.text
    shared.send("/sign-in/acme/app-built-in", password=PASSWORD)
    assert shared.path == "/account"
    hers = people(ostiary)
    hers.set_cookie("sid", ann_secret)
    page = hers.open("/account")
    assert "This session ended because of a newer sign-in." in page.text


def test_a_password_that_somebody_else_chose_is_changed_first(
    anywhere: Installation, people: People
) -> None:
    """Covers W23, C03, C11."""
    given = "given by the administrator"
    admin = anywhere.start_session(BUILT_IN, "admin")
    act = anywhere.act(caller_of(admin))
    passwords.set_for(anywhere.house, act, "acme", "ann", given)
    ann = people(anywhere)
    page = ann.sign_in("acme", "ann", password=given)
    assert page.response.status_code == 403
    assert "Choose a password of your own." in page.text
    address = "/sign-in/acme/app-built-in"
    form = page.form(address)
    assert form.types["password"] == form.types["new_password"] == "password"
    assert given not in page.response.text
    assert ann.cookie("sid") is None

    own = "a password of my own choosing"
    page = ann.send(address, password=given, new_password=own, new_password_again="other")
    assert "The two new passwords are not the same." in page.text
    page = ann.send(address, password=given, new_password="short", new_password_again="short")
    assert page.response.status_code == 400
    assert "Use at least 8 characters." in page.text
    assert "short" not in page.form(address).fields.values()
    page = ann.send(address, password=given, new_password=own, new_password_again=own)
    assert ann.path == "/account"
    assert people(anywhere).sign_in("acme", "ann", password=given).response.status_code == 401
    again = people(anywhere, CHROME)
    again.sign_in("acme", "ann", password=own)
    assert again.path == "/account"


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (EndReason.REVOKED, "This session was ended: by you on another device"),
        (EndReason.USER_DISABLED, "because the account was disabled"),
        (EndReason.CREDENTIAL_CHANGED, "because the password was changed"),
    ],
)
def test_a_dead_session_says_why_it_ended(
    ostiary: Installation, people: People, reason: EndReason, said: str
) -> None:
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    other = ostiary.start_session("acme", "ann")
    if reason is EndReason.REVOKED:
        ostiary.write(end.end_others, ostiary.act(caller_of(other)))
    elif reason is EndReason.USER_DISABLED:
        change = UserChange(disabled=True)
        ostiary.write(users.update_user, ostiary.act(), ostiary.house.vault, "acme", "ann", change)
    else:
        passwords.set_for(ostiary.house, ostiary.act(), "acme", "ann", "quite another password")
    page = ann.open("/account/security")
    assert ann.path == "/sign-in/acme"
    assert said in page.text
    assert page.form("/sign-in/acme/app-built-in").fields["return_to"] == "/account/security"


@pytest.mark.parametrize(
    ("hours", "said"),
    [(2, "because nothing happened for a while"), (25, "for as long as is allowed")],
)
def test_a_session_that_ran_out_says_so(
    ostiary: Installation, people: People, hours: int, said: str
) -> None:
    """Covers A08, A09, F04."""
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    for _ in range(2 * hours if hours > 2 else 0):
        ostiary.clock.forward(minutes=30)
        ann.browser.get("/account", follow_redirects=False)
    if hours == 2:
        ostiary.clock.forward(hours=hours)
    page = ann.open("/account")
    assert ann.path == "/sign-in/acme"
    assert said in page.text


def test_after_signing_in_one_is_where_one_wanted_to_be(
    ostiary: Installation, people: People
) -> None:
    ann = people(ostiary)
    ann.open("/account/activity")
    assert ann.page.form("/sign-in").fields["return_to"] == "/account/activity"
    ann.send("/sign-in", organization="acme", name="ann", password=PASSWORD)
    assert ann.path == "/account/activity"


def test_a_session_of_an_organization_that_is_gone_does_not_lead_in_circles(
    ostiary: Installation, people: People
) -> None:
    zoe = people(ostiary)
    zoe.sign_in("globex", "zoe")
    key = ostiary.read(organizations.get, "globex").key
    ostiary.write(organizations.delete, key, ostiary.clock.now)
    page = zoe.open("/account")
    assert page.response.status_code == 200


def test_the_password_appears_nowhere_in_the_store(
    ostiary: Installation, people: People, tmp_path: Path
) -> None:
    """Covers R01, D17: neither a password, nor what was typed as a name, nor a cookie's value."""
    ann = people(ostiary)
    ann.sign_in("acme", "my secret typed into the name", password="wrong password here")
    ann.sign_in("acme", "ann")
    secrets = {PASSWORD, "wrong password here", "my secret typed into the name"}
    secrets |= {ann.cookie("sid") or "", ann.cookie("device") or ""}
    stored = b"".join(p.read_bytes() for p in tmp_path.glob("o.db*"))
    assert b"Firefox" in stored
    for secret in secrets:
        assert secret
        assert secret.encode() not in stored
