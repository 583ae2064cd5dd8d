"""Signing out: a GET asks, a POST acts (contract W20)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from litestar import Response, get, post

from ostiary.domain.access import NOBODY, Caller
from ostiary.edge.house import Visit
from ostiary.edge.identify import by_cookie
from ostiary.edge.passing import clear
from ostiary.services import doors, end, see
from ostiary.web import flash, pages
from ostiary.web.forms import TheForm, TheVisit
from ostiary.web.outcome import display_names, lines_of
from ostiary.web.returning import HOME
from ostiary.web.who import known, signed_in

SIGNED_OUT = "/signed-out"


@get("/sign-out", sync_to_thread=True)
def sign_out_page(visit: TheVisit) -> Response[Any]:
    """Ask; somebody else's link or picture signs nobody out."""
    if by_cookie(visit, active=False).session_id is None:
        return pages.see_other(visit, SIGNED_OUT)
    caller = signed_in(visit)
    return pages.render(visit, "sign_out.html", caller)


@post("/sign-out", sync_to_thread=True, status_code=200)
def sign_out_now(visit: TheVisit, form: TheForm) -> Response[Any]:
    """End the session and take its cookie away; twice is no error."""
    del form
    caller = by_cookie(visit, active=False)
    where = f"?{urlencode({'organization': caller.organization})}" if caller.organization else ""
    response = pages.see_other(visit, SIGNED_OUT + where)
    if caller.session_id is not None:
        _end(visit, caller, caller.session_id, response)
    clear(visit, response)
    return response


def _end(visit: Visit, caller: Caller, session_id: str, response: Response[Any]) -> None:
    act = visit.act(caller)
    seen = visit.house.database.read(see.one_session, act, session_id)
    ended = visit.house.database.write(end.sign_out, act)
    lines = lines_of(visit, ended, display_names([seen]))
    title = flash.line("sign_out.done", name=caller.name)
    flash.put(visit, response, NOBODY, title, *lines)


@get(SIGNED_OUT, sync_to_thread=True)
def signed_out_page(visit: TheVisit) -> Response[Any]:
    """What signing out did, and the way back to the same organization's door."""
    if by_cookie(visit, active=False).session_id is not None:
        return pages.see_other(visit, HOME)
    wanted = visit.request.query_params.get("organization") or ""
    door = visit.house.database.read(doors.known_door, wanted) if wanted else None
    if door is not None:
        known(visit).brand = door
    again = f"/sign-in/{quote(wanted)}" if door is not None else "/sign-in"
    return pages.render(visit, "signed_out.html", again=again)
