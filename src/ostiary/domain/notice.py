"""Notices: what is owed to applications and others outside, and how patiently it is tried."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

import msgspec


class NoticeKind(enum.StrEnum):
    """What kinds of notices there are; each has its sender in `ostiary.services.deliver`."""

    BACKCHANNEL_LOGOUT = "backchannel_logout"
    SSO_LOGOUT = "sso_logout"
    WEBHOOK = "webhook"


class NoticeState(enum.StrEnum):
    """What became of a notice."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One message that is owed to somebody outside.

    ``owed_at`` is since when it is tried: its making, or the last time that somebody asked for it
    again. ``claimed_by`` is the process that sends it just now; ``next_attempt_at`` is then when
    another process may take it. ``lane`` is the queue that its
    target has. ``detail`` is JSON, for the kinds that say more than the columns
    do. ``application`` and what follows it are empty where it is owed to no application;
    ``webhook_key`` is the webhook that it is owed to, if any.
    """

    id: int
    kind: str
    organization: str
    user: str
    session_id: str
    sid: str
    target: str
    lane: str
    reason: str
    state: NoticeState
    attempts: int
    created_at: datetime
    owed_at: datetime
    next_attempt_at: datetime
    settled_at: datetime | None = None
    claimed_by: str | None = None
    last_error: str = ""
    detail: str = "{}"
    application_key: int | None = None
    application: str = ""
    display_name: str = ""
    client_id: str = ""
    id_token_alg: str = ""
    webhook_key: int | None = None


class NoticeFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which notices; what is None narrows nothing."""

    organization: str | None = None
    application: str | None = None
    state: NoticeState | None = None
    session_id: str | None = None


FIRST_DELAY = timedelta(seconds=1)
LONGEST_DELAY = timedelta(hours=1)
GIVE_UP_AFTER = 3 * 86_400
"""Seconds."""

_SPREAD = 0.25
_MOST_DOUBLINGS = 20


def delay_after(attempts: int, chance: float) -> timedelta:
    """How long to wait after so many failed attempts: doubled each time, and spread.

    Spread, so that what failed together does not come back together.

    Args:
        attempts: 1 or more.
        chance: random, from 0 to 1.
    """
    whole = FIRST_DELAY * float(2 ** min(attempts - 1, _MOST_DOUBLINGS))
    return min(whole, LONGEST_DELAY) * (1 - _SPREAD * chance)


BREAKS_AFTER = 5
"""Failures in a row after which a target is left alone for a while."""

_FIRST_BREAK = timedelta(seconds=15)
_LONGEST_BREAK = timedelta(minutes=5)


def break_after(failures: int, chance: float) -> timedelta | None:
    """How long a target is left alone after so many failures in a row; None: not at all.

    Args:
        failures: of one target, whichever notice they were about.
        chance: random, from 0 to 1.
    """
    if failures < BREAKS_AFTER:
        return None
    whole = _FIRST_BREAK * float(2 ** min(failures - BREAKS_AFTER, _MOST_DOUBLINGS))
    return min(whole, _LONGEST_BREAK) * (1 - _SPREAD * chance)
