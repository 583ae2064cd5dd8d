"""Giving one's sessions names of one's own."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from ostiary.domain.access import Caller
from ostiary.domain.errors import BadInput, NotFound
from ostiary.edge.errors import status_of
from ostiary.edge.house import Visit
from ostiary.services import see
from ostiary.services.see import Seen
from ostiary.web import flash, pages
from ostiary.web.account.sessions import describer_of
from ostiary.web.answers import error_text
from ostiary.web.forms import TheForm, TheVisit
from ostiary.web.returning import HOME
from ostiary.web.who import signed_in

_PATH = "/account/sessions/{session_id:str}/name"


@get(_PATH, sync_to_thread=True)
def label_page(visit: TheVisit, session_id: FromPath[str]) -> Response[Any]:
    """Ask for a name."""
    caller = signed_in(visit)
    seen = visit.house.database.read(see.one_session, visit.act(caller), session_id)
    if seen.session.user_key != caller.user_key or seen.session.ended_at is not None:
        raise NotFound
    return _render(visit, caller, seen, seen.session.label)


@post(_PATH, sync_to_thread=True, status_code=200)
def label_now(visit: TheVisit, session_id: FromPath[str], form: TheForm) -> Response[Any]:
    """Take the name, or take it away."""
    caller = signed_in(visit)
    act, text = visit.act(caller), form.text("name")
    try:
        seen = visit.house.database.write(see.label, act, session_id, text)
    except BadInput as error:
        seen = visit.house.database.read(see.one_session, act, session_id)
        return _render(
            visit,
            caller,
            seen,
            text,
            error=str(error_text(visit, error)),
            status=status_of(error),
        )
    response = pages.see_other(visit, HOME)
    title = describer_of(visit).title(seen.session)
    flash.put(visit, response, caller, flash.line("account.renamed", device=title))
    return response


def _render(
    visit: Visit, caller: Caller, seen: Seen, text: str, *, error: str = "", status: int = 200
) -> Response[Any]:
    row = describer_of(visit).row(seen)
    return pages.render(
        visit, "account/name.html", caller, status=status, row=row, text=text, error=error
    )
