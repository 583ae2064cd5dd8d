"""Who is calling: a user by the session's cookie, or an application by its secret."""

from __future__ import annotations

import base64
import binascii

import structlog

from ostiary.domain.access import NOBODY, Caller
from ostiary.domain.errors import NotSignedIn
from ostiary.domain.secrets import digest
from ostiary.edge.csrf import require_own_origin
from ostiary.edge.house import Visit
from ostiary.services import applications
from ostiary.services.check import caller_of

_log = structlog.get_logger(__name__)


def by_cookie(visit: Visit, *, active: bool = True) -> Caller:
    """The user whose live session's cookie came along, else nobody.

    Raises:
        CrossSite: the request changes state and another site caused it (contract W19).
    """
    secret = visit.cookies.session
    if not secret:
        return NOBODY
    require_own_origin(visit, proof_needed=True)
    caller = caller_of(visit.house, secret, visit.now, active=active)
    if caller.session_id is None and not caller.dead_reason:
        # Never adopted (REQUIREMENTS E03); its hash lets an operator see guessing (E07, E08).
        hint = digest(secret).hex()[:16]
        _log.warning("session.unknown_secret", address=visit.address, hash=hint)
    visit.note_caller(caller)
    return caller


def basic_credentials(visit: Visit) -> tuple[str, str] | None:
    """Name and secret of an ``Authorization: Basic`` header (RFC 7617), else None."""
    scheme, _, value = visit.request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    name, colon, secret = text.partition(":")
    return (name, secret) if colon else None


def by_client_secret(visit: Visit, client_id: str, secret: str) -> Caller:
    """The application with this client id and secret, else nobody."""
    found = visit.house.database.read(
        applications.authenticate, visit.house.vault, client_id, secret
    )
    caller = NOBODY if found is None else applications.caller_of(found)
    visit.note_caller(caller)
    return caller


def by_cookie_or_basic(visit: Visit) -> Caller:
    """Who calls ``/v1``: an application by HTTP Basic, or else a user by cookie.

    Raises:
        NotSignedIn: an ``Authorization`` header came that is no good.
        CrossSite: as `by_cookie`.
    """
    if "authorization" not in visit.request.headers:
        return by_cookie(visit)
    credentials = basic_credentials(visit)
    caller = by_client_secret(visit, *credentials) if credentials else NOBODY
    if caller is NOBODY:
        raise NotSignedIn("The client id or secret is wrong.")
    return caller
