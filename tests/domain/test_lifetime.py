"""How long a session lives: decided, dated, written at once where it matters, said in words."""

from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ostiary.domain.lifetime import (
    LONGEST,
    SHORTEST,
    Lifetimes,
    Overrides,
    check_after,
    deadlines,
    decide,
    in_words,
    must_store_use,
    sentence,
)
from tests.domain.strategies import INSTANTS, LIFETIMES, NOW, OVERRIDES, SECONDS

NAMES = Lifetimes.__struct_fields__


def test_the_defaults_are_the_documented_ones() -> None:
    """Covers A01."""
    assert decide(Lifetimes()) == Lifetimes(3_600, 86_400, 14 * 86_400, 30 * 86_400)


@given(LIFETIMES, OVERRIDES, OVERRIDES)
def test_the_application_wins_over_the_organization_and_that_over_the_installation(
    defaults: Lifetimes, organization: Overrides, application: Overrides
) -> None:
    decided = decide(defaults, organization, application)
    for name in NAMES:
        said = [getattr(o, name) for o in (application, organization, defaults)]
        assert getattr(decided, name) == next(value for value in said if value is not None)


@given(LIFETIMES)
def test_who_says_nothing_changes_nothing(defaults: Lifetimes) -> None:
    assert decide(defaults) == decide(defaults, Overrides(), Overrides()) == defaults


@given(st.lists(st.builds(Overrides, *[st.none() | st.integers()] * 4), max_size=3))
def test_no_override_leaves_the_bounds(overrides: list[Overrides]) -> None:
    """Covers the bound of DESIGN section 6: never beyond 400 days, nor under a second."""
    decided = decide(Lifetimes(), *overrides)
    assert all(SHORTEST <= getattr(decided, name) <= LONGEST for name in NAMES)


@given(lifetimes=LIFETIMES, remembered=st.booleans(), now=INSTANTS)
def test_deadlines_are_those_of_the_kind_of_session(
    *, lifetimes: Lifetimes, remembered: bool, now: datetime
) -> None:
    ends = deadlines(lifetimes, remembered=remembered, now=now)
    absolute = lifetimes.remembered_absolute if remembered else lifetimes.absolute
    idle = lifetimes.remembered_idle if remembered else lifetimes.idle
    assert ends.expires_at - now == timedelta(seconds=absolute)
    assert ends.idle_seconds <= idle
    assert ends.idle_seconds == idle or ends.idle_seconds == absolute < idle


@given(INSTANTS, SECONDS, INSTANTS)
def test_the_sweeper_never_comes_too_late(
    last_seen: datetime, idle: int, expires_at: datetime
) -> None:
    """DESIGN section 2: a row is looked at no later than it can be dead."""
    due = check_after(last_seen, idle, expires_at)
    assert due <= last_seen + timedelta(seconds=idle)
    assert due <= expires_at
    assert due in (last_seen + timedelta(seconds=idle), expires_at)


@given(
    st.integers(0, 10**9).map(lambda s: NOW - timedelta(seconds=s)), SECONDS, st.integers(1, 3_600)
)
def test_no_other_process_can_conclude_idleness_from_what_is_stored(
    stored: datetime, idle: int, flush_every: int
) -> None:
    """What is kept for the next batch is stored before the idle time of the stored value ends."""
    assume(not must_store_use(stored, NOW, idle_seconds=idle, flush_every=flush_every))
    assert stored + timedelta(seconds=idle) >= NOW
    if stored < NOW:
        flushed = NOW + timedelta(seconds=flush_every)
        assert flushed < stored + timedelta(seconds=idle)


@pytest.mark.parametrize(
    ("age", "idle", "flush_every", "must"),
    [
        (0, 3_600, 5, False),
        (1, 3_600, 5, False),
        (1_799, 3_600, 5, False),
        (1_800, 3_600, 5, True),
        (99_999, 3_600, 5, True),
        (1, 20, 5, False),
        (1, 19, 5, True),
        (0, 1, 5, False),
        (-60, 3_600, 5, False),
        (-60, 1, 5, False),
    ],
)
def test_a_use_is_stored_at_once_when_half_the_idle_time_is_over(
    *, age: int, idle: int, flush_every: int, must: bool
) -> None:
    stored = NOW - timedelta(seconds=age)
    assert must_store_use(stored, NOW, idle_seconds=idle, flush_every=flush_every) is must


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (90, "90 seconds"),
        (120, "2 minutes"),
        (3_600, "1 hour"),
        (5_400, "90 minutes"),
        (86_399, "86399 seconds"),
        (86_400, "1 day"),
        (90_000, "25 hours"),
        (14 * 86_400, "14 days"),
        (LONGEST, "400 days"),
    ],
)
def test_durations_in_words(seconds: int, words: str) -> None:
    assert in_words(seconds) == words


@given(st.integers(0, LONGEST))
def test_words_say_exactly_the_duration(seconds: int) -> None:
    count, unit = in_words(seconds).split(" ")
    size = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}[unit.removesuffix("s")]
    assert int(count) * size == seconds
    assert unit.endswith("s") == (int(count) != 1)


def test_the_policy_is_one_sentence() -> None:
    """Covers A01: what the console shows is what is in force."""
    assert sentence(Lifetimes()) == (
        "Signed out after 1 hour without activity, and 1 day after signing in; with “Keep me "
        "signed in”, after 14 days without activity, and 30 days after signing in."
    )


def test_a_lifetime_of_json_knows_its_names() -> None:
    assert msgspec.to_builtins(Overrides(idle=60)) == {
        "idle": 60,
        "absolute": None,
        "remembered_idle": None,
        "remembered_absolute": None,
    }
