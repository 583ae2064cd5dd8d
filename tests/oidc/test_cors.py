"""Which scripts of other sites may read what is answered (B09, L21)."""

from __future__ import annotations

import pytest
from httpx import Response

from tests.oidc.flow import Client, World, good

ENDPOINTS = ("/oauth/token", "/oauth/userinfo", "/oauth/revoke")
FOREIGN = "https://evil.example"


def _origin(client: Client) -> str:
    return client.redirect_uri.removesuffix("/callback")


def _allowed(answer: Response) -> str | None:
    found: str | None = answer.headers.get("access-control-allow-origin")
    assert "access-control-allow-credentials" not in answer.headers
    if found not in {None, "*"}:
        assert "origin" in answer.headers["vary"].lower()
    return found


def _preflight(client: Client, path: str, origin: str) -> Response:
    return client.http.options(
        path,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_browser_may_ask_for_the_site_of_a_public_client(world: World, path: str) -> None:
    """Covers B09, L21."""
    spa = world.public_client()
    answer = _preflight(spa, path, _origin(spa))
    assert answer.status_code == 204
    assert _allowed(answer) == _origin(spa)
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "Authorization, Content-Type"


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_browser_may_not_for_any_other_site(world: World, path: str) -> None:
    """Covers B09: nor for that of an application with a secret, or one that only looks alike."""
    spa, wiki = world.public_client(), world.client()
    mine = _origin(spa)
    lookalikes = (mine + "x", mine + ":444", mine[:-1], mine.replace("https", "http"), mine + "/")
    odd = ("null", "", "*", "x" * 400, "https://%", '"', mine.upper())
    for origin in (FOREIGN, _origin(wiki), *lookalikes, *odd):
        answer = _preflight(spa, path, origin)
        assert answer.status_code == 204
        assert _allowed(answer) is None, origin


def test_a_public_clients_own_pages_read_its_answers(world: World) -> None:
    """Covers B09: errors as well, and nobody else's pages anything."""
    spa, other, ann = world.public_client(), world.public_client(), world.person()
    for origin, expected in ((_origin(spa), _origin(spa)), (_origin(other), None), (FOREIGN, None)):
        spa.http.headers["Origin"] = origin
        answer = spa.exchange(spa.code(ann))
        tokens = good(answer)
        answers = [
            answer,
            spa.exchange("unknown"),
            spa.userinfo(tokens["access_token"]),
            spa.revoke(tokens["access_token"]),
            spa.call("/oauth/revoke"),
        ]
        assert {_allowed(one) for one in answers} == {expected}


def test_no_script_reads_the_answers_to_a_client_with_a_secret(world: World) -> None:
    """Covers B09: a secret in a page is no secret."""
    wiki, ann = world.client(), world.person()
    wiki.http.headers["Origin"] = _origin(wiki)
    answer = wiki.exchange(wiki.code(ann))
    assert _allowed(answer) is None
    assert _allowed(wiki.userinfo(answer.json()["access_token"])) is None
    assert _allowed(wiki.call("/oauth/introspect", token="x")) is None


def test_a_page_can_tell_a_token_that_is_over_from_a_network_that_is_down(world: World) -> None:
    """Covers B09: it reads the refusal, which tells nothing about anybody."""
    spa = world.public_client()
    for origin, expected in ((_origin(spa), _origin(spa)), (FOREIGN, None)):
        spa.http.headers["Origin"] = origin
        for answer in (spa.userinfo("unknown"), spa.http.get("/oauth/userinfo")):
            assert answer.status_code == 401
            assert _allowed(answer) == expected


def test_no_script_reads_the_authorization_endpoint(world: World) -> None:
    """Covers L21."""
    spa, ann = world.public_client(), world.person()
    ann.browser.headers["Origin"] = _origin(spa)
    assert _allowed(spa.ask(ann.browser)) is None
    assert _allowed(spa.ask(ann.browser, prompt="none")) is None


def test_what_is_public_anybody_reads(world: World) -> None:
    """Covers B09: discovery and keys, which say nothing about anybody."""
    client = world.browser(same_origin=False)
    for path in ("/oauth/jwks", "/.well-known/openid-configuration"):
        assert _allowed(client.get(path, headers={"Origin": FOREIGN})) == "*"
