"""Introspection and revocation: what a token is, for whom, and its giving up (RFC 7662, 7009)."""

from __future__ import annotations

import json

import pytest

from ostiary.services import end
from ostiary.storage import tables
from tests.oidc.flow import World, good, refused

INACTIVE = {"active": False}


# Introspection


@pytest.mark.parametrize("kind", ["jwt", "opaque"])
def test_a_good_access_token_is_described(world: World, kind: str) -> None:
    """Covers G05, G06, L11, L12: the same of either form, with the session by its ``sid``."""
    ann, wiki = world.person(), world.client(access_token_format=kind)
    tokens = wiki.tokens(ann)
    said = wiki.introspect(tokens["access_token"])
    id_token = world.claims(tokens["id_token"])
    now = world.timestamp()
    assert said == {
        "active": True,
        "iss": world.public_url,
        "client_id": wiki.client_id,
        "aud": wiki.client_id,
        "sub": ann.user_id,
        "username": ann.name,
        "organization": "acme",
        "scope": "openid profile email",
        "token_type": "Bearer",
        "iat": now,
        "exp": now + 300,
        "jti": said["jti"],
        "sid": id_token["sid"],
        "auth_time": id_token["auth_time"],
        "amr": id_token["amr"],
        "acr": id_token["acr"],
    }
    if kind == "jwt":
        claims = world.claims(tokens["access_token"])
        assert {name: said[name] for name in claims if name != "epochs"} == {
            name: value for name, value in claims.items() if name != "epochs"
        }


def test_a_refresh_token_is_described_without_what_only_access_tokens_have(world: World) -> None:
    """Covers L11."""
    ann, wiki = world.person(), world.client(refresh_token_idle=600)
    said = wiki.introspect(wiki.tokens(ann)["refresh_token"])
    assert said["active"]
    assert said["exp"] == world.timestamp() + 600
    assert "token_type" not in said
    assert "jti" not in said


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
def test_a_hint_makes_no_difference(world: World, hint: str) -> None:
    """Covers L07, L11."""
    ann, wiki = world.person(), world.client()
    tokens = wiki.tokens(ann)
    for name in ("access_token", "refresh_token"):
        assert wiki.introspect(tokens[name], token_type_hint=hint)["active"]
    good(wiki.revoke(tokens["refresh_token"], token_type_hint=hint))
    assert not wiki.is_active(tokens["access_token"])


@pytest.mark.parametrize("token", ["x", "A" * 43, "a.b.c", "é" * 43, "x" * 17_000, "\x00"])
def test_of_what_is_not_ours_nothing_is_said(world: World, token: str) -> None:
    """Covers L11."""
    assert world.client().introspect(token) == INACTIVE


def test_of_what_is_over_nothing_is_said(world: World) -> None:
    """Covers A10, L11, R03: whatever the reason, the answer is the same, to the byte."""
    wiki = world.client()
    ann, bob = world.person(), world.person()
    spent, ended = wiki.tokens(ann), wiki.tokens(bob)
    good(wiki.refresh(spent["refresh_token"]))
    world.write(end.end_one, world.act(), bob.session_id)
    for token in (spent["refresh_token"], ended["access_token"], ended["refresh_token"], "unknown"):
        answer = wiki.call("/oauth/introspect", token=token)
        assert answer.content == b'{"active":false}'
    assert wiki.is_active(spent["access_token"])
    world.clock.forward(minutes=5)
    assert wiki.introspect(spent["access_token"]) == INACTIVE


def test_who_asks_has_to_prove_who_it_is(world: World) -> None:
    """Covers L11."""
    ann, wiki = world.person(), world.client()
    token = wiki.tokens(ann)["access_token"]
    refused(wiki.post("/oauth/introspect", {"token": token}), "invalid_client", 401)
    by_token = {"Authorization": f"Bearer {token}"}
    refused(
        wiki.post("/oauth/introspect", {"token": token}, headers=by_token), "invalid_client", 401
    )
    refused(wiki.call("/oauth/introspect"), "invalid_request")


def test_applications_know_of_their_own_organizations_access_tokens(world: World) -> None:
    """Covers L11, R07: a token comes to a neighbour when its bearer calls it."""
    world.organization("hooli")
    ann, wiki, mail = world.person(), world.client(), world.client()
    shop = world.client(organization="hooli")
    tokens = wiki.tokens(ann)
    assert mail.introspect(tokens["access_token"])["client_id"] == wiki.client_id
    assert mail.introspect(tokens["refresh_token"]) == INACTIVE
    assert shop.introspect(tokens["access_token"]) == INACTIVE
    assert shop.introspect(tokens["refresh_token"]) == INACTIVE


