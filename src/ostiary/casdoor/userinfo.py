"""``GET /api/userinfo`` and ``/api/user`` (contract 3.6): what an access token lets somebody know.

By cookie, which carries no scopes, only the subject is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar import Response, get, post, route
from litestar.di import NamedDependency

from ostiary.casdoor import envelopes, oauth_answers, user_fields
from ostiary.casdoor.callers import act_of, by_token
from ostiary.casdoor.reading import Wire
from ostiary.casdoor.token_formats import names_of
from ostiary.domain.accounts import Application, User
from ostiary.domain.errors import NotFound
from ostiary.edge import cors
from ostiary.services import applications, users
from ostiary.services.bearer_calls import Called
from ostiary.storage.client_sessions import wire_time


@get("/userinfo", sync_to_thread=True)
def userinfo(wire: NamedDependency[Wire]) -> Response[Any]:
    """The claims of the user who calls, as far as the token's scopes go; no envelope."""
    return _userinfo(wire)


@post("/userinfo", sync_to_thread=True, status_code=200)
def userinfo_by_post(wire: NamedDependency[Wire]) -> Response[Any]:
    """The same (OpenID Connect Core 5.3.1)."""
    return _userinfo(wire)


@route("/userinfo", http_method=["OPTIONS"], sync_to_thread=True)
def userinfo_preflight(wire: NamedDependency[Wire]) -> Response[Any]:
    """Answer a browser that asks first."""
    return cors.preflight(wire.visit, "GET, POST")


def _userinfo(wire: Wire) -> Response[Any]:
    called = by_token(wire)
    user = _user(wire, called)
    if user is None:
        return envelopes.sign_in_first()
    client = called.bearer.held.application if called is not None else None
    said = {
        "sub": user.id,
        "iss": wire.visit.front.public_url,
        "aud": client.client_id if client is not None else "",
        **_claims(wire, user, called, client),
    }
    return cors.allow(wire.visit, oauth_answers.plain(said), client)


@get("/user", sync_to_thread=True)
def user(wire: NamedDependency[Wire]) -> Response[Any]:
    """The same in the few words that other frameworks ask for."""
    found = _user(wire, by_token(wire))
    if found is None:
        return envelopes.sign_in_first()
    created, updated = wire_time(found.created_at), wire_time(found.updated_at)
    verified = users.extra_of(wire.visit.house.vault, found).get("emailVerified") is True
    return oauth_answers.plain(
        {
            "id": found.id,
            "name": found.name,
            "email": found.email,
            "email_verified_at": updated if verified else None,
            "created_at": created,
            "updated_at": updated,
        }
    )


def _user(wire: Wire, called: Called | None) -> User | None:
    """The user who calls, by a token or any other credential; None: it is none."""
    if called is not None:
        return called.bearer.held.user
    act = act_of(wire)
    if act.caller.user_key is None:
        return None
    try:
        found = users.get_user
        return wire.visit.house.database.read(found, act, act.caller.organization, act.caller.name)
    except NotFound:
        return None


def _claims(
    wire: Wire, user: User, called: Called | None, client: Application | None
) -> dict[str, Any]:
    """What the scopes tell; ``tokenFields`` of the application narrow it further."""
    if called is None or client is None:
        return {}
    vault = wire.visit.house.vault
    extra = users.extra_of(vault, user)
    shown = user_fields.to_wire(user, extra, full=False)
    claims = _by_scope(shown, extra, called.bearer.detail.scope)
    fields = applications.extra_of(vault, client).get("tokenFields")
    if not isinstance(fields, list) or not fields:
        return claims
    kept = {field.replace("_", "").lower() for field in fields if isinstance(field, str)}
    return {name: v for name, v in claims.items() if name.replace("_", "") in kept}


def _by_scope(
    shown: Mapping[str, Any], extra: Mapping[str, Any], scope: tuple[str, ...]
) -> dict[str, Any]:
    claims: dict[str, Any] = {}
    if "profile" in scope:
        claims |= {
            "preferred_username": shown["name"],
            "name": shown["displayName"],
            "picture": shown["avatar"],
            "groups": shown["groups"],
            "roles": names_of(shown["roles"]),
            "permissions": names_of(shown["permissions"]),
            "real_name": extra.get("realName", ""),
            "is_verified": extra.get("isVerified") is True,
        }
    if "email" in scope:
        claims |= {"email": shown["email"], "email_verified": extra.get("emailVerified") is True}
    if "address" in scope:
        lines = shown["address"]
        claims["address"] = ", ".join(map(str, lines)) if isinstance(lines, list) else str(lines)
    if "phone" in scope:
        claims["phone"] = shown["phone"]
    return claims
