"""Failed sign-ins are slowed down, and nobody can be locked out by a stranger."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from ostiary.domain.errors import Overloaded, TooManyFailures, WrongCredentials
from ostiary.gateways.passwords import Passwords
from ostiary.services import passwords, retention, throttling
from ostiary.services.house import Policy
from ostiary.services.turns import Turns
from ostiary.storage import tables
from tests.services.conftest import MakeScene
from tests.services.scene import Scene, at_once
from tests.support.installation import CHEAP, PASSWORD, Device

HOME, ELSEWHERE = Device(address="203.0.113.7"), Device(address="198.51.100.1")


def _fail(scene: Scene, times: int = 1, user: str = "ann", **further: Any) -> None:
    for _ in range(times):
        with pytest.raises(WrongCredentials):
            scene.sign_in(user, password="wrong horse", **further)


def _wait(scene: Scene, user: str = "ann", **further: Any) -> int:
    """How long somebody with the right password is made to wait; 0: signed in."""
    try:
        scene.sign_in(user, **further)
    except TooManyFailures as error:
        return error.retry_after
    return 0


def test_the_delay_grows_with_each_failure_beyond_five(both: Scene) -> None:
    """Covers C01, E11, R09: progressive, with the seconds to wait."""
    _fail(both, 4)
    waits = []
    for _ in range(4):
        _fail(both)
        with pytest.raises(TooManyFailures) as refused:
            both.sign_in(password="wrong horse")
        waits.append(refused.value.retry_after)
        both.clock.forward(seconds=refused.value.retry_after)
    assert waits == [2, 3, 5, 9]  # 1, 2, 4, 8 seconds, and never a moment too early
    assert both.lives(both.sign_in())


def test_the_delay_has_a_longest(scene: Scene) -> None:
    """Covers F12: a guesser at one address gets some hundred guesses a day, whatever she does."""
    for beyond in (0, 1, 9, 10, 100, 10_000):
        wait = throttling.delay_after(5 + beyond, 5, Policy())
        assert wait == min(2**beyond, 900)
    assert throttling.delay_after(4, 5, Policy()) == 0
    guesses = 0
    started = scene.clock.now
    while scene.clock.now - started < timedelta(days=1):
        _fail(scene)
        guesses += 1
        scene.clock.forward(seconds=_needed(scene))
    assert guesses <= 110


def _needed(scene: Scene) -> float:
    delays = [row.delayed_until - scene.clock.now for row in scene.rows(tables.throttle)]
    return max(0.0, *(d.total_seconds() for d in delays))


def test_waiting_costs_no_comparison_and_counts_no_failure(scene: Scene) -> None:
    _fail(scene, 5)
    before = scene.rows(tables.throttle)
    seen: list[str] = []
    scene.house.passwords.close()
    object.__setattr__(
        scene.house, "passwords", Passwords(threads=1, cost=CHEAP, observe=seen.append)
    )
    for _ in range(3):
        assert _wait(scene) > 0
    assert seen == []
    assert scene.rows(tables.throttle) == before
    assert len(scene.events(event="sign_in.failed")) == 5
    assert len(scene.events(event="sign_in.delayed")) == 1


def test_a_success_forgets_the_failures(scene: Scene) -> None:
    """Covers E11: only failures in a row count."""
    _fail(scene, 4)
    scene.sign_in()
    _fail(scene, 4)
    assert _wait(scene) == 0


def test_failures_are_forgotten_after_a_day(scene: Scene) -> None:
    _fail(scene, 4)
    scene.clock.forward(days=1, seconds=1)
    _fail(scene, 4)
    assert _wait(scene) == 0


def test_nobody_can_lock_the_owner_out(scene: Scene) -> None:
    """Covers C01: a stranger who tries all night delays the places the attempts come from."""
    for _ in range(8):
        _fail(scene, device=ELSEWHERE)
        scene.clock.forward(seconds=_needed(scene))
    _fail(scene, device=ELSEWHERE)
    assert _wait(scene, device=ELSEWHERE) > 0
    assert _wait(scene, device=HOME) == 0


def test_many_places_at_one_account_wait_together(scene: Scene) -> None:
    """Covers E11: the counter is the account's, not the address's alone."""
    for last in range(12):
        _fail(scene, device=Device(address=f"198.51.100.{last}"))
    for last in range(12):
        assert _wait(scene, device=Device(address=f"198.51.100.{last}")) > 0
    assert _wait(scene, device=HOME) == 0


def test_one_place_at_many_accounts_waits_for_all(scene: Scene) -> None:
    """Covers C01, R09: password spraying is counted by its source."""
    for number in range(20):
        _fail(scene, user=f"user{number}", device=ELSEWHERE)
    assert _wait(scene, "ann", device=ELSEWHERE) > 0
    assert _wait(scene, "ann", device=HOME) == 0


def test_an_ipv6_network_is_one_source(scene: Scene) -> None:
    """Covers R09: a customer has 2^64 addresses to choose from."""
    for number in range(20):
        _fail(scene, user=f"u{number}", device=Device(address=f"2001:db8:1:2::{number:x}"))
    assert _wait(scene, device=Device(address="2001:db8:1:2:ffff::1")) > 0
    assert _wait(scene, device=Device(address="2001:db8:1:3::1")) == 0


def test_a_device_of_the_users_is_not_held_up_by_others(scene: Scene) -> None:
    """Covers C01: neither by strangers far away nor by one at the next desk."""
    mine = scene.sign_in(device=HOME)
    scene.clock.forward(minutes=1)
    for number in range(30):
        try:
            scene.sign_in("ann" if number % 2 else f"u{number}", password="x", device=HOME)
        except (WrongCredentials, TooManyFailures):
            scene.clock.forward(milliseconds=1)
    assert _wait(scene, device=HOME) > 0
    assert _wait(scene, device=HOME, device_secret=mine.device_secret) == 0


def test_a_stolen_device_cookie_is_slowed_down_too(scene: Scene) -> None:
    mine = scene.sign_in(device=HOME)
    _fail(scene, 5, device=ELSEWHERE, device_secret=mine.device_secret)
    assert _wait(scene, device=ELSEWHERE, device_secret=mine.device_secret) > 0


def test_a_device_of_somebody_else_is_not_trusted(scene: Scene) -> None:
    bob = scene.sign_in("bob", device=ELSEWHERE)
    _fail(scene, 5, device=ELSEWHERE)
    assert _wait(scene, device=ELSEWHERE, device_secret=bob.device_secret) > 0


def test_confirming_a_password_is_slowed_down_like_signing_in(scene: Scene) -> None:
    """Covers C08: with a session there is the same control."""
    mine = scene.sign_in()
    act = scene.by(mine)
    for _ in range(5):
        with pytest.raises(WrongCredentials):
            passwords.confirm(scene.house, act, "wrong horse")
    with pytest.raises(TooManyFailures):
        passwords.confirm(scene.house, act, PASSWORD)


def test_strangers_do_not_hold_up_who_is_signed_in(scene: Scene) -> None:
    """Covers C01: the session's device is known."""
    mine = scene.sign_in(device=HOME)
    _fail(scene, 5, device=HOME)
    assert _wait(scene, device=HOME) > 0
    assert passwords.confirm(scene.house, scene.by(mine), PASSWORD).encoding == "argon2id"


