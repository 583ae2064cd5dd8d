"""Which application calls: by its secret, by an assertion that it signed, or by its name alone."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ostiary.domain.access import Caller, application_caller
from ostiary.domain.accounts import Application
from ostiary.domain.client import AuthMethod
from ostiary.domain.errors import TooManyFailures
from ostiary.domain.events import Event
from ostiary.domain.grant import Refused
from ostiary.domain.secrets import digest
from ostiary.gateways import signing
from ostiary.gateways.addresses import source_of
from ostiary.services.applications import secret_of
from ostiary.services.house import Act, House
from ostiary.services.throttling import delay_after
from ostiary.storage import applications, assertions, audit, throttle
from ostiary.storage.audit import NewEvent
from ostiary.storage.database import Transaction

_SKEW = timedelta(seconds=60)
"""How far an application's clock may be from ours (REQUIREMENTS R13)."""

_LONGEST_ASSERTION = timedelta(hours=1)
"""Minutes would do, as each is good once; but widespread clients write an hour (Authlib)."""

_ALLOWANCE = 4
"""A client may fail so many times as often as an account: its deployments share a secret."""

_SECRETS = {AuthMethod.BASIC.value, AuthMethod.POST.value}


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says about its client; ``method`` is how (RFC 6749, 2.3; RFC 7523, 2.2)."""

    client_id: str
    method: AuthMethod
    secret: str = ""
    assertion: str = ""


def authenticate(
    house: House, act: Act, proof: Proof, *, audiences: tuple[str, ...]
) -> Application | Refused:
    """The application that proved who it is.

    Either way of sending a secret is taken of an application that has one; a public client may not
    have sent one.

    Args:
        house: the installation.
        act: when and from where.
        proof: what came along.
        audiences: what an assertion may be addressed to: the issuer, the token endpoint.

    Returns:
        It, or why not: ``invalid_client``, or ``temporarily_unavailable`` with the time to wait.
    """
    key = _counted(house, act, proof)
    found, wait = house.database.read(_find, proof.client_id, key, act.now)
    if wait:
        text = TooManyFailures(wait).text
        return Refused(error="temporarily_unavailable", description=text, retry_after=wait)
    why = "unknown client" if found is None else _refusal(house, act, found, proof, audiences)
    if why or found is None:
        house.database.write(_refuse, house, act, found, proof, key, why)
        return Refused(
            error="invalid_client", description="Client authentication failed.", detail=why
        )
    return found


def named_by(assertion: str) -> str:
    """The client that an assertion says it is of, before anything about it is believed."""
    return signing.unverified_subject(assertion)


def caller_of(application: Application) -> Caller:
    """The application as a caller."""
    return application_caller(application)


def _counted(house: House, act: Act, proof: Proof) -> bytes:
    """Under what a failure is counted: nobody can keep a client out from somewhere else."""
    what = f"client\x00{source_of(act.address)}\x00{proof.client_id}"
    return house.vault.mac("throttle", what.encode("utf-8", "replace")).encode()[:32]


def _find(
    tx: Transaction, client_id: str, key: bytes, now: datetime
) -> tuple[Application | None, int]:
    known = throttle.get(tx, [key]).get(key)
    left = (known.delayed_until - now).total_seconds() if known is not None else 0
    return applications.by_client_id(tx, client_id), int(left) + 1 if left > 0 else 0


def _refusal(
    house: House, act: Act, found: Application, proof: Proof, audiences: tuple[str, ...]
) -> str:
    """Why not, for the operator; empty: it is the one."""
    registered = found.token_endpoint_auth_method
    if proof.method is AuthMethod.PRIVATE_KEY_JWT:
        if registered != proof.method.value:
            return "it authenticates in another way"
        return _assertion_refusal(house, act, found, proof, audiences)
    if proof.method is AuthMethod.NONE:
        return "" if registered == AuthMethod.NONE.value else "no proof was sent"
    if registered not in _SECRETS:
        return "it has no secret"
    expected = secret_of(house.vault, found).encode()
    given = proof.secret.encode("utf-8", "surrogatepass")
    return "" if hmac.compare_digest(expected, given) else "wrong secret"


def _assertion_refusal(
    house: House, act: Act, found: Application, proof: Proof, audiences: tuple[str, ...]
) -> str:
    """Why an assertion proves nothing (RFC 7523, 3); a right one is used up by the question."""
    jwks = msgspec.json.decode(found.jwks, type=dict[str, list[dict[str, Any]]])["keys"]
    verified = signing.verify(proof.assertion, jwks, signing.FOREIGN_ALGORITHMS)
    if verified is None:
        return "wrong signature"
    why = _claims_refusal(verified.claims, found.client_id, audiences, act.now)
    if why:
        return why
    # The last question, since it uses the assertion up.
    once = digest(f"{found.client_id}\x00{verified.claims['jti']}")
    expires_at = act.now + _LONGEST_ASSERTION + 2 * _SKEW
    fresh = house.database.write(assertions.use, once, expires_at)
    return "" if fresh else "assertion was used before"


def _claims_refusal(
    claims: dict[str, Any], client_id: str, audiences: tuple[str, ...], now: datetime
) -> str:
    """What is wrong with an assertion's claims; empty: nothing."""
    addressed = claims.get("aud")
    named = addressed if isinstance(addressed, list) else [addressed]
    expires_at = _instant(claims.get("exp"))
    not_before = _instant(claims.get("nbf", claims.get("iat", 0)))
    jti = claims.get("jti")
    checks = (
        (claims.get("iss") == claims.get("sub") == client_id, "of another client"),
        (any(audience in named for audience in audiences), "for somebody else"),
        (expires_at is not None and now < expires_at + _SKEW, "expired"),
        (not_before is not None and not_before - _SKEW <= now, "not valid yet"),
        (expires_at is None or expires_at <= now + _LONGEST_ASSERTION + _SKEW, "good for too long"),
        (isinstance(jti, str) and bool(jti), "without jti"),
    )
    return next((f"assertion {why}" for right, why in checks if not right), "")


def _instant(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _refuse(
    tx: Transaction,
    house: House,
    act: Act,
    found: Application | None,
    proof: Proof,
    key: bytes,
    why: str,
) -> None:
    """Count and audit a failure; what was sent as a client id may be a secret, and is not kept."""
    policy = house.policy
    forgotten = act.now - timedelta(seconds=policy.forget_failures_after)
    failures = throttle.count(tx, key, act.now, forgotten=forgotten)
    wait = delay_after(failures, policy.failures_before_delay * _ALLOWANCE, policy)
    if wait:
        throttle.delay(tx, key, act.now + timedelta(seconds=wait))
    event = NewEvent(
        event=Event.CLIENT_REFUSED,
        actor="nobody",
        organization=found.organization if found is not None else "",
        application=found.name if found is not None else "",
        address=act.address,
        detail={"why": why, "method": proof.method.value},
    )
    audit.write(tx, act.now, [event])
