"""The keys that sign: which one does, which ones are published, and when the next takes over.

A new key stands in the published set for `PUBLISHED_BEFORE` before it signs anything, so that no
application meets a token by a key that it has not fetched. A retired one stays there for
`PUBLISHED_AFTER`, which is longer than any token lives that it signed last. It is kept longer
still, for `HINTS_VERIFY`, to recognise ID tokens that come back as hints (REQUIREMENTS R14).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from ostiary.domain.access import require_global
from ostiary.domain.errors import BadInput
from ostiary.domain.events import Event
from ostiary.gateways import signing
from ostiary.gateways.keys import Vault
from ostiary.services.house import Act, House
from ostiary.storage import audit, signing_keys
from ostiary.storage.audit import NewEvent
from ostiary.storage.database import Transaction
from ostiary.storage.signing_keys import StoredKey

LONGEST_TOKEN = 30 * 86_400
"""Seconds; no token that applications check by our key set lives longer."""

PUBLISHED_BEFORE = timedelta(hours=24)
PUBLISHED_AFTER = timedelta(seconds=LONGEST_TOKEN) + timedelta(hours=1)
HINTS_VERIFY = timedelta(days=400)
"""As long as the longest session lives, which somebody may want to end by its ID token."""


def sign(house: House, alg: str, claims: Mapping[str, Any], *, typ: str) -> str:
    """Sign claims with the key that is active now.

    Args:
        house: the installation.
        alg: ``RS256``, ``ES256`` or ``EdDSA``.
        claims: what is said; times as whole seconds.
        typ: what kind of token it is: ``JWT``, ``at+jwt``, ``logout+jwt``.
    """
    return sign_by(house, active_key(house, alg, house.clock()), claims, typ=typ)


def active_key(house: House, alg: str, now: datetime) -> StoredKey:
    """The key that signs now; the first of its algorithm is made when it is first needed."""
    found = house.database.read(signing_keys.active, alg, now)
    return found or house.database.write(ensure, house.vault, alg, now)


def sign_by(house: House, key: StoredKey, claims: Mapping[str, Any], *, typ: str) -> str:
    """Sign claims with a key."""
    private = _private(house, key)
    return signing.sign(private, kid=key.kid, alg=key.algorithm, typ=typ, claims=claims)


def certificates(house: House, now: datetime) -> dict[str, bytes]:
    """A certificate of each published key, as DER, by the key's name.

    For software that knows keys by certificates only. They are self-signed, and say nothing more
    than the key set does.
    """
    return {
        key.kid: house.keyring.certificate(key.kid, partial(_certify, house, key))
        for key in house.database.read(signing_keys.every)
        if _is_published(key, now)
    }


def _certify(house: House, key: StoredKey) -> bytes:
    return signing.certificate(_private(house, key), key.kid, key.created_at)


def _private(house: House, key: StoredKey) -> signing.PrivateKey:
    return house.keyring.get(
        key.kid,
        key.algorithm,
        lambda: house.vault.unseal(key.sealed_private, _context(key.kid)),
    )


def ensure(tx: Transaction, vault: Vault, alg: str, now: datetime) -> StoredKey:
    """The key of an algorithm that signs now, made if there is none.

    Called when an application chooses its algorithm, so that the key is published before the first
    token that it signs.
    """
    signing_keys.lock(tx)
    found = signing_keys.active(tx, alg, now)
    if found is None:
        _add(tx, vault, alg, now, active_from=now)
        found = signing_keys.active(tx, alg, now)
    if found is None:
        raise AssertionError  # it was written above
    return found


def _add(tx: Transaction, vault: Vault, alg: str, now: datetime, *, active_from: datetime) -> str:
    key = signing.new_key(alg)
    signing_keys.add(
        tx,
        kid=key.kid,
        algorithm=alg,
        sealed_private=vault.seal(key.private_pem, _context(key.kid)),
        public_jwk=key.public_jwk,
        now=now,
        active_from=active_from,
    )
    return key.kid


def published(tx: Transaction, now: datetime) -> list[dict[str, Any]]:
    """The key set that applications fetch: those that will sign, sign, or have signed lately."""
    return [key.public_jwk for key in signing_keys.every(tx) if _is_published(key, now)]


def _is_published(key: StoredKey, now: datetime) -> bool:
    return key.retired_at is None or now < key.retired_at + PUBLISHED_AFTER


def verify_own(tx: Transaction, issuer: str, token: str) -> dict[str, Any] | None:
    """The claims of an ID token of ours that comes back as a hint; None: it is not ours.

    Its expiry is not looked at: a hint says who was meant, and lets nobody in (OpenID Connect Core
    3.1.2.1; RP-Initiated Logout 2). Other tokens that the same keys signed are no hints (D02).
    """
    candidates = [key.public_jwk for key in signing_keys.every(tx)]
    found = signing.verify(token, candidates, signing.ALGORITHMS)
    if found is None or found.header.get("typ", "JWT") != ID_TOKEN:
        return None
    if "tokenType" in found.claims:
        return None  # an access token in a format of the Casdoor wire, whose type is JWT as well
    return found.claims if found.claims.get("iss") == issuer else None


ID_TOKEN = "JWT"  # noqa: S105 - a type, not a secret


class KeyState(msgspec.Struct, frozen=True, kw_only=True):
    """A key as an operator sees it. ``state``: ``next``, ``signing``, ``retired`` or ``hints``."""

    kid: str
    algorithm: str
    state: str
    created_at: datetime
    active_from: datetime
    retired_at: datetime | None


def list_keys(tx: Transaction, act: Act) -> list[KeyState]:
    """Every key that is kept.

    Raises:
        NotSignedIn, NotAllowed: the caller is not global.
    """
    require_global(act.caller)
    return [
        KeyState(
            kid=key.kid,
            algorithm=key.algorithm,
            state=_state(key, act.now),
            created_at=key.created_at,
            active_from=key.active_from,
            retired_at=key.retired_at,
        )
        for key in signing_keys.every(tx)
    ]


def _state(key: StoredKey, now: datetime) -> str:
    if now < key.active_from:
        return "next"
    if key.retired_at is None or now < key.retired_at:
        return "signing"
    return "retired" if now < key.retired_at + PUBLISHED_AFTER else "hints"


def rotate(
    tx: Transaction, act: Act, vault: Vault, alg: str, *, compromised: bool = False
) -> KeyState:
    """Make the next key of an algorithm.

    Args:
        tx: the transaction.
        act: who does it.
        vault: seals it.
        alg: which algorithm.
        compromised: somebody else may know the old keys. The new one signs at once, and the old
            ones are forgotten: what they signed is good for nothing any more. Applications that
            keep a copy of the key set believe them until they fetch it anew.

    Raises:
        NotSignedIn, NotAllowed: the caller is not global.
        BadInput: there is no such algorithm, or the next key is waiting already.
    """
    require_global(act.caller)
    if alg not in signing.ALGORITHMS:
        raise BadInput("algorithm", f"There are keys for {', '.join(signing.ALGORITHMS)}.")
    signing_keys.lock(tx)
    old = signing_keys.every(tx, alg)
    if not compromised and any(key.active_from > act.now for key in old):
        raise BadInput("algorithm", f"The next key of {alg} is published and waits to be used.")
    signs_now = compromised or not old
    active_from = act.now if signs_now else act.now + PUBLISHED_BEFORE
    if compromised:
        signing_keys.remove(tx, [key.kid for key in old])
    for key in old:
        if not compromised and key.retired_at is None:
            signing_keys.retire(tx, key.kid, active_from)
    kid = _add(tx, vault, alg, act.now, active_from=active_from)
    _audit(tx, act, {"kid": kid, "algorithm": alg, "compromised": compromised})
    return next(key for key in list_keys(tx, act) if key.kid == kid)


def _audit(tx: Transaction, act: Act, detail: dict[str, Any]) -> None:
    event = NewEvent(
        event=Event.KEY_ROTATED, actor=act.caller.actor, address=act.address, detail=detail
    )
    audit.write(tx, act.now, [event])


def purge(tx: Transaction, now: datetime) -> int:
    """Remove keys that nothing can be recognised by any more, and say how many went."""
    return signing_keys.purge(tx, now - HINTS_VERIFY)


def _context(kid: str) -> str:
    return f"signing_key/{kid}"
