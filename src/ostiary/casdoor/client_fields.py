"""What an application is as an OAuth client, as the wire writes it, and back (contract 3.4, 3.8).

A value of the wire that has no meaning here is no error, since clients send whole things back that
they have read elsewhere: a grant that Ostiary has not is kept and given back but grants nothing, a
lifetime is brought into bounds, an algorithm becomes the nearest one. What is shown is what holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ostiary.casdoor.fields import UNSET, Fields
from ostiary.domain.accounts import Application
from ostiary.domain.client import (
    ACCESS_TOKEN_LIFETIME,
    LONGEST_ACCESS_TOKEN,
    LONGEST_REFRESH_TOKEN,
    REFRESH_TOKEN_ABSOLUTE,
    GrantType,
)
from ostiary.services.client_rules import SHORTEST_ACCESS_TOKEN, SHORTEST_REFRESH_TOKEN

GRANTS = "grantTypes"
OWN = frozenset({"expireInHours", "refreshExpireInHours", "tokenSigningMethod"})

USUAL_GRANTS = (GrantType.AUTHORIZATION_CODE.value,)
"""What an application of this wire has that names none; it is never without."""

_HOUR = 3_600
_KNOWN = frozenset(grant.value for grant in GrantType)
_ALGORITHMS = {"RS": "RS256", "PS": "RS256", "ES": "ES256", "ED": "EdDSA"}


def change_of(fields: Fields, old: Application | None) -> dict[str, Any]:
    """What a body asks a client to be, as `ApplicationChange` takes it.

    Args:
        fields: the body.
        old: what it is; None: it is new.
    """
    access = _lifetime(
        fields,
        "expireInHours",
        old.access_token_lifetime if old is not None else ACCESS_TOKEN_LIFETIME,
        SHORTEST_ACCESS_TOKEN,
        LONGEST_ACCESS_TOKEN,
    )
    absolute = _lifetime(
        fields,
        "refreshExpireInHours",
        old.refresh_token_absolute if old is not None else REFRESH_TOKEN_ABSOLUTE,
        SHORTEST_REFRESH_TOKEN,
        LONGEST_REFRESH_TOKEN,
    )
    return {
        "grant_types": _grants(fields, old),
        "access_token_lifetime": access,
        "refresh_token_absolute": absolute,
        "id_token_alg": _algorithm(fields),
    }


def to_wire(item: Application, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The same as it is shown to those who administer it."""
    return {
        GRANTS: _shown_grants(item, extra.get(GRANTS)),
        "expireInHours": _hours(item.access_token_lifetime),
        "refreshExpireInHours": _hours(item.refresh_token_absolute),
        "tokenSigningMethod": item.id_token_alg,
    }


def _grants(fields: Fields, old: Application | None) -> tuple[str, ...] | msgspec.UnsetType:
    sent = fields.texts(GRANTS)
    if isinstance(sent, msgspec.UnsetType):
        return UNSET if old is not None else USUAL_GRANTS
    return tuple(dict.fromkeys((*USUAL_GRANTS, *(g for g in sent if g in _KNOWN))))


def _shown_grants(item: Application, sent: object) -> list[str]:
    """Those that it has, and those that mean nothing here, in the order in which they were sent."""
    kept = [g for g in sent if isinstance(g, str) and g] if isinstance(sent, list) else []
    holding = [g for g in kept if g not in _KNOWN or g in item.grant_types]
    return list(dict.fromkeys([*holding, *item.grant_types]))


def _lifetime(
    fields: Fields, key: str, old: int, shortest: int, longest: int
) -> int | msgspec.UnsetType:
    """A lifetime in seconds; 0 says nothing, and what was shown changes nothing."""
    hours = fields.number(key)
    if isinstance(hours, msgspec.UnsetType) or hours in {0, _hours(old)}:
        return UNSET
    return min(max(round(hours * _HOUR), shortest), longest)


def _hours(seconds: int) -> float:
    return seconds // _HOUR if seconds % _HOUR == 0 else seconds / _HOUR


def _algorithm(fields: Fields) -> str | msgspec.UnsetType:
    wanted = fields.text("tokenSigningMethod")
    if isinstance(wanted, msgspec.UnsetType):
        return UNSET
    return _ALGORITHMS.get(wanted[:2].upper(), UNSET)
