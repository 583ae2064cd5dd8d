"""Seeing sessions: lists, one session, one's own."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ostiary.domain.access import Caller, Kind, may_touch_user, reach_of, require_user
from ostiary.domain.accounts import checked_text
from ostiary.domain.errors import BadInput, NotFound, NotSignedIn
from ostiary.domain.events import Event
from ostiary.domain.search import (
    SORT_BY_USE_LIMIT,
    Order,
    Page,
    SessionFilter,
    Sort,
)
from ostiary.domain.secrets import is_public_id
from ostiary.domain.session import EndReason, Session, reason_dead
from ostiary.gateways.keys import Vault
from ostiary.services.house import Act
from ostiary.services.pages import paged
from ostiary.services.standing import rechecked
from ostiary.storage import audit, client_sessions, session_pages, sessions
from ostiary.storage.audit import NewEvent
from ostiary.storage.client_sessions import ClientSession
from ostiary.storage.database import Transaction


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A session as somebody may see it: with the applications it is used in."""

    session: Session
    clients: tuple[ClientSession, ...] = ()
    current: bool = False


def within_reach(caller: Caller, chosen: SessionFilter) -> SessionFilter:
    """The filter, narrowed to what an administrator or application may see (contract W1, W2).

    Raises:
        NotSignedIn: nobody is calling.
        NotAllowed: the caller administers nothing, or not the organization that is named.
    """
    reach = reach_of(caller, chosen.organization)
    return msgspec.structs.replace(chosen, organization=reach)


def list_sessions(
    tx: Transaction,
    act: Act,
    vault: Vault,
    chosen: SessionFilter,
    order: Order,
    *,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Seen]:
    """One page of the sessions that match, for administrators and applications.

    Raises:
        NotAllowed, NotSignedIn: see `within_reach`.
        BadCursor: the cursor is not of this list.
        BadInput: sorting by last use would have to read too many rows.
    """
    reach = within_reach(act.caller, chosen)
    return _page(tx, act, vault, reach, order, cursor=cursor, limit=limit)


def my_sessions(
    tx: Transaction,
    act: Act,
    vault: Vault,
    *,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Seen]:
    """The caller's own live sessions: the one in use first, then by last use.

    Raises:
        NotSignedIn: the caller has no live session.
        BadCursor: the cursor is not of this list.
    """
    caller = act.caller
    require_user(caller)
    chosen = SessionFilter(organization=caller.organization, user=caller.name)
    order = Order(sort=Sort.LAST_SEEN)
    found = _page(tx, act, vault, chosen, order, cursor=cursor, limit=limit)
    own = sessions.by_id(tx, caller.session_id or "")
    reason = reason_dead(own, act.now) if own is not None else EndReason.REVOKED
    if own is None or reason is not None:  # it ended since the caller was identified
        raise NotSignedIn(reason=reason.value if reason is not None else "")
    others = tuple(s for s in found.items if not s.current)
    first = _with_clients(tx, act, [own]) if found.previous is None else ()
    return msgspec.structs.replace(found, items=(*first, *others))


def one_session(tx: Transaction, act: Act, session_id: str) -> Seen:
    """A session, dead or alive.

    Raises:
        NotFound: there is none, or the caller may not know of it.
    """
    session = sessions.by_id(tx, session_id) if is_public_id(session_id) else None
    if session is None or not may_touch_user(act.caller, session.organization, session.user):
        if act.caller.kind is Kind.NOBODY:
            raise NotSignedIn(reason=act.caller.dead_reason)
        raise NotFound(detail=f"{act.caller.actor} asked for session {session_id!r}")
    used = client_sessions.of_sessions(tx, [session.id], open_only=False)
    return Seen(
        session=session,
        clients=tuple(used),
        current=session.id == act.caller.session_id,
    )


def some_sessions(tx: Transaction, act: Act, ids: Sequence[str]) -> tuple[Seen, ...]:
    """The live ones among these that the caller may touch; the others are passed over."""
    wanted = [i for i in ids if is_public_id(i)]
    found = [
        s
        for s in sessions.by_ids(tx, wanted)
        if reason_dead(s, act.now) is None and may_touch_user(act.caller, s.organization, s.user)
    ]
    return _with_clients(tx, act, found)


@rechecked
def label(tx: Transaction, act: Act, session_id: str, text: str) -> Seen:
    """Give one of the caller's own sessions a name; an empty one takes it away.

    Raises:
        NotFound: it is not the caller's own.
        BadInput: the name is too long or holds control characters.
    """
    require_user(act.caller)
    seen = one_session(tx, act, session_id)
    if seen.session.user_key != act.caller.user_key or seen.session.ended_at is not None:
        raise NotFound(detail=f"{session_id} is not a live session of {act.caller.actor}")
    checked = checked_text("label", text.strip(), longest=60)
    sessions.relabel(tx, session_id, checked)
    audit.write(
        tx,
        act.now,
        [
            NewEvent(
                event=Event.SESSION_LABELLED,
                actor=act.caller.actor,
                organization=seen.session.organization,
                user=seen.session.user,
                session_id=session_id,
                address=act.address,
                detail={"old": seen.session.label, "new": checked},
            )
        ],
    )
    return one_session(tx, act, session_id)


def _page(
    tx: Transaction,
    act: Act,
    vault: Vault,
    chosen: SessionFilter,
    order: Order,
    *,
    cursor: str | None,
    limit: int,
) -> Page[Seen]:
    _check_order(tx, act, chosen, order)
    found = paged(
        vault,
        (chosen, order),
        cursor=cursor,
        limit=limit,
        fetch=lambda after, most: session_pages.page(
            tx, chosen, order, after=after, limit=most, now=act.now
        ),
        position=lambda item: session_pages.position_of(item, order.sort),
        count=lambda up_to: session_pages.count(tx, chosen, up_to=up_to, now=act.now),
    )
    return Page(
        items=_with_clients(tx, act, list(found.items)),
        next=found.next,
        previous=found.previous,
        total=found.total,
        total_is_exact=found.total_is_exact,
    )


def _check_order(tx: Transaction, act: Act, chosen: SessionFilter, order: Order) -> None:
    """Sorting by last use has no index (DESIGN section 5), so it is offered for short lists."""
    if order.sort is not Sort.LAST_SEEN or chosen.user:
        return
    matches = session_pages.count(tx, chosen, up_to=SORT_BY_USE_LIMIT + 1, now=act.now)
    if matches > SORT_BY_USE_LIMIT:
        raise BadInput(
            "sort",
            f"Sorting by last use works for up to {SORT_BY_USE_LIMIT} sessions. "
            "Narrow the filter, or sort by created or user.",
        )


def _with_clients(tx: Transaction, act: Act, found: list[Session]) -> tuple[Seen, ...]:
    used: dict[str, list[ClientSession]] = {}
    for item in client_sessions.of_sessions(tx, [s.id for s in found], open_only=False):
        used.setdefault(item.session_id, []).append(item)
    return tuple(
        Seen(
            session=s,
            clients=tuple(used.get(s.id, ())),
            current=s.id == act.caller.session_id,
        )
        for s in found
    )
