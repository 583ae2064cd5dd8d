"""``/console/events``: the audit, filtered and paged."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from litestar import Response, get
from litestar.params import FromQuery

from ostiary.domain.errors import BadCursor
from ostiary.domain.events import AuditEvent, Event
from ostiary.domain.search import Page
from ostiary.edge.house import Visit
from ostiary.services import events
from ostiary.services.house import Act
from ostiary.storage.database import Transaction
from ostiary.web import pages
from ostiary.web.console.parts import PAGE, act_of, changes_of, choices, place
from ostiary.web.forms import TheVisit

PATH = "/console/events"


@get("/events", sync_to_thread=True)
def events_page(
    visit: TheVisit,
    organization: FromQuery[str] = "",
    user: FromQuery[str] = "",
    event: FromQuery[str] = "",
    session: FromQuery[str] = "",
    cursor: FromQuery[str] = "",
    first: FromQuery[int] = 1,
) -> Response[Any]:
    """The list, newest first."""
    act = act_of(visit)
    known = event if event in set(Event) else ""
    said = {
        "organization": organization,
        "user": user.strip(),
        "event": known,
        "session": session,
    }
    narrowed = {name: value for name, value in said.items() if value}
    try:
        found = visit.house.database.read(_find, visit, act, narrowed, cursor)
    except BadCursor:
        return pages.see_other(visit, _address(narrowed))
    response = pages.render(
        visit,
        "console/events.html",
        act.caller,
        found=found,
        said=said,
        address=lambda **more: _address({**narrowed, **more}),
        place=place(first, found),
        kinds=list(Event),
        changes_of=changes_of,
        organizations=visit.house.database.read(choices, act),
    )
    if pages.is_fragment(visit):
        response.headers["HX-Replace-Url"] = _address(narrowed)
    return response


def _find(
    tx: Transaction, visit: Visit, act: Act, narrowed: dict[str, str], cursor: str
) -> Page[AuditEvent]:
    return events.list_events(
        tx,
        act,
        visit.house.vault,
        organization=narrowed.get("organization"),
        user=narrowed.get("user"),
        event=narrowed.get("event"),
        session_id=narrowed.get("session"),
        cursor=cursor,
        limit=PAGE,
    )


def _address(said: dict[str, Any]) -> str:
    return f"{PATH}?{urlencode(said)}" if said else PATH
