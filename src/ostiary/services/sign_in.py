"""Signing in: a name and a password become a session with a fresh secret.

The password is compared outside any transaction, since that takes long; whether the user may sign
in, and what the sign-in displaces, is decided inside the one that writes the session, under the
lock of the user's row.
"""

from __future__ import annotations

import msgspec

from ostiary.domain.access import require_user, user_caller
from ostiary.domain.accounts import (
    BUILT_IN_APPLICATION,
    Application,
    Credential,
    Organization,
    User,
)
from ostiary.domain.errors import NotSignedIn, PasswordMustChange, WrongCredentials
from ostiary.domain.events import Event
from ostiary.domain.logout import Ended
from ostiary.domain.secrets import digest, is_secret
from ostiary.domain.session import Device, EndReason, Session, reason_dead
from ostiary.gateways.encodings import StoredPassword
from ostiary.gateways.passwords import check_policy
from ostiary.services import starting, throttling
from ostiary.services.end import end_access_of_user
from ostiary.services.ending import together
from ostiary.services.house import Act, House
from ostiary.storage import (
    applications,
    audit,
    devices,
    organizations,
    sessions,
    users,
)
from ostiary.storage.audit import NewEvent
from ostiary.storage.database import Transaction


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody sends to sign in.

    ``secret`` and ``device_secret`` are the cookies that came along, as sent. ``announced`` is the
    public id of the session that the page said would be signed out, and ``announce`` whether it
    has to be said before it is done (pages) or not (API). ``new_password`` goes with a password
    that somebody else chose.
    """

    organization: str
    application: str
    login: str
    password: str
    device: Device
    remember: bool = False
    secret: str = ""
    device_secret: str = ""
    announce: bool = False
    announced: str = ""
    new_password: str | None = None


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A session and what belongs into the browser's cookies.

    ``device_secret`` is None when the browser is known already. ``ended`` is what it displaced.
    """

    session: Session
    user: User
    secret: str
    device_secret: str | None
    reauthenticated: bool
    ended: Ended


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    organization: Organization | None
    application: Application | None
    user: User | None
    credential: Credential | None
    attempt: throttling.Attempt

    @property
    def stored(self) -> StoredPassword | None:
        """What to compare with; None for nobody, which costs the same time."""
        if self.user is None or self.credential is None:
            return None
        salts = (
            self.organization.password_salt if self.organization else "",
            self.credential.salt,
        )
        return StoredPassword(
            encoding=self.credential.encoding, value=self.credential.value, salts=salts
        )


def sign_in(house: House, act: Act, attempt: Attempt) -> SignedIn:
    """Sign somebody in.

    Raises:
        WrongCredentials: unknown, wrong, disabled or not for this application; never said which.
        TooManyFailures: too early after failures.
        PasswordMustChange: right, but a ``new_password`` has to come with it (contract W23).
        BadInput: the ``new_password`` is no good.
        DeviceTaken: somebody else is signed in on this device, and was not announced.
        Overloaded: too many passwords are being compared.
    """
    found = authenticate(house, act, attempt)
    user, credential = found.user, found.credential
    if user is None or credential is None:  # authenticate() has refused these
        raise WrongCredentials
    new_value = _replacement(house, attempt, credential, stale=found.stale, user=user)
    return house.database.write(_start, house, act, attempt, found, new_value)


def sign_in_again(
    house: House,
    act: Act,
    password: str,
    *,
    device: Device,
    secret: str,
    device_secret: str = "",
) -> SignedIn:
    """Authenticate the session in use anew: it keeps its id, its application and "remembered".

    Args:
        house: the installation.
        act: who calls, by the session.
        password: as typed.
        device: what is known about the browser.
        secret: the session's cookie, as sent.
        device_secret: the device's cookie, as sent.

    Raises:
        NotSignedIn: the session has ended, or another request renewed it; none is started instead.
        WrongCredentials, TooManyFailures, PasswordMustChange, Overloaded: as `sign_in`.
    """
    require_user(act.caller)
    session = house.database.read(sessions.by_id, act.caller.session_id or "")
    if session is None:
        raise NotSignedIn
    attempt = Attempt(
        organization=session.organization,
        application=session.application,
        login=session.user,
        password=password,
        device=device,
        remember=session.remembered,
        secret=secret,
        device_secret=device_secret,
    )
    found = authenticate(house, act, attempt)
    user, credential = found.user, found.credential
    if user is None or credential is None or user.key != act.caller.user_key:
        raise WrongCredentials
    new_value = _replacement(house, attempt, credential, stale=found.stale, user=user)
    return house.database.write(_start_again, house, act, attempt, found, new_value)


