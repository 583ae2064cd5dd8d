"""Who is calling, and which rows that caller may see and change (contract 2.3 to 2.5, W1, W2).

Every decision names the row that is touched: its organization and its user. What a request says
besides (an ``id``, an ``owner``) never enters here.
"""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from ostiary.domain.accounts import BUILT_IN, Application, User
from ostiary.domain.errors import NotAllowed, NotSignedIn, ReauthenticationNeeded
from ostiary.domain.session import Session


class Kind(enum.StrEnum):
    """What a caller is."""

    NOBODY = "nobody"
    USER = "user"
    APPLICATION = "application"
    OPERATOR = "operator"
    SYSTEM = "system"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who asks for something.

    ``session_id`` and ``authenticated_at`` are set when a session's cookie was presented;
    ``dead_reason`` when that cookie's session has ended (its `EndReason`).
    """

    kind: Kind = Kind.NOBODY
    organization: str = ""
    name: str = ""
    user_key: int | None = None
    is_admin: bool = False
    session_id: str | None = None
    authenticated_at: datetime | None = None
    dead_reason: str = ""

    @property
    def is_global(self) -> bool:
        """Whether every organization is open to this caller."""
        if self.kind in (Kind.OPERATOR, Kind.SYSTEM):
            return True
        return self.kind is not Kind.NOBODY and self.organization == BUILT_IN

    @property
    def administers(self) -> str | None:
        """The one organization that this caller administers; None: none, or all."""
        if self.kind is Kind.APPLICATION or (self.kind is Kind.USER and self.is_admin):
            return self.organization
        return None

    @property
    def actor(self) -> str:
        """How audit rows and ended sessions name this caller."""
        if self.kind is Kind.USER:
            return f"{self.organization}/{self.name}"
        if self.kind is Kind.APPLICATION:
            return f"app/{self.name}"
        return self.kind.value


NOBODY = Caller()
OPERATOR = Caller(kind=Kind.OPERATOR)
SYSTEM = Caller(kind=Kind.SYSTEM)


def user_caller(user: User, session: Session | None = None) -> Caller:
    """A user who calls by a live session, or (on the wire) by name and password."""
    return Caller(
        kind=Kind.USER,
        organization=user.organization,
        name=user.name,
        user_key=user.key,
        is_admin=user.is_admin or user.is_global_admin,
        session_id=session.id if session else None,
        authenticated_at=session.authenticated_at if session else None,
    )


def application_caller(application: Application) -> Caller:
    """An application that calls by its client id and secret."""
    return Caller(
        kind=Kind.APPLICATION,
        organization=application.organization,
        name=application.name,
    )


def may_administer(caller: Caller, organization: str) -> bool:
    """Whether the caller may see and change everything of this organization."""
    return caller.is_global or (bool(organization) and caller.administers == organization)


def may_touch_user(caller: Caller, organization: str, user: str) -> bool:
    """Whether the caller may see and end sessions of this user: an administrator, or oneself."""
    if may_administer(caller, organization):
        return True
    return (
        caller.kind is Kind.USER
        and bool(user)
        and (caller.organization, caller.name) == (organization, user)
    )


def require_administrator(caller: Caller, organization: str) -> None:
    """Refuse anybody who does not administer this organization.

    Raises:
        NotSignedIn: nobody is calling.
        NotAllowed: somebody else is.
    """
    if caller.kind is Kind.NOBODY:
        raise NotSignedIn(reason=caller.dead_reason)
    if not may_administer(caller, organization):
        raise NotAllowed(detail=f"{caller.actor} does not administer {organization or 'all'}")


def reach_of(caller: Caller, organization: str | None) -> str | None:
    """The organization that a caller's list is narrowed to; None: it holds all of them.

    Args:
        caller: who asks.
        organization: the one that was asked for, if any.

    Raises:
        NotSignedIn: nobody is calling.
        NotAllowed: the caller administers nothing, or not the organization that is named.
    """
    if caller.is_global:
        return organization or None
    own = caller.administers
    if own is None:
        require_administrator(caller, organization or "")
        raise NotAllowed(detail=f"{caller.actor} administers nothing")
    if organization and organization != own:
        raise NotAllowed(detail=f"{caller.actor} asked for {organization}")
    return own


def require_global(caller: Caller) -> None:
    """Refuse anybody but global administrators, global applications and the operator."""
    require_administrator(caller, "")


def require_user(caller: Caller) -> None:
    """Refuse anybody but a user who calls by a session.

    Raises:
        NotSignedIn: no live session was presented.
    """
    if caller.kind is not Kind.USER or caller.session_id is None:
        raise NotSignedIn(reason=caller.dead_reason)


def require_fresh(caller: Caller, now: datetime, *, within: int) -> None:
    """Ask for the password again when the last authentication is too old (ASVS 7.5.2, A16).

    Only users who call by a session's cookie are asked (DESIGN section 6).

    Args:
        caller: who is calling.
        now: the instant of the decision.
        within: the greatest age of the authentication, in seconds.

    Raises:
        ReauthenticationNeeded: it is older.
    """
    if caller.authenticated_at is None:
        return
    if (now - caller.authenticated_at).total_seconds() > within:
        raise ReauthenticationNeeded
