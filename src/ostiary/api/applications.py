"""Applications: OAuth clients, and what calls this interface by Basic."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ostiary.api.application_fields import (
    AccessTokenLifetime,
    AuthMethodName,
    ConsentRequired,
    DefaultMaxAge,
    FrontchannelLogoutUri,
    GrantTypes,
    IdTokenAlg,
    Jwks,
    PkceRequired,
    PostLogoutRedirectUris,
    RefreshTokenAbsolute,
    RefreshTokenIdle,
    Scopes,
    TokenFormatName,
)
from ostiary.api.asked import LifetimesChange, Word, merged
from ostiary.api.contract import Call, operation
from ostiary.api.organizations import Exclusive, NameQuery, SignInDisabled
from ostiary.api.views import LifetimesView, Listing, Moment, lifetimes_view, listing
from ostiary.domain import accounts
from ostiary.domain.client import CLIENT_SETTINGS
from ostiary.domain.errors import AlreadyExists, BadCursor, NotAllowed, NotFound, Protected
from ostiary.domain.lifetime import Overrides
from ostiary.gateways.keys import Vault
from ostiary.services import applications, browse
from ostiary.services.house import Act
from ostiary.storage.database import Transaction

TAG = "Applications"
_CREATED = 201

Text = Annotated[str, Meta(max_length=2_000)]
ClientId = Annotated[str, Meta(min_length=1, max_length=100, examples=["a1b2c3d4e5f6a7b8c9d0"])]
ClientSecret = Annotated[
    str, Meta(description="Shown now and never again; for the Basic scheme, among others.")
]
RedirectUris = Annotated[
    tuple[Annotated[str, Meta(max_length=2_000)], ...],
    Meta(
        max_length=applications.MOST_ADDRESSES,
        description="Where sign-ins may go back to, each compared character by character.",
        examples=[["https://wiki.acme.example/callback"]],
    ),
]
LogoutUri = Annotated[
    str,
    Meta(
        max_length=2_000,
        description="Where it is told that sessions ended (back-channel logout); empty: nowhere.",
    ),
]


class ApplicationView(msgspec.Struct, frozen=True, kw_only=True):
    """An application. Its secret is not shown."""

    name: Annotated[str, Meta(description="Unique over all organizations.", examples=["wiki"])]
    organization: Annotated[str, Meta(examples=["acme"])]
    display_name: str
    description: str
    homepage_url: str
    logo: str
    client_id: str
    redirect_uris: tuple[str, ...]
    backchannel_logout_uri: LogoutUri
    lifetimes: LifetimesView
    exclusive: Exclusive
    sign_in_disabled: SignInDisabled
    created_at: Moment
    grant_types: GrantTypes
    scopes: Scopes
    token_endpoint_auth_method: AuthMethodName
    jwks: Jwks
    pkce_required: PkceRequired
    consent_required: ConsentRequired
    default_max_age: DefaultMaxAge
    access_token_format: TokenFormatName
    access_token_lifetime: AccessTokenLifetime
    refresh_token_idle: RefreshTokenIdle
    refresh_token_absolute: RefreshTokenAbsolute
    id_token_alg: IdTokenAlg
    post_logout_redirect_uris: PostLogoutRedirectUris
    frontchannel_logout_uri: FrontchannelLogoutUri


class AddedApplicationView(ApplicationView, frozen=True, kw_only=True):
    """An application that was just added, with its secret."""

    client_secret: ClientSecret


class SecretView(msgspec.Struct, frozen=True, kw_only=True):
    """A new client secret."""

    client_id: str
    client_secret: ClientSecret


class ApplicationChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an application shall be; what is left out stays as it is."""

    display_name: Text | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    homepage_url: Text | UnsetType = UNSET
    logo: Text | UnsetType = UNSET
    client_id: ClientId | UnsetType = UNSET
    redirect_uris: RedirectUris | UnsetType = UNSET
    backchannel_logout_uri: LogoutUri | UnsetType = UNSET
    lifetimes: LifetimesChange | UnsetType = UNSET
    exclusive: Exclusive | UnsetType = UNSET
    sign_in_disabled: SignInDisabled | UnsetType = UNSET
    grant_types: GrantTypes | UnsetType = UNSET
    scopes: Scopes | UnsetType = UNSET
    token_endpoint_auth_method: AuthMethodName | UnsetType = UNSET
    jwks: Jwks | UnsetType = UNSET
    pkce_required: PkceRequired | UnsetType = UNSET
    consent_required: ConsentRequired | UnsetType = UNSET
    default_max_age: DefaultMaxAge | UnsetType = UNSET
    access_token_format: TokenFormatName | UnsetType = UNSET
    access_token_lifetime: AccessTokenLifetime | UnsetType = UNSET
    refresh_token_idle: RefreshTokenIdle | UnsetType = UNSET
    refresh_token_absolute: RefreshTokenAbsolute | UnsetType = UNSET
    id_token_alg: IdTokenAlg | UnsetType = UNSET
    post_logout_redirect_uris: PostLogoutRedirectUris | UnsetType = UNSET
    frontchannel_logout_uri: FrontchannelLogoutUri | UnsetType = UNSET


