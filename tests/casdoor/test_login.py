"""``POST /api/login``: a cookie for a name and a password."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from ostiary.casdoor.obfuscation import reveal
from ostiary.domain.session import EndReason
from ostiary.services import applications, organizations, users
from ostiary.services.house import Policy
from ostiary.storage import sessions
from ostiary.storage.tables import audit_event, client_session, session
from tests.casdoor.conftest import MakeWorld
from tests.casdoor.world import SEVEN, Asker, World
from tests.support.installation import CHROME, PASSWORD

WRONG = "password or code is incorrect"


@pytest.fixture
def browser(world: World) -> Asker:
    return Asker(world.browser())


def cookies(response: Any) -> dict[str, dict[str, str]]:
    """The cookies that an answer sets: their attributes by name, lower case."""
    found = {}
    for header in response.headers.get_list("set-cookie"):
        first, *attributes = header.split("; ")
        name, _, value = first.partition("=")
        pairs = [a.lower().partition("=") for a in attributes]
        found[name] = {"value": value, **{key: text for key, _, text in pairs}}
    return found


def form(**more: Any) -> dict[str, Any]:
    return {
        "type": "login",
        "application": "wiki",
        "organization": "acme",
        "username": "ann",
        "password": PASSWORD,
        **more,
    }


def test_a_name_and_a_password_become_a_session(world: World, browser: Asker) -> None:
    """Covers W5, W19, A05, B03, B04, B05, B06, F09."""
    response = browser.send("POST", "login", form(signinMethod="Password", language="de"))
    answer = response.json()
    assert list(answer) == SEVEN
    assert answer == {**dict.fromkeys(SEVEN, ""), "status": "ok", "data": "acme/ann"} | {
        "data2": None,
        "data3": None,
    }
    (row,) = world.rows(session)
    set_ = cookies(response)
    secret = set_["sid"].pop("value")
    assert set_["sid"] == {"httponly": "", "path": "/", "samesite": "lax"}
    assert set_["device"].pop("value") not in {"", secret}
    assert set_["device"] == {
        "httponly": "",
        "path": "/",
        "samesite": "lax",
        "max-age": "34560000",
    }
    assert len(secret) == 43
    assert row.id not in secret
    assert secret not in response.text
    assert browser.data("get-account")["name"] == "ann"
    assert (row.device_kind, row.browser, row.os) == ("desktop", "Firefox", "Linux")


def test_over_https_the_cookies_are_of_this_host_alone(make_world: MakeWorld) -> None:
    """Covers W19, M01, B03."""
    world = make_world(public_url="https://id.example")
    browser = Asker(world.browser())
    set_ = cookies(browser.send("POST", "login", form()))
    assert set(set_) == {"__Host-sid", "__Host-device"}
    for cookie in set_.values():
        assert "secure" in cookie
        assert "domain" not in cookie
    assert browser.data("get-account")["name"] == "ann"
    gone = cookies(browser.send("POST", "logout"))["__Host-sid"]
    assert (gone["max-age"], "secure" in gone, gone["path"]) == ("0", True, "/")


def test_a_session_to_keep_has_a_cookie_to_keep(world: World, browser: Asker) -> None:
    """Covers F07, M03: and without it the cookie goes with the browser."""
    set_ = cookies(browser.send("POST", "login", form(autoSignin=True)))
    assert set_["sid"]["max-age"] == str(30 * 86_400)
    (row,) = world.rows(session)
    assert row.remembered
    set_ = cookies(browser.send("POST", "login", form(autoSignin=False)))
    assert "max-age" not in set_["sid"]
    (row,) = world.rows(session)
    assert not row.remembered


@pytest.mark.parametrize("login", ["ann", "ann@acme.example", "+49301234567"])
def test_the_name_may_be_a_mail_address_or_a_phone_number(world: World, login: str) -> None:
    server = world.basic("wiki")
    server.post("update-user", {"phone": "+49301234567"}, id="acme/ann")
    browser = Asker(world.browser())
    assert browser.post("login", form(username=login))["data"] == "acme/ann"


def test_the_organization_may_be_left_to_the_application(browser: Asker) -> None:
    assert browser.post("login", form(organization=""))["data"] == "acme/ann"


def test_every_failure_says_the_same(world: World, browser: Asker) -> None:
    """Covers W21, C10, E11: whatever the reason, and no cookie either."""
    world.write(
        users.update_user,
        world.act(),
        world.house.vault,
        "acme",
        "bob",
        users.UserChange(disabled=True),
    )
    server = world.basic("wiki")
    server.post("add-user", {"owner": "acme", "name": "nopass", "displayName": "No password"})
    for wrong in (
        form(password="wrong"),
        form(password=""),
        form(password=PASSWORD + " "),
        form(username="nobody"),
        form(username="a" * 5_000),
        form(username="bob"),
        form(username="nopass", password=""),
        form(organization="nowhere"),
        form(organization="globex"),
        form(organization="globex", username="gus"),
        form(application="shop"),
        form(username="gus"),
        form(password="x" * 5_000),
    ):
        response = browser.send("POST", "login", wrong)
        assert response.status_code == 200
        answer = response.json()
        assert (answer["status"], answer["msg"], answer["data"]) == ("error", WRONG, None), wrong
        assert "set-cookie" not in response.headers
    assert world.rows(session) == []
    events = [e for e in world.rows(audit_event) if e.event == "sign_in.failed"]
    assert len(events) == 13


@pytest.mark.parametrize("what", ["application", "organization"])
def test_where_sign_in_is_disabled_it_fails_like_everything(world: World, what: str) -> None:
    """Covers W21."""
    if what == "application":
        change: Any = applications.ApplicationChange(sign_in_disabled=True)
        verb: Any = applications.update_application
    else:
        change = organizations.OrganizationChange(sign_in_disabled=True)
        verb = organizations.update_organization
    name = "wiki" if what == "application" else "acme"
    world.write(verb, world.act(), world.house.vault, name, change)
    assert Asker(world.browser()).post("login", form())["msg"] == WRONG


def test_after_failures_one_has_to_wait(make_world: MakeWorld) -> None:
    """Covers W21, R09, C01: HTTP 200 with the wire's text; not on the owner's own device."""
    world = make_world(policy=Policy(failures_before_delay=3, first_delay=61))
    known = Asker(world.browser())
    assert known.post("login", form())["status"] == "ok"
    assert known.post("logout")["status"] == "ok"
    stranger = Asker(world.browser(CHROME))
    for _ in range(3):
        assert stranger.post("login", form(password="wrong"))["msg"] == WRONG
    answer = stranger.post("login", form())
    assert answer["msg"] == (
        "You have entered the wrong password or code too many times, please wait for "
        "2 minutes and try again"
    )
    assert answer["status"] == "error"
    world.clock.forward(seconds=62)
    assert stranger.post("login", form())["status"] == "ok"


def test_an_unknown_application_is_told(browser: Asker) -> None:
    """A matter of configuration, not of credentials."""
    for name in ("nothing", ""):
        answer = browser.post("login", form(application=name))
        assert answer["msg"] == f"The application: {name} does not exist"


@pytest.mark.parametrize("kind", ["token", "id_token", "saml", "cas", "device"])
def test_other_kinds_of_answers_are_not_given(world: World, browser: Asker, kind: str) -> None:
    answer = browser.post("login", form(type=kind))
    assert answer["msg"] == f"response type: {kind} is not supported by this server"
    assert world.rows(session) == []


def test_an_unknown_kind_is_told(browser: Asker) -> None:
    assert browser.post("login", form(type="magic"))["msg"] == "unknown response type: magic"
    assert browser.post("login", form(type=""))["msg"] == "unknown response type: "
    assert browser.post("login", b"{")["msg"] == "unexpected end of JSON input"
    assert browser.post("login", form(username=1))["status"] == "error"


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"signinMethod": "LDAP"}, "ldap"),
        ({"signinMethod": "Verification code", "code": "123456"}, "verification code"),
        ({"code": "123456", "password": ""}, "verification code"),
    ],
)
def test_other_methods_are_not_enabled(browser: Asker, more: dict[str, str], named: str) -> None:
    assert browser.post("login", form(**more))["msg"] == (
        f"The login method: login with {named} is not enabled for the application"
    )


def test_a_password_that_somebody_else_chose_is_changed_first(world: World) -> None:
    """Covers W23: until then nobody is signed in."""
    boss, browser = world.user_agent("boss"), Asker(world.browser())
    given = "the administrator chose this"
    set_ = {"userOwner": "acme", "userName": "ann", "newPassword": given}
    assert boss.post("set-password", **set_)["status"] == "ok"
    response = browser.send("POST", "login", form(password=given))
    answer = response.json()
    assert (answer["status"], answer["data"]) == ("ok", "RequiredUpdatePassword")
    assert answer["data3"] is True
    assert "set-cookie" not in response.headers
    assert browser.get("get-account")["msg"] == "Please login first"
    weak = browser.post("login", form(password=given, newPassword="password"))
    assert weak["status"] == "error"
    own = "my very own words"
    assert browser.post("login", form(password=given, newPassword=own))["data"] == "acme/ann"
    assert browser.data("get-account")["name"] == "ann"
    assert Asker(world.browser()).post("login", form(password=given))["msg"] == WRONG
    assert Asker(world.browser()).post("login", form(password=own))["status"] == "ok"


def test_a_sign_in_renews_the_secret(world: World, browser: Asker) -> None:
    """Covers W7, A07, E03, E04: nothing that came along is kept as a session."""
    planted = secrets.token_urlsafe(32)
    browser.client.cookies.set("sid", planted, domain="127.0.0.1")
    assert browser.post("login", form())["status"] == "ok"
    first = browser.client.cookies["sid"]
    assert first != planted
    (row,) = world.rows(session)
    assert browser.post("login", form())["status"] == "ok"
    (again,) = world.rows(session)
    second = browser.client.cookies["sid"]
    assert again.id == row.id
    assert second not in {first, planted}
    old = Asker(world.browser())
    old.client.cookies.set("sid", first)
    assert old.get("get-account")["msg"] == "Please login first"


def test_somebody_else_on_the_same_device_ends_the_first(world: World, browser: Asker) -> None:
    assert browser.post("login", form())["status"] == "ok"
    assert browser.post("login", form(username="bob"))["data"] == "acme/bob"
    assert browser.data("get-account")["name"] == "bob"
    first = next(r for r in world.rows(session) if r.user_name == "ann")
    assert first.ended_reason == EndReason.DISPLACED.value


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Referer": "https://evil.example/login"},
    ],
)
def test_another_site_signs_nobody_in(world: World, headers: dict[str, str]) -> None:
    """Covers E09, E10, A19, W19."""
    program = world.program(headers=headers)
    response = program.send("POST", "login", form())
    assert "did not come from a page of this server" in response.json()["msg"]
    assert "set-cookie" not in response.headers
    assert world.rows(session) == []


def test_a_program_without_cookies_needs_no_proof(world: World) -> None:
    """Covers E10: it is nobody's browser."""
    program = world.program()
    assert program.post("login", form())["data"] == "acme/ann"
    # With the cookie that it got, it has to say where it comes from.
    assert "did not come from" in program.post("login", form())["msg"]
    program.client.headers["Origin"] = world.public_url
    assert program.post("login", form())["data"] == "acme/ann"


