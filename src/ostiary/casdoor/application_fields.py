"""Applications as the wire writes them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ostiary.casdoor import client_fields
from ostiary.casdoor.fields import MASK, UNSET, Fields, created_time
from ostiary.casdoor.organization_fields import OWNER
from ostiary.domain.accounts import Application
from ostiary.domain.lifetime import Overrides
from ostiary.services.applications import ApplicationChange
from ostiary.storage.client_sessions import wire_time

OWN = client_fields.OWN | frozenset(
    {
        "owner",
        "name",
        "organization",
        "displayName",
        "clientId",
        "clientSecret",
        "redirectUris",
        "description",
        "homepageUrl",
        "logo",
        "backchannelLogoutUri",
        "cookieExpireInHours",
        "enableExclusiveSignin",
        "disableSignin",
        "organizationObj",
        "CertObj",
    }
)
SECRETS = frozenset({"registrationAccessToken"})

FOR_EVERYBODY = frozenset(
    {
        "category",
        "type",
        "title",
        "favicon",
        "logoDark",
        "order",
        "themeData",
        "headerHtml",
        "footerHtml",
        "signupHtml",
        "signinHtml",
        "formCss",
        "formCssMobile",
        "formOffset",
        "formSideHtml",
        "formBackgroundUrl",
        "formBackgroundUrlMobile",
        "signupUrl",
        "signinUrl",
        "forgetUrl",
        "affiliationUrl",
        "termsOfUse",
        "orgChoiceMode",
        "signupItems",
        "signinItems",
        "tokenFormat",
        "createdTime",
    }
)
"""What a sign-in page may know besides names."""

PASSWORD_METHOD = [{"name": "Password", "displayName": "Password", "rule": "All"}]

DEFAULTS: dict[str, Any] = {
    client_fields.GRANTS: list(client_fields.USUAL_GRANTS),
    "tokenFormat": "JWT",
    "tags": [],
    "providers": [],
    "scopes": [],
    "signinMethods": PASSWORD_METHOD,
    "signupItems": [],
    "signinItems": [],
    "enablePassword": True,
}
"""What a new application has where nothing was sent."""
_DAY = 86_400
_HOUR = 3_600


def change_of(
    fields: Fields, stored: Mapping[str, Any], old: Application | None
) -> ApplicationChange:
    """What a body asks an application to be.

    Args:
        fields: the body.
        stored: what is kept besides.
        old: what it is, of which the wire knows but a part; None: it is new.
    """
    return ApplicationChange(
        display_name=fields.text("displayName"),
        client_id=fields.secret("clientId"),
        client_secret=fields.secret("clientSecret"),
        redirect_uris=fields.texts("redirectUris"),
        description=fields.text("description"),
        homepage_url=fields.text("homepageUrl"),
        logo=fields.text("logo"),
        backchannel_logout_uri=fields.text("backchannelLogoutUri"),
        lifetimes=_lifetimes(fields, old.lifetimes if old is not None else Overrides()),
        exclusive=fields.flag("enableExclusiveSignin"),
        sign_in_disabled=fields.flag("disableSignin"),
        extra=fields.kept(stored, own=OWN, secrets=SECRETS),
        **client_fields.change_of(fields, old),
    )


def _lifetimes(fields: Fields, old: Overrides) -> Overrides | msgspec.UnsetType:
    """``cookieExpireInHours`` with "keep me signed in", a day at most without (contract 1.6)."""
    seconds = fields.hours("cookieExpireInHours")
    if not isinstance(seconds, int) or seconds == _cookie_hours(old) * _HOUR:
        return UNSET
    return msgspec.structs.replace(
        old,
        absolute=min(seconds, _DAY) or None,
        remembered_absolute=seconds or None,
    )


def _cookie_hours(lifetimes: Overrides) -> int:
    return (lifetimes.remembered_absolute or 0) // _HOUR


def to_wire(item: Application, extra: Mapping[str, Any], secret: str) -> dict[str, Any]:
    """The whole application, for those who administer it."""
    return {
        **DEFAULTS,
        **extra,
        **_names(item, extra),
        "clientSecret": secret,
        "redirectUris": list(item.redirect_uris),
        "backchannelLogoutUri": item.backchannel_logout_uri,
        "cookieExpireInHours": _cookie_hours(item.lifetimes),
        "enableExclusiveSignin": item.exclusive,
        "disableSignin": item.sign_in_disabled,
        **client_fields.to_wire(item, extra),
    }


def for_everybody(item: Application, extra: Mapping[str, Any]) -> dict[str, Any]:
    """What a sign-in page may know of an application (contract 3.1)."""
    shown = {key: value for key, value in extra.items() if key in FOR_EVERYBODY}
    return {
        **shown,
        **_names(item, shown),
        "clientSecret": MASK,
        "redirectUris": [],
        "grantTypes": [],
        "providers": [],
        "signinMethods": PASSWORD_METHOD,
        "signupItems": shown.get("signupItems", []),
        "signinItems": shown.get("signinItems", []),
        "enablePassword": False,
        "enableSignUp": False,
        "expireInHours": -1,
        "refreshExpireInHours": -1,
        "cookieExpireInHours": -1,
        "disableSignin": item.sign_in_disabled,
    }


def _names(item: Application, extra: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "owner": OWNER,
        "name": item.name,
        "createdTime": created_time(extra, wire_time(item.created_at)),
        "displayName": item.display_name,
        "logo": item.logo,
        "homepageUrl": item.homepage_url,
        "description": item.description,
        "organization": item.organization,
        "clientId": item.client_id,
    }
