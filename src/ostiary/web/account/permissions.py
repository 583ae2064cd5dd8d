"""What one lets applications know, and taking that back (ASVS 10.4.9; REQUIREMENTS D12)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from markupsafe import Markup

from ostiary.domain.access import Caller
from ostiary.domain.client import USER_SCOPES
from ostiary.domain.errors import NotFound
from ostiary.edge.house import Visit
from ostiary.services import consent
from ostiary.services.consent import Permitted
from ostiary.web import flash, pages
from ostiary.web.consent import scope_text
from ostiary.web.forms import TheForm, TheVisit
from ostiary.web.who import signed_in

SECURITY = "/account/security"
_ONE = "/account/applications/{application:str}/withdraw"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """An application, and what it may know."""

    title: str
    scopes: tuple[Markup, ...]
    offline: bool
    address: str


def rows(visit: Visit, caller: Caller) -> list[Row]:
    """Every application that the caller lets know something."""
    found = visit.house.database.read(consent.permitted, visit.act(caller))
    return [_row(visit, item) for item in found]


def _row(visit: Visit, item: Permitted) -> Row:
    t = pages.translator_of(visit)
    return Row(
        title=_title(item),
        scopes=tuple(scope_text(t, scope) for scope in sorted(item.consent.scopes, key=_place)),
        offline=item.offline,
        address=f"/account/applications/{quote(item.consent.application, safe='')}/withdraw",
    )


def _place(scope: str) -> tuple[int, str]:
    ours = scope in USER_SCOPES
    return (USER_SCOPES.index(scope) if ours else len(USER_SCOPES), scope)


def _title(item: Permitted) -> str:
    return item.consent.display_name or item.consent.application


@get(_ONE, sync_to_thread=True)
def withdraw_page(visit: TheVisit, application: FromPath[str]) -> Response[Any]:
    """Say what taking it back does, and ask."""
    caller = signed_in(visit)
    row = _row(visit, _found(visit, caller, application))
    return pages.render(visit, "account/withdraw.html", caller, row=row, back=SECURITY)


@post(_ONE, sync_to_thread=True, status_code=200)
def withdraw_now(visit: TheVisit, application: FromPath[str], form: TheForm) -> Response[Any]:
    """Take it back."""
    del form
    caller = signed_in(visit)
    title = _title(_found(visit, caller, application))
    visit.house.database.write(consent.withdraw, visit.act(caller), application)
    response = pages.see_other(visit, SECURITY)
    flash.put(visit, response, caller, flash.line("permissions.withdrawn", name=title))
    return response


def _found(visit: Visit, caller: Caller, application: str) -> Permitted:
    """What one application may know of the caller.

    Raises:
        NotFound: nothing.
    """
    permitted = visit.house.database.read(consent.permitted, visit.act(caller))
    for item in permitted:
        if item.consent.application == application:
            return item
    raise NotFound("There is nothing to take back.")
