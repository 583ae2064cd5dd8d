"""What this provider is and can (OpenID Connect Discovery 3, RFC 8414): only what works."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, get

from ostiary.domain import claims
from ostiary.domain.client import USER_SCOPES, AuthMethod, GrantType
from ostiary.edge import authorizing, introspections
from ostiary.edge.cors import ANYBODY
from ostiary.gateways import signing
from ostiary.oidc import (
    check_session,
    end_session,
    jwks,
    revoke,
    token,
    userinfo,
)
from ostiary.oidc.reading import TheVisit
from ostiary.services.authorization_request import PROMPTS, RESPONSE_MODES
from ostiary.services.starting import ACR_PASSWORD

OPENID_PATH = "/.well-known/openid-configuration"
OAUTH_PATH = "/.well-known/oauth-authorization-server"
APPLICATION_PATH = "/.well-known/{application:str}/openid-configuration"
"""Where clients of the Casdoor wire look (contract 3.7): the same for every application."""

_KEPT = {"Cache-Control": "public, max-age=300"}


@get([OPENID_PATH, APPLICATION_PATH], sync_to_thread=False)
def openid_configuration(visit: TheVisit) -> Response[Any]:
    """OpenID Connect Discovery 4."""
    return _answer(visit)


@get(OAUTH_PATH, sync_to_thread=False)
def authorization_server(visit: TheVisit) -> Response[Any]:
    """RFC 8414, 3: the same."""
    return _answer(visit)


def _answer(visit: TheVisit) -> Response[Any]:
    # From the configuration alone: no header of a request changes an address (REQUIREMENTS K04).
    return Response(
        msgspec.json.encode(metadata(visit.front.public_url)),
        media_type="application/json",
        headers={**ANYBODY, **_KEPT},
    )


def metadata(issuer: str) -> dict[str, Any]:
    """The document; an entry for something stands here once that works (K02, K03)."""
    with_secret = [AuthMethod.BASIC.value, AuthMethod.POST.value, AuthMethod.PRIVATE_KEY_JWT.value]
    return {
        "issuer": issuer,
        "authorization_endpoint": issuer + authorizing.PATH,
        "token_endpoint": issuer + token.PATH,
        "userinfo_endpoint": issuer + userinfo.PATH,
        "jwks_uri": issuer + jwks.PATH,
        "introspection_endpoint": issuer + introspections.PATH,
        "revocation_endpoint": issuer + revoke.PATH,
        "end_session_endpoint": issuer + end_session.PATH,
        "check_session_iframe": issuer + check_session.PATH,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "scopes_supported": list(USER_SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": [grant.value for grant in GrantType],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(signing.ALGORITHMS),
        "token_endpoint_auth_methods_supported": [*with_secret, AuthMethod.NONE.value],
        "token_endpoint_auth_signing_alg_values_supported": list(signing.FOREIGN_ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": with_secret,
        "introspection_endpoint_auth_signing_alg_values_supported": list(
            signing.FOREIGN_ALGORITHMS
        ),
        "revocation_endpoint_auth_methods_supported": [*with_secret, AuthMethod.NONE.value],
        "revocation_endpoint_auth_signing_alg_values_supported": list(signing.FOREIGN_ALGORITHMS),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "prompt_values_supported": list(PROMPTS),
        "acr_values_supported": [ACR_PASSWORD],
        "claim_types_supported": ["normal"],
        "claims_supported": [
            *claims.SUPPORTED,
            "iss",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "sid",
            "amr",
            "acr",
            "at_hash",
        ],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "require_request_uri_registration": False,
    }
