"""What access tokens say in each format, what they open, and who can verify them."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import jwt
import pytest
from cryptography import x509

from ostiary.services import keys, users
from ostiary.storage.tables import session, token, user
from tests.casdoor.oauth import bearer, change, open_up, part, post, tokens_for
from tests.casdoor.world import DENIED, FOUR, Asker, World

COMMON = {
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "azp",
    "tokenType",
    "scope",
    "signinMethod",
    "sid",
    "organization",
    "epochs",
}
SECRETS = {
    "password": "$2a$10$something",
    "passwordSalt": "salt",
    "totpSecret": "JBSWY3DPEHPK3PXP",
    "recoveryCodes": ["one", "two"],
    "managedAccounts": [{"password": "theirs"}],
    "accessSecret": "secret",
    "originalToken": "token",
    "somethingUnknown": "who knows",
}
KEPT = {
    "avatar": "https://acme.example/ann.png",
    "emailVerified": True,
    "gender": "female",
    "region": "Berlin",
    "countryCode": "DE",
    "address": ["Street 1", "10115 Berlin"],
    "tag": "staff",
    "groups": ["acme/editors"],
    "roles": [{"owner": "acme", "name": "editor"}],
    "permissions": [{"owner": "acme", "name": "write"}],
    "properties": {"floor": "3", "oauth_GitHub_accessToken": "gho_secret", "apiKey": "k"},
    "github": "ann-archer",
    "slack": "U123",
}


@pytest.fixture
def wire(world: World) -> World:
    """A world whose wiki has every grant, and whose Ann has all sorts of fields."""
    open_up(world)
    extra = users.UserChange(display_name="Ann Archer", phone="+4930", extra={**KEPT, **SECRETS})
    world.write(users.update_user, world.act(), world.house.vault, "acme", "ann", extra)
    return world


def claims_in(world: World, name: str, *, scope: str = "openid profile", **extra: Any) -> Any:
    """The claims of an access token in a format, and that they are signed by a published key."""
    change(world, extra={"tokenFormat": name, **extra})
    token = tokens_for(world, scope=scope, nonce="n1")["access_token"]
    assert part(token, 0)["typ"] == "JWT"
    return verified(world, token)


def verified(world: World, token: str) -> Any:
    """Verify by PyJWT, with the certificate that an SDK would be given."""
    set_ = world.browser().get("/.well-known/jwks").json()["keys"]
    jwk = next(k for k in set_ if k["kid"] == part(token, 0)["kid"])
    certificate = x509.load_der_x509_certificate(base64.b64decode(jwk["x5c"][0]))
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    audience = world.credentials("wiki")[0]
    by_certificate = jwt.decode(
        token, certificate.public_key(), ["RS256", "ES256"], options=options, audience=audience
    )
    assert by_certificate == part(token)
    return by_certificate


def test_the_usual_format_holds_the_user_and_nothing_secret(wire: World) -> None:
    """Covers W15, W22: contract 3.8."""
    claims = claims_in(wire, "JWT")
    (row,) = [row for row in wire.rows(user) if row.name == "ann"]
    (alive,) = wire.rows(session)
    assert set(claims) >= COMMON | {"owner", "name", "displayName", "email", "isAdmin"}
    assert (claims["sub"], claims["id"]) == (row.id, row.id)
    assert (claims["owner"], claims["name"], claims["displayName"]) == ("acme", "ann", "Ann Archer")
    assert (claims["tokenType"], claims["signinMethod"]) == ("access-token", "Password")
    assert claims["email_verified"] is True
    assert claims["aud"] == [wire.credentials("wiki")[0]] == [claims["azp"]]
    assert claims["nbf"] == claims["iat"]
    assert claims["jti"].startswith("admin/")
    assert claims["scope"] == "openid profile"
    assert claims["nonce"] == "n1"
    assert claims["properties"] == {"floor": "3"}
    assert claims["roles"] == KEPT["roles"]
    assert claims["github"] == "ann-archer"
    assert "slack" not in claims
    assert not set(claims) & set(SECRETS)
    text = str(claims)
    for secret in ("gho_secret", "JBSWY3DPEHPK3PXP", "salt", "who knows", "theirs"):
        assert secret not in text
    # The application's own name for the session, and not the one that others are shown.
    assert claims["sid"] not in {"", alive.id}


def test_the_short_format(wire: World) -> None:
    claims = claims_in(wire, "JWT-Empty")
    short = {"owner", "name", "id", "displayName", "avatar", "email", "email_verified", "phone"}
    assert set(claims) == COMMON | short | {"nonce"}
    assert claims["avatar"] == KEPT["avatar"]


def test_the_standard_format(wire: World) -> None:
    claims = claims_in(wire, "JWT-Standard", scope="openid profile phone address")
    assert (claims["preferred_username"], claims["name"]) == ("ann", "Ann Archer")
    assert (claims["picture"], claims["gender"]) == (KEPT["avatar"], "female")
    assert (claims["phone_number"], claims["phone_number_verified"]) == ("+4930", False)
    assert claims["address"]["street_address"] == "Street 1\n10115 Berlin"
    assert (claims["owner"], claims["email_verified"]) == ("acme", True)
    narrow = claims_in(wire, "JWT-Standard", scope="openid")
    assert not {"gender", "phone_number", "address"} & set(narrow)


def test_the_chosen_format(wire: World) -> None:
    """Only what the application chose; no configuration makes up what every token has."""
    attributes = [
        {"name": "who", "value": "$user.owner/$user.name", "type": "String"},
        {"name": "groups_", "value": "$user.groups", "type": "Array"},
        {"name": "may", "value": "can-$user.permissions", "type": "String"},
        {"name": "sub", "value": "forged", "type": "String"},
        {"name": "sid", "value": "forged", "type": "String"},
        {"name": "auth_time", "value": "0", "type": "String"},
        {"name": "", "value": "x"},
        {"name": "none", "value": 5},
        "junk",
    ]
    fields = [
        "DisplayName",
        "Tag",
        "Roles",
        "permissionNames",
        "Properties.floor",
        "Properties.apiKey",
        "PasswordSalt",
        "TotpSecret",
        "SomethingUnknown",
        5,
    ]
    claims = claims_in(wire, "JWT-Custom", tokenFields=fields, tokenAttributes=attributes)
    chosen = {
        "displayName": "Ann Archer",
        "tag": "staff",
        "roles": KEPT["roles"],
        "permissionNames": ["write"],
        "floor": "3",
        "who": "acme/ann",
        "groups_": ["acme/editors"],
        "may": "can-write",
    }
    assert {k: claims[k] for k in set(claims) - COMMON - {"nonce"}} == chosen
    assert "forged" not in str(claims)
    assert "signinMethod" not in claims
    named = claims_in(wire, "JWT-Custom", tokenFields=["signinMethod"])
    assert named["signinMethod"] == "Password"


def test_an_unknown_format_is_the_usual_one(wire: World) -> None:
    assert claims_in(wire, "JWT-Whatever")["displayName"] == "Ann Archer"


def test_without_a_format_tokens_follow_the_standard(wire: World) -> None:
    """Covers W22: who asks for nothing gets RFC 9068, from these paths, too."""
    change(wire, extra={})
    token = tokens_for(wire)["access_token"]
    assert part(token, 0)["typ"] == "at+jwt"
    assert "displayName" not in part(token)
    assert "tokenType" not in part(token)


def test_an_access_token_is_no_id_token(wire: World) -> None:
    """Covers D02, W22: although its type says JWT in these formats."""
    tokens = tokens_for(wire)
    issuer = wire.public_url
    assert wire.read(keys.verify_own, issuer, tokens["access_token"]) is None
    assert wire.read(keys.verify_own, issuer, tokens["id_token"]) is not None
    assert bearer(wire, tokens["id_token"]).get("get-account")["status"] == "error"


def test_a_token_stays_short_whatever_is_kept_of_a_user(wire: World) -> None:
    """A token that is too long fits into no header; what fits in is said."""
    much = {"bio": "b" * 5_000, "title": "t" * 5_000, "tag": "kept"}
    extra = users.UserChange(extra=much)
    wire.write(users.update_user, wire.act(), wire.house.vault, "acme", "ann", extra)
    tokens = tokens_for(wire)
    claims = part(tokens["access_token"])
    assert len(tokens["access_token"]) < 14_000
    assert claims["tag"] == "kept"
    assert ("bio" in claims) != ("title" in claims)
    assert bearer(wire, tokens["access_token"]).data("get-account")["name"] == "ann"


def test_every_key_has_a_certificate(wire: World) -> None:
    """Contract 3.7: the same key set under each application's name."""
    for alg in ("ES256", "EdDSA"):
        wire.write(keys.ensure, wire.house.vault, alg, wire.clock.now)
    client = wire.browser()
    shown = client.get("/.well-known/jwks")
    assert shown.headers["access-control-allow-origin"] == "*"
    assert client.get("/.well-known/wiki/jwks").json() == shown.json()
    plain = {key["kid"]: key for key in client.get("/oauth/jwks").json()["keys"]}
    assert len(shown.json()["keys"]) == len(plain) == 3
    for key in shown.json()["keys"]:
        assert {name: value for name, value in key.items() if name != "x5c"} == plain[key["kid"]]
        certificate = x509.load_der_x509_certificate(base64.b64decode(key["x5c"][0]))
        certificate.verify_directly_issued_by(certificate)
    mine = client.get("/.well-known/wiki/openid-configuration").json()
    assert mine == client.get("/.well-known/openid-configuration").json()
    change(wire, id_token_alg="ES256")
    verified(wire, tokens_for(wire)["access_token"])


