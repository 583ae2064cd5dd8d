"""What is asked of paths that this wire does not have: an answer that its clients can read."""

from __future__ import annotations

from litestar import HttpMethod, route
from litestar.params import FromPath

from ostiary.casdoor import envelopes
from ostiary.casdoor.envelopes import Reply


@route(
    "/{rest:path}",
    http_method=[
        HttpMethod.GET,
        HttpMethod.POST,
        HttpMethod.PUT,
        HttpMethod.PATCH,
        HttpMethod.DELETE,
    ],
    sync_to_thread=False,
)
def unknown(rest: FromPath[str]) -> Reply:
    """404, with the envelope."""
    return envelopes.refused(f"This server does not offer /api{rest}", status_code=404)
