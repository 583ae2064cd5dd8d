"""Webhooks: addresses that are told what happens to sessions, signed as Standard Webhooks says.

https://www.standardwebhooks.com: a message has an id, an instant and a body, and is signed by
HMAC-SHA256 with a secret that both sides know.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

import msgspec

PREFIX = "whsec_"
"""What the text of a secret begins with."""


class WebhookEvent(enum.StrEnum):
    """What a webhook can be told of."""

    SESSION_STARTED = "session.started"
    SESSION_ENDED = "session.ended"


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """Where an organization wants to be told.

    ``about`` is the organization whose sessions it is told of; empty: those of all, which only a
    webhook of the built-in organization can be. ``url`` empty: it is told of nothing. After a
    change of the secret messages are signed by the one before it as well, until
    ``previous_until``.
    """

    key: int
    organization_key: int
    organization: str
    name: str
    about: str
    url: str
    events: tuple[str, ...]
    enabled: bool
    sealed_secret: bytes
    sealed_previous: bytes = b""
    previous_until: datetime | None = None
    sealed_extra: bytes = b""
    created_at: datetime
    updated_at: datetime


def text_of(secret: bytes) -> str:
    """A secret as people copy it."""
    return PREFIX + base64.b64encode(secret).decode()


def signatures(secrets: Sequence[bytes], *, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``: one signature for each secret.

    Args:
        secrets: the bytes that `text_of` wrote in base64.
        message_id: the value of ``webhook-id``.
        timestamp: the value of ``webhook-timestamp``, in seconds since 1970.
        body: exactly as it is sent.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    made = (hmac.new(secret, signed, hashlib.sha256).digest() for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(one).decode()}" for one in made)