@pytest.mark.parametrize("how", ["header", "accessToken", "access_token"])
def test_an_access_token_calls_as_its_user(wire: World, how: str) -> None:
    """Covers W6: contract 2.2; no session begins, and no cookie is set."""
    sent = tokens_for(wire)["access_token"]
    (row,) = wire.rows(session)
    asker = bearer(wire, sent) if how == "header" else wire.program(parameters={how: sent})
    response = asker.send("GET", "get-account")
    account = response.json()
    assert (account["name"], account["data"]["name"]) == ("ann", "ann")
    assert account["data"]["accessToken"] == ""
    assert "set-cookie" not in response.headers
    assert asker.ids() == [row.id]
    assert asker.get("get-users", owner="acme") == DENIED
    assert len(wire.rows(session)) == 1


def test_a_token_that_is_good_for_nothing_is_told(wire: World) -> None:
    """Contract 2.2: in four keys, each with its own text; a cookie beside it does not help."""
    tokens = tokens_for(wire)
    unknown = "Access token doesn't exist in database"
    ann = wire.user_agent("ann")
    for value in ("nothing", tokens["refresh_token"], "x" * 20_000, ""):
        ann.client.headers["Authorization"] = f"Bearer {value}"
        answer = ann.get("get-account")
        assert (list(answer), answer["msg"]) == (FOUR, unknown), value
    ann.client.headers["Authorization"] = f"DPoP {tokens['access_token']}"
    assert ann.get("get-account")["msg"] == unknown
    asker = bearer(wire, tokens["access_token"])
    wire.clock.forward(minutes=6)
    expired = asker.get("get-account")["msg"]
    assert expired == "Access token has expired, expireTime = 2026-11-24T09:05:00Z"
    fresh = bearer(wire, tokens_for(wire)["access_token"])
    disabled = users.UserChange(disabled=True)
    wire.write(users.update_user, wire.act(), wire.house.vault, "acme", "ann", disabled)
    text = "The user is forbidden to sign in, please contact the administrator"
    assert fresh.get("get-account")["msg"] == text


