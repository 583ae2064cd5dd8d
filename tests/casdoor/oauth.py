"""Short ways through OAuth on this wire: an application, a code, tokens."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from httpx import Response

from ostiary.domain.client import USER_SCOPES
from ostiary.services import applications
from tests.casdoor.world import CALLBACK, Asker, World
from tests.support.installation import PASSWORD

VERIFIER = "a-verifier-that-is-long-enough-to-be-one-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=")
ALL_GRANTS = ("authorization_code", "refresh_token", "client_credentials", "password")


def change(world: World, name: str = "wiki", **values: Any) -> None:
    """Change an application; what is kept besides goes in as ``extra``."""
    wanted = applications.ApplicationChange(**values)
    world.write(applications.update_application, world.act(), world.house.vault, name, wanted)


def open_up(world: World, name: str = "wiki", **values: Any) -> None:
    """Make an application what those are that were made over this wire, with every grant."""
    usual: dict[str, Any] = {
        "pkce_required": False,
        "grant_types": ALL_GRANTS,
        "scopes": (*USER_SCOPES, "read"),
        "redirect_uris": (CALLBACK,),
        "extra": {"tokenFormat": "JWT"},
    }
    change(world, name, **{**usual, **values})


def asked(world: World, name: str = "wiki", **more: str) -> dict[str, str]:
    """The query of a request for a code; what is given as empty is left out."""
    usual = {
        "clientId": world.credentials(name)[0],
        "responseType": "code",
        "redirectUri": CALLBACK,
        "scope": "openid profile",
        "state": "xyz",
    }
    return {k: v for k, v in {**usual, **more}.items() if v}


def form(**fields: Any) -> dict[str, Any]:
    """The body of a sign-in that wants a code."""
    return {
        "type": "code",
        "signinMethod": "Password",
        "application": "wiki",
        "organization": "acme",
        "username": "ann",
        "password": PASSWORD,
        **fields,
    }


def code_for(world: World, browser: Asker | None = None, **more: str) -> str:
    """Sign somebody in for a code."""
    asker = browser or Asker(world.browser())
    answer = asker.post("login", form(), **asked(world, **more))
    assert answer["status"] == "ok", answer
    assert isinstance(answer["data"], str)
    return answer["data"]


def post(world: World, call: str = "access_token", name: str = "wiki", **fields: str) -> Response:
    """A form to an OAuth endpoint, with the client's secret; what is given as empty is left out."""
    client_id, secret = world.credentials(name)
    sent = {"client_id": client_id, "client_secret": secret, **fields}
    client = world.browser("python-requests/2.33.1", same_origin=False)
    return client.post(f"/api/login/oauth/{call}", data={k: v for k, v in sent.items() if v})


def tokens_for(world: World, browser: Asker | None = None, **more: str) -> dict[str, Any]:
    """Tokens for a code, as they were answered."""
    code = code_for(world, browser, **more)
    response = post(world, grant_type="authorization_code", code=code)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def bearer(world: World, token: str) -> Asker:
    """A program that calls by an access token."""
    return world.program(headers={"Authorization": f"Bearer {token}"})


def part(token: str, number: int = 1) -> dict[str, Any]:
    """The header (0) or the claims (1) of a token, unverified."""
    text = token.split(".")[number]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found
