"""Webhooks: who may have one, where it leads, and by which secret its messages are signed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from ostiary.domain.access import (
    Kind,
    may_administer,
    reach_of,
    require_administrator,
    require_fresh,
)
from ostiary.domain.accounts import BUILT_IN, checked_name
from ostiary.domain.errors import AlreadyExists, BadInput, NotFound, NotSignedIn
from ostiary.domain.events import Event
from ostiary.domain.webhook import Webhook, WebhookEvent, text_of
from ostiary.gateways import outbound
from ostiary.gateways.entropy import new_signing_secret
from ostiary.gateways.keys import Vault
from ostiary.services import extras
from ostiary.services.applications import checked_address
from ostiary.services.house import Act
from ostiary.services.standing import rechecked
from ostiary.storage import audit, organizations, outbox, webhooks
from ostiary.storage.audit import NewEvent
from ostiary.storage.database import Transaction

UNSET = msgspec.UNSET
Unset = msgspec.UnsetType

MOST = 50
"""Webhooks that one organization may have: each sign-in owes every one of them a message."""

OVERLAP = timedelta(hours=24)
"""How long the old secret signs as well after a new one was made."""


class WebhookChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller wants a webhook to be; what is unset stays as it is.

    ``about``: see `Webhook`. Only for one of the built-in organization; others are told of their
    own organization, whatever is asked for.
    """

    url: str | Unset = UNSET
    events: tuple[str, ...] | Unset = UNSET
    enabled: bool | Unset = UNSET
    about: str | Unset = UNSET
    extra: dict[str, Any] | Unset = UNSET


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook with the text of a secret that was just made, and is not shown again."""

    webhook: Webhook
    secret: str


def list_webhooks(tx: Transaction, act: Act, organization: str | None = None) -> list[Webhook]:
    """All that the caller administers, or those of one organization.

    Raises:
        NotAllowed, NotSignedIn: the caller administers nothing of it.
    """
    return webhooks.every(tx, owner=reach_of(act.caller, organization))


def get_webhook(tx: Transaction, act: Act, organization: str, name: str) -> Webhook:
    """One webhook.

    Raises:
        NotFound: there is none, or the caller may not know of it.
        NotSignedIn: nobody is calling.
    """
    return _administered(tx, act, organization, name)


def _administered(
    tx: Transaction, act: Act, organization: str, name: str, *, lock: bool = False
) -> Webhook:
    found = webhooks.get(tx, organization, name, lock=lock)
    if act.caller.kind is Kind.NOBODY:
        raise NotSignedIn(reason=act.caller.dead_reason)
    if found is None or not may_administer(act.caller, organization):
        raise NotFound(f"There is no webhook {organization}/{name}.")
    return found


@rechecked
def add_webhook(
    tx: Transaction,
    act: Act,
    vault: Vault,
    organization: str,
    name: str,
    change: WebhookChange,
) -> Made:
    """Add a webhook. Unless said otherwise it is turned on, and told of everything.

    Raises:
        NotAllowed, NotSignedIn: the caller does not administer the organization.
        NotFound: there is no such organization.
        AlreadyExists: the name is taken.
        BadInput: a value cannot be used, or there are too many.
    """
    require_administrator(act.caller, organization)
    checked_name("name", name)
    owner = organizations.get(tx, organization, lock=True)
    if owner is None:
        raise NotFound(f"There is no organization {organization}.")
    if webhooks.get(tx, organization, name) is not None:
        raise AlreadyExists(f"There is a webhook {organization}/{name} already.", field="name")
    if webhooks.count(tx, owner=organization, up_to=MOST) >= MOST:
        raise BadInput("name", f"An organization has at most {MOST} webhooks.")
    secret = new_signing_secret()
    item = Webhook(
        key=0,
        organization_key=owner.key,
        organization=organization,
        name=name,
        about=webhooks.EVERYBODY if organization == BUILT_IN else organization,
        url="",
        events=tuple(event.value for event in WebhookEvent),
        enabled=True,
        sealed_secret=vault.seal(secret, _context(owner.key, name, "secret")),
        sealed_extra=b"",
        created_at=act.now,
        updated_at=act.now,
    )
    item = _changed(tx, act, vault, item, change)
    key = webhooks.add(tx, item)
    _audit(tx, act, Event.WEBHOOK_ADDED, item, {"new": describe(item)})
    return Made(webhook=msgspec.structs.replace(item, key=key), secret=text_of(secret))


@rechecked
def update_webhook(
    tx: Transaction,
    act: Act,
    vault: Vault,
    organization: str,
    name: str,
    change: WebhookChange,
) -> Webhook:
    """Change a webhook. What it is still owed goes to its new address, or nowhere once it is off.

    Raises:
        NotFound: there is none, or the caller may not know of it.
        NotSignedIn: nobody is calling.
        BadInput: a value cannot be used.
    """
    old = _administered(tx, act, organization, name, lock=True)
    new = _changed(tx, act, vault, old, change)
    webhooks.put(tx, new)
    if not new.enabled or not new.url:
        outbox.withdraw_webhook(tx, old.key, old.url, act.now)
    elif new.url != old.url:
        outbox.retarget_webhook(tx, old.key, old.url, new.url)
    detail = {"old": describe(old), "new": describe(new), "secret_changed": False}
    _audit(tx, act, Event.WEBHOOK_UPDATED, new, detail)
    return new


@rechecked
def rotate_secret(tx: Transaction, act: Act, vault: Vault, organization: str, name: str) -> Made:
    """Give a webhook a new secret. For `OVERLAP` the old one signs as well.

    Raises:
        NotFound: there is none, or the caller may not know of it.
        NotSignedIn: nobody is calling.
        ReauthenticationNeeded: the caller's authentication is too old.
    """
    old = _administered(tx, act, organization, name, lock=True)
    require_fresh(act.caller, act.now, within=act.fresh_within)
    secret = new_signing_secret()
    new = msgspec.structs.replace(
        old,
        sealed_secret=vault.seal(secret, _context(old.organization_key, name, "secret")),
        sealed_previous=old.sealed_secret,
        previous_until=act.now + OVERLAP,
        updated_at=act.now,
    )
    webhooks.put(tx, new)
    shown = describe(new)
    _audit(
        tx,
        act,
        Event.WEBHOOK_UPDATED,
        new,
        {"old": shown, "new": shown, "secret_changed": True},
    )
    return Made(webhook=new, secret=text_of(secret))


@rechecked
def delete_webhook(tx: Transaction, act: Act, organization: str, name: str) -> None:
    """Delete a webhook; what it is still owed is given up.

    Raises:
        NotFound: there is none, or the caller may not know of it.
        NotSignedIn: nobody is calling.
    """
    old = _administered(tx, act, organization, name, lock=True)
    outbox.withdraw_webhook(tx, old.key, old.url, act.now)
    webhooks.remove(tx, old.key)
    _audit(tx, act, Event.WEBHOOK_DELETED, old, {"old": describe(old)})


def extra_of(vault: Vault, item: Webhook) -> dict[str, Any]:
    """The fields that are kept and given back."""
    context = _context(item.organization_key, item.name, "extra")
    return extras.unseal(vault, context, item.sealed_extra)


def secrets_of(vault: Vault, item: Webhook, now: datetime) -> list[bytes]:
    """What its messages are signed with: the secret, and for a while the one before it."""
    context = _context(item.organization_key, item.name, "secret")
    sealed = [item.sealed_secret]
    if item.previous_until is not None and now < item.previous_until:
        sealed.append(item.sealed_previous)
    return [vault.unseal(one, context) for one in sealed]


def describe(item: Webhook) -> dict[str, Any]:
    """What the audit says about it: no secrets. An address may hold one, so its host alone."""
    return {
        "host": outbound.host_of(item.url),
        "events": list(item.events),
        "enabled": item.enabled,
        "about": item.about,
    }


def _changed(
    tx: Transaction, act: Act, vault: Vault, item: Webhook, change: WebhookChange
) -> Webhook:
    values: dict[str, Any] = {
        name: value
        for name in ("url", "events", "enabled")
        if (value := getattr(change, name)) is not UNSET
    }
    if isinstance(change.url, str) and change.url:
        _check_address(change.url, act)
    if isinstance(change.events, tuple):
        values["events"] = _checked_events(change.events)
    if isinstance(change.about, str) and item.organization == BUILT_IN:
        if change.about and organizations.get(tx, change.about) is None:
            raise BadInput("about", f"There is no organization {change.about}.")
        values["about"] = change.about
    if isinstance(change.extra, dict):
        context = _context(item.organization_key, item.name, "extra")
        values["sealed_extra"] = extras.seal(vault, context, change.extra)
    return msgspec.structs.replace(item, updated_at=act.now, **values)


def _check_address(url: str, act: Act) -> None:
    """As for logout addresses; each delivery looks again at what the name means then."""
    checked_address("url", url)
    if not outbound.may_be_called(url, act.allow):
        raise BadInput(
            "url",
            "url has to be an https address that is not of a private network. An operator may "
            "allow others: [outbound] allow_networks.",
        )


def _checked_events(events: tuple[str, ...]) -> tuple[str, ...]:
    known = [event.value for event in WebhookEvent]
    if any(event not in known for event in events):
        raise BadInput("events", f"events takes {', '.join(known)}.")
    return tuple(dict.fromkeys(events))


def _context(organization_key: int, name: str, column: str) -> str:
    return f"webhook/{organization_key}/{name}/{column}"


def _audit(tx: Transaction, act: Act, event: Event, item: Webhook, detail: dict[str, Any]) -> None:
    written = NewEvent(
        event=event,
        actor=act.caller.actor,
        organization=item.organization,
        address=act.address,
        detail={"webhook": item.name, **detail},
    )
    audit.write(tx, act.now, [written])
