"""What a sign-in does to the sessions of the same browser (DESIGN section 1, "device")."""

from __future__ import annotations

import pytest

from ostiary.domain.errors import DeviceTaken
from ostiary.domain.session import EndReason
from ostiary.storage import tables
from tests.services.scene import Scene


def test_a_browser_that_was_never_here_gets_a_cookie_of_its_own(scene: Scene) -> None:
    first, second = scene.sign_in(), scene.sign_in()
    assert first.device_secret
    assert second.device_secret
    assert first.device_secret != second.device_secret
    assert scene.lives(first)
    assert scene.lives(second)


@pytest.mark.parametrize("invented", ["u" * 43, "short", "", "é" * 43])
def test_a_device_cookie_that_we_did_not_make_is_never_adopted(scene: Scene, invented: str) -> None:
    """Covers E03: another one is issued instead."""
    started = scene.sign_in(device_secret=invented)
    assert started.device_secret
    assert started.device_secret != invented
    assert scene.lives(started)


@pytest.mark.parametrize("invented", ["u" * 43, "x", "é" * 43])
def test_a_session_cookie_that_we_did_not_make_is_never_adopted(
    scene: Scene, invented: str
) -> None:
    """Covers E03, W7: no fixation."""
    started = scene.sign_in(secret=invented)
    assert started.secret != invented
    assert not started.reauthenticated


def test_signing_in_where_ones_own_session_is_presented_keeps_its_public_id(both: Scene) -> None:
    """Covers W7, A07, E04: new secret and auth_time; the old secret is dead at once."""
    old = both.sign_in()
    both.clock.forward(minutes=5)
    new = both.sign_in(secret=old.secret, device_secret=old.device_secret)
    assert new.reauthenticated
    assert new.session.id == old.session.id
    assert new.device_secret is None
    assert new.session.created_at == old.session.created_at
    assert new.session.authenticated_at == both.clock.now
    assert not both.lives(old)
    assert both.lives(new)
    assert new.ended.count == 0
    assert len(both.rows(tables.session)) == 1
    (change,) = both.rows(tables.change_log, session_id=new.session.id)
    assert change.kind == "session"


def test_a_session_that_is_authenticated_anew_keeps_where_it_is_used(scene: Scene) -> None:
    """It stays a session of the application it began in, and is used in one more."""
    old = scene.sign_in("ann", "wiki")
    sids = {row.sid for row in scene.rows(tables.client_session)}
    new = scene.sign_in("ann", "mail", secret=old.secret, device_secret=old.device_secret)
    assert new.session.id == old.session.id
    assert new.session.application == "wiki"
    rows = scene.rows(tables.client_session, session_id=new.session.id)
    assert len(rows) == 2
    assert sids < {row.sid for row in rows}


def test_a_dead_session_that_is_presented_is_not_revived(scene: Scene) -> None:
    """Covers W12."""
    old = scene.sign_in()
    scene.clock.forward(hours=2)
    new = scene.sign_in(secret=old.secret, device_secret=old.device_secret)
    assert new.session.id != old.session.id
    assert not new.reauthenticated
    assert not scene.lives(old)


def test_an_unreachable_session_on_the_same_device_is_displaced(both: Scene) -> None:
    """The browser came back without its session's cookie: nobody can use that one any more."""
    old = both.sign_in()
    elsewhere = both.sign_in()
    new = both.sign_in(device_secret=old.device_secret)
    assert new.session.id != old.session.id
    assert new.device_secret is None
    assert new.ended.ended == (old.session.id,)
    assert both.reason(old) is EndReason.DISPLACED
    assert both.row(old).ended_by == "acme/ann"
    assert both.lives(elsewhere)
    assert both.lives(new)


def test_another_user_on_the_device_ends_the_first_ones_session(both: Scene) -> None:
    """By the API at once: who calls it has decided."""
    ann = both.sign_in("ann")
    bob = both.sign_in("bob", secret=ann.secret, device_secret=ann.device_secret)
    assert bob.ended.ended == (ann.session.id,)
    assert not bob.reauthenticated
    assert not both.lives(ann)
    assert both.lives(bob)
    (event,) = both.rows(tables.audit_event, event="session.ended")
    assert (event.user, event.actor) == ("ann", "acme/bob")


def test_a_user_of_another_organization_does_the_same(scene: Scene) -> None:
    ann = scene.sign_in("ann")
    gus = scene.sign_in("gus", "shop", "globex", device_secret=ann.device_secret)
    assert gus.ended.ended == (ann.session.id,)


@pytest.mark.parametrize("what", ["cookie", "device"])
def test_a_page_has_to_say_so_before_somebody_else_is_signed_out(both: Scene, what: str) -> None:
    ann = both.sign_in("ann")
    presented = {"secret": ann.secret} if what == "cookie" else {"device_secret": ann.device_secret}
    with pytest.raises(DeviceTaken) as taken:
        both.sign_in("bob", announce=True, **presented)
    assert (taken.value.user_name, taken.value.session_id) == ("ann", ann.session.id)
    assert both.lives(ann)
    assert len(both.rows(tables.session)) == 1

    bob = both.sign_in("bob", announce=True, announced=ann.session.id, **presented)
    assert bob.ended.ended == (ann.session.id,)


def test_what_was_announced_has_to_be_who_is_there(scene: Scene) -> None:
    """Between the page and the click somebody else may have signed in."""
    ann = scene.sign_in("ann")
    boss = scene.sign_in("boss", device_secret=ann.device_secret)
    with pytest.raises(DeviceTaken) as taken:
        scene.sign_in(
            "bob", device_secret=ann.device_secret, announce=True, announced=ann.session.id
        )
    assert taken.value.user_name == "boss"
    assert scene.lives(boss)


def test_ones_own_session_needs_no_announcement(scene: Scene) -> None:
    old = scene.sign_in()
    assert scene.sign_in(device_secret=old.device_secret, announce=True).ended.count == 1


def test_a_cookie_of_one_device_and_a_session_of_another_do_not_mix_people_up(scene: Scene) -> None:
    """Ann's session is presented with the cookie of bob's device: both of them are here."""
    ann, bob = scene.sign_in("ann"), scene.sign_in("bob")
    with pytest.raises(DeviceTaken):
        scene.sign_in("ann", secret=ann.secret, device_secret=bob.device_secret, announce=True)
    again = scene.sign_in("ann", secret=ann.secret, device_secret=bob.device_secret)
    assert again.reauthenticated
    assert again.ended.ended == (bob.session.id,)
    assert again.session.device_key == scene.row(bob).device_key


def test_the_audit_says_whether_the_user_knew_the_device(scene: Scene) -> None:
    first = scene.sign_in("ann")
    scene.sign_in("ann", device_secret=first.device_secret)
    scene.sign_in("bob", device_secret=first.device_secret)
    details = [r.detail for r in scene.rows(tables.audit_event, event="session.started")]
    assert [('"known_device": true' in d) for d in details] == [False, True, False]
