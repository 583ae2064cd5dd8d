"""How applications prove who they are: basic, post, private_key_jwt, none (Core 9)."""

from __future__ import annotations

import base64
import hmac
import itertools
import json
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from httpx import Response
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from ostiary.domain.client import ASSERTION_TYPE
from ostiary.gateways import signing
from ostiary.storage import tables
from tests.oidc.flow import Client, World, good, refused

Key: TypeAlias = RSAKey | ECKey | OKPKey

OWN = {"grant_type": "client_credentials"}
MAKE: dict[str, Callable[[], Key]] = {
    "RS256": lambda: RSAKey.generate_key(2048, private=True),
    "PS256": lambda: RSAKey.generate_key(2048, private=True),
    "ES256": lambda: ECKey.generate_key("P-256", private=True),
    "EdDSA": lambda: OKPKey.generate_key("Ed25519", private=True),
}
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
CHALLENGED = 'Basic realm="ostiary"'


def _basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"}


def _own(client: Client, fields: dict[str, str], headers: dict[str, str] | None = None) -> Response:
    return client.post("/oauth/token", {**OWN, **fields}, headers=headers)


def _not_believed(answer: Response) -> None:
    refused(answer, "invalid_client", 401)
    assert answer.headers["www-authenticate"].startswith(CHALLENGED)


# Secrets


@pytest.mark.parametrize("registered", ["client_secret_basic", "client_secret_post"])
def test_a_secret_is_taken_either_way(world: World, registered: str) -> None:
    """Covers D13: as most providers do; who has the secret has it."""
    wiki = world.client(token_endpoint_auth_method=registered)
    good(_own(wiki, {}, wiki.headers()))
    good(_own(wiki, {"client_id": wiki.client_id}, wiki.headers()))
    good(_own(wiki, {"client_id": wiki.client_id, "client_secret": wiki.secret}))


def test_both_halves_of_the_header_are_urlencoded(world: World) -> None:
    """RFC 6749, 2.3.1."""
    wiki = world.client(client_secret="a:b c%20+ü-long-enough-to-be-a-secret")
    good(_own(wiki, {}, wiki.headers()))
    _not_believed(_own(wiki, {}, _basic(wiki.client_id, wiki.secret)))


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic YQ=="},
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic OnNlY3JldA=="},
        {},
    ],
)
def test_what_cannot_be_read_proves_nothing(world: World, headers: dict[str, str]) -> None:
    """Covers L03."""
    _not_believed(_own(world.client(), {}, headers))


def test_a_wrong_secret_proves_nothing(world: World) -> None:
    """Covers L03, D13: nor another client's, an empty one, or none."""
    wiki, other = world.client(), world.client()
    for secret in ("wrong", other.secret, "", wiki.secret + "\x00", "ü"):
        _not_believed(_own(wiki, {}, _basic(wiki.client_id, secret)))
    _not_believed(_own(wiki, {"client_id": wiki.client_id, "client_secret": "wrong"}))
    _not_believed(_own(wiki, {"client_id": wiki.client_id}))
    _not_believed(_own(wiki, {}, _basic("unknown", wiki.secret)))


def test_a_client_authenticates_in_one_way_and_under_one_name(world: World) -> None:
    """Covers L01."""
    wiki = world.client()
    by_post = {"client_id": wiki.client_id, "client_secret": wiki.secret}
    refused(_own(wiki, by_post, wiki.headers()), "invalid_request")
    refused(_own(wiki, {**by_post, "client_assertion": "x"}), "invalid_request")
    refused(_own(wiki, {"client_id": "another"}, wiki.headers()), "invalid_request")


def test_a_failure_is_audited_without_what_was_sent(world: World) -> None:
    """Covers D17, R12: some paste the secret where the name belongs."""
    wiki = world.client()
    _not_believed(_own(wiki, {}, _basic(wiki.secret, "x")))
    _not_believed(_own(wiki, {}, _basic(wiki.client_id, "a-wrong-secret")))
    events = world.rows(tables.audit_event, event="client.refused")[-2:]
    assert [event.application for event in events] == ["", wiki.name]
    assert json.loads(events[1].detail) == {
        "why": "wrong secret",
        "method": "client_secret_basic",
    }
    assert all(wiki.secret not in str(e) and "a-wrong-secret" not in str(e) for e in events)


def test_who_guesses_secrets_has_to_wait_and_keeps_nobody_else_out(world: World) -> None:
    """Covers C01, R09: from one place; the right secret from there has to wait as well."""
    wiki = world.client()
    for _ in range(world.policy.failures_before_delay * 4):
        _not_believed(_own(wiki, {}, _basic(wiki.client_id, "guess")))
    answer = _own(wiki, {}, _basic(wiki.client_id, wiki.secret))
    refused(answer, "temporarily_unavailable", 429)
    wait = int(answer.headers["retry-after"])
    assert wait >= 1
    good(world.client().call("/oauth/token", **OWN))
    world.clock.forward(seconds=wait)
    good(_own(wiki, {}, wiki.headers()))


