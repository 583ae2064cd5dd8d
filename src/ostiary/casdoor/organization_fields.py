"""Organizations as the wire writes them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ostiary.casdoor.fields import MASK, Fields, created_time, masked
from ostiary.domain.accounts import Organization
from ostiary.services.organizations import OrganizationChange
from ostiary.storage.client_sessions import wire_time

OWNER = "admin"
"""Organizations and applications belong to this owner on the wire."""

OWN = frozenset(
    {
        "owner",
        "name",
        "displayName",
        "defaultApplication",
        "passwordSalt",
        "enableExclusiveSignin",
        "disableSignin",
    }
)
NEVER_SHOWN = frozenset(
    {"masterPassword", "defaultPassword", "masterVerificationCode", "kerberosKeytab"}
)
"""Kept for a way back, honoured nowhere: no password opens every account."""

FOR_EVERYBODY = frozenset(
    {
        "websiteUrl",
        "logo",
        "logoDark",
        "favicon",
        "themeData",
        "languages",
        "countryCodes",
        "passwordOptions",
        "passwordObfuscatorType",
        "passwordObfuscatorKey",
        "createdTime",
    }
)
"""What a sign-in page may know besides names. Browsers need the obfuscator's key."""

DEFAULTS: dict[str, Any] = {
    "websiteUrl": "",
    "favicon": "",
    "passwordType": "argon2id",
    "passwordOptions": ["AtLeast8"],
    "countryCodes": ["US"],
    "defaultAvatar": "",
    "tags": [],
    "languages": ["en"],
    "initScore": 0,
    "enableSoftDeletion": False,
    "isProfilePublic": False,
    "accountItems": [],
    "balanceCurrency": "USD",
}
"""What a new organization has where nothing was sent."""
_USUAL_MFA_HOURS = 12


def change_of(fields: Fields, stored: Mapping[str, Any]) -> OrganizationChange:
    """What a body asks an organization to be."""
    return OrganizationChange(
        display_name=fields.text("displayName"),
        default_application=fields.text("defaultApplication"),
        password_salt=fields.secret("passwordSalt"),
        exclusive=fields.flag("enableExclusiveSignin"),
        sign_in_disabled=fields.flag("disableSignin"),
        extra=fields.kept(stored, own=OWN, secrets=NEVER_SHOWN),
    )


def to_wire(item: Organization, extra: Mapping[str, Any], *, full: bool) -> dict[str, Any]:
    """An organization as the wire shows it.

    Args:
        item: the organization.
        extra: what is kept besides.
        full: whether the caller administers it; else only what a sign-in page may know.
    """
    if full:
        kept = masked({**DEFAULTS, **extra}, NEVER_SHOWN)
        kept["mfaRememberInHours"] = kept.get("mfaRememberInHours") or _USUAL_MFA_HOURS
    else:
        kept = {key: value for key, value in extra.items() if key in FOR_EVERYBODY}
    return {
        **kept,
        "owner": OWNER,
        "name": item.name,
        "createdTime": created_time(kept, wire_time(item.created_at)),
        "displayName": item.display_name,
        "defaultApplication": item.default_application,
        "passwordSalt": (item.password_salt if full else MASK) if item.password_salt else "",
        "enableExclusiveSignin": item.exclusive,
        "disableSignin": item.sign_in_disabled,
    }