def test_introspecting_spends_nothing_and_is_no_use_of_the_session(world: World) -> None:
    ann, wiki = world.person(), world.client()
    tokens = wiki.tokens(ann)
    seen = ann.session.last_seen_at
    world.clock.forward(minutes=4)
    for _ in range(3):
        assert wiki.is_active(tokens["refresh_token"])
    assert ann.session.last_seen_at == seen
    good(wiki.refresh(tokens["refresh_token"]))


# Revocation


def test_a_refresh_token_takes_everything_of_its_grant_with_it(world: World) -> None:
    """Covers D12, L07, L08: and nothing of another one; the session lives."""
    ann, wiki = world.person(), world.client()
    given_up, kept = wiki.tokens(ann), wiki.tokens(ann)
    newer = good(wiki.refresh(given_up["refresh_token"]))
    answer = wiki.revoke(newer["refresh_token"])
    assert good(answer) == {}
    assert wiki.is_dead(newer)
    assert not wiki.is_active(given_up["access_token"])
    assert not wiki.is_dead(kept)
    assert ann.ended is None
    [event] = world.rows(tables.audit_event, event="grant.revoked", application=wiki.name)
    assert event.actor == f"app/{wiki.name}"
    assert json.loads(event.detail)["what"] == "refresh"


def test_an_access_token_goes_alone(world: World) -> None:
    """Covers D12, L07: the application may have a new one by refreshing."""
    ann, wiki = world.person(), world.client()
    tokens = wiki.tokens(ann)
    good(wiki.revoke(tokens["access_token"]))
    assert not wiki.is_active(tokens["access_token"])
    assert wiki.userinfo(tokens["access_token"]).status_code == 401
    assert wiki.is_active(good(wiki.refresh(tokens["refresh_token"]))["access_token"])


def test_a_spent_refresh_token_is_given_up_with_what_came_after_it(world: World) -> None:
    """Covers L08: a client that lost the answer and leaves must not leave the door open."""
    ann, wiki = world.person(), world.client()
    tokens = wiki.tokens(ann)
    newer = good(wiki.refresh(tokens["refresh_token"]))
    good(wiki.revoke(tokens["refresh_token"]))
    assert wiki.is_dead(newer)
    assert ann.ended is None


def test_revoking_what_is_not_there_is_no_error(world: World) -> None:
    """Covers L07: unknown, given up already, another kind, another client's."""
    ann, wiki, other = world.person(), world.client(), world.client()
    tokens, code = wiki.tokens(ann), wiki.code(ann)
    for token in ("unknown", "x" * 17_000, tokens["id_token"], code):
        assert good(wiki.revoke(token)) == {}
    good(wiki.exchange(code))
    for name in ("access_token", "refresh_token"):
        good(other.revoke(tokens[name]))
        assert wiki.is_active(tokens[name])
    for _ in range(2):
        good(wiki.revoke(tokens["refresh_token"]))
    assert len(world.rows(tables.audit_event, event="grant.revoked", application=wiki.name)) == 1


def test_revoking_needs_the_client_and_the_token(world: World) -> None:
    """Covers D13, L07."""
    ann, wiki = world.person(), world.client()
    token = wiki.tokens(ann)["refresh_token"]
    refused(wiki.post("/oauth/revoke", {"token": token}), "invalid_client", 401)
    refused(wiki.call("/oauth/revoke"), "invalid_request")
    assert wiki.is_active(token)


def test_a_public_client_gives_up_its_own_tokens(world: World) -> None:
    """Covers D12, L07."""
    ann, spa = world.person(), world.public_client()
    tokens = spa.tokens(ann)
    good(spa.revoke(tokens["refresh_token"]))
    assert spa.userinfo(tokens["access_token"]).status_code == 401
    refused(spa.refresh(tokens["refresh_token"]), "invalid_grant")


def test_a_session_that_ends_after_its_tokens_still_tells_the_application(world: World) -> None:
    """Covers I05: revoking first must not make the logout notice go missing."""
    ann, wiki = world.person(), world.client(backchannel_logout_uri="https://wiki.example/out")
    tokens = wiki.tokens(ann)
    good(wiki.revoke(tokens["refresh_token"]))
    ended = world.write(end.end_one, world.act(), ann.session_id)
    assert ended.pending == (wiki.name,)
    [notice] = world.rows(tables.notice, session_id=ann.session_id)
    assert notice.sid == world.claims(tokens["id_token"])["sid"]
