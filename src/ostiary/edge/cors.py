"""Which scripts of other sites may read an answer (REQUIREMENTS B09, L21).

Discovery and keys: any. The token endpoint, userinfo and revocation: those on the site of a
redirect address of the very client that calls, where it is a public one. The authorization
endpoint: none.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from litestar import Response

from ostiary.domain.accounts import Application
from ostiary.edge.house import Visit
from ostiary.services import published

ANYBODY = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
_LONGEST_ORIGIN = 300


def allow(visit: Visit, response: Response[Any], application: Application | None) -> Response[Any]:
    """Let the client's own pages read an answer."""
    origin = visit.request.headers.get("origin", "")
    if application is not None and application.is_public and origin in origins_of(application):
        response.headers["Access-Control-Allow-Origin"] = origin
    return response


def origins_of(application: Application) -> set[str]:
    """The sites of an application's redirect addresses, as browsers name them (RFC 6454, 6.2)."""
    parts = [urlsplit(address) for address in application.redirect_uris]
    return {f"{p.scheme}://{p.netloc}".lower() for p in parts if p.scheme in {"http", "https"}}


def allow_refusal(visit: Visit, response: Response[Any]) -> Response[Any]:
    """Let the pages of any public client read that nobody was recognised.

    Else a page could not tell a token that is over from a network that is down.
    """
    origin = visit.request.headers.get("origin", "")
    if _is_of_public_client(visit, origin):
        response.headers["Access-Control-Allow-Origin"] = origin
    return response


def _is_of_public_client(visit: Visit, origin: str) -> bool:
    return 0 < len(origin) <= _LONGEST_ORIGIN and visit.house.database.read(
        published.is_origin_of_public_client, origin
    )


def preflight(visit: Visit, methods: str) -> Response[Any]:
    """Answer a browser that asks before it sends: whether any public client is on that site.

    It cannot say yet which client will call; the answer to the call itself is for that one alone.
    """
    origin = visit.request.headers.get("origin", "")
    response: Response[Any] = Response(b"", status_code=204)
    if _is_of_public_client(visit, origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Methods"] = methods
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response.headers["Access-Control-Max-Age"] = "600"
    return response
