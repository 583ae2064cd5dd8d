"""Passwords: set by an administrator or application, changed by their owner.

Hashing takes long, so it is done before the transaction that stores the hash.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ostiary.domain.access import Kind, may_administer, require_administrator, require_fresh
from ostiary.domain.accounts import Credential, User
from ostiary.domain.errors import (
    BadInput,
    NotAllowed,
    NotFound,
    NotSignedIn,
    WrongCredentials,
)
from ostiary.domain.events import Event
from ostiary.domain.logout import Ended
from ostiary.domain.secrets import digest
from ostiary.domain.session import Device, EndReason
from ostiary.gateways.encodings import ENCODINGS, current_prefix
from ostiary.gateways.entropy import new_secret
from ostiary.gateways.passwords import check_policy
from ostiary.services import end, sign_in
from ostiary.services.house import Act, House
from ostiary.services.standing import rechecked
from ostiary.storage import audit, changes, organizations, sessions, users
from ostiary.storage.audit import NewEvent
from ostiary.storage.changes import Change
from ostiary.storage.database import Transaction

PLAIN = ("", "plain")
LONGEST_HASH = 1_000


class PasswordSet(msgspec.Struct, frozen=True, kw_only=True):
    """What a new password did; ``secret`` is the new value of the caller's own session cookie."""

    ended: Ended
    secret: str | None = None


def prepare(
    house: House,
    act: Act,
    organization: str,
    name: str,
    password: str,
    *,
    encoding: str = "",
) -> Credential:
    """Hash a password for a user who is not written yet, or take over a hash from elsewhere.

    Args:
        house: the installation.
        act: who sets it; decides whether it has to be changed (contract W23).
        organization: the user's.
        name: the user's.
        password: in clear, or already hashed when ``encoding`` says how (contract 5.4).
        encoding: empty or ``plain`` for a password in clear.

    Raises:
        NotAllowed, NotSignedIn: the caller does not administer the organization.
        BadInput: it is easy to guess, or the encoding is unknown.
    """
    # Before anything is hashed: a stranger's request must not cost that much.
    require_administrator(act.caller, organization)
    if encoding not in PLAIN:
        if encoding not in ENCODINGS or not password or len(password) > LONGEST_HASH:
            raise BadInput("passwordType", f"unsupported password type: {encoding}")
        value, stored_as = password, encoding
    else:
        check_policy(
            password,
            words=(name, organization),
            minimum_length=house.policy.password_minimum_length,
        )
        value, stored_as = house.passwords.hash(password), "argon2id"
    return Credential(
        user_key=0,
        encoding=stored_as,
        value=value,
        # A hash too: whoever can send one can have made it of a password she knows.
        must_change=act.caller.kind not in (Kind.APPLICATION, Kind.OPERATOR),
        changed_at=act.now,
    )


def held_encodings(tx: Transaction) -> frozenset[str]:
    """The encodings, other than today's own, that stored passwords still have.

    Each is added to what every comparison costs, so that nobody's stands out (`Passwords`).
    """
    return users.encodings(tx, but=("argon2id", current_prefix()))


def change_own(house: House, act: Act, current: str, new: str) -> PasswordSet:
    """Change the caller's own password: the old one proves that it is she (ASVS 6.2.3).

    Her other sessions end, unless the organization keeps them; the one in use gets a new secret.

    Raises:
        NotSignedIn: nobody is calling, or no longer.
        WrongCredentials, TooManyFailures: the current password is wrong, or failed too often.
        BadInput: the new one is no good.
    """
    caller = act.caller
    if caller.kind is Kind.NOBODY:
        raise NotSignedIn(reason=caller.dead_reason)
    if caller.kind is not Kind.USER:
        raise NotAllowed
    proven = confirm(house, act, current)
    check_policy(
        new,
        words=(caller.name, caller.organization, current),
        minimum_length=house.policy.password_minimum_length,
    )
    credential = Credential(
        user_key=0,
        encoding="argon2id",
        value=house.passwords.hash(new),
        changed_at=act.now,
    )
    return house.database.write(_store_own, act, credential, proven)


def confirm(house: House, act: Act, password: str) -> Credential:
    """Compare a signed-in user's password again, with the same delays as at sign-in.

    Returns:
        The credential that it was compared with.

    Raises:
        WrongCredentials, TooManyFailures, Overloaded: as `sign_in.sign_in`.
    """
    caller = act.caller
    found = sign_in.authenticate(
        house,
        act,
        sign_in.Attempt(
            organization=caller.organization,
            application="app-built-in",
            login=caller.name,
            password=password,
            device=Device(),
        ),
    )
    if found.credential is None:  # authenticate() has refused this
        raise WrongCredentials
    return found.credential


