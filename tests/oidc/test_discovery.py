"""What the provider says of itself is true, and comes from the configuration alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.oidc.flow import World, answered, good

OPENID = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"


@pytest.fixture(scope="module")
def metadata(world: World) -> dict[str, Any]:
    """The document."""
    response = world.browser().get(OPENID)
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An installation as it is outside: by https, under a name."""
    directory: Path = tmp_path_factory.mktemp("secure")
    url = f"sqlite:///{directory / 'ostiary.db'}"
    made = World(url, directory, public_url="https://id.acme.example")
    yield made
    made.close()


def test_one_document_at_three_addresses(world: World, metadata: dict[str, Any]) -> None:
    """Covers K01: JSON that anybody may read and keep for a while."""
    for address in (OPENID, OAUTH, "/.well-known/wiki/openid-configuration"):
        response = world.browser().get(address, headers={"Origin": "https://spa.example"})
        assert response.json() == metadata
        assert response.headers["content-type"].startswith("application/json")
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.headers["cache-control"] == "public, max-age=300"


def test_every_address_is_under_the_issuer(secure: World) -> None:
    """Covers K01: https, and the issuer is the ID token's, character for character."""
    found = secure.browser().get(OPENID).json()
    assert found["issuer"] == "https://id.acme.example"
    addresses = {k: v for k, v in found.items() if k.endswith(("_endpoint", "_uri", "_iframe"))}
    assert len(addresses) >= 6
    assert [a for a in addresses.values() if not a.startswith("https://id.acme.example/")] == []
    person, client = secure.person(), secure.client()
    tokens = client.tokens(person)
    assert secure.claims(tokens["id_token"])["iss"] == found["issuer"]
    assert answered(client.ask(person.browser))["iss"] == found["issuer"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"},
        {"Forwarded": "host=evil.example;proto=http"},
    ],
)
def test_no_header_changes_an_address(
    world: World, metadata: dict[str, Any], headers: dict[str, str]
) -> None:
    """Covers K04."""
    assert world.browser().get(OPENID, headers=headers).json() == metadata


def test_every_endpoint_that_is_listed_is_there(world: World, metadata: dict[str, Any]) -> None:
    """Covers K03."""
    browser = world.browser()
    listed = [v for k, v in metadata.items() if k.endswith(("_endpoint", "_iframe", "_uri"))]
    for address in listed:
        path = urlsplit(address).path
        statuses = {browser.get(path).status_code, browser.post(path).status_code}
        assert not statuses <= {404, 405}, path


def test_what_is_said_is_what_works(world: World, metadata: dict[str, Any]) -> None:
    """Covers K03, D08, D15, L13, L16: nothing implicit, S256 alone, and ``iss`` in answers."""
    assert metadata["response_types_supported"] == ["code"]
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert metadata["request_parameter_supported"] is False
    assert metadata["request_uri_parameter_supported"] is False
    assert metadata["subject_types_supported"] == ["public"]
    assert "none" not in metadata["id_token_signing_alg_values_supported"]
    person = world.person()
    for mode in metadata["response_modes_supported"]:
        assert world.client().ask(person.browser, response_mode=mode).status_code in {200, 303}
    for prompt in metadata["prompt_values_supported"]:
        response = world.client().ask(person.browser, prompt=prompt)
        assert "error=invalid_request" not in response.headers["location"]
    for alg in metadata["id_token_signing_alg_values_supported"]:
        tokens = world.client(id_token_alg=alg).tokens(person)
        claims = world.claims(tokens["id_token"])
        assert claims["acr"] in metadata["acr_values_supported"]
        assert claims.keys() <= set(metadata["claims_supported"])
    kids = {key["kid"] for key in world.browser().get("/oauth/jwks").json()["keys"]}
    assert len(kids) >= len(metadata["id_token_signing_alg_values_supported"])


def test_every_scope_that_is_listed_means_something(world: World, metadata: dict[str, Any]) -> None:
    person, client = world.person(), world.client()
    for scope in metadata["scopes_supported"]:
        tokens = good(client.exchange(client.code(person, scope=f"openid {scope}")))
        assert scope in tokens["scope"].split()


def test_every_way_to_authenticate_that_is_listed_works(
    world: World, metadata: dict[str, Any]
) -> None:
    """Covers K03; `test_clients` has the one by a key."""
    person = world.person()
    for method in metadata["token_endpoint_auth_methods_supported"]:
        if method == "private_key_jwt":
            continue
        client = world.client(token_endpoint_auth_method=method)
        assert client.tokens(person)["token_type"] == "Bearer"
