"""The headline numbers of the console: each is read from an index, and counted to a limit."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from ostiary.domain.access import reach_of
from ostiary.domain.events import Event
from ostiary.domain.search import COUNT_LIMIT, SessionFilter
from ostiary.domain.session import EndReason
from ostiary.services.house import Act
from ostiary.storage import audit, outbox, session_pages
from ostiary.storage.database import Transaction

LATELY = timedelta(hours=24)
"""A day that is the same for everybody, wherever her midnight is."""

REASONS_LIMIT = 10_000
"""Why sessions ended is told of so many of the latest endings."""


class Count(msgspec.Struct, frozen=True):
    """A number that is exact up to `COUNT_LIMIT`; beyond it there are more than it says."""

    number: int
    is_exact: bool = True


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """What happens, and what happened since ``since``. ``reasons`` begins with the commonest."""

    since: datetime
    live: Count
    started: Count
    failed: Count
    ended: Count
    reasons: tuple[tuple[EndReason, int], ...]
    waiting: Count


def overview(tx: Transaction, act: Act, organization: str | None = None) -> Overview:
    """The numbers of one organization, or of all.

    Raises:
        NotAllowed, NotSignedIn: the caller administers nothing, or not that organization.
    """
    reach = reach_of(act.caller, organization)
    since = act.now - LATELY
    beyond = COUNT_LIMIT + 1

    def counted(event: Event) -> Count:
        found = audit.count_since(tx, event, since, organization=reach, up_to=beyond)
        return _count(found)

    live = session_pages.count(tx, SessionFilter(organization=reach), up_to=beyond, now=act.now)
    reasons = session_pages.reasons(tx, since, organization_name=reach, up_to=REASONS_LIMIT)
    return Overview(
        since=since,
        live=_count(live),
        started=counted(Event.SESSION_STARTED),
        failed=counted(Event.SIGN_IN_FAILED),
        ended=_count(sum(number for _, number in reasons)),
        reasons=tuple(reasons),
        waiting=_count(outbox.count_waiting(tx, organization=reach, up_to=beyond)),
    )


def _count(found: int) -> Count:
    return Count(min(found, COUNT_LIMIT), is_exact=found <= COUNT_LIMIT)
