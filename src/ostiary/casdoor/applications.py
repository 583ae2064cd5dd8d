"""Applications: listed, shown, added, changed, deleted (contract 4.1)."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency

from ostiary.casdoor import envelopes
from ostiary.casdoor.application_fields import (
    DEFAULTS,
    OWN,
    SECRETS,
    change_of,
    for_everybody,
    to_wire,
)
from ostiary.casdoor.callers import act_of, known, pair
from ostiary.casdoor.envelopes import Reply
from ostiary.casdoor.fields import Fields, page_of, with_defaults
from ostiary.casdoor.notification_fields import listeners_of
from ostiary.casdoor.paging import listing_of
from ostiary.casdoor.reading import Body, Wire
from ostiary.domain.access import may_administer, require_administrator
from ostiary.domain.accounts import BUILT_IN, BUILT_IN_APPLICATION, Application
from ostiary.domain.client import USER_SCOPES
from ostiary.domain.errors import AlreadyExists, BadInput, NotAllowed, NotFound
from ostiary.services import applications, published, sso_notifications
from ostiary.services.applications import ApplicationChange
from ostiary.services.house import Act
from ostiary.storage.database import Transaction

_COLUMNS = {
    "owner": "owner",
    "name": "name",
    "created_time": "createdTime",
    "display_name": "displayName",
    "organization": "organization",
    "client_id": "clientId",
    "homepage_url": "homepageUrl",
}


@get("/get-applications", sync_to_thread=True)
def get_applications(wire: NamedDependency[Wire]) -> Reply:
    """All applications that the caller administers, or those of one organization."""
    return _list(wire, known(wire), wire.get("organization") or None)


@get("/get-organization-applications", sync_to_thread=True)
def get_organization_applications(wire: NamedDependency[Wire]) -> Reply:
    """The applications of one organization; its plain users see what a sign-in page may know."""
    act, organization = known(wire), wire.get("organization")
    own = organization == act.caller.organization
    if may_administer(act.caller, organization) or not own:
        return _list(wire, act, organization or None)
    found = wire.visit.house.database.read(published.applications_of, organization)
    return envelopes.ok([_shown(wire, act, item) for item in found])


def _list(wire: Wire, act: Act, organization: str | None) -> Reply:
    listing = listing_of(wire, searched=_COLUMNS, sorted_by=_COLUMNS)
    read = wire.visit.house.database.read
    found = read(applications.list_applications, act, organization)
    shown = [_shown(wire, act, item) for item in found]
    page, total = page_of(shown, listing, _COLUMNS)
    return envelopes.ok(page, total if listing.size else None)


@get("/get-application", sync_to_thread=True)
def get_application(wire: NamedDependency[Wire]) -> Reply:
    """One application, or null: whole for those who administer it, else what a page may know."""
    act = act_of(wire)
    _, name = pair(wire.get("id"))
    found = wire.visit.house.database.read(published.application, name)
    return envelopes.ok(None if found is None else _shown(wire, act, found))


def _shown(wire: Wire, act: Act, item: Application) -> dict[str, Any]:
    vault = wire.visit.house.vault
    extra = applications.extra_of(vault, item)
    if may_administer(act.caller, item.organization):
        return to_wire(item, extra, applications.secret_of(vault, item))
    return for_everybody(item, extra)


@post("/add-application", sync_to_thread=True)
def add_application(wire: NamedDependency[Wire]) -> Reply:
    """Add an application to the organization that the body names, else to the built-in one."""
    act, body = known(wire), wire.body("Application")
    organization = body.text("organization") or BUILT_IN
    require_administrator(act.caller, organization)
    body.require_plain_name()
    fields = Fields(body)
    kept = with_defaults(fields.kept({}, own=OWN, secrets=SECRETS), DEFAULTS)
    # Clients of this wire were written before PKCE, and ask for the scope "read"; an administrator
    # may require the one and take the other away (W17).
    change = msgspec.structs.replace(
        change_of(fields, {}, None),
        extra=kept,
        pkce_required=False,
        scopes=(*USER_SCOPES, "read"),
    )
    name = body.text("name")
    try:
        wire.visit.house.database.write(_add, act, wire, organization, name, change, fields)
    except AlreadyExists as error:
        return _taken(error)
    except NotFound:
        return envelopes.error(f"the organization: {organization} is not found")
    return envelopes.affected(changed=True)


def _add(
    tx: Transaction,
    act: Act,
    wire: Wire,
    organization: str,
    name: str,
    change: ApplicationChange,
    fields: Fields,
) -> None:
    vault = wire.visit.house.vault
    item = applications.add_application(tx, act, vault, organization, name, change)
    _listen(tx, act, item, change, fields)


def _listen(
    tx: Transaction, act: Act, item: Application, change: ApplicationChange, fields: Fields
) -> None:
    """Write where it wants to be told of sign-outs in the manner of this wire (contract 3.9)."""
    kept = change.extra if isinstance(change.extra, dict) else {}
    wanted = listeners_of(fields, kept)
    if not isinstance(wanted, msgspec.UnsetType):
        sso_notifications.set_listeners(tx, act, item.key, wanted)


@post("/update-application", sync_to_thread=True)
def update_application(wire: NamedDependency[Wire]) -> Reply:
    """Change the application that ``id`` names."""
    act, body = known(wire), wire.body("Application")
    name = pair(wire.get("id"))[1] if wire.get("id") else body.text("name")
    found = _administered(wire, act, name)
    if found is None:
        return envelopes.affected(changed=False)
    _require_same(wire, act, body, found)
    fields = Fields(body, wire.get("columns"))
    try:
        wire.visit.house.database.write(_update, act, wire, name, fields)
    except AlreadyExists as error:
        return _taken(error)
    except NotFound:
        return envelopes.affected(changed=False)
    return envelopes.affected(changed=True)


def _update(tx: Transaction, act: Act, wire: Wire, name: str, fields: Fields) -> None:
    vault = wire.visit.house.vault
    item = applications.get_application(tx, act, name)
    change = change_of(fields, applications.extra_of(vault, item), item)
    changed = applications.update_application(tx, act, vault, name, change)
    _listen(tx, act, changed, change, fields)


def _require_same(wire: Wire, act: Act, body: Body, found: Application) -> None:
    """What ``id`` says and what the body says are one row, or nothing happens (W1).

    Raises:
        NotAllowed: the body names what the caller does not administer.
        BadInput: it would rename or move the application.
    """
    name, organization = body.text("name"), body.text("organization")
    if name not in {"", found.name}:
        _administered(wire, act, name)
        body.require_plain_name()
        raise BadInput("name", "An application cannot be renamed.")
    if organization not in {"", found.organization}:
        require_administrator(act.caller, organization)
        raise BadInput("organization", "An application cannot be moved to another organization.")


@post("/delete-application", sync_to_thread=True)
def delete_application(wire: NamedDependency[Wire]) -> Reply:
    """Delete the application that the body names, of the organization that it names."""
    act, body = known(wire), wire.body("Application")
    found = _administered(wire, act, body.text("name"))
    elsewhere = found is None or body.text("organization") not in {"", found.organization}
    if found is None or elsewhere or found.name == BUILT_IN_APPLICATION:
        return envelopes.affected(changed=False)
    try:
        wire.visit.house.database.write(applications.delete_application, act, found.name)
    except NotFound:
        return envelopes.affected(changed=False)
    return envelopes.affected(changed=True)


def _administered(wire: Wire, act: Act, name: str) -> Application | None:
    """The application of this name; None when there is none.

    Raises:
        NotAllowed: the caller does not administer it, or administers nothing at all.
    """
    found = wire.visit.house.database.read(published.application, name)
    owner = found.organization if found is not None else act.caller.organization
    if not may_administer(act.caller, owner):
        raise NotAllowed(detail=f"{act.caller.actor} does not administer the application {name}")
    return found


def _taken(error: AlreadyExists) -> Reply:
    """Another one has its client id: the wire calls that no change; a name is said."""
    if error.field == "client_id":
        return envelopes.affected(changed=False)
    return envelopes.error(error.text)
