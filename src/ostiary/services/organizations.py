"""Organizations: added, changed and deleted by global administrators."""

from __future__ import annotations

from typing import Any

import msgspec

from ostiary.domain.access import (
    Kind,
    may_administer,
    require_administrator,
    require_global,
)
from ostiary.domain.accounts import BUILT_IN, Organization, checked_name, checked_text
from ostiary.domain.errors import (
    AlreadyExists,
    BadInput,
    NotFound,
    NotSignedIn,
    Protected,
)
from ostiary.domain.events import Event
from ostiary.domain.lifetime import LONGEST, SHORTEST, Overrides
from ostiary.gateways.keys import Vault
from ostiary.services import extras
from ostiary.services.house import Act
from ostiary.services.standing import rechecked
from ostiary.storage import audit, organizations
from ostiary.storage.audit import NewEvent
from ostiary.storage.database import Transaction

UNSET = msgspec.UNSET
Unset = msgspec.UnsetType


class OrganizationChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller wants an organization to be; what is unset stays as it is."""

    display_name: str | Unset = UNSET
    default_application: str | Unset = UNSET
    lifetimes: Overrides | Unset = UNSET
    password_salt: str | Unset = UNSET
    exclusive: bool | Unset = UNSET
    sign_in_disabled: bool | Unset = UNSET
    keep_sessions_on_password_change: bool | Unset = UNSET
    extra: dict[str, Any] | Unset = UNSET


def list_organizations(tx: Transaction, act: Act) -> list[Organization]:
    """All organizations, or the caller's own.

    Raises:
        NotSignedIn: nobody is calling.
    """
    if act.caller.kind is Kind.NOBODY:
        raise NotSignedIn(reason=act.caller.dead_reason)
    own = None if act.caller.is_global else act.caller.organization
    return organizations.every(tx, name=own)


def get_organization(tx: Transaction, act: Act, name: str) -> Organization:
    """An organization that the caller administers.

    Raises:
        NotFound: there is none, or the caller may not know of it.
    """
    if act.caller.kind is Kind.NOBODY:
        raise NotSignedIn(reason=act.caller.dead_reason)
    found = organizations.get(tx, name) if may_administer(act.caller, name) else None
    if found is None:
        raise NotFound(f"There is no organization {name}.")
    return found


@rechecked
def add_organization(
    tx: Transaction, act: Act, vault: Vault, name: str, change: OrganizationChange
) -> Organization:
    """Add an organization.

    Raises:
        NotAllowed, NotSignedIn: the caller is not global.
        AlreadyExists: the name is taken.
        BadInput: a value cannot be used.
    """
    require_global(act.caller)
    checked_name("name", name)
    if organizations.get(tx, name) is not None:
        raise AlreadyExists(f"There is an organization {name} already.", field="name")
    item = Organization(key=0, name=name, display_name=name, created_at=act.now)
    item = _changed(vault, item, change)
    if not item.sealed_extra:
        item = msgspec.structs.replace(item, sealed_extra=extras.seal(vault, _context(name), {}))
    organizations.add(tx, item)
    _audit(tx, act, Event.ORGANIZATION_ADDED, name, {"new": describe(item)})
    return _required(tx, name)


@rechecked
def update_organization(
    tx: Transaction, act: Act, vault: Vault, name: str, change: OrganizationChange
) -> Organization:
    """Change an organization; its name stays, since records are kept by it.

    Raises:
        NotFound: there is none, or the caller may not know of it.
        NotAllowed, NotSignedIn: the caller does not administer it.
        BadInput: a value cannot be used.
    """
    require_administrator(act.caller, name)
    old = organizations.get(tx, name, lock=True)
    if old is None:
        raise NotFound(f"There is no organization {name}.")
    new = _changed(vault, old, change)
    organizations.put(tx, new)
    detail = {"old": describe(old), "new": describe(new)}
    _audit(tx, act, Event.ORGANIZATION_UPDATED, name, detail)
    return _required(tx, name)


@rechecked
def delete_organization(tx: Transaction, act: Act, name: str) -> None:
    """Delete an empty organization.

    Raises:
        NotFound: there is none.
        Protected: it is the built-in one, or still has users or applications.
        NotAllowed, NotSignedIn: the caller is not global.
    """
    require_global(act.caller)
    found = organizations.get(tx, name, lock=True)
    if found is None:
        raise NotFound(f"There is no organization {name}.")
    if name == BUILT_IN:
        raise Protected("The built-in organization cannot be deleted.")
    if not organizations.is_empty(tx, found.key):
        raise Protected("Delete the organization's users and applications first.")
    organizations.delete(tx, found.key, act.now)
    _audit(tx, act, Event.ORGANIZATION_DELETED, name, {"old": describe(found)})


def extra_of(vault: Vault, item: Organization) -> dict[str, Any]:
    """The fields that are kept and given back."""
    return extras.unseal(vault, _context(item.name), item.sealed_extra)


def checked_lifetimes(lifetimes: Overrides) -> Overrides:
    """An owner's overrides within the bounds.

    Raises:
        BadInput: a lifetime is shorter than a second or longer than 400 days.
    """
    for name in Overrides.__struct_fields__:
        value = getattr(lifetimes, name)
        if value is not None and not SHORTEST <= value <= LONGEST:
            raise BadInput(
                f"lifetimes.{name}",
                "A lifetime is at least 1 second and at most 400 days.",
            )
    return lifetimes


def describe(item: Organization) -> dict[str, Any]:
    """What the audit says about it: no secrets."""
    return {
        "display_name": item.display_name,
        "default_application": item.default_application,
        "exclusive": item.exclusive,
        "sign_in_disabled": item.sign_in_disabled,
        "lifetimes": msgspec.to_builtins(item.lifetimes),
        "keep_sessions_on_password_change": item.keep_sessions_on_password_change,
    }


def _changed(vault: Vault, item: Organization, change: OrganizationChange) -> Organization:
    values = {
        name: value
        for name in change.__struct_fields__
        if name != "extra" and (value := getattr(change, name)) is not UNSET
    }
    if isinstance(change.display_name, str):
        checked_text("display_name", change.display_name, longest=200)
    if isinstance(change.default_application, str) and change.default_application:
        checked_name("default_application", change.default_application)
    if isinstance(change.password_salt, str):
        checked_text("password_salt", change.password_salt, longest=200)
    if isinstance(change.lifetimes, Overrides):
        checked_lifetimes(change.lifetimes)
    if isinstance(change.extra, dict):
        values["sealed_extra"] = extras.seal(vault, _context(item.name), change.extra)
    return msgspec.structs.replace(item, **values)


def _context(name: str) -> str:
    return f"organization/{name}/extra"


def _required(tx: Transaction, name: str) -> Organization:
    found = organizations.get(tx, name)
    if found is None:
        raise NotFound(f"There is no organization {name}.")
    return found


def _audit(tx: Transaction, act: Act, event: Event, name: str, detail: dict[str, Any]) -> None:
    audit.write(
        tx,
        act.now,
        [
            NewEvent(
                event=event,
                actor=act.caller.actor,
                organization=name,
                address=act.address,
                detail=detail,
            )
        ],
    )
