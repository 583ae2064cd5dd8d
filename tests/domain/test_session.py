"""Whether a session is alive, why not, and what it is called."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given

from ostiary.domain.session import (
    SPARES_OFFLINE_GRANTS,
    Device,
    EndReason,
    Epochs,
    Session,
    reason_dead,
)
from tests.domain.strategies import INSTANTS, NOW, session, sessions

SECOND = timedelta(seconds=1)


def test_a_session_in_use_is_alive() -> None:
    assert reason_dead(session(), NOW) is None


def test_idle_and_absolute_lifetime_end_at_their_very_instant() -> None:
    """Covers A08, A09."""
    one = session(expires_at=NOW + timedelta(days=1))
    assert reason_dead(one, NOW + timedelta(hours=1) - SECOND) is None
    assert reason_dead(one, NOW + timedelta(hours=1)) is EndReason.IDLE
    used = session(last_seen_at=NOW + timedelta(days=1) - SECOND)
    assert reason_dead(used, NOW + timedelta(days=1) - SECOND) is None
    assert reason_dead(used, NOW + timedelta(days=1)) is EndReason.EXPIRED


@pytest.mark.parametrize("which", ["organization", "user", "application"])
def test_one_epoch_that_moved_on_is_enough(which: str) -> None:
    assert reason_dead(session(current=Epochs(**{which: 1})), NOW) is EndReason.ADMIN_BULK


def test_what_is_written_comes_before_cut_offs_and_they_before_the_clocks() -> None:
    everything = {
        "ended_at": NOW,
        "ended_reason": EndReason.SIGNED_OUT,
        "current": Epochs(organization=1),
        "expires_at": NOW,
        "idle_seconds": 1,
        "last_seen_at": NOW - timedelta(days=1),
    }
    order = []
    while (reason := reason_dead(session(**everything), NOW)) is not None:
        order.append(reason)
        for field in {
            EndReason.SIGNED_OUT: ("ended_at", "ended_reason"),
            EndReason.ADMIN_BULK: ("current",),
            EndReason.EXPIRED: ("expires_at",),
            EndReason.IDLE: ("last_seen_at", "idle_seconds"),
        }[reason]:
            del everything[field]
    assert order == [
        EndReason.SIGNED_OUT,
        EndReason.ADMIN_BULK,
        EndReason.EXPIRED,
        EndReason.IDLE,
    ]


def test_an_ending_without_a_reason_is_still_an_ending() -> None:
    assert reason_dead(session(ended_at=NOW), NOW) is EndReason.REVOKED


@given(sessions(), INSTANTS)
def test_alive_means_unended_current_and_within_both_lifetimes(one: Session, now: datetime) -> None:
    alive = (
        one.ended_at is None
        and one.born == one.current
        and now < one.expires_at
        and now < one.last_seen_at + timedelta(seconds=one.idle_seconds)
    )
    assert (reason_dead(one, now) is None) is alive


@given(sessions(), INSTANTS, INSTANTS)
def test_nobody_rises_from_the_dead_by_waiting(one: Session, a: datetime, b: datetime) -> None:
    earlier, later = sorted((a, b))
    if reason_dead(one, earlier) is not None:
        assert reason_dead(one, later) is not None


@given(sessions())
def test_it_says_itself_when_it_will_end(one: Session) -> None:
    born_alive = session(
        last_seen_at=one.last_seen_at, expires_at=one.expires_at, idle_seconds=one.idle_seconds
    )
    end = born_alive.idle_expires_at
    assert reason_dead(born_alive, end) in (EndReason.IDLE, EndReason.EXPIRED)
    assert reason_dead(born_alive, end - timedelta(microseconds=1)) is None


def test_offline_grants_survive_only_what_nobody_meant_for_them() -> None:
    """Covers W13."""
    assert {
        EndReason.SIGNED_OUT,
        EndReason.IDLE,
        EndReason.EXPIRED,
        EndReason.DISPLACED,
    } == SPARES_OFFLINE_GRANTS


@pytest.mark.parametrize(
    ("device", "name"),
    [
        (Device(browser="Firefox", os="Linux"), "Firefox on Linux"),
        (Device(browser="Firefox"), "Firefox"),
        (Device(os="Android"), "Android"),
        (Device(kind="cli"), "Command line"),
        (Device(kind="cli", os="Linux"), "Command line"),
        (Device(), "Unknown device"),
    ],
)
def test_devices_have_the_names_people_call_them_by(device: Device, name: str) -> None:
    assert device.name == name
    assert session(device=device).display_name == name
    assert session(device=device, label="My laptop").display_name == "My laptop"
