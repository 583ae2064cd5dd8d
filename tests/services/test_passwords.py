"""Passwords: changed by their owner, set by somebody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ostiary.domain.access import NOBODY, SYSTEM
from ostiary.domain.errors import (
    BadInput,
    NotAllowed,
    NotFound,
    NotSignedIn,
    OstiaryError,
    ReauthenticationNeeded,
    WrongCredentials,
)
from ostiary.domain.session import EndReason
from ostiary.services import organizations, passwords, users
from ostiary.services.check import caller_of
from ostiary.services.house import Act
from ostiary.storage import tables
from tests.gateways.samples import ALL, VECTORS, stored
from tests.services.scene import Scene
from tests.support.installation import PASSWORD

NEW = "a different pass phrase"


def _keep_sessions(scene: Scene) -> None:
    change = organizations.OrganizationChange(keep_sessions_on_password_change=True)
    scene.write(organizations.update_organization, scene.act(), scene.house.vault, "acme", change)


def test_changing_ones_password_needs_the_current_one(both: Scene) -> None:
    """Covers C03, A12, W13, E04: the others end, and the own cookie gets a new value."""
    mine, other, bob = both.sign_in(), both.sign_in(), both.sign_in("bob")
    act = both.by(mine)
    with pytest.raises(WrongCredentials):
        passwords.change_own(both.house, act, "wrong horse", NEW)
    assert both.lives(other)
    both.clock.forward(minutes=1)
    done = passwords.change_own(both.house, both.by(mine), PASSWORD, NEW)
    assert done.ended.ended == (other.session.id,)
    assert both.reason(other) is EndReason.CREDENTIAL_CHANGED
    assert done.secret
    assert not both.lives(mine)
    assert caller_of(both.house, done.secret, both.clock.now).session_id == mine.session.id
    assert both.lives(bob)
    with pytest.raises(WrongCredentials):
        both.sign_in()
    assert both.lives(both.sign_in(password=NEW))
    (row,) = both.rows(tables.audit_event, event="user.password_changed")
    assert (row.actor, row.user) == ("acme/ann", "ann")


def test_an_organization_may_keep_the_other_sessions(scene: Scene) -> None:
    """Covers W13."""
    _keep_sessions(scene)
    mine, other = scene.sign_in(), scene.sign_in()
    done = passwords.change_own(scene.house, scene.by(mine), PASSWORD, NEW)
    assert done.ended.count == 0
    assert scene.lives(other)
    assert not scene.lives(mine)  # its secret is new all the same


@pytest.mark.parametrize("new", ["short", "ANN", "acme", "password1", PASSWORD, "x" * 1_025, ""])
def test_a_new_password_is_judged(scene: Scene, new: str) -> None:
    """Covers C02, C04, C05."""
    mine = scene.sign_in()
    with pytest.raises(BadInput):
        passwords.change_own(scene.house, scene.by(mine), PASSWORD, new)
    assert scene.lives(mine)
    assert scene.lives(scene.sign_in())


def test_a_long_password_is_one_to_its_last_byte(scene: Scene) -> None:
    """Covers C05: the bcrypt trap."""
    mine, long = scene.sign_in(), "é" * 40
    passwords.change_own(scene.house, scene.by(mine), PASSWORD, long + "1")
    with pytest.raises(WrongCredentials):
        scene.sign_in(password=long + "2")
    assert scene.lives(scene.sign_in(password=long + "1"))


@pytest.mark.parametrize("who", ["nobody", "application", "operator"])
def test_only_people_have_a_password_of_their_own(scene: Scene, who: str) -> None:
    acts = {
        "nobody": scene.act(NOBODY),
        "application": scene.by_application("wiki"),
        "operator": scene.act(),
    }
    refusal = NotSignedIn if who == "nobody" else NotAllowed
    with pytest.raises(refusal):
        passwords.change_own(scene.house, acts[who], PASSWORD, NEW)


def test_a_user_without_a_password_confirms_nothing(scene: Scene) -> None:
    mine = scene.sign_in()
    scene.execute("DELETE FROM credential")
    with pytest.raises(WrongCredentials):
        passwords.confirm(scene.house, scene.by(mine), PASSWORD)
    with pytest.raises(WrongCredentials):
        passwords.change_own(scene.house, scene.by(mine), PASSWORD, NEW)


# Set by somebody else


def _caller(scene: Scene, who: str) -> Act:
    kind, _, name = who.partition("/")
    if who == "nobody":
        return scene.act(NOBODY)
    if kind == "app":
        return scene.by_application(name)
    return scene.by(scene.sign_in(name, "app-built-in", kind))


@pytest.mark.parametrize(
    ("who", "error"),
    [
        ("nobody", NotSignedIn),
        ("acme/ann", NotAllowed),
        ("acme/bob", NotAllowed),
        ("globex/gina", NotAllowed),
        ("app/shop", NotAllowed),
        ("acme/boss", None),
        ("app/wiki", None),
        ("built-in/admin", None),
    ],
)
def test_who_sets_somebody_elses_password(
    scene: Scene, who: str, error: type[OstiaryError] | None
) -> None:
    """Covers R07, W2, W13: and it ends everything of hers."""
    started = scene.sign_in()
    act = _caller(scene, who)
    if error is not None:
        with pytest.raises(error):
            passwords.set_for(scene.house, act, "acme", "ann", NEW)
        assert scene.lives(scene.sign_in())
        return
    done = passwords.set_for(scene.house, act, "acme", "ann", NEW)
    assert started.session.id in done.ended.ended
    assert done.secret is None
    assert not scene.lives(started)


def test_an_organizations_administrator_sets_nobodys_password_in_the_built_in_one(
    scene: Scene,
) -> None:
    """Covers R07: who could would be global the next minute."""
    for who in ("acme/boss", "app/wiki"):
        with pytest.raises(NotAllowed):
            passwords.set_for(scene.house, _caller(scene, who), "built-in", "admin", NEW)
    assert scene.lives(scene.sign_in("admin", "app-built-in", "built-in"))


def test_the_store_decides_again_whose_it_is(scene: Scene) -> None:
    """Covers R10, W1: between the hash and the transaction the caller may have changed."""
    credential = passwords.prepare(scene.house, scene.act(), "globex", "gus", NEW)
    with pytest.raises(NotFound):
        scene.write(passwords.store, scene.boss(), "globex", "gus", credential)
    with pytest.raises(NotFound):
        scene.write(passwords.store, scene.boss(), "acme", "not-there", credential)


def test_administrators_change_their_own_by_the_current_one_too(scene: Scene) -> None:
    """Covers C03: a stolen cookie does not become a password."""
    for act in (scene.boss(), scene.admin()):
        organization, name = act.caller.organization, act.caller.name
        with pytest.raises(NotAllowed):
            passwords.set_for(scene.house, act, organization, name, NEW)


def test_setting_a_password_asks_for_ones_own_again(scene: Scene) -> None:
    """Covers A15, A17."""
    boss = scene.sign_in("boss", "app-built-in")
    scene.clock.forward(minutes=16)
    with pytest.raises(ReauthenticationNeeded):
        passwords.set_for(scene.house, scene.by(boss), "acme", "ann", NEW)


@pytest.mark.parametrize(
    ("who", "must"),
    [("acme/boss", True), ("built-in/admin", True), ("app/wiki", False), ("operator", False)],
)
@pytest.mark.parametrize("how", ["set", "prepare", "hash"])
def test_who_chose_it_decides_whether_it_has_to_be_changed(
    scene: Scene, who: str, how: str, *, must: bool
) -> None:
    """Covers W23, C11: a hash that an administrator sends is a password she may know."""
    act = scene.act() if who == "operator" else _caller(scene, who)
    ways: dict[str, Callable[[], Any]] = {
        "set": lambda: passwords.set_for(scene.house, act, "acme", "ann", NEW),
        "prepare": lambda: scene.write(
            passwords.store,
            act,
            "acme",
            "ann",
            passwords.prepare(scene.house, act, "acme", "ann", NEW),
        ),
        "hash": lambda: scene.write(
            passwords.store,
            act,
            "acme",
            "ann",
            passwords.prepare(
                scene.house, act, "acme", "ann", VECTORS["md5-salt"], encoding="md5-salt"
            ),
        ),
    }
    ways[how]()
    (row,) = scene.rows(tables.credential, user_key=scene.user_key("ann"))
    assert row.must_change is must


@pytest.mark.parametrize("encoding", ALL)
def test_a_hash_from_elsewhere_is_taken_over(scene: Scene, encoding: str) -> None:
    """Contract 5.4: for an import, without knowing the password."""
    if encoding == "plain":
        credential = passwords.prepare(
            scene.house, scene.act(), "acme", "ann", NEW, encoding="plain"
        )
        assert credential.encoding == "argon2id"
        return
    value = stored(encoding).value
    credential = passwords.prepare(
        scene.house, scene.act(), "acme", "ann", value, encoding=encoding
    )
    assert (credential.encoding, credential.value) == (encoding, value)


@pytest.mark.parametrize(
    ("value", "encoding"), [("x", "rot13"), ("", "bcrypt"), ("x" * 1_001, "bcrypt"), ("x", "PLAIN")]
)
def test_what_cannot_be_verified_is_not_taken_over(scene: Scene, value: str, encoding: str) -> None:
    with pytest.raises(BadInput):
        passwords.prepare(scene.house, scene.act(), "acme", "ann", value, encoding=encoding)


def test_which_old_encodings_are_held(scene: Scene) -> None:
    cheap = {"argon2id"}  # not what is made today, but what these tests are made with
    assert scene.read(passwords.held_encodings) == cheap
    credential = passwords.prepare(
        scene.house, scene.act(), "acme", "ann", stored("bcrypt").value, encoding="bcrypt"
    )
    scene.write(passwords.store, scene.act(), "acme", "ann", credential)
    assert scene.read(passwords.held_encodings) == {"bcrypt", *cheap}


def test_the_system_may_set_what_an_administrator_may(scene: Scene) -> None:
    done = passwords.set_for(scene.house, scene.act(SYSTEM), "acme", "ann", NEW)
    assert done.ended.count == 0


def test_a_new_user_with_a_password_signs_in(scene: Scene) -> None:
    act = scene.by_application("wiki")
    credential = passwords.prepare(scene.house, act, "acme", "cleo", NEW)
    scene.write(
        users.add_user,
        act,
        scene.house.vault,
        "acme",
        "cleo",
        users.UserChange(),
        credential=credential,
    )
    assert scene.lives(scene.sign_in("cleo", password=NEW))
