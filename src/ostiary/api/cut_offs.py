"""Cut-offs: everything of an organization, a user or an application ends at once."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ostiary.api.asked import Cursor, PageLength, Word
from ostiary.api.contract import Call, operation
from ostiary.api.views import Listing, Moment, listing
from ostiary.domain.errors import (
    BadCursor,
    BadInput,
    NotAllowed,
    NotFound,
    ReauthenticationNeeded,
)
from ostiary.services import cutting
from ostiary.services.cutting import CutOff, Subject

TAG = "Cut-offs"


class StartCutOff(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to end everything of."""

    subject: Subject
    name: Annotated[Word, Meta(description="Its name.", examples=["acme"])]
    organization: Annotated[Word, Meta(description="The user's, if it is a user.")] | UnsetType = (
        UNSET
    )


class CutOffView(msgspec.Struct, frozen=True, kw_only=True):
    """A cut-off, which is in force, and how far its settling is."""

    id: Annotated[int, Meta(ge=1)]
    at: Moment
    subject: Subject
    name: str
    organization: Annotated[str, Meta(description="The one that it belongs to.")]
    by: Annotated[str, Meta(examples=["built-in/admin"])]
    settled: Annotated[
        int,
        Meta(description="Sessions whose ending is written, audited and told of so far.", ge=0),
    ]
    remaining: Annotated[
        int,
        Meta(
            description="Sessions still to be settled. They are as dead as the others.",
            ge=0,
        ),
    ]
    remaining_is_exact: Annotated[
        bool, Meta(description="False: there are more than `remaining`, which stops at 1,000.")
    ]
    finished_at: Annotated[
        Moment | None, Meta(description="When the last one was settled; null: not yet.")
    ]


class CutOffQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose, and which page."""

    organization: Annotated[Word, Meta(examples=["acme"])] | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET
    limit: PageLength = 50


def cut_off_view(item: CutOff) -> CutOffView:
    """A cut-off as it is answered."""
    progress = item.progress
    return CutOffView(
        id=progress.id,
        at=progress.at,
        subject=Subject(progress.subject),
        name=progress.name,
        organization=progress.organization,
        by=progress.actor,
        settled=progress.settled,
        remaining=item.remaining,
        remaining_is_exact=item.remaining_is_exact,
        finished_at=progress.finished_at,
    )


@operation(
    "POST",
    "/cut-offs",
    tag=TAG,
    summary="End everything at once",
    description=(
        "Every session of an organization, of a user, or that is used in an application ends, the "
        "caller's own too; it takes as long for a million as for one. When this answers, nothing "
        "accepts them any more. What they leave behind, the audit and the notices that "
        "applications are owed, is written in the background: follow it by the cut-off's number."
    ),
    status=202,
    raises=(NotAllowed, NotFound, ReauthenticationNeeded),
    examples={
        "organization": StartCutOff(subject=Subject.ORGANIZATION, name="acme"),
        "user": StartCutOff(subject=Subject.USER, name="ann", organization="acme"),
        "application": StartCutOff(subject=Subject.APPLICATION, name="wiki"),
    },
)
def start_cut_off(call: Call, body: StartCutOff) -> CutOffView:
    """Translate.

    Raises:
        BadInput: a user without an organization, or something else with one.
    """
    named = not isinstance(body.organization, UnsetType)
    if named != (body.subject is Subject.USER):
        raise BadInput("organization", "A user is named with its organization, nothing else is.")
    organization = "" if isinstance(body.organization, UnsetType) else body.organization
    view = cut_off_view(
        call.write(cutting.end_everything, body.subject, body.name, organization=organization)
    )
    call.created("cut-offs", str(view.id))
    return view


@operation(
    "GET",
    "/cut-offs",
    tag=TAG,
    summary="List cut-offs",
    description=(
        "Newest first: of the caller's organization, for global administrators and applications "
        "of every one."
    ),
    raises=(NotAllowed, BadCursor),
)
def list_cut_offs(call: Call, query: CutOffQuery) -> Listing[CutOffView]:
    """Translate."""
    page = call.read(
        cutting.list_cut_offs,
        call.house.vault,
        organization=None if isinstance(query.organization, UnsetType) else query.organization,
        cursor=None if isinstance(query.cursor, UnsetType) else query.cursor,
        limit=query.limit,
    )
    return listing(page, cut_off_view)


@operation(
    "GET",
    "/cut-offs/{number}",
    tag=TAG,
    summary="Follow a cut-off",
    description="How far the settling is of one that the caller may know of.",
    raises=(NotFound,),
)
def get_cut_off(call: Call, number: str) -> CutOffView:
    """Translate.

    Raises:
        NotFound: it is no number of a cut-off.
    """
    if not number.isascii() or not number.isdecimal() or len(number) > _LONGEST_NUMBER:
        raise NotFound("There is no such cut-off.")
    return cut_off_view(call.read(cutting.get_cut_off, int(number)))


_LONGEST_NUMBER = 18

OPERATIONS = (start_cut_off, list_cut_offs, get_cut_off)
