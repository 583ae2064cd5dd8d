"""``/oauth/userinfo``: what an access token lets somebody know (OpenID Connect Core 5.3)."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post, route

from ostiary.domain.access import NOBODY
from ostiary.domain.grant import Refused
from ostiary.edge import cors
from ostiary.edge.house import Visit
from ostiary.oidc.reading import Posted, ThePosted, TheVisit
from ostiary.oidc.refusals import BAD_REQUEST, answer, bearer_refusal
from ostiary.services import tokens

PATH = "/oauth/userinfo"


@get(PATH, sync_to_thread=True)
def userinfo(visit: TheVisit) -> Response[Any]:
    """By the header alone: a token in an address would be seen by everybody (RFC 9700, 4.3.2)."""
    return _userinfo(visit, _in_header(visit), [])


@post(PATH, sync_to_thread=True, status_code=200)
def userinfo_by_post(visit: TheVisit, posted: ThePosted) -> Response[Any]:
    """By the header, or by the body (RFC 6750, 2.2)."""
    return _userinfo(visit, _in_header(visit), _in_body(posted))


@route(PATH, http_method=["OPTIONS"], sync_to_thread=True)
def userinfo_preflight(visit: TheVisit) -> Response[Any]:
    """Answer a browser that asks first."""
    return cors.preflight(visit, "GET, POST")


def _in_header(visit: Visit) -> list[str]:
    """RFC 6750, 2.1."""
    scheme, _, value = visit.request.headers.get("authorization", "").partition(" ")
    return [value.strip()] if scheme.lower() == "bearer" else []


def _in_body(posted: Posted) -> list[str]:
    return posted.parameters.get("access_token", [])


def _userinfo(visit: Visit, in_header: list[str], in_body: list[str]) -> Response[Any]:
    presented = in_header + in_body
    if "access_token" in visit.request.query_params or len(presented) > 1:
        wrong = "Send the access token once, by the Authorization header."
        refused = Refused(error="invalid_request", description=wrong)
        return bearer_refusal(refused, status=BAD_REQUEST)
    if not presented:
        return cors.allow_refusal(visit, bearer_refusal(None))
    found, client = visit.house.database.look(
        tokens.userinfo, visit.house.vault, visit.act(NOBODY), presented[0]
    )
    if isinstance(found, Refused):
        response = bearer_refusal(found)
        if client is None:  # nobody knows whose token that was
            return cors.allow_refusal(visit, response)
        return cors.allow(visit, response, client)
    return cors.allow(visit, answer(found), client)
