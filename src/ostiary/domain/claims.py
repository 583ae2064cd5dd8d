"""What tokens and answers say about a user (OpenID Connect Core 2 and 5, RFC 9068, RFC 7662)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from ostiary.domain.accounts import Application, User
from ostiary.domain.grant import Detail, Grant

SUPPORTED = (
    "sub",
    "name",
    "preferred_username",
    "given_name",
    "family_name",
    "picture",
    "website",
    "gender",
    "birthdate",
    "locale",
    "updated_at",
    "email",
    "email_verified",
    "phone_number",
    "phone_number_verified",
    "address",
    "groups",
)

_KEPT = {
    "given_name": "firstName",
    "family_name": "lastName",
    "picture": "avatar",
    "website": "homepage",
    "gender": "gender",
    "birthdate": "birthday",
    "locale": "language",
}


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A user with the fields that are kept without being used (contract 4.1), in clear."""

    user: User
    extra: dict[str, Any] = {}


def subject_of_client(client_id: str) -> str:
    """The ``sub`` of an application that acts for itself; no user can have it (L21)."""
    return f"client/{client_id}"


def of_user(subject: Subject, scope: Collection[str]) -> dict[str, Any]:
    """What these scopes tell of a user; what is not known is left out (Core 5.3.2)."""
    user, extra = subject.user, subject.extra
    claims: dict[str, Any] = {}
    if "profile" in scope:
        claims |= {
            "name": user.display_name or user.name,
            "preferred_username": user.name,
            "updated_at": int(user.updated_at.timestamp()),
            **_kept(extra),
        }
    if "email" in scope and user.email:
        claims |= {"email": user.email, "email_verified": extra.get("emailVerified") is True}
    if "phone" in scope and user.phone:
        claims |= {"phone_number": user.phone, "phone_number_verified": False}
    if "address" in scope:
        claims |= _address(extra)
    if "groups" in scope:
        claims["groups"] = groups(extra)
    return claims


def _kept(extra: Mapping[str, Any]) -> dict[str, str]:
    found = {claim: extra.get(field) for claim, field in _KEPT.items()}
    return {claim: value for claim, value in found.items() if isinstance(value, str) and value}


def _address(extra: Mapping[str, Any]) -> dict[str, Any]:
    lines = extra.get("address")
    if isinstance(lines, str):
        lines = [lines]
    if not isinstance(lines, list):
        return {}
    formatted = "\n".join(line for line in lines if isinstance(line, str) and line)
    return {"address": {"formatted": formatted}} if formatted else {}


def groups(extra: Mapping[str, Any]) -> list[str]:
    """The names of a user's groups."""
    found = extra.get("groups")
    return [g for g in found if isinstance(g, str)] if isinstance(found, list) else []


def _about_authentication(detail: Detail) -> dict[str, Any]:
    """When and how the user authenticated, unchanged from the beginning (G05, G06)."""
    return {"auth_time": detail.auth_time, "amr": list(detail.amr), "acr": detail.acr}


def id_token(
    *,
    issuer: str,
    application: Application,
    subject: Subject,
    detail: Detail,
    at_hash: str,
    issued: int,
    lifetime: int,
) -> dict[str, Any]:
    """An ID token's claims (Core 2). Times are seconds since 1970."""
    claims = {
        **of_user(subject, detail.scope),
        "iss": issuer,
        "sub": subject.user.id,
        "aud": application.client_id,
        "iat": issued,
        "exp": issued + lifetime,
        **_about_authentication(detail),
        "at_hash": at_hash,
    }
    if detail.sid:
        claims["sid"] = detail.sid
    if detail.nonce:
        claims["nonce"] = detail.nonce
    return claims


def access_token(
    *,
    issuer: str,
    application: Application,
    grant: Grant,
    organization: str,
    subject: str,
    detail: Detail,
    issued: int,
    expires: int,
) -> dict[str, Any]:
    """A JWT access token's claims (RFC 9068, 2.2).

    Besides what is registered it carries what applications need to follow endings by themselves
    (DESIGN section 2): the session by the application's own name for it, or the grant where it
    outlives the session, and the epochs that it was born with.
    """
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": subject,
        "aud": application.client_id,
        "client_id": application.client_id,
        "iat": issued,
        "exp": expires,
        "jti": detail.jti,
        "scope": " ".join(detail.scope),
        "organization": organization,
        "epochs": [grant.born.organization, grant.born.user, grant.born.application],
    }
    if grant.user_key is not None:
        claims |= _about_authentication(detail)
        claims |= {"grant_id": grant.id} if grant.offline else {"sid": detail.sid}
    return claims