def test_what_is_counted_names_nobody(scene: Scene) -> None:
    """Covers R12: keyed hashes only."""
    _fail(scene, user="somebody-real", device=ELSEWHERE)
    assert len(scene.rows(tables.throttle)) == 3
    assert "somebody-real" not in str(scene.rows(tables.throttle))
    assert "198.51.100" not in str(scene.rows(tables.throttle))


def test_an_unknown_name_is_counted_like_a_known_one(scene: Scene) -> None:
    """Covers C10: the delay does not tell them apart."""
    known = _pattern(scene, "ann", ELSEWHERE)
    unknown = _pattern(scene, "stranger", Device(address="192.0.2.77"))
    assert known == unknown


def _pattern(scene: Scene, user: str, device: Device) -> list[str]:
    outcomes = []
    for _ in range(8):
        try:
            scene.sign_in(user, password="wrong horse", device=device)
        except (WrongCredentials, TooManyFailures) as error:
            outcomes.append(error.text)
        scene.clock.forward(milliseconds=700)
    return outcomes


def test_old_failures_are_purged(scene: Scene) -> None:
    _fail(scene)
    scene.clock.forward(days=2)
    scene.write(retention.purge, scene.clock.now, scene.policy)
    assert scene.rows(tables.throttle) == []


# Bursts


def test_failures_at_the_same_moment_are_all_counted(both: Scene) -> None:
    """Covers R10: none is lost between reading and writing."""
    what = throttling.attempt(both.house.vault, "acme", "ann", "198.51.100.1")
    one = lambda: both.write(throttling.failed, what, both.policy, both.clock.now)  # noqa: E731
    outcomes = at_once(*[one] * 12)
    assert max(int(o) for o in outcomes if isinstance(o, int)) == 2**7
    assert {row.failures for row in both.rows(tables.throttle)} == {12}


def test_a_burst_is_no_way_around_the_delay(make_scene: MakeScene) -> None:
    """Covers C01, R09: of forty guesses at once five are heard, on however many threads."""
    scene = make_scene()
    scene.house.passwords.close()
    heard: list[str] = []
    object.__setattr__(
        scene.house, "passwords", Passwords(threads=8, cost=CHEAP, observe=heard.append)
    )
    guess = lambda: scene.sign_in(password="wrong horse")  # noqa: E731
    outcomes = at_once(*[guess] * 40)
    kinds = [type(o) for o in outcomes]
    assert kinds.count(WrongCredentials) == len(heard) == 5
    assert kinds.count(TooManyFailures) == 35
    assert len(scene.house.turns) == 0


def test_turns_come_one_after_another_and_leave_nothing_behind() -> None:
    turns, inside, most = Turns(), [0], [0]

    def work() -> None:
        with turns.take("key"):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0)
            inside[0] -= 1

    at_once(*[work] * 16)
    assert most == [1]
    assert len(turns) == 0


def test_different_accounts_do_not_wait_for_each_other() -> None:
    turns = Turns(patience=0.01)
    with turns.take("ann"), turns.take("bob"):
        assert len(turns) == 2


def test_who_waits_too_long_is_told_to_come_again() -> None:
    turns, held, done = Turns(patience=0.01), threading.Event(), threading.Event()

    def hold() -> None:
        with turns.take("key"):
            held.set()
            done.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    with pytest.raises(Overloaded), turns.take("key"):
        pass
    done.set()
    thread.join(30)
    assert len(turns) == 0
    with turns.take("key"):
        assert len(turns) == 1
