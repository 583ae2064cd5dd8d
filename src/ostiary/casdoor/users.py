"""Users: listed, found, added, changed, deleted (contract 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from litestar import get, post
from litestar.di import NamedDependency

from ostiary.casdoor import envelopes, user_fields
from ostiary.casdoor.callers import known, pair
from ostiary.casdoor.envelopes import Reply
from ostiary.casdoor.fields import Fields
from ostiary.casdoor.new_passwords import prepared
from ostiary.casdoor.paging import LONGEST_SIZE, Listing, listing_of, positive
from ostiary.casdoor.reading import Body, Wire
from ostiary.domain.access import may_administer, may_touch_user, require_administrator
from ostiary.domain.accounts import BUILT_IN, Credential, User
from ostiary.domain.errors import AlreadyExists, BadInput, NotAllowed, NotFound, Protected
from ostiary.services import directory, organizations, passwords, published, users
from ostiary.services.directory import SEARCHED, SORTED, UserQuery
from ostiary.services.house import Act
from ostiary.storage.database import Transaction

_TAKEN = {"name": "Username already exists", "email": "Email already exists"}
_USUAL_LIMIT = 25


@get("/get-users", sync_to_thread=True)
def get_users(wire: NamedDependency[Wire]) -> Reply:
    """An organization's users, all or one page."""
    act = known(wire)
    listing = listing_of(wire, searched=SEARCHED, sorted_by=SORTED)
    return _list(wire, act, wire.get("owner") or None, listing)


@get("/get-global-users", sync_to_thread=True)
def get_global_users(wire: NamedDependency[Wire]) -> Reply:
    """The users of all organizations, or of the one that the caller administers."""
    act = known(wire)
    return _list(wire, act, None, listing_of(wire, searched=SEARCHED, sorted_by=SORTED))


@get("/get-sorted-users", sync_to_thread=True)
def get_sorted_users(wire: NamedDependency[Wire]) -> Reply:
    """The first few users by a column, the greatest first."""
    act = known(wire)
    sorter = wire.get("sorter").lower()
    if sorter not in SORTED:
        raise BadInput("sorter", f"no such column: {sorter}")
    size = min(positive(wire.get("limit"), _USUAL_LIMIT), LONGEST_SIZE)
    return _list(wire, act, wire.get("owner") or None, Listing(size=size, sort=sorter), paged=False)


@get("/get-user-count", sync_to_thread=True)
def get_user_count(wire: NamedDependency[Wire]) -> Reply:
    """How many users there are; of those online, or of the others."""
    act, owner = known(wire), wire.get("owner") or None
    read, online = wire.visit.house.database.read, wire.get("isOnline").lower()
    everybody = read(directory.query_users, act, UserQuery(organization=owner, limit=0))[1]
    if online not in {"1", "true", "0", "false"}:
        return envelopes.ok(everybody)
    present = read(directory.count_online, act, owner)
    return envelopes.ok(present if online in {"1", "true"} else everybody - present)


def _list(
    wire: Wire, act: Act, owner: str | None, listing: Listing, *, paged: bool = True
) -> Reply:
    found, total, online = wire.visit.house.database.read(_listed, act, owner, listing)
    shown = [_shown(wire, act, item, online=item.key in online) for item in found]
    return envelopes.ok(shown, total if paged and listing.size else None)


def _listed(
    tx: Transaction, act: Act, owner: str | None, listing: Listing
) -> tuple[Sequence[User], int, frozenset[int]]:
    def page(at: Listing) -> tuple[list[User], int]:
        query = UserQuery(
            organization=owner,
            field=at.field,
            value=at.value,
            sort=at.sort,
            descending=at.descending,
            offset=at.offset,
            limit=at.size,
        )
        return directory.query_users(tx, act, query)

    found, total = page(listing)
    within = listing.within(total)
    if within.page != listing.page:
        found, total = page(within)
    return found, total, directory.online(tx, act, found)


@get("/get-user", sync_to_thread=True)
def get_user(wire: NamedDependency[Wire]) -> Reply:
    """One user, by ``id``, or by mail address, phone number or ``userId``; or null."""
    act = known(wire)
    read = wire.visit.house.database.read
    item = read(_found, act, wire)
    if item is None:
        return envelopes.ok()
    online, must_change = read(_standing, act, item)
    shown = _shown(wire, act, item, online=online, must_change=must_change)
    return envelopes.ok(shown)


def _found(tx: Transaction, act: Act, wire: Wire) -> User | None:
    if wire.get("id"):
        organization, name = pair(wire.get("id"))
        _require_touch(act, organization, name)
        with suppress(NotFound):
            return users.get_user(tx, act, organization, name)
        return None
    criteria = {
        "user_id": wire.get("userId") or None,
        "email": wire.get("email") or None,
        "phone": wire.get("phone") or None,
    }
    if not any(criteria.values()):
        raise BadInput("id", "Missing parameter")
    return users.find_user(tx, act, organization=wire.get("owner") or None, **criteria)


def _standing(tx: Transaction, act: Act, item: User) -> tuple[bool, bool]:
    """Whether a user is online, and has to change the password."""
    return item.key in directory.online(tx, act, [item]), passwords.must_change(tx, item)


