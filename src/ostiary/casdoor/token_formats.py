"""Access tokens as clients of this wire read them: the formats that ``tokenFormat`` names.

An application that names one gets its access tokens so from the paths of this wire (contract 3.8,
W22); the others get those of RFC 9068. ID tokens follow OpenID Connect in any case. Whatever the
format, a token says which session it belongs to (W15) and with which epochs it was born, by which
applications follow endings themselves, and never holds a password, a salt, a recovery code or
anything else that is secret: what may be said of a user is a list, since which of the further
fields are secret cannot be known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ostiary.casdoor import user_fields
from ostiary.casdoor.organization_fields import OWNER
from ostiary.domain.accounts import Application
from ostiary.domain.claims import Subject
from ostiary.gateways.entropy import new_identifier
from ostiary.gateways.keys import Vault
from ostiary.services import applications
from ostiary.services.minting import STANDARD, Draft, Shape

FORMATS = ("JWT", "JWT-Empty", "JWT-Standard", "JWT-Custom")

_SAID = (
    "owner",
    "name",
    "createdTime",
    "updatedTime",
    "id",
    "type",
    "displayName",
    "firstName",
    "lastName",
    "avatar",
    "avatarType",
    "permanentAvatar",
    "email",
    "emailVerified",
    "phone",
    "countryCode",
    "region",
    "location",
    "address",
    "affiliation",
    "title",
    "homepage",
    "bio",
    "tag",
    "language",
    "gender",
    "birthday",
    "education",
    "score",
    "karma",
    "ranking",
    "isDefaultAvatar",
    "isAdmin",
    "isForbidden",
    "isDeleted",
    "signupApplication",
    "ldap",
    "github",
    "google",
    "qq",
    "wechat",
    "facebook",
    "dingtalk",
    "weibo",
    "gitee",
    "linkedin",
    "wecom",
    "lark",
    "gitlab",
    "groups",
    "roles",
    "permissions",
    "properties",
)
"""What the format ``JWT`` says of a user, and ``JWT-Custom`` may say."""

_SHORT = ("owner", "name", "id", "displayName", "avatar", "email", "emailVerified", "phone")
_SECRETIVE = ("token", "secret", "password", "key", "code")
_MOST_BYTES = 8_192
"""Of what is said of a user: a token that is much longer fits into no header."""

_KEPT = ("sid", "grant_id", "organization", "epochs")
_OURS = frozenset({*_KEPT, "nonce", "signinMethod", "client_id", "auth_time", "amr", "acr", "cnf"})
"""Claims that no configuration makes up, besides those that every token has."""

_TIMES_AND_NAMES = ("iss", "sub", "exp", "iat", "jti")

Fields = dict[str, Any]


def shape_of(vault: Vault, application: Application) -> Shape:
    """How an application's tokens are written on this wire.

    Args:
        vault: opens what is kept of the application besides.
        application: whose tokens they are.
    """
    extra = applications.extra_of(vault, application)
    wanted = format_of(extra)
    if not wanted:
        return STANDARD
    return Shape(
        access_token=lambda draft, said: _written(wanted, extra, draft, said),
        access_typ="JWT",
        new_jti=lambda: f"{OWNER}/{new_identifier()}",
    )


def format_of(extra: Mapping[str, Any]) -> str:
    """The format that an application names; empty: none. An unknown one is the usual one."""
    wanted = extra.get("tokenFormat")
    if not isinstance(wanted, str) or not wanted:
        return ""
    return wanted if wanted in FORMATS else FORMATS[0]


def subject_of_application(name: str) -> str:
    """The ``sub`` of an application's own tokens. No user has one with a slash in it (L21)."""
    return f"{OWNER}/{name}"


def _written(wanted: str, extra: Mapping[str, Any], draft: Draft, said: Fields) -> Fields:
    """All claims: those of the format, and over them those that every token has."""
    about = _about_application(draft) if draft.subject is None else _about_user(draft.subject)
    claims = _FORMATS[wanted](about, extra, draft)
    nonce = draft.detail.nonce
    methods = "Password" if "pwd" in draft.detail.amr else ""
    claims |= {
        "tokenType": "access-token",
        "scope": said["scope"],
        "azp": draft.application.client_id,
        **({"nonce": nonce} if nonce or wanted == "JWT-Custom" else {}),
        **({"signinMethod": methods} if methods and _says_method(wanted, extra) else {}),
        **{name: said[name] for name in _TIMES_AND_NAMES},
        "aud": [draft.application.client_id],
        "nbf": said["iat"],
        **{name: said[name] for name in _KEPT if name in said},
    }
    if draft.subject is None:
        claims["sub"] = subject_of_application(draft.application.name)
    return claims


def _says_method(wanted: str, extra: Mapping[str, Any]) -> bool:
    return wanted != "JWT-Custom" or "signinMethod" in map(_key, _texts(extra, "tokenFields"))


