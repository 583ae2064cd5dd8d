"""What the pages of the console share: who looks, where to go back to, what an ending did."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from litestar import Response
from litestar.params import QueryParameter

from ostiary.domain.events import AuditEvent
from ostiary.domain.logout import Ended
from ostiary.domain.search import Page
from ostiary.edge.house import Visit
from ostiary.services import organizations
from ostiary.services.house import Act
from ostiary.storage.database import Transaction
from ostiary.web import flash, pages
from ostiary.web.flash import Line, line
from ostiary.web.forms import Form
from ostiary.web.outcome import lines_of, tell
from ostiary.web.returning import safe_path
from ostiary.web.who import administrator

StateOf = Annotated[str, QueryParameter(name="state")]
"""The state that a list was asked for: the framework keeps the plain name for itself."""

PAGE = 50
"""Rows on a page of any list."""

_FARTHEST = 10**9


def act_of(visit: Visit) -> Act:
    """What an administrator does here, now.

    Raises:
        NotSignedIn: nobody is signed in; the page for it sends to the sign-in.
        NotAllowed: somebody is who administers nothing.
    """
    return visit.act(administrator(visit))


def choices(tx: Transaction, act: Act) -> list[str]:
    """The organizations that this administrator can choose from; one: there is no choice."""
    return [item.name for item in organizations.list_organizations(tx, act)]


def back(form: Form, usual: str) -> str:
    """Where the page came from that asked; only ever a page of the console."""
    return back_to(form.text("back"), usual)


def back_to(wanted: str, usual: str) -> str:
    """The same, out of an address."""
    path = wanted.partition("?")[0]
    own = path == "/console" or (path.startswith("/console/") and ".." not in path)
    return wanted if own and safe_path(wanted) == wanted else usual


def place(first: int, page: Page[Any]) -> dict[str, int]:
    """Which rows a page shows, and where its neighbours begin: for "51 to 100 of 311".

    Pages are reached by position and not by number, so that the number is what the address says:
    it is shown, and nothing depends on it.
    """
    start = min(max(first, 1), _FARTHEST)
    return {
        "start": start,
        "end": start + len(page.items) - 1,
        "after": start + len(page.items),
        "before": max(1, start - PAGE),
    }


def application_address(name: str) -> str:
    """An application's page."""
    return f"/console/applications/{quote(name, safe='')}"


def changes_of(event: AuditEvent) -> list[tuple[str, str, str]]:
    """What an event changed: field, old and new value."""
    old, new = event.detail.get("old"), event.detail.get("new")
    if isinstance(old, dict) and isinstance(new, dict):
        return [(k, _said(old.get(k)), _said(v)) for k, v in new.items() if old.get(k) != v]
    if isinstance(old, str) and isinstance(new, str):
        return [("", old, new)]
    return []


def _said(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_said(v)}" for k, v in value.items() if v is not None) or "-"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return "-" if value in (None, "") else str(value)


def done(
    visit: Visit, act: Act, to: str, title: Line, *lines: Line, kind: str = "success"
) -> Response[Any]:
    """To the page that shows the result, with a banner that says it in words."""
    response = pages.see_other(visit, to)
    flash.put(visit, response, act.caller, title, *lines, kind=kind)
    return response


def done_and_ended(visit: Visit, act: Act, to: str, title: Line, outcome: Ended) -> Response[Any]:
    """The same for something that ended sessions besides; nothing is said of that if it did not."""
    response = pages.see_other(visit, to)
    ended = [line("console.ended.title", count=outcome.count)] if outcome.count else []
    tell(visit, response, act.caller, title, outcome, lambda e: [*ended, *lines_of(visit, e, {})])
    return response


def ended(
    visit: Visit,
    act: Act,
    to: str,
    outcome: Ended,
    *,
    count: int | None = None,
    users: int | None = None,
) -> Response[Any]:
    """To the page that shows what an ending did, and who is told of it.

    Args:
        visit: the request.
        act: who ended.
        to: the page.
        outcome: what happened.
        count: the number of sessions, where the outcome is only the last part.
        users: the number of users, likewise.
    """
    sessions = outcome.count if count is None else count
    people = outcome.users if users is None else users
    if not sessions:
        return done(visit, act, to, line("console.ended.nothing"), kind="info")
    title = line("console.ended.title", count=sessions)
    if people > 1:
        title = line("console.ended.of_users", count=sessions, users=f"{people:,}")
    if count is not None and count > outcome.count:
        # Of the first parts nobody knows any more which sessions they were.
        return done(visit, act, to, title, *lines_of(visit, outcome, {}))
    response = pages.see_other(visit, to)
    tell(visit, response, act.caller, title, outcome, lambda e: lines_of(visit, e, {}))
    return response
