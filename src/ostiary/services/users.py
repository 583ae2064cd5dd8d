"""Users: added, changed, disabled, deleted. Passwords are in `ostiary.services.passwords`."""

from __future__ import annotations

from typing import Any

import msgspec

from ostiary.domain.access import (
    Kind,
    may_administer,
    may_touch_user,
    reach_of,
    require_administrator,
    require_fresh,
)
from ostiary.domain.accounts import (
    Credential,
    User,
    checked_name,
    checked_text,
)
from ostiary.domain.errors import (
    AlreadyExists,
    BadInput,
    NotFound,
    NotSignedIn,
    Protected,
)
from ostiary.domain.events import Event
from ostiary.domain.logout import Ended
from ostiary.domain.search import Page, Position
from ostiary.domain.session import EndReason
from ostiary.gateways.entropy import new_identifier
from ostiary.gateways.keys import Vault
from ostiary.services import end, extras
from ostiary.services.house import Act
from ostiary.services.pages import paged
from ostiary.services.standing import rechecked
from ostiary.services.user_rules import decisive, is_built_in, protect, refuse_own
from ostiary.storage import (
    audit,
    changes,
    consents,
    devices,
    organizations,
    outbox,
    records,
    sessions,
    users,
)
from ostiary.storage.audit import NewEvent
from ostiary.storage.changes import Change
from ostiary.storage.database import Transaction

UNSET = msgspec.UNSET
Unset = msgspec.UnsetType

_SEALED_NOTHING = 31
"""Bytes of a sealed ``{}``; decrypting it at each check would tell nothing."""


class UserChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller wants a user to be; what is unset stays as it is."""

    name: str | Unset = UNSET
    display_name: str | Unset = UNSET
    email: str | Unset = UNSET
    phone: str | Unset = UNSET
    is_admin: bool | Unset = UNSET
    disabled: bool | Unset = UNSET
    extra: dict[str, Any] | Unset = UNSET


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A user after a change, and what the change ended."""

    user: User
    ended: Ended = Ended()


def get_user(tx: Transaction, act: Act, organization: str, name: str) -> User:
    """A user whom the caller administers, or is.

    Raises:
        NotFound: there is none, or the caller may not know.
    """
    if act.caller.kind is Kind.NOBODY:
        raise NotSignedIn(reason=act.caller.dead_reason)
    allowed = may_touch_user(act.caller, organization, name)
    found = users.get(tx, organization, name) if allowed else None
    if found is None:
        raise NotFound(f"There is no user {organization}/{name}.")
    return found


def find_user(
    tx: Transaction,
    act: Act,
    *,
    organization: str | None = None,
    user_id: str | None = None,
    email: str | None = None,
    phone: str | None = None,
) -> User | None:
    """The first user with all of these whom the caller administers, or is; None: nobody."""
    if not act.caller.is_global:
        # Else somebody of another organization could stand in front of the one who is meant.
        if organization not in (None, act.caller.organization):
            return None
        organization = act.caller.organization
    found = users.find(tx, organization_name=organization, id=user_id, email=email, phone=phone)
    if found is None or not may_touch_user(act.caller, found.organization, found.name):
        return None
    return found


