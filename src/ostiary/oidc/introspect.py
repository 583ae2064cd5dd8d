"""``POST /oauth/introspect``: whether a token is good (RFC 7662)."""

from __future__ import annotations

from typing import Any

from litestar import Response, post

from ostiary.domain.access import NOBODY
from ostiary.domain.grant import Refused
from ostiary.edge.introspections import PATH, remember
from ostiary.oidc.clients import authenticated
from ostiary.oidc.reading import ThePosted, TheVisit
from ostiary.oidc.refusals import answer, refusal
from ostiary.services import tokens

INACTIVE = {"active": False}
"""All that is ever said of a token that is not good, whatever the reason (RFC 7662, 2.2)."""


@post(PATH, sync_to_thread=True, status_code=200)
def introspect(visit: TheVisit, posted: ThePosted) -> Response[Any]:
    """Answer a client that authenticated; ``token_type_hint`` would make no difference."""
    client = authenticated(visit, posted)
    if isinstance(client, Refused):
        return refusal(client)
    if client.is_public:
        # RFC 7662, 2.1: whoever cannot prove who it is could try tokens out here.
        return refusal(Refused(error="invalid_client", description="The client has no secret."))
    presented = posted.get("token")
    if presented is None:
        return refusal(Refused(error="invalid_request", description="token is missing."))
    found = visit.house.database.look(
        tokens.introspection,
        visit.house.vault,
        visit.act(NOBODY),
        visit.front.public_url,
        client,
        presented,
    )
    if found is None:
        return answer(INACTIVE)
    if posted.get("client_assertion") is None and "jti" in found.claims:
        # Of an access token, asked by a secret: whoever sends the very same again gets the same.
        remember(visit.request, found)
    return answer(found.claims)
