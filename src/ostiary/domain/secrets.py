"""Secrets at rest: what is shown, what is kept, and how the two are compared.

A session has a *public id* (128 random bits, 32 lowercase hex digits, safe to show) and a *secret*
(256 random bits, base64url without padding, 43 characters, only ever in the cookie). Storage keeps
the SHA-256 of the secret: with 256 random bits a slow hash would add nothing (ASVS 6.5.2).
"""

from __future__ import annotations

import hashlib
import hmac
import re

_PUBLIC_ID = re.compile(r"[0-9a-f]{32}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


def digest(secret: str) -> bytes:
    """The 32 bytes under which a secret is stored."""
    return hashlib.sha256(secret.encode()).digest()


def same(left: bytes, right: bytes) -> bool:
    """Compare two digests in constant time."""
    return hmac.compare_digest(left, right)


def is_public_id(value: str) -> bool:
    """Whether this could be a session's public id."""
    return _PUBLIC_ID.fullmatch(value) is not None


def is_secret(value: str) -> bool:
    """Whether this has the shape of a secret that we make; anything else is not looked up."""
    return _SECRET.fullmatch(value) is not None
