"""Signing in: who may, what is written, and that nobody learns why not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ostiary.domain.accounts import Credential
from ostiary.domain.errors import (
    BadInput,
    NotSignedIn,
    PasswordMustChange,
    WrongCredentials,
)
from ostiary.domain.secrets import digest
from ostiary.domain.session import Device, EndReason
from ostiary.gateways import encodings
from ostiary.gateways.encodings import Cost
from ostiary.gateways.passwords import Passwords
from ostiary.services import applications, organizations, passwords, sign_in, users
from ostiary.storage import tables
from ostiary.storage import users as user_rows
from tests.gateways.samples import ALL, SALT, VECTORS, stored
from tests.services.conftest import MakeScene
from tests.services.scene import Scene
from tests.support.installation import CHEAP, FIREFOX, PASSWORD


def test_a_sign_in_writes_a_session_its_client_its_device_and_the_audit(both: Scene) -> None:
    """Covers A05, E07, D17: a fresh session with everything that DESIGN section 5 lists."""
    started = both.sign_in(
        "ann",
        "wiki",
        device=Device(
            kind="mobile",
            browser="Chrome",
            os="Android",
            agent=FIREFOX,
            address="198.51.100.9",
            country="DE",
            city="Berlin",
            asn="AS64500 Example",
        ),
    )
    session = both.row(started)
    assert session == started.session
    assert (session.organization, session.user, session.application) == ("acme", "ann", "wiki")
    assert session.device.name == "Chrome on Android"
    assert (session.device.city, session.device.country) == ("Berlin", "DE")
    assert session.created_at == session.authenticated_at == both.clock.now
    assert (session.amr, session.acr, session.remembered) == (("pwd",), "1", False)
    assert both.lives(started)

    (client,) = both.rows(tables.client_session)
    assert client.session_id == session.id
    assert client.sid not in {session.id, started.secret}
    (event,) = both.rows(tables.audit_event, event="session.started")
    assert (event.actor, event.session_id) == ("acme/ann", session.id)
    assert event.address == "198.51.100.9"
    user = both.read(user_rows.get, "acme", "ann")
    assert user is not None
    assert user.last_sign_in_at == both.clock.now
    assert user.last_sign_in_address == "198.51.100.9"


def test_only_hashes_of_the_secrets_are_stored(both: Scene) -> None:
    """Covers R01, A06: 256 random bits each, kept as SHA-256."""
    started = both.sign_in()
    assert started.device_secret is not None
    (session,) = both.rows(tables.session)
    (device,) = both.rows(tables.device)
    assert session.secret_hash == digest(started.secret)
    assert device.secret_hash == digest(started.device_secret)
    assert len({started.secret, started.device_secret, started.session.id}) == 3


def test_a_user_signs_in_by_name_mail_or_phone(scene: Scene) -> None:
    scene.user("acme", "cleo", email="cleo@example.org", phone="+49301234567")
    for login in ("cleo", "cleo@example.org", "+49301234567"):
        assert scene.sign_in(login).session.user == "cleo"


def test_a_mail_address_of_two_users_names_nobody(scene: Scene) -> None:
    """The store may hold such rows by import; which of the two is meant cannot be told."""
    scene.user("acme", "cleo", email="office@example.org")
    scene.user("acme", "dora")
    scene.execute("UPDATE \"user\" SET email = 'office@example.org' WHERE name = 'dora'")
    with pytest.raises(WrongCredentials):
        scene.sign_in("office@example.org")


def test_everybody_signs_in_to_the_built_in_application(scene: Scene) -> None:
    """It is what *My sessions* and the console sign in to."""
    assert scene.sign_in("gus", "app-built-in", "globex").session.application == "app-built-in"


# Refusals


def _disable_user(scene: Scene) -> None:
    change = users.UserChange(disabled=True)
    scene.write(users.update_user, scene.act(), scene.house.vault, "acme", "ann", change)


def _close_organization(scene: Scene) -> None:
    change = organizations.OrganizationChange(sign_in_disabled=True)
    scene.write(organizations.update_organization, scene.act(), scene.house.vault, "acme", change)


def _close_application(scene: Scene) -> None:
    change = applications.ApplicationChange(sign_in_disabled=True)
    scene.write(applications.update_application, scene.act(), scene.house.vault, "wiki", change)


def _delete_application(scene: Scene) -> None:
    scene.write(applications.delete_application, scene.act(), "wiki")


def _delete_user(scene: Scene) -> None:
    scene.write(users.delete_user, scene.act(), "acme", "ann")


def _take_password_away(scene: Scene) -> None:
    scene.execute("DELETE FROM credential WHERE user_key = :key", key=scene.user_key("ann", "acme"))


REFUSED: dict[str, tuple[dict[str, Any], Callable[[Scene], None] | None, str]] = {
    "wrong password": ({"password": "wrong horse"}, None, "wrong password"),
    "empty password": ({"password": ""}, None, "wrong password"),
    "unknown user": ({"user": "nobody"}, None, "unknown user"),
    "no name": ({"user": ""}, None, "unknown user"),
    "unknown organization": ({"organization": "nowhere"}, None, "unknown user"),
    "user of another organization": ({"organization": "globex"}, None, "unknown user"),
    "unknown application": ({"application": "nothing"}, None, "not a user of this application"),
    "foreign application": ({"application": "shop"}, None, "not a user of this application"),
    "disabled user": ({}, _disable_user, "disabled user"),
    "disabled user, wrong": ({"password": "wrong"}, _disable_user, "wrong password"),
    "deleted user": ({}, _delete_user, "unknown user"),
    "closed organization": ({}, _close_organization, "sign-in is disabled"),
    "closed application": ({}, _close_application, "sign-in is disabled"),
    "deleted application": ({}, _delete_application, "not a user of this application"),
    "no password": ({}, _take_password_away, "no password"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_never_says_why_but_the_audit_does(scene: Scene, case: str) -> None:
    """Covers C10, D17: one error, one text, and no session."""
    attempt, prepare, why = REFUSED[case]
    if prepare is not None:
        prepare(scene)
    with pytest.raises(WrongCredentials) as refused:
        scene.sign_in(**attempt)
    assert refused.value.text == "Name or password is incorrect."
    assert refused.value.code == "wrong_credentials"
    assert not scene.rows(tables.session)
    (event,) = scene.rows(tables.audit_event, event="sign_in.failed")
    assert why in event.detail
    assert event.actor == "nobody"


def test_what_was_typed_as_an_unknown_name_is_not_kept(scene: Scene) -> None:
    """Covers R12: people type their password there."""
    with pytest.raises(WrongCredentials):
        scene.sign_in("hunter2-typed-into-the-wrong-field")
    assert "hunter2" not in str(scene.everything())


def test_a_built_in_user_does_not_sign_in_to_an_organizations_application(scene: Scene) -> None:
    with pytest.raises(WrongCredentials):
        scene.sign_in("admin", "wiki", "built-in")


class Meter:
    """Counts the slow operations by kind."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, kind: str) -> None:
        self.seen.append(kind)

    def take(self) -> list[str]:
        """What was done since the last time."""
        seen, self.seen = self.seen, []
        return seen


