"""Changing one's password: the old one proves that it is oneself (ASVS 6.2.3)."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post

from ostiary.domain import errors
from ostiary.domain.access import Caller
from ostiary.edge.errors import headers_of, status_of
from ostiary.edge.house import Visit
from ostiary.edge.passing import renew_session
from ostiary.services import passwords, see
from ostiary.web import flash, pages
from ostiary.web.account import permissions
from ostiary.web.answers import error_text
from ostiary.web.forms import TheForm, TheVisit
from ostiary.web.outcome import display_names, lines_of, tell
from ostiary.web.who import signed_in

PATH = "/account/security"
_MANY = 100
_BAD_REQUEST = 400


@get(PATH, sync_to_thread=True)
def security_page(visit: TheVisit) -> Response[Any]:
    """The form that changes the password."""
    return _render(visit, signed_in(visit))


@post(PATH, sync_to_thread=True, status_code=200)
def change_password(visit: TheVisit, form: TheForm) -> Response[Any]:
    """Change it; the other sessions end, and this one gets a new secret."""
    caller = signed_in(visit)
    new = form.text("new_password")
    if new != form.text("new_password_again"):
        differ = pages.translator_of(visit)("sign_in.passwords_differ")
        return _render(visit, caller, error=str(differ), status=_BAD_REQUEST)
    act = visit.act(caller)
    read = visit.house.database.read
    before = read(see.my_sessions, act, visit.house.vault, limit=_MANY)
    try:
        done = passwords.change_own(visit.house, act, form.text("current_password"), new)
    except (
        errors.WrongCredentials,
        errors.TooManyFailures,
        errors.BadInput,
        errors.Overloaded,
    ) as error:
        return _refused(visit, caller, error)
    response = pages.see_other(visit, PATH)
    title = flash.line("security.changed")
    count, names = done.ended.count, display_names(before.items)
    others = [flash.line("security.ended", count=count)] if count else []
    tell(
        visit, response, caller, title, done.ended, lambda e: [*others, *lines_of(visit, e, names)]
    )
    if done.secret is not None:
        own = read(see.one_session, act, caller.session_id or "")
        renew_session(visit, response, own.session, done.secret)
    return response


def _refused(visit: Visit, caller: Caller, error: errors.OstiaryError) -> Response[Any]:
    text = error_text(visit, error)
    if isinstance(error, errors.WrongCredentials):
        text = pages.translator_of(visit)("security.wrong")
    response = _render(visit, caller, error=text, status=status_of(error))
    response.headers.update(headers_of(error))
    return response


def _render(visit: Visit, caller: Caller, *, error: str = "", status: int = 200) -> Response[Any]:
    return pages.render(
        visit,
        "account/security.html",
        caller,
        status=status,
        error=error,
        permitted=permissions.rows(visit, caller),
        minimum_length=visit.house.policy.password_minimum_length,
    )
