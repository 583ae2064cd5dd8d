"""``/console/sessions``: single sessions, searched, filtered, sorted and paged.

The other view, by user and application, is in `ostiary.web.console.records`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from litestar import Response, get
from litestar.params import FromQuery

from ostiary.domain.errors import BadCursor, BadInput
from ostiary.domain.search import Page, Sort
from ostiary.edge.house import Visit
from ostiary.services import see
from ostiary.services.house import Act
from ostiary.services.see import Seen
from ostiary.storage.database import Transaction
from ostiary.web import pages
from ostiary.web.console import query
from ostiary.web.console.parts import PAGE, StateOf, act_of, choices, place
from ostiary.web.console.query import Search
from ostiary.web.forms import TheVisit

_NOTHING: Page[Seen] = Page(items=())


@get("/sessions", sync_to_thread=True)
def sessions_page(
    visit: TheVisit,
    q: FromQuery[str] = "",
    organization: FromQuery[str] = "",
    which: StateOf = "",
    sort: FromQuery[str] = "",
    as_of: FromQuery[str] = "",
    cursor: FromQuery[str] = "",
    first: FromQuery[int] = 1,
) -> Response[Any]:
    """The list. Whatever narrows it stands in the address."""
    act = act_of(visit)
    search = query.search(
        visit.now, q=q, organization=organization, state=which, sort=sort, as_of=as_of
    )
    try:
        found, search, unsorted = visit.house.database.read(_find, visit, act, search, cursor)
    except BadCursor:
        # It was of another list, or is from before something changed: begin at the start.
        return pages.see_other(visit, search.address())
    response = pages.render(
        visit,
        "console/sessions.html",
        act.caller,
        search=search,
        found=found,
        unsorted=unsorted,
        place=place(first, found),
        organizations=visit.house.database.read(choices, act),
        end_address=_end_address,
    )
    if pages.is_fragment(visit):
        response.headers["HX-Replace-Url"] = search.address()
    return response


def _find(
    tx: Transaction, visit: Visit, act: Act, search: Search, cursor: str
) -> tuple[Page[Seen], Search, bool]:
    """The page, what it was asked for after all, and whether it could not be sorted as asked."""
    if search.problems:
        return _NOTHING, search, False
    vault = visit.house.vault

    def listed(wanted: Search) -> Page[Seen]:
        return see.list_sessions(
            tx, act, vault, wanted.chosen, wanted.order, cursor=cursor, limit=PAGE
        )

    try:
        return listed(search), search, False
    except BadCursor:
        raise
    except BadInput:
        if search.sort is not Sort.LAST_SEEN:
            raise
        # Too many match to sort them by last use (DESIGN section 5).
        usual = search.sorted_by(Sort.CREATED)
        return listed(usual), usual, True


def _end_address(search: Search, session_id: str) -> str:
    """Where one is asked whether a single session shall end."""
    said = {"id": session_id, "back": search.address()}
    return f"{query.PATH}/end?{urlencode(said)}"
