"""``POST /api/login/oauth/introspect``: whether a token is good (contract 3.5, RFC 7662)."""

from __future__ import annotations

from typing import Any

from litestar import post
from litestar.di import NamedDependency

from ostiary.casdoor import oauth_answers
from ostiary.casdoor.envelopes import Reply
from ostiary.casdoor.oauth_clients import Sent, authenticated
from ostiary.casdoor.reading import Wire
from ostiary.casdoor.token_formats import format_of, subject_of_application
from ostiary.domain.access import NOBODY
from ostiary.domain.grant import Refused
from ostiary.services import applications, published, tokens

_WRONG_CLIENT = "Invalid application or wrong clientSecret"


@post("/login/oauth/introspect", sync_to_thread=True, status_code=200)
def introspect(wire: NamedDependency[Wire]) -> Reply:
    """Answer a client that proved who it is; ``token_type_hint`` would make no difference."""
    sent, visit = Sent(wire), wire.visit
    client = authenticated(wire, sent)
    if isinstance(client, Refused):
        return oauth_answers.client_refusal(client, _WRONG_CLIENT)
    refused = oauth_answers.no_secret(client)
    if refused is not None:
        return oauth_answers.refusal(refused)
    found = visit.house.database.look(
        tokens.introspect,
        visit.house.vault,
        visit.act(NOBODY),
        visit.front.public_url,
        client,
        sent.get("token"),
    )
    if found is None:
        return oauth_answers.plain({"active": False})
    return oauth_answers.plain(_described(found if "username" in found else _own(wire, found)))


def _own(wire: Wire, found: dict[str, Any]) -> dict[str, Any]:
    """A token of an application's own, by the names that such a token itself says."""
    house = wire.visit.house
    owner = house.database.read(published.application_of_client, found["client_id"])
    if owner is None or not format_of(applications.extra_of(house.vault, owner)):
        return found
    return found | {"username": owner.name, "sub": subject_of_application(owner.name)}


def _described(found: dict[str, Any]) -> dict[str, Any]:
    """What the services say of a token, in the wire's order and types."""
    said = {
        "active": True,
        "scope": found["scope"],
        "client_id": found["client_id"],
        "username": found.get("username", ""),
        "token_type": found.get("token_type", "Bearer"),
        "exp": found["exp"],
        "iat": found["iat"],
        "nbf": found["iat"],
        "sub": found["sub"],
        "aud": [found["aud"]],
        "iss": found["iss"],
        "jti": found.get("jti", ""),
    }
    return said | {key: found[key] for key in ("sid", "grant_id") if key in found}
