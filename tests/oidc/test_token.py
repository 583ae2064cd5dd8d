"""The token endpoint: authorization codes, what is answered for them, and how it refuses."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from ostiary.domain.session import EndReason
from ostiary.gateways import signing
from ostiary.services import applications, end, keys, users
from ostiary.storage import cut_offs, tables
from tests.oidc.flow import VERIFIER, Client, World, good, refused

CODE = {"grant_type": "authorization_code"}


def _grant_of(world: World, client: Client) -> Any:
    key = world.rows(tables.application, name=client.name)[0].key
    return world.rows(tables.grant, application_key=key)[-1]


# What is answered


def test_a_code_is_exchanged_for_tokens_that_nobody_keeps(world: World) -> None:
    """Covers G11, G12, W22: two different tokens, and an answer that is not to be stored."""
    ann, wiki = world.person(), world.client()
    answer = wiki.exchange(wiki.code(ann))
    tokens = good(answer)
    assert answer.headers["pragma"] == "no-cache"
    assert set(tokens) == {
        "access_token",
        "token_type",
        "expires_in",
        "scope",
        "refresh_token",
        "id_token",
    }
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 300
    assert tokens["scope"] == "openid profile email"
    assert tokens["access_token"] != tokens["id_token"]


@pytest.mark.parametrize("alg", signing.ALGORITHMS)
def test_an_id_token_says_who_signed_in_when_and_how(world: World, alg: str) -> None:
    """Covers G05, G06, G12, G17, W15, W22."""
    ann, wiki = world.person(), world.client(id_token_alg=alg)
    signed_in_at = world.timestamp()
    world.clock.forward(minutes=2)
    tokens = wiki.tokens(ann, nonce="n-0S6_WzA2Mj")
    claims = world.claims(tokens["id_token"], typ="JWT")
    assert claims["iss"] == world.public_url
    assert claims["sub"] == ann.user_id
    assert claims["aud"] == wiki.client_id
    assert (claims["iat"], claims["exp"]) == (world.timestamp(), world.timestamp() + 3600)
    assert claims["auth_time"] == signed_in_at
    assert claims["amr"] == ["pwd"]
    assert claims["acr"] == ann.session.acr
    assert claims["nonce"] == "n-0S6_WzA2Mj"
    hashed = hashlib.new("sha512" if alg == "EdDSA" else "sha256", tokens["access_token"].encode())
    half = hashed.digest()[: hashed.digest_size // 2]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    assert len(claims["sub"]) <= 255
    assert claims["sub"].isascii()


def test_a_nonce_that_was_not_sent_is_not_in_the_id_token(world: World) -> None:
    """Covers G12."""
    ann, wiki = world.person(), world.client()
    assert "nonce" not in world.claims(wiki.tokens(ann, nonce=None)["id_token"])


def test_a_user_who_was_deleted_and_added_again_is_another_subject(world: World) -> None:
    """Covers G12, D04: nobody inherits what another one could reach."""
    ann, wiki = world.person(), world.client()
    before = world.claims(wiki.tokens(ann)["id_token"])["sub"]
    world.write(users.delete_user, world.act(), "acme", ann.name)
    world.user("acme", ann.name)
    after = world.claims(wiki.tokens(world.again("acme", ann.name))["id_token"])["sub"]
    assert before != after


def test_a_sid_is_one_for_a_session_and_opens_nothing(world: World) -> None:
    """Covers G17, W15: the same for one session, another for each device, and no cookie."""
    wiki = world.client()
    phone = world.person()
    laptop = world.again("acme", phone.name)
    sids = [
        world.claims(wiki.tokens(person)["id_token"])["sid"] for person in (phone, phone, laptop)
    ]
    assert sids[0] == sids[1] != sids[2]
    assert sids[0] not in {phone.session_id, phone.secret}
    assert hashlib.sha256(phone.secret.encode()).hexdigest() != sids[0]
    thief = world.browser()
    thief.cookies.set("sid", sids[0], domain="127.0.0.1")
    assert wiki.ask(thief, prompt="none").headers["location"].count("error=login_required") == 1


def test_an_access_token_is_a_jwt_of_its_own_type(world: World) -> None:
    """Covers L12, D02, W15, W22: RFC 9068, with the session and nothing secret."""
    ann, wiki = world.person(), world.client()
    tokens = wiki.tokens(ann)
    claims = world.claims(tokens["access_token"], typ="at+jwt")
    said = world.claims(tokens["id_token"])
    assert claims["iss"] == world.public_url
    assert (claims["sub"], claims["aud"], claims["client_id"]) == (
        ann.user_id,
        wiki.client_id,
        wiki.client_id,
    )
    assert (claims["iat"], claims["exp"]) == (world.timestamp(), world.timestamp() + 300)
    assert claims["scope"] == "openid profile email"
    assert claims["organization"] == "acme"
    assert claims["epochs"] == [0, 0, 0]
    for name in ("auth_time", "amr", "acr", "sid"):
        assert claims[name] == said[name]
    assert set(claims) == {
        *("iss", "sub", "aud", "client_id", "iat", "exp", "jti", "scope", "organization"),
        *("epochs", "auth_time", "amr", "acr", "sid"),
    }
    other = world.claims(wiki.tokens(ann)["access_token"])
    assert other["jti"] != claims["jti"]


def test_an_opaque_access_token_tells_nothing_and_is_known_here(world: World) -> None:
    """Covers A06, L05: 256 bits of chance, in the application that asks for such."""
    ann, wiki = world.person(), world.client(access_token_format="opaque")
    tokens = wiki.tokens(ann)
    token = tokens["access_token"]
    assert len(base64.urlsafe_b64decode(token + "=")) == 32
    assert wiki.introspect(token)["sub"] == ann.user_id
    assert good(wiki.userinfo(token))["sub"] == ann.user_id
    assert world.claims(tokens["id_token"])["at_hash"]


def test_codes_and_refresh_tokens_are_long_and_never_the_same(world: World) -> None:
    """Covers A06, L05."""
    ann, wiki = world.person(), world.client()
    codes = [wiki.code(ann) for _ in range(20)]
    refreshing = [good(wiki.exchange(code))["refresh_token"] for code in codes]
    values = codes + refreshing
    assert len(set(values)) == 40
    assert all(len(base64.urlsafe_b64decode(value + "=")) == 32 for value in values)


def test_the_lifetimes_are_the_applications(world: World) -> None:
    ann, wiki = world.person(), world.client(access_token_lifetime=77)
    tokens = wiki.tokens(ann)
    assert tokens["expires_in"] == 77
    world.clock.forward(seconds=76)
    assert wiki.is_active(tokens["access_token"])
    world.clock.forward(seconds=1)
    assert not wiki.is_active(tokens["access_token"])


def test_no_access_token_is_good_for_longer_than_its_session(world: World) -> None:
    """Covers A10: also for those who look at ``exp`` alone."""
    ann, wiki = world.person(), world.client(access_token_lifetime=86_400)
    world.clock.forward(minutes=10)
    tokens = wiki.tokens(ann)
    until = int(ann.session.idle_expires_at.timestamp())
    assert world.claims(tokens["access_token"])["exp"] == until
    assert tokens["expires_in"] == until - world.timestamp() < 86_400


def test_without_the_scope_openid_there_is_no_id_token(world: World) -> None:
    """Core 3.1.2.1: then it is no OpenID Connect request."""
    ann, wiki = world.person(), world.client()
    tokens = wiki.tokens(ann, scope="read")
    assert "id_token" not in tokens
    assert tokens["scope"] == "read"


def test_an_application_without_the_grant_gets_no_refresh_token(world: World) -> None:
    """Covers D08."""
    ann, wiki = world.person(), world.client(grant_types=("authorization_code",))
    tokens = wiki.tokens(ann, scope="openid")
    assert "refresh_token" not in tokens
    assert wiki.is_active(tokens["access_token"])


def test_no_token_and_no_code_is_stored_in_clear(world: World) -> None:
    """Covers R01, W24: of each there is a hash, and what it remembers is encrypted."""
    ann, wiki = world.person(), world.client()
    code = wiki.code(ann)
    tokens = good(wiki.exchange(code))
    again = good(wiki.refresh(tokens["refresh_token"]))
    stored = b"".join(
        value if isinstance(value, bytes) else str(value).encode()
        for table in tables.metadata.sorted_tables
        for row in world.rows(table)
        for value in row
    )
    for answer in (tokens, again):
        for name in ("access_token", "refresh_token", "id_token"):
            assert answer[name].encode() not in stored
    assert code.encode() not in stored
    assert hashlib.sha256(code.encode()).digest() in stored


# What is refused


def test_a_code_is_good_once_and_its_second_use_ends_what_came_of_it(world: World) -> None:
    """Covers D06, G10, L02."""
    ann, wiki = world.person(), world.client()
    code = wiki.code(ann)
    tokens = good(wiki.exchange(code))
    refused(wiki.exchange(code), "invalid_grant")
    assert wiki.is_dead(tokens)
    assert _grant_of(world, wiki).ended_reason == "token_reuse"
    assert ann.ended is None  # a code that comes twice is no proof of theft
    events = [row.event for row in world.rows(tables.audit_event, application=wiki.name)]
    assert "grant.reused" in events


def test_a_code_is_good_for_a_minute(world: World) -> None:
    """Covers D07."""
    ann, wiki = world.person(), world.client()
    first, second = wiki.code(ann), wiki.code(ann)
    world.clock.forward(seconds=59.9)
    good(wiki.exchange(first))
    world.clock.forward(seconds=0.1)
    refused(wiki.exchange(second), "invalid_grant")


def test_a_code_is_bound_to_its_client(world: World) -> None:
    """Covers G10: another one that has it can neither use it nor spoil it."""
    ann, wiki, other = world.person(), world.client(), world.client()
    code = wiki.code(ann)
    refused(other.exchange(code, redirect_uri=wiki.redirect_uri), "invalid_grant")
    good(wiki.exchange(code))
    refused(other.exchange(code, redirect_uri=wiki.redirect_uri), "invalid_grant")
    assert _grant_of(world, wiki).ended_at is None


@pytest.mark.parametrize("change", ["/", "?x=1", "#f", "x"])
def test_a_code_is_bound_to_its_redirect_address(world: World, change: str) -> None:
    """Covers G10: the very same text."""
    ann, wiki = world.person(), world.client()
    code = wiki.code(ann)
    refused(wiki.exchange(code, redirect_uri=wiki.redirect_uri + change), "invalid_grant")
    good(wiki.exchange(code))


@pytest.mark.parametrize(
    ("verifier", "what"),
    [
        (None, "missing"),
        (VERIFIER[:-1] + "x", "does not fit"),
        (VERIFIER[:42], "43 to 128"),
        ("v" * 129, "43 to 128"),
        (VERIFIER + "ü", "43 to 128"),
        (VERIFIER + " ", "43 to 128"),
    ],
)
def test_a_code_needs_its_verifier(world: World, verifier: str | None, what: str) -> None:
    """Covers D10, L09."""
    ann, wiki = world.person(), world.client()
    code = wiki.code(ann)
    assert what in refused(wiki.exchange(code, code_verifier=verifier), "invalid_grant")


def test_a_challenge_by_the_verifier_itself_proves_nothing(world: World) -> None:
    """Covers D10: S256 alone, whatever was meant."""
    ann, wiki = world.person(), world.client()
    code = wiki.code(ann, code_challenge="c" * 43)
    refused(wiki.exchange(code, code_verifier="c" * 43), "invalid_grant")


def test_a_verifier_without_a_challenge_is_refused(world: World) -> None:
    """Covers L10: somebody may have taken the challenge out of the request."""
    ann, wiki = world.person(), world.client(pkce_required=False)
    plain = {"code_challenge": None, "code_challenge_method": None}
    refused(wiki.exchange(wiki.code(ann, **plain)), "invalid_grant")
    good(wiki.exchange(wiki.code(ann, **plain), code_verifier=None))


def test_no_code_of_an_ended_session_is_exchanged(world: World) -> None:
    """Covers A10, R03, R10: the code was made before, and comes after."""
    ann, wiki = world.person(), world.client()
    code = wiki.code(ann)
    ann.be_revoked()
    assert "session" in refused(wiki.exchange(code), "invalid_grant")


def test_an_offline_code_is_exchanged_after_signing_out_but_not_after_revoking(
    world: World,
) -> None:
    """Covers I06."""
    wiki = world.client()
    for leave, good_after in (("sign_out", True), ("be_revoked", False)):
        ann = world.person()
        code = wiki.code(ann, scope="openid offline_access")
        getattr(ann, leave)()
        assert (wiki.exchange(code).status_code == 200) == good_after


@pytest.mark.parametrize("token", ["", "x", "é" * 43, "A" * 43, "A" * 20_000, "null", "\x00" * 43])
def test_what_was_not_issued_here_is_refused(world: World, token: str) -> None:
    """Covers L03."""
    wiki = world.client()
    expected = "invalid_request" if not token else "invalid_grant"
    refused(wiki.exchange(token), expected)
    refused(wiki.refresh(token), expected)


def test_a_token_of_one_kind_is_no_token_of_another(world: World) -> None:
    """Covers D02: code, access, refresh and ID token."""
    ann, wiki = world.person(), world.client(access_token_format="opaque")
    code = wiki.code(ann)
    tokens = good(wiki.exchange(code))
    for wrong in (tokens["access_token"], tokens["refresh_token"], tokens["id_token"]):
        refused(wiki.exchange(wrong), "invalid_grant")
    for wrong in (tokens["access_token"], tokens["id_token"], wiki.code(ann)):
        refused(wiki.refresh(wrong), "invalid_grant")
    for wrong in (tokens["refresh_token"], tokens["id_token"], wiki.code(ann)):
        assert wiki.userinfo(wrong).status_code == 401
    assert not wiki.is_active(wiki.code(ann))
    assert not wiki.is_active(tokens["id_token"])
    assert wiki.is_active(tokens["access_token"])


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, "unsupported_grant_type"),
        (CODE, "invalid_request"),
        ({**CODE, "code": "x"}, "invalid_request"),
        ({**CODE, "redirect_uri": "https://x.example/"}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "password", "username": "ann"}, "invalid_request"),
    ],
)
def test_an_incomplete_request_is_refused(world: World, fields: dict[str, str], error: str) -> None:
    """Covers L03, D08."""
    refused(world.client().call("/oauth/token", **fields), error)


@pytest.mark.parametrize(
    "grant", ["authorization_code", "refresh_token", "client_credentials", "password"]
)
def test_a_grant_that_the_application_does_not_have_is_refused(world: World, grant: str) -> None:
    """Covers D08, L16: each only where it is turned on; password is off by default."""
    others = [g for g in ("authorization_code", "client_credentials") if g != grant]
    wiki = world.client(grant_types=tuple(others))
    fields = {"code": "x", "redirect_uri": "x", "refresh_token": "x", "username": "x"}
    answer = wiki.call("/oauth/token", grant_type=grant, password="x", **fields)
    refused(answer, "unauthorized_client")


def test_a_new_application_may_use_codes_and_refresh_tokens_only(world: World) -> None:
    """Covers D08, L16: no password grant unless an administrator turns it on."""
    client_id, secret = world.application("acme", "plain-application")
    plain = Client(world, "plain-application", client_id, secret, {"redirect_uris": ("x",)})
    for grant in ("password", "client_credentials"):
        answer = plain.call("/oauth/token", grant_type=grant, username="x", password="x")
        refused(answer, "unauthorized_client")


def test_a_grant_that_is_taken_away_is_gone_at_once(world: World) -> None:
    ann, wiki = world.person(), world.client()
    tokens = wiki.tokens(ann)
    wiki.change(grant_types=("authorization_code",))
    refused(wiki.refresh(tokens["refresh_token"]), "unauthorized_client")


@pytest.mark.parametrize("name", ["grant_type", "code", "client_id", "unheard_of"])
def test_a_parameter_that_comes_twice_is_refused(world: World, name: str) -> None:
    """Covers L01."""
    ann, wiki = world.person(), world.client()
    fields = [
        ("grant_type", "authorization_code"),
        ("code", wiki.code(ann)),
        ("redirect_uri", wiki.redirect_uri),
        ("code_verifier", VERIFIER),
        ("client_id", wiki.client_id),
        ("unheard_of", "x"),
    ]
    twice = [*fields, (name, dict(fields)[name])]
    refused(wiki.post("/oauth/token", twice, headers=wiki.headers()), "invalid_request")
    good(wiki.post("/oauth/token", fields, headers=wiki.headers()))


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/json", b'{"grant_type":"client_credentials"}'),
        ("text/plain", b"grant_type=client_credentials"),
        ("multipart/form-data; boundary=x", b"--x--"),
        ("application/x-www-form-urlencoded", b"grant_type=\xff"),
        ("application/x-www-form-urlencoded", b"grant_type=%FF"),
    ],
)
def test_a_body_of_another_kind_is_refused(world: World, media_type: str, body: bytes) -> None:
    """Covers L03: in JSON, as every error here."""
    wiki = world.client()
    headers = {**wiki.headers(), "Content-Type": media_type}
    refused(wiki.http.post("/oauth/token", content=body, headers=headers), "invalid_request")


def test_the_endpoints_take_posts_alone_and_of_a_reasonable_size(world: World) -> None:
    """Covers L07, L11, B14: nothing happens by GET."""
    wiki = world.client()
    for path in ("/oauth/token", "/oauth/introspect", "/oauth/revoke"):
        answer = wiki.http.get(path, params={"token": "x"}, headers=wiki.headers())
        assert answer.status_code == 405
        assert "POST" in answer.headers["allow"]
        large = wiki.post(path, {"token": "x" * 70_000}, headers=wiki.headers())
        assert large.status_code == 413
        assert large.json()["error"] == "invalid_request"


def test_a_client_gets_nothing_for_a_user_of_an_organization_it_is_not_open_to(
    world: World,
) -> None:
    """Covers R07."""
    world.organization("elsewhere")
    shop = world.client(organization="elsewhere")
    answer = shop.ask(world.person().browser, prompt="none")
    assert "error=login_required" in answer.headers["location"]


# What a change of anything does to what was issued


def test_a_cut_off_ends_tokens_at_once(own_world: World) -> None:
    """Covers A14, R03: of the organization, the user and the application alike."""
    world = own_world
    for subject in ("application", "user", "organization"):
        ann, wiki = world.person(), world.client()
        online = wiki.tokens(ann)
        offline = wiki.tokens(ann, scope="openid offline_access")
        name = {"application": wiki.name, "user": ann.name, "organization": "acme"}[subject]
        row = world.rows(tables.metadata.tables[subject], name=name)[0]
        world.write(
            cut_offs.raise_epoch,
            subject,
            row.key,
            reason=EndReason.RISK,
            actor="operator",
            now=world.clock.now,
        )
        assert wiki.is_dead(online)
        assert wiki.is_dead(offline)


def test_an_application_that_is_deleted_has_no_tokens(world: World) -> None:
    """Covers R03."""
    ann, wiki, other = world.person(), world.client(), world.client()
    tokens = wiki.tokens(ann)
    assert other.is_active(tokens["access_token"])
    world.write(applications.delete_application, world.act(), wiki.name)
    assert not other.is_active(tokens["access_token"])
    assert other.userinfo(tokens["access_token"]).status_code == 401
    refused(wiki.refresh(tokens["refresh_token"]), "invalid_client", 401)


def test_what_an_ending_leaves_behind_is_told(world: World) -> None:
    """Covers A10: until when somebody who asks nobody might still believe an access token."""
    ann, wiki = world.person(), world.client()
    wiki.tokens(ann)
    ended = world.write(end.end_one, world.act(), ann.session_id)
    assert ended.last_token_expires_at is not None
    assert int(ended.last_token_expires_at.timestamp()) == world.timestamp() + 300


def test_a_key_that_signs_is_published_before_and_after(own_world: World) -> None:
    """Covers R14, D01: by the key set that the server answers, over a rotation."""
    world = own_world
    ann, wiki = world.person(), world.client(refresh_token_idle=40 * 86_400)
    old = wiki.tokens(ann, scope="openid offline_access")
    world.write(keys.rotate, world.act(), world.house.vault, "RS256")
    kid = _kid(old["id_token"])
    published = [k["kid"] for k in wiki.http.get("/oauth/jwks").json()["keys"]]
    assert kid in published
    assert len(published) == 2
    world.clock.forward(hours=24)
    new = good(wiki.refresh(old["refresh_token"]))
    assert _kid(new["id_token"]) == _kid(new["access_token"]) != kid
    assert _kid(new["id_token"]) in published
    assert world.claims(old["id_token"])["sub"] == world.claims(new["id_token"])["sub"]


def _kid(token: str) -> str:
    head = token.partition(".")[0]
    header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    return str(header["kid"])
