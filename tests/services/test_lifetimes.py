"""How long sessions live, and what a use of one does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from ostiary.domain.access import NOBODY
from ostiary.domain.lifetime import Lifetimes, Overrides
from ostiary.domain.secrets import digest
from ostiary.domain.session import EndReason
from ostiary.services import applications, check, organizations, users
from ostiary.services.activity import Activity
from ostiary.services.check import caller_of
from ostiary.services.house import Policy
from ostiary.storage import cut_offs, sessions
from ostiary.storage.database import Database
from tests.services.conftest import MakeScene
from tests.services.scene import Scene

SHORT = Policy(
    lifetimes=Lifetimes(idle=600, absolute=3_600, remembered_idle=7_200, remembered_absolute=86_400)
)


def _organization(scene: Scene, **lifetimes: int) -> None:
    change = organizations.OrganizationChange(lifetimes=Overrides(**lifetimes))
    scene.write(organizations.update_organization, scene.act(), scene.house.vault, "acme", change)


def _application(scene: Scene, **lifetimes: int) -> None:
    change = applications.ApplicationChange(lifetimes=Overrides(**lifetimes))
    scene.write(applications.update_application, scene.act(), scene.house.vault, "wiki", change)


def _lives(scene: Scene, *, remember: bool = False) -> tuple[int, int]:
    """Idle and absolute seconds that a new session gets."""
    session = scene.sign_in(remember=remember).session
    return session.idle_seconds, int((session.expires_at - scene.clock.now).total_seconds())


def test_the_strongest_word_on_lifetimes_is_the_applications(make_scene: MakeScene) -> None:
    """Covers A01: installation, then organization, then application, each value by itself."""
    scene = make_scene(policy=SHORT)
    assert _lives(scene) == (600, 3_600)
    assert _lives(scene, remember=True) == (7_200, 86_400)
    _organization(scene, idle=300, remembered_absolute=9_000)
    assert _lives(scene) == (300, 3_600)
    assert _lives(scene, remember=True) == (7_200, 9_000)
    _application(scene, idle=120, absolute=60)
    assert _lives(scene) == (60, 60)  # never idle longer than it lives
    assert _lives(scene, remember=True) == (7_200, 9_000)


def test_sessions_that_began_before_keep_their_lifetimes(scene: Scene) -> None:
    started = scene.sign_in()
    _organization(scene, idle=1, absolute=1)
    scene.clock.forward(minutes=59)
    assert scene.lives(started)


# Idle and absolute


def test_an_idle_session_answers_no_more(both: Scene) -> None:
    """Covers A08, E05, F04: by the server's clock, whether or not anybody swept."""
    started = both.sign_in()
    both.clock.forward(minutes=59, seconds=59)
    assert both.lives(started)
    both.clock.forward(seconds=1)
    assert not both.lives(started)
    caller = both.caller(started)
    assert (caller.dead_reason, caller.organization) == ("idle", "acme")


def test_a_use_resets_the_idle_time_only(both: Scene) -> None:
    """Covers A09, F04: however active, the session ends at its absolute limit."""
    started = both.sign_in()
    for _ in range(47):
        both.clock.forward(minutes=30)
        assert both.caller(started, active=True).session_id
    both.clock.forward(minutes=29)
    assert both.caller(started, active=True).session_id
    both.clock.forward(minutes=1)
    assert both.caller(started, active=True).dead_reason == "expired"


def test_what_is_no_activity_keeps_nothing_alive(scene: Scene) -> None:
    """Polling and streams ask, and do not use (DESIGN section 2)."""
    started = scene.sign_in()
    for _ in range(5):
        scene.clock.forward(minutes=10)
        assert scene.lives(started)
    scene.clock.forward(minutes=10)
    assert not scene.lives(started)


def test_authenticating_anew_resets_both(scene: Scene) -> None:
    """Covers F04."""
    started = scene.sign_in()
    scene.clock.forward(minutes=59)
    again = scene.sign_in(secret=started.secret, device_secret=started.device_secret)
    scene.clock.forward(minutes=59)
    assert scene.lives(again)
    assert scene.row(again).expires_at == scene.clock.now + timedelta(hours=23, minutes=1)


def test_a_remembered_session_lives_longer(scene: Scene) -> None:
    plain, remembered = scene.sign_in(), scene.sign_in(remember=True)
    scene.clock.forward(days=13)
    assert not scene.lives(plain)
    assert scene.lives(remembered)
    scene.clock.forward(days=1)
    assert not scene.lives(remembered)


@pytest.mark.parametrize("secret", ["", "x", "u" * 43, "é" * 43, "../../etc/passwd"])
def test_an_unknown_cookie_is_nobody(scene: Scene, secret: str) -> None:
    """Covers A04, W3, E02."""
    assert caller_of(scene.house, secret, scene.clock.now) == NOBODY


def test_a_public_id_is_no_cookie(scene: Scene) -> None:
    """Covers W5, G17: what is shown opens nothing, nor does its hash."""
    started = scene.sign_in()
    for shown in (started.session.id, digest(started.secret).hex(), started.device_secret or ""):
        assert caller_of(scene.house, shown, scene.clock.now) == NOBODY


