"""What the interface answers: the domain's values as JSON, instants in RFC 3339 and UTC."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

from ostiary.domain import accounts, events
from ostiary.domain.lifetime import Overrides
from ostiary.domain.logout import Ended
from ostiary.domain.search import Page
from ostiary.domain.session import Device, EndReason, Session, reason_dead
from ostiary.services.end import Preview
from ostiary.services.see import Seen
from ostiary.storage.client_sessions import ClientSession

T = TypeVar("T")
V = TypeVar("V")

MOST_IDS = 1_000
"""An ending that ends more sessions than this tells the first of them, and how many there were."""

SessionId = Annotated[
    str,
    Meta(
        description="A session's public id: safe to show, and the one that the Casdoor wire shows.",
        examples=["3f0c9a1be2d84c55a7106b9e24d1f8c3"],
    ),
]
Moment = Annotated[datetime, Meta(tz=True, examples=["2026-11-24T09:00:00Z"])]
Told = Literal["pending", "told", "not_told", "without_address"]


class Listing(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list."""

    items: tuple[T, ...]
    next: Annotated[
        str | None, Meta(description="The cursor of the page after this one; null: it is the last.")
    ]
    previous: Annotated[
        str | None, Meta(description="The cursor of the page before; null: it is the first.")
    ]
    total: Annotated[int, Meta(description="How many there are on all pages.", ge=0)]
    total_is_exact: Annotated[
        bool, Meta(description="False: there are more than `total`, which stops at 1,000.")
    ]


def listing(page: Page[T], view: Callable[[T], V]) -> Listing[V]:
    """A page as it is answered."""
    return Listing(
        items=tuple(view(item) for item in page.items),
        next=page.next,
        previous=page.previous,
        total=page.total,
        total_is_exact=page.total_is_exact,
    )


class ClientView(msgspec.Struct, frozen=True, kw_only=True):
    """A session in one application."""

    name: Annotated[str, Meta(description="The application's name.", examples=["wiki"])]
    display_name: Annotated[str, Meta(examples=["Company wiki"])]
    since: Annotated[Moment, Meta(description="When it was first used there.")]
    ended_at: Annotated[Moment | None, Meta(description="Null while it is in use.")]
    told: Annotated[
        Told | None,
        Meta(
            description=(
                "Whether the application knows that the session ended: `pending` (it is owed a "
                "notice), `told` (it accepted one), `not_told` (given up), `without_address` (it "
                "names no logout address); null while the session is in use."
            )
        ),
    ]


class DeviceView(msgspec.Struct, frozen=True, kw_only=True):
    """The browser or program of a session, as its agent named itself."""

    kind: Annotated[str, Meta(description="desktop, phone, tablet, cli, bot or unknown.")]
    browser: Annotated[str | None, Meta(examples=["Firefox"])]
    os: Annotated[str | None, Meta(examples=["Linux"])]
    name: Annotated[str, Meta(description="For people.", examples=["Firefox on Linux"])]
    agent: Annotated[str, Meta(description="The User-Agent header as it came.")]


class PlaceView(msgspec.Struct, frozen=True, kw_only=True):
    """Where the address of a session is thought to be."""

    country: Annotated[str | None, Meta(description="ISO 3166-1 alpha-2.", examples=["DE"])]
    city: Annotated[str | None, Meta(examples=["Berlin"])]
    asn: Annotated[str | None, Meta(description="The network.", examples=["AS64500"])]


