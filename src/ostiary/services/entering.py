"""Going on to another application with the session that is there: single sign-on.

No session begins here. The one in use is written down as used in one more application, so that this
one is told too when it ends, and so that its limits count it.
"""

from __future__ import annotations

from ostiary.domain.access import require_user
from ostiary.domain.accounts import Application, Organization
from ostiary.domain.errors import NotAllowed, NotFound, NotSignedIn
from ostiary.domain.events import Event
from ostiary.domain.limits import surplus
from ostiary.domain.session import EndReason, Session
from ostiary.gateways.entropy import new_public_id
from ostiary.services.ending import end_sessions
from ostiary.services.house import Act
from ostiary.services.sign_in import is_open_to
from ostiary.services.standing import rechecked
from ostiary.storage import applications, audit, client_sessions, organizations, sessions
from ostiary.storage.audit import NewEvent
from ostiary.storage.database import Transaction


@rechecked
def enter(tx: Transaction, act: Act, application: str, *, host: str = "") -> Session:
    """Use the caller's session in an application.

    The user's row is locked, as at a sign-in, so that entering and signing in count each other
    (contract W8).

    Args:
        tx: the transaction.
        act: the user, by a session.
        application: where to.
        host: the origin of the application's protected host that gets a cookie by this; each such
            time is audited. Empty: none.

    Returns:
        The session, which stays as it is.

    Raises:
        NotSignedIn: the caller has no live session (contract W12).
        NotFound: there is no such application.
        NotAllowed: it is not open to this user, or takes no sign-ins; the text says so.
    """
    require_user(act.caller)
    session = sessions.by_id(tx, act.caller.session_id or "")
    organization = organizations.get(tx, act.caller.organization)
    if session is None or organization is None:
        raise NotSignedIn
    wanted = applications.get(tx, application)
    if wanted is None:
        raise NotFound(f"There is no application {application}.")
    require_open(wanted, organization)
    mine = sessions.live_in_application(
        tx, session.organization_key, session.user_key, wanted.key, act.now
    )
    leaving = surplus([s.id for s in mine], arriving=session.id, exclusive=wanted.exclusive)
    end_sessions(tx, act, leaving, EndReason.DISPLACED)
    added = client_sessions.add(
        tx,
        session,
        application_key=wanted.key,
        application_name=wanted.name,
        application_epoch=wanted.epoch,
        sid=new_public_id(),
        now=act.now,
    )
    if added or host:
        _audit(tx, act, session, wanted, host)
    return session


def require_open(wanted: Application, organization: Organization) -> None:
    """Refuse an application that users of an organization cannot enter now.

    Raises:
        NotAllowed: so it is; the text says why.
    """
    if not is_open_to(wanted, organization.name):
        raise NotAllowed(f"The application {wanted.name} is not open to {organization.name}.")
    if wanted.sign_in_disabled:
        raise NotAllowed(f"The application: {wanted.name} has disabled users to signin")
    if organization.sign_in_disabled:
        raise NotAllowed(f"The organization: {organization.name} has disabled users to signin")


def _audit(tx: Transaction, act: Act, session: Session, wanted: Application, host: str) -> None:
    audit.write(
        tx,
        act.now,
        [
            NewEvent(
                event=Event.SESSION_ENTERED,
                actor=act.caller.actor,
                organization=session.organization,
                user=session.user,
                application=wanted.name,
                session_id=session.id,
                address=act.address,
                detail={"host": host} if host else {},
            )
        ],
    )
