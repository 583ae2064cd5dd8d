"""What authorizations issued: seen and given up by those who administer the organization.

Tokens are kept as hashes, so that nothing can be shown of them but whose they are (contract W24).
"""

from __future__ import annotations

import msgspec

from ostiary.domain.access import may_administer, reach_of
from ostiary.domain.errors import NotFound
from ostiary.domain.events import Event
from ostiary.domain.secrets import is_public_id
from ostiary.domain.session import EndReason
from ostiary.services.house import Act
from ostiary.services.standing import rechecked
from ostiary.storage import audit, grant_pages, grants
from ostiary.storage.audit import NewEvent
from ostiary.storage.database import Transaction
from ostiary.storage.grant_pages import Issued, IssuedQuery


def list_issued(tx: Transaction, act: Act, query: IssuedQuery) -> tuple[list[Issued], int]:
    """One page of those that the caller administers, and the count of all.

    Raises:
        NotAllowed, NotSignedIn: the caller administers nothing of what is asked for.
    """
    reach = reach_of(act.caller, query.organization)
    narrowed = msgspec.structs.replace(query, organization=reach)
    return grant_pages.page(tx, narrowed, act.now)


def get_issued(tx: Transaction, act: Act, grant_id: str) -> Issued:
    """One of them.

    Raises:
        NotFound: there is none, or the caller may not know of it.
        NotAllowed, NotSignedIn: the caller administers nothing.
    """
    reach_of(act.caller, None)
    found = grant_pages.by_id(tx, grant_id, act.now) if is_public_id(grant_id) else None
    if found is None or not may_administer(act.caller, found.organization):
        raise NotFound(f"There is no grant {grant_id}.")
    return found


@rechecked
def revoke_issued(tx: Transaction, act: Act, grant_id: str) -> None:
    """End one with all that it issued; its session goes on. Ending it twice is no error.

    Raises:
        NotFound, NotAllowed, NotSignedIn: as `get_issued`.
    """
    found = get_issued(tx, act, grant_id)
    grants.lock(tx, found.id)
    grants.end_one(tx, found.id, reason=EndReason.REVOKED, now=act.now)
    event = NewEvent(
        event=Event.GRANT_REVOKED,
        actor=act.caller.actor,
        organization=found.organization,
        user=found.user,
        application=found.application,
        session_id=found.session_id,
        address=act.address,
        detail={"grant": found.id, "what": "grant"},
    )
    audit.write(tx, act.now, [event])
