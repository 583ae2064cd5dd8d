"""Signing out (contract 1.6): ``/api/logout`` this browser, ``/api/sso-logout`` everywhere.

A GET by cookie never acts, since any page can cause one: browsers are sent to the page that asks
(contract W20).
"""

from __future__ import annotations

from urllib.parse import quote

from litestar import HttpMethod, Response, route
from litestar.di import NamedDependency

from ostiary.casdoor import envelopes
from ostiary.casdoor.callers import act_of
from ostiary.casdoor.envelopes import Reply
from ostiary.casdoor.reading import Wire
from ostiary.domain.accounts import BUILT_IN_APPLICATION, Application
from ostiary.domain.errors import BadInput
from ostiary.domain.redirects import is_registered_exactly
from ostiary.edge.csrf import changes_state
from ostiary.edge.passing import clear
from ostiary.services import end, published, see
from ostiary.services.house import Act

CONFIRMATION = "/sign-out"
_EVERYWHERE = frozenset({"", "true", "1"})
_METHODS = [HttpMethod.GET, HttpMethod.POST]


@route("/logout", http_method=_METHODS, sync_to_thread=True)
def logout(wire: NamedDependency[Wire]) -> Reply:
    """End the session in use, and say where to go on."""
    if wire.get("id_token_hint"):
        raise BadInput("id_token_hint", "Token not found, invalid accessToken")
    act = act_of(wire)
    signed_in = act.caller.session_id is not None
    application = _application(wire, act)
    # Before anything ends: an address that is refused afterwards would leave half of it done.
    target = _return_address(wire, application)
    if signed_in and not changes_state(wire.visit):
        return _ask_first(wire)
    wire.visit.house.database.write(end.sign_out, act)
    if target:
        reply = _redirect(target)
    elif not signed_in:
        reply = envelopes.ok()
    else:
        reply = envelopes.ok(act.caller.actor, _home_of(application))
    _clear(wire, reply)
    return reply


@route("/sso-logout", http_method=_METHODS, sync_to_thread=True)
def sso_logout(wire: NamedDependency[Wire]) -> Reply:
    """End all sessions of the user, or the one in use only."""
    act = act_of(wire)
    if act.caller.session_id is not None and not changes_state(wire.visit):
        return _ask_first(wire)
    verb = end.sign_out_everywhere if wire.get("logoutAll") in _EVERYWHERE else end.sign_out
    wire.visit.house.database.write(verb, act)
    reply = envelopes.ok()
    _clear(wire, reply)
    return reply


def _ask_first(wire: Wire) -> Reply:
    headers = wire.visit.request.headers
    navigates = headers.get("sec-fetch-mode") == "navigate"
    if navigates or "text/html" in headers.get("accept", ""):
        return _redirect(CONFIRMATION)
    return envelopes.error("Signing out needs a POST request.")


def _redirect(address: str) -> Reply:
    return Response(b"", status_code=302, headers={"Location": address}, media_type="text/plain")


def _clear(wire: Wire, reply: Reply) -> None:
    """Take the browser's cookie away; programs that sent none get none."""
    if wire.visit.cookies.session and changes_state(wire.visit):
        clear(wire.visit, reply)


def _application(wire: Wire, act: Act) -> Application | None:
    """The application that is signed out of: the one named, else the session's own.

    Raises:
        BadInput: there is none with this client id.
    """
    read, client_id = wire.visit.house.database.read, wire.get("client_id")
    if client_id:
        found = read(published.application_of_client, client_id)
        if found is None:
            raise BadInput("client_id", "Invalid client_id")
        return found
    if act.caller.session_id is None:
        return None
    session = read(see.one_session, act, act.caller.session_id).session
    return read(published.application, session.application)


def _return_address(wire: Wire, application: Application | None) -> str:
    """Where the browser goes afterwards; empty: nowhere was asked for.

    Raises:
        BadInput: the application has not registered it (contract 1.6).
    """
    wanted, state = wire.get("post_logout_redirect_uri"), wire.get("state")
    if not wanted:
        return ""
    registered = application.redirect_uris if application is not None else ()
    if not is_registered_exactly(registered, wanted):
        raise BadInput(
            "post_logout_redirect_uri",
            f"Redirect URI: {wanted} doesn't exist in the allowed Redirect URI list",
        )
    if not state:
        return wanted
    return f"{wanted.rstrip('/')}{'&' if '?' in wanted else '?'}state={quote(state, safe='')}"


def _home_of(application: Application | None) -> str | None:
    if application is None or application.name == BUILT_IN_APPLICATION:
        return None
    return application.homepage_url or None
