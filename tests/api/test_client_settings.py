"""What an application is as an OAuth client: chosen and seen at ``/v1/applications``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from ostiary.domain.client import CLIENT_SETTINGS, USER_SCOPES
from tests.api.conftest import FILE, Template, copied
from tests.api.world import World, problem

WIKI = "/v1/applications/wiki"
PUBLIC_KEY = {
    "kty": "OKP",
    "crv": "Ed25519",
    "kid": "wiki",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
"""That of RFC 8037, appendix A.2."""
JWKS = json.dumps({"keys": [PUBLIC_KEY]})
USUAL: dict[str, Any] = {
    "grant_types": ["authorization_code", "refresh_token"],
    "scopes": list(USER_SCOPES),
    "token_endpoint_auth_method": "client_secret_basic",
    "jwks": "",
    "pkce_required": True,
    "consent_required": False,
    "default_max_age": None,
    "access_token_format": "jwt",
    "access_token_lifetime": 300,
    "refresh_token_idle": 14 * 86_400,
    "refresh_token_absolute": 30 * 86_400,
    "id_token_alg": "RS256",
    "post_logout_redirect_uris": [],
    "frontchannel_logout_uri": "",
}
CHOSEN: dict[str, Any] = {
    "grant_types": ["authorization_code", "client_credentials"],
    "scopes": ["openid", "read"],
    "token_endpoint_auth_method": "private_key_jwt",
    "jwks": JWKS,
    "pkce_required": False,
    "consent_required": True,
    "default_max_age": 0,
    "access_token_format": "opaque",
    "access_token_lifetime": 10,
    "refresh_token_idle": 60,
    "refresh_token_absolute": 400 * 86_400,
    "id_token_alg": "EdDSA",
    "post_logout_redirect_uris": ["https://wiki.example/bye"],
    "frontchannel_logout_uri": "https://wiki.example/out",
}
ADDRESS = {"redirect_uris": ["https://wiki.example/callback"]}


@pytest.fixture(scope="module")
def shared(sqlite_template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world for tests that change nothing."""
    directory = tmp_path_factory.mktemp("shared")
    shutil.copy(sqlite_template.directory / FILE, directory)
    secrets = copied(sqlite_template, directory)
    made = World(f"sqlite:///{directory / FILE}", directory, secrets=secrets)
    yield made
    made.close()


def settings(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: shown[name] for name in CLIENT_SETTINGS}


def test_a_new_application_has_the_usual_settings(world: World) -> None:
    """Covers D08, D10: codes and refreshing only, and PKCE."""
    body = {"organization": "acme", "name": "shop"}
    assert settings(world.boss.post("/v1/applications", json=body).json()) == USUAL


def test_every_setting_can_be_chosen_and_is_seen(both: World) -> None:
    """Covers D13: from the beginning, or changed; each alone leaves the others."""
    body = {"organization": "acme", "name": "shop", **ADDRESS, **CHOSEN}
    added = both.boss.post("/v1/applications", json=body)
    assert added.status_code == 201
    assert settings(added.json()) == CHOSEN
    both.boss.patch(WIKI, json=ADDRESS)
    changed = both.boss.patch(WIKI, json=CHOSEN)
    assert settings(changed.json()) == CHOSEN
    assert settings(both.boss.get(WIKI).json()) == CHOSEN
    listed = {item["name"]: item for item in both.boss.get("/v1/applications").json()["items"]}
    assert settings(listed["wiki"]) == CHOSEN
    expected = dict(CHOSEN)
    for name in reversed(CLIENT_SETTINGS):
        expected[name] = USUAL[name]
        answer = both.boss.patch(WIKI, json={name: USUAL[name]})
        if name == "jwks":
            # Its keys are how it authenticates: not before that changes.
            assert problem(answer, 400, "bad_input")["field"] == "jwks"
            expected[name] = CHOSEN[name]
        else:
            assert settings(answer.json()) == expected


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"grant_types": ["implicit"]}, "grant_types"),
        ({"grant_types": ["token"]}, "grant_types"),
        ({"scopes": ["two words"]}, "scopes"),
        ({"scopes": ['a"b']}, "scopes"),
        ({"scopes": ["a\\b"]}, "scopes"),
        ({"scopes": ["é"]}, "scopes"),
        ({"scopes": [f"s{n}" for n in range(51)]}, "scopes"),
        ({"token_endpoint_auth_method": "client_secret_jwt"}, "token_endpoint_auth_method"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "jwks"),
        ({"jwks": "{"}, "jwks"),
        ({"jwks": "{}"}, "jwks"),
        ({"jwks": '{"keys": []}'}, "jwks"),
        ({"jwks": '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'}, "jwks"),
        ({"jwks": json.dumps({"keys": [{**PUBLIC_KEY, "d": "x" * 43}]})}, "jwks"),
        ({"jwks": " " * 32_769}, "jwks"),
        ({"default_max_age": -1}, "default_max_age"),
        ({"access_token_format": "jws"}, "access_token_format"),
        ({"access_token_lifetime": 9}, "access_token_lifetime"),
        ({"access_token_lifetime": 30 * 86_400 + 1}, "access_token_lifetime"),
        ({"refresh_token_idle": 59}, "refresh_token_idle"),
        ({"refresh_token_absolute": 400 * 86_400 + 1}, "refresh_token_absolute"),
        ({"id_token_alg": "none"}, "id_token_alg"),
        ({"id_token_alg": "HS256"}, "id_token_alg"),
        ({"post_logout_redirect_uris": ["/bye"]}, "post_logout_redirect_uris"),
        ({"post_logout_redirect_uris": ["https://a.example/#b"]}, "post_logout_redirect_uris"),
        ({"frontchannel_logout_uri": "https://elsewhere.example/"}, "frontchannel_logout_uri"),
        ({"frontchannel_logout_uri": "com.example.app:/out"}, "frontchannel_logout_uri"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "redirect_uris"),
        ({"redirect_uris": ["https://a.example/#b"]}, "redirect_uris"),
        ({"redirect_uris": ["https://user@a.example/"]}, "redirect_uris"),
    ],
)
def test_what_makes_no_sense_is_refused(shared: World, change: dict[str, Any], field: str) -> None:
    """Covers D01, D05, D08, J01: the field is named, and nothing is written."""
    before = shared.boss.get(WIKI).json()
    answer = shared.boss.patch(WIKI, json=change)
    assert problem(answer, 400, "bad_input")["field"].partition("[")[0] == field
    assert shared.boss.get(WIKI).json() == before


def test_without_a_secret_an_application_cannot_act_for_itself(world: World) -> None:
    """RFC 6749, 4.4; and whatever the order of the changes."""
    public = {"token_endpoint_auth_method": "none"}
    itself = {"grant_types": ["client_credentials"]}
    for first, second in ((public, itself), (itself, public)):
        world.boss.patch(WIKI, json=USUAL)
        assert world.boss.patch(WIKI, json=first).status_code == 200
        answer = world.boss.patch(WIKI, json=second)
        assert problem(answer, 400, "bad_input")["field"] == "grant_types"


def test_a_change_is_written_to_the_audit_with_old_and_new(world: World) -> None:
    world.boss.patch(WIKI, json={"access_token_lifetime": 60})
    [event] = [
        e
        for e in world.boss.get("/v1/events?event=application.updated").json()["items"]
        if e["application"] == "wiki"
    ]
    detail = event["detail"]
    seen = (detail["old"]["access_token_lifetime"], detail["new"]["access_token_lifetime"])
    assert seen == (300, 60)
