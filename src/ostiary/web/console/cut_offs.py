"""``/console/cut-offs``: ending everything at once, and how far its settling is."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from ostiary.domain.access import Caller
from ostiary.domain.errors import BadCursor, BadInput
from ostiary.domain.search import SessionFilter
from ostiary.edge.house import Visit
from ostiary.services import cutting, end
from ostiary.services.cutting import Subject
from ostiary.services.end import Preview
from ostiary.services.house import Act
from ostiary.storage.database import Transaction
from ostiary.web import actions, pages
from ostiary.web.console import parts
from ostiary.web.console.parts import PAGE, act_of, back_to, place
from ostiary.web.flash import line
from ostiary.web.forms import Form, TheForm, TheVisit

PATH = "/console/cut-offs"


@get("/cut-offs", sync_to_thread=True)
def cut_offs_page(
    visit: TheVisit, cursor: FromQuery[str] = "", first: FromQuery[int] = 1
) -> Response[Any]:
    """Those of all organizations that the caller administers, newest first."""
    act = act_of(visit)
    try:
        found = visit.house.database.read(
            cutting.list_cut_offs, act, visit.house.vault, cursor=cursor or None, limit=PAGE
        )
    except BadCursor:
        return pages.see_other(visit, PATH)
    return pages.render(
        visit,
        "console/cut_offs.html",
        act.caller,
        found=found,
        place=place(first, found),
        address=lambda **more: f"{PATH}?{urlencode(more)}",
    )


@get("/cut-offs/{number:int}", sync_to_thread=True)
def cut_off_page(visit: TheVisit, number: FromPath[int]) -> Response[Any]:
    """One, and how far it is."""
    act = act_of(visit)
    found = visit.house.database.read(cutting.get_cut_off, act, number)
    return pages.render(visit, "console/cut_off.html", act.caller, cut_off=found)


@get("/cut-off", sync_to_thread=True)
def confirm_page(
    visit: TheVisit,
    subject: FromQuery[str] = "",
    name: FromQuery[str] = "",
    organization: FromQuery[str] = "",
    back: FromQuery[str] = "",
) -> Response[Any]:
    """Say what it does, and ask."""
    act = act_of(visit)
    what = _subject(subject)
    preview = visit.house.database.read(_preview, act, what, name, organization)
    return pages.render(
        visit,
        "console/confirm_cut_off.html",
        act.caller,
        subject=what.value,
        name=name,
        organization=organization,
        preview=preview,
        back=back_to(back, PATH),
    )


@post("/cut-off", sync_to_thread=True, status_code=200)
def cut_off(visit: TheVisit, form: TheForm) -> Response[Any]:
    """End everything."""
    return actions.carry_out(visit, act_of(visit).caller, "console.cut_off", form)


@actions.action("console.cut_off")
def _cut_off(visit: Visit, caller: Caller, form: Form) -> Response[Any]:
    act = visit.act(caller)
    made = visit.house.database.write(
        cutting.end_everything,
        act,
        _subject(form.text("subject")),
        form.text("name"),
        organization=form.text("organization"),
    )
    title = line("console.cut_off.done", name=made.progress.name)
    return parts.done(visit, act, f"{PATH}/{made.progress.id}", title)


def _subject(text: str) -> Subject:
    try:
        return Subject(text)
    except ValueError as error:
        raise BadInput("subject", "An organization, a user or an application.") from error


def _preview(tx: Transaction, act: Act, subject: Subject, name: str, organization: str) -> Preview:
    """What it would end besides the caller's own session."""
    cutting.require_subject(tx, act, subject, name, organization=organization)
    chosen = {
        Subject.ORGANIZATION: SessionFilter(organization=name),
        Subject.USER: SessionFilter(organization=organization, user=name),
        Subject.APPLICATION: SessionFilter(application=name),
    }
    return end.preview_matching(tx, act, chosen[subject])
