"""What an application is as an OAuth client, as the console's form shows it and reads it back."""

from __future__ import annotations

from typing import Any

import msgspec

from ostiary.domain.accounts import Application
from ostiary.domain.client import CLIENT_SETTINGS, AuthMethod, GrantType, TokenFormat
from ostiary.gateways import signing
from ostiary.web.console.fields import duration, in_short
from ostiary.web.forms import Form

SHOWN = "client"
"""The field that says that the form had these fields; without it they stay as they are."""

AUTH_METHODS = [method.value for method in AuthMethod]
FORMATS = [item.value for item in TokenFormat]
ALGORITHMS = list(signing.ALGORITHMS)
GRANTS = [grant.value for grant in GrantType]

_BOXES = ("pkce_required", "consent_required")
_CHOICES = ("token_endpoint_auth_method", "access_token_format", "id_token_alg")
_TEXTS = ("frontchannel_logout_uri", "jwks")
_LIFETIMES = ("access_token_lifetime", "refresh_token_idle", "refresh_token_absolute")

NAMES = (
    *_BOXES,
    *_CHOICES,
    *_TEXTS,
    *_LIFETIMES,
    *(f"grant_{grant}" for grant in GRANTS),
    "default_max_age",
    "scopes",
    "post_logout_redirect_uris",
)
"""Every field."""


def usual() -> dict[str, str]:
    """What stands in the form of a new application."""
    fields = msgspec.structs.fields(Application)
    return _shown({f.name: f.default for f in fields if f.name in CLIENT_SETTINGS})


def of_application(item: Application) -> dict[str, str]:
    """What stands in the form of one that there is."""
    return _shown({name: getattr(item, name) for name in CLIENT_SETTINGS})


def _shown(values: dict[str, Any]) -> dict[str, str]:
    return {
        **{name: values[name] for name in (*_CHOICES, *_TEXTS)},
        **{name: "on" if values[name] else "" for name in _BOXES},
        **{name: in_short(values[name]) for name in (*_LIFETIMES, "default_max_age")},
        **{f"grant_{g}": "on" if g in values["grant_types"] else "" for g in GRANTS},
        "scopes": " ".join(values["scopes"]),
        "post_logout_redirect_uris": "\n".join(values["post_logout_redirect_uris"]),
    }


def change_of(form: Form) -> dict[str, Any]:
    """The settings that were chosen, as `ApplicationChange` takes them.

    Raises:
        BadInput: a duration cannot be used.
    """
    if not form.ticked(SHOWN):
        return {}
    lifetimes = {name: duration(name, form.text(name)) for name in _LIFETIMES}
    texts = {name: form.text(name).strip() for name in (*_CHOICES, *_TEXTS)}
    addresses = form.text("post_logout_redirect_uris").splitlines()
    return {
        **{name: value for name, value in texts.items() if value or name in _TEXTS},
        **{name: seconds for name, seconds in lifetimes.items() if seconds is not None},
        **{name: form.ticked(name) for name in _BOXES},
        "grant_types": tuple(g for g in GRANTS if form.ticked(f"grant_{g}")),
        "scopes": tuple(dict.fromkeys(form.text("scopes").split())),
        "default_max_age": duration("default_max_age", form.text("default_max_age")),
        "post_logout_redirect_uris": tuple(a.strip() for a in addresses if a.strip()),
    }
