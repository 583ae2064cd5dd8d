"""Signing out: a GET asks, a POST acts (contract W20).

An application may have asked for it (`ostiary.services.end_session`); its request comes here to be
confirmed. The page after it tells applications in the browser, by frames (Front-Channel Logout
1.0), and leads back to the one that asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from litestar import Response, get, post

from ostiary.domain.access import NOBODY, Caller
from ostiary.domain.logout import Ended
from ostiary.edge import leaving as ways
from ostiary.edge.authorizing import POPUP
from ostiary.edge.headers import PAGE_POLICY
from ostiary.edge.house import Visit
from ostiary.edge.identify import by_cookie
from ostiary.edge.leaving import SIGN_OUT, SIGNED_OUT, Left
from ostiary.edge.passing import clear
from ostiary.services import doors, end_session, see
from ostiary.services.end_session import Leaving
from ostiary.storage.frontchannel import Told
from ostiary.web import flash, pages
from ostiary.web.flash import Line
from ostiary.web.forms import TheForm, TheVisit
from ostiary.web.outcome import display_names, lines_of, tell
from ostiary.web.pages import Redirect
from ostiary.web.returning import HOME
from ostiary.web.who import known, signed_in

PATIENCE = 3
"""Seconds after which the page goes on, whether the frames have been loaded or not.

Without scripts it goes on when they have, since a page's own refresh waits for them.
"""


@get(SIGN_OUT, sync_to_thread=True)
def sign_out_page(visit: TheVisit) -> Response[Any]:
    """Ask; somebody else's link or picture signs nobody out."""
    request = visit.request.query_params.get(ways.REQUEST) or ""
    leaving = ways.unseal_request(visit, request) or Leaving()
    caller = by_cookie(visit, active=False)
    if caller.session_id is None:
        if leaving.session_id:
            return pages.see_other(visit, ways.resume(visit, leaving))
        return pages.see_other(visit, ways.signed_out(visit, caller, leaving))
    caller = signed_in(visit)
    host = urlsplit(leaving.to).netloc
    response = pages.render(
        visit, "sign_out.html", caller, request=request, leaving=leaving, host=host
    )
    if request:
        response.headers.update(POPUP)
    return response


@post(SIGN_OUT, sync_to_thread=True, status_code=200)
def sign_out_now(visit: TheVisit, form: TheForm) -> Response[Any]:
    """End the session and take its cookie away; twice is no error."""
    leaving = ways.unseal_request(visit, form.text(ways.REQUEST)) or Leaving()
    caller = by_cookie(visit, active=False)
    response = pages.see_other(visit, ways.signed_out(visit, caller, leaving))
    _end(visit, caller, leaving, response)
    clear(visit, response)
    return response


def _end(visit: Visit, caller: Caller, leaving: Leaving, response: Redirect) -> None:
    act = visit.act(caller)
    if caller.session_id is None:
        visit.house.database.write(end_session.log_out, act, leaving)
        return
    seen = visit.house.database.read(see.one_session, act, caller.session_id)
    ended = visit.house.database.write(end_session.log_out, act, leaving)
    told = ways.frames(visit, end_session.sessions_of(leaving, caller))
    names = display_names([seen])
    title = flash.line("sign_out.done", name=caller.name)
    tell(visit, response, NOBODY, title, ended, lambda e: _lines(visit, e, names, told))


def _lines(
    visit: Visit, ended: Ended, names: Mapping[str, str], told: Sequence[Told]
) -> list[Line]:
    """Who is told, in words: in this browser those that are told nowhere else."""
    here = {one.application for one in told} & set(ended.without_address)
    rest = tuple(name for name in ended.without_address if name not in here)
    lines = lines_of(visit, msgspec.structs.replace(ended, without_address=rest), names)
    shown = tuple(sorted(names.get(name, name) for name in here))
    in_browser = flash.line("outcome.in_browser", names=shown, count=len(shown))
    return [in_browser, *lines] if shown else lines


@get(SIGNED_OUT, sync_to_thread=True)
def signed_out_page(visit: TheVisit) -> Response[Any]:
    """What signing out did, and the way back: to who asked for it, or the organization's door."""
    if by_cookie(visit, active=False).session_id is not None:
        return pages.see_other(visit, HOME)
    wanted = visit.request.query_params.get("organization") or ""
    door = visit.house.database.read(doors.known_door, wanted) if wanted else None
    if door is not None:
        known(visit).brand = door
    again = f"/sign-in/{quote(wanted)}" if door is not None else "/sign-in"
    left = ways.left(visit, visit.request.query_params.get(ways.THEN) or "")
    if left is None:
        return pages.render(visit, "signed_out.html", again=again, left=None)
    return _with_frames(visit, again, left)


def _with_frames(visit: Visit, again: str, left: Left) -> Response[Any]:
    told = ways.frames(visit, left.sessions)
    seen = visit.house.database.read(end_session.outcome, left.sessions)
    response = pages.render(
        visit,
        "signed_out.html",
        again=again,
        left=left.leaving,
        frames=told,
        lines=_lines(visit, seen.ended, seen.names, told),
        patience=PATIENCE,
    )
    # Exactly these, or the policy would silently keep applications from hearing of it (J03).
    sources = sorted({ways.frame_source(one.address) for one in told} - {""})
    frame_src = f"; frame-src {' '.join(sources)}" if sources else ""
    response.headers["Content-Security-Policy"] = PAGE_POLICY + frame_src
    response.headers.update(POPUP)
    return response