def _start_again(
    tx: Transaction,
    house: House,
    act: Act,
    attempt: Attempt,
    found: Authenticated,
    new_value: str | None,
) -> SignedIn:
    """Only while the very session is alive. The user's row is locked first, as at each sign-in."""
    users.by_key(tx, act.caller.user_key or 0, lock=True)
    held = sessions.by_id(tx, act.caller.session_id or "", lock=True)
    if held is None:
        raise NotSignedIn
    dead = reason_dead(held, act.now)
    if dead is not None:
        raise NotSignedIn(reason=dead.value)
    presented = sessions.by_secret(tx, digest(attempt.secret))
    if presented is None or presented.id != held.id:
        raise NotSignedIn(detail="the session's secret was renewed meanwhile")
    return _start(tx, house, act, attempt, found, new_value)


class Authenticated(_Found, frozen=True, kw_only=True):
    """A user whose password was right; ``stale``: it should be stored anew."""

    stale: bool


def authenticate(house: House, act: Act, attempt: Attempt) -> Authenticated:
    """Compare a password, count a failure.

    Raises:
        WrongCredentials, TooManyFailures, Overloaded: as `sign_in`.
    """
    typed = throttling.attempt(house.vault, attempt.organization, attempt.login, act.address)
    with house.turns.take(typed.pair):
        found = house.database.read(_find, house, act, attempt)
        verdict = house.passwords.verify(attempt.password, found.stored)
        why = _refusal(found, right=verdict.right)
        if why:
            house.database.write(_refuse, house, act, found, why)
            raise WrongCredentials(detail=why)
    return Authenticated(**msgspec.structs.asdict(found), stale=verdict.rehash)


def _find(tx: Transaction, house: House, act: Act, attempt: Attempt) -> _Found:
    user = users.by_login(tx, attempt.organization, attempt.login)
    counted = throttling.attempt(
        house.vault,
        attempt.organization,
        user.name if user is not None else attempt.login,
        act.address,
        device=_trusted_device(tx, act, attempt, user),
    )
    throttling.require_patience(tx, counted, act.now)
    return _Found(
        organization=organizations.get(tx, attempt.organization),
        application=applications.get(tx, attempt.application),
        user=user,
        credential=users.credential_of(tx, user.key) if user is not None else None,
        attempt=counted,
    )


def _trusted_device(tx: Transaction, act: Act, attempt: Attempt, user: User | None) -> int | None:
    """The device's key where this user has signed in on it before, by its cookie or session."""
    key = None
    if is_secret(attempt.device_secret):
        key = devices.by_secret(tx, digest(attempt.device_secret))
    elif act.caller.session_id is not None:
        session = sessions.by_id(tx, act.caller.session_id)
        key = session.device_key if session is not None else None
    known = user is not None and key is not None and devices.knows(tx, key, user.key)
    return key if known else None


def _refusal(found: _Found, *, right: bool) -> str:
    """Why not, for the operator; empty: go on."""
    if found.organization is None or found.user is None:
        return "unknown user"
    if not right or found.credential is None:
        return "wrong password" if found.credential is not None else "no password"
    if found.user.disabled:
        return "disabled user"
    if found.application is None or not is_open_to(found.application, found.organization.name):
        return "not a user of this application"
    if found.organization.sign_in_disabled or found.application.sign_in_disabled:
        return "sign-in is disabled"
    return ""


def is_open_to(application: Application, organization: str) -> bool:
    """Whether an organization's users sign in to this application.

    The built-in one is everybody's: it is what *My sessions* and the console sign in to.
    """
    return application.organization == organization or application.name == BUILT_IN_APPLICATION


