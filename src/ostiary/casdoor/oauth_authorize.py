"""``GET /login/oauth/authorize`` (contract 3.3): the same door as ``/oauth/authorize``.

What clients of this wire send there are the parameters of OAuth, so that the request goes on as it
came. Nothing is decided here, and no cookie is looked at.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Redirect

from ostiary.edge import authorizing
from ostiary.edge.house import Visit

PATH = "/login/oauth/authorize"
_SILENT = "silentSignin"


@get(PATH, sync_to_thread=False)
def authorize(visit: NamedDependency[Visit]) -> Redirect:
    """Go on; a silent request, made in a frame, never shows a page."""
    query = visit.request.scope.get("query_string", b"").decode("latin-1")
    if visit.request.query_params.get(_SILENT) == "1":
        query = _without_pages(query)
    return Redirect(f"{authorizing.PATH}?{query}", status_code=303)


def _without_pages(query: str) -> str:
    pairs = [(k, v) for k, v in parse_qsl(query) if k not in {"prompt", _SILENT}]
    return urlencode([*pairs, ("prompt", "none")])
