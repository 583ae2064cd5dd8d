"""Refresh tokens: rotation, reuse, the answer that was lost, and what ends them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from ostiary.domain.errors import Misconfigured
from ostiary.domain.session import EndReason
from ostiary.gateways.keys import vault_of_secret
from ostiary.services import consent, end, passwords, retention, users
from ostiary.services.ending import end_sessions
from ostiary.storage import tables
from tests.oidc.flow import Client, Person, World, good, refused

OFFLINE = "openid offline_access"
SPARED = {EndReason.SIGNED_OUT, EndReason.IDLE, EndReason.EXPIRED, EndReason.DISPLACED}


def _row(world: World, token: str) -> Any:
    [row] = world.rows(tables.token, hash=hashlib.sha256(token.encode()).digest())
    return row


def _refreshed(client: Client, tokens: dict[str, Any], **more: str) -> dict[str, Any]:
    return good(client.refresh(tokens["refresh_token"], **more))


@pytest.fixture(params=["public", "confidential"])
def app(request: pytest.FixtureRequest, world: World) -> Client:
    """An application of each kind in turn: the rules are the same for both."""
    return world.public_client() if request.param == "public" else world.client()


# What a refresh answers


def test_a_refresh_answers_new_tokens_of_the_same_authentication(world: World, app: Client) -> None:
    """Covers G05, G13, L12: when the user authenticated does not change by refreshing."""
    ann = world.person()
    world.clock.forward(minutes=1)
    first = app.tokens(ann)
    world.clock.forward(minutes=3)
    second = _refreshed(app, first)
    for name in ("access_token", "refresh_token", "id_token"):
        assert first[name] != second[name]
    before, after = world.claims(first["id_token"]), world.claims(second["id_token"])
    for name in ("iss", "sub", "aud", "auth_time", "sid", "amr", "acr"):
        assert before[name] == after[name]
    assert after["iat"] == before["iat"] + 180
    assert "nonce" in before
    assert "nonce" not in after
    assert world.claims(second["access_token"])["auth_time"] == before["auth_time"]
    assert good(app.userinfo(second["access_token"]))["sub"] == after["sub"]


def test_what_changed_about_the_user_is_in_the_new_tokens(world: World) -> None:
    ann, wiki = world.person(), world.client()
    tokens = wiki.tokens(ann)
    ann.change(email="new@acme.example", display_name="Ann Other")
    claims = world.claims(_refreshed(wiki, tokens)["id_token"])
    assert (claims["email"], claims["name"]) == ("new@acme.example", "Ann Other")


def test_a_refresh_may_ask_for_less_and_never_for_more(world: World) -> None:
    """Covers L04: less is for the access token; the grant keeps what it has."""
    ann, wiki = world.person(), world.client()
    tokens = wiki.tokens(ann, scope="openid profile read")
    for more in ("openid write", "openid profile read email", "nonsense"):
        refused(wiki.refresh(tokens["refresh_token"], scope=more), "invalid_scope")
    less = _refreshed(wiki, tokens, scope="read")
    assert less["scope"] == "read"
    assert "id_token" not in less
    assert world.claims(less["access_token"])["scope"] == "read"
    again = _refreshed(wiki, less, scope="")
    assert again["scope"] == "openid profile read"


def test_a_refresh_token_is_its_clients_alone(world: World) -> None:
    """Covers L04: another one that has it can neither use it nor spoil it, spent or not."""
    ann, wiki, other = world.person(), world.client(), world.client()
    tokens = wiki.tokens(ann)
    refused(other.refresh(tokens["refresh_token"]), "invalid_grant")
    new = _refreshed(wiki, tokens)
    refused(other.refresh(tokens["refresh_token"]), "invalid_grant")
    world.clock.forward(minutes=1)
    refused(other.refresh(tokens["refresh_token"]), "invalid_grant")
    assert ann.ended is None
    assert _refreshed(wiki, new)["scope"] == new["scope"]


# Reuse


def test_reuse_ends_the_family_and_the_session(world: World, app: Client) -> None:
    """Covers D09, L17, W14: and only then; who is told why, and every application."""
    ann, mail = world.person(), world.client()
    elsewhere = mail.tokens(ann)
    first = app.tokens(ann)
    second = _refreshed(app, first)
    third = _refreshed(app, second)
    world.clock.forward(seconds=11)
    refused(app.refresh(first["refresh_token"]), "invalid_grant")
    assert ann.ended is EndReason.TOKEN_REUSE
    refused(app.refresh(third["refresh_token"]), "invalid_grant")
    assert mail.userinfo(third["access_token"]).status_code == 401
    assert mail.is_dead(elsewhere)
    [event] = world.rows(tables.audit_event, session_id=ann.session_id, event="session.ended")
    assert event.actor == f"app/{app.name}"
    assert json.loads(event.detail)["reason"] == "token_reuse"
    [reused] = world.rows(tables.audit_event, session_id=ann.session_id, event="grant.reused")
    assert (reused.application, json.loads(reused.detail)["what"]) == (app.name, "refresh")


def test_reuse_of_an_offline_token_ends_it_though_its_session_is_long_gone(world: World) -> None:
    """Covers D09, W14."""
    ann, wiki = world.person(), world.client()
    first = wiki.tokens(ann, scope=OFFLINE)
    ann.sign_out()
    second = _refreshed(wiki, first)
    world.clock.forward(seconds=11)
    refused(wiki.refresh(first["refresh_token"]), "invalid_grant")
    assert wiki.is_dead(second)
    assert ann.ended is EndReason.SIGNED_OUT


def test_a_token_that_is_long_expired_is_no_reuse(world: World) -> None:
    """Whoever finds it in an old backup cannot sign anybody out."""
    wiki = world.client(refresh_token_idle=60)
    ann = world.person()
    first = wiki.tokens(ann)
    _refreshed(wiki, first)
    world.clock.forward(seconds=60)
    refused(wiki.refresh(first["refresh_token"]), "invalid_grant")
    assert ann.ended is None


# The answer that was lost


def test_a_client_that_asks_again_at_once_gets_the_very_same_answer(
    world: World, app: Client
) -> None:
    """Covers L17: it loses no session because an answer was lost on its way."""
    ann = world.person()
    first = app.tokens(ann)
    given = app.refresh(first["refresh_token"])
    world.clock.forward(seconds=10)
    again = app.refresh(first["refresh_token"])
    assert again.content == given.content
    assert ann.ended is None
    assert len(world.rows(tables.token, grant_id=_row(world, first["refresh_token"]).grant_id)) == 5
    assert _refreshed(app, given.json())["refresh_token"]


def test_after_ten_seconds_it_is_reuse(world: World, app: Client) -> None:
    """Covers L17."""
    ann = world.person()
    first = app.tokens(ann)
    _refreshed(app, first)
    world.clock.forward(seconds=10.001)
    refused(app.refresh(first["refresh_token"]), "invalid_grant")
    assert ann.ended is EndReason.TOKEN_REUSE


def test_once_the_successor_was_used_it_is_reuse(world: World, app: Client) -> None:
    """Covers L17: there are never two families, and the answer is forgotten."""
    ann = world.person()
    first = app.tokens(ann)
    second = _refreshed(app, first)
    assert _row(world, first["refresh_token"]).sealed_detail
    _refreshed(app, second)
    assert not _row(world, first["refresh_token"]).sealed_detail
    refused(app.refresh(first["refresh_token"]), "invalid_grant")
    assert ann.ended is EndReason.TOKEN_REUSE


def test_the_answer_is_kept_so_that_only_the_spent_token_opens_it(world: World) -> None:
    """Covers R01: neither the store nor its key is enough."""
    ann, wiki = world.person(), world.client()
    first = wiki.tokens(ann)
    second = _refreshed(wiki, first)
    sealed = _row(world, first["refresh_token"]).sealed_detail
    opened = vault_of_secret(first["refresh_token"]).unseal(sealed, "token answer")
    assert msgspec.json.decode(opened) == second
    for other in (world.house.vault, vault_of_secret(second["refresh_token"])):
        with pytest.raises(Misconfigured):
            other.unseal(sealed, "token answer")


def test_a_lost_answer_is_not_given_once_the_session_is_over(world: World) -> None:
    """Covers A10, R03."""
    ann, wiki = world.person(), world.client()
    first = wiki.tokens(ann)
    second = _refreshed(wiki, first)
    ann.sign_out()
    assert "over" in refused(wiki.refresh(first["refresh_token"]), "invalid_grant")
    assert wiki.is_dead(second)


def test_an_answer_is_forgotten_by_the_purge_at_the_latest(own_world: World) -> None:
    world = own_world
    ann, wiki = world.person(), world.client()
    first = wiki.tokens(ann)
    _refreshed(wiki, first)
    world.clock.forward(days=60)
    while world.write(retention.purge, world.clock.now, world.policy):
        pass
    assert not world.rows(tables.token)
    assert not world.rows(tables.grant)
    refused(wiki.refresh(first["refresh_token"]), "invalid_grant")


# Time


def test_a_refresh_token_that_is_not_used_expires_and_each_use_renews_it(world: World) -> None:
    """Covers L17."""
    wiki = world.client(refresh_token_idle=600, refresh_token_absolute=86_400)
    ann = world.person()
    tokens = wiki.tokens(ann, scope=OFFLINE)
    for _ in range(3):
        world.clock.forward(seconds=599)
        tokens = _refreshed(wiki, tokens)
    world.clock.forward(seconds=600)
    refused(wiki.refresh(tokens["refresh_token"]), "invalid_grant")
    assert not wiki.is_active(tokens["refresh_token"])


def test_no_refreshing_leads_beyond_the_absolute_end(world: World) -> None:
    """Covers D11: the last access token ends with it too."""
    wiki = world.client(refresh_token_idle=3_000, refresh_token_absolute=7_200)
    ann = world.person()
    began = world.timestamp()
    tokens = wiki.tokens(ann, scope=OFFLINE)
    for _ in range(3):
        world.clock.forward(seconds=2_380)
        tokens = _refreshed(wiki, tokens)
    assert tokens["expires_in"] == 60
    assert wiki.introspect(tokens["refresh_token"])["exp"] == began + 7_200
    world.clock.forward(seconds=60)
    assert wiki.is_dead(tokens)


def test_refreshing_is_no_use_of_the_session(world: World) -> None:
    """Covers A08: an application that is left open keeps nobody signed in."""
    ann, wiki = world.person(), world.client()
    tokens = wiki.tokens(ann)
    seen = ann.session.last_seen_at
    idle = ann.session.idle_seconds
    for _ in range(3):
        world.clock.forward(seconds=idle // 4)
        tokens = _refreshed(wiki, tokens)
        good(wiki.userinfo(tokens["access_token"]))
        wiki.introspect(tokens["access_token"])
    assert ann.session.last_seen_at == seen
    world.clock.forward(seconds=idle - 3 * (idle // 4))
    assert wiki.is_dead(tokens)


# What ends them: online ones end with the session, offline ones outlive four ways (W13)


@pytest.mark.parametrize("reason", EndReason)
def test_no_token_outlives_its_session_but_offline_ones_four_endings(
    world: World, reason: EndReason
) -> None:
    """Covers A10, G14, I06, R03, W13."""
    ann, wiki = world.person(), world.client()
    online, offline = wiki.tokens(ann), wiki.tokens(ann, scope=OFFLINE)
    world.write(end_sessions, world.act(), [ann.session_id], reason)
    assert ann.ended is reason
    assert wiki.is_dead(online)
    assert wiki.is_dead(offline) == (reason not in SPARED)


@pytest.mark.parametrize("hours", [1, 24])
def test_offline_tokens_outlive_a_session_that_runs_out(world: World, hours: int) -> None:
    """Covers A08, A09, G14, I06: idle or expired, swept or not yet."""
    ann, wiki = world.person(), world.client()
    online, offline = wiki.tokens(ann), wiki.tokens(ann, scope=OFFLINE)
    world.clock.forward(hours=hours)
    assert wiki.is_dead(online)
    offline = _refreshed(wiki, offline)
    while world.write(retention.sweep, world.clock.now):
        pass
    assert ann.ended in {EndReason.IDLE, EndReason.EXPIRED}
    offline = _refreshed(wiki, offline)
    assert wiki.is_active(offline["access_token"])


def test_an_offline_token_names_its_grant_and_no_session(world: World) -> None:
    """Covers G14, W15: what follows sessions by ``sid`` must not take it for one of them."""
    ann, wiki = world.person(), world.client()
    tokens = wiki.tokens(ann, scope=OFFLINE)
    grant_id = _row(world, tokens["refresh_token"]).grant_id
    for found in (
        world.claims(tokens["access_token"]),
        wiki.introspect(tokens["access_token"]),
        wiki.introspect(tokens["refresh_token"]),
    ):
        assert "sid" not in found
        assert found["grant_id"] == grant_id


def test_offline_access_is_not_had_without_consent_or_without_refreshing(world: World) -> None:
    """Covers G14: silently, what is not granted is left out; the token dies with the session."""
    ann, wiki = world.person(), world.client()
    answer = wiki.ask(ann.browser, scope=OFFLINE)
    assert answer.headers["location"].startswith("/consent?")
    silent = wiki.ask(ann.browser, scope=OFFLINE, prompt="none")
    code = silent.headers["location"].partition("code=")[2].partition("&")[0]
    tokens = good(wiki.exchange(code))
    assert tokens["scope"] == "openid"
    ann.sign_out()
    assert wiki.is_dead(tokens)
    bob = world.person()
    short = world.client(grant_types=("authorization_code",))
    assert short.tokens(bob, scope=OFFLINE)["scope"] == "openid"


def _disable(ann: Person) -> None:
    ann.change(disabled=True)
    ann.change(disabled=False)


def _set_password(ann: Person) -> None:
    passwords.set_for(ann.world.house, ann.world.act(), "acme", ann.name, "an other pass phrase")


def _delete(ann: Person) -> None:
    ann.world.write(users.delete_user, ann.world.act(), "acme", ann.name)


@pytest.mark.parametrize("what", [_disable, _set_password, _delete])
def test_what_happens_to_the_user_ends_offline_tokens_of_sessions_that_are_gone(
    world: World, what: Callable[[Person], None]
) -> None:
    """Covers A11, L17, W13: for good, though she is enabled again."""
    ann, wiki = world.person(), world.client()
    tokens = wiki.tokens(ann, scope=OFFLINE)
    ann.sign_out()
    what(ann)
    assert wiki.is_dead(tokens)


def test_a_password_of_her_own_choice_spares_what_is_used_with_it(world: World) -> None:
    """Covers A12, L17: the session in which she changes it goes on; the others' tokens end."""
    ann, wiki = world.person(), world.client()
    other = world.again("acme", ann.name)
    here, there = wiki.tokens(ann, scope=OFFLINE), wiki.tokens(other, scope=OFFLINE)
    passwords.change_own(
        world.house, ann.act, "correct horse battery staple", "an other pass phrase"
    )
    assert not wiki.is_dead(here)
    assert wiki.is_dead(there)


