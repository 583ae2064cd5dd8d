"""What a successful authentication writes: a session, what it displaces, its device, its client.

The caller holds the lock of the user's row, so that sign-ins of one user come one after another
and none of them overlooks the other (contract W8).
"""

from __future__ import annotations

import msgspec

from ostiary.domain.access import user_caller
from ostiary.domain.accounts import Application, Organization, User
from ostiary.domain.errors import DeviceTaken
from ostiary.domain.events import Event
from ostiary.domain.lifetime import deadlines, decide
from ostiary.domain.limits import surplus
from ostiary.domain.logout import Ended
from ostiary.domain.secrets import digest, is_secret
from ostiary.domain.session import Device, EndReason, Epochs, Session, reason_dead
from ostiary.gateways.entropy import new_public_id, new_secret
from ostiary.services import announcing
from ostiary.services.ending import end_sessions
from ostiary.services.house import Act, House
from ostiary.storage import audit, changes, client_sessions, devices, sessions, users
from ostiary.storage.audit import NewEvent
from ostiary.storage.changes import Change
from ostiary.storage.database import Transaction
from ostiary.storage.sessions import NewSession

ACR_PASSWORD = "1"  # noqa: S105 - an authentication context class, not a password


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """An authenticated user, with the rows as this transaction read them. See `sign_in.Attempt`."""

    user: User
    organization: Organization
    application: Application
    device: Device
    amr: tuple[str, ...]
    remember: bool = False
    secret: str = ""
    device_secret: str = ""
    announce: bool = False
    announced: str = ""


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """The session, and the new values of the cookies; ``device_secret`` None: keep the old."""

    session: Session
    secret: str
    device_secret: str | None
    reauthenticated: bool
    ended: Ended


def start(tx: Transaction, house: House, act: Act, who: Arrival) -> Started:
    """Start a session, or authenticate the one that was presented anew.

    Raises:
        DeviceTaken: somebody else would be signed out, and was not told (DESIGN section 1).
    """
    presented = _presented(tx, act, who)
    again = presented if presented is not None and presented.user_key == who.user.key else None
    device_key, device_secret = _device(tx, act, who)
    leaving = _displaced(tx, act, who, presented, again, device_key)
    # The actor is the one who signs in, whom nobody knew when the request came.
    by_user = msgspec.structs.replace(act, caller=user_caller(who.user))
    ended = end_sessions(tx, by_user, leaving, EndReason.DISPLACED)
    secret = new_secret()
    new = _new(house, act, who, again, digest(secret), device_key)
    if again is None:
        sessions.add(tx, new)
    else:
        sessions.reauthenticate(tx, new)
        changes.append(
            tx,
            Change.SESSION,
            act.now,
            [{"session_id": new.id, "user_key": new.user_key}],
        )
    session = sessions.by_id(tx, new.id)
    if session is None:
        raise AssertionError  # it was written above
    client_sessions.add(
        tx,
        session,
        application_key=who.application.key,
        application_name=who.application.name,
        application_epoch=who.application.epoch,
        sid=new_public_id(),
        now=act.now,
    )
    known = devices.used_by(tx, device_key, who.user.key, act.now)
    users.signed_in(tx, who.user.key, act.address, act.now)
    _audit(tx, by_user, who, session, reauthenticated=again is not None, known_device=known)
    if again is None:
        announcing.session_started(tx, session, who.user, known_device=known, now=act.now)
    return Started(
        session=session,
        secret=secret,
        device_secret=device_secret,
        reauthenticated=again is not None,
        ended=ended,
    )


def _presented(tx: Transaction, act: Act, who: Arrival) -> Session | None:
    """The live session whose cookie came along, held until the commit."""
    if not is_secret(who.secret):
        return None
    found = sessions.by_secret(tx, digest(who.secret))
    if found is None:
        return None
    held = sessions.by_id(tx, found.id, lock=True)
    # Between the two reads it may have ended, or got another secret: then it is nobody's.
    still = sessions.by_secret(tx, digest(who.secret))
    alive = held is not None and reason_dead(held, act.now) is None
    return held if alive and still is not None else None


def _device(tx: Transaction, act: Act, who: Arrival) -> tuple[int, str | None]:
    """The device's key, and its new secret when the browser was never here.

    A device cookie that we did not make is not adopted (REQUIREMENTS E03).
    """
    if is_secret(who.device_secret):
        known = devices.by_secret(tx, digest(who.device_secret), lock=True)
        if known is not None:
            return known, None
    secret = new_secret()
    return devices.add(tx, digest(secret), act.now), secret


def _displaced(
    tx: Transaction,
    act: Act,
    who: Arrival,
    presented: Session | None,
    again: Session | None,
    device_key: int,
) -> list[str]:
    """Public ids of what has to end: on this device, and beyond the limits.

    Raises:
        DeviceTaken: somebody else is signed in here, and the page has not said so.
    """
    here = {s.id: s for s in sessions.live_on_device(tx, device_key, act.now)}
    if presented is not None:
        here[presented.id] = presented
    if again is not None:
        here.pop(again.id)
    strangers = [s for s in here.values() if s.user_key != who.user.key]
    if who.announce and any(s.id != who.announced for s in strangers):
        raise DeviceTaken(strangers[0].user, strangers[0].id)
    leaving = set(here)
    arriving = again.id if again is not None else ""
    mine = sessions.live_in_application(
        tx, who.user.organization_key, who.user.key, who.application.key, act.now
    )
    left = [s.id for s in mine if s.id not in leaving]
    leaving.update(surplus(left, arriving=arriving, exclusive=who.application.exclusive))
    if who.organization.exclusive:
        every = sessions.live_of_user(tx, who.user.organization_key, who.user.key, act.now)
        leaving.update(surplus([s.id for s in every], arriving=arriving, exclusive=True))
    return sorted(leaving)


def _new(
    house: House,
    act: Act,
    who: Arrival,
    again: Session | None,
    secret_hash: bytes,
    device_key: int,
) -> NewSession:
    lifetimes = decide(
        house.policy.lifetimes, who.organization.lifetimes, who.application.lifetimes
    )
    ends = deadlines(lifetimes, remembered=who.remember, now=act.now)
    return NewSession(
        id=again.id if again is not None else new_public_id(),
        secret_hash=secret_hash,
        organization_key=who.user.organization_key,
        user_key=who.user.key,
        user=who.user.name,
        application_key=again.application_key if again is not None else who.application.key,
        device_key=device_key,
        now=act.now,
        expires_at=ends.expires_at,
        idle_seconds=ends.idle_seconds,
        remembered=who.remember,
        device=who.device,
        amr=who.amr,
        acr=ACR_PASSWORD,
        epochs=Epochs(
            organization=who.organization.epoch,
            user=who.user.epoch,
            application=(again.current.application if again is not None else who.application.epoch),
        ),
    )


def _audit(
    tx: Transaction,
    act: Act,
    who: Arrival,
    session: Session,
    *,
    reauthenticated: bool,
    known_device: bool,
) -> None:
    event = Event.SESSION_REAUTHENTICATED if reauthenticated else Event.SESSION_STARTED
    audit.write(
        tx,
        act.now,
        [
            NewEvent(
                event=event,
                actor=act.caller.actor,
                organization=session.organization,
                user=session.user,
                application=who.application.name,
                session_id=session.id,
                address=act.address,
                detail={
                    "device": session.device.name,
                    "known_device": known_device,
                    "remembered": session.remembered,
                    "amr": list(who.amr),
                },
            )
        ],
    )
