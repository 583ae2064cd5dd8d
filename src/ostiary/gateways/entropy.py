"""Where every random value of the server comes from: the operating system, through `secrets`.

One module, so that a review of "is it guessable?" has one place to look at (ASVS 7.2.3, RFC 6749
section 10.10). Nothing here may ever be seeded.
"""

from __future__ import annotations

import secrets
import uuid


def new_public_id() -> str:
    """A session's public id: 128 random bits as 32 lowercase hex digits (DESIGN section 1).

    It is safe to show. It is random all the same, since the Casdoor wire lets its holders ask
    whether such an id is live.
    """
    return secrets.token_hex(16)


def new_secret() -> str:
    """A bearer secret: 256 random bits, base64url without padding, 43 characters.

    For cookies, codes, tokens and one-time links. Store `ostiary.domain.secrets.digest` of it.
    """
    return secrets.token_urlsafe(32)


def new_signing_secret() -> bytes:
    """What a webhook's messages are signed with: 256 random bits (Standard Webhooks)."""
    return secrets.token_bytes(32)


def new_identifier() -> str:
    """A UUID version 4 in its 36-character text form (RFC 9562 section 5.4): 122 random bits."""
    return str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))


def new_client_id() -> str:
    """An application's client id: 20 lowercase hex digits, the length Casdoor's have."""
    return secrets.token_hex(10)


def chance() -> float:
    """A number from 0 to 1, for spreading things over time."""
    return secrets.randbelow(1_000_001) / 1_000_000


def new_client_secret() -> str:
    """An application's client secret: 160 random bits as 40 lowercase hex digits.

    Hex, since Casdoor's clients put it into query strings and Basic headers without escaping it.
    """
    return secrets.token_hex(20)
