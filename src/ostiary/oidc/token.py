"""``POST /oauth/token``: the token endpoint (RFC 6749, 3.2; OpenID Connect Core 3.1.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from litestar import Response, post, route

from ostiary.domain.access import NOBODY
from ostiary.domain.accounts import Application
from ostiary.domain.client import GrantType
from ostiary.domain.grant import Refused
from ostiary.edge import cors
from ostiary.edge.house import Visit
from ostiary.oidc.clients import authenticated
from ostiary.oidc.reading import Posted, ThePosted, TheVisit
from ostiary.oidc.refusals import answer, refusal
from ostiary.services import direct_grants, issuing
from ostiary.services.minting import TokenAnswer

PATH = "/oauth/token"


@post(PATH, sync_to_thread=True, status_code=200)
def token(visit: TheVisit, posted: ThePosted) -> Response[Any]:
    """Tokens for a grant."""
    client = authenticated(visit, posted)
    if isinstance(client, Refused):
        return refusal(client)
    outcome = _grant(visit, posted, client)
    if isinstance(outcome, Refused):
        return cors.allow(visit, refusal(outcome), client)
    return cors.allow(visit, answer(outcome), client)


@route(PATH, http_method=["OPTIONS"], sync_to_thread=True)
def token_preflight(visit: TheVisit) -> Response[Any]:
    """Answer a browser that asks first."""
    return cors.preflight(visit, "POST")


def _grant(visit: Visit, posted: Posted, client: Application) -> TokenAnswer | Refused:
    """RFC 6749, 5.2: what grant, and whether this client may use it (D08)."""
    wanted = posted.get("grant_type")
    if wanted is None:
        return Refused(error="invalid_request", description="grant_type is missing.")
    grant = _GRANTS.get(wanted)
    if grant is None:
        return Refused(error="unsupported_grant_type", description="This grant is not supported.")
    if wanted not in client.grant_types:
        text = "The application may not use this grant."
        return Refused(error="unauthorized_client", description=text)
    return grant(visit, posted, client)


def _authorization_code(visit: Visit, posted: Posted, client: Application) -> TokenAnswer | Refused:
    """RFC 6749, 4.1.3. redirect_uri came with the authorization request, so it has to come here."""
    code, redirect_uri = posted.get("code"), posted.get("redirect_uri")
    if code is None or redirect_uri is None:
        text = "code and redirect_uri are required."
        return Refused(error="invalid_request", description=text)
    return issuing.exchange_code(
        visit.house,
        visit.act(NOBODY),
        visit.front.public_url,
        client,
        code=code,
        redirect_uri=redirect_uri,
        verifier=posted.text("code_verifier"),
    )


def _refresh_token(visit: Visit, posted: Posted, client: Application) -> TokenAnswer | Refused:
    """RFC 6749, 6."""
    presented = posted.get("refresh_token")
    if presented is None:
        return Refused(error="invalid_request", description="refresh_token is missing.")
    return issuing.refresh(
        visit.house,
        visit.act(NOBODY),
        visit.front.public_url,
        client,
        refresh_token=presented,
        scope=posted.get("scope"),
    )


def _client_credentials(visit: Visit, posted: Posted, client: Application) -> TokenAnswer | Refused:
    """RFC 6749, 4.4; for those alone that proved who they are."""
    if client.is_public:
        text = "The application has no secret."
        return Refused(error="unauthorized_client", description=text)
    return direct_grants.client_credentials(
        visit.house,
        visit.act(NOBODY),
        visit.front.public_url,
        client,
        scope=posted.text("scope"),
    )


def _password(visit: Visit, posted: Posted, client: Application) -> TokenAnswer | Refused:
    """RFC 6749, 4.3, which RFC 9700 forbids: only where an administrator turned it on (L16)."""
    name, secret = posted.get("username"), posted.get("password")
    if name is None or secret is None:
        text = "username and password are required."
        return Refused(error="invalid_request", description=text)
    return direct_grants.password(
        visit.house,
        visit.act(NOBODY),
        visit.front.public_url,
        client,
        login=name,
        secret=secret,
        device=visit.device,
        scope=posted.text("scope"),
    )


_Grant: TypeAlias = Callable[[Visit, Posted, Application], TokenAnswer | Refused]
_GRANTS: dict[str, _Grant] = {
    GrantType.AUTHORIZATION_CODE.value: _authorization_code,
    GrantType.REFRESH_TOKEN.value: _refresh_token,
    GrantType.CLIENT_CREDENTIALS.value: _client_credentials,
    GrantType.PASSWORD.value: _password,
}
