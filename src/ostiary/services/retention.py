"""What happens by itself: sessions that ran out end, cut-offs are settled, old rows are purged.

Each verb does a bounded piece and says how much it did; fewer than the limit means finished.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ostiary.domain.access import SYSTEM
from ostiary.domain.events import Event
from ostiary.services import keys
from ostiary.services.ending import settle, settle_dead
from ostiary.services.house import Policy
from ostiary.storage import (
    assertions,
    audit,
    changes,
    client_sessions,
    cut_offs,
    devices,
    grants,
    outbox,
    protected_hosts,
    sessions,
    sweeping,
    throttle,
    tokens,
)
from ostiary.storage.audit import NewEvent
from ostiary.storage.cut_offs import CutOff
from ostiary.storage.database import Transaction

BATCH = 100
"""Rows that one transaction ends or removes, so that an ending beside it hardly waits."""

_CHANGES_KEPT = timedelta(days=1)
"""How long the change log is kept for those that follow it."""

_TOKENS_KEPT = timedelta(hours=1)
"""How long after its end a token is still told apart from one that never was."""

_DEVICES_KEPT = timedelta(days=400)
"""As long as browsers keep their cookie (RFC 6265bis, 4.1.2.1)."""


def sweep(tx: Transaction, now: datetime, limit: int = BATCH) -> int:
    """End sessions that ran out and that nobody read since; come back to the others later.

    Idleness is concluded from rows that this transaction holds (DESIGN section 2).

    Returns:
        How many rows were looked at.
    """
    found = sweeping.due(tx, now, limit)
    sweeping.postpone(tx, settle_dead(tx, found, now))
    return len(found)


def settle_cut_offs(tx: Transaction, now: datetime, limit: int = BATCH) -> int:
    """Write what cut-offs ended: their sessions are dead since the epoch was raised.

    Returns:
        How many sessions were settled.
    """
    done = 0
    for item in cut_offs.unfinished(tx):
        ids = sweeping.of_cut_off(tx, item.subject, item.subject_key, item.epoch, limit - done)
        found = sessions.by_ids(tx, ids, lock=True)
        settle(tx, found, item.reason, by=item.actor, address="", now=now)
        count = len(ids)
        if item.subject == "application":
            count += _settle_uses(tx, item, now, limit - done - count)
        finished = count < limit - done
        cut_offs.settled(tx, item.id, count, finished_at=now if finished else None)
        done += count
        if done >= limit:
            break
    return done


def _settle_uses(tx: Transaction, item: CutOff, now: datetime, limit: int) -> int:
    """End what is used in a cut-off application by sessions that signed in through another."""
    ids = client_sessions.of_cut_off(tx, item.subject_key, item.epoch, limit)
    sessions.by_ids(tx, ids, lock=True)
    uses = [
        use
        for use in client_sessions.of_sessions(tx, ids)
        if use.application_key == item.subject_key
    ]
    client_sessions.end(tx, uses, now)
    outbox.owe_logouts(tx, uses, reason=item.reason, now=now)
    return len(ids)


def purge(tx: Transaction, now: datetime, policy: Policy, limit: int = BATCH) -> int:
    """Remove a batch of what is past retention.

    Returns:
        How many rows went; 0: finished.
    """
    kept = now - timedelta(seconds=policy.retention)
    forgotten = now - timedelta(seconds=policy.forget_failures_after)
    pieces: tuple[tuple[str, Callable[[], int]], ...] = (
        ("sessions", lambda: sweeping.purge(tx, kept, limit)),
        ("audit_events", lambda: audit.purge(tx, kept, limit)),
        ("notices", lambda: outbox.purge(tx, kept, limit)),
        ("changes", lambda: changes.purge(tx, now - _CHANGES_KEPT, limit)),
        ("failures", lambda: throttle.purge(tx, forgotten, limit)),
        ("devices", lambda: devices.purge(tx, now - _DEVICES_KEPT, limit)),
        ("keys", lambda: keys.purge(tx, now)),
        ("tokens", lambda: tokens.purge(tx, now - _TOKENS_KEPT, limit)),
        ("grants", lambda: grants.purge(tx, now - _TOKENS_KEPT, limit)),
        ("assertions", lambda: assertions.purge(tx, now, limit)),
        ("hand_offs", lambda: protected_hosts.purge(tx, now, limit)),
    )
    removed = {name: piece() for name, piece in pieces}
    sessions_gone = removed["sessions"]
    if sessions_gone:
        audit.write(
            tx,
            now,
            [
                NewEvent(
                    event=Event.RETENTION_PURGED,
                    actor=SYSTEM.actor,
                    detail={name: count for name, count in removed.items() if count},
                )
            ],
        )
    return sum(removed.values())
