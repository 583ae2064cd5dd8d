"""Ending the sessions that were ticked in a list, and everything that matches a filter.

Each begins with a page that says what it will do, and ends with one that says what it did.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromQuery, QueryParameter

from ostiary.domain.access import Caller
from ostiary.domain.errors import BadInput
from ostiary.domain.logout import Ended
from ostiary.edge.house import Visit
from ostiary.services import end, see
from ostiary.web import actions, pages
from ostiary.web.console import parts, query
from ostiary.web.console.parts import StateOf, act_of, back, back_to
from ostiary.web.console.query import PATH, Search
from ostiary.web.forms import Form, TheForm, TheVisit

STEP = 1_000
"""Sessions that one request ends, so that it answers within a second or two."""

MOST_SELECTED = 500

_DIGITS = 12

Ids = Annotated[list[str] | None, QueryParameter(name="id")]


@get("/sessions/end", sync_to_thread=True)
def selected_page(visit: TheVisit, ids: Ids = None, back: FromQuery[str] = "") -> Response[Any]:
    """Name what was ticked, and ask."""
    act = act_of(visit)
    found = visit.house.database.read(see.some_sessions, act, (ids or [])[:MOST_SELECTED])
    chosen = [seen for seen in found if not seen.current]
    return pages.render(
        visit,
        "console/end_selected.html",
        act.caller,
        chosen=chosen,
        preview=end.preview_selected(chosen),
        has_own=len(chosen) < len(found),
        back=back_to(back, PATH),
    )


@post("/sessions/end", sync_to_thread=True, status_code=200)
def end_selected(visit: TheVisit, form: TheForm) -> Response[Any]:
    """End what was ticked."""
    return actions.carry_out(visit, act_of(visit).caller, "console.end_selected", form)


@actions.action("console.end_selected")
def _end_selected(visit: Visit, caller: Caller, form: Form) -> Response[Any]:
    act = visit.act(caller)
    outcome = visit.house.database.write(end.end_selected, act, form.all("id"))
    return parts.ended(visit, act, back(form, PATH), outcome)


@get("/sessions/end-matching", sync_to_thread=True)
def matching_page(
    visit: TheVisit,
    q: FromQuery[str] = "",
    organization: FromQuery[str] = "",
    which: StateOf = "",
    sort: FromQuery[str] = "",
    as_of: FromQuery[str] = "",
    back: FromQuery[str] = "",
) -> Response[Any]:
    """Count what matches, and ask."""
    act = act_of(visit)
    search = query.search(
        visit.now, q=q, organization=organization, state=which, sort=sort, as_of=as_of
    )
    preview = visit.house.database.read(end.preview_matching, act, search.chosen)
    return pages.render(
        visit,
        "console/end_matching.html",
        act.caller,
        search=search,
        preview=preview,
        back=back_to(back, search.address()),
    )


@post("/sessions/end-matching", sync_to_thread=True, status_code=200)
def end_matching(visit: TheVisit, form: TheForm) -> Response[Any]:
    """End the next part of what matches."""
    return actions.carry_out(visit, act_of(visit).caller, "console.end_matching", form)


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a long ending is. It travels through the pages, and is only ever shown."""

    ended: int = 0
    users: int = 0
    total: int = 0
    pending: tuple[str, ...] = ()
    without_address: tuple[str, ...] = ()

    def further(self, outcome: Ended) -> Progress:
        """With another step."""
        return Progress(
            ended=self.ended + outcome.count,
            users=max(self.users, outcome.users),
            total=max(self.total, self.ended + outcome.count),
            pending=_union(self.pending, outcome.pending),
            without_address=_union(self.without_address, outcome.without_address),
        )


@actions.action("console.end_matching")
def _end_matching(visit: Visit, caller: Caller, form: Form) -> Response[Any]:
    act = visit.act(caller)
    search = _search(visit, form)
    if not search.narrows and not form.ticked("sure"):
        raise BadInput("sure", "Without a filter this ends everything: tick that you mean it.")
    outcome = end.end_matching(visit.house, act, search.chosen, most=STEP)
    progress = _progress(form).further(outcome)
    to = back(form, search.address())
    if outcome.count >= STEP:
        return pages.render(
            visit, "console/end_progress.html", caller, search=search, progress=progress, back=to
        )
    whole = msgspec.structs.replace(
        outcome, pending=progress.pending, without_address=progress.without_address
    )
    return parts.ended(visit, act, to, whole, count=progress.ended, users=progress.users)


def _search(visit: Visit, form: Form) -> Search:
    names = ("q", "organization", "state", "sort", "as_of")
    return query.search(visit.now, **{name: form.text(name) for name in names})


def _progress(form: Form) -> Progress:
    return Progress(
        **{name: _number(form.text(name)) for name in ("ended", "users", "total")},
        pending=tuple(form.all("pending")),
        without_address=tuple(form.all("without_address")),
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS else 0


def _union(*names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({name for group in names for name in group}))
