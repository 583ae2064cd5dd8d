"""What an application may be as an OAuth client: the rules that its settings keep among themselves.

Checked for the application as it will be, so that no order of changes leads around them.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from ostiary.domain.accounts import Application
from ostiary.domain.client import (
    LONGEST_ACCESS_TOKEN,
    LONGEST_REFRESH_TOKEN,
    AuthMethod,
    GrantType,
    TokenFormat,
    is_scope,
)
from ostiary.domain.errors import BadInput
from ostiary.gateways import outbound, signing
from ostiary.gateways.addresses import Network

SHORTEST_ACCESS_TOKEN = 10
SHORTEST_REFRESH_TOKEN = 60
MOST_SCOPES = 50
LONGEST_JWKS = 32_768

_LIFETIMES = {
    "access_token_lifetime": (SHORTEST_ACCESS_TOKEN, LONGEST_ACCESS_TOKEN),
    "refresh_token_idle": (SHORTEST_REFRESH_TOKEN, LONGEST_REFRESH_TOKEN),
    "refresh_token_absolute": (SHORTEST_REFRESH_TOKEN, LONGEST_REFRESH_TOKEN),
}


def check_client(item: Application) -> None:
    """Refuse settings that make no sense, alone or together.

    Raises:
        BadInput: so they do; the field is named.
    """
    _among("grant_types", item.grant_types, [g.value for g in GrantType])
    _among(
        "token_endpoint_auth_method",
        [item.token_endpoint_auth_method],
        [m.value for m in AuthMethod],
    )
    _among("access_token_format", [item.access_token_format], [f.value for f in TokenFormat])
    _among("id_token_alg", [item.id_token_alg], signing.ALGORITHMS)
    _check_scopes(item.scopes)
    for field, (shortest, longest) in _LIFETIMES.items():
        if not shortest <= getattr(item, field) <= longest:
            raise BadInput(field, f"{field} has to be between {shortest} and {longest} seconds.")
    if item.default_max_age is not None and not 0 <= item.default_max_age <= LONGEST_REFRESH_TOKEN:
        raise BadInput("default_max_age", "default_max_age has to be 0 or more seconds.")
    _check_authentication(item)
    _check_frontchannel(item)


def _among(field: str, values: Sequence[str], known: Sequence[str]) -> None:
    if any(value not in known for value in values):
        raise BadInput(field, f"{field} takes {', '.join(known)}.")


def _check_scopes(scopes: Sequence[str]) -> None:
    if len(scopes) > MOST_SCOPES or not all(is_scope(scope) for scope in scopes):
        raise BadInput(
            "scopes",
            f"At most {MOST_SCOPES} scopes, each of printable characters without spaces, quotation "
            "marks and backslashes.",
        )


def _check_authentication(item: Application) -> None:
    """A key set where one is needed; no secrets where they cannot be kept."""
    if item.jwks:
        _check_jwks(item.jwks)
    if item.token_endpoint_auth_method == AuthMethod.PRIVATE_KEY_JWT.value and not item.jwks:
        raise BadInput("jwks", "private_key_jwt needs the application's public keys.")
    if item.is_public and GrantType.CLIENT_CREDENTIALS.value in item.grant_types:
        # RFC 6749, 4.4
        raise BadInput(
            "grant_types", "An application without a secret cannot have client_credentials."
        )


def _check_jwks(text: str) -> None:
    if len(text) > LONGEST_JWKS:
        raise BadInput("jwks", f"The key set is longer than {LONGEST_JWKS} characters.")
    try:
        decoded = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise BadInput("jwks", "jwks is not JSON.") from error
    if signing.usable_jwks(decoded) is None:
        raise BadInput("jwks", "jwks is not a set of public RSA, EC or OKP keys (RFC 7517).")


def check_backchannel(item: Application, allow: Sequence[Network]) -> None:
    """Back-Channel Logout 2.2: https, or http where the operator allows it (REQUIREMENTS I08).

    Only what the address itself tells is looked at; each delivery looks again at what its name
    means then.

    Args:
        item: the application as it will be.
        allow: networks that notices are sent to although they are not public.

    Raises:
        BadInput: it could never be told there.
    """
    address = item.backchannel_logout_uri
    if not address:
        return
    if not outbound.may_be_called(address, allow):
        raise BadInput(
            "backchannel_logout_uri",
            "backchannel_logout_uri has to be an https address that is not of a private network. "
            "An operator may allow others: [outbound] allow_networks.",
        )
    if address.startswith("http:") and item.is_public:
        raise BadInput(
            "backchannel_logout_uri",
            "An application without a secret is told of logouts by https only.",
        )


def _check_frontchannel(item: Application) -> None:
    """Front-Channel Logout 2: on the site of a redirect address (REQUIREMENTS J01)."""
    if not item.frontchannel_logout_uri:
        return
    sites = {urlsplit(address)[:2] for address in item.redirect_uris}
    if urlsplit(item.frontchannel_logout_uri)[:2] not in sites:
        raise BadInput(
            "frontchannel_logout_uri",
            "frontchannel_logout_uri has to have the scheme, host and port of a redirect address.",
        )