@pytest.mark.parametrize("case", [c for c in REFUSED if c != "empty password"])
def test_every_refusal_costs_one_comparison_like_a_success(
    make_scene: MakeScene, case: str
) -> None:
    """Covers C10, R02: what a stranger can measure tells nothing."""
    scene, meter = make_scene(), Meter()
    scene.house.passwords.close()
    pool = Passwords(threads=1, cost=CHEAP, observe=meter)
    object.__setattr__(scene.house, "passwords", pool)
    scene.sign_in("bob")
    success = meter.take()
    assert len(success) == 1
    attempt, prepare, _ = REFUSED[case]
    if prepare is not None:
        prepare(scene)
    with pytest.raises(WrongCredentials):
        scene.sign_in(**attempt)
    assert meter.take() == success


# Passwords that were stored elsewhere, or chosen by somebody else


def _store(
    scene: Scene, name: str, encoding: str, value: str, *, must_change: bool = False
) -> None:
    credential = Credential(
        user_key=scene.user_key(name),
        encoding=encoding,
        value=value,
        salt=SALT,
        must_change=must_change,
        changed_at=scene.clock.now,
    )
    scene.write(user_rows.put_credential, credential)


def _in_old_form(encoding: str) -> str:
    """The password 123456; of those forms that have no vector, made by their own library."""
    if encoding == "argon2id":
        return encodings.make(b"123456", b"0123456789abcdef", Cost(memory=64, passes=1, lanes=2))
    return VECTORS[encoding] if encoding in VECTORS else stored(encoding).value


