"""Forward authentication: may a request to a protected host pass, and how its browser gets there.

A browser does not send our cookie to another host. So each protected host gets a cookie of its own,
by a one-time code that the browser carries there from us (REQUIREMENTS R05). The code is good for
one host and one browser: it names the host, and hangs on a nonce that this browser keeps for it.
Whoever steals the code has no nonce, and whoever gives his own code to somebody else, so that she
would work in his account, has another one.

The cookie is as good as the session that it leads to and not a moment longer: each judgement reads
the row.
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec

from ostiary.domain.access import Kind, user_caller
from ostiary.domain.accounts import Application
from ostiary.domain.errors import BadInput, NotAllowed, NotFound, NotSignedIn
from ostiary.domain.secrets import digest, is_secret, same
from ostiary.domain.session import Session
from ostiary.gateways.entropy import new_secret
from ostiary.services.check import Live, live_of
from ostiary.services.entering import enter, require_open
from ostiary.services.house import Act, House
from ostiary.services.pkce import challenge_of
from ostiary.services.standing import as_of_now
from ostiary.storage import applications, organizations, protected_hosts, sessions, users
from ostiary.storage.database import Transaction
from ostiary.storage.protected_hosts import HandOff, ProtectedHost

CODE_LIFETIME = timedelta(seconds=30)
"""The code is made in the answer that leads to where it is taken."""

_COOKIES_OVERLAP = timedelta(minutes=1)
"""How long pages that were opened at once may each hold a cookie of its own."""


class Why(enum.StrEnum):
    """Why a request does not pass."""

    UNKNOWN_HOST = "unknown_host"
    NOT_SIGNED_IN = "not_signed_in"
    TOO_OLD = "authentication_too_old"


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """A request that passes; ``host`` says whether background requests are uses."""

    live: Live
    host: ProtectedHost


Judgement: TypeAlias = Passed | Why


def judge(house: House, origin: str, secret: str, now: datetime) -> Judgement:
    """Decide about a request to a protected host.

    Args:
        house: the installation.
        origin: of the host, as `protected_hosts.checked_origin` writes it.
        secret: the value of the host's own cookie, as it was sent.
        now: the instant of the request.
    """
    look = house.database.look
    found = None
    if is_secret(secret):
        found = look(protected_hosts.by_cookie, digest(secret), origin)
    if found is None:
        known = look(protected_hosts.find, origin)
        return Why.UNKNOWN_HOST if known is None else Why.NOT_SIGNED_IN
    live = live_of(house.vault, found.row, now) if found.is_current else None
    if live is None:
        return Why.NOT_SIGNED_IN
    if _is_too_old(found.host, live.session, now):
        return Why.TOO_OLD
    return Passed(live=live, host=found.host)


def _is_too_old(host: ProtectedHost, session: Session, now: datetime) -> bool:
    if host.max_age is None:
        return False
    return (now - session.authenticated_at).total_seconds() > host.max_age


class SignInNeeded(msgspec.Struct, frozen=True, kw_only=True):
    """The user has to sign in first; ``again``: the name of who did so too long ago."""

    organization: str
    application: str
    again: str = ""


def state_of(nonce: str) -> str:
    """What goes through addresses for a browser's nonce, which itself never leaves its cookie."""
    return challenge_of(nonce)


def hand_off(house: House, act: Act, origin: str, state: str) -> str | SignInNeeded:
    """Make a one-time code that gives a host's browser its cookie.

    Args:
        house: the installation.
        act: whoever's cookie came along, or nobody.
        origin: of the host.
        state: `state_of` the nonce that the browser keeps there.

    Returns:
        The code, or what has to happen first.

    Raises:
        NotFound: nobody has registered this host.
        NotAllowed: its application is not open to this user, or takes nobody now.
        BadInput: the state is none.
    """
    if not is_secret(state):
        raise BadInput("state", "The state is missing. Open the page again.")
    host, application = house.database.read(_registered, origin)
    needed = SignInNeeded(organization=application.organization, application=application.name)
    if act.caller.kind is not Kind.USER or act.caller.session_id is None:
        return needed
    try:
        return house.database.write(_hand_off, act, host.origin, state)
    except NotSignedIn:
        return needed