# No secret


def test_a_public_client_is_its_name_alone(world: World) -> None:
    """Covers D13: and has no secret that it could send."""
    spa, ann = world.public_client(), world.person()
    tokens = spa.tokens(ann)
    assert tokens["refresh_token"]
    code = spa.code(ann)
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": spa.redirect_uri,
        "client_id": spa.client_id,
    }
    for headers, more in (
        (_basic(spa.client_id, spa.secret), {}),
        (_basic(spa.client_id, ""), {}),
        ({}, {"client_secret": spa.secret}),
    ):
        _not_believed(spa.post("/oauth/token", {**fields, **more}, headers=headers))
    good(spa.exchange(code))


def test_a_client_with_a_secret_is_not_its_name_alone(world: World) -> None:
    """Covers D13: for codes and refresh tokens too, also with PKCE."""
    wiki, ann = world.client(), world.person()
    code, tokens = wiki.code(ann), wiki.tokens(ann)
    plain = Client(
        world,
        wiki.name,
        wiki.client_id,
        "",
        {**wiki.settings, "token_endpoint_auth_method": "none"},
    )
    _not_believed(plain.exchange(code))
    _not_believed(plain.refresh(tokens["refresh_token"]))
    _not_believed(plain.revoke(tokens["refresh_token"]))
    _not_believed(plain.call("/oauth/introspect", token=tokens["access_token"]))
    good(wiki.exchange(code))


def test_a_public_client_has_nothing_to_introspect_and_no_tokens_of_its_own(world: World) -> None:
    """Covers L11, L21: who cannot prove who it is could try tokens out there."""
    spa, ann = world.public_client(), world.person()
    token = spa.tokens(ann)["access_token"]
    _not_believed(spa.call("/oauth/introspect", token=token))
    refused(spa.call("/oauth/token", **OWN), "unauthorized_client")


# Assertions


_COUNT = itertools.count()


class Signer:
    """An application that signs its assertions."""

    def __init__(self, world: World, alg: str = "ES256", *, kid: str = "a key") -> None:
        self.world, self.alg, self.kid = world, alg, kid
        self.key = MAKE[alg]()
        public = {**self.key.as_dict(private=False), "kid": kid}
        self.client = world.client(
            token_endpoint_auth_method="private_key_jwt",
            jwks=json.dumps({"keys": [public]}),
        )

    def claims(self, **change: Any) -> dict[str, Any]:
        now, name = self.world.timestamp(), self.client.client_id
        usual = {
            "iss": name,
            "sub": name,
            "aud": f"{self.world.public_url}/oauth/token",
            "iat": now,
            "exp": now + 60,
            "jti": f"assertion {next(_COUNT)}",
        }
        return {k: v for k, v in {**usual, **change}.items() if v is not None}

    def signed(self, claims: dict[str, Any], **header: Any) -> str:
        usual = {"alg": self.alg, "kid": self.kid, "typ": "JWT", **header}
        head = {k: v for k, v in usual.items() if v is not None}
        payload = json.dumps(claims).encode()
        registry = jws.JWSRegistry(algorithms=[str(head["alg"])], strict_check_header=False)
        return jws.serialize_compact(head, payload, self.key, registry=registry)

    def send(self, assertion: str, path: str = "/oauth/token", **more: str) -> Response:
        fields = {
            **OWN,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
            **more,
        }
        return self.client.post(path, {k: v for k, v in fields.items() if v})

    def call(self, **change: Any) -> Response:
        return self.send(self.signed(self.claims(**change)))


@pytest.fixture(scope="module")
def signer(world: World) -> Signer:
    return Signer(world)


@pytest.mark.parametrize("alg", signing.FOREIGN_ALGORITHMS)
def test_an_assertion_by_the_applications_key_proves_who_it_is(world: World, alg: str) -> None:
    """Covers D01, D13: RFC 7523, 3, at every endpoint."""
    signer = Signer(world, alg)
    token = good(signer.call())["access_token"]
    issuer = world.public_url
    for path in ("/oauth/introspect", "/oauth/revoke"):
        assertion = signer.signed(signer.claims(aud=[issuer, "https://other.example"]))
        good(signer.send(assertion, path, token=token))
    good(signer.send(signer.signed(signer.claims()), client_id=signer.client.client_id))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"iss": "another"}, "assertion of another client"),
        ({"aud": "https://other.example"}, "assertion for somebody else"),
        ({"aud": None}, "assertion for somebody else"),
        ({"aud": ["https://other.example"]}, "assertion for somebody else"),
        ({"exp": None}, "assertion expired"),
        ({"exp": "tomorrow"}, "assertion expired"),
        ({"exp": True}, "assertion expired"),
        ({"exp": 1e300}, "assertion expired"),
        ({"jti": None}, "assertion without jti"),
        ({"jti": ""}, "assertion without jti"),
        ({"jti": 5}, "assertion without jti"),
    ],
)
def test_an_assertion_that_says_something_else_proves_nothing(
    world: World, signer: Signer, change: dict[str, Any], why: str
) -> None:
    """Covers D02, R13."""
    world.clock.forward(minutes=10)  # failures are counted
    _not_believed(signer.call(**change))
    event = world.rows(tables.audit_event, event="client.refused")[-1]
    assert json.loads(event.detail)["why"] == why


