"""How long a session lives: idle and absolute, plain and remembered (DESIGN section 6).

All durations are whole seconds, all instants aware UTC datetimes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

LONGEST = 400 * 86_400
"""No lifetime goes beyond 400 days: browsers clamp cookies there (RFC 6265bis, 4.1.2.1)."""

SHORTEST = 1


class Lifetimes(msgspec.Struct, frozen=True, gc=False):
    """The four durations that are in force for a new session, in seconds."""

    idle: int = 3_600
    absolute: int = 86_400
    remembered_idle: int = 14 * 86_400
    remembered_absolute: int = 30 * 86_400


class Overrides(msgspec.Struct, frozen=True, gc=False):
    """What an organization or application says about lifetimes; None: nothing."""

    idle: int | None = None
    absolute: int | None = None
    remembered_idle: int | None = None
    remembered_absolute: int | None = None


def decide(defaults: Lifetimes, *overrides: Overrides) -> Lifetimes:
    """The lifetimes in force: the last override that says something wins, within the bounds.

    Args:
        defaults: the installation's.
        overrides: from the weakest to the strongest: organization, then application.
    """
    chosen = {name: getattr(defaults, name) for name in Lifetimes.__struct_fields__}
    for override in overrides:
        for name in chosen:
            value = getattr(override, name)
            if value is not None:
                chosen[name] = value
    return Lifetimes(**{name: min(max(v, SHORTEST), LONGEST) for name, v in chosen.items()})


class Deadlines(msgspec.Struct, frozen=True, gc=False):
    """What a session is created with: its absolute end, and its idle time in seconds."""

    expires_at: datetime
    idle_seconds: int


def deadlines(lifetimes: Lifetimes, *, remembered: bool, now: datetime) -> Deadlines:
    """The deadlines of a session that authenticates at ``now``."""
    absolute = lifetimes.remembered_absolute if remembered else lifetimes.absolute
    idle = lifetimes.remembered_idle if remembered else lifetimes.idle
    return Deadlines(expires_at=now + timedelta(seconds=absolute), idle_seconds=min(idle, absolute))


def check_after(last_seen_at: datetime, idle_seconds: int, expires_at: datetime) -> datetime:
    """When the sweeper has to look at a row next.

    Never later than the stored last use plus the idle time, nor than the absolute end
    (DESIGN section 2), so that no dead session is overlooked.
    """
    return min(last_seen_at + timedelta(seconds=idle_seconds), expires_at)


def must_store_use(stored: datetime, now: datetime, *, idle_seconds: int, flush_every: int) -> bool:
    """Whether a use has to be written at once instead of with the next batch.

    Other processes read only what is stored, and conclude "idle" from it; a stored value that is
    older than half the idle time could make them conclude it wrongly (DESIGN section 2). The same
    holds when the idle time is so short that a batch may come too late.
    """
    age = (now - stored).total_seconds()
    return age >= idle_seconds / 2 or (age > 0 and idle_seconds < 4 * flush_every)


_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def in_words(seconds: int) -> str:
    """A duration as people say it: ``"1 hour"``, ``"90 seconds"``, ``"14 days"``."""
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return f"{seconds} seconds"


def sentence(lifetimes: Lifetimes) -> str:
    """The policy in one sentence, as the console shows it (DESIGN section 6)."""
    return (
        f"Signed out after {in_words(lifetimes.idle)} without activity, and "
        f"{in_words(lifetimes.absolute)} after signing in; with “Keep me signed in”, after "
        f"{in_words(lifetimes.remembered_idle)} without activity, and "
        f"{in_words(lifetimes.remembered_absolute)} after signing in."
    )
