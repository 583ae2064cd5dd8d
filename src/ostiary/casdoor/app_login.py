"""``GET /api/get-app-login`` (contract 3.1): what a sign-in page may know of an application."""

from __future__ import annotations

from typing import Any

from litestar import get
from litestar.di import NamedDependency

from ostiary.casdoor import application_fields, envelopes, organization_fields
from ostiary.casdoor.callers import pair
from ostiary.casdoor.envelopes import Reply
from ostiary.casdoor.reading import Wire
from ostiary.domain.accounts import Application
from ostiary.domain.redirects import is_registered
from ostiary.services import applications, organizations, published

_RESPONSE_TYPES = frozenset({"code", "token", "id_token"})
_SCOPES = frozenset({"openid", "profile", "email", "address", "phone", "offline_access", "read"})


@get("/get-app-login", sync_to_thread=True)
def get_app_login(wire: NamedDependency[Wire]) -> Reply:
    """The application, without its secrets; for ``type=code`` the rest of the request is judged."""
    read = wire.visit.house.database.read
    if wire.get("type") == "code":
        response_type = wire.get("responseType")
        if response_type not in _RESPONSE_TYPES:
            text = f"Grant_type: {response_type} is not supported in this application"
            return envelopes.error(text)
        found = read(published.application_of_client, wire.get("clientId"))
        if found is None:
            return envelopes.error("Invalid client_id")
        return _judged(wire, found)
    if wire.get("id"):
        found = read(published.application, pair(wire.get("id"))[1])
    else:
        found = read(published.application_of_client, wire.get("clientId"))
    if found is None:
        return envelopes.error("Invalid client_id")
    return envelopes.ok(_shown(wire, found))


def _judged(wire: Wire, application: Application) -> Reply:
    """Where the browser would be sent, and what would be asked for there."""
    redirect, shown = wire.get("redirectUri"), _shown(wire, application)
    if not is_registered(application.redirect_uris, redirect):
        text = f"Redirect URI: {redirect} doesn't exist in the allowed Redirect URI list"
        return envelopes.error(text, data=shown)
    if not _SCOPES.issuperset(wire.get("scope").split()):
        return envelopes.error("Invalid scope", data=shown)
    return envelopes.ok(shown)


def _shown(wire: Wire, application: Application) -> dict[str, Any]:
    house = wire.visit.house
    shown = application_fields.for_everybody(
        application, applications.extra_of(house.vault, application)
    )
    owner = house.database.read(published.organization, application.organization)
    if owner is not None:
        extra = organizations.extra_of(house.vault, owner)
        shown["organizationObj"] = organization_fields.to_wire(owner, extra, full=False)
    return shown