class NewApplication(ApplicationChange, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new application; what is left out has its usual value, and a client id is made."""

    organization: Annotated[Word, Meta(examples=["acme"])]
    name: Annotated[str, Meta(min_length=1, max_length=100, examples=["wiki"])]


class ApplicationQuery(NameQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which ones, which page."""

    organization: Annotated[Word, Meta(examples=["acme"])] | UnsetType = UNSET


@operation(
    "GET",
    "/applications",
    tag=TAG,
    summary="List applications",
    description="By name: those of the organization that the caller administers, or all of them.",
    raises=(NotAllowed, BadCursor),
)
def list_applications(call: Call, query: ApplicationQuery) -> Listing[ApplicationView]:
    """Translate."""
    page = call.read(
        browse.browse_applications,
        call.house.vault,
        query.organization or None,
        text=query.text or "",
        cursor=query.cursor or None,
        limit=query.limit,
    )
    return listing(page, application_view)


@operation(
    "POST",
    "/applications",
    tag=TAG,
    summary="Add an application",
    description="The answer holds its client secret, which is not shown again.",
    raises=(NotAllowed, NotFound, AlreadyExists),
    status=_CREATED,
    examples={
        "wiki": NewApplication(
            organization="acme",
            name="wiki",
            display_name="Company wiki",
            redirect_uris=("https://wiki.acme.example/callback",),
            backchannel_logout_uri="https://wiki.acme.example/logged-out",
        )
    },
)
def add_application(call: Call, body: NewApplication) -> AddedApplicationView:
    """Translate."""
    vault = call.house.vault
    change = _change(body, Overrides())
    added = call.write(applications.add_application, vault, body.organization, body.name, change)
    call.created("applications", added.name)
    shown = msgspec.structs.asdict(application_view(added))
    return AddedApplicationView(**shown, client_secret=applications.secret_of(vault, added))


@operation(
    "GET",
    "/applications/{application}",
    tag=TAG,
    summary="Get an application",
    description="One of an organization that the caller administers, without its secret.",
    raises=(NotFound,),
)
def get_application(call: Call, application: str) -> ApplicationView:
    """Translate."""
    return application_view(call.read(applications.get_application, application))


@operation(
    "PATCH",
    "/applications/{application}",
    tag=TAG,
    summary="Change an application",
    description=(
        "What is left out stays as it is, single lifetimes too. Its name and organization never "
        "change."
    ),
    raises=(NotFound, AlreadyExists),
    examples={"lifetimes": ApplicationChange(lifetimes=LifetimesChange(idle=900, absolute=None))},
)
def update_application(call: Call, application: str, body: ApplicationChange) -> ApplicationView:
    """Translate."""
    return application_view(call.write(_update, call.house.vault, application, body))


@operation(
    "DELETE",
    "/applications/{application}",
    tag=TAG,
    summary="Delete an application",
    description="Every session that signed in through it is dead at once.",
    raises=(NotFound, Protected, NotAllowed),
)
def delete_application(call: Call, application: str) -> None:
    """Translate."""
    call.write(applications.delete_application, application)


@operation(
    "POST",
    "/applications/{application}/secret",
    tag=TAG,
    summary="Give an application a new secret",
    description="The old one stops working with the answer, which shows the new one this once.",
    raises=(NotFound,),
)
def rotate_secret(call: Call, application: str) -> SecretView:
    """Translate."""
    vault = call.house.vault
    changed = call.write(applications.rotate_secret, vault, application)
    return SecretView(
        client_id=changed.client_id, client_secret=applications.secret_of(vault, changed)
    )


def application_view(item: accounts.Application) -> ApplicationView:
    """An application as it is answered."""
    return ApplicationView(
        name=item.name,
        organization=item.organization,
        display_name=item.display_name,
        description=item.description,
        homepage_url=item.homepage_url,
        logo=item.logo,
        client_id=item.client_id,
        redirect_uris=item.redirect_uris,
        backchannel_logout_uri=item.backchannel_logout_uri,
        lifetimes=lifetimes_view(item.lifetimes),
        exclusive=item.exclusive,
        sign_in_disabled=item.sign_in_disabled,
        created_at=item.created_at,
        **{name: getattr(item, name) for name in CLIENT_SETTINGS},
    )


def _update(
    tx: Transaction, act: Act, vault: Vault, name: str, body: ApplicationChange
) -> accounts.Application:
    old = applications.get_application(tx, act, name)
    change = _change(body, old.lifetimes)
    return applications.update_application(tx, act, vault, name, change)


def _change(body: ApplicationChange, old: Overrides) -> applications.ApplicationChange:
    return applications.ApplicationChange(
        display_name=body.display_name,
        description=body.description,
        homepage_url=body.homepage_url,
        logo=body.logo,
        client_id=body.client_id,
        redirect_uris=body.redirect_uris,
        backchannel_logout_uri=body.backchannel_logout_uri,
        lifetimes=merged(old, body.lifetimes),
        exclusive=body.exclusive,
        sign_in_disabled=body.sign_in_disabled,
        **{name: getattr(body, name) for name in CLIENT_SETTINGS},
    )


OPERATIONS = (
    list_applications,
    add_application,
    get_application,
    update_application,
    delete_application,
    rotate_secret,
)
