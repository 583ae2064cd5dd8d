"""What a list of sessions is asked for: filter, order, position (DESIGN sections 5 and 7)."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from ostiary.domain.session import EndReason

T = TypeVar("T")

COUNT_LIMIT = 1_000
"""Counts are exact up to here, and "more" beyond."""

SORT_BY_USE_LIMIT = 10_000
"""Sorting by last use is offered for at most so many matches, or within one user."""

LONGEST_PAGE = 500


class State(enum.StrEnum):
    """Which sessions a list holds."""

    LIVE = "live"
    ENDED = "ended"


class Sort(enum.StrEnum):
    """The orders of a list of sessions."""

    CREATED = "created"
    USER = "user"
    LAST_SEEN = "last_seen"


class SessionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that narrows a list; None or empty: not narrowed. Ranges hold their lower end.

    ``browser`` is compared without regard to case. ``country`` may name several, with commas.
    ``reason`` and the range of endings are for lists of what has ended.
    """

    organization: str | None = None
    user: str | None = None
    application: str | None = None
    address: str | None = None
    device_kind: str | None = None
    browser: str | None = None
    country: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    seen_from: datetime | None = None
    seen_to: datetime | None = None
    ended_from: datetime | None = None
    ended_to: datetime | None = None
    reason: EndReason | None = None
    text: str | None = None
    state: State = State.LIVE


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that narrows the audit; None or empty: not narrowed. Ranges hold their start."""

    organization: str | None = None
    user: str | None = None
    application: str | None = None
    event: str | None = None
    actor: str | None = None
    session_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """How a list is sorted. ``descending`` means newest first, or names from Z to A."""

    sort: Sort = Sort.CREATED
    descending: bool = True


class Position(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A row that a page begins after (or, ``backwards``, ends before).

    ``instant`` is in microseconds since 1970 UTC, of whichever instant the order sorts by.
    """

    instant: int
    id: str
    name: str = ""
    backwards: bool = False


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list.

    ``next`` and ``previous`` are opaque cursors, None at the ends. ``total`` counts every match,
    exactly when ``total_is_exact``, else there are more than it says.
    """

    items: tuple[T, ...]
    next: str | None = None
    previous: str | None = None
    total: int = 0
    total_is_exact: bool = True
