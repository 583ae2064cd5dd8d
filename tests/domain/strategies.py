"""Values of the domain, made at random."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from ostiary.domain.lifetime import LONGEST, Lifetimes, Overrides
from ostiary.domain.session import Device, EndReason, Epochs, Session

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

SECONDS = st.integers(1, LONGEST)
INSTANTS = st.datetimes(
    min_value=datetime(1999, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
)
LIFETIMES = st.builds(Lifetimes, SECONDS, SECONDS, SECONDS, SECONDS)
_MAYBE = st.none() | SECONDS
OVERRIDES = st.builds(Overrides, _MAYBE, _MAYBE, _MAYBE, _MAYBE)
EPOCHS = st.builds(Epochs, *[st.integers(0, 2)] * 3)


def session(**change: Any) -> Session:
    """A live session, used a moment ago."""
    fields: dict[str, Any] = {
        "id": "0" * 32,
        "organization_key": 1,
        "organization": "acme",
        "user_key": 2,
        "user": "ann",
        "application_key": 3,
        "application": "wiki",
        "device_key": None,
        "created_at": NOW,
        "authenticated_at": NOW,
        "last_seen_at": NOW,
        "expires_at": NOW + timedelta(days=1),
        "idle_seconds": 3_600,
        "remembered": False,
        "device": Device(),
    }
    return Session(**(fields | change))


@st.composite
def sessions(draw: st.DrawFn) -> Session:
    """Any session that storage may hold."""
    started = draw(INSTANTS)
    ended = draw(st.none() | st.timedeltas(timedelta(0), timedelta(days=400)))
    return session(
        created_at=started,
        authenticated_at=started,
        last_seen_at=started + timedelta(seconds=draw(st.integers(0, 86_400))),
        expires_at=started + timedelta(seconds=draw(SECONDS)),
        idle_seconds=draw(SECONDS),
        born=draw(EPOCHS),
        current=draw(EPOCHS),
        ended_at=None if ended is None else started + ended,
        ended_reason=None if ended is None else draw(st.none() | st.sampled_from(EndReason)),
    )
