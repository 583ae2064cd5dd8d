"""Cut-offs: everything of an organization, a user or an application ends at once.

One increment of an epoch is in force for the very next check, however many sessions there are. The
rows behind it are settled afterwards by a job (`ostiary.services.retention.settle_cut_offs`), in
batches, each with its audit and the notices that applications are owed.
"""

from __future__ import annotations

import enum

import msgspec

from ostiary.domain.access import Kind, may_administer, require_administrator, require_fresh
from ostiary.domain.errors import NotFound, NotSignedIn
from ostiary.domain.events import Event
from ostiary.domain.search import COUNT_LIMIT, Page, Position
from ostiary.domain.session import EndReason
from ostiary.gateways.keys import Vault
from ostiary.services.house import Act
from ostiary.services.pages import paged
from ostiary.services.standing import rechecked
from ostiary.storage import (
    applications,
    audit,
    changes,
    cut_offs,
    organizations,
    sweeping,
    users,
)
from ostiary.storage.audit import NewEvent
from ostiary.storage.changes import Change
from ostiary.storage.cut_offs import Progress
from ostiary.storage.database import Transaction


class Subject(enum.StrEnum):
    """What can be cut off."""

    ORGANIZATION = "organization"
    USER = "user"
    APPLICATION = "application"


class CutOff(msgspec.Struct, frozen=True, kw_only=True):
    """A cut-off and how far it is.

    ``remaining`` sessions are still to be settled, exactly when ``remaining_is_exact``, else there
    are more; they are as dead as the settled ones.
    """

    progress: Progress
    remaining: int
    remaining_is_exact: bool


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    key: int
    organization: str
    user: str = ""
    application: str = ""


@rechecked
def end_everything(
    tx: Transaction, act: Act, subject: Subject, name: str, *, organization: str = ""
) -> CutOff:
    """End every session of an organization, a user or an application, the caller's own too.

    Args:
        tx: the transaction.
        act: who does it.
        subject: of what.
        name: its name.
        organization: the user's, when it is one.

    Raises:
        NotSignedIn, NotAllowed: the caller does not administer it.
        NotFound: there is none, or the caller may not know of it.
        ReauthenticationNeeded: the caller's authentication is too old.
    """
    found = _find(tx, act, subject, name, organization)
    require_fresh(act.caller, act.now, within=act.fresh_within)
    number = cut_offs.raise_epoch(
        tx,
        subject.value,
        found.key,
        reason=EndReason.ADMIN_BULK,
        actor=act.caller.actor,
        now=act.now,
    )
    changes.append(tx, Change(subject.value), act.now, [{f"{subject.value}_key": found.key}])
    audit.write(
        tx,
        act.now,
        [
            NewEvent(
                event=Event.CUT_OFF_STARTED,
                actor=act.caller.actor,
                organization=found.organization,
                user=found.user,
                application=found.application,
                address=act.address,
                detail={"subject": subject.value, "cut_off": number},
            )
        ],
    )
    return _as_it_is(tx, cut_offs.progress(tx, organization_name=None, only=number))


def require_subject(
    tx: Transaction, act: Act, subject: Subject, name: str, *, organization: str = ""
) -> None:
    """Refuse a subject that is not there, or that the caller could not cut off.

    Raises:
        NotSignedIn, NotAllowed: the caller does not administer it.
        NotFound: there is none, or the caller may not know of it.
    """
    _find(tx, act, subject, name, organization)


def get_cut_off(tx: Transaction, act: Act, number: int) -> CutOff:
    """A cut-off of an organization that the caller administers.

    Raises:
        NotSignedIn: nobody is calling.
        NotFound: there is none, or the caller may not know of it.
    """
    if act.caller.kind is Kind.NOBODY:
        raise NotSignedIn(reason=act.caller.dead_reason)
    found = cut_offs.progress(tx, organization_name=None, only=number)
    if not found or not may_administer(act.caller, found[0].organization):
        raise NotFound(f"There is no cut-off {number}.")
    return _as_it_is(tx, found)


def list_cut_offs(
    tx: Transaction,
    act: Act,
    vault: Vault,
    *,
    organization: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[CutOff]:
    """The cut-offs of an organization, or of all, newest first.

    Raises:
        NotSignedIn, NotAllowed: the caller does not administer it.
        BadCursor: the cursor is not of this list.
    """
    if organization is None and not act.caller.is_global:
        organization = act.caller.organization
    require_administrator(act.caller, organization or "")
    reach = organization

    def fetch(after: Position | None, most: int) -> list[CutOff]:
        found = cut_offs.progress(tx, organization_name=reach, after=after, limit=most)
        return [_as_it_is(tx, [item]) for item in found]

    return paged(
        vault,
        ("cut_offs", organization),
        cursor=cursor,
        limit=limit,
        fetch=fetch,
        position=lambda item: Position(instant=item.progress.id, id=""),
        count=lambda most: len(cut_offs.progress(tx, organization_name=reach, limit=most)),
    )


def _find(tx: Transaction, act: Act, subject: Subject, name: str, organization: str) -> _Found:
    match subject:
        case Subject.ORGANIZATION:
            require_administrator(act.caller, name)
            owner = organizations.get(tx, name)
            if owner is not None:
                return _Found(key=owner.key, organization=owner.name)
        case Subject.USER:
            require_administrator(act.caller, organization)
            user = users.get(tx, organization, name, lock=True)
            if user is not None:
                return _Found(key=user.key, organization=user.organization, user=user.name)
        case Subject.APPLICATION:
            found = applications.get(tx, name)
            if found is not None and may_administer(act.caller, found.organization):
                return _Found(
                    key=found.key,
                    organization=found.organization,
                    application=found.name,
                )
            if act.caller.kind is Kind.NOBODY:
                raise NotSignedIn(reason=act.caller.dead_reason)
    raise NotFound(f"There is no {subject.value} {name}.")


def _as_it_is(tx: Transaction, found: list[Progress]) -> CutOff:
    [progress] = found
    remaining = 0
    for item in cut_offs.unfinished(tx):
        if item.id == progress.id:
            some = sweeping.of_cut_off(
                tx, item.subject, item.subject_key, item.epoch, COUNT_LIMIT + 1
            )
            remaining = len(some)
    return CutOff(
        progress=progress,
        remaining=min(remaining, COUNT_LIMIT),
        remaining_is_exact=remaining <= COUNT_LIMIT,
    )
