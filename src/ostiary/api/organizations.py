"""Organizations: the tenants, and their policies."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ostiary.api.asked import LifetimesChange, Paged, Word, merged
from ostiary.api.contract import Call, operation
from ostiary.api.views import LifetimesView, Listing, Moment, lifetimes_view, listing
from ostiary.domain import accounts
from ostiary.domain.errors import AlreadyExists, BadCursor, NotAllowed, NotFound, Protected
from ostiary.domain.lifetime import Overrides
from ostiary.gateways.keys import Vault
from ostiary.services import browse, organizations
from ostiary.services.house import Act
from ostiary.storage.database import Transaction

TAG = "Organizations"
_CREATED = 201

DisplayName = Annotated[str, Meta(min_length=1, max_length=200, examples=["Acme Ltd."])]
Exclusive = Annotated[
    bool, Meta(description="Whether a new sign-in ends the user's other sessions.")
]
SignInDisabled = Annotated[bool, Meta(description="Whether nobody can sign in at the moment.")]
KeepSessions = Annotated[
    bool, Meta(description="Whether a changed password leaves the other sessions alone.")
]


class OrganizationView(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant."""

    name: Annotated[str, Meta(examples=["acme"])]
    display_name: str
    default_application: str
    lifetimes: LifetimesView
    exclusive: Exclusive
    sign_in_disabled: SignInDisabled
    keep_sessions_on_password_change: KeepSessions
    created_at: Moment


class OrganizationChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an organization shall be; what is left out stays as it is."""

    display_name: DisplayName | UnsetType = UNSET
    default_application: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET
    lifetimes: LifetimesChange | UnsetType = UNSET
    exclusive: Exclusive | UnsetType = UNSET
    sign_in_disabled: SignInDisabled | UnsetType = UNSET
    keep_sessions_on_password_change: KeepSessions | UnsetType = UNSET


class NewOrganization(OrganizationChange, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new organization; what is left out has its usual value."""

    name: Annotated[str, Meta(min_length=1, max_length=100, examples=["acme"])]


class NameQuery(Paged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which ones, which page."""

    text: Annotated[Word, Meta(description="Each word is part of a name.")] | UnsetType = UNSET


@operation(
    "GET",
    "/organizations",
    tag=TAG,
    summary="List organizations",
    description="By name: the one that the caller administers, or all of them.",
    raises=(NotAllowed, BadCursor),
)
def list_organizations(call: Call, query: NameQuery) -> Listing[OrganizationView]:
    """Translate."""
    page = call.read(
        browse.browse_organizations,
        call.house.vault,
        text=query.text or "",
        cursor=query.cursor or None,
        limit=query.limit,
    )
    return listing(page, organization_view)


@operation(
    "POST",
    "/organizations",
    tag=TAG,
    summary="Add an organization",
    description="For global administrators and applications.",
    raises=(NotAllowed, AlreadyExists),
    status=_CREATED,
    examples={
        "strict": NewOrganization(
            name="acme", display_name="Acme Ltd.", lifetimes=LifetimesChange(idle=900)
        )
    },
)
def add_organization(call: Call, body: NewOrganization) -> OrganizationView:
    """Translate."""
    change = _change(body, Overrides())
    added = call.write(organizations.add_organization, call.house.vault, body.name, change)
    call.created("organizations", added.name)
    return organization_view(added)


@operation(
    "GET",
    "/organizations/{organization}",
    tag=TAG,
    summary="Get an organization",
    description="One that the caller administers.",
    raises=(NotFound,),
)
def get_organization(call: Call, organization: str) -> OrganizationView:
    """Translate."""
    return organization_view(call.read(organizations.get_organization, organization))


@operation(
    "PATCH",
    "/organizations/{organization}",
    tag=TAG,
    summary="Change an organization",
    description=(
        "What is left out stays as it is, single lifetimes too. Its name never changes. New "
        "lifetimes hold for sessions that sign in from now on."
    ),
    raises=(NotAllowed, NotFound),
    examples={"exclusive": OrganizationChange(exclusive=True)},
)
def update_organization(
    call: Call, organization: str, body: OrganizationChange
) -> OrganizationView:
    """Translate."""
    return organization_view(call.write(_update, call.house.vault, organization, body))


@operation(
    "DELETE",
    "/organizations/{organization}",
    tag=TAG,
    summary="Delete an organization",
    description="One without users and applications; for global administrators and applications.",
    raises=(NotAllowed, NotFound, Protected),
)
def delete_organization(call: Call, organization: str) -> None:
    """Translate."""
    call.write(organizations.delete_organization, organization)


def organization_view(item: accounts.Organization) -> OrganizationView:
    """An organization as it is answered."""
    return OrganizationView(
        name=item.name,
        display_name=item.display_name,
        default_application=item.default_application,
        lifetimes=lifetimes_view(item.lifetimes),
        exclusive=item.exclusive,
        sign_in_disabled=item.sign_in_disabled,
        keep_sessions_on_password_change=item.keep_sessions_on_password_change,
        created_at=item.created_at,
    )


def _update(
    tx: Transaction, act: Act, vault: Vault, name: str, body: OrganizationChange
) -> accounts.Organization:
    old = organizations.get_organization(tx, act, name)
    change = _change(body, old.lifetimes)
    return organizations.update_organization(tx, act, vault, name, change)


def _change(body: OrganizationChange, old: Overrides) -> organizations.OrganizationChange:
    return organizations.OrganizationChange(
        display_name=body.display_name,
        default_application=body.default_application,
        lifetimes=merged(old, body.lifetimes),
        exclusive=body.exclusive,
        sign_in_disabled=body.sign_in_disabled,
        keep_sessions_on_password_change=body.keep_sessions_on_password_change,
    )


OPERATIONS = (
    list_organizations,
    add_organization,
    get_organization,
    update_organization,
    delete_organization,
)
