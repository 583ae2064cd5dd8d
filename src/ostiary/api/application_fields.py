"""What an application is as an OAuth client, as this interface describes it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from ostiary.domain.client import LONGEST_ACCESS_TOKEN, LONGEST_REFRESH_TOKEN
from ostiary.services.applications import MOST_ADDRESSES
from ostiary.services.client_rules import (
    LONGEST_JWKS,
    MOST_SCOPES,
    SHORTEST_ACCESS_TOKEN,
    SHORTEST_REFRESH_TOKEN,
)

_Grant = Literal["authorization_code", "refresh_token", "client_credentials", "password"]
GrantTypes = Annotated[
    tuple[_Grant, ...],
    Meta(max_length=10, description="How it may obtain tokens."),
]
Scopes = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...],
    Meta(max_length=MOST_SCOPES, description="What it may ask for."),
]
AuthMethodName = Annotated[
    Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
    Meta(
        description=(
            "How it proves who it is at the token endpoint. `none`: a public client, in a browser "
            "or on a phone."
        )
    ),
]
Jwks = Annotated[
    str,
    Meta(
        max_length=LONGEST_JWKS,
        description="The JSON text of its public keys (RFC 7517), for `private_key_jwt`.",
    ),
]
PkceRequired = Annotated[
    bool, Meta(description="Whether it has to bind its codes (RFC 7636); public clients always do.")
]
ConsentRequired = Annotated[
    bool, Meta(description="Whether each user is asked before it learns something.")
]
DefaultMaxAge = Annotated[
    Annotated[int, Meta(ge=0, le=LONGEST_REFRESH_TOKEN)] | None,
    Meta(
        description=(
            "Greatest age of an authentication that it takes, in seconds, where it does not say "
            "`max_age` itself; null: any."
        )
    ),
]
TokenFormatName = Annotated[
    Literal["jwt", "opaque"],
    Meta(description="Whether its access tokens can be read (RFC 9068) or only introspected."),
]
AccessTokenLifetime = Annotated[
    int, Meta(ge=SHORTEST_ACCESS_TOKEN, le=LONGEST_ACCESS_TOKEN, description="In seconds.")
]
RefreshTokenIdle = Annotated[
    int,
    Meta(
        ge=SHORTEST_REFRESH_TOKEN,
        le=LONGEST_REFRESH_TOKEN,
        description="How long a refresh token may lie unused, in seconds.",
    ),
]
RefreshTokenAbsolute = Annotated[
    int,
    Meta(
        ge=SHORTEST_REFRESH_TOKEN,
        le=LONGEST_REFRESH_TOKEN,
        description="How long refreshing goes on after a sign-in, in seconds.",
    ),
]
IdTokenAlg = Annotated[
    Literal["RS256", "ES256", "EdDSA"], Meta(description="What its tokens are signed with.")
]
PostLogoutRedirectUris = Annotated[
    tuple[Annotated[str, Meta(max_length=2_000)], ...],
    Meta(max_length=MOST_ADDRESSES, description="Where it may send people after signing out."),
]
FrontchannelLogoutUri = Annotated[
    str,
    Meta(
        max_length=2_000,
        description="What browsers load when they sign out; on the site of a redirect address.",
    ),
]
