"""Signing tokens, and verifying them: JWS by joserfc, always with the allowed algorithms named.

No header member but ``alg``, ``kid`` and ``typ`` is ever acted upon: keys come from our own store
or from what an application registered, never from the token itself (REQUIREMENTS D01).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwa import EdDSAAlgorithm
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from ostiary.gateways.keys import SigningKey, new_signing_key

ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")
"""What we sign with; the first is what everybody has to understand (OpenID Connect Core 15.1)."""

FOREIGN_ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""What applications may sign their assertions with: asymmetric ones only."""

_LONGEST_TOKEN: Final = 16_384
_CERTIFIED_FOR: Final = timedelta(days=20 * 365)

PrivateKey: TypeAlias = RSAKey | ECKey | OKPKey


class _EdDSA(EdDSAAlgorithm):
    """The same without joserfc's warning.

    RFC 9864 replaces the name by one for each curve, since ``EdDSA`` alone does not say which. What
    is registered for OpenID Connect, and what applications know, is the old name; here it always
    means Ed25519.
    """

    security_warning = ""


class _Registry(JWSRegistry):
    algorithms = {
        name: algorithm
        for name, algorithm in JWSRegistry.algorithms.items()
        if name in FOREIGN_ALGORITHMS
    } | {"EdDSA": _EdDSA()}


class Keyring:
    """The private keys that this process has opened, so that each is decrypted once.

    A key never changes under its name, so nothing here can be out of date: which one signs is read
    from the store each time.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._keys: dict[str, PrivateKey] = {}
        self._certificates: dict[str, bytes] = {}

    def get(self, kid: str, alg: str, unseal: Callable[[], bytes]) -> PrivateKey:
        """The key of this name.

        Args:
            kid: its name.
            alg: what it is for.
            unseal: gives its PEM, the first time.
        """
        known = self._keys.get(kid)
        if known is None:
            # Two threads that race here open the same key.
            known = self._keys[kid] = load(alg, unseal())
        return known

    def certificate(self, kid: str, make: Callable[[], bytes]) -> bytes:
        """The certificate of the key of this name, made the first time."""
        known = self._certificates.get(kid)
        if known is None:
            known = self._certificates[kid] = make()
        return known


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A token whose signature is right. What it claims has still to be checked."""

    header: dict[str, Any]
    claims: dict[str, Any]


def new_key(alg: str) -> SigningKey:
    """Make a key: RSA of 2048 bits, P-256 or Ed25519.

    Raises:
        ValueError: no key is made for such an algorithm.
    """
    if alg == "RS256":
        return new_signing_key()
    key: ECKey | OKPKey
    if alg == "ES256":
        key = ECKey.generate_key("P-256", private=True)
    elif alg == "EdDSA":
        key = OKPKey.generate_key("Ed25519", private=True)
    else:
        raise ValueError(alg)
    kid = key.thumbprint()
    public = {name: str(value) for name, value in key.as_dict(private=False).items()}
    return SigningKey(
        kid=kid,
        alg=alg,
        private_pem=key.as_pem(private=True),
        public_jwk={**public, "kid": kid, "alg": alg, "use": "sig"},
    )


def load(alg: str, private_pem: bytes) -> PrivateKey:
    """A private key, ready to sign."""
    kinds: dict[str, type[PrivateKey]] = {"RS256": RSAKey, "ES256": ECKey, "EdDSA": OKPKey}
    return kinds[alg].import_key(private_pem)


def sign(key: PrivateKey, *, kid: str, alg: str, typ: str, claims: Mapping[str, Any]) -> str:
    """A JWS in compact form (RFC 7515, 7.1).

    Args:
        key: as `load` gave it.
        kid: its name in the key set.
        alg: one of `ALGORITHMS`.
        typ: what kind of token it is (RFC 8725, 3.11): ``at+jwt``, ``logout+jwt``, ``JWT``.
        claims: times as whole seconds.
    """
    header = {"alg": alg, "kid": kid, "typ": typ}
    payload = msgspec.json.encode(claims)
    return jws.serialize_compact(header, payload, key, registry=_Registry(algorithms=[alg]))


def certificate(key: PrivateKey, kid: str, since: datetime) -> bytes:
    """A self-signed X.509 certificate of a key, as DER: for software that takes keys so only.

    The same key gives the same certificate, but for the randomness that ECDSA has.

    Args:
        key: as `load` gave it.
        kid: its name in the key set.
        since: when it was made.
    """
    private = key.private_key
    if private is None or isinstance(private, X25519PrivateKey | X448PrivateKey):
        raise AssertionError  # `load` gives private ones that sign
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ostiary")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(int.from_bytes(hashlib.sha256(kid.encode()).digest()[:16]) | 1)
        .not_valid_before(since)
        .not_valid_after(since + _CERTIFIED_FOR)
        .sign(private, None if isinstance(key, OKPKey) else SHA256())
    )
    return made.public_bytes(Encoding.DER)


def verify(
    token: str, public_jwks: Sequence[Mapping[str, Any]], algorithms: Collection[str]
) -> Verified | None:
    """A token that one of these keys has signed by an allowed algorithm; None: it is not.

    Args:
        token: as it came.
        public_jwks: keys that may have signed it; one that names an ``alg`` is for that one only.
        algorithms: what is allowed, never empty and never with a symmetric one or ``none``.
    """
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        return None
    try:
        header = jws.extract_compact(token.encode()).headers()
        usable = [dict(jwk) for jwk in public_jwks if _fits(jwk, header)]
        if not usable or header.get("alg") not in algorithms:
            return None
        keys = KeySet.import_key_set({"keys": usable})
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    for key in keys.keys:
        try:
            # RS/HS confusion cannot happen: no symmetric algorithm is in the registry at all.
            found = jwt.decode(token, key, registry=_Registry(algorithms=list(algorithms)))
        except (JoseError, ValueError, TypeError):
            continue
        return Verified(header=dict(found.header), claims=dict(found.claims))
    return None


def unverified_subject(token: str) -> str:
    """Whom a token says it is about, to look its keys up by; empty: it says nothing.

    Nothing else may hang on this: the signature is yet to be verified.
    """
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        return ""
    try:
        payload = jws.extract_compact(token.encode()).payload
        subject = msgspec.json.decode(payload or b"", type=dict[str, Any]).get("sub")
    except (JoseError, ValueError, TypeError):
        return ""
    return subject if isinstance(subject, str) else ""


def _fits(jwk: Mapping[str, Any], header: Mapping[str, Any]) -> bool:
    """Whether a key may be the one: by its name, algorithm and use, where they are said."""
    if "kid" in header and "kid" in jwk and header["kid"] != jwk["kid"]:
        return False
    right = jwk.get("alg", header.get("alg")) == header.get("alg")
    return bool(right) and jwk.get("use", "sig") == "sig"


def usable_jwks(jwks: object) -> list[dict[str, Any]] | None:
    """The public keys of a key set that somebody registered; None: it is not one.

    Private and symmetric keys are refused: who sends one has made it known.
    """
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(keys, list) or not keys:
        return None
    found = []
    for jwk in keys:
        if not isinstance(jwk, dict) or jwk.get("kty") not in {"RSA", "EC", "OKP"} or "d" in jwk:
            return None
        try:
            KeySet.import_key_set({"keys": [jwk]})
        except (JoseError, ValueError, TypeError, KeyError):
            return None
        found.append(dict(jwk))
    return found
