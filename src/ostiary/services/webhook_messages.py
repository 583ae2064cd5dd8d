"""Telling a webhook what happened (Standard Webhooks 1.0.0)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ostiary.domain.notice import Notice
from ostiary.domain.webhook import signatures
from ostiary.gateways.outbound import Undelivered
from ostiary.services.courier import Courier, Outgoing
from ostiary.services.webhooks import extra_of, secrets_of
from ostiary.storage import webhooks

ACCEPTED: Final = frozenset(range(200, 300))
_OURS: Final = frozenset(
    {
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)
_MOST_HEADERS: Final = 20
_LONGEST_HEADER: Final = 2_000


def webhook_request(courier: Courier, item: Notice, now: datetime) -> Outgoing:
    """The message. Its id is the same at each attempt, so that it is not heard twice.

    Raises:
        Undelivered: the webhook is gone, or turned off.
    """
    house = courier.house
    hook = house.database.read(webhooks.by_key, item.webhook_key or 0)
    if hook is None or not hook.enabled:
        raise Undelivered("withdrawn", "the webhook was deleted or turned off")
    message_id, timestamp = f"msg_{item.sid}", int(now.timestamp())
    body = item.detail.encode()
    signed = signatures(
        secrets_of(house.vault, hook, now),
        message_id=message_id,
        timestamp=timestamp,
        body=body,
    )
    return Outgoing(
        url=item.target,
        body=body,
        headers={
            **_own_headers(extra_of(house.vault, hook)),
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signed,
        },
        accepted=ACCEPTED,
    )


def _own_headers(extra: Mapping[str, Any]) -> dict[str, str]:
    """The headers that the Casdoor wire lets a webhook have; none that means something to us."""
    found = extra.get("headers")
    headers: dict[str, str] = {}
    for item in (found if isinstance(found, list) else [])[:_MOST_HEADERS]:
        name, value = (item.get("name"), item.get("value")) if isinstance(item, dict) else ("", "")
        if not isinstance(name, str) or not isinstance(value, str):
            continue
        plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
        printable = value.isascii() and value.isprintable() and len(value) <= _LONGEST_HEADER
        if plain and printable and name.lower() not in _OURS:
            headers[name] = value
    return headers
