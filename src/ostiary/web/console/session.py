"""``/console/sessions/{id}``: one session, with everything that is known about it."""

from __future__ import annotations

from typing import Any

from litestar import Response, get
from litestar.params import FromPath

from ostiary.domain.events import AuditEvent
from ostiary.domain.search import Page
from ostiary.domain.session import reason_dead
from ostiary.gateways.keys import Vault
from ostiary.services import events, see
from ostiary.services.house import Act
from ostiary.services.see import Seen
from ostiary.storage.database import Transaction
from ostiary.web import pages
from ostiary.web.console.parts import act_of, changes_of
from ostiary.web.forms import TheVisit

_EVENTS = 20


@get("/sessions/{session_id:str}", sync_to_thread=True)
def session_page(visit: TheVisit, session_id: FromPath[str]) -> Response[Any]:
    """Show it, dead or alive."""
    act = act_of(visit)
    seen, happened = visit.house.database.read(_find, act, visit.house.vault, session_id)
    return pages.render(
        visit,
        "console/session.html",
        act.caller,
        seen=seen,
        session=seen.session,
        dead=reason_dead(seen.session, visit.now),
        events=happened,
        changes_of=changes_of,
    )


def _find(
    tx: Transaction, act: Act, vault: Vault, session_id: str
) -> tuple[Seen, Page[AuditEvent]]:
    seen = see.one_session(tx, act, session_id)
    happened = events.list_events(
        tx,
        act,
        vault,
        organization=seen.session.organization,
        session_id=session_id,
        limit=_EVENTS,
    )
    return seen, happened
