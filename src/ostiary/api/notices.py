"""Notices: what applications and webhooks are owed, and what became of it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ostiary.api.asked import Cursor, PageLength, Word
from ostiary.api.contract import Call, operation
from ostiary.api.views import Listing, Moment, listing
from ostiary.domain.errors import BadCursor, NotAllowed, NotFound, Protected
from ostiary.domain.notice import Notice, NoticeFilter, NoticeKind, NoticeState
from ostiary.services import notices

TAG = "Notices"
_LONGEST_NUMBER = 18


class NoticeView(msgspec.Struct, frozen=True, kw_only=True):
    """One message that is, or was, owed to somebody outside."""

    id: Annotated[int, Meta(ge=1)]
    kind: NoticeKind
    state: NoticeState
    organization: Annotated[str, Meta(description="That of the session.")]
    user: Annotated[str, Meta(description="That of the session.")]
    session_id: str
    application: Annotated[
        str | None, Meta(description="To whom it is owed; null: not to an application.")
    ]
    target: Annotated[str, Meta(description="Where it goes.")]
    reason: Annotated[str, Meta(description="Why the session ended; empty: it has not.")]
    attempts: Annotated[int, Meta(ge=0)]
    last_error: Annotated[str, Meta(description="What the last attempt met with; empty: nothing.")]
    created_at: Moment
    next_attempt_at: Annotated[
        Moment | None, Meta(description="When it is tried again at the earliest; null: never.")
    ]
    settled_at: Annotated[
        Moment | None, Meta(description="When it was accepted or given up; null: not yet.")
    ]


class NoticeQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which notices, which page."""

    organization: Annotated[Word, Meta(examples=["acme"])] | UnsetType = UNSET
    application: Annotated[Word, Meta(description="To which they are owed.")] | UnsetType = UNSET
    state: NoticeState | UnsetType = UNSET
    session_id: (
        Annotated[Word, Meta(description="The session that they are about.")] | UnsetType
    ) = UNSET
    cursor: Cursor | UnsetType = UNSET
    limit: PageLength = 50


@operation(
    "GET",
    "/notices",
    tag=TAG,
    summary="List notices",
    description=(
        "Newest first: about sessions of the caller's organization, for global administrators and "
        "applications of all."
    ),
    raises=(NotAllowed, BadCursor),
)
def list_notices(call: Call, query: NoticeQuery) -> Listing[NoticeView]:
    """Translate."""
    said = {k: v for k, v in msgspec.structs.asdict(query).items() if v is not UNSET}
    cursor, limit = said.pop("cursor", None), said.pop("limit")
    page = call.read(
        notices.list_notices,
        call.house.vault,
        NoticeFilter(**said),
        cursor=cursor,
        limit=limit,
    )
    return listing(page, notice_view)


@operation(
    "GET",
    "/notices/{number}",
    tag=TAG,
    summary="Get a notice",
    description="One that the caller may know of.",
    raises=(NotFound,),
)
def get_notice(call: Call, number: str) -> NoticeView:
    """Translate."""
    return notice_view(call.read(notices.get_notice, _number(number)))


@operation(
    "POST",
    "/notices/{number}/resend",
    tag=TAG,
    summary="Send a notice again",
    description=(
        "It is tried at once, at the address that holds now, and for as long as a new one. One "
        "that was accepted is not sent again."
    ),
    raises=(NotFound, Protected),
)
def resend_notice(call: Call, number: str) -> NoticeView:
    """Translate."""
    return notice_view(call.write(notices.resend, _number(number)))


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > _LONGEST_NUMBER:
        raise NotFound("There is no such notice.")
    return int(text)


def notice_view(item: Notice) -> NoticeView:
    """A notice as it is answered."""
    return NoticeView(
        id=item.id,
        kind=NoticeKind(item.kind),
        state=item.state,
        organization=item.organization,
        user=item.user,
        session_id=item.session_id,
        application=item.application or None,
        target=item.target,
        reason=item.reason,
        attempts=item.attempts,
        last_error=item.last_error,
        created_at=item.created_at,
        next_attempt_at=None if item.settled_at is not None else item.next_attempt_at,
        settled_at=item.settled_at,
    )


OPERATIONS = (list_notices, get_notice, resend_notice)
