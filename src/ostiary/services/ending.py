"""What every ending writes, in one transaction: the only place that ends sessions.

Session, client sessions, grants, change log, audit and outbox (DESIGN section 3).
`ostiary.services.end` holds the verbs that call it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from ostiary.domain.events import Event
from ostiary.domain.logout import Ended
from ostiary.domain.session import EndReason, Session, reason_dead
from ostiary.services.house import Act
from ostiary.storage import audit, changes, client_sessions, grants, outbox, sessions
from ostiary.storage.audit import NewEvent
from ostiary.storage.changes import Change
from ostiary.storage.database import Transaction


def end_sessions(tx: Transaction, act: Act, ids: Iterable[str], reason: EndReason) -> Ended:
    """End the sessions with these public ids; the decision about each is made here, under lock.

    One that has already run out by the clock is settled with its true reason and not counted:
    nobody ended it. Cut-off rows count, since it is a cut-off's settling that comes for them.

    Args:
        tx: the transaction, which carries everything or nothing.
        act: who ends them and when.
        ids: public ids; unknown and ended ones are passed over.
        reason: why.
    """
    found = [s for s in sessions.by_ids(tx, ids, lock=True) if s.ended_at is None]
    ran_out: dict[EndReason, list[Session]] = {}
    alive: list[Session] = []
    for session in found:
        dead = reason_dead(session, act.now)
        if dead in (EndReason.IDLE, EndReason.EXPIRED):
            ran_out.setdefault(dead, []).append(session)
        else:
            alive.append(session)
    for true_reason, group in ran_out.items():
        settle(tx, group, true_reason, by="system", address="", now=act.now)
    return settle(tx, alive, reason, by=act.caller.actor, address=act.address, now=act.now)


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
        pending=tuple(sorted({c.application for c in used if c.backchannel_logout_uri})),
        without_address=tuple(
            sorted({c.application for c in used if not c.backchannel_logout_uri})
        ),
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
