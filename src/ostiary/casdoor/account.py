"""``GET /api/get-account`` (contract 3.6): who is signed in. No token is made for it."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency

from ostiary.casdoor import envelopes, organization_fields, user_fields
from ostiary.casdoor.callers import act_of, pair
from ostiary.casdoor.envelopes import Answer, Reply
from ostiary.casdoor.reading import Wire
from ostiary.domain.access import Kind
from ostiary.domain.accounts import User
from ostiary.domain.errors import NotFound
from ostiary.services import directory, organizations, published, users
from ostiary.services.house import Act


@get("/get-account", sync_to_thread=True)
def get_account(wire: NamedDependency[Wire]) -> Reply:
    """The user who calls, or the one whom an application asks for, and the organization."""
    act = act_of(wire)
    if act.caller.kind is Kind.NOBODY:
        return envelopes.sign_in_first()
    read, vault = wire.visit.house.database.read, wire.visit.house.vault
    user_id = act.caller.actor
    if act.caller.kind is not Kind.USER and wire.get("userId"):
        user_id = wire.get("userId")
    item = _user(wire, act, user_id)
    if item is None:
        return envelopes.error(f"The user: {user_id} doesn't exist")
    online = item.key in read(directory.online, act, [item])
    # The same view of oneself for everybody: what administrators may see besides is no matter here.
    data = user_fields.to_wire(item, users.extra_of(vault, item), full=False, online=online)
    owner = read(published.organization, item.organization)
    data2 = (
        organization_fields.to_wire(owner, organizations.extra_of(vault, owner), full=False)
        if owner is not None
        else None
    )
    more = {"accessToken": "", "multiFactorAuths": []}
    return envelopes.reply(Answer(sub=item.id, name=item.name, data=data | more, data2=data2))


def _user(wire: Wire, act: Act, user_id: str) -> User | None:
    if act.caller.kind is not Kind.USER and not wire.get("userId"):
        return None  # an application is no user
    try:
        return wire.visit.house.database.read(users.get_user, act, *pair(user_id))
    except NotFound:
        return None
