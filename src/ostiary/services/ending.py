"""What every ending writes, in one transaction: the only place that ends sessions.

Session, client sessions, grants, change log, audit and outbox (DESIGN section 3).
`ostiary.services.end` holds the verbs that call it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from ostiary.domain.access import SYSTEM
from ostiary.domain.events import Event
from ostiary.domain.logout import Ended
from ostiary.domain.session import EndReason, Session, reason_dead
from ostiary.services import announcing
from ostiary.services.house import Act
from ostiary.storage import audit, changes, client_sessions, cut_offs, grants, outbox, sessions
from ostiary.storage.audit import NewEvent
from ostiary.storage.changes import Change
from ostiary.storage.database import Transaction


def end_sessions(tx: Transaction, act: Act, ids: Iterable[str], reason: EndReason) -> Ended:
    """End the sessions with these public ids; the decision about each is made here, under lock.

    One that was dead before, by the clock or by a cut-off, is settled with its true reason and not
    counted: it was not ended by this.

    Args:
        tx: the transaction, which carries everything or nothing.
        act: who ends them and when.
        ids: public ids; unknown and ended ones are passed over.
        reason: why.
    """
    found = [s for s in sessions.by_ids(tx, ids, lock=True) if s.ended_at is None]
    alive = settle_dead(tx, found, act.now)
    return settle(tx, alive, reason, by=act.caller.actor, address=act.address, now=act.now)


def settle_dead(tx: Transaction, found: Sequence[Session], now: datetime) -> list[Session]:
    """Write why the dead ones among unended sessions are dead, and return those that are alive.

    Args:
        tx: the transaction.
        found: what it has read under lock.
        now: the instant of the decision.
    """
    alive: list[Session] = []
    dead: dict[tuple[EndReason, str], list[Session]] = {}
    for session in found:
        reason = reason_dead(session, now)
        if reason is None:
            alive.append(session)
        elif session.born != session.current:
            dead.setdefault(_cut_off(tx, session), []).append(session)
        else:
            dead.setdefault((reason, SYSTEM.actor), []).append(session)
    for (reason, actor), group in dead.items():
        settle(tx, group, reason, by=actor, address="", now=now)
    return alive


def _cut_off(tx: Transaction, session: Session) -> tuple[EndReason, str]:
    """Why and by whom a session was cut off."""
    for subject, key in (
        ("organization", session.organization_key),
        ("user", session.user_key),
        ("application", session.application_key),
    ):
        if getattr(session.born, subject) != getattr(session.current, subject):
            found = cut_offs.last_of(tx, subject, key)
            if found is not None:
                return found
    return EndReason.ADMIN_BULK, SYSTEM.actor


def settle(
    tx: Transaction,
    found: Sequence[Session],
    reason: EndReason,
    *,
    by: str,
    address: str,
    now: datetime,
) -> Ended:
    """Write an ending for sessions that this transaction has read under lock."""
    ids = sessions.mark_ended(tx, [s.id for s in found], reason=reason, by=by, now=now)
    if not ids:
        return Ended()
    ended = [s for s in found if s.id in set(ids)]
    used = client_sessions.of_sessions(tx, ids)
    client_sessions.end(tx, used, now)
    outbox.owe_logouts(tx, used, reason=reason, now=now)
    announcing.sessions_ended(tx, ended, used, reason=reason, by=by, now=now)
    last_token = grants.end_of_sessions(tx, ids, reason=reason, now=now)
    changes.append(
        tx,
        Change.SESSION,
        now,
        (
            {
                "session_id": s.id,
                "organization_key": s.organization_key,
                "user_key": s.user_key,
                "application_key": s.application_key,
            }
            for s in ended
        ),
    )
    audit.write(
        tx,
        now,
        (
            NewEvent(
                event=Event.SESSION_ENDED,
                actor=by,
                organization=s.organization,
                user=s.user,
                application=s.application,
                session_id=s.id,
                address=address,
                detail={"reason": reason.value, "device": s.device.name},
            )
            for s in ended
        ),
    )
    return Ended(
        ended=tuple(ids),
        users=len({s.user_key for s in ended}),
        pending=tuple(sorted({c.application for c in used if c.can_be_told})),
        without_address=tuple(sorted({c.application for c in used if not c.can_be_told})),
        last_token_expires_at=last_token,
    )


def together(outcomes: Iterable[Ended]) -> Ended:
    """The outcome of several endings as one; ``users`` may count somebody once for each."""
    every = list(outcomes)
    lasts = [o.last_token_expires_at for o in every if o.last_token_expires_at is not None]
    return Ended(
        ended=tuple(i for o in every for i in o.ended),
        users=sum(o.users for o in every),
        told=_union(o.told for o in every),
        pending=_union(o.pending for o in every),
        without_address=_union(o.without_address for o in every),
        last_token_expires_at=max(lasts, default=None),
    )


def _union(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({name for group in names for name in group}))