@pytest.mark.parametrize("call", ["logout", "sso-logout?logoutAll=false", "sso-logout"])
def test_signing_out_by_a_token_ends_its_session(wire: World, call: str) -> None:
    """Covers W11, W6: as the SDKs do, where Casdoor itself ends nothing real."""
    browser = Asker(wire.browser())
    token = tokens_for(wire, browser)["access_token"]
    other = wire.user_agent("ann", agent="curl/8.5.0")
    name, _, query = call.partition("?")
    answer = bearer(wire, token).post(name, **dict([query.split("=")] if query else []))
    assert answer["status"] == "ok"
    assert browser.get("get-account")["msg"] == "Please login first"
    assert post(wire, "introspect", token=token).json() == {"active": False}
    ended = {row.id for row in wire.rows(session) if row.ended_at is not None}
    assert (other.session_id in ended) == (call == "sso-logout")
    assert bearer(wire, token).get("get-account")["msg"].startswith("Access token has expired")


@pytest.mark.parametrize("kind", ["access_token", "id_token"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_as_a_hint_signs_its_session_out(wire: World, kind: str, method: str) -> None:
    """Covers W20: whether a cookie came along or not, by GET too; and no other session."""
    browser = Asker(wire.browser())
    hint = tokens_for(wire, browser)[kind]
    other = wire.user_agent("bob")
    for asker in (wire.program(), browser):
        response = asker.send(method, "logout", id_token_hint=hint)
        answer = response.json()
        assert answer["status"] == "ok"
    assert "set-cookie" not in other.send(method, "logout", id_token_hint=hint).headers
    alive = [row.id for row in wire.rows(session) if row.ended_at is None]
    assert alive == [other.session_id]
    wire.clock.forward(days=1)
    assert wire.program().post("logout", id_token_hint=hint)["status"] == "ok"
    foreign = wire.credentials("mail")[0]
    wrong = wire.program().post("logout", id_token_hint=hint, client_id=foreign)
    assert wrong["msg"] == "Token not found, invalid accessToken"
    back = {"post_logout_redirect_uri": "https://wiki.example/callback", "state": "s"}
    sent = wire.program().send("GET", "logout", id_token_hint=hint, **back)
    assert sent.status_code == 302
    assert sent.headers["location"] == "https://wiki.example/callback?state=s"


def test_a_hint_takes_the_cookie_of_its_own_session_away(wire: World) -> None:
    """Covers E06, M05."""
    browser = Asker(wire.browser())
    hint = tokens_for(wire, browser)["id_token"]
    response = browser.send("POST", "logout", id_token_hint=hint)
    assert "Max-Age=0" in response.headers["set-cookie"]
    assert response.json()["data"] == "acme/ann"


def test_userinfo_says_what_the_scopes_allow(wire: World) -> None:
    """Contract 3.6."""
    client_id = wire.credentials("wiki")[0]
    (row,) = [row for row in wire.rows(user) if row.name == "ann"]
    base = {"sub": row.id, "iss": wire.public_url, "aud": client_id}

    def info(scope: str) -> Any:
        token = tokens_for(wire, scope=scope)["access_token"]
        response = bearer(wire, token).send("GET", "userinfo")
        assert response.headers["cache-control"] == "no-store"
        assert bearer(wire, token).send("POST", "userinfo").json() == response.json()
        return response.json()

    assert info("openid") == base
    profile = info("openid profile")
    assert profile == {
        **base,
        "preferred_username": "ann",
        "name": "Ann Archer",
        "picture": KEPT["avatar"],
        "groups": ["acme/editors"],
        "roles": ["editor"],
        "permissions": ["write"],
        "real_name": "",
        "is_verified": False,
    }
    rest = info("openid email address phone")
    assert (rest["email"], rest["email_verified"]) == ("ann@acme.example", True)
    assert (rest["address"], rest["phone"]) == ("Street 1, 10115 Berlin", "+4930")
    change(wire, extra={"tokenFormat": "JWT", "tokenFields": ["Email", "PreferredUsername"]})
    assert info("openid profile email") == {
        **base,
        "preferred_username": "ann",
        "email": "ann@acme.example",
    }


def test_by_cookie_only_the_subject_is_told(wire: World) -> None:
    """Contract 3.6: a cookie has no scopes and no audience."""
    ann = wire.user_agent("ann")
    said = ann.send("GET", "userinfo").json()
    assert set(said) == {"sub", "iss", "aud"}
    assert said["aud"] == ""
    for asker in (wire.program(), wire.basic("wiki")):
        for call in ("userinfo", "user"):
            answer = asker.get(call)
            assert (answer["msg"], answer["data"]) == ("Please login first", "Please login first")


def test_the_user_in_a_few_words(wire: World) -> None:
    token = tokens_for(wire)["access_token"]
    for asker in (bearer(wire, token), wire.user_agent("ann")):
        said = asker.send("GET", "user").json()
        fields = ["id", "name", "email", "email_verified_at", "created_at", "updated_at"]
        assert list(said) == fields
        assert (said["name"], said["email"]) == ("ann", "ann@acme.example")
        assert said["email_verified_at"] == said["updated_at"]
    bob = wire.user_agent("bob").send("GET", "user").json()
    assert bob["email_verified_at"] is None


def test_a_hash_is_all_that_is_kept_of_a_token(wire: World) -> None:
    """Covers W24, D17: and it is the one that notifications name (contract 3.9)."""
    tokens = tokens_for(wire)
    hashes = {row.hash for row in wire.rows(token)}
    for name in ("access_token", "refresh_token"):
        assert hashlib.sha256(tokens[name].encode()).digest() in hashes
    for row in wire.rows(token):
        assert tokens["access_token"].encode() not in row.sealed_detail
