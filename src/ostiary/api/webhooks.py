"""Webhooks: addresses that are told what happens to sessions."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ostiary.api.asked import Paged, Word
from ostiary.api.contract import Call, operation
from ostiary.api.views import Listing, Moment, listing
from ostiary.domain import webhook as domain
from ostiary.domain.errors import (
    AlreadyExists,
    BadCursor,
    NotAllowed,
    NotFound,
    ReauthenticationNeeded,
)
from ostiary.domain.webhook import WebhookEvent
from ostiary.services import browse, webhooks

TAG = "Webhooks"
_CREATED = 201

Url = Annotated[
    str,
    Meta(
        max_length=2_000,
        description="Where messages go, by https; empty: nowhere.",
        examples=["https://siem.acme.example/hooks/sessions"],
    ),
]
Events = Annotated[tuple[WebhookEvent, ...], Meta(max_length=10, description="What it is told of.")]
Enabled = Annotated[bool, Meta(description="False: it is told of nothing.")]
About = Annotated[
    Word | None,
    Meta(
        description=(
            "The organization whose sessions it is told of; null: all. It is the webhook's own, "
            "unless that is the built-in one."
        )
    ),
]
Secret = Annotated[
    str,
    Meta(
        description="What its messages are signed with; shown now and never again.",
        examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"],
    ),
]


class WebhookView(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook. Its secret is not shown."""

    organization: Annotated[str, Meta(examples=["acme"])]
    name: Annotated[str, Meta(description="Unique in its organization.", examples=["siem"])]
    url: Url
    events: Events
    enabled: Enabled
    about: About
    created_at: Moment
    updated_at: Moment
    previous_secret_until: Annotated[
        Moment | None,
        Meta(description="Until when the secret before signs too; null: there is none."),
    ]


class MadeWebhookView(WebhookView, frozen=True, kw_only=True):
    """A webhook whose secret was just made."""

    secret: Secret


class WebhookChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a webhook shall be; what is left out stays as it is."""

    url: Url | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    enabled: Enabled | UnsetType = UNSET
    about: About | UnsetType = UNSET


class NewWebhook(WebhookChange, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new webhook; unless said otherwise it is turned on, and told of everything."""

    organization: Annotated[Word, Meta(examples=["acme"])]
    name: Annotated[str, Meta(min_length=1, max_length=100, examples=["siem"])]


class WebhookQuery(Paged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose, and which page."""

    organization: Annotated[Word, Meta(examples=["acme"])] | UnsetType = UNSET


@operation(
    "GET",
    "/webhooks",
    tag=TAG,
    summary="List webhooks",
    description="By organization and name: those that the caller administers.",
    raises=(NotAllowed, BadCursor),
)
def list_webhooks(call: Call, query: WebhookQuery) -> Listing[WebhookView]:
    """Translate."""
    page = call.read(
        browse.browse_webhooks,
        call.house.vault,
        query.organization or None,
        cursor=query.cursor or None,
        limit=query.limit,
    )
    return listing(page, webhook_view)


@operation(
    "POST",
    "/webhooks",
    tag=TAG,
    summary="Add a webhook",
    description=(
        "Its messages are signed as Standard Webhooks says. The answer holds the secret, which is "
        "not shown again."
    ),
    raises=(NotAllowed, NotFound, AlreadyExists),
    status=_CREATED,
    examples={
        "siem": NewWebhook(
            organization="acme",
            name="siem",
            url="https://siem.acme.example/hooks/sessions",
            events=(WebhookEvent.SESSION_ENDED,),
        )
    },
)
def add_webhook(call: Call, body: NewWebhook) -> MadeWebhookView:
    """Translate."""
    made = call.write(
        webhooks.add_webhook, call.house.vault, body.organization, body.name, _change(body)
    )
    call.created("webhooks", made.webhook.organization, made.webhook.name)
    return _with_secret(made)


@operation(
    "GET",
    "/webhooks/{organization}/{webhook}",
    tag=TAG,
    summary="Get a webhook",
    description="One of an organization that the caller administers, without its secret.",
    raises=(NotFound,),
)
def get_webhook(call: Call, organization: str, webhook: str) -> WebhookView:
    """Translate."""
    return webhook_view(call.read(webhooks.get_webhook, organization, webhook))


@operation(
    "PATCH",
    "/webhooks/{organization}/{webhook}",
    tag=TAG,
    summary="Change a webhook",
    description=(
        "What is left out stays as it is. What it is still owed goes to its new address; once it "
        "is turned off, that is given up."
    ),
    raises=(NotFound,),
    examples={"off": WebhookChange(enabled=False)},
)
def update_webhook(call: Call, organization: str, webhook: str, body: WebhookChange) -> WebhookView:
    """Translate."""
    vault = call.house.vault
    changed = call.write(webhooks.update_webhook, vault, organization, webhook, _change(body))
    return webhook_view(changed)


@operation(
    "DELETE",
    "/webhooks/{organization}/{webhook}",
    tag=TAG,
    summary="Delete a webhook",
    description="What it is still owed is given up.",
    raises=(NotFound,),
)
def delete_webhook(call: Call, organization: str, webhook: str) -> None:
    """Translate."""
    call.write(webhooks.delete_webhook, organization, webhook)


@operation(
    "POST",
    "/webhooks/{organization}/{webhook}/secret",
    tag=TAG,
    summary="Give a webhook a new secret",
    description=(
        "The answer shows it, this once. For 24 hours messages are signed by the old one as well."
    ),
    raises=(NotFound, ReauthenticationNeeded),
)
def rotate_webhook_secret(call: Call, organization: str, webhook: str) -> MadeWebhookView:
    """Translate."""
    vault = call.house.vault
    return _with_secret(call.write(webhooks.rotate_secret, vault, organization, webhook))


def webhook_view(item: domain.Webhook) -> WebhookView:
    """A webhook as it is answered."""
    return WebhookView(
        organization=item.organization,
        name=item.name,
        url=item.url,
        events=tuple(WebhookEvent(event) for event in item.events),
        enabled=item.enabled,
        about=item.about or None,
        created_at=item.created_at,
        updated_at=item.updated_at,
        previous_secret_until=item.previous_until,
    )


def _with_secret(made: webhooks.Made) -> MadeWebhookView:
    shown = msgspec.structs.asdict(webhook_view(made.webhook))
    return MadeWebhookView(**shown, secret=made.secret)


def _change(body: WebhookChange) -> webhooks.WebhookChange:
    events = body.events
    return webhooks.WebhookChange(
        url=body.url,
        events=events if events is UNSET else tuple(event.value for event in events),
        enabled=body.enabled,
        about=body.about if body.about is UNSET else body.about or "",
    )


OPERATIONS = (
    list_webhooks,
    add_webhook,
    get_webhook,
    update_webhook,
    delete_webhook,
    rotate_webhook_secret,
)