class EndView(msgspec.Struct, frozen=True, kw_only=True):
    """How a session ended."""

    at: Annotated[
        Moment | None,
        Meta(description="When; null: cut off with many others, and not written down yet."),
    ]
    reason: Annotated[EndReason, Meta(description="Why.")]
    by: Annotated[
        str,
        Meta(
            description="Who: `organization/user`, `app/name`, `operator` or `system`.",
            examples=["acme/ann"],
        ),
    ]


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in of one user on one device."""

    id: SessionId
    current: Annotated[bool, Meta(description="Whether it is the one that this call came with.")]
    user: Annotated[str, Meta(examples=["ann"])]
    organization: Annotated[str, Meta(examples=["acme"])]
    application: Annotated[str, Meta(description="Where it signed in.", examples=["wiki"])]
    applications: Annotated[
        tuple[ClientView, ...], Meta(description="Where it is used by single sign-on.")
    ]
    device: DeviceView
    label: Annotated[str, Meta(description="The user's own name for it, or empty.")]
    place: Annotated[PlaceView | None, Meta(description="Null: not known.")]
    address: Annotated[str, Meta(description="Of the last sign-in.", examples=["203.0.113.7"])]
    created_at: Moment
    authenticated_at: Annotated[Moment, Meta(description="When the password was last entered.")]
    last_seen_at: Moment
    expires_at: Annotated[Moment, Meta(description="When it ends in any case.")]
    idle_expires_at: Annotated[Moment, Meta(description="When it ends if nobody uses it.")]
    remembered: Annotated[bool, Meta(description="Whether *Keep me signed in* was ticked.")]
    amr: Annotated[
        tuple[str, ...], Meta(description="How it authenticated (RFC 8176).", examples=[["pwd"]])
    ]
    acr: Annotated[str, Meta(description="Authentication context class.", examples=["1"])]
    ended: Annotated[EndView | None, Meta(description="Null while it is alive.")]


def session_view(seen: Seen, now: datetime) -> SessionView:
    """A session as it is answered; one whose clocks ran out has ended, whatever its row says."""
    item = seen.session
    return SessionView(
        id=item.id,
        current=seen.current,
        user=item.user,
        organization=item.organization,
        application=item.application,
        applications=tuple(_client_view(c) for c in seen.clients),
        device=DeviceView(
            kind=item.device.kind,
            browser=item.device.browser,
            os=item.device.os,
            name=item.device.name,
            agent=item.device.agent,
        ),
        label=item.label,
        place=_place_view(item.device),
        address=item.device.address,
        created_at=item.created_at,
        authenticated_at=item.authenticated_at,
        last_seen_at=item.last_seen_at,
        expires_at=item.expires_at,
        idle_expires_at=item.idle_expires_at,
        remembered=item.remembered,
        amr=item.amr,
        acr=item.acr,
        ended=_end_view(item, now),
    )


def _client_view(item: ClientSession) -> ClientView:
    return ClientView(
        name=item.application,
        display_name=item.display_name,
        since=item.created_at,
        ended_at=item.ended_at,
        told=_told(item),
    )


def _told(item: ClientSession) -> Told | None:
    if item.ended_at is None:
        return None
    return _OUTCOMES.get(item.notice, "without_address")


_OUTCOMES: dict[str, Told] = {
    "pending": "pending",
    "delivered": "told",
    "given_up": "not_told",
}


def _place_view(device: Device) -> PlaceView | None:
    if device.country is None and device.city is None and device.asn is None:
        return None
    return PlaceView(country=device.country, city=device.city, asn=device.asn)


def _end_view(item: Session, now: datetime) -> EndView | None:
    reason = reason_dead(item, now)
    if reason is None:
        return None
    at = item.ended_at
    if at is None and reason is EndReason.EXPIRED:
        at = item.expires_at
    elif at is None and reason is EndReason.IDLE:
        at = item.last_seen_at + timedelta(seconds=item.idle_seconds)
    return EndView(at=at, reason=reason, by=item.ended_by or "system")


class EndingView(msgspec.Struct, frozen=True, kw_only=True):
    """What an ending did, or with `dry_run` what it would do."""

    ended: Annotated[
        tuple[SessionId, ...],
        Meta(description="The sessions that ended: the first 1,000 of them."),
    ]
    count: Annotated[int, Meta(description="How many ended.", ge=0)]
    users: Annotated[int, Meta(description="Of how many users.", ge=0)]
    told: Annotated[
        tuple[str, ...], Meta(description="Applications that have accepted their notice.")
    ]
    pending: Annotated[
        tuple[str, ...], Meta(description="Applications that are owed one.", examples=[["wiki"]])
    ]
    without_address: Annotated[
        tuple[str, ...],
        Meta(description="Applications that cannot be told: they name no logout address."),
    ]
    last_token_expires_at: Annotated[
        Moment | None,
        Meta(
            description=(
                "When the last access token runs out that an application checks by itself; null: "
                "there is none."
            )
        ),
    ]
    dry_run: Annotated[bool, Meta(description="True: nothing was done.")]


def ending_view(ended: Ended) -> EndingView:
    """An ending as it is answered."""
    return EndingView(
        ended=ended.ended[:MOST_IDS],
        count=ended.count,
        users=ended.users,
        told=ended.told,
        pending=ended.pending,
        without_address=ended.without_address,
        last_token_expires_at=ended.last_token_expires_at,
        dry_run=ended.dry_run,
    )


def ending_in(answer: object) -> EndingView | None:
    """What an answer says of an ending that has just been done."""
    found = answer if isinstance(answer, EndingView) else getattr(answer, "ending", None)
    return found if isinstance(found, EndingView) and found.count == len(found.ended) > 0 else None


def with_told(ending: EndingView, told: Collection[str]) -> EndingView:
    """The same ending, of which these applications have been told."""
    return msgspec.structs.replace(
        ending,
        told=tuple(sorted({*ending.told, *told})),
        pending=tuple(name for name in ending.pending if name not in told),
    )


def preview_view(preview: Preview) -> EndingView:
    """What would end, as it is answered."""
    return EndingView(
        ended=(),
        count=preview.sessions,
        users=preview.users,
        told=(),
        pending=preview.pending,
        without_address=preview.without_address,
        last_token_expires_at=None,
        dry_run=True,
    )


class LifetimesView(msgspec.Struct, frozen=True, kw_only=True):
    """Lifetimes of sessions in seconds; null: nothing is said here, and the next level decides."""

    idle: Annotated[int | None, Meta(description="Without use.", examples=[3_600])]
    absolute: Annotated[int | None, Meta(description="In any case.", examples=[86_400])]
    remembered_idle: Annotated[int | None, Meta(description="The same with *Keep me signed in*.")]
    remembered_absolute: Annotated[int | None, Meta(description="The same.")]


def lifetimes_view(item: Overrides) -> LifetimesView:
    """Overrides as they are answered."""
    return LifetimesView(
        idle=item.idle,
        absolute=item.absolute,
        remembered_idle=item.remembered_idle,
        remembered_absolute=item.remembered_absolute,
    )


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who can sign in."""

    id: Annotated[str, Meta(description="The subject: never given to somebody else.")]
    organization: Annotated[str, Meta(examples=["acme"])]
    name: Annotated[str, Meta(examples=["ann"])]
    display_name: Annotated[str, Meta(examples=["Ann Archer"])]
    email: Annotated[str, Meta(examples=["ann@acme.example"])]
    phone: str
    is_admin: Annotated[bool, Meta(description="Whether she administers her organization.")]
    is_global_admin: Annotated[bool, Meta(description="Whether she administers every one.")]
    disabled: Annotated[bool, Meta(description="True: she cannot sign in, and has no sessions.")]
    created_at: Moment
    updated_at: Moment
    last_sign_in_at: Moment | None
    last_sign_in_address: str