@pytest.mark.parametrize("encoding", ALL)
def test_an_old_encoding_becomes_argon2id_at_the_first_success(scene: Scene, encoding: str) -> None:
    """Contract 5.4: verified against its vector, and rehashed."""
    old = _in_old_form(encoding)
    _store(scene, "ann", encoding, old)
    with pytest.raises(WrongCredentials):
        scene.sign_in(password="123457")
    (before,) = scene.rows(tables.credential, user_key=scene.user_key("ann"))
    assert before.encoding == encoding
    for _ in range(2):
        assert scene.lives(scene.sign_in(password="123456"))
        (after,) = scene.rows(tables.credential, user_key=scene.user_key("ann"))
        assert after.encoding == "argon2id"
        assert after.value.startswith("$argon2id$")
        assert after.value != old
        assert after.changed_at == before.changed_at
    assert scene.events(event="user.password_changed") == []


def test_the_organizations_salt_opens_an_old_hash_as_well(scene: Scene) -> None:
    """Contract 5.4: the organization's salt, or the user's."""
    change = organizations.OrganizationChange(password_salt="of the organization")
    scene.write(organizations.update_organization, scene.act(), scene.house.vault, "acme", change)
    inner = hashlib.sha256(b"123456").hexdigest()
    value = hashlib.sha256(f"{inner}of the organization".encode()).hexdigest()
    _store(scene, "ann", "salt", value)
    assert scene.lives(scene.sign_in(password="123456"))


def test_a_password_that_somebody_else_chose_has_to_be_changed(both: Scene) -> None:
    """Covers W23: no session before, and the new one is in force after."""
    elsewhere = both.sign_in()
    both.clock.forward(minutes=1)
    boss = both.boss()
    passwords.set_for(both.house, boss, "acme", "ann", "chosen by the boss")
    assert not both.lives(elsewhere)
    both.clock.forward(minutes=1)
    with pytest.raises(PasswordMustChange):
        both.sign_in(password="chosen by the boss")
    with pytest.raises(WrongCredentials):
        both.sign_in(password=PASSWORD, new_password="my own pass phrase")
    with pytest.raises(BadInput):
        both.sign_in(password="chosen by the boss", new_password="ann")
    with pytest.raises(BadInput):  # the same again is no change
        both.sign_in(password="chosen by the boss", new_password="Chosen by the boss")
    assert both.rows(tables.session, user_key=both.user_key("ann"), ended_at=None) == []

    mine = both.sign_in(password="chosen by the boss", new_password="my own pass phrase")
    assert both.lives(mine)
    with pytest.raises(WrongCredentials):
        both.sign_in(password="chosen by the boss")
    assert both.lives(both.sign_in(password="my own pass phrase"))
    actors = [r.actor for r in both.rows(tables.audit_event, event="user.password_changed")]
    assert actors == ["acme/boss", "acme/ann"]


def test_choosing_ones_own_password_ends_what_knew_the_old_one(scene: Scene) -> None:
    """Covers W13: unless the organization keeps sessions on a new password."""
    _store(scene, "ann", "plain", "chosen by the boss")
    early = scene.sign_in(password="chosen by the boss")
    _store(scene, "ann", "plain", "chosen by the boss", must_change=True)
    late = scene.sign_in(password="chosen by the boss", new_password="my own pass phrase")
    assert late.ended.ended == (early.session.id,)
    assert scene.row(early).ended_reason is EndReason.CREDENTIAL_CHANGED
    assert scene.row(early).ended_by == "acme/ann"

    change = organizations.OrganizationChange(keep_sessions_on_password_change=True)
    scene.write(organizations.update_organization, scene.act(), scene.house.vault, "acme", change)
    _store(scene, "ann", "plain", "chosen by the boss", must_change=True)
    scene.sign_in(password="chosen by the boss", new_password="my own pass phrase")
    assert scene.lives(late)


# What changes while the password is compared


def _set_password(scene: Scene) -> None:
    scene.clock.forward(seconds=1)
    passwords.set_for(scene.house, scene.act(), "acme", "ann", "another pass phrase")


