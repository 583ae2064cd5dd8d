"""The audit, for those who may read it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ostiary.api.asked import Cursor, Moment, PageLength, Word, in_utc
from ostiary.api.contract import Call, operation
from ostiary.api.views import AuditEventView, Listing, event_view, listing
from ostiary.domain.errors import BadCursor, NotAllowed
from ostiary.domain.events import Event
from ostiary.services import events

TAG = "Events"


class OwnEventQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events, which page."""

    event: Event | UnsetType = UNSET
    application: (
        Annotated[Word, Meta(description="The application that they are about.")] | UnsetType
    ) = UNSET
    session_id: (
        Annotated[Word, Meta(description="The session that they are about.")] | UnsetType
    ) = UNSET
    since: Annotated[Moment, Meta(description="From then on.")] | UnsetType = UNSET
    until: Annotated[Moment, Meta(description="Before.")] | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET
    limit: PageLength = 50


class EventQuery(OwnEventQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same, about anybody within reach."""

    organization: Annotated[Word, Meta(examples=["acme"])] | UnsetType = UNSET
    user: Annotated[Word, Meta(description="The user whom they are about.")] | UnsetType = UNSET
    actor: (
        Annotated[
            Word,
            Meta(
                description="Who did it: `acme/ann`, `app/wiki`, `operator`, `system` or `nobody`."
            ),
        ]
        | UnsetType
    ) = UNSET


@operation(
    "GET",
    "/events",
    tag=TAG,
    summary="List events",
    description=(
        "The audit, newest first: of the caller's organization, for global administrators and "
        "applications of everything, for anybody else about herself."
    ),
    raises=(NotAllowed, BadCursor),
)
def list_events(call: Call, query: EventQuery) -> Listing[AuditEventView]:
    """Translate."""
    values = event_values(query)
    return listing(call.read(events.list_events, call.house.vault, **values), event_view)


def event_values(query: OwnEventQuery) -> dict[str, Any]:
    """What the services are asked for."""
    values: dict[str, Any] = {
        name: value for name, value in msgspec.structs.asdict(query).items() if value is not UNSET
    }
    for name in ("since", "until"):
        if isinstance(values.get(name), datetime):
            values[name] = in_utc(name, values[name])
    return values


OPERATIONS = (list_events,)