def _shown(
    wire: Wire, act: Act, item: User, *, online: bool, must_change: bool = False
) -> dict[str, Any]:
    return user_fields.to_wire(
        item,
        users.extra_of(wire.visit.house.vault, item),
        full=may_administer(act.caller, item.organization),
        online=online,
        must_change=must_change,
    )


@post("/add-user", sync_to_thread=True)
def add_user(wire: NamedDependency[Wire]) -> Reply:
    """Add a user to the organization that the body names."""
    act, body = known(wire), wire.body("User")
    owner, name = body.text("owner"), body.text("name")
    require_administrator(act.caller, owner)
    body.require_plain_name()
    _require_consent(wire, owner)
    change = user_fields.change_of(Fields(body), None, {}, by_oneself=False)
    credential = prepared(wire, act, body, (owner, name))
    write, vault = wire.visit.house.database.write, wire.visit.house.vault
    try:
        write(
            users.add_user,
            act,
            vault,
            owner,
            name,
            change,
            user_id=body.text("id"),
            credential=credential,
        )
    except NotFound:
        return envelopes.error(f"the organization: {owner} is not found")
    except AlreadyExists as error:
        return envelopes.error(_TAKEN.get(error.field, error.text))
    return envelopes.affected(changed=True)


def _require_consent(wire: Wire, owner: str) -> None:
    """Every user of the built-in organization administers all: one has to mean it.

    Raises:
        BadInput: the organization's ``hasPrivilegeConsent`` is not set.
    """
    house = wire.visit.house
    found = house.database.read(published.organization, owner) if owner == BUILT_IN else None
    if found is not None and not organizations.extra_of(house.vault, found).get(
        "hasPrivilegeConsent"
    ):
        raise BadInput(
            "owner",
            "Users of the organization built-in administer everything. To add one, set "
            "hasPrivilegeConsent of that organization first.",
        )


@post("/update-user", sync_to_thread=True)
def update_user(wire: NamedDependency[Wire]) -> Reply:
    """Change the user whom ``id`` names, judged by that very row (contract W1)."""
    act, body = known(wire), wire.body("User")
    owner, name = wire.visit.house.database.read(_target, act, wire, body)
    _require_touch(act, owner, name)
    _require_same_owner(act, body, owner)
    body.require_plain_name()
    fields = Fields(body, wire.get("columns"))
    by_oneself = not may_administer(act.caller, owner)
    credential = prepared(wire, act, body, (owner, name), fields=fields)
    try:
        wire.visit.house.database.write(
            _update, act, wire, (owner, name), fields, credential, by_oneself=by_oneself
        )
    except NotFound:
        return envelopes.error(f"The user: {owner}/{name} doesn't exist")
    except AlreadyExists as error:
        return envelopes.error(_TAKEN.get(error.field, error.text))
    except Protected:
        return envelopes.refused()
    return envelopes.affected(changed=True)


def _target(tx: Transaction, act: Act, wire: Wire, body: Body) -> tuple[str, str]:
    """The row that is touched: by ``id``, by ``owner`` and ``userId``, or by the body's names."""
    if wire.get("id"):
        return pair(wire.get("id"))
    if wire.get("userId"):
        owner = wire.get("owner") or None
        found = users.find_user(tx, act, organization=owner, user_id=wire.get("userId"))
        if found is None:
            raise NotAllowed(detail="no such user id, or none that the caller may touch")
        return found.organization, found.name
    return body.text("owner"), body.text("name")


def _require_same_owner(act: Act, body: Body, owner: str) -> None:
    sent = body.text("owner")
    if sent in {"", owner}:
        return
    if not may_administer(act.caller, sent):
        raise NotAllowed(detail=f"{act.caller.actor} named {owner} and sent {sent}")
    raise BadInput("owner", "A user cannot be moved to another organization.")


def _update(
    tx: Transaction,
    act: Act,
    wire: Wire,
    who: tuple[str, str],
    fields: Fields,
    credential: Credential | None,
    *,
    by_oneself: bool,
) -> None:
    vault = wire.visit.house.vault
    item = users.get_user(tx, act, *who)
    change = user_fields.change_of(fields, item, users.extra_of(vault, item), by_oneself=by_oneself)
    if item.id != (fields.text("id") or item.id) and fields.touches("id"):
        raise BadInput("id", "The id of a user cannot be changed.")
    written = users.update_user(tx, act, vault, *who, change).user
    if credential is not None:
        passwords.store(tx, act, written.organization, written.name, credential)
    elif fields.flag("needUpdatePassword") is True and not by_oneself:
        passwords.demand_change(tx, act, written.organization, written.name)


@post("/delete-user", sync_to_thread=True)
def delete_user(wire: NamedDependency[Wire]) -> Reply:
    """Delete the user whom the body names; every session and grant ends (contract W13)."""
    act, body = known(wire), wire.body("User")
    owner, name = body.text("owner"), body.text("name")
    require_administrator(act.caller, owner)
    try:
        wire.visit.house.database.write(users.delete_user, act, owner, name)
    except NotFound:
        return envelopes.affected(changed=False)
    except Protected:
        return envelopes.refused()
    return envelopes.affected(changed=True)


def _require_touch(act: Act, owner: str, name: str) -> None:
    if not may_touch_user(act.caller, owner, name):
        raise NotAllowed(detail=f"{act.caller.actor} asked for the user {owner}/{name}")
