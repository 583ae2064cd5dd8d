"""Lists of users as the Casdoor wire asks for them: searched, sorted, paged by number, counted."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ostiary.domain.access import may_touch_user, require_administrator
from ostiary.domain.accounts import User
from ostiary.domain.search import SessionFilter
from ostiary.services.house import Act
from ostiary.storage import presence, session_pages, users
from ostiary.storage.database import Transaction
from ostiary.storage.users import SEARCHED, SORTED, UserQuery

__all__ = ["SEARCHED", "SORTED", "UserQuery", "count_online", "online", "query_users"]


def query_users(tx: Transaction, act: Act, wanted: UserQuery) -> tuple[list[User], int]:
    """The users that match, and how many there are in all.

    Raises:
        NotAllowed, NotSignedIn: the caller does not administer that organization (or all of them).
    """
    own = _own(act, wanted.organization)
    require_administrator(act.caller, own or "")
    reach = msgspec.structs.replace(wanted, organization=own)
    return users.listed(tx, reach), users.count_listed(tx, reach)


def count_online(tx: Transaction, act: Act, organization: str | None) -> int:
    """How many users have a live session.

    Raises:
        NotAllowed, NotSignedIn: as `query_users`.
    """
    own = _own(act, organization)
    require_administrator(act.caller, own or "")
    return session_pages.users(tx, SessionFilter(organization=own), now=act.now)


def online(tx: Transaction, act: Act, found: Sequence[User]) -> frozenset[int]:
    """The keys of those among some users who have a live session; of the others nothing is said."""
    mine = [u for u in found if may_touch_user(act.caller, u.organization, u.name)]
    return presence.online(tx, mine, act.now)


def _own(act: Act, organization: str | None) -> str | None:
    """Nothing named means everything that the caller administers."""
    if organization is None and not act.caller.is_global:
        return act.caller.organization
    return organization