@pytest.mark.parametrize(
    "meanwhile",
    [
        _disable_user,
        _delete_user,
        _close_organization,
        _close_application,
        _delete_application,
        _take_password_away,
        _set_password,
    ],
)
def test_what_changes_during_the_comparison_is_seen(
    scene: Scene, meanwhile: Callable[[Scene], None]
) -> None:
    """Covers R10: whether somebody may sign in is decided in the transaction that does it."""
    found = sign_in.authenticate(scene.house, scene.act(), _attempt())
    meanwhile(scene)
    with pytest.raises(WrongCredentials):
        scene.write(sign_in._start, scene.house, scene.act(), _attempt(), found, None)
    assert not scene.rows(tables.session)


def _attempt(**further: Any) -> sign_in.Attempt:
    return sign_in.Attempt(
        organization="acme",
        application="wiki",
        login="ann",
        password=PASSWORD,
        device=Device(address="203.0.113.7"),
        **further,
    )


def test_two_that_rehash_at_once_both_sign_in(scene: Scene) -> None:
    """The same password in another encoding is no change of the password."""
    _store(scene, "ann", "plain", PASSWORD)
    first = sign_in.authenticate(scene.house, scene.act(), _attempt())
    second = sign_in.authenticate(scene.house, scene.act(), _attempt())
    for found in (first, second):
        assert found.stale
        value = scene.house.passwords.hash(PASSWORD)
        scene.write(sign_in._start, scene.house, scene.act(), _attempt(), found, value)
    assert scene.lives(scene.sign_in())


# Authenticating anew


def test_authenticating_anew_keeps_the_session_and_changes_its_secret(both: Scene) -> None:
    """Covers A07, E04, W7, F04: a new secret and auth_time, and the old secret is dead."""
    old = both.sign_in(remember=True)
    both.clock.forward(minutes=20)
    new = _again(both, old)
    assert new.reauthenticated
    assert new.session.id == old.session.id
    assert new.secret != old.secret
    assert not both.lives(old)
    assert both.lives(new)
    assert both.row(new).authenticated_at == both.clock.now
    assert both.row(new).expires_at - both.clock.now == timedelta(days=30)
    assert both.events(session_id=old.session.id) == ["session.started", "session.reauthenticated"]


def _again(scene: Scene, old: sign_in.SignedIn, password: str = PASSWORD) -> sign_in.SignedIn:
    return sign_in.sign_in_again(
        scene.house,
        scene.by(old),
        password,
        device=old.session.device,
        secret=old.secret,
        device_secret=old.device_secret or "",
    )


def test_only_the_right_password_of_the_same_user_authenticates_anew(scene: Scene) -> None:
    old = scene.sign_in()
    act = scene.by(old)
    with pytest.raises(WrongCredentials):
        _again(scene, old, "wrong horse")
    assert scene.lives(old)
    scene.write(users.delete_user, scene.act(), "acme", "ann")
    with pytest.raises(WrongCredentials):
        sign_in.sign_in_again(
            scene.house, act, PASSWORD, device=old.session.device, secret=old.secret
        )


def test_a_session_that_ended_meanwhile_is_not_authenticated_anew(scene: Scene) -> None:
    """Covers W12: nor does another one begin in its place."""
    old = scene.sign_in()
    act = scene.by(old)
    scene.clock.forward(hours=2)
    act = act.__class__(caller=act.caller, now=scene.clock.now, address=act.address)
    with pytest.raises(NotSignedIn) as refused:
        sign_in.sign_in_again(
            scene.house, act, PASSWORD, device=old.session.device, secret=old.secret
        )
    assert refused.value.reason == "idle"
    assert len(scene.rows(tables.session)) == 1


def test_a_secret_that_was_renewed_meanwhile_authenticates_nothing(scene: Scene) -> None:
    """Covers A07: of two that renew one session by the same secret, one does."""
    old = scene.sign_in()
    act = scene.by(old)
    new = _again(scene, old)
    with pytest.raises(NotSignedIn):
        sign_in.sign_in_again(
            scene.house, act, PASSWORD, device=old.session.device, secret=old.secret
        )
    assert scene.lives(new)


def test_nobody_authenticates_anew_without_a_session(scene: Scene) -> None:
    with pytest.raises(NotSignedIn):
        sign_in.sign_in_again(scene.house, scene.act(), PASSWORD, device=Device(), secret="")
