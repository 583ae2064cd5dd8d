"""``/oauth/check-session``: the frame that tells applications whether their user is still here.

OpenID Connect Session Management 1.0, 3.2. The one page of ours that others put into a frame: it
shows nothing, holds nothing of the user, and runs one script of ours that reads one cookie.
"""

from __future__ import annotations

import html
from functools import cache
from pathlib import Path
from typing import Any

from litestar import MediaType, Response, get

from ostiary.edge import cookies
from ostiary.edge.headers import FRAMED_BY_ALL
from ostiary.oidc.reading import TheVisit

PATH = "/oauth/check-session"
SCRIPT_PATH = "/oauth/check-session.js"

_POLICY = (
    "default-src 'none'; script-src {script}; base-uri 'none'; object-src 'none'; "
    f"form-action 'none'; {FRAMED_BY_ALL}"
)
_KEPT = {
    "Cache-Control": "public, max-age=300",
    # For applications that let nothing in that does not say so.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}


@get(PATH, sync_to_thread=False)
def check_session(visit: TheVisit) -> Response[str]:
    """The page in the frame: a script, and the name of the cookie that it reads."""
    name = cookies.make_state("", secure=visit.front.secure).key
    address = visit.front.public_url + SCRIPT_PATH
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Ostiary</title>'
        f'<script src="{html.escape(SCRIPT_PATH)}" data-cookie="{html.escape(name)}"></script>'
        "</head><body></body></html>"
    )
    return Response(
        body,
        media_type=MediaType.HTML,
        headers={"Content-Security-Policy": _POLICY.format(script=address), **_KEPT},
    )


@get(SCRIPT_PATH, sync_to_thread=False)
def script() -> Response[Any]:
    """What runs there."""
    return Response(_script(), media_type="text/javascript", headers=_KEPT)


@cache
def _script() -> bytes:
    return (Path(__file__).parent / "check_session.js").read_bytes()
