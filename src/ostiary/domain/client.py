"""What an application may do as an OAuth client: closed words, usual values and pure rules."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence


class GrantType(enum.StrEnum):
    """How an application may obtain tokens (RFC 6749, 1.3). There is no implicit grant."""

    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a grant, not a secret
    CLIENT_CREDENTIALS = "client_credentials"
    PASSWORD = "password"  # noqa: S105 - a grant, not a password


class AuthMethod(enum.StrEnum):
    """How an application proves at the token endpoint who it is (OpenID Connect Core 9)."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY_JWT = "private_key_jwt"
    NONE = "none"


ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""How `AuthMethod.PRIVATE_KEY_JWT` is said in a request (RFC 7523, 2.2)."""


class TokenFormat(enum.StrEnum):
    """What an access token is: readable for whom it is sent to, or only a reference to us."""

    JWT = "jwt"
    OPAQUE = "opaque"


OPENID = "openid"
OFFLINE = "offline_access"
USER_SCOPES = (OPENID, "profile", "email", "phone", "address", "groups", OFFLINE)
"""The scopes that this server gives a meaning to; an application may have others of its own."""

USUAL_GRANTS = (GrantType.AUTHORIZATION_CODE.value, GrantType.REFRESH_TOKEN.value)
ACCESS_TOKEN_LIFETIME = 300
ID_TOKEN_ALG = "RS256"  # noqa: S105 - an algorithm
REFRESH_TOKEN_IDLE = 14 * 86_400
REFRESH_TOKEN_ABSOLUTE = 30 * 86_400

LONGEST_ACCESS_TOKEN = 30 * 86_400
LONGEST_REFRESH_TOKEN = 400 * 86_400

CLIENT_SETTINGS = (
    "grant_types",
    "scopes",
    "token_endpoint_auth_method",
    "jwks",
    "pkce_required",
    "consent_required",
    "default_max_age",
    "access_token_format",
    "access_token_lifetime",
    "refresh_token_idle",
    "refresh_token_absolute",
    "id_token_alg",
    "post_logout_redirect_uris",
    "frontchannel_logout_uri",
)
"""The settings that make an application an OAuth client."""

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


def is_scope(value: str) -> bool:
    """Whether this can be the name of a scope (RFC 6749, 3.3)."""
    return _SCOPE.fullmatch(value) is not None


def is_verifier(value: str) -> bool:
    """Whether this has the shape of a code verifier (RFC 7636, 4.1)."""
    return _VERIFIER.fullmatch(value) is not None


def is_challenge(value: str) -> bool:
    """Whether this has the shape of an S256 code challenge: a SHA-256 in base64url."""
    return _CHALLENGE.fullmatch(value) is not None


def granted(asked: str, allowed: Iterable[str]) -> tuple[str, ...]:
    """The scopes of a request that an application may have, each once, in the order of the request.

    What is unknown or not allowed is left out and no error (OpenID Connect Core 3.1.2.1).
    """
    known = set(allowed)
    return tuple(dict.fromkeys(s for s in asked.split() if s in known))


def narrowed(asked: str | None, had: Sequence[str]) -> tuple[str, ...] | None:
    """The scopes of a refresh: all that the grant has, or fewer; None: more was asked for.

    RFC 6749, 6.
    """
    if asked is None or not asked.split():
        return tuple(had)
    wanted = tuple(dict.fromkeys(asked.split()))
    return wanted if set(wanted) <= set(had) else None