def set_for(house: House, act: Act, organization: str, name: str, new: str) -> PasswordSet:
    """Set somebody else's password; it has to be changed at the first sign-in (contract W23).

    Set with an application's credentials or by the operator it has not: then the application
    answers for how it reaches its owner.

    Raises:
        NotAllowed, NotSignedIn: the caller does not administer the organization, or is the user.
        NotFound: there is no such user.
        ReauthenticationNeeded: the caller's authentication is too old.
        BadInput: it is easy to guess.
    """
    credential = prepare(house, act, organization, name, new)
    return house.database.write(store, act, organization, name, credential)


@rechecked
def store(
    tx: Transaction, act: Act, organization: str, name: str, credential: Credential
) -> PasswordSet:
    """Write a password that was prepared, and end what knew the old one (contract W13).

    Args:
        tx: the transaction.
        act: who sets it.
        organization: the user's.
        name: the user's.
        credential: what `prepare` made; whose it is, is filled in here.

    Raises:
        NotFound: there is no such user, or none that the caller may change.
        NotAllowed: it is the caller's own, which needs the current one (`change_own`).
        ReauthenticationNeeded: the caller's authentication is too old.
    """
    user = users.get(tx, organization, name, lock=True)
    if user is None or not may_administer(act.caller, organization):
        raise NotFound(f"There is no user {organization}/{name}.")
    if user.key == act.caller.user_key:
        raise NotAllowed("To change your own password, enter the one you have.")
    require_fresh(act.caller, act.now, within=act.fresh_within)
    return PasswordSet(ended=_put(tx, act, user, credential))


@rechecked
def _store_own(
    tx: Transaction, act: Act, credential: Credential, proven: Credential
) -> PasswordSet:
    """Write the caller's new password, unless another one was set since hers was compared."""
    user = users.by_key(tx, act.caller.user_key or 0, lock=True)
    now = users.credential_of(tx, user.key) if user is not None else None
    if user is None or now is None or now.changed_at != proven.changed_at:
        raise WrongCredentials(detail="the password changed while it was compared")
    ended = _put(tx, act, user, credential)
    secret = _renew(tx, act) if act.caller.session_id is not None else None
    return PasswordSet(ended=ended, secret=secret)


def _put(tx: Transaction, act: Act, user: User, credential: Credential) -> Ended:
    """Write a password; but for the caller's own session, what knew the old one ends (W13)."""
    users.put_credential(tx, msgspec.structs.replace(credential, user_key=user.key))
    _audit(tx, act, user)
    owner = organizations.get(tx, user.organization)
    if owner is not None and owner.keep_sessions_on_password_change:
        return Ended()
    own = act.caller.session_id if act.caller.user_key == user.key else None
    return end.end_access_of_user(tx, act, user, EndReason.CREDENTIAL_CHANGED, but=own)


def must_change(tx: Transaction, item: User) -> bool:
    """Whether a user has to choose a new password at the next sign-in."""
    credential = users.credential_of(tx, item.key)
    return credential is not None and credential.must_change


@rechecked
def demand_change(tx: Transaction, act: Act, organization: str, name: str) -> None:
    """Let a user's password be changed at the next sign-in.

    Raises:
        NotAllowed, NotSignedIn: the caller does not administer the organization.
        NotFound: there is no such user.
    """
    require_administrator(act.caller, organization)
    user = users.get(tx, organization, name, lock=True)
    if user is None:
        raise NotFound(f"There is no user {organization}/{name}.")
    credential = users.credential_of(tx, user.key)
    if credential is None or credential.must_change:
        return
    users.put_credential(tx, msgspec.structs.replace(credential, must_change=True))
    changed = {"old": {"password_must_change": False}, "new": {"password_must_change": True}}
    _audit(tx, act, user, Event.USER_UPDATED, changed)


def _renew(tx: Transaction, act: Act) -> str:
    """A new secret for the session in use, since what knew the old password may know it too."""
    secret = new_secret()
    session_id = act.caller.session_id or ""
    sessions.replace_secret(tx, session_id, digest(secret))
    changes.append(tx, Change.SESSION, act.now, [{"session_id": session_id}])
    return secret


def _audit(
    tx: Transaction,
    act: Act,
    user: User,
    event: Event = Event.USER_PASSWORD_CHANGED,
    detail: dict[str, Any] | None = None,
) -> None:
    audit.write(
        tx,
        act.now,
        [
            NewEvent(
                event=event,
                actor=act.caller.actor,
                organization=user.organization,
                user=user.name,
                address=act.address,
                detail=detail or {},
            )
        ],
    )