@pytest.mark.parametrize("subject", ["organization", "user", "application"])
def test_a_cut_off_is_in_force_at_the_next_check(both: Scene, subject: str) -> None:
    """One increment ends everything; what signs in afterwards lives."""
    started = both.sign_in()
    other = both.sign_in("gus", "shop", "globex")
    key = getattr(started.session, f"{subject}_key")
    both.write(
        cut_offs.raise_epoch,
        subject,
        key,
        reason=EndReason.ADMIN_BULK,
        actor="operator",
        now=both.clock.now,
    )
    assert both.caller(started).dead_reason == "admin_bulk"
    assert both.lives(other)
    assert both.lives(both.sign_in())


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_a_disabled_or_deleted_user_is_out_at_once(both: Scene, how: str) -> None:
    """Covers A11, W13."""
    started = both.sign_in()
    if how == "disabled":
        change = users.UserChange(disabled=True)
        both.write(users.update_user, both.act(), both.house.vault, "acme", "ann", change)
    else:
        both.write(users.delete_user, both.act(), "acme", "ann")
    assert both.caller(started).session_id is None
    assert both.caller(started).dead_reason == f"user_{how}"


@pytest.mark.parametrize(
    "gone",
    [
        "UPDATE \"user\" SET disabled = true WHERE name = 'ann'",
        "UPDATE \"user\" SET deleted_at = 1 WHERE name = 'ann'",
    ],
)
def test_a_user_who_is_gone_answers_nothing_even_if_the_session_was_overlooked(
    scene: Scene, gone: str
) -> None:
    """Covers A11: two locks on one door."""
    started = scene.sign_in()
    scene.execute(gone)
    assert not scene.lives(started)
    hashes = [digest(started.secret)]
    assert scene.read(check.live_by_secrets, scene.house.vault, hashes, scene.clock.now) == {}


def test_a_check_tells_of_the_users_groups(scene: Scene) -> None:
    change = users.UserChange(email="ann@acme.example", extra={"groups": ["staff", 7, "eng"]})
    scene.write(users.update_user, scene.act(), scene.house.vault, "acme", "ann", change)
    ann, bob = scene.sign_in("ann"), scene.sign_in("bob")
    hashes = [digest(s) for s in (ann.secret, bob.secret, "unknown")]
    found = scene.read(check.live_by_secrets, scene.house.vault, hashes, scene.clock.now)
    assert set(found) == set(hashes[:2])
    assert found[hashes[0]].groups == ("staff", "eng")
    assert found[hashes[0]].email == "ann@acme.example"
    assert found[hashes[1]].groups == ()


# Uses, in memory and stored


def test_uses_are_stored_in_batches(both: Scene) -> None:
    started = [both.sign_in() for _ in range(3)]
    both.clock.forward(minutes=10)
    for one in started:
        both.caller(one, active=True)
    assert [both.row(s).last_seen_at for s in started] == [s.session.last_seen_at for s in started]
    assert both.house.activity.flush(both.database, batch=2) == 3
    assert [both.row(s).last_seen_at for s in started] == [both.clock.now] * 3
    assert both.house.activity.flush(both.database) == 0


def test_a_use_is_stored_at_once_when_the_stored_one_is_older_than_half_the_idle_time(
    scene: Scene,
) -> None:
    """Else another process could conclude that the session is idle (DESIGN section 2)."""
    started = scene.sign_in()
    scene.clock.forward(minutes=29, seconds=59)
    scene.caller(started, active=True)
    assert scene.row(started).last_seen_at < scene.clock.now
    scene.clock.forward(seconds=1)
    scene.caller(started, active=True)
    assert scene.row(started).last_seen_at == scene.clock.now


def test_a_use_never_moves_backwards(scene: Scene) -> None:
    """Several processes flush in any order; a request's clock was read before its turn came."""
    started = scene.sign_in()
    scene.clock.forward(minutes=20)
    late = scene.clock.now
    scene.write(sessions.store_uses, [(started.session.id, late)])
    early = late - timedelta(minutes=5)
    caller_of(scene.house, started.secret, early)
    scene.house.activity.remember(started.session.id, early)
    scene.house.activity.flush(scene.database)
    assert scene.row(started).last_seen_at == late


def test_an_earlier_use_does_not_replace_a_later_one_in_memory(scene: Scene) -> None:
    started = scene.sign_in()
    later = scene.clock.forward(minutes=10)
    caller_of(scene.house, started.secret, later)
    caller_of(scene.house, started.secret, later - timedelta(minutes=1))
    scene.house.activity.flush(scene.database)
    assert scene.row(started).last_seen_at == later


def test_uses_of_an_ended_session_are_dropped(scene: Scene) -> None:
    started = scene.sign_in()
    scene.clock.forward(minutes=10)
    scene.caller(started, active=True)
    _disable = users.UserChange(disabled=True)
    scene.write(users.update_user, scene.act(), scene.house.vault, "acme", "ann", _disable)
    scene.house.activity.flush(scene.database)
    assert scene.row(started).last_seen_at < scene.clock.now


class BrokenDatabase:
    """A store that cannot be written at the moment."""

    def write(self, *_: object) -> None:
        """Fail as a full disk does."""
        raise OperationalError("UPDATE", {}, Exception("disk full"))


def test_uses_that_could_not_be_stored_wait_for_the_next_flush(scene: Scene) -> None:
    started, other = scene.sign_in(), scene.sign_in()
    activity = Activity(5)
    at_first = scene.clock.forward(minutes=5)
    activity.remember(started.session.id, at_first)
    activity.remember(other.session.id, at_first)
    broken: Database = BrokenDatabase()  # type: ignore[assignment]
    with pytest.raises(OperationalError):
        activity.flush(broken)
    newer = scene.clock.forward(minutes=1)
    activity.remember(other.session.id, newer)
    assert activity.flush(scene.database) == 2
    assert scene.row(started).last_seen_at == at_first
    assert scene.row(other).last_seen_at == newer
