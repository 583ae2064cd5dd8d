"""``/console/records``: live sessions by user and application, each id a tag.

It is the other view of *Sessions*: what the Casdoor wire calls a record. Besides real sessions a
record may show ids that an application registered; they name no device.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.params import FromQuery

from ostiary.domain.access import Caller
from ostiary.domain.errors import BadCursor, NotFound
from ostiary.domain.logout import Ended
from ostiary.domain.search import Page
from ostiary.edge.house import Visit
from ostiary.services import records
from ostiary.services.house import Act
from ostiary.services.records import RecordView
from ostiary.storage.database import RecordKey, Transaction
from ostiary.storage.record_pages import RecordFilter
from ostiary.web import actions, pages
from ostiary.web.console import parts, query
from ostiary.web.console.parts import PAGE, act_of, back, back_to, choices, place
from ostiary.web.console.query import Search
from ostiary.web.flash import line
from ostiary.web.forms import Form, TheForm, TheVisit

PATH = "/console/records"
SHOWN = 8
"""Tags that a record shows before the rest is folded away."""

_UNDERSTOOD = {"organization", "user", "application"}
_NOTHING: Page[RecordView] = Page(items=())


@get("/records", sync_to_thread=True)
def records_page(
    visit: TheVisit,
    q: FromQuery[str] = "",
    organization: FromQuery[str] = "",
    cursor: FromQuery[str] = "",
    first: FromQuery[int] = 1,
) -> Response[Any]:
    """The list."""
    act = act_of(visit)
    search = query.search(visit.now, q=q, organization=organization)
    foreign = sorted(search.tokens.keys() - _UNDERSTOOD)
    try:
        found = visit.house.database.read(_find, visit, act, search, foreign, cursor)
    except BadCursor:
        return pages.see_other(visit, search.address(PATH))
    response = pages.render(
        visit,
        "console/records.html",
        act.caller,
        search=search,
        path=PATH,
        found=found,
        foreign=foreign,
        shown=SHOWN,
        place=place(first, found),
        organizations=visit.house.database.read(choices, act),
        end_address=_end_address,
        instant_of=query.instant,
    )
    if pages.is_fragment(visit):
        response.headers["HX-Replace-Url"] = search.address(PATH)
    return response


def _find(
    tx: Transaction, visit: Visit, act: Act, search: Search, foreign: list[str], cursor: str
) -> Page[RecordView]:
    if foreign:
        return _NOTHING
    tokens = search.tokens
    chosen = RecordFilter(
        owner=search.organization or tokens.get("organization"),
        name=tokens.get("user"),
        application=tokens.get("application"),
        text=search.words or None,
    )
    return records.browse_records(tx, act, visit.house.vault, chosen, cursor=cursor, limit=PAGE)


@get("/records/end", sync_to_thread=True)
def end_page(
    visit: TheVisit,
    owner: FromQuery[str] = "",
    name: FromQuery[str] = "",
    application: FromQuery[str] = "",
    session: FromQuery[str] = "",
    back: FromQuery[str] = "",
) -> Response[Any]:
    """Name the device of a tag, or what the whole record holds, and ask."""
    act = act_of(visit)
    key = (owner, name, application)
    view = visit.house.database.read(records.get_record, act, key)
    if view is None or (session and session not in view.ids):
        raise NotFound(detail=f"{session or 'no session'} in the record {'/'.join(key)}")
    device = next((s for s in view.sessions if s.id == session), None)
    own = act.caller.session_id
    return pages.render(
        visit,
        "console/end_tag.html" if session else "console/end_record.html",
        act.caller,
        key=key,
        view=view,
        tag=session,
        session=device,
        is_own=own is not None and own in ({session} if session else set(view.ids)),
        back=back_to(back, PATH),
    )


@post("/records/end", sync_to_thread=True, status_code=200)
def end_record(visit: TheVisit, form: TheForm) -> Response[Any]:
    """End the session of a tag, or those of the whole record."""
    return actions.carry_out(visit, act_of(visit).caller, "console.end_record", form)


@actions.action("console.end_record")
def _end_record(visit: Visit, caller: Caller, form: Form) -> Response[Any]:
    act = visit.act(caller)
    key: RecordKey = (form.text("owner"), form.text("name"), form.text("application"))
    tag = form.text("session")
    write = visit.house.database.write
    if tag:
        change = write(records.delete_id, act, key, tag)
    else:
        change = write(records.delete_record, act, key)
    to = back(form, PATH)
    if change.affected and change.ended == Ended():
        return parts.done(visit, act, to, line("console.ended.forgotten"))
    return parts.ended(visit, act, to, change.ended)


def _end_address(key: RecordKey, search: Search, session: str = "") -> str:
    """Where one is asked whether a tag, or a whole record, shall end."""
    said = {"owner": key[0], "name": key[1], "application": key[2]}
    if session:
        said["session"] = session
    return f"{PATH}/end?{urlencode({**said, 'back': search.address(PATH)})}"
