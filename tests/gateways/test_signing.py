"""Signing and verifying: every algorithm, and what must never be believed."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from ostiary.gateways import signing
from ostiary.gateways.keys import SigningKey

CLAIMS = {"iss": "https://id.example", "sub": "ann", "exp": 1_800_000_000}


@pytest.fixture(scope="module", params=signing.ALGORITHMS)
def key(request: pytest.FixtureRequest) -> SigningKey:
    return signing.new_key(request.param)


def signed(key: SigningKey, typ: str = "JWT") -> str:
    private = signing.load(key.alg, key.private_pem)
    return signing.sign(private, kid=key.kid, alg=key.alg, typ=typ, claims=CLAIMS)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_what_a_key_signs_its_public_half_verifies(key: SigningKey) -> None:
    """Covers D01, R14."""
    found = signing.verify(signed(key, "at+jwt"), [key.public_jwk], signing.ALGORITHMS)
    assert found is not None
    assert found.claims == CLAIMS
    assert found.header == {"alg": key.alg, "kid": key.kid, "typ": "at+jwt"}
    assert "d" not in key.public_jwk


def test_a_changed_token_is_not_verified(key: SigningKey) -> None:
    """Covers D01."""
    head, _, signature = signed(key).split(".")
    forged = f"{head}.{part({**CLAIMS, 'sub': 'boss'})}.{signature}"
    assert signing.verify(forged, [key.public_jwk], signing.ALGORITHMS) is None


def test_an_algorithm_that_is_not_allowed_is_not_believed(key: SigningKey) -> None:
    """Covers D01."""
    others = [a for a in signing.FOREIGN_ALGORITHMS if a != key.alg]
    assert signing.verify(signed(key), [key.public_jwk], others) is None


def test_no_signature_and_a_public_key_as_secret_are_not_believed(key: SigningKey) -> None:
    """Covers D01: neither ``none``, nor the confusion of RS256 and HS256."""
    _, payload, _ = signed(key).split(".")
    none = f"{part({'alg': 'none', 'kid': key.kid})}.{payload}."
    assert signing.verify(none, [key.public_jwk], signing.ALGORITHMS) is None
    head = part({"alg": "HS256", "kid": key.kid})
    for secret in (key.private_pem, json.dumps(key.public_jwk).encode()):
        mac = hmac.digest(secret, f"{head}.{payload}".encode(), hashlib.sha256)
        token = f"{head}.{payload}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
        for allowed in (signing.ALGORITHMS, ("HS256", *signing.ALGORITHMS)):
            assert signing.verify(token, [key.public_jwk], allowed) is None


def test_a_key_that_comes_with_the_token_is_not_used(key: SigningKey) -> None:
    """Covers D01: ``jwk``, ``jku`` and ``x5u`` are not looked at."""
    strange = signing.new_key(key.alg)
    private = signing.load(strange.alg, strange.private_pem)
    plain = signing.sign(private, kid=key.kid, alg=key.alg, typ="JWT", claims=CLAIMS)
    assert signing.verify(plain, [key.public_jwk], signing.ALGORITHMS) is None
    _, payload, signature = plain.split(".")
    for further in ({"jwk": strange.public_jwk}, {"jku": "https://evil.example/jwks"}):
        head = part({"alg": key.alg, "kid": key.kid, **further})
        token = f"{head}.{payload}.{signature}"
        assert signing.verify(token, [key.public_jwk], signing.ALGORITHMS) is None


@pytest.mark.parametrize("junk", ["", "a", "a.b", "a.b.c", "é.b.c", "." * 5, "e30.e30.e30"])
def test_junk_is_no_token(key: SigningKey, junk: str) -> None:
    assert signing.verify(junk, [key.public_jwk], signing.ALGORITHMS) is None


def test_an_endless_token_is_not_read(key: SigningKey) -> None:
    token = signed(key)
    assert signing.verify(token + "A" * 20_000, [key.public_jwk], signing.ALGORITHMS) is None


def test_only_public_asymmetric_keys_are_registered(key: SigningKey) -> None:
    """Covers D13."""
    assert signing.usable_jwks({"keys": [key.public_jwk]}) == [key.public_jwk]
    private: dict[str, Any] = {**key.public_jwk, "d": "AAAA"}
    for bad in (
        None,
        [],
        {},
        {"keys": []},
        {"keys": ["x"]},
        {"keys": [private]},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]},
        {"keys": [{"kty": key.public_jwk["kty"]}]},
    ):
        assert signing.usable_jwks(bad) is None


def test_no_key_is_made_for_an_unknown_algorithm() -> None:
    with pytest.raises(ValueError, match="HS256"):
        signing.new_key("HS256")
