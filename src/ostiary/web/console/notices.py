"""``/console/notices``: what applications and webhooks are owed, and sending it again."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from ostiary.domain.errors import BadCursor, Protected
from ostiary.domain.notice import NoticeFilter, NoticeState
from ostiary.services import notices
from ostiary.web import pages
from ostiary.web.console import parts
from ostiary.web.console.parts import PAGE, StateOf, act_of, back, back_to, choices, place
from ostiary.web.flash import line
from ostiary.web.forms import TheForm, TheVisit

PATH = "/console/notices"


@get("/notices", sync_to_thread=True)
def notices_page(
    visit: TheVisit,
    organization: FromQuery[str] = "",
    application: FromQuery[str] = "",
    which: StateOf = "",
    session: FromQuery[str] = "",
    cursor: FromQuery[str] = "",
    first: FromQuery[int] = 1,
) -> Response[Any]:
    """The list, newest first."""
    act = act_of(visit)
    said = {
        "organization": organization,
        "application": application.strip(),
        "state": which if which in set(NoticeState) else "",
        "session": session,
    }
    narrowed = {name: value for name, value in said.items() if value}
    chosen = NoticeFilter(
        organization=narrowed.get("organization"),
        application=narrowed.get("application"),
        state=NoticeState(said["state"]) if said["state"] else None,
        session_id=narrowed.get("session"),
    )
    read = visit.house.database.read
    try:
        found = read(
            notices.list_notices, act, visit.house.vault, chosen, cursor=cursor or None, limit=PAGE
        )
    except BadCursor:
        return pages.see_other(visit, _address(narrowed))
    response = pages.render(
        visit,
        "console/notices.html",
        act.caller,
        found=found,
        said=said,
        here=_address(narrowed),
        address=lambda **more: _address({**narrowed, **more}),
        place=place(first, found),
        states=list(NoticeState),
        organizations=read(choices, act),
    )
    if pages.is_fragment(visit):
        response.headers["HX-Replace-Url"] = _address(narrowed)
    return response


@get("/notices/{number:int}/resend", sync_to_thread=True)
def resend_page(visit: TheVisit, number: FromPath[int], back: FromQuery[str] = "") -> Response[Any]:
    """Say what is sent where, and ask."""
    act = act_of(visit)
    found = visit.house.database.read(notices.get_notice, act, number)
    return pages.render(
        visit,
        "console/resend_notice.html",
        act.caller,
        notice=found,
        back=back_to(back, PATH),
    )


@post("/notices/{number:int}/resend", sync_to_thread=True, status_code=200)
def resend(visit: TheVisit, number: FromPath[int], form: TheForm) -> Response[Any]:
    """Send it again."""
    act = act_of(visit)
    to = back(form, PATH)
    try:
        found = visit.house.database.write(notices.resend, act, number)
    except Protected as error:
        return parts.done(visit, act, to, line("words.as_is", text=error.text), kind="danger")
    return parts.done(visit, act, to, line("console.notices.is_resent", target=found.target))


def _address(said: dict[str, Any]) -> str:
    return f"{PATH}?{urlencode(said)}" if said else PATH
