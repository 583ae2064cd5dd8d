"""``/console``: the headline numbers, each a link to what it counts."""

from __future__ import annotations

from typing import Any

from litestar import Response, get
from litestar.params import FromQuery

from ostiary.services import overview
from ostiary.web import pages
from ostiary.web.console.parts import act_of, choices
from ostiary.web.forms import TheVisit


@get("/", sync_to_thread=True)
def overview_page(visit: TheVisit, organization: FromQuery[str] = "") -> Response[Any]:
    """The last day in numbers."""
    act = act_of(visit)
    return pages.render(
        visit,
        "console/overview.html",
        act.caller,
        numbers=visit.house.database.read(overview.overview, act, organization or None),
        organization=organization,
        organizations=visit.house.database.read(choices, act),
    )
