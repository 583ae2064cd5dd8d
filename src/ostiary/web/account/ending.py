"""Ending one's own sessions: one, one that is not one's own doing, all others.

Each has a page that asks first and names the device, and a post that acts.
"""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from ostiary.domain import errors
from ostiary.domain.access import Caller
from ostiary.domain.logout import Ended
from ostiary.edge.house import Visit
from ostiary.services import end, report, see
from ostiary.services.see import Seen
from ostiary.web import actions, flash, pages
from ostiary.web.account.sessions import describer_of
from ostiary.web.forms import Form, TheForm, TheVisit
from ostiary.web.outcome import display_names, lines_of, tell
from ostiary.web.pages import Redirect
from ostiary.web.returning import HOME
from ostiary.web.who import signed_in

_MANY = 100


@get("/account/sessions/{session_id:str}/end", sync_to_thread=True)
def end_page(visit: TheVisit, session_id: FromPath[str]) -> Response[Any]:
    """Ask whether this device's session shall end."""
    return _ask(visit, session_id, "account/end.html")


@post("/account/sessions/{session_id:str}/end", sync_to_thread=True, status_code=200)
def end_now(visit: TheVisit, session_id: FromPath[str], form: TheForm) -> Response[Any]:
    """End it."""
    wanted = form.having(session_id=session_id)
    return actions.carry_out(visit, signed_in(visit), "account.end", wanted)


@get("/account/sessions/{session_id:str}/not-me", sync_to_thread=True)
def not_me_page(visit: TheVisit, session_id: FromPath[str]) -> Response[Any]:
    """Say what happens when somebody says that a session is not hers."""
    return _ask(visit, session_id, "account/not_me.html")


@post("/account/sessions/{session_id:str}/not-me", sync_to_thread=True, status_code=200)
def not_me_now(visit: TheVisit, session_id: FromPath[str], form: TheForm) -> Response[Any]:
    """End it, tell the administrators, and ask for a new password."""
    wanted = form.having(session_id=session_id)
    return actions.carry_out(visit, signed_in(visit), "account.not_me", wanted)


@get("/account/end-others", sync_to_thread=True)
def end_others_page(visit: TheVisit) -> Response[Any]:
    """Ask whether every other session shall end."""
    caller = signed_in(visit)
    found = visit.house.database.read(
        see.my_sessions, visit.act(caller), visit.house.vault, limit=_MANY
    )
    describer = describer_of(visit)
    names = [describer.title(s.session) for s in found.items if not s.current]
    return pages.render(
        visit, "account/end_others.html", caller, others=max(found.total - 1, 0), names=names
    )


@post("/account/end-others", sync_to_thread=True, status_code=200)
def end_others_now(visit: TheVisit, form: TheForm) -> Response[Any]:
    """End them."""
    return actions.carry_out(visit, signed_in(visit), "account.end_others", form)


@actions.action("account.end")
def _end(visit: Visit, caller: Caller, form: Form) -> Response[Any]:
    seen = _seen(visit, caller, form.text("session_id"))
    try:
        ended = visit.house.database.write(end.end_mine, visit.act(caller), seen.session.id)
    except errors.NotFound:
        return _gone(visit, caller)
    response = pages.see_other(visit, HOME)
    _tell(visit, response, caller, seen, ended)
    return response


@actions.action("account.not_me")
def _not_me(visit: Visit, caller: Caller, form: Form) -> Response[Any]:
    seen = _seen(visit, caller, form.text("session_id"))
    try:
        ended = visit.house.database.write(report.not_me, visit.act(caller), seen.session.id)
    except errors.NotFound:
        return _gone(visit, caller)
    response = pages.see_other(visit, "/account/security")
    further = flash.line("account.not_me_done")
    _tell(visit, response, caller, seen, ended, further)
    return response


@actions.action("account.end_others")
def _end_others(visit: Visit, caller: Caller, form: Form) -> Response[Any]:
    del form
    act = visit.act(caller)
    read = visit.house.database.read
    before = read(see.my_sessions, act, visit.house.vault, limit=_MANY)
    ended = visit.house.database.write(end.end_others, act)
    response = pages.see_other(visit, HOME)
    title = flash.line("account.ended_others", count=ended.count)
    names = display_names(before.items)
    tell(visit, response, caller, title, ended, lambda e: lines_of(visit, e, names))
    return response


def _ask(visit: Visit, session_id: str, template: str) -> Response[Any]:
    caller = signed_in(visit)
    seen = _seen(visit, caller, session_id)
    if seen.session.ended_at is not None:
        return _gone(visit, caller)
    if seen.current:
        raise errors.CurrentSession(session_id)
    row = describer_of(visit).row(seen)
    return pages.render(visit, template, caller, row=row)


def _seen(visit: Visit, caller: Caller, session_id: str) -> Seen:
    """One of the caller's own sessions.

    Raises:
        NotFound: it is somebody else's, whatever the caller administers; that is the console's.
    """
    seen = visit.house.database.read(see.one_session, visit.act(caller), session_id)
    if seen.session.user_key != caller.user_key:
        raise errors.NotFound(detail=f"{session_id} is not {caller.actor}'s own")
    return seen


def _gone(visit: Visit, caller: Caller) -> Response[Any]:
    response = pages.see_other(visit, HOME)
    flash.put(visit, response, caller, flash.line("account.gone"), kind="info")
    return response


def _tell(
    visit: Visit,
    response: Redirect,
    caller: Caller,
    seen: Seen,
    ended: Ended,
    *further: flash.Line,
) -> None:
    device = describer_of(visit).title(seen.session)
    title = flash.line("account.ended", device=device)
    names = display_names([seen])
    tell(visit, response, caller, title, ended, lambda e: [*further, *lines_of(visit, e, names)])