def _registered(tx: Transaction, origin: str) -> tuple[ProtectedHost, Application]:
    found = protected_hosts.find(tx, origin)
    application = applications.get(tx, found[1]) if found is not None else None
    if found is None or application is None:
        raise NotFound("This host is not registered here.", detail=f"host {origin[:100]}")
    return found[0], application


def _hand_off(tx: Transaction, act: Act, origin: str, state: str) -> str | SignInNeeded:
    act = as_of_now(tx, act)
    host, application = _registered(tx, origin)
    session = sessions.by_id(tx, act.caller.session_id or "")
    organization = organizations.get(tx, act.caller.organization)
    if session is None or organization is None:
        raise NotSignedIn
    require_open(application, organization)
    if _is_too_old(host, session, act.now):
        return SignInNeeded(
            organization=application.organization,
            application=application.name,
            again=session.user,
        )
    code = new_secret()
    made = HandOff(
        session_id=session.id,
        origin=host.origin,
        state_hash=digest(state),
        expires_at=act.now + CODE_LIFETIME,
    )
    protected_hosts.add_hand_off(tx, digest(code), made)
    return code


class Presented(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser brings to a protected host: the code, its nonce, and its cookie so far."""

    origin: str
    code: str
    nonce: str
    secret: str = ""


class Redeemed(msgspec.Struct, frozen=True, kw_only=True):
    """The session, and the secret for the host's cookie."""

    session: Session
    secret: str


def redeem(house: House, act: Act, presented: Presented) -> Redeemed | None:
    """Turn a one-time code into the secret of a host's cookie.

    The session is written down as used in the host's application, which is told when it ends.

    Args:
        house: the installation.
        act: nobody, at the browser's address.
        presented: what came along.

    Returns:
        None: the code is none, was taken, is too old, was made for another host or browser, or its
        session has ended since, or the host's application takes nobody any more.
    """
    if not is_secret(presented.code) or not is_secret(presented.nonce):
        return None
    try:
        return house.database.write(_redeem, act, presented)
    except (NotSignedIn, NotAllowed, NotFound):
        return None


def _redeem(tx: Transaction, act: Act, presented: Presented) -> Redeemed | None:
    taken = protected_hosts.take_hand_off(tx, digest(presented.code))
    # A code that was shown at the wrong place is gone all the same, so nothing is raised here.
    if taken is None or not _is_for(taken, presented, act.now):
        return None
    session = sessions.by_id(tx, taken.session_id)
    user = users.by_key(tx, session.user_key) if session is not None else None
    if session is None or user is None:
        return None
    by_user = msgspec.structs.replace(act, caller=user_caller(user, session))
    _, application = _registered(tx, presented.origin)
    session = enter(tx, by_user, application.name, host=presented.origin)
    if is_secret(presented.secret):
        protected_hosts.forget_cookie(tx, digest(presented.secret))
    protected_hosts.forget_cookies_before(
        tx, session.id, presented.origin, act.now - _COOKIES_OVERLAP
    )
    secret = new_secret()
    protected_hosts.add_cookie(
        tx,
        digest(secret),
        session_id=session.id,
        origin=presented.origin,
        application_key=application.key,
        application_epoch=application.epoch,
        now=act.now,
    )
    return Redeemed(session=session, secret=secret)


def _is_for(taken: HandOff, presented: Presented, now: datetime) -> bool:
    return (
        now < taken.expires_at
        and taken.origin == presented.origin
        and same(taken.state_hash, digest(state_of(presented.nonce)))
    )


def forget(tx: Transaction, secret: str) -> None:
    """Let a host's cookie lead nowhere any more; the session goes on elsewhere."""
    if is_secret(secret):
        protected_hosts.forget_cookie(tx, digest(secret))


def is_registered(tx: Transaction, origin: str) -> bool:
    """Whether a browser may be sent to this host."""
    return protected_hosts.find(tx, origin) is not None
