"""Userinfo: what an access token lets an application know, and how it is refused (Core 5.3)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from httpx import Response

from tests.oidc.flow import Client, World, good

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def _bearer(token: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"Authorization": f"{scheme} {token}"}


def _challenge(answer: Response, status: int, error: str) -> str:
    assert answer.status_code == status
    assert answer.json()["error"] == error
    assert answer.headers["cache-control"] == "no-store"
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith(f'Bearer realm="ostiary", error="{error}"')
    return str(challenge)


def test_userinfo_answers_by_get_and_post_for_the_subject_of_the_id_token(world: World) -> None:
    """Covers G15."""
    ann, wiki = world.person(), world.client()
    tokens = wiki.tokens(ann)
    token = tokens["access_token"]
    answers = [
        wiki.http.get("/oauth/userinfo", headers=_bearer(token)),
        wiki.http.get("/oauth/userinfo", headers=_bearer(token, "bearer")),
        wiki.http.post("/oauth/userinfo", headers=_bearer(token)),
        wiki.http.post("/oauth/userinfo", content=urlencode({"access_token": token}), headers=FORM),
    ]
    said = [good(answer) for answer in answers]
    assert said[0] == said[1] == said[2] == said[3]
    assert said[0]["sub"] == world.claims(tokens["id_token"])["sub"] == ann.user_id


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ("openid", set()),
        ("openid profile", {"name", "preferred_username", "updated_at", "given_name", "locale"}),
        ("openid email", {"email", "email_verified"}),
        ("openid phone", {"phone_number", "phone_number_verified"}),
        ("openid address", {"address"}),
        ("openid groups", {"groups"}),
    ],
)
def test_each_scope_tells_what_it_is_for_and_nothing_else(
    world: World, scope: str, names: set[str]
) -> None:
    """Covers W15, D13: in userinfo and ID token alike, and never anything secret."""
    extra = {
        "firstName": "Ann",
        "language": "de",
        "address": ["1 Main Street", "Springfield"],
        "groups": ["staff", 5, "admins"],
        "emailVerified": True,
        "totpSecret": "JBSWY3DPEHPK3PXP",
        "passwordSalt": "salt",
        "recoveryCodes": ["one", "two"],
        "accessSecret": "s3cret",
    }
    ann = world.person(email=f"{scope[7:]}@acme.example", phone="+1 555 0100", extra=extra)
    wiki = world.client()
    tokens = wiki.tokens(ann, scope=scope)
    said = good(wiki.userinfo(tokens["access_token"]))
    assert set(said) == {"sub"} | names
    assert set(world.claims(tokens["id_token"])) >= names
    for told in (said, world.claims(tokens["id_token"]), world.claims(tokens["access_token"])):
        text = str(told)
        assert not any(s in text for s in ("JBSWY3DPEHPK3PXP", "s3cret", "salt", "recovery"))
    expected: dict[str, Any] = {
        "email_verified": True,
        "phone_number_verified": False,
        "address": {"formatted": "1 Main Street\nSpringfield"},
        "groups": ["staff", "admins"],
        "given_name": "Ann",
        "preferred_username": ann.name,
    }
    for name in names & set(expected):
        assert said[name] == expected[name]


def test_what_is_not_known_is_left_out(world: World) -> None:
    """Core 5.3.2."""
    ann, wiki = world.person(), world.client()
    tokens = wiki.tokens(ann, scope="openid email phone address groups")
    said = good(wiki.userinfo(tokens["access_token"]))
    assert said == {"sub": ann.user_id, "groups": []}


def test_without_a_token_nobody_is_told_what_would_be_wrong_with_one(world: World) -> None:
    """Covers L06."""
    wiki = world.client()
    for headers in ({}, wiki.headers(), {"Authorization": "Digest x"}):
        answer = wiki.http.get("/oauth/userinfo", headers=headers)
        assert (answer.status_code, answer.json()) == (401, {})
        assert answer.headers["www-authenticate"] == 'Bearer realm="ostiary"'


@pytest.mark.parametrize("token", ["x", "A" * 43, "a.b.c", "é", "x" * 17_000, "a b"])
def test_a_token_that_is_not_ours_is_invalid(world: World, token: str) -> None:
    """Covers L06."""
    client = world.client().http
    answer = client.get("/oauth/userinfo", headers={"Authorization": f"Bearer {token}".encode()})
    _challenge(answer, 401, "invalid_token")


def test_a_token_that_is_over_is_invalid(world: World) -> None:
    """Covers L06, G15, A10, R03: expired, revoked, or its session has ended."""
    wiki = world.client()
    ann, bob, eve = world.person(), world.person(), world.person()
    expired, revoked, ended = (wiki.tokens(p)["access_token"] for p in (ann, bob, eve))
    wiki.revoke(revoked)
    eve.be_revoked()
    for token in (revoked, ended):
        _challenge(wiki.userinfo(token), 401, "invalid_token")
    good(wiki.userinfo(expired))
    world.clock.forward(minutes=5)
    _challenge(wiki.userinfo(expired), 401, "invalid_token")


def test_a_token_that_is_not_about_identity_has_too_little_scope(world: World) -> None:
    """Covers L06."""
    ann, wiki = world.person(), world.client()
    own = good(wiki.call("/oauth/token", grant_type="client_credentials"))["access_token"]
    for token in (wiki.tokens(ann, scope="read")["access_token"], own):
        challenge = _challenge(wiki.userinfo(token), 403, "insufficient_scope")
        assert challenge.endswith('scope="openid"')


def test_a_token_comes_once_and_never_in_the_address(world: World) -> None:
    """Covers L06: addresses end in logs and histories."""
    ann, wiki = world.person(), world.client()
    token = wiki.tokens(ann)["access_token"]
    body = urlencode({"access_token": token})
    twice = urlencode([("access_token", token), ("access_token", token)])
    for answer in (
        wiki.http.get(f"/oauth/userinfo?{body}"),
        wiki.http.get(f"/oauth/userinfo?{body}", headers=_bearer(token)),
        wiki.http.post("/oauth/userinfo", content=body, headers={**FORM, **_bearer(token)}),
        wiki.http.post("/oauth/userinfo", content=twice, headers=FORM),
    ):
        _challenge(answer, 400, "invalid_request")


def test_a_session_is_no_access_token_and_a_token_no_session(world: World) -> None:
    """Covers F10, E02: neither stands in for the other."""
    ann, wiki = world.person(), world.client()
    tokens = wiki.tokens(ann)
    _challenge(wiki.userinfo(ann.secret), 401, "invalid_token")
    assert ann.browser.get("/oauth/userinfo").status_code == 401
    browser = world.browser()
    page = browser.get("/account", headers=_bearer(tokens["access_token"]), follow_redirects=False)
    assert page.headers["location"].startswith("/sign-in")
    assert wiki.ask(browser, prompt="none").headers["location"].count("error=login_required") == 1
    check = world.browser().get("/check", headers=_bearer(tokens["access_token"]))
    assert check.status_code == 401


def test_what_changed_is_told_at_once(world: World) -> None:
    ann, wiki = world.person(), world.client()
    token = wiki.tokens(ann, scope="openid email")["access_token"]
    ann.change(email="brand-new@acme.example")
    assert good(wiki.userinfo(token))["email"] == "brand-new@acme.example"


def test_an_opaque_token_is_as_good(world: World) -> None:
    """Covers L12."""
    ann = world.person()
    wiki: Client = world.client(access_token_format="opaque")
    assert good(wiki.userinfo(wiki.tokens(ann)["access_token"]))["sub"] == ann.user_id
