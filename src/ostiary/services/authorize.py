"""Answering an authorization request: a code, an error, or what the user has to do first.

Who is signed in, whether that is fresh enough, and what was consented to is decided in the one
transaction that writes the code, under the locks of user and session (REQUIREMENTS R10).
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import TypeAlias
from urllib.parse import urlsplit

import msgspec

from ostiary.domain.access import Kind
from ostiary.domain.accounts import User
from ostiary.domain.client import OFFLINE, GrantType
from ostiary.domain.errors import NotAllowed, NotFound, NotSignedIn
from ostiary.domain.session import Session
from ostiary.services import browser_state, codes
from ostiary.services.authorization_request import (
    Answer,
    ErrorPage,
    Parameters,
    Wish,
    read_request,
)
from ostiary.services.house import Act, House
from ostiary.services.sign_in import is_open_to
from ostiary.services.standing import as_of_now
from ostiary.storage import consents, sessions, users
from ostiary.storage.database import Transaction

INTERACTION_WITHIN = timedelta(hours=1)
"""How long what the user was asked to do counts for the request that asked."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened since a request came, vouched for by whoever carries it along.

    ``demanded_at``: when an authentication was demanded; then ``session_id`` and
    ``authenticated_at`` are what was there at that moment (empty and None: nothing). The demand is
    met by a session that is another one or has authenticated since. ``chosen``, ``consented`` and
    ``denied``: the public id of the session whose user said, for this very request, that it is the
    one to go on with, and yes or no to what the application wants to know.
    """

    demanded_at: datetime | None = None
    session_id: str = ""
    authenticated_at: datetime | None = None
    chosen: str = ""
    consented: str = ""
    denied: str = ""


class Whom(enum.StrEnum):
    """Who has to authenticate. `ANYBODY`: whoever is signed in may also just say "go on"."""

    ANYBODY = "anybody"
    THE_SAME = "the_same"
    ANOTHER = "another"


class LoginNeeded(msgspec.Struct, frozen=True, kw_only=True):
    """The user has to authenticate."""

    wish: Wish
    progress: Progress
    whom: Whom = Whom.ANYBODY
    login_hint: str = ""


class ConsentNeeded(msgspec.Struct, frozen=True, kw_only=True):
    """The user has to be asked whether the application may know all this."""

    wish: Wish
    progress: Progress
    scope: tuple[str, ...]


Outcome: TypeAlias = Answer | ErrorPage | LoginNeeded | ConsentNeeded

NOTHING_YET = Progress()


def authorize(
    house: House,
    act: Act,
    issuer: str,
    parameters: Parameters,
    progress: Progress = NOTHING_YET,
) -> Outcome:
    """Answer an authorization request.

    Args:
        house: the installation.
        act: whoever's cookie came along, or nobody.
        issuer: who answers.
        parameters: of the request.
        progress: what the user has done for it so far.
    """
    wish = house.database.read(read_request, issuer, parameters)
    if not isinstance(wish, Wish):
        return wish
    if act.caller.kind is not Kind.USER or act.caller.session_id is None:
        return _without_session(wish, progress, act.now)
    try:
        return house.database.write(_authorize, house, act, issuer, parameters, progress)
    except NotSignedIn:
        return _without_session(wish, progress, act.now)
    except NotAllowed as error:
        return wish.error("access_denied", error.text)
    except NotFound as error:
        return ErrorPage(field="client_id", text=error.text)


def _without_session(wish: Wish, progress: Progress, now: datetime) -> Answer | LoginNeeded:
    if "none" in wish.prompt:
        return wish.error("login_required", "Nobody is signed in.")
    asked = progress if _is_recent(progress, now) else Progress(demanded_at=now)
    return LoginNeeded(wish=wish, progress=asked, login_hint=wish.login_hint)


def _authorize(
    tx: Transaction,
    house: House,
    act: Act,
    issuer: str,
    parameters: Parameters,
    progress: Progress,
) -> Outcome:
    act = as_of_now(tx, act)
    # Again, since the application may have changed, and its row decides here.
    wish = read_request(tx, issuer, parameters)
    if not isinstance(wish, Wish):
        return wish
    session = sessions.by_id(tx, act.caller.session_id or "")
    user = users.by_key(tx, act.caller.user_key or 0)
    if session is None or user is None:
        raise NotSignedIn
    refused = _authenticate(wish, session, user, progress, act.now)
    if refused is not None:
        return refused
    # Core 5.5.1.1
    if wish.essential_acr and session.acr not in wish.essential_acr:
        return wish.error("unmet_authentication_requirements", "acr cannot be met.")
    scope = _consent(tx, wish, session, user, progress)
    if not isinstance(scope, tuple):
        return scope
    asked = codes.Asked(
        scope=scope,
        redirect_uri=wish.redirect_uri,
        challenge=wish.challenge,
        nonce=wish.nonce,
    )
    code = codes.issue(tx, act, house.vault, wish.application.name, asked)
    further = browser_state.answer(
        house.vault,
        session.id,
        client_id=wish.application.client_id,
        redirect_uri=wish.redirect_uri,
    )
    return wish.answer(code=code, **further)


def _authenticate(
    wish: Wish, session: Session, user: User, progress: Progress, now: datetime
) -> Answer | LoginNeeded | None:
    """Core 3.1.2.3: is it the right user, and authenticated lately enough? None: yes."""
    other = not is_open_to(wish.application, session.organization) or (
        wish.hinted_subject not in {"", user.id}
    )
    again = "login" in wish.prompt or _is_stale(wish, session, now)
    choose = progress.chosen != session.id and _has_to_choose(wish, user)
    met = _is_met(progress, session, now)
    if not other and (met or not (again or choose)):
        return None
    if "none" in wish.prompt:
        return wish.error("login_required", "Another or a fresher authentication is needed.")
    if other and met and wish.hinted_subject:
        # Somebody signed in for this request, and it is not who was meant (G07).
        return wish.error("login_required", "Another user signed in than the one who was meant.")
    demand = Progress(
        demanded_at=now, session_id=session.id, authenticated_at=session.authenticated_at
    )
    whom = Whom.ANYBODY
    if other or (again and choose):
        whom = Whom.ANOTHER
    elif again:
        whom = Whom.THE_SAME
    hint = user.name if whom is Whom.THE_SAME else wish.login_hint
    return LoginNeeded(wish=wish, progress=demand, whom=whom, login_hint=hint)


def _has_to_choose(wish: Wish, user: User) -> bool:
    """Whether the user has to say that this account is the one: it was asked, or is in doubt.

    A ``login_hint`` that is another's name is such a doubt, and where nobody can be asked it is
    enough not to answer.
    """
    if "select_account" in wish.prompt:
        return True
    names = {user.name, f"{user.organization}/{user.name}", user.email, user.phone}
    hint = wish.login_hint.strip().casefold()
    return bool(hint) and hint not in {name.casefold() for name in names}


def _is_stale(wish: Wish, session: Session, now: datetime) -> bool:
    """Core 3.1.2.1: ``max_age``; 0 means anew, as ``prompt=login`` does."""
    if wish.max_age is None:
        return False
    age = (now - session.authenticated_at).total_seconds()
    return wish.max_age == 0 or age > wish.max_age


def _is_recent(progress: Progress, now: datetime) -> bool:
    demanded_at = progress.demanded_at
    return demanded_at is not None and now - demanded_at <= INTERACTION_WITHIN


def _is_met(progress: Progress, session: Session, now: datetime) -> bool:
    """Whether the session has authenticated since that was demanded for this request."""
    if progress.demanded_at is None or not _is_recent(progress, now):
        return False
    was = (progress.session_id, progress.authenticated_at)
    is_new = (session.id, session.authenticated_at) != was
    return is_new and session.authenticated_at >= progress.demanded_at


def consent_needed(
    tx: Transaction, act: Act, issuer: str, parameters: Parameters, progress: Progress
) -> ConsentNeeded | None:
    """What the consent page asks; None: there is nothing to ask, or not yet.

    Args:
        tx: any transaction.
        act: the user, by a session.
        issuer: who answers.
        parameters: of the request.
        progress: what the user has done for it so far.
    """
    wish = read_request(tx, issuer, parameters)
    session = sessions.by_id(tx, act.caller.session_id or "")
    user = users.by_key(tx, act.caller.user_key or 0)
    if not isinstance(wish, Wish) or session is None or user is None:
        return None
    if _authenticate(wish, session, user, progress, act.now) is not None:
        return None
    asked = _consent(tx, wish, session, user, progress)
    return asked if isinstance(asked, ConsentNeeded) else None


def _consent(
    tx: Transaction, wish: Wish, session: Session, user: User, progress: Progress
) -> tuple[str, ...] | Answer | ConsentNeeded:
    """The scopes that are granted, after asking where that has to be (Core 3.1.2.4, 11)."""
    application, scope = wish.application, grantable(wish)
    if progress.denied == session.id:
        return wish.error("access_denied", "The user said no.")
    if progress.consented == session.id:
        return scope
    known = consents.scopes(tx, user.key, application.key)
    is_unsure = application.is_public and _is_native(wish)
    ask = "consent" in wish.prompt or is_unsure
    ask = ask or (application.consent_required and not set(scope) <= known)
    if "none" in wish.prompt:
        if ask:
            return wish.error("consent_required", "The user has to be asked.")
        # Core 11: without the user's consent offline access is ignored.
        return tuple(s for s in scope if s != OFFLINE or s in known)
    if ask or (OFFLINE in scope and OFFLINE not in known):
        return ConsentNeeded(wish=wish, progress=progress, scope=scope)
    return scope


def grantable(wish: Wish) -> tuple[str, ...]:
    """The scopes that a request can have: nothing offline where nothing can be refreshed."""
    if GrantType.REFRESH_TOKEN.value in wish.application.grant_types:
        return wish.scope
    return tuple(s for s in wish.scope if s != OFFLINE)


def _is_native(wish: Wish) -> bool:
    """Whether any program on the user's device could take this address (RFC 8252, 8.6; D16).

    That is: a scheme that programs share, or a loopback port that the registered address left open.
    """
    is_web = urlsplit(wish.redirect_uri).scheme in {"http", "https"}
    return not is_web or wish.redirect_uri not in wish.application.redirect_uris
