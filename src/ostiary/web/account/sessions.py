"""*My sessions*: where one is signed in."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from litestar import Response, get

from ostiary.domain.search import Page
from ostiary.edge.house import Visit
from ostiary.services import see
from ostiary.services.see import Seen
from ostiary.web import pages
from ostiary.web.account.rows import Describer
from ostiary.web.forms import TheVisit
from ostiary.web.returning import HOME
from ostiary.web.who import signed_in
from ostiary.web.words import Words

PAGE = 100
_DAY = 86_400


@get("/", sync_to_thread=False)
def home(visit: TheVisit) -> Response[Any]:
    """The front door leads to My sessions, and that to the sign-in."""
    return pages.see_other(visit, HOME)


@get(HOME, sync_to_thread=True)
def my_sessions_page(visit: TheVisit) -> Response[Any]:
    """Every session of one's own, the one in use first."""
    caller = signed_in(visit)
    found: Page[Seen] = visit.house.database.read(
        see.my_sessions,
        visit.act(caller),
        visit.house.vault,
        cursor=visit.request.query_params.get("cursor"),
        limit=PAGE,
    )
    describer = describer_of(visit)
    whole = found.next is None and found.previous is None
    return pages.render(
        visit,
        "account/sessions.html",
        caller,
        rows=[describer.row(seen) for seen in found.items],
        total=found.total,
        more=not found.total_is_exact,
        devices=_devices(found) if whole else None,
        previous=_address(found.previous),
        next=_address(found.next),
        kept_seconds=visit.house.policy.retention,
    )


def describer_of(visit: Visit) -> Describer:
    """What says things about sessions to this visitor."""
    t = pages.translator_of(visit)
    return Describer(t, Words(t, visit.now))


def _devices(found: Page[Seen]) -> int:
    """How many devices a whole list is about; sessions of no known device count one each."""
    return len({s.session.device_key or s.session.id for s in found.items})


def _address(cursor: str | None) -> str:
    return f"{HOME}?{urlencode({'cursor': cursor})}" if cursor else ""
