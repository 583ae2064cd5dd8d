"""Webhooks: listed, shown, added, changed, deleted (contract 4.1)."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency

from ostiary.casdoor import envelopes, webhook_fields
from ostiary.casdoor.callers import known, pair
from ostiary.casdoor.envelopes import Answer, Reply
from ostiary.casdoor.fields import Fields, page_of
from ostiary.casdoor.paging import listing_of
from ostiary.casdoor.reading import Body, Wire
from ostiary.domain.access import require_administrator
from ostiary.domain.errors import AlreadyExists, BadInput, NotFound
from ostiary.domain.webhook import Webhook
from ostiary.services import webhooks
from ostiary.services.house import Act
from ostiary.storage.database import Transaction

_COLUMNS = {
    "owner": "owner",
    "name": "name",
    "created_time": "createdTime",
    "organization": "organization",
    "url": "url",
    "method": "method",
}


@get("/get-webhooks", sync_to_thread=True)
def get_webhooks(wire: NamedDependency[Wire]) -> Reply:
    """The webhooks of an organization, or all that the caller administers."""
    act = known(wire)
    listing = listing_of(wire, searched=_COLUMNS, sorted_by=_COLUMNS)
    owner = wire.get("owner") or wire.get("organization") or None
    found = wire.visit.house.database.read(webhooks.list_webhooks, act, owner)
    page, total = page_of([_shown(wire, item) for item in found], listing, _COLUMNS)
    return envelopes.ok(page, total if listing.size else None)


@get("/get-webhook", sync_to_thread=True)
def get_webhook(wire: NamedDependency[Wire]) -> Reply:
    """One webhook, or null."""
    act = known(wire)
    owner, name = pair(wire.get("id"))
    require_administrator(act.caller, owner)
    try:
        found = wire.visit.house.database.read(webhooks.get_webhook, act, owner, name)
    except NotFound:
        return envelopes.ok()
    return envelopes.ok(_shown(wire, found))


def _shown(wire: Wire, item: Webhook) -> dict[str, Any]:
    return webhook_fields.to_wire(item, webhooks.extra_of(wire.visit.house.vault, item))


@post("/add-webhook", sync_to_thread=True)
def add_webhook(wire: NamedDependency[Wire]) -> Reply:
    """Add a webhook; ``data2`` is the secret that its messages are signed with, this once."""
    act, body = known(wire), wire.body("Webhook")
    owner = body.text("owner")
    require_administrator(act.caller, owner)
    body.require_plain_name()
    # On this wire a webhook is off, and hears of nothing, until it is said.
    change = webhook_fields.change_of(Fields(body), {}, owner)
    change = msgspec.structs.replace(
        change,
        enabled=body.flag("isEnabled"),
        events=() if isinstance(change.events, msgspec.UnsetType) else change.events,
    )
    house = wire.visit.house
    try:
        made = house.database.write(
            webhooks.add_webhook, act, house.vault, owner, body.text("name"), change
        )
    except AlreadyExists as error:
        return envelopes.error(error.text)
    except NotFound:
        return envelopes.error(f"the organization: {owner} is not found")
    return envelopes.reply(Answer(data="Affected", data2=made.secret))


@post("/update-webhook", sync_to_thread=True)
def update_webhook(wire: NamedDependency[Wire]) -> Reply:
    """Change the webhook that ``id`` names."""
    act, body = known(wire), wire.body("Webhook")
    owner, name = pair(wire.get("id")) if wire.get("id") else _key_in(body)
    require_administrator(act.caller, owner)
    if _key_in(body) not in {(owner, name), (owner, ""), ("", name), ("", "")}:
        body.require_plain_name()
        raise BadInput("name", "A webhook cannot be renamed or moved.")
    fields = Fields(body, wire.get("columns"))
    try:
        wire.visit.house.database.write(_update, act, wire, owner, name, fields)
    except NotFound:
        return envelopes.affected(changed=False)
    return envelopes.affected(changed=True)


def _update(tx: Transaction, act: Act, wire: Wire, owner: str, name: str, fields: Fields) -> None:
    vault = wire.visit.house.vault
    item = webhooks.get_webhook(tx, act, owner, name)
    change = webhook_fields.change_of(fields, webhooks.extra_of(vault, item), owner)
    webhooks.update_webhook(tx, act, vault, owner, name, change)


@post("/delete-webhook", sync_to_thread=True)
def delete_webhook(wire: NamedDependency[Wire]) -> Reply:
    """Delete the webhook that the body names."""
    act, body = known(wire), wire.body("Webhook")
    owner, name = _key_in(body)
    require_administrator(act.caller, owner)
    try:
        wire.visit.house.database.write(webhooks.delete_webhook, act, owner, name)
    except NotFound:
        return envelopes.affected(changed=False)
    return envelopes.affected(changed=True)


def _key_in(body: Body) -> tuple[str, str]:
    return body.text("owner"), body.text("name")