def list_users(
    tx: Transaction,
    act: Act,
    organization: str | None,
    *,
    text: str = "",
    after: tuple[str, str] | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[User]:
    """Users by organization and name.

    Raises:
        NotAllowed, NotSignedIn: the caller does not administer that organization (or all of them).
    """
    if organization is None and not act.caller.is_global:
        organization = act.caller.organization
    require_administrator(act.caller, organization or "")
    return users.page(
        tx,
        organization_name=organization,
        text=text,
        after=after,
        limit=limit,
        offset=offset,
    )


def browse_users(
    tx: Transaction,
    act: Act,
    vault: Vault,
    organization: str | None,
    *,
    text: str = "",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[User]:
    """One page of the users whose names or mail addresses hold every word, by name.

    Raises:
        NotAllowed, NotSignedIn: the caller administers nothing, or not that organization.
        BadCursor: the cursor is not of this list.
    """
    reach = reach_of(act.caller, organization)
    return paged(
        vault,
        ("users", reach, text),
        cursor=cursor,
        limit=limit,
        fetch=lambda after, most: users.page(
            tx,
            organization_name=reach,
            text=text,
            after=(after.id, after.name) if after is not None else None,
            backwards=after is not None and after.backwards,
            limit=most,
        ),
        position=lambda item: Position(instant=0, id=item.organization, name=item.name),
        count=lambda up_to: users.count(tx, organization_name=reach, text=text, up_to=up_to),
    )


def count_users(tx: Transaction, act: Act, organization: str | None) -> int:
    """How many users there are.

    Raises:
        NotAllowed, NotSignedIn: as `list_users`.
    """
    if organization is None and not act.caller.is_global:
        organization = act.caller.organization
    require_administrator(act.caller, organization or "")
    return users.count(tx, organization_name=organization)


@rechecked
def add_user(
    tx: Transaction,
    act: Act,
    vault: Vault,
    organization: str,
    name: str,
    change: UserChange,
    *,
    user_id: str = "",
    credential: Credential | None = None,
) -> User:
    """Add a user.

    Args:
        tx: the transaction.
        act: who adds.
        vault: encrypts the further fields.
        organization: whose user it will be.
        name: the user's name in it.
        change: the other values.
        user_id: the subject, where the caller brings one; else a new UUID.
        credential: the password, hashed by `ostiary.services.passwords.prepare`.

    Raises:
        NotAllowed, NotSignedIn: the caller does not administer the organization.
        NotFound: there is no such organization.
        AlreadyExists: the name, mail address or subject is taken.
        BadInput: a value cannot be used.
    """
    require_administrator(act.caller, organization)
    checked_name("name", name)
    owner = organizations.get(tx, organization, lock=True)
    if owner is None:
        raise NotFound(f"There is no organization {organization}.")
    if users.get(tx, organization, name) is not None:
        raise AlreadyExists(f"There is a user {organization}/{name} already.", field="name")
    subject = checked_name("id", user_id) if user_id else new_identifier()
    if users.was_given(tx, subject):
        raise AlreadyExists("This id is taken.", field="id")
    item = User(
        key=0,
        id=subject,
        organization_key=owner.key,
        organization=organization,
        name=name,
        display_name=name,
        created_at=act.now,
        updated_at=act.now,
        sealed_extra=extras.seal(vault, _context(subject), {}),
    )
    item = _changed(tx, act, vault, item, msgspec.structs.replace(change, name=UNSET))
    key = users.add(tx, item)
    if credential is not None:
        users.put_credential(tx, msgspec.structs.replace(credential, user_key=key))
    _audit(tx, act, Event.USER_ADDED, item, {"new": describe(item)})
    return _required(tx, key)


@rechecked
def update_user(
    tx: Transaction,
    act: Act,
    vault: Vault,
    organization: str,
    name: str,
    change: UserChange,
) -> Written:
    """Change a user; disabling ends all sessions in the same transaction (contract W13).

    Raises:
        NotFound: there is none, or the caller may not know.
        NotAllowed: the caller is the user, and this is for administrators (contract 4.1).
        AlreadyExists: the new name or mail address is taken.
        Protected: the built-in administrator would be renamed or disabled, or the caller disabled.
        ReauthenticationNeeded: the caller's authentication is too old for what changes.
        BadInput: a value cannot be used.
    """
    get_user(tx, act, organization, name)
    old = users.get(tx, organization, name, lock=True)
    if old is None:
        raise NotFound(f"There is no user {organization}/{name}.")
    wanted = _wanted(change)
    if not may_administer(act.caller, organization):
        kept = extra_of(vault, old)
        extra = change.extra if isinstance(change.extra, dict) else kept
        refuse_own(old, wanted, kept=kept, extra=extra)
    elif decisive(old, wanted):
        require_fresh(act.caller, act.now, within=act.fresh_within)
    new = _changed(tx, act, vault, old, change)
    protect(act.caller, old, new)
    users.put(tx, new)
    if new.name != old.name:
        sessions.rename_user(tx, old.organization_key, old.key, new.name)
        records.rename_user(tx, old.organization, old.name, new.name)
        audit.rename_user(tx, old.organization, old.name, new.name)
        outbox.rename_user(tx, old.organization, old.name, new.name)
    changes.append(tx, Change.USER, act.now, [_subject(old)])
    _audit(tx, act, Event.USER_UPDATED, new, {"old": describe(old), "new": describe(new)})
    ended = Ended()
    if new.disabled and not old.disabled:
        _audit(tx, act, Event.USER_DISABLED, new, {})
        ended = end.end_access_of_user(tx, act, new, EndReason.USER_DISABLED)
        records.forget_user(tx, new.organization, new.name)
    elif old.disabled and not new.disabled:
        _audit(tx, act, Event.USER_ENABLED, new, {})
    return Written(user=_required(tx, old.key), ended=ended)


@rechecked
def delete_user(tx: Transaction, act: Act, organization: str, name: str) -> Ended:
    """Delete a user: end everything, then keep nothing personal (contract W13, R12).

    Raises:
        NotFound: there is none, or the caller may not know.
        NotAllowed, NotSignedIn: the caller does not administer the organization.
        Protected: it is the built-in administrator, or the caller's own account.
        ReauthenticationNeeded: the caller's authentication is too old.
    """
    require_administrator(act.caller, organization)
    require_fresh(act.caller, act.now, within=act.fresh_within)
    found = users.get(tx, organization, name, lock=True)
    if found is None:
        raise NotFound(f"There is no user {organization}/{name}.")
    if is_built_in(found):
        raise Protected("The built-in administrator cannot be deleted.")
    if act.caller.user_key == found.key:
        raise Protected("You cannot delete your own account.")
    ended = end.end_access_of_user(tx, act, found, EndReason.USER_DELETED)
    records.forget_user(tx, organization, name)
    stand_in = f"deleted:{found.key}"  # no name that anybody can be given holds a colon
    changes.append(tx, Change.USER, act.now, [_subject(found)])
    devices.forget_user(tx, found.key)
    consents.remove_of_user(tx, found.key)
    users.delete_and_anonymise(tx, found.key, stand_in, act.now)
    sessions.anonymise_user(tx, found.organization_key, found.key, stand_in)
    audit.anonymise(tx, organization, name, stand_in)
    outbox.rename_user(tx, organization, name, stand_in)
    gone = msgspec.structs.replace(found, name=stand_in)
    _audit(tx, act, Event.USER_DELETED, gone, {})
    return ended


def extra_of(vault: Vault, item: User) -> dict[str, Any]:
    """The fields that are kept and given back."""
    return extras.unseal(vault, _context(item.id), item.sealed_extra)


def groups_of(vault: Vault, subject: str, sealed_extra: bytes) -> tuple[str, ...]:
    """The names of a user's groups, which are one of the fields that are kept."""
    if len(sealed_extra) <= _SEALED_NOTHING:
        return ()
    groups = extras.unseal(vault, _context(subject), sealed_extra).get("groups")
    return tuple(g for g in groups if isinstance(g, str)) if isinstance(groups, list) else ()


def describe(item: User) -> dict[str, Any]:
    """What the audit says about it."""
    return {
        "name": item.name,
        "display_name": item.display_name,
        "email": item.email,
        "phone": item.phone,
        "is_admin": item.is_admin,
        "disabled": item.disabled,
    }


def _changed(tx: Transaction, act: Act, vault: Vault, item: User, change: UserChange) -> User:
    if isinstance(change.name, str) and change.name != item.name:
        checked_name("name", change.name)
        if users.get(tx, item.organization, change.name) is not None:
            raise AlreadyExists(
                f"There is a user {item.organization}/{change.name} already.", field="name"
            )
    for field in ("display_name", "email", "phone"):
        value = getattr(change, field)
        if isinstance(value, str):
            checked_text(field, value, longest=200)
    if change.display_name == "":
        raise BadInput("display_name", "Display name cannot be empty")
    if isinstance(change.email, str) and change.email and change.email != item.email:
        taken = users.find(tx, organization_name=item.organization, email=change.email)
        if taken is not None:
            raise AlreadyExists("This mail address belongs to another user.", field="email")
    values = _wanted(change)
    if isinstance(change.extra, dict):
        values["sealed_extra"] = extras.seal(vault, _context(item.id), change.extra)
    return msgspec.structs.replace(item, updated_at=act.now, **values)


def _wanted(change: UserChange) -> dict[str, Any]:
    """The columns that are set."""
    return {
        name: value
        for name in change.__struct_fields__
        if name != "extra" and (value := getattr(change, name)) is not UNSET
    }


def _subject(item: User) -> dict[str, int]:
    return {"organization_key": item.organization_key, "user_key": item.key}


def _context(subject: str) -> str:
    return f"user/{subject}/extra"


def _required(tx: Transaction, key: int) -> User:
    found = users.by_key(tx, key)
    if found is None:
        raise NotFound("There is no such user.")
    return found


def _audit(tx: Transaction, act: Act, event: Event, item: User, detail: dict[str, Any]) -> None:
    audit.write(
        tx,
        act.now,
        [
            NewEvent(
                event=event,
                actor=act.caller.actor,
                organization=item.organization,
                user=item.name,
                address=act.address,
                detail=detail,
            )
        ],
    )
