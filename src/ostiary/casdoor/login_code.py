"""``POST /api/login`` with type ``code`` (contract 3.2): an authorization code, as data.

The request stands in the query, in this wire's names. It is read, and answered, by the same
services as at the authorization endpoint: the same checks, and the same questions to the user.
"""

from __future__ import annotations

from ostiary.casdoor import envelopes
from ostiary.casdoor.envelopes import Reply
from ostiary.casdoor.reading import Wire
from ostiary.domain.errors import BadInput, NotAllowed, ReauthenticationNeeded
from ostiary.services import authorize
from ostiary.services.authorization_request import Answer, ErrorPage, Wish, read_request
from ostiary.services.authorize import NOTHING_YET, ConsentNeeded, LoginNeeded, Progress
from ostiary.services.house import Act
from ostiary.services.sign_in import is_open_to

_NAMES = {
    "client_id": "clientId",
    "response_type": "responseType",
    "redirect_uri": "redirectUri",
    "scope": "scope",
    "state": "state",
    "nonce": "nonce",
    "code_challenge": "code_challenge",
    "code_challenge_method": "code_challenge_method",
}
CONSENT_NEEDED = {"required": True}


def wanted(wire: Wire) -> Wish:
    """What is asked for, once it is known to make sense: before anybody is signed in for it.

    Raises:
        BadInput: it does not; the text is the wire's.
    """
    issuer = wire.visit.front.public_url
    found = wire.visit.house.database.read(read_request, issuer, _parameters(wire))
    if isinstance(found, Wish):
        return found
    raise BadInput("query", _text(wire, found))


def answer(wire: Wire, act: Act, wish: Wish, *, just_now: bool) -> Reply:
    """The code, or that the user has to be asked first whether the application may know so much.

    The question is asked by the page of ``/login/oauth/authorize``, where the browser goes on.

    Args:
        wire: the request.
        act: the user, by a session.
        wish: what is asked for.
        just_now: whether the user authenticated in this very request.

    Raises:
        NotAllowed: the application is not open to this user.
        ReauthenticationNeeded: it wants a fresher authentication than the session's.
    """
    house, name = wire.visit.house, wish.application.name
    if not is_open_to(wish.application, act.caller.organization):
        raise NotAllowed(f"The application {name} is not open to {act.caller.organization}.")
    progress = Progress(demanded_at=act.now) if just_now else NOTHING_YET
    outcome = authorize.authorize(
        house, act, wire.visit.front.public_url, _parameters(wire), progress
    )
    if isinstance(outcome, ConsentNeeded):
        return envelopes.ok(CONSENT_NEEDED)
    if isinstance(outcome, LoginNeeded):
        raise ReauthenticationNeeded
    if isinstance(outcome, Answer) and "code" in outcome.parameters:
        return envelopes.ok(outcome.parameters["code"])
    return envelopes.error(_text(wire, outcome))


def _parameters(wire: Wire) -> dict[str, list[str]]:
    sent = {name: wire.get(called) for name, called in _NAMES.items()}
    return {name: [value] for name, value in sent.items() if value}


def _text(wire: Wire, wrong: Answer | ErrorPage) -> str:
    """Why not, in the words that clients of this wire know."""
    if isinstance(wrong, ErrorPage):
        if wrong.field == "client_id":
            return "Invalid client_id"
        redirect = wire.get("redirectUri")
        return f"Redirect URI: {redirect} doesn't exist in the allowed Redirect URI list"
    error = wrong.parameters.get("error", "")
    if error in {"unsupported_response_type", "unauthorized_client"} or not wire.get(
        "responseType"
    ):
        return f"Grant_type: {wire.get('responseType')} is not supported in this application"
    if wire.get("code_challenge") and wire.get("code_challenge_method") != "S256":
        return "Challenge method should be S256"
    return wrong.parameters.get("error_description") or error
