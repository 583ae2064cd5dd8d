"""Users: added, changed, disabled, deleted, by those who administer them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ostiary.api.asked import Word
from ostiary.api.contract import Call, operation
from ostiary.api.me import Password
from ostiary.api.organizations import NameQuery
from ostiary.api.views import EndingView, Listing, UserView, ending_view, listing, user_view
from ostiary.domain.errors import (
    AlreadyExists,
    BadCursor,
    NotAllowed,
    NotFound,
    Overloaded,
    Protected,
    ReauthenticationNeeded,
)
from ostiary.services import passwords, users

TAG = "Users"
_CREATED = 201

Name = Annotated[str, Meta(min_length=1, max_length=100, examples=["ann"])]
Text = Annotated[str, Meta(max_length=200)]
PasswordOfOthers = Annotated[
    Password,
    Meta(
        description=(
            "Set by a user, it has to be changed at the first sign-in; set by an application it "
            "has not: then the application answers for how it reaches its owner."
        )
    ),
]


class UserChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a user shall be; what is left out stays as it is."""

    name: Name | UnsetType = UNSET
    display_name: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    email: Annotated[Text, Meta(description="Empty: none.")] | UnsetType = UNSET
    phone: Annotated[Text, Meta(description="Empty: none.")] | UnsetType = UNSET
    is_admin: bool | UnsetType = UNSET
    disabled: (
        Annotated[bool, Meta(description="True ends all sessions at once, and nobody can sign in.")]
        | UnsetType
    ) = UNSET


class NewUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new user. Without a password she cannot sign in yet."""

    organization: Annotated[Word, Meta(examples=["acme"])]
    name: Name
    display_name: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    email: Text | UnsetType = UNSET
    phone: Text | UnsetType = UNSET
    is_admin: bool | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    password: PasswordOfOthers | UnsetType = UNSET


class NewPassword(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody else's new password."""

    password: PasswordOfOthers


class UserQuery(NameQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which ones, which page."""

    organization: Annotated[Word, Meta(examples=["acme"])] | UnsetType = UNSET


class ChangedUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user after a change, and what the change ended."""

    user: UserView
    ending: Annotated[
        EndingView | None, Meta(description="What disabling the user ended; null: nothing ended.")
    ]


@operation(
    "GET",
    "/users",
    tag=TAG,
    summary="List users",
    description=(
        "By organization and name: those of the organization that the caller administers, or all "
        "of them. Each word of `text` is part of a name or the mail address."
    ),
    raises=(NotAllowed, BadCursor),
)
def list_users(call: Call, query: UserQuery) -> Listing[UserView]:
    """Translate."""
    page = call.read(
        users.browse_users,
        call.house.vault,
        query.organization or None,
        text=query.text or "",
        cursor=query.cursor or None,
        limit=query.limit,
    )
    return listing(page, user_view)


@operation(
    "POST",
    "/users",
    tag=TAG,
    summary="Add a user",
    description="To an organization that the caller administers.",
    raises=(NotAllowed, NotFound, AlreadyExists, Overloaded),
    status=_CREATED,
    examples={
        "ann": NewUser(
            organization="acme", name="ann", display_name="Ann Archer", email="ann@acme.example"
        )
    },
)
def add_user(call: Call, body: NewUser) -> UserView:
    """Translate."""
    credential = None
    if not isinstance(body.password, UnsetType):
        credential = passwords.prepare(
            call.house, call.act, body.organization, body.name, body.password
        )
    change = users.UserChange(
        display_name=body.display_name,
        email=body.email,
        phone=body.phone,
        is_admin=body.is_admin,
        disabled=body.disabled,
    )
    added = call.write(
        users.add_user,
        call.house.vault,
        body.organization,
        body.name,
        change,
        credential=credential,
    )
    call.created("users", added.organization, added.name)
    return user_view(added)


@operation(
    "GET",
    "/users/{organization}/{user}",
    tag=TAG,
    summary="Get a user",
    description="Somebody whom the caller administers, or is.",
    raises=(NotFound,),
)
def get_user(call: Call, organization: str, user: str) -> UserView:
    """Translate."""
    return user_view(call.read(users.get_user, organization, user))


@operation(
    "PATCH",
    "/users/{organization}/{user}",
    tag=TAG,
    summary="Change or disable a user",
    description=(
        "What is left out stays as it is. Disabling ends all sessions in the same moment. Users "
        "change of themselves only what decides nothing, such as the display name. A name that "
        "changes is a new address."
    ),
    raises=(NotAllowed, NotFound, AlreadyExists, Protected, ReauthenticationNeeded),
    examples={"disable": UserChange(disabled=True)},
)
def update_user(call: Call, organization: str, user: str, body: UserChange) -> ChangedUser:
    """Translate."""
    change = users.UserChange(**msgspec.structs.asdict(body))
    done = call.write(users.update_user, call.house.vault, organization, user, change)
    return ChangedUser(
        user=user_view(done.user),
        ending=ending_view(done.ended) if done.ended.count else None,
    )


@operation(
    "DELETE",
    "/users/{organization}/{user}",
    tag=TAG,
    summary="Delete a user",
    description=(
        "Ends all sessions at once. What is kept of them for the audit names nobody any more."
    ),
    raises=(NotAllowed, NotFound, Protected, ReauthenticationNeeded),
)
def delete_user(call: Call, organization: str, user: str) -> EndingView:
    """Translate."""
    return ending_view(call.write(users.delete_user, organization, user))


@operation(
    "PUT",
    "/users/{organization}/{user}/password",
    tag=TAG,
    summary="Set somebody's password",
    description="Ends all of the user's sessions, unless the organization keeps them.",
    raises=(NotAllowed, NotFound, ReauthenticationNeeded, Overloaded),
    examples={"initial": NewPassword(password="correct horse battery staple")},  # noqa: S106 - shown
)
def set_password(call: Call, organization: str, user: str, body: NewPassword) -> EndingView:
    """Translate."""
    done = passwords.set_for(call.house, call.act, organization, user, body.password)
    return ending_view(done.ended)


OPERATIONS = (list_users, add_user, get_user, update_user, delete_user, set_password)
