"""Sessions: seen, named and ended."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ostiary.api.asked import Filter, SessionQuery, to_filter, to_order
from ostiary.api.contract import Call, operation
from ostiary.api.views import (
    EndingView,
    Listing,
    SessionId,
    SessionView,
    ending_view,
    listing,
    preview_view,
    session_view,
)
from ostiary.domain.errors import (
    BadCursor,
    BadInput,
    CurrentSession,
    NotAllowed,
    NotFound,
    ReauthenticationNeeded,
)
from ostiary.services import end, see

TAG = "Sessions"


class Label(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be changed of a session."""

    label: Annotated[
        str, Meta(max_length=60, description="The user's own name for it; empty: none.")
    ]


class EndSessions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which sessions to end: exactly one of `filter`, `ids` and `all`."""

    filter: (
        Annotated[Filter, Meta(description="Everything that matches. An empty filter is refused.")]
        | UnsetType
    ) = UNSET
    ids: (
        Annotated[
            tuple[SessionId, ...],
            Meta(min_length=1, max_length=end.BATCH, description="Just these."),
        ]
        | UnsetType
    ) = UNSET
    all: Annotated[bool, Meta(description="Everything that the caller administers.")] = False
    dry_run: Annotated[bool, Meta(description="Only count.")] = False


@operation(
    "GET",
    "/sessions",
    tag=TAG,
    summary="List sessions",
    description=(
        "Sessions of the caller's organization; global administrators and applications see every "
        "organization's. Live ones, unless `state` says otherwise."
    ),
    raises=(NotAllowed, BadCursor),
)
def list_sessions(call: Call, query: SessionQuery) -> Listing[SessionView]:
    """Translate."""
    page = call.read(
        see.list_sessions,
        call.house.vault,
        to_filter(query),
        to_order(query),
        cursor=query.cursor or None,
        limit=query.limit,
    )
    return listing(page, lambda seen: session_view(seen, call.act.now))


@operation(
    "GET",
    "/sessions/{session_id}",
    tag=TAG,
    summary="Get a session",
    description=(
        "Alive or ended, of the caller or of somebody whom the caller administers. One whose time "
        "ran out shows as ended (`idle` or `expired`) from that moment on."
    ),
    raises=(NotFound,),
)
def get_session(call: Call, session_id: str) -> SessionView:
    """Translate."""
    return session_view(call.read(see.one_session, session_id), call.act.now)


@operation(
    "PATCH",
    "/sessions/{session_id}",
    tag=TAG,
    summary="Name a session",
    description="Give one of the caller's own live sessions a name of her own.",
    raises=(NotFound, NotAllowed),
    by_session=True,
    examples={"name": Label(label="The tablet in the kitchen"), "forget": Label(label="")},
)
def label_session(call: Call, session_id: str, body: Label) -> SessionView:
    """Translate."""
    return session_view(call.write(see.label, session_id, body.label), call.act.now)


@operation(
    "POST",
    "/sessions/{session_id}/end",
    tag=TAG,
    summary="End a session",
    description=(
        "When this answers, nothing accepts the session any more. Ending one that has ended "
        "already is no error: `count` is 0. The session in use is ended by signing out. A user "
        "whose password was entered more than 15 minutes ago is asked to enter it again."
    ),
    raises=(NotFound, CurrentSession, ReauthenticationNeeded),
)
def end_session(call: Call, session_id: str) -> EndingView:
    """Translate."""
    return ending_view(call.write(end.ensure_ended, session_id))


@operation(
    "POST",
    "/sessions/end",
    tag=TAG,
    summary="End many sessions",
    description=(
        "Everything that matches a filter, a selection, or everything that the caller administers. "
        "With `dry_run` it only counts. A filter never ends the session in use, and a selection "
        "that holds it is refused. Ids that are unknown, foreign or ended are passed over. It "
        "works in batches, so that nobody else waits, and answers when the last one is done."
    ),
    raises=(NotAllowed, CurrentSession, ReauthenticationNeeded),
    examples={
        "preview": EndSessions(filter=Filter(organization="acme", country="DE"), dry_run=True),
        "filter": EndSessions(filter=Filter(organization="acme", user="ann")),
        "selection": EndSessions(ids=("3f0c9a1be2d84c55a7106b9e24d1f8c3",)),
        "everything": EndSessions(all=True),
    },
)
def end_sessions(call: Call, body: EndSessions) -> EndingView:
    """Translate.

    Raises:
        BadInput: it does not say what to end, or says it twice.
    """
    named = [body.filter is not UNSET, body.ids is not UNSET, body.all]
    if sum(named) != 1:
        raise BadInput("filter", "Say what to end by one of filter, ids and all.")
    if not isinstance(body.ids, UnsetType):
        if body.dry_run:
            return preview_view(call.read(end.preview_of, body.ids))
        return ending_view(call.write(end.end_selected, body.ids))
    chosen = Filter() if isinstance(body.filter, UnsetType) else body.filter
    if chosen == Filter() and not body.all:
        raise BadInput(
            "filter", 'An empty filter matches everything. If that is meant, send {"all": true}.'
        )
    matching = to_filter(chosen, within="filter.")
    if body.dry_run:
        return preview_view(call.read(end.preview_matching, matching))
    return ending_view(end.end_matching(call.house, call.act, matching))


OPERATIONS = (list_sessions, get_session, label_session, end_session, end_sessions)
