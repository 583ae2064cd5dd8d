"""Organizations, applications and users: who signs in, to what, under whose policy.

``key`` is the storage's own number of a row: never shown, never changed by a rename.
``sealed_extra`` holds, encrypted, what the Casdoor wire sent and this product gives back without
using it: some of it is secret, and which is which cannot be told for fields not known yet.
"""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

from ostiary.domain.client import (
    ACCESS_TOKEN_LIFETIME,
    ID_TOKEN_ALG,
    REFRESH_TOKEN_ABSOLUTE,
    REFRESH_TOKEN_IDLE,
    USER_SCOPES,
    USUAL_GRANTS,
    AuthMethod,
    TokenFormat,
)
from ostiary.domain.errors import BadInput
from ostiary.domain.lifetime import Overrides

BUILT_IN = "built-in"
"""The organization whose users and applications are global (contract 2.3)."""

BUILT_IN_APPLICATION = "app-built-in"

OWN_EXTRA = frozenset(
    {
        "address",
        "addresses",
        "affiliation",
        "avatar",
        "avatarType",
        "bio",
        "birthday",
        "countryCode",
        "education",
        "firstName",
        "gender",
        "homepage",
        "language",
        "lastName",
        "location",
        "permanentAvatar",
        "region",
        "title",
    }
)
"""The kept fields of a user, by their names on the wire, that she may change herself.

A list of what is allowed: which of the others decide something elsewhere cannot be known.
"""

LONGEST_NAME = 100
LONGEST_TEXT = 1_000
_FORBIDDEN = frozenset('/?:#&%=+;"')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant: its users see one another's administrators, and nobody else's."""

    key: int
    name: str
    display_name: str
    created_at: datetime
    default_application: str = ""
    lifetimes: Overrides = Overrides()
    password_salt: str = ""
    exclusive: bool = False
    sign_in_disabled: bool = False
    keep_sessions_on_password_change: bool = False
    epoch: int = 0
    sealed_extra: bytes = b""


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """An OAuth client of one organization. Its secret is kept encrypted, since the wire shows it.

    ``exclusive``: a new sign-in ends the user's other sessions in this application. The lifetimes
    of tokens are seconds. ``jwks`` is the JSON text of the key set by which it signs assertions;
    ``default_max_age`` the greatest age in seconds of an authentication that it takes, when it does
    not say one with each request.
    """

    key: int
    name: str
    organization_key: int
    organization: str
    display_name: str
    created_at: datetime
    client_id: str
    sealed_secret: bytes
    redirect_uris: tuple[str, ...] = ()
    description: str = ""
    homepage_url: str = ""
    logo: str = ""
    backchannel_logout_uri: str = ""
    lifetimes: Overrides = Overrides()
    exclusive: bool = False
    sign_in_disabled: bool = False
    epoch: int = 0
    sealed_extra: bytes = b""
    grant_types: tuple[str, ...] = USUAL_GRANTS
    scopes: tuple[str, ...] = USER_SCOPES
    token_endpoint_auth_method: str = AuthMethod.BASIC.value
    jwks: str = ""
    pkce_required: bool = True
    consent_required: bool = False
    default_max_age: int | None = None
    access_token_format: str = TokenFormat.JWT.value
    access_token_lifetime: int = ACCESS_TOKEN_LIFETIME
    refresh_token_idle: int = REFRESH_TOKEN_IDLE
    refresh_token_absolute: int = REFRESH_TOKEN_ABSOLUTE
    id_token_alg: str = ID_TOKEN_ALG
    post_logout_redirect_uris: tuple[str, ...] = ()
    frontchannel_logout_uri: str = ""

    @property
    def is_global(self) -> bool:
        """Whether it may touch every organization (contract 2.5)."""
        return self.organization == BUILT_IN

    @property
    def is_public(self) -> bool:
        """Whether it cannot keep a secret: a program in a browser or on a phone (RFC 6749, 2.1)."""
        return self.token_endpoint_auth_method == AuthMethod.NONE.value

    @property
    def needs_pkce(self) -> bool:
        """Whether it has to bind its codes (RFC 7636); public ones always have to (RFC 9700)."""
        return self.pkce_required or self.is_public


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who can sign in. ``id`` is the subject: a UUID that is never given twice."""

    key: int
    id: str
    organization_key: int
    organization: str
    name: str
    display_name: str
    created_at: datetime
    updated_at: datetime
    email: str = ""
    phone: str = ""
    is_admin: bool = False
    disabled: bool = False
    epoch: int = 0
    last_sign_in_at: datetime | None = None
    last_sign_in_address: str = ""
    sealed_extra: bytes = b""

    @property
    def is_global_admin(self) -> bool:
        """Every user of the built-in organization is one (contract 2.3)."""
        return self.organization == BUILT_IN


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A user's password as it is stored: encoding, value and salt (contract 5.4).

    ``must_change``: somebody else chose it (contract W23).
    """

    user_key: int
    encoding: str
    value: str
    salt: str = ""
    must_change: bool = False
    changed_at: datetime


def checked_name(field: str, value: str) -> str:
    """A name that can be a part of an ``owner/name`` id.

    Raises:
        BadInput: it is empty, too long, or holds a separator or a control character.
    """
    if not value:
        raise BadInput(field, f"{field} must not be empty.")
    if len(value) > LONGEST_NAME:
        raise BadInput(field, f"{field} must not be longer than {LONGEST_NAME} characters.")
    if any(c in _FORBIDDEN for c in value) or _CONTROL.search(value):
        raise BadInput(field, f'{field} must not hold any of /?:#&%=+;" or control characters.')
    if value != value.strip() or value in {".", ".."}:
        raise BadInput(field, f"{field} must not begin or end with a space, nor be only dots.")
    return value


def checked_text(field: str, value: str, *, longest: int = LONGEST_TEXT) -> str:
    """Any other text that people typed: bounded, on one line, without direction overrides.

    Raises:
        BadInput: it is too long or holds control characters.
    """
    if len(value) > longest:
        raise BadInput(field, f"{field} must not be longer than {longest} characters.")
    if _CONTROL.search(value):
        raise BadInput(field, f"{field} must not hold control characters.")
    return value
