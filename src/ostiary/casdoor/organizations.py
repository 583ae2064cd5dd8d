"""Organizations: listed, shown, added, changed, deleted (contract 4.1)."""

from __future__ import annotations

import msgspec
from litestar import get, post
from litestar.di import NamedDependency

from ostiary.casdoor import envelopes
from ostiary.casdoor.callers import known, pair
from ostiary.casdoor.envelopes import Reply
from ostiary.casdoor.fields import Fields, page_of, with_defaults
from ostiary.casdoor.organization_fields import DEFAULTS, NEVER_SHOWN, OWN, change_of, to_wire
from ostiary.casdoor.paging import listing_of
from ostiary.casdoor.reading import Body, Wire
from ostiary.domain.access import may_administer, require_administrator, require_global
from ostiary.domain.accounts import BUILT_IN
from ostiary.domain.errors import BadInput, NotFound
from ostiary.services import organizations
from ostiary.services.house import Act
from ostiary.storage.database import Transaction

_COLUMNS = {
    "owner": "owner",
    "name": "name",
    "created_time": "createdTime",
    "display_name": "displayName",
    "website_url": "websiteUrl",
}


@get("/get-organizations", sync_to_thread=True)
def get_organizations(wire: NamedDependency[Wire]) -> Reply:
    """All organizations, or the caller's own."""
    act, vault = known(wire), wire.visit.house.vault
    listing = listing_of(wire, searched=_COLUMNS, sorted_by=_COLUMNS)
    found = wire.visit.house.database.read(organizations.list_organizations, act)
    shown = [
        to_wire(
            item,
            organizations.extra_of(vault, item),
            full=may_administer(act.caller, item.name),
        )
        for item in found
    ]
    page, total = page_of(shown, listing, _COLUMNS)
    return envelopes.ok(page, total if listing.size else None)


@get("/get-organization-names", sync_to_thread=True)
def get_organization_names(wire: NamedDependency[Wire]) -> Reply:
    """What organizations are called, for a choice."""
    act = known(wire)
    found = wire.visit.house.database.read(organizations.list_organizations, act)
    return envelopes.ok([{"name": o.name, "displayName": o.display_name} for o in found])


@get("/get-organization", sync_to_thread=True)
def get_organization(wire: NamedDependency[Wire]) -> Reply:
    """One organization, or null."""
    act = known(wire)
    _, name = pair(wire.get("id"))
    require_administrator(act.caller, name)
    try:
        item = wire.visit.house.database.read(organizations.get_organization, act, name)
    except NotFound:
        return envelopes.ok()
    extra = organizations.extra_of(wire.visit.house.vault, item)
    return envelopes.ok(to_wire(item, extra, full=True))


@post("/add-organization", sync_to_thread=True)
def add_organization(wire: NamedDependency[Wire]) -> Reply:
    """Add an organization."""
    act, body = known(wire), wire.body("Organization")
    require_global(act.caller)
    body.require_plain_name()
    fields = Fields(body)
    kept = with_defaults(fields.kept({}, own=OWN, secrets=NEVER_SHOWN), DEFAULTS)
    change = msgspec.structs.replace(change_of(fields, {}), extra=kept)
    house, name = wire.visit.house, body.text("name")
    house.database.write(organizations.add_organization, act, house.vault, name, change)
    return envelopes.affected(changed=True)


@post("/update-organization", sync_to_thread=True)
def update_organization(wire: NamedDependency[Wire]) -> Reply:
    """Change the organization that ``id`` names."""
    act, body = known(wire), wire.body("Organization")
    name = pair(wire.get("id"))[1] if wire.get("id") else body.text("name")
    require_administrator(act.caller, name)
    _require_same_name(act, body, name)
    fields = Fields(body, wire.get("columns"))
    try:
        wire.visit.house.database.write(_update, act, wire, name, fields)
    except NotFound:
        return envelopes.affected(changed=False)
    return envelopes.affected(changed=True)


def _require_same_name(act: Act, body: Body, name: str) -> None:
    """What ``id`` says and what the body says are one row, or nothing happens (W1)."""
    sent = body.text("name")
    if sent in {"", name}:
        return
    require_administrator(act.caller, sent)
    body.require_plain_name()
    raise BadInput("name", "An organization cannot be renamed.")


def _update(tx: Transaction, act: Act, wire: Wire, name: str, fields: Fields) -> None:
    vault = wire.visit.house.vault
    item = organizations.get_organization(tx, act, name)
    change = change_of(fields, organizations.extra_of(vault, item))
    organizations.update_organization(tx, act, vault, name, change)


@post("/delete-organization", sync_to_thread=True)
def delete_organization(wire: NamedDependency[Wire]) -> Reply:
    """Delete the organization that the body names, once it is empty."""
    act, body = known(wire), wire.body("Organization")
    require_global(act.caller)
    if body.text("name") == BUILT_IN:
        return envelopes.affected(changed=False)
    try:
        wire.visit.house.database.write(organizations.delete_organization, act, body.text("name"))
    except NotFound:
        return envelopes.affected(changed=False)
    return envelopes.affected(changed=True)
