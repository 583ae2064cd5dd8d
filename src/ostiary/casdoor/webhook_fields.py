"""Webhooks as the wire writes them, and back (contract 4.1).

A webhook of this wire lists actions of its audit; those that are about sessions mean the events
that webhooks are told of here. Whatever else it says is kept, and given back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ostiary.casdoor.fields import UNSET, Fields, Unset, created_time
from ostiary.domain.accounts import BUILT_IN
from ostiary.domain.webhook import Webhook, WebhookEvent
from ostiary.services.webhooks import WebhookChange
from ostiary.storage.client_sessions import wire_time

OWN = frozenset({"owner", "name", "url", "isEnabled", "secret"})

DEFAULTS: dict[str, Any] = {
    "organization": "",
    "method": "POST",
    "contentType": "application/json",
    "headers": [],
    "events": [],
    "tokenFields": [],
    "objectFields": [],
    "isUserExtended": False,
    "singleOrgOnly": False,
    "maxRetries": 3,
    "retryInterval": 60,
    "useExponentialBackoff": False,
}
"""What a webhook has where nothing was sent."""

_ENDINGS = ("logout", "sso-logout", "delete-session", "update-session")
_MEANT = {
    "login": WebhookEvent.SESSION_STARTED,
    **dict.fromkeys(_ENDINGS, WebhookEvent.SESSION_ENDED),
    **{event.value: event for event in WebhookEvent},
}


def change_of(fields: Fields, stored: Mapping[str, Any], owner: str) -> WebhookChange:
    """What a body asks a webhook to be.

    Args:
        fields: the body.
        stored: what is kept besides.
        owner: the organization that it belongs to.
    """
    extra = fields.kept(stored, own=OWN)
    return WebhookChange(
        url=fields.text("url"),
        events=_events(fields.texts("events")),
        enabled=fields.flag("isEnabled"),
        about=_about(extra, owner) if _narrows(fields) else UNSET,
        extra=extra,
    )


def _events(actions: Sequence[str] | Unset) -> tuple[str, ...] | Unset:
    if isinstance(actions, Unset):
        return UNSET
    return tuple(_MEANT[action].value for action in actions if action in _MEANT)


def _narrows(fields: Fields) -> bool:
    return fields.touches("singleOrgOnly") or fields.touches("organization")


def _about(extra: Mapping[str, Any], owner: str) -> str:
    """``singleOrgOnly`` narrows a webhook of the built-in organization to the one it names."""
    organization = extra.get("organization")
    if owner != BUILT_IN or extra.get("singleOrgOnly") is not True:
        return "" if owner == BUILT_IN else owner
    return organization if isinstance(organization, str) and organization else owner


def to_wire(item: Webhook, extra: Mapping[str, Any]) -> dict[str, Any]:
    """A webhook as the wire shows it; its secret is not shown."""
    return {
        **DEFAULTS,
        **({"events": list(item.events)} if "events" not in extra else {}),
        **extra,
        "owner": item.organization,
        "name": item.name,
        "createdTime": created_time(extra, wire_time(item.created_at)),
        "organization": extra.get("organization") or item.about,
        "url": item.url,
        "isEnabled": item.enabled,
    }