def test_a_consent_that_is_taken_back_ends_what_was_granted(world: World) -> None:
    """Covers D12: of that application, and of no other."""
    ann, wiki, mail = world.person(), world.client(), world.client()
    kept, taken = mail.tokens(ann, scope=OFFLINE), wiki.tokens(ann, scope=OFFLINE)
    world.write(consent.withdraw, ann.act, wiki.name)
    assert wiki.is_dead(taken)
    assert not mail.is_dead(kept)
    assert ann.ended is None


def test_ending_one_session_leaves_the_tokens_of_another(world: World) -> None:
    """Covers A14."""
    ann, wiki = world.person(), world.client()
    phone = world.again("acme", ann.name)
    here, there = wiki.tokens(ann), wiki.tokens(phone)
    world.write(end.end_one, world.act(), ann.session_id)
    assert wiki.is_dead(here)
    assert not wiki.is_dead(there)


def test_a_session_that_is_authenticated_anew_keeps_its_tokens(world: World) -> None:
    """Covers A07, G05: the cookie is another one; tokens keep the time they began with."""
    ann, wiki = world.person(), world.client()
    tokens = wiki.tokens(ann)
    began = world.claims(tokens["id_token"])["auth_time"]
    world.clock.forward(minutes=5)
    anew = world.again("acme", ann.name, secret=ann.secret)
    assert anew.session_id == ann.session_id
    assert world.claims(_refreshed(wiki, tokens)["id_token"])["auth_time"] == began
    assert world.claims(wiki.tokens(anew)["id_token"])["auth_time"] == began + 300
