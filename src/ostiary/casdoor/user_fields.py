"""Users as the wire writes them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ostiary.casdoor.fields import MASK, UNSET, Fields, Unset, created_time, masked
from ostiary.domain.accounts import User
from ostiary.services.users import UserChange
from ostiary.storage.client_sessions import wire_time

OWN = frozenset(
    {
        "owner",
        "name",
        "id",
        "displayName",
        "email",
        "phone",
        "isAdmin",
        "isForbidden",
        "password",
        "passwordSalt",
        "passwordType",
        "hash",
        "preHash",
        "updatedTime",
        "lastSigninTime",
        "lastSigninIp",
        "isOnline",
        "needUpdatePassword",
        "multiFactorAuths",
    }
)
SECRETS = frozenset(
    {
        "accessSecret",
        "accessToken",
        "originalToken",
        "originalRefreshToken",
        "totpSecret",
        "recoveryCodes",
        "managedAccounts",
        "mfaAccounts",
        "webauthnCredentials",
        "faceIds",
    }
)
"""Kept like the others, but shown only to those who administer the user's organization."""

OF_ONESELF = frozenset(
    {
        "firstName",
        "lastName",
        "avatar",
        "language",
        "gender",
        "birthday",
        "education",
        "bio",
        "homepage",
        "affiliation",
        "title",
        "region",
        "location",
        "countryCode",
        "address",
        "addresses",
    }
)
"""What users may write of themselves besides their display name; applications trust the rest."""

_DEFAULTS: dict[str, Any] = {
    "type": "normal-user",
    "firstName": "",
    "lastName": "",
    "avatar": "",
    "permanentAvatar": "",
    "emailVerified": False,
    "countryCode": "",
    "region": "",
    "location": "",
    "address": [],
    "affiliation": "",
    "title": "",
    "homepage": "",
    "bio": "",
    "tag": "",
    "language": "",
    "gender": "",
    "birthday": "",
    "education": "",
    "score": 0,
    "karma": 0,
    "ranking": 0,
    "isDeleted": False,
    "signupApplication": "",
    "properties": {},
    "roles": [],
    "permissions": [],
    "groups": [],
}


def change_of(
    fields: Fields, item: User | None, stored: Mapping[str, Any], *, by_oneself: bool
) -> UserChange:
    """What a body asks a user to be.

    Args:
        fields: the body.
        item: the user as it is; None: a new one.
        stored: what is kept besides.
        by_oneself: whether a user writes her own, who may not write everything.
    """
    display_name = fields.text("displayName")
    return UserChange(
        name=fields.text("name") if item is not None else UNSET,
        display_name=UNSET if item is None and display_name == "" else display_name,
        email=fields.text("email"),
        phone=fields.text("phone"),
        is_admin=fields.flag("isAdmin"),
        disabled=_disabled(fields, item, stored),
        extra=fields.kept(
            stored, own=OWN, secrets=SECRETS, allowed=OF_ONESELF if by_oneself else None
        ),
    )


def _disabled(fields: Fields, item: User | None, stored: Mapping[str, Any]) -> bool | Unset:
    """A user who is forbidden, or deleted softly, cannot sign in, and every session ends (W13)."""
    forbidden, deleted = fields.flag("isForbidden"), fields.flag("isDeleted")
    if forbidden is UNSET and deleted is UNSET:
        return UNSET
    if forbidden is UNSET:
        forbidden = item is not None and item.disabled
    if deleted is UNSET:
        deleted = bool(stored.get("isDeleted")) and item is not None and item.disabled
    return bool(forbidden or deleted)


def to_wire(
    item: User,
    extra: Mapping[str, Any],
    *,
    full: bool,
    online: bool = False,
    must_change: bool = False,
) -> dict[str, Any]:
    """A user as the wire shows it. No password and no salt ever leave.

    Args:
        item: the user.
        extra: what is kept besides.
        full: whether the caller administers the user's organization.
        online: whether a session of the user is live.
        must_change: whether the password has to be changed at the next sign-in.
    """
    kept = dict(extra) if full else masked(extra, SECRETS)
    seen = item.last_sign_in_at
    return {
        **_DEFAULTS,
        **kept,
        "owner": item.organization,
        "name": item.name,
        "createdTime": created_time(extra, wire_time(item.created_at)),
        "updatedTime": wire_time(item.updated_at),
        "id": item.id,
        "password": MASK,
        "passwordSalt": "",
        "passwordType": "",
        "displayName": item.display_name,
        "email": item.email,
        "phone": item.phone,
        "isAdmin": item.is_admin,
        # A user who is deleted softly stays forbidden until both are taken back.
        "isForbidden": item.disabled,
        "isDeleted": bool(kept.get("isDeleted")) and item.disabled,
        "isOnline": online,
        "needUpdatePassword": must_change,
        "lastSigninTime": wire_time(seen) if seen is not None else "",
        "lastSigninIp": item.last_sign_in_address,
    }
