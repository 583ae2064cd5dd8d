"""``POST /oauth/revoke``: a client gives a token up (RFC 7009)."""

from __future__ import annotations

from typing import Any

from litestar import Response, post, route

from ostiary.domain.access import NOBODY
from ostiary.domain.grant import Refused
from ostiary.edge import cors
from ostiary.oidc.clients import authenticated
from ostiary.oidc.reading import ThePosted, TheVisit
from ostiary.oidc.refusals import answer, refusal
from ostiary.services import tokens

PATH = "/oauth/revoke"


@post(PATH, sync_to_thread=True, status_code=200)
def revoke(visit: TheVisit, posted: ThePosted) -> Response[Any]:
    """Answer 200 whether there was such a token or not (RFC 7009, 2.2)."""
    client = authenticated(visit, posted)
    if isinstance(client, Refused):
        return refusal(client)
    presented = posted.get("token")
    if presented is None:
        wrong = Refused(error="invalid_request", description="token is missing.")
        return cors.allow(visit, refusal(wrong), client)
    visit.house.database.write(tokens.revoke, visit.act(NOBODY), client, presented)
    return cors.allow(visit, answer({}), client)


@route(PATH, http_method=["OPTIONS"], sync_to_thread=True)
def revoke_preflight(visit: TheVisit) -> Response[Any]:
    """Answer a browser that asks first."""
    return cors.preflight(visit, "POST")