def test_a_get_signs_nobody_in(world: World) -> None:
    """Covers A19, B14."""
    assert world.program().send("GET", "login", **form()).status_code == 405
    assert world.rows(session) == []


def test_one_session_enters_many_applications(world: World, browser: Asker) -> None:
    """Quick sign-in: the same session, in the records of both."""
    assert browser.post("login", form())["status"] == "ok"
    (row,) = world.rows(session)
    secret = browser.client.cookies["sid"]
    for _ in range(2):
        assert browser.post("login", {"type": "login", "application": "mail"})["data"] == "acme/ann"
    assert browser.client.cookies["sid"] == secret
    assert len(world.rows(session)) == 1
    assert len(world.rows(client_session)) == 2
    server = world.basic("wiki")
    assert server.ids() == server.ids(application="mail") == [row.id]
    entered = [e for e in world.rows(audit_event) if e.event == "session.entered"]
    assert [(e.actor, e.application) for e in entered] == [("acme/ann", "mail")]


def test_not_every_application_can_be_entered(world: World, browser: Asker) -> None:
    """Covers W12 as far as sessions: nothing begins without a live one."""
    quick = {"type": "login", "application": "mail"}
    nobody = "Unknown authentication type (not password or provider)"
    assert browser.post("login", quick)["msg"] == nobody
    assert browser.post("login", form())["status"] == "ok"
    foreign = browser.post("login", {**quick, "application": "shop"})
    assert foreign["msg"] == "The application shop is not open to acme."
    unknown = browser.post("login", {**quick, "application": "nothing"})
    assert unknown["msg"] == "The application: nothing does not exist"
    world.write(
        applications.update_application,
        world.act(),
        world.house.vault,
        "mail",
        applications.ApplicationChange(sign_in_disabled=True),
    )
    closed = browser.post("login", quick)
    assert closed["msg"] == "The application: mail has disabled users to signin"
    world.clock.forward(hours=2)
    assert browser.post("login", quick)["msg"] == nobody
    assert len(world.rows(client_session)) == 1


