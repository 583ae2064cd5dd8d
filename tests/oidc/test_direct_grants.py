"""Tokens without the authorization endpoint: an application's own, and those for a password."""

from __future__ import annotations

from typing import Any

import pytest
from httpx import Response

from ostiary.domain.session import EndReason
from ostiary.services import applications, end, passwords
from ostiary.storage import tables
from tests.oidc.flow import EVERY_SCOPE, Client, World, good, refused
from tests.support.installation import PASSWORD

OWN = {"grant_type": "client_credentials"}


def _own(client: Client, **more: str) -> dict[str, Any]:
    return good(client.call("/oauth/token", **{**OWN, **more}))


def _password(client: Client, name: str, secret: str = PASSWORD, **more: str) -> Response:
    fields = {"grant_type": "password", "username": name, "password": secret, **more}
    return client.call("/oauth/token", **fields)


def _session_of(world: World, client: Client) -> Any:
    key = world.rows(tables.application, name=client.name)[0].key
    return world.rows(tables.session, application_key=key)[-1]


# client_credentials


def test_an_application_has_a_token_of_its_own(world: World) -> None:
    """Covers L21: without user, session and refresh token, under a name that no user can have."""
    wiki = world.client()
    answer = _own(wiki)
    assert set(answer) == {"access_token", "token_type", "expires_in", "scope"}
    assert answer["scope"] == "read write"
    claims = world.claims(answer["access_token"], typ="at+jwt")
    assert claims["sub"] == f"client/{wiki.client_id}"
    assert not {"sid", "auth_time", "amr", "acr", "grant_id"} & set(claims)
    said = wiki.introspect(answer["access_token"])
    assert said["active"]
    assert (said["sub"], said["organization"]) == (claims["sub"], "acme")
    assert "username" not in said
    assert "sid" not in said


def test_its_scopes_are_its_own_and_never_about_users(world: World) -> None:
    """Covers D13."""
    wiki = world.client()
    assert _own(wiki, scope="write openid profile offline_access unheard_of")["scope"] == "write"
    token = _own(wiki, scope="openid")
    assert token["scope"] == ""
    assert "id_token" not in token


def test_it_ends_with_its_time_its_application_and_by_revocation(world: World) -> None:
    """Covers L07, R03."""
    wiki, other = world.client(access_token_lifetime=60), world.client()
    expired, revoked = (_own(wiki)["access_token"] for _ in range(2))
    good(wiki.revoke(revoked))
    assert not wiki.is_active(revoked)
    world.clock.forward(seconds=59)
    assert wiki.is_active(expired)
    world.clock.forward(seconds=1)
    assert not wiki.is_active(expired)
    last = _own(wiki)["access_token"]
    world.write(applications.delete_application, world.act(), wiki.name)
    assert not other.is_active(last)
    refused(wiki.call("/oauth/token", **OWN), "invalid_client", 401)


def test_it_can_be_opaque(world: World) -> None:
    wiki = world.client(access_token_format="opaque")
    token = _own(wiki)["access_token"]
    assert "." not in token
    assert wiki.introspect(token)["scope"] == "read write"


# password


def test_a_password_is_a_sign_in_like_any_other(world: World) -> None:
    """Covers C08, L16: a session that can be seen, limited and ended."""
    wiki, ann = world.client(), world.person()
    tokens = good(_password(wiki, ann.name, scope="openid profile nonsense"))
    assert tokens["scope"] == "openid profile"
    claims = world.claims(tokens["id_token"])
    assert claims["sub"] == ann.user_id
    assert claims["auth_time"] == world.timestamp()
    assert "nonce" not in claims
    session = _session_of(world, wiki)
    [used] = world.rows(tables.client_session, session_id=session.id)
    assert used.sid == claims["sid"]
    newer = good(wiki.refresh(tokens["refresh_token"]))
    world.write(end.end_one, world.act(), session.id)
    assert wiki.is_dead(newer)
    assert _session_of(world, wiki).ended_reason == EndReason.REVOKED


def test_nothing_offline_is_had_by_a_password(world: World) -> None:
    """Covers G14: nobody could be asked."""
    wiki, ann = world.client(), world.person()
    answer = good(_password(wiki, ann.name, scope=" ".join(EVERY_SCOPE)))
    assert "offline_access" not in answer["scope"].split()


@pytest.mark.parametrize("who", ["wrong", "unknown", "disabled", "elsewhere"])
def test_who_may_not_sign_in_gets_nothing_and_nobody_learns_why(world: World, who: str) -> None:
    """Covers C10, C08."""
    wiki, ann = world.client(), world.person()
    if who == "disabled":
        ann.change(disabled=True)
    if who == "elsewhere":
        world.organization("initech")
        wiki = world.client(organization="initech")
    name = "nobody-of-this-name" if who == "unknown" else ann.name
    answer = _password(wiki, name, "wrong" if who == "wrong" else PASSWORD)
    text = refused(answer, "invalid_grant")
    assert text == refused(_password(world.client(), "somebody else", "wrong"), "invalid_grant")
    assert not world.rows(tables.session, application_key=_key(world, wiki))


def _key(world: World, client: Client) -> int:
    return int(world.rows(tables.application, name=client.name)[0].key)


def test_guessing_is_slowed_down_as_on_the_sign_in_page(world: World) -> None:
    """Covers C01, C08, E11, R09."""
    wiki, ann = world.client(), world.person()
    for _ in range(world.policy.failures_before_delay):
        refused(_password(wiki, ann.name, "wrong"), "invalid_grant")
    answer = _password(wiki, ann.name)
    refused(answer, "invalid_grant", 429)
    wait = int(answer.headers["retry-after"])
    world.clock.forward(seconds=wait)
    good(_password(wiki, ann.name))


def test_a_password_that_has_to_be_changed_first_is_not_enough(world: World) -> None:
    """Covers C11."""
    wiki, ann, boss = world.client(), world.person(), world.person(is_admin=True)
    passwords.set_for(world.house, boss.act, "acme", ann.name, "a temporary pass phrase")
    refused(_password(wiki, ann.name, "a temporary pass phrase"), "invalid_grant")


def test_an_application_that_nobody_may_sign_in_to_gives_nothing(world: World) -> None:
    wiki, ann = world.client(sign_in_disabled=True), world.person()
    refused(_password(wiki, ann.name), "invalid_grant")
