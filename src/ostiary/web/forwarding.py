"""``/forward/failed``: the way to a host that a proxy guards did not lead there.

The page is ours and not the host's, whose proxy would not let the browser have our styles.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from litestar import Response, get

from ostiary.domain.errors import NotFound
from ostiary.edge.forwarding import FAILED, RETURN, own_path, start_address
from ostiary.services import forwarding
from ostiary.web import pages
from ostiary.web.forms import TheVisit

_BAD_REQUEST = 400


@get(FAILED, sync_to_thread=True)
def failed_page(visit: TheVisit) -> Response[Any]:
    """Say so, and how to try again; there is no link to a host that nobody has registered."""
    asked = visit.request.query_params
    origin = asked.get("origin", "")
    if not visit.house.database.read(forwarding.is_registered, origin):
        raise NotFound
    return pages.render(
        visit,
        "forward_failed.html",
        status=_BAD_REQUEST,
        host=urlsplit(origin).netloc,
        again=start_address(origin, own_path(asked.get(RETURN, "/"))),
    )