def test_entering_an_exclusive_application_ends_the_others_there(world: World) -> None:
    """Covers W9."""
    world.write(
        applications.update_application,
        world.act(),
        world.house.vault,
        "mail",
        applications.ApplicationChange(exclusive=True),
    )
    there = world.user_agent("ann", application="mail")
    here = world.user_agent("ann")
    assert here.post("login", {"type": "login", "application": "mail"})["status"] == "ok"
    assert world.basic("wiki").ids(application="mail") == [here.session_id]
    found = world.read(sessions.by_id, there.session_id)
    assert found.ended_reason is EndReason.DISPLACED


def scramble(algorithm: AES | TripleDES, password: str) -> str:
    size = algorithm.block_size // 8
    vector = secrets.token_bytes(size)
    padder = PKCS7(algorithm.block_size).padder()
    padded = padder.update(password.encode()) + padder.finalize()
    encryptor = Cipher(algorithm, CBC(vector)).encryptor()
    return (vector + encryptor.update(padded) + encryptor.finalize()).hex()


@pytest.mark.parametrize(
    ("kind", "algorithm", "key"),
    [("AES", AES, bytes(range(16))), ("DES", lambda key: TripleDES(key * 3), b"8 bytes!")],
)
def test_a_scrambled_password_is_read(world: World, kind: str, algorithm: Any, key: bytes) -> None:
    """Contract 3.2: as the organization asks for it."""
    body = {"passwordObfuscatorType": kind, "passwordObfuscatorKey": key.hex()}
    answer = world.everywhere().post("update-organization", body, id="admin/acme")
    assert answer["data"] == "Affected"
    browser = Asker(world.browser())
    shown = browser.data("get-app-login", id="admin/wiki")["organizationObj"]
    assert (shown["passwordObfuscatorType"], shown["passwordObfuscatorKey"]) == (kind, key.hex())
    sent = scramble(algorithm(key), PASSWORD)
    assert browser.post("login", form(password=sent))["data"] == "acme/ann"
    assert browser.post("login", form(password=PASSWORD))["msg"] == WRONG
    wrong = scramble(algorithm(key), "wrong")
    assert browser.post("login", form(password=wrong))["msg"] == WRONG


def test_what_cannot_be_read_is_no_password() -> None:
    key = bytes(16).hex()
    for kind, used, sent in (
        ("AES", key, "zz"),
        ("AES", key, ""),
        ("AES", key, "00" * 16),
        ("AES", key, "00" * 31),
        ("AES", key, "00" * 32),
        ("AES", "00", "00" * 32),
        ("AES", "no hex", "00" * 32),
        ("DES", key, "00" * 16),
        ("ROT13", key, "cnffjbeq"),
    ):
        assert reveal(kind, used, sent) is None, (kind, sent)
    assert reveal("Plain", "", "as it is") == reveal("", "", "as it is") == "as it is"
