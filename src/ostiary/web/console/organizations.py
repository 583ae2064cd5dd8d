"""``/console/organizations``: the list, one organization and its policy."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from litestar import Response, get, post

from ostiary.domain.accounts import BUILT_IN, BUILT_IN_APPLICATION, Organization
from ostiary.domain.errors import AlreadyExists, BadInput, Protected
from ostiary.edge.errors import status_of
from ostiary.edge.house import Visit
from ostiary.services import applications, organizations, users
from ostiary.services.house import Act
from ostiary.services.organizations import OrganizationChange
from ostiary.storage.database import Transaction
from ostiary.web import pages
from ostiary.web.console import fields, parts
from ostiary.web.console.fields import Fields, refused, typed
from ostiary.web.console.parts import act_of
from ostiary.web.flash import line
from ostiary.web.forms import Form
from ostiary.web.who import require_global_administrator

PATH = "/console/organizations"
_ONE = "/organizations/{name:str}"
_BOXES = ("exclusive", "sign_in_disabled", "keep_sessions_on_password_change")
_EMPTY = dict.fromkeys(
    (*_BOXES, *fields.LIFETIMES, "name", "display_name", "default_application"), ""
)


def address_of(name: str) -> str:
    """An organization's page."""
    return f"{PATH}/{quote(name, safe='')}"
