"""``/api/login/oauth/access_token`` and ``refresh_token``: tokens for a grant (contract 3.4).

The same services as behind ``/oauth/token``; what differs is where parameters stand, the words of
errors, and the form of access tokens (`ostiary.casdoor.token_formats`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
from litestar import Response, post, route
from litestar.di import NamedDependency

from ostiary.casdoor import oauth_answers
from ostiary.casdoor.envelopes import Reply
from ostiary.casdoor.oauth_clients import Sent, authenticated
from ostiary.casdoor.reading import Wire
from ostiary.casdoor.refusals import WRONG
from ostiary.casdoor.token_formats import shape_of
from ostiary.domain.access import NOBODY
from ostiary.domain.accounts import Application
from ostiary.domain.client import GrantType
from ostiary.domain.grant import Refused
from ostiary.edge import cors
from ostiary.edge.house import Visit
from ostiary.services import direct_grants, issuing
from ostiary.services.minting import TokenAnswer

_ACCESS, _REFRESH = "/login/oauth/access_token", "/login/oauth/refresh_token"


@post(_ACCESS, sync_to_thread=True, status_code=200)
def access_token(wire: NamedDependency[Wire]) -> Response[Any]:
    """Tokens for any grant that the application has."""
    return _answer(wire, Sent(wire))


@post(_REFRESH, sync_to_thread=True, status_code=200)
def refresh_token(wire: NamedDependency[Wire]) -> Response[Any]:
    """The same for a refresh token alone."""
    sent = Sent(wire)
    if sent.get("grant_type") != GrantType.REFRESH_TOKEN.value:
        text = "grant_type should be refresh_token"
        return oauth_answers.refusal(Refused(error="unsupported_grant_type", description=text))
    return _answer(wire, sent)


# Two, since the framework calls no handler in a thread that has several paths.
@route(_ACCESS, http_method=["OPTIONS"], sync_to_thread=True)
def access_preflight(wire: NamedDependency[Wire]) -> Response[Any]:
    """Answer a browser that asks first."""
    return cors.preflight(wire.visit, "POST")


@route(_REFRESH, http_method=["OPTIONS"], sync_to_thread=True)
def refresh_preflight(wire: NamedDependency[Wire]) -> Response[Any]:
    """The same for the other path."""
    return cors.preflight(wire.visit, "POST")


def _answer(wire: Wire, sent: Sent) -> Response[Any]:
    client = authenticated(wire, sent)
    if isinstance(client, Refused):
        return oauth_answers.client_refusal(client, "client_secret is invalid")
    outcome = _grant(wire, sent, client)
    reply: Reply
    if isinstance(outcome, Refused):
        reply = oauth_answers.refusal(_in_words(sent.get("grant_type"), outcome))
    else:
        reply = oauth_answers.tokens(outcome)
    return cors.allow(wire.visit, reply, client)


def _grant(wire: Wire, sent: Sent, client: Application) -> TokenAnswer | Refused:
    wanted = sent.get("grant_type")
    grant = _GRANTS.get(wanted)
    if grant is None or wanted not in client.grant_types:
        return Refused(
            error="unsupported_grant_type",
            description=f"grant_type: {_short(wanted)} is not supported in this application",
        )
    return grant(wire.visit, sent, client)


def _short(word: str) -> str:
    """What somebody called a grant, fit to be given back."""
    return "".join(c for c in word if c.isascii() and c.isprintable() and c not in '"\\')[:100]


def _authorization_code(visit: Visit, sent: Sent, client: Application) -> TokenAnswer | Refused:
    """``redirect_uri`` is compared when it comes; whoever has no secret has to send it (W17)."""
    code, redirect_uri = sent.get("code"), sent.get("redirect_uri")
    if not code:
        text = "authorization code should not be empty"
        return Refused(error="invalid_request", description=text)
    if not redirect_uri and client.is_public:
        return Refused(error="invalid_request", description="redirect_uri should not be empty")
    return issuing.exchange_code(
        visit.house,
        visit.act(NOBODY),
        visit.front.public_url,
        client,
        code=code,
        redirect_uri=redirect_uri or None,
        verifier=sent.get("code_verifier"),
        shape=shape_of(visit.house.vault, client),
    )


def _refresh(visit: Visit, sent: Sent, client: Application) -> TokenAnswer | Refused:
    return issuing.refresh(
        visit.house,
        visit.act(NOBODY),
        visit.front.public_url,
        client,
        refresh_token=sent.get("refresh_token"),
        scope=sent.get("scope"),
        shape=shape_of(visit.house.vault, client),
    )


def _client_credentials(visit: Visit, sent: Sent, client: Application) -> TokenAnswer | Refused:
    return oauth_answers.no_secret(client) or direct_grants.client_credentials(
        visit.house,
        visit.act(NOBODY),
        visit.front.public_url,
        client,
        scope=sent.get("scope"),
        shape=shape_of(visit.house.vault, client),
    )


def _password(visit: Visit, sent: Sent, client: Application) -> TokenAnswer | Refused:
    """Where an application has it turned on; a confidential one with its secret (W17)."""
    return direct_grants.password(
        visit.house,
        visit.act(NOBODY),
        visit.front.public_url,
        client,
        login=sent.get("username"),
        secret=sent.get("password"),
        device=visit.device,
        scope=sent.get("scope"),
        shape=shape_of(visit.house.vault, client),
    )


_Grant: TypeAlias = Callable[[Visit, Sent, Application], TokenAnswer | Refused]
_GRANTS: dict[str, _Grant] = {
    GrantType.AUTHORIZATION_CODE.value: _authorization_code,
    GrantType.REFRESH_TOKEN.value: _refresh,
    GrantType.CLIENT_CREDENTIALS.value: _client_credentials,
    GrantType.PASSWORD.value: _password,
}


def _in_words(grant: str, refused: Refused) -> Refused:
    """The texts that clients of this wire know; the others stay as they are."""
    text = refused.description
    if refused.error != "invalid_grant" or refused.retry_after:
        return refused
    if grant == GrantType.REFRESH_TOKEN.value:
        expired = refused.detail == "expired"
        text = "refresh token is " + ("expired" if expired else "invalid or revoked")
    elif grant == GrantType.AUTHORIZATION_CODE.value and refused.detail == "reused":
        text = "authorization code has been used"
    elif grant == GrantType.PASSWORD.value:
        # One text, whatever the reason (W21).
        text = f"invalid username or password: {WRONG}"
    return msgspec.structs.replace(refused, description=text)
