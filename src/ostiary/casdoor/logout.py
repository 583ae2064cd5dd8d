"""Signing out (contract 1.6): ``/api/logout`` this browser, ``/api/sso-logout`` everywhere.

A GET by cookie never acts, since any page can cause one: browsers are sent to the page that asks
(contract W20). Whoever sends a token as ``id_token_hint`` has been given it by us for the session
that it names, and ends that one, by a GET too.
"""

from __future__ import annotations

from urllib.parse import quote

from litestar import HttpMethod, Response, route
from litestar.di import NamedDependency

from ostiary.casdoor import envelopes
from ostiary.casdoor.callers import act_of
from ostiary.casdoor.envelopes import Reply
from ostiary.casdoor.reading import Wire
from ostiary.domain.access import NOBODY
from ostiary.domain.accounts import BUILT_IN_APPLICATION, Application
from ostiary.domain.errors import BadInput
from ostiary.domain.redirects import is_registered_exactly
from ostiary.edge import leaving
from ostiary.edge.csrf import changes_state
from ostiary.edge.passing import clear
from ostiary.services import end, hints, published, see
from ostiary.services.check import caller_of
from ostiary.services.end_session import Leaving, checked_target
from ostiary.services.hints import Hinted
from ostiary.services.house import Act

_EVERYWHERE = frozenset({"", "true", "1"})
_METHODS = [HttpMethod.GET, HttpMethod.POST]


@route("/logout", http_method=_METHODS, sync_to_thread=True)
def logout(wire: NamedDependency[Wire]) -> Reply:
    """End the session in use, or the one that a token names, and say where to go on."""
    hinted = _hinted(wire)
    act = act_of(wire) if hinted is None else wire.visit.act(hinted.caller or NOBODY)
    signed_in = act.caller.session_id is not None
    application = _application(wire, act, hinted)
    # Before anything ends: an address that is refused afterwards would leave half of it done.
    target = _return_address(wire, application)
    if signed_in and hinted is None and not changes_state(wire.visit):
        return _ask_first(wire, application, target)
    own = hinted is None or _is_own(wire, act)
    wire.visit.house.database.write(end.sign_out, act)
    if target:
        reply = _redirect(_on_the_way(wire, act, application, target))
    elif not signed_in:
        reply = envelopes.ok()
    else:
        reply = envelopes.ok(act.caller.actor, _home_of(application))
    if own:
        _clear(wire, reply)
    return reply


def _is_own(wire: Wire, act: Act) -> bool:
    """Whether the browser's cookie is of the session that a token names."""
    secret, house = wire.visit.cookies.session, wire.visit.house
    if not secret or act.caller.session_id is None:
        return False
    found = caller_of(house, secret, wire.visit.now, active=False)
    return found.session_id == act.caller.session_id


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


def _ask_first(wire: Wire, application: Application | None = None, target: str = "") -> Reply:
    """Send a browser to the page that asks; it leads on to where the application wants it."""
    if _navigates(wire) or "text/html" in wire.visit.request.headers.get("accept", ""):
        return _redirect(_confirmation(wire, application, target))
    return envelopes.error("Signing out needs a POST request.")


def _confirmation(wire: Wire, application: Application | None, target: str) -> str:
    if application is None or not target:
        return leaving.SIGN_OUT
    return leaving.ask(wire.visit, _leaving(application, target))


def _on_the_way(wire: Wire, act: Act, application: Application | None, target: str) -> str:
    """Where to go: by our page first, where a browser has to tell applications in frames."""
    ended = [act.caller.session_id] if act.caller.session_id is not None else []
    if application is None or not _navigates(wire) or not leaving.frames(wire.visit, ended):
        return target
    return leaving.signed_out(wire.visit, act.caller, _leaving(application, target))


def _leaving(application: Application, target: str) -> Leaving:
    return Leaving(
        application=application.name,
        title=application.display_name or application.name,
        to=checked_target(target),
        vouched=True,
    )


def _navigates(wire: Wire) -> bool:
    """Whether a browser goes to this address itself, and no script of a page."""
    return wire.visit.request.headers.get("sec-fetch-mode") == "navigate"


def _redirect(address: str) -> Reply:
    return Response(b"", status_code=302, headers={"Location": address}, media_type="text/plain")


def _clear(wire: Wire, reply: Reply) -> None:
    """Take the browser's cookie away; programs that sent none get none."""
    if wire.visit.cookies.session and changes_state(wire.visit):
        clear(wire.visit, reply)


def _hinted(wire: Wire) -> Hinted | None:
    """What ``id_token_hint`` names; None: it was not sent.

    Raises:
        BadInput: we did not issue it, or not to the client that is named beside it.
    """
    hint = wire.get("id_token_hint")
    if not hint:
        return None
    found = wire.visit.house.database.read(hints.read_hint, wire.visit.front.public_url, hint)
    if found is None or wire.get("client_id") not in {"", found.client_id}:
        raise BadInput("id_token_hint", "Token not found, invalid accessToken")
    return found


def _application(wire: Wire, act: Act, hinted: Hinted | None) -> Application | None:
    """The application that is signed out of: the one named, else the session's own.

    Raises:
        BadInput: there is none with this client id.
    """
    read = wire.visit.house.database.read
    client_id = wire.get("client_id") or (hinted.client_id if hinted is not None else "")
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
    registered: tuple[str, ...] = ()
    if application is not None:
        registered = (*application.redirect_uris, *application.post_logout_redirect_uris)
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