def _about_application(draft: Draft) -> Fields:
    """An application that acts for itself, as if it were a user (contract 3.4)."""
    name = draft.application.name
    return {
        "owner": OWNER,
        "name": name,
        "id": subject_of_application(name),
        "type": "application",
        "displayName": draft.application.display_name,
    }


def _about_user(subject: Subject) -> Fields:
    """What may be said of a user, in the order of the list, as far as there is room."""
    shown = user_fields.to_wire(subject.user, subject.extra, full=False)
    room = _MOST_BYTES
    found: Fields = {}
    for name in _SAID:
        value = shown.get(name)
        if name == "properties":
            value = _harmless(value)
        size = len(msgspec.json.encode(value))
        if value is not None and size <= room:
            room -= size
            found[name] = value
    return found


def _harmless(properties: object) -> Fields:
    """A user's further properties without those that sound like secrets."""
    if not isinstance(properties, dict):
        return {}
    return {
        name: value
        for name, value in properties.items()
        if isinstance(value, str) and not any(word in name.lower() for word in _SECRETIVE)
    }


def _whole(about: Fields, extra: Mapping[str, Any], draft: Draft) -> Fields:
    del extra, draft
    return _snake_verified(about)


def _empty(about: Fields, extra: Mapping[str, Any], draft: Draft) -> Fields:
    del extra, draft
    return _snake_verified({name: about[name] for name in _SHORT if name in about})


def _snake_verified(about: Fields) -> Fields:
    return {("email_verified" if k == "emailVerified" else k): v for k, v in about.items()}


def _standard(about: Fields, extra: Mapping[str, Any], draft: Draft) -> Fields:
    """The claims of OpenID Connect Core 5.1, with ``owner`` and ``id`` beside them."""
    del extra
    claims = {
        "owner": about.get("owner", ""),
        "id": about.get("id", ""),
        "preferred_username": about.get("name", ""),
        "name": about.get("displayName", ""),
        "picture": about.get("avatar", ""),
        "email": about.get("email", ""),
        "email_verified": about.get("emailVerified", False),
    }
    if "profile" in draft.scope:
        claims["gender"] = about.get("gender", "")
    if "phone" in draft.scope:
        claims |= {"phone_number": about.get("phone", ""), "phone_number_verified": False}
    lines = about.get("address")
    if "address" in draft.scope and isinstance(lines, list):
        street = "\n".join(line for line in lines if isinstance(line, str))
        claims["address"] = {
            "street_address": street,
            "region": about.get("region", ""),
            "country": about.get("countryCode", ""),
        }
    return claims


def _custom(about: Fields, extra: Mapping[str, Any], draft: Draft) -> Fields:
    """The fields that the application chose, and attributes of its own."""
    del draft
    claims: Fields = {}
    for field in _texts(extra, "tokenFields"):
        whole, _, part = field.partition(".")
        name = _key(whole)
        if name == "properties" and part:
            claims |= {k: v for k, v in about.get(name, {}).items() if k == part}
        elif name == "permissionNames":
            claims[name] = names_of(about.get("permissions"))
        elif name in about:
            claims[name] = about[name]
    chosen = _attributes(about, extra) | claims
    return {name: value for name, value in chosen.items() if name not in _OURS}


def _attributes(about: Fields, extra: Mapping[str, Any]) -> Fields:
    """``tokenAttributes``: a name and a value, in which ``$user.name`` and the like are filled."""
    found = extra.get("tokenAttributes")
    claims: Fields = {}
    for item in found if isinstance(found, list) else []:
        name, value = (item.get("name"), item.get("value")) if isinstance(item, dict) else ("", "")
        if not isinstance(name, str) or not name or not isinstance(value, str):
            continue
        values = _filled(about, value)
        if values:
            claims[name] = values[0] if item.get("type") == "String" else values
    return claims


def _filled(about: Fields, value: str) -> list[str]:
    for field in ("roles", "permissions", "groups"):
        mark = f"$user.{field}"
        if mark in value:
            return [value.replace(mark, name) for name in names_of(about.get(field))]
    for field in ("owner", "name", "email", "id", "phone"):
        value = value.replace(f"$user.{field}", str(about.get(field, "")))
    return [value]


def names_of(things: object) -> list[str]:
    """The names in a list of names, or of things that have one, such as roles."""
    named = [t.get("name") if isinstance(t, dict) else t for t in _list(things)]
    return [name for name in named if isinstance(name, str)]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(extra: Mapping[str, Any], name: str) -> list[str]:
    return [item for item in _list(extra.get(name)) if isinstance(item, str) and item]


def _key(field: str) -> str:
    """``DisplayName``, as the server that this wire comes from calls it, is ``displayName``."""
    return field[:1].lower() + field[1:]


_Format = Callable[[Fields, Mapping[str, Any], Draft], Fields]
_FORMATS: dict[str, _Format] = {
    "JWT": _whole,
    "JWT-Empty": _empty,
    "JWT-Standard": _standard,
    "JWT-Custom": _custom,
}
