"""What a user lets an application know: given once, seen, and taken back."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from ostiary.domain.access import require_user
from ostiary.domain.accounts import Application
from ostiary.domain.errors import NotFound, NotSignedIn
from ostiary.domain.events import Event
from ostiary.domain.session import EndReason
from ostiary.services.authorization_request import Parameters
from ostiary.services.authorize import ConsentNeeded, Progress, consent_needed
from ostiary.services.house import Act
from ostiary.services.standing import rechecked
from ostiary.storage import applications, audit, consents, grants
from ostiary.storage.audit import NewEvent
from ostiary.storage.consents import Consent
from ostiary.storage.database import Transaction


class Permitted(msgspec.Struct, frozen=True, kw_only=True):
    """A consent, and whether the application reaches the user's data while she is away."""

    consent: Consent
    offline: bool


@rechecked
def decide(
    tx: Transaction,
    act: Act,
    issuer: str,
    parameters: Parameters,
    progress: Progress,
    *,
    shown: Collection[str],
    allowed: bool,
) -> Progress | ConsentNeeded:
    """Take the caller's yes or no to what an authorization request asks.

    Args:
        tx: the transaction.
        act: the user, by a session.
        issuer: who answers the request.
        parameters: of the request.
        progress: what has happened for it so far.
        shown: the scopes that the user was asked about.
        allowed: what she said.

    Returns:
        What has happened by now; or the question, when it is not the one that was shown any more.

    Raises:
        NotSignedIn: the caller has no live session.
    """
    needed = consent_needed(tx, act, issuer, parameters, progress)
    if needed is None:
        return progress
    session_id = act.caller.session_id or ""
    if not allowed:
        return msgspec.structs.replace(progress, denied=session_id)
    if set(needed.scope) != set(shown):
        return needed
    give(tx, act, needed.wish.application.name, needed.scope)
    return msgspec.structs.replace(progress, consented=session_id)


@rechecked
def give(tx: Transaction, act: Act, application: str, scope: Sequence[str]) -> None:
    """Remember that the caller lets an application know these things, besides what it may already.

    Raises:
        NotSignedIn: the caller has no live session.
        NotFound: there is no such application.
    """
    client = _client(tx, act, application)
    user_key = act.caller.user_key or 0
    known = consents.scopes(tx, user_key, client.key)
    consents.put(tx, user_key, client.key, sorted(known | set(scope)), act.now)
    _audit(tx, act, Event.CONSENT_GIVEN, client, scope)


@rechecked
def withdraw(tx: Transaction, act: Act, application: str) -> None:
    """Take back what the caller let an application know; every grant that it has of her ends.

    Raises:
        NotSignedIn: the caller has no live session.
        NotFound: there is no such application, or nothing to take back.
    """
    client = _client(tx, act, application)
    user_key = act.caller.user_key or 0
    known = consents.scopes(tx, user_key, client.key)
    if not consents.remove(tx, user_key, client.key):
        raise NotFound("There is nothing to take back.")
    grants.end_of_application(tx, user_key, client.key, reason=EndReason.REVOKED, now=act.now)
    _audit(tx, act, Event.CONSENT_WITHDRAWN, client, sorted(known))


def permitted(tx: Transaction, act: Act) -> list[Permitted]:
    """What the caller lets applications know.

    Raises:
        NotSignedIn: the caller has no live session.
    """
    require_user(act.caller)
    user_key = act.caller.user_key
    if user_key is None:
        raise NotSignedIn
    away = grants.offline_applications(tx, user_key, act.now)
    return [
        Permitted(consent=found, offline=found.application_key in away)
        for found in consents.of_user(tx, user_key)
    ]


def _client(tx: Transaction, act: Act, application: str) -> Application:
    require_user(act.caller)
    found = applications.get(tx, application)
    if found is None:
        raise NotFound(f"There is no application {application}.")
    return found


def _audit(
    tx: Transaction, act: Act, event: Event, client: Application, scope: Sequence[str]
) -> None:
    written = NewEvent(
        event=event,
        actor=act.caller.actor,
        organization=act.caller.organization,
        user=act.caller.name,
        application=client.name,
        session_id=act.caller.session_id or "",
        address=act.address,
        detail={"scope": " ".join(scope)},
    )
    audit.write(tx, act.now, [written])