def user_view(item: accounts.User) -> UserView:
    """A user as she is answered."""
    return UserView(
        id=item.id,
        organization=item.organization,
        name=item.name,
        display_name=item.display_name,
        email=item.email,
        phone=item.phone,
        is_admin=item.is_admin,
        is_global_admin=item.is_global_admin,
        disabled=item.disabled,
        created_at=item.created_at,
        updated_at=item.updated_at,
        last_sign_in_at=item.last_sign_in_at,
        last_sign_in_address=item.last_sign_in_address,
    )


class AuditEventView(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the audit."""

    id: Annotated[int, Meta(description="It grows with time.", examples=[4_711])]
    at: Moment
    event: Annotated[events.Event, Meta(description="What happened; docs/events.md lists them.")]
    actor: Annotated[
        str,
        Meta(
            description=(
                "Who did it: `organization/user`, `app/name`, `operator`, `system`, or `nobody` "
                "for somebody who was not signed in."
            ),
            examples=["acme/ann"],
        ),
    ]
    organization: Annotated[str, Meta(description="Of what it is about; empty: of none.")]
    user: Annotated[str, Meta(description="Whom it is about, or empty.")]
    application: Annotated[str, Meta(description="The application that it is about, or empty.")]
    session_id: Annotated[str, Meta(description="The session that it is about, or empty.")]
    address: Annotated[
        str, Meta(description="Where the actor was; empty: not for you, or nowhere.")
    ]
    detail: Annotated[dict[str, Any], Meta(description="Old and new values, and the like.")]


def event_view(item: events.AuditEvent) -> AuditEventView:
    """An event as it is answered."""
    return AuditEventView(
        id=item.id,
        at=item.at,
        event=item.event,
        actor=item.actor,
        organization=item.organization,
        user=item.user,
        application=item.application,
        session_id=item.session_id,
        address=item.address,
        detail=item.detail,
    )
