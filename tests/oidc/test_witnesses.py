"""Clients that others wrote: Authlib drives the whole flow, PyJWT reads what it gets."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import RSAKey

from tests.oidc.flow import Client, Person, World
from tests.support.serving import serving

VERIFIER_LENGTH = 48
WANTED = ("openid", "profile", "email", "offline_access")
"""Authlib asks for all of them again when it refreshes, so it must not ask for what it cannot have.
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world at a real address, whose time is that of everybody else."""
    directory = tmp_path_factory.mktemp("witnesses")

    def make(public_url: str) -> World:
        made = World(f"sqlite:///{directory / 'ostiary.db'}", directory, public_url=public_url)
        made.clock.now = datetime.now(UTC)
        return made

    with serving(make) as world:
        yield world


@pytest.fixture(scope="module")
def metadata(served: World) -> dict[str, Any]:
    """What clients are told about the provider."""
    found: dict[str, Any] = requests.get(
        f"{served.public_url}/.well-known/openid-configuration", timeout=10
    ).json()
    return found


class Witness:
    """Authlib's client of one application, and a browser in which somebody is signed in."""

    def __init__(self, client: Client, metadata: dict[str, Any], key: RSAKey | None) -> None:
        self.client, self.metadata = client, metadata
        secret: Any = client.secret if key is None else key.as_pem(private=True).decode()
        self.session = OAuth2Session(
            client.client_id,
            None if client.method == "none" else secret,
            token_endpoint_auth_method=client.method,
            revocation_endpoint_auth_method=client.method,
            scope=" ".join(s for s in client.settings["scopes"] if s in WANTED),
            redirect_uri=client.redirect_uri,
            code_challenge_method="S256",
            token_endpoint=metadata["token_endpoint"],
        )
        if key is not None:
            self.session.register_client_auth_method(PrivateKeyJWT(metadata["token_endpoint"]))

    def sign_in(self, person: Person, nonce: str) -> dict[str, Any]:
        """The whole code flow."""
        verifier = base64.urlsafe_b64encode(nonce.encode() * 10)[:VERIFIER_LENGTH].decode()
        address, state = self.session.create_authorization_url(
            self.metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
        )
        browser = requests.Session()
        browser.cookies.set("sid", person.secret)
        answer = browser.get(address, allow_redirects=False, timeout=10)
        assert answer.status_code == 303, answer.text
        found: dict[str, Any] = self.session.fetch_token(
            self.metadata["token_endpoint"],
            authorization_response=answer.headers["Location"],
            code_verifier=verifier,
            state=state,
        )
        return dict(found)

    def read(self, token: str, alg: str) -> dict[str, Any]:
        """What PyJWT reads in a token, by the keys that are published."""
        published = jwt.PyJWKClient(self.metadata["jwks_uri"])
        found: dict[str, Any] = jwt.decode(
            token,
            published.get_signing_key_from_jwt(token),
            algorithms=[alg],
            audience=self.client.client_id,
            issuer=self.metadata["issuer"],
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
        return found

    def is_active(self, token: str) -> bool:
        answer = self.session.introspect_token(self.metadata["introspection_endpoint"], token)
        assert answer.status_code == 200
        return bool(answer.json()["active"])


@pytest.mark.parametrize(
    ("method", "alg"),
    [
        ("client_secret_basic", "RS256"),
        ("client_secret_post", "ES256"),
        ("private_key_jwt", "EdDSA"),
        ("none", "RS256"),
    ],
)
def test_authlib_and_pyjwt_go_the_whole_way(
    served: World, metadata: dict[str, Any], method: str, alg: str
) -> None:
    """Covers D13, G13, G15, K01, L07, L11, L12, R14: clients that know our code by its words."""
    key = RSAKey.generate_key(2048, private=True) if method == "private_key_jwt" else None
    settings: dict[str, Any] = {"token_endpoint_auth_method": method, "id_token_alg": alg}
    if key is not None:
        settings["jwks"] = json.dumps({"keys": [key.as_dict(private=False)]})
    if method == "none":
        settings["scopes"] = ("openid", "profile", "email")
    client, ann = served.client(**settings), served.person(email=f"{method}@acme.example")
    if method != "none":
        ann.permit(client, "offline_access")
    witness = Witness(client, metadata, key)
    tokens = witness.sign_in(ann, nonce=f"nonce-{method}")

    said = witness.read(tokens["id_token"], alg)
    assert (said["sub"], said["nonce"]) == (ann.user_id, f"nonce-{method}")
    hashed = hashlib.new("sha512" if alg == "EdDSA" else "sha256", tokens["access_token"].encode())
    half = base64.urlsafe_b64encode(hashed.digest()[: hashed.digest_size // 2]).decode()
    assert said["at_hash"] == half.rstrip("=")
    assert jwt.get_unverified_header(tokens["access_token"])["typ"] == "at+jwt"
    assert witness.read(tokens["access_token"], alg)["client_id"] == client.client_id

    about = witness.session.get(metadata["userinfo_endpoint"])
    assert about.json()["sub"] == said["sub"]
    assert about.json()["email"] == f"{method}@acme.example"

    refreshed = dict(witness.session.refresh_token(metadata["token_endpoint"]))
    assert refreshed["refresh_token"] != tokens["refresh_token"]
    assert witness.read(refreshed["id_token"], alg)["auth_time"] == said["auth_time"]
    if method != "none":
        assert witness.is_active(refreshed["access_token"])

    revoked = witness.session.revoke_token(
        metadata["revocation_endpoint"], refreshed["refresh_token"]
    )
    assert revoked.status_code == 200
    assert witness.session.get(metadata["userinfo_endpoint"]).status_code == 401
    if method != "none":
        assert not witness.is_active(refreshed["access_token"])
    with pytest.raises(OAuthError, match="invalid_grant"):
        witness.session.refresh_token(metadata["token_endpoint"])


def test_what_authlib_holds_is_worth_nothing_once_the_session_has_ended(
    served: World, metadata: dict[str, Any]
) -> None:
    """Covers A10, R03: over HTTP, the very next request."""
    client, ann = served.client(scopes=("openid", "profile", "email")), served.person()
    witness = Witness(client, metadata, None)
    tokens = witness.sign_in(ann, nonce="a nonce for an ending")
    assert witness.is_active(tokens["access_token"])
    ann.be_revoked()
    assert not witness.is_active(tokens["access_token"])
    assert not witness.is_active(tokens["refresh_token"])
    assert witness.session.get(metadata["userinfo_endpoint"]).status_code == 401
    with pytest.raises(OAuthError, match="invalid_grant"):
        witness.session.refresh_token(metadata["token_endpoint"])


def test_authlib_obtains_a_token_of_its_own_and_one_for_a_password(
    served: World, metadata: dict[str, Any]
) -> None:
    """Covers L21."""
    client, ann = served.client(), served.person()
    own = OAuth2Session(client.client_id, client.secret)
    token = own.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    assert (
        Witness(client, metadata, None)
        .read(token["access_token"], "RS256")["sub"]
        .startswith("client/")
    )
    by_password = OAuth2Session(client.client_id, client.secret, scope="openid")
    token = by_password.fetch_token(
        metadata["token_endpoint"],
        grant_type="password",
        username=ann.name,
        password="correct horse battery staple",
    )
    read = Witness(client, metadata, None).read(token["id_token"], "RS256")
    assert read["sub"] == ann.user_id


def test_pyjwt_refuses_what_is_not_for_it(served: World, metadata: dict[str, Any]) -> None:
    """Covers D02: another application's token, and one that is none of ours."""
    wiki, mail, ann = served.client(), served.client(), served.person()
    tokens = wiki.tokens(ann)
    other = Witness(mail, metadata, None)
    with pytest.raises(jwt.InvalidAudienceError):
        other.read(tokens["id_token"], "RS256")
    with pytest.raises(jwt.InvalidAlgorithmError):
        Witness(wiki, metadata, None).read(tokens["id_token"], "ES256")
    head, body, signature = tokens["id_token"].split(".")
    with pytest.raises(jwt.InvalidSignatureError):
        Witness(wiki, metadata, None).read(f"{head}.{body}.{signature[::-1]}", "RS256")