def test_clocks_may_differ_by_a_minute(world: World) -> None:
    """Covers R13, D02."""
    signer = Signer(world)
    now = world.timestamp()
    good(signer.call(exp=now - 59))
    _not_believed(signer.call(exp=now - 61))
    good(signer.call(iat=now + 59))
    _not_believed(signer.call(iat=now + 62))
    _not_believed(signer.call(nbf=now + 62))
    good(signer.call(exp=now + 3_660))
    _not_believed(signer.call(exp=now + 3_662))


def test_an_assertion_is_good_once(world: World) -> None:
    """Covers D02: somebody who saw it cannot use it again."""
    signer = Signer(world)
    assertion = signer.signed(signer.claims())
    good(signer.send(assertion))
    _not_believed(signer.send(assertion))
    other = Signer(world)
    jti = {"jti": signer.claims()["jti"]}
    good(signer.call(**jti))
    good(other.call(**jti))


def test_an_assertion_by_anything_but_its_key_proves_nothing(world: World) -> None:
    """Covers D01: no other key, no symmetric one, no ``none``, none that the header brings."""
    signer, thief = Signer(world), Signer(world)
    claims = signer.claims
    rsa = Signer(world, "RS256")
    stolen = {"iss": signer.client.client_id, "sub": signer.client.client_id}
    _not_believed(signer.send(thief.signed(claims())))
    public = thief.key.as_dict(private=False)
    _not_believed(signer.send(thief.signed(claims(), jwk=public)))
    _not_believed(signer.send(thief.signed(claims(), jku="https://evil.example/jwks")))
    _not_believed(thief.send(thief.signed(thief.claims(**stolen))))
    for key in (rsa.key.as_pem(private=False), rsa.client.secret.encode()):
        _not_believed(rsa.send(_by_hmac(rsa.claims(), key)))
    head, body, _ = signer.signed(claims()).split(".")
    nothing = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    for wrong in (f"{nothing}.{body}.", f"{head}.{body}.", f"{head}.{body}", "x", "ü.ü.ü", ".."):
        _not_believed(signer.send(wrong))


def _by_hmac(claims: dict[str, Any], key: bytes) -> str:
    """Signed by what everybody has or the server knows too (RS/HS confusion)."""
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "a key"}, claims)]
    text = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    mac = hmac.digest(key, text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def test_an_assertion_is_of_the_kind_and_the_client_that_the_request_says(world: World) -> None:
    """Covers L01."""
    signer = Signer(world)
    assertion = signer.signed(signer.claims())
    refused(signer.send(assertion, client_assertion_type="saml"), "invalid_request")
    refused(signer.send(assertion, client_assertion_type=""), "invalid_request")
    refused(signer.send(assertion, client_id="another"), "invalid_request")
    good(signer.send(assertion))


def test_each_way_is_for_those_who_are_registered_for_it(world: World) -> None:
    """Covers D13: a client with keys has no secret any more, and one with a secret no keys."""
    signer, wiki = Signer(world), world.client()
    _not_believed(_own(wiki, {}, _basic(signer.client.client_id, signer.client.secret)))
    _not_believed(_own(wiki, {"client_id": signer.client.client_id}))
    mine = {"iss": wiki.client_id, "sub": wiki.client_id}
    _not_believed(signer.send(signer.signed(signer.claims(**mine))))


def test_a_key_that_is_named_is_the_one_and_a_set_may_have_several(world: World) -> None:
    """Covers R14: applications rotate their keys as well."""
    signer, old = Signer(world, kid="new"), MAKE["ES256"]()
    both = [
        {**old.as_dict(private=False), "kid": "old"},
        {**signer.key.as_dict(private=False), "kid": "new"},
    ]
    signer.client.change(jwks=json.dumps({"keys": both}))
    good(signer.call())
    good(signer.send(signer.signed(signer.claims(), kid=None)))
    _not_believed(signer.send(signer.signed(signer.claims(), kid="old")))
