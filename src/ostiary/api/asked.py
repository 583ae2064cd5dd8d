"""What can be asked for in many places: pages, filters, ranges."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ostiary.domain.errors import BadInput
from ostiary.domain.lifetime import LONGEST, SHORTEST, Overrides
from ostiary.domain.search import LONGEST_PAGE, Order, SessionFilter, Sort, State
from ostiary.domain.session import EndReason
from ostiary.gateways.addresses import parse_address

LONGEST_WORD = 200

Word = Annotated[str, Meta(min_length=1, max_length=LONGEST_WORD)]
Moment = Annotated[datetime, Meta(tz=True, examples=["2026-11-24T09:00:00Z"])]
PageLength = Annotated[
    int, Meta(ge=1, le=LONGEST_PAGE, description="How many items a page holds at most.")
]
Cursor = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1_000,
        description="`next` or `previous` of another page of the same list.",
    ),
]
Seconds = Annotated[int, Meta(ge=SHORTEST, le=LONGEST)]
DeviceKind = Literal["desktop", "phone", "tablet", "cli", "bot", "unknown"]


class Paged(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which page of a list."""

    cursor: Cursor | UnsetType = UNSET
    limit: PageLength = 100


class Filter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What narrows a list of sessions; everything that is named has to match."""

    organization: Annotated[Word, Meta(examples=["acme"])] | UnsetType = UNSET
    user: Annotated[Word, Meta(description="The user's name.", examples=["ann"])] | UnsetType = (
        UNSET
    )
    application: (
        Annotated[
            Word,
            Meta(description="Used in this application, by sign-in or single sign-on."),
        ]
        | UnsetType
    ) = UNSET
    address: Annotated[Word, Meta(description="An IP address.")] | UnsetType = UNSET
    device_kind: DeviceKind | UnsetType = UNSET
    browser: Annotated[Word, Meta(examples=["Firefox"])] | UnsetType = UNSET
    country: (
        Annotated[
            str,
            Meta(
                # A dollar alone would let a line feed pass at the end.
                pattern=r"^[A-Z]{2}(,[A-Z]{2}){0,49}(?!\n)$",
                description="ISO 3166-1 alpha-2; several with commas.",
                examples=["DE"],
            ),
        ]
        | UnsetType
    ) = UNSET
    created_from: Annotated[Moment, Meta(description="Signed in then or later.")] | UnsetType = (
        UNSET
    )
    created_to: Annotated[Moment, Meta(description="Signed in before.")] | UnsetType = UNSET
    seen_from: Annotated[Moment, Meta(description="Last used then or later.")] | UnsetType = UNSET
    seen_to: Annotated[Moment, Meta(description="Last used before.")] | UnsetType = UNSET
    text: (
        Annotated[
            Word,
            Meta(
                description=(
                    "Each word has to be part of the user's, organization's or application's "
                    "name, the address, browser, system, city, country, label or id."
                )
            ),
        ]
        | UnsetType
    ) = UNSET


class SessionQuery(Filter, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which sessions, in which order, which page."""

    state: Annotated[State, Meta(description="Those that are alive, or those that have ended.")] = (
        State.LIVE
    )
    reason: Annotated[EndReason, Meta(description="Why they ended.")] | UnsetType = UNSET
    ended_from: Annotated[Moment, Meta(description="Ended then or later.")] | UnsetType = UNSET
    ended_to: Annotated[Moment, Meta(description="Ended before.")] | UnsetType = UNSET
    sort: Annotated[
        Sort,
        Meta(
            description=(
                "`last_seen` is offered within one user, and for up to 10,000 sessions that match."
            )
        ),
    ] = Sort.CREATED
    order: (
        Annotated[
            Literal["asc", "desc"],
            Meta(description="Without it users come from A to Z, and instants newest first."),
        ]
        | UnsetType
    ) = UNSET
    cursor: Cursor | UnsetType = UNSET
    limit: PageLength = 100


def to_filter(asked: Filter, *, within: str = "") -> SessionFilter:
    """The filter as the services take it.

    Args:
        asked: what was sent.
        within: where in the body it stood (``"filter."``), for what an error names.

    Raises:
        BadInput: the address is none, or the text is blank.
    """
    values = {
        name: value
        for name in SessionFilter.__struct_fields__
        if (value := getattr(asked, name, UNSET)) is not UNSET
    }
    for name, value in values.items():
        if isinstance(value, datetime):
            values[name] = in_utc(within + name, value)
        elif isinstance(value, str) and not value.strip():
            raise BadInput(within + name, f"{name} must not be blank. Leave it out instead.")
    if "address" in values:
        address = parse_address(values["address"])
        if address is None:
            raise BadInput(within + "address", "This is not an IP address.")
        values["address"] = str(address)
    return SessionFilter(**values)


def to_order(asked: SessionQuery) -> Order:
    """The order as the services take it."""
    natural = "asc" if asked.sort is Sort.USER else "desc"
    return Order(sort=asked.sort, descending=(asked.order or natural) == "desc")


def in_utc(field: str, value: datetime) -> datetime:
    """The same instant in UTC.

    Raises:
        BadInput: no calendar goes that far.
    """
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise BadInput(field, f"{field} is out of the calendar.") from error


class LifetimesChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lifetimes in seconds, up to 400 days; null: the next level decides. Others stay."""

    idle: Seconds | UnsetType | None = UNSET
    absolute: Seconds | UnsetType | None = UNSET
    remembered_idle: Seconds | UnsetType | None = UNSET
    remembered_absolute: Seconds | UnsetType | None = UNSET


def merged(old: Overrides, change: LifetimesChange | UnsetType) -> Overrides | UnsetType:
    """Overrides with what was sent, and what was not sent as it was."""
    if isinstance(change, UnsetType):
        return UNSET
    values = {
        name: value
        for name in Overrides.__struct_fields__
        if (value := getattr(change, name)) is not UNSET
    }
    return msgspec.structs.replace(old, **values)
