"""Applications: OAuth clients, and what one may do that calls by its own secret."""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ostiary.domain.access import (
    Caller,
    Kind,
    application_caller,
    may_administer,
    require_administrator,
    require_fresh,
)
from ostiary.domain.accounts import (
    BUILT_IN,
    BUILT_IN_APPLICATION,
    Application,
    checked_name,
    checked_text,
)
from ostiary.domain.client import CLIENT_SETTINGS
from ostiary.domain.errors import (
    AlreadyExists,
    BadInput,
    NotFound,
    NotSignedIn,
    Protected,
)
from ostiary.domain.events import Event
from ostiary.domain.lifetime import Overrides
from ostiary.domain.session import EndReason
from ostiary.gateways.entropy import new_client_id, new_client_secret
from ostiary.gateways.keys import Vault
from ostiary.services import extras, keys
from ostiary.services.client_rules import check_backchannel, check_client
from ostiary.services.house import Act
from ostiary.services.organizations import checked_lifetimes
from ostiary.services.standing import rechecked
from ostiary.storage import (
    applications,
    audit,
    changes,
    cut_offs,
    organizations,
    outbox,
    protected_hosts,
)
from ostiary.storage.audit import NewEvent
from ostiary.storage.changes import Change
from ostiary.storage.database import Transaction

UNSET = msgspec.UNSET
Unset = msgspec.UnsetType

MOST_ADDRESSES = 100
SHORTEST_SECRET = 16
LONGEST_SECRET = 200


class ApplicationChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller wants an application to be; what is unset stays as it is."""

    display_name: str | Unset = UNSET
    client_id: str | Unset = UNSET
    client_secret: str | Unset = UNSET
    redirect_uris: tuple[str, ...] | Unset = UNSET
    description: str | Unset = UNSET
    homepage_url: str | Unset = UNSET
    logo: str | Unset = UNSET
    backchannel_logout_uri: str | Unset = UNSET
    lifetimes: Overrides | Unset = UNSET
    exclusive: bool | Unset = UNSET
    sign_in_disabled: bool | Unset = UNSET
    grant_types: tuple[str, ...] | Unset = UNSET
    scopes: tuple[str, ...] | Unset = UNSET
    token_endpoint_auth_method: str | Unset = UNSET
    jwks: str | Unset = UNSET
    pkce_required: bool | Unset = UNSET
    consent_required: bool | Unset = UNSET
    default_max_age: int | Unset | None = UNSET
    access_token_format: str | Unset = UNSET
    access_token_lifetime: int | Unset = UNSET
    refresh_token_idle: int | Unset = UNSET
    refresh_token_absolute: int | Unset = UNSET
    id_token_alg: str | Unset = UNSET
    post_logout_redirect_uris: tuple[str, ...] | Unset = UNSET
    frontchannel_logout_uri: str | Unset = UNSET
    extra: dict[str, Any] | Unset = UNSET


def authenticate(tx: Transaction, vault: Vault, client_id: str, secret: str) -> Application | None:
    """The application with this client id and secret, else None.

    An unknown id costs the same comparison as a wrong secret.
    """
    found = applications.by_client_id(tx, client_id)
    expected = secret_of(vault, found) if found is not None else "\x00"
    right = hmac.compare_digest(expected.encode(), secret.encode("utf-8", "surrogateescape"))
    return found if right and found is not None else None


def caller_of(application: Application) -> Caller:
    """The application as a caller."""
    return application_caller(application)


def list_applications(
    tx: Transaction, act: Act, organization: str | None = None
) -> list[Application]:
    """All applications, or those of one organization.

    Raises:
        NotAllowed, NotSignedIn: the caller does not administer it.
    """
    if organization is None and not act.caller.is_global:
        organization = act.caller.organization
    require_administrator(act.caller, organization or "")
    return applications.every(tx, organization_name=organization)


def get_application(tx: Transaction, act: Act, name: str) -> Application:
    """An application of an organization that the caller administers.

    Raises:
        NotFound: there is none, or the caller may not know of it.
    """
    if act.caller.kind is Kind.NOBODY:
        raise NotSignedIn(reason=act.caller.dead_reason)
    return _administered(tx, act, name)


def _administered(tx: Transaction, act: Act, name: str, *, lock: bool = False) -> Application:
    found = applications.get(tx, name, lock=lock)
    if found is None or not may_administer(act.caller, found.organization):
        raise NotFound(f"There is no application {name}.")
    return found


@rechecked
def add_application(
    tx: Transaction,
    act: Act,
    vault: Vault,
    organization: str,
    name: str,
    change: ApplicationChange,
) -> Application:
    """Add an application; client id and secret are made when they are not given.

    Raises:
        NotAllowed, NotSignedIn: the caller does not administer the organization.
        NotFound: there is no such organization.
        AlreadyExists: the name or client id is taken.
        BadInput: a value cannot be used.
    """
    require_administrator(act.caller, organization)
    checked_name("name", name)
    owner = organizations.get(tx, organization, lock=True)
    if owner is None:
        raise NotFound(f"There is no organization {organization}.")
    if applications.get(tx, name) is not None:
        raise AlreadyExists(f"There is an application {name} already.", field="name")
    item = Application(
        key=0,
        name=name,
        organization_key=owner.key,
        organization=organization,
        display_name=name,
        created_at=act.now,
        client_id=new_client_id(),
        sealed_secret=vault.seal(new_client_secret().encode(), _context(name, "secret")),
        sealed_extra=extras.seal(vault, _context(name, "extra"), {}),
    )
    item = _changed(tx, act, vault, item, change)
    applications.add(tx, item)
    _audit(tx, act, Event.APPLICATION_ADDED, item, {"new": describe(item)})
    return _required(tx, name)


@rechecked
def update_application(
    tx: Transaction, act: Act, vault: Vault, name: str, change: ApplicationChange
) -> Application:
    """Change an application; its name and organization stay.

    Raises:
        NotFound: there is none, or the caller may not know of it.
        AlreadyExists: the new client id is taken.
        BadInput: a value cannot be used.
    """
    old = _administered(tx, act, name, lock=True)
    new = _changed(tx, act, vault, old, change)
    applications.put(tx, new)
    changes.append(tx, Change.APPLICATION, act.now, [{"application_key": new.key}])
    if new.backchannel_logout_uri not in {"", old.backchannel_logout_uri}:
        outbox.retarget(tx, new.key, new.backchannel_logout_uri)
    detail = {
        "old": describe(old),
        "new": describe(new),
        "secret_changed": isinstance(change.client_secret, str),
    }
    _audit(tx, act, Event.APPLICATION_UPDATED, new, detail)
    return _required(tx, name)


def rotate_secret(tx: Transaction, act: Act, vault: Vault, name: str) -> Application:
    """Give an application a new client secret; the old one stops working with this transaction.

    Raises:
        NotFound: there is none, or the caller may not know of it.
        ReauthenticationNeeded: the caller's authentication is too old.
    """
    require_fresh(act.caller, act.now, within=act.fresh_within)
    change = ApplicationChange(client_secret=new_client_secret())
    return update_application(tx, act, vault, name, change)


@rechecked
def delete_application(tx: Transaction, act: Act, name: str) -> None:
    """Delete an application; every session that signed in through it is dead at once.

    Raises:
        NotFound: there is none, or the caller may not know of it.
        Protected: it is the built-in one.
        ReauthenticationNeeded: the caller's authentication is too old.
    """
    found = _administered(tx, act, name, lock=True)
    require_fresh(act.caller, act.now, within=act.fresh_within)
    if name == BUILT_IN_APPLICATION and found.organization == BUILT_IN:
        raise Protected("The built-in application cannot be deleted.")
    cut_offs.raise_epoch(
        tx,
        "application",
        found.key,
        reason=EndReason.ADMIN_BULK,
        actor=act.caller.actor,
        now=act.now,
    )
    changes.append(tx, Change.APPLICATION, act.now, [{"application_key": found.key}])
    applications.delete(tx, found.key, act.now)
    protected_hosts.forget_application(tx, found.key)
    _audit(tx, act, Event.APPLICATION_DELETED, found, {"old": describe(found)})


def secret_of(vault: Vault, item: Application) -> str:
    """The client secret in clear, for those who may see it."""
    return unseal_secret(vault, item.name, item.sealed_secret)


def unseal_secret(vault: Vault, name: str, sealed: bytes) -> str:
    """The client secret of the application of this name, which may be deleted."""
    return vault.unseal(sealed, _context(name, "secret")).decode()


def extra_of(vault: Vault, item: Application) -> dict[str, Any]:
    """The fields that are kept and given back."""
    return extras.unseal(vault, _context(item.name, "extra"), item.sealed_extra)


def describe(item: Application) -> dict[str, Any]:
    """What the audit says about it: no secrets."""
    return {
        "display_name": item.display_name,
        "client_id": item.client_id,
        "redirect_uris": list(item.redirect_uris),
        "backchannel_logout_uri": item.backchannel_logout_uri,
        "lifetimes": msgspec.to_builtins(item.lifetimes),
        "exclusive": item.exclusive,
        "sign_in_disabled": item.sign_in_disabled,
        **{name: _plain(getattr(item, name)) for name in CLIENT_SETTINGS},
    }


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def checked_address(field: str, value: str, *, fragment: bool = False) -> str:
    """An absolute http or https address without a user part.

    Args:
        field: what it is called.
        value: the address.
        fragment: whether it may have one.

    Raises:
        BadInput: it is something else.
    """
    checked_text(field, value, longest=2_000)
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError as error:
        raise BadInput(field, f"{value} is not an address.") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise BadInput(field, f"{value} is not an absolute http or https address.")
    if " " in value or "\\" in value or ("#" in value and not fragment):
        raise BadInput(field, f"{value} must not hold a fragment, a space or a backslash.")
    return value


def _checked_redirect(field: str, value: str) -> str:
    """A redirect address; other schemes are for native applications (RFC 8252, 7.1)."""
    scheme = value.partition(":")[0].lower()
    if scheme in {"http", "https"}:
        return checked_address(field, value)
    private = "." in scheme and scheme.replace(".", "").replace("-", "").isalnum()
    if not private or "#" in value:
        raise BadInput(field, f"{value} is not an address that can be redirected to.")
    return checked_text(field, value, longest=2_000)


def _changed(
    tx: Transaction, act: Act, vault: Vault, item: Application, change: ApplicationChange
) -> Application:
    _check(tx, item, change)
    values = {
        name: value
        for name in change.__struct_fields__
        if name not in {"extra", "client_secret"} and (value := getattr(change, name)) is not UNSET
    }
    if isinstance(change.client_secret, str):
        sealed = vault.seal(change.client_secret.encode(), _context(item.name, "secret"))
        values["sealed_secret"] = sealed
    if isinstance(change.extra, dict):
        values["sealed_extra"] = extras.seal(vault, _context(item.name, "extra"), change.extra)
    changed = msgspec.structs.replace(item, **values)
    check_client(changed)
    before = (item.backchannel_logout_uri, item.is_public)
    if (changed.backchannel_logout_uri, changed.is_public) != before:
        check_backchannel(changed, act.allow)
    if isinstance(change.id_token_alg, str):
        keys.ensure(tx, vault, changed.id_token_alg, act.now)
    return changed


def _check(tx: Transaction, item: Application, change: ApplicationChange) -> None:
    for field in ("display_name", "description", "logo"):
        value = getattr(change, field)
        if isinstance(value, str):
            checked_text(field, value, longest=2_000)
    if isinstance(change.homepage_url, str) and change.homepage_url:
        # It becomes a link, and where one lands after signing out.
        checked_address("homepage_url", change.homepage_url, fragment=True)
    if isinstance(change.client_id, str) and change.client_id != item.client_id:
        checked_name("client_id", change.client_id)
        if applications.by_client_id(tx, change.client_id) is not None:
            raise AlreadyExists("This client id is taken.", field="client_id")
    if isinstance(change.lifetimes, Overrides):
        checked_lifetimes(change.lifetimes)
    _check_secret_and_addresses(change)


def _check_secret_and_addresses(change: ApplicationChange) -> None:
    secret = change.client_secret
    if isinstance(secret, str) and not SHORTEST_SECRET <= len(secret) <= LONGEST_SECRET:
        raise BadInput(
            "client_secret",
            f"A client secret has {SHORTEST_SECRET} to {LONGEST_SECRET} characters.",
        )
    if isinstance(change.redirect_uris, tuple):
        if len(change.redirect_uris) > MOST_ADDRESSES:
            raise BadInput("redirect_uris", f"At most {MOST_ADDRESSES} redirect addresses.")
        for address in change.redirect_uris:
            _checked_redirect("redirect_uris", address)
    if isinstance(change.post_logout_redirect_uris, tuple):
        if len(change.post_logout_redirect_uris) > MOST_ADDRESSES:
            raise BadInput("post_logout_redirect_uris", f"At most {MOST_ADDRESSES} addresses.")
        for address in change.post_logout_redirect_uris:
            _checked_redirect("post_logout_redirect_uris", address)
    for field in ("backchannel_logout_uri", "frontchannel_logout_uri"):
        address = getattr(change, field)
        if isinstance(address, str) and address:
            checked_address(field, address)


def _context(name: str, column: str) -> str:
    return f"application/{name}/{column}"


def _required(tx: Transaction, name: str) -> Application:
    found = applications.get(tx, name)
    if found is None:
        raise NotFound(f"There is no application {name}.")
    return found


def _audit(
    tx: Transaction, act: Act, event: Event, item: Application, detail: dict[str, Any]
) -> None:
    audit.write(
        tx,
        act.now,
        [
            NewEvent(
                event=event,
                actor=act.caller.actor,
                organization=item.organization,
                application=item.name,
                address=act.address,
                detail=detail,
            )
        ],
    )