def _refuse(tx: Transaction, house: House, act: Act, found: _Found, why: str) -> None:
    """Count and audit a failure; what was typed as a name may be a password, and is not kept."""
    wait = throttling.failed(tx, found.attempt, house.policy, act.now)
    known = found.user
    event = NewEvent(
        event=Event.SIGN_IN_FAILED,
        actor="nobody",
        organization=found.organization.name if found.organization is not None else "",
        user=known.name if known is not None else "",
        application=found.application.name if found.application is not None else "",
        address=act.address,
        detail={"why": why, "method": "pwd"},
    )
    events = [event]
    if wait:
        events.append(
            msgspec.structs.replace(
                event,
                event=Event.SIGN_IN_DELAYED,
                detail={"seconds": wait, "method": "pwd"},
            )
        )
    audit.write(tx, act.now, events)


def _replacement(
    house: House, attempt: Attempt, credential: Credential, *, stale: bool, user: User
) -> str | None:
    """The hash to store instead: of a new password, or of the same one in our own encoding."""
    if credential.must_change:
        if attempt.new_password is None:
            raise PasswordMustChange
        check_policy(
            attempt.new_password,
            words=(user.name, user.organization, attempt.password),
            minimum_length=house.policy.password_minimum_length,
        )
        return house.passwords.hash(attempt.new_password)
    return house.passwords.hash(attempt.password) if stale else None


def _start(
    tx: Transaction,
    house: House,
    act: Act,
    attempt: Attempt,
    found: Authenticated,
    new_value: str | None,
) -> SignedIn:
    """Decide again, under the user's lock, and write everything that a sign-in changes."""
    user, organization, application, credential = _still(tx, attempt, found)
    if new_value is not None:
        _store(tx, act, user, credential, new_value)
    throttling.succeeded(tx, found.attempt)
    started = starting.start(
        tx,
        house,
        act,
        starting.Arrival(
            user=user,
            organization=organization,
            application=application,
            device=attempt.device,
            remember=attempt.remember,
            secret=attempt.secret,
            device_secret=attempt.device_secret,
            announce=attempt.announce,
            announced=attempt.announced,
            amr=("pwd",),
        ),
    )
    ended = started.ended
    if credential.must_change and not organization.keep_sessions_on_password_change:
        mine = msgspec.structs.replace(act, caller=user_caller(user, started.session))
        known_old = end_access_of_user(
            tx, mine, user, EndReason.CREDENTIAL_CHANGED, but=started.session.id
        )
        ended = together((ended, known_old))
    return SignedIn(
        session=started.session,
        user=user,
        secret=started.secret,
        device_secret=started.device_secret,
        reauthenticated=started.reauthenticated,
        ended=ended,
    )


def _still(
    tx: Transaction, attempt: Attempt, found: Authenticated
) -> tuple[User, Organization, Application, Credential]:
    """The rows as they are under the user's lock, if they still say what was decided by them.

    Raises:
        WrongCredentials: something changed while the password was compared.
    """
    user = users.by_key(tx, found.user.key if found.user is not None else 0, lock=True)
    organization = organizations.get(tx, attempt.organization)
    application = applications.get(tx, attempt.application)
    credential = users.credential_of(tx, user.key) if user is not None else None
    now = _Found(
        organization=organization,
        application=application,
        user=user,
        credential=credential,
        attempt=found.attempt,
    )
    before = found.credential.changed_at if found.credential is not None else None
    same = credential is not None and credential.changed_at == before
    why = _refusal(now, right=same)
    if why or user is None or organization is None or application is None or credential is None:
        raise WrongCredentials(detail=f"while the password was compared, it became: {why}")
    return user, organization, application, credential


def _store(tx: Transaction, act: Act, user: User, credential: Credential, new_value: str) -> None:
    """Store the hash. An old password in a new encoding is no change of the password."""
    chosen = credential.must_change
    users.put_credential(
        tx,
        Credential(
            user_key=user.key,
            encoding="argon2id",
            value=new_value,
            changed_at=act.now if chosen else credential.changed_at,
        ),
    )
    if chosen:
        audit.write(
            tx,
            act.now,
            [
                NewEvent(
                    event=Event.USER_PASSWORD_CHANGED,
                    actor=f"{user.organization}/{user.name}",
                    organization=user.organization,
                    user=user.name,
                    address=act.address,
                )
            ],
        )
