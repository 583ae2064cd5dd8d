"""Saying that a session is somebody else's doing."""

from __future__ import annotations

from ostiary.domain.events import Event
from ostiary.domain.logout import Ended
from ostiary.services.end import end_mine
from ostiary.services.house import Act
from ostiary.services.see import one_session
from ostiary.storage import audit
from ostiary.storage.audit import NewEvent
from ostiary.storage.database import Transaction


def not_me(tx: Transaction, act: Act, session_id: str) -> Ended:
    """End one of the caller's own sessions, and tell the administrators by an event of its own.

    The event carries what is known about the session, so that they need not look for it.

    Raises:
        NotSignedIn, NotFound, CurrentSession, ReauthenticationNeeded: as `end.end_one`.
    """
    ended = end_mine(tx, act, session_id)
    session = one_session(tx, act, session_id).session
    audit.write(
        tx,
        act.now,
        [
            NewEvent(
                event=Event.SESSION_REPORTED,
                actor=act.caller.actor,
                organization=session.organization,
                user=session.user,
                application=session.application,
                session_id=session.id,
                address=act.address,
                detail={
                    "device": session.device.name,
                    "address": session.device.address,
                    "country": session.device.country or "",
                    "city": session.device.city or "",
                },
            )
        ],
    )
    return ended
