"""Casdoor's SSO-logout notification: who is told, and how it is signed (contract 3.9)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

import msgspec

EVENT = "sso-logout"
USUAL_PARAMETER = "content"


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """Where an application is told: ``url``, by ``method``, as the parameter ``parameter``."""

    url: str
    method: str = "POST"
    parameter: str = USUAL_PARAMETER


def signature(
    secret: str,
    *,
    owner: str,
    name: str,
    nonce: str,
    timestamp: int,
    session_ids: Sequence[str],
    token_hashes: Sequence[str],
) -> str:
    """HMAC-SHA256 under the application's client secret, as lowercase hex digits.

    Args:
        secret: the client secret.
        owner: the user's organization.
        name: the user's name.
        nonce: of this attempt.
        timestamp: in seconds since 1970.
        session_ids: public ids of what has ended.
        token_hashes: SHA-256 of access tokens, as hex digits.
    """
    parts = (owner, name, nonce, str(timestamp), ",".join(session_ids), ",".join(token_hashes))
    return hmac.new(secret.encode(), "|".join(parts).encode(), hashlib.sha256).hexdigest()
