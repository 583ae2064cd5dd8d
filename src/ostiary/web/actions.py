"""What a page does on a post, and the password that it may have to ask for first.

An action is a function that ends with a redirect. When its service says that the last
authentication is too old (ASVS 7.5.2), the page asks for the password again and then carries on
with the very same action: what was asked for travels through that page encrypted, bound to the
session, and for ten minutes.

    @actions.action("account.end")
    def _end(visit: Visit, caller: Caller, form: Form) -> Response[Any]: ...

    # in the handler
    return actions.carry_out(visit, caller, "account.end", form.having(session=session_id))
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from litestar import Response, get, post

from ostiary.domain import errors
from ostiary.domain.access import Caller, user_caller
from ostiary.edge.errors import headers_of, status_of
from ostiary.edge.house import Visit
from ostiary.edge.passing import set_session
from ostiary.services import sign_in
from ostiary.web import flash, pages
from ostiary.web.answers import error_text
from ostiary.web.forms import Form, TheForm, TheVisit
from ostiary.web.returning import HOME
from ostiary.web.who import known, signed_in

Action = Callable[[Visit, Caller, Form], Response[Any]]

_actions: dict[str, Action] = {}
_KEPT = timedelta(minutes=10)
_FORBIDDEN = 403


class _Interrupted(msgspec.Struct, frozen=True):
    """An action that waits for a password."""

    name: str
    fields: list[tuple[str, str]]
    at: datetime


def action(name: str) -> Callable[[Action], Action]:
    """Register an action under a name of its own: ``"account.end"``."""

    def register(function: Action) -> Action:
        if name in _actions:
            message = f"two actions are named {name}"
            raise AssertionError(message)
        _actions[name] = function
        return function

    return register


def carry_out(visit: Visit, caller: Caller, name: str, form: Form) -> Response[Any]:
    """Do it; or ask for the password first."""
    try:
        return _actions[name](visit, caller, form)
    except errors.ReauthenticationNeeded:
        waiting = _Interrupted(name, form.pairs, visit.now)
        return _ask(visit, caller, _sealed(visit, caller, waiting), status=_FORBIDDEN)


@get("/reauthenticate", sync_to_thread=False)
def reauthenticate_page(visit: TheVisit) -> Response[Any]:
    """Nothing waits for a password at an address: back to My sessions."""
    return pages.see_other(visit, HOME)


@post("/reauthenticate", sync_to_thread=True, status_code=200)
def reauthenticate(visit: TheVisit, form: TheForm) -> Response[Any]:
    """Check the password, renew the session's secret, and carry on."""
    caller = signed_in(visit)
    waiting = _unsealed(visit, caller, form.text("then"))
    try:
        again = sign_in.sign_in_again(
            visit.house,
            visit.act(caller),
            form.text("password"),
            device=visit.device,
            secret=visit.cookies.session,
            device_secret=visit.cookies.device,
        )
    except errors.PasswordMustChange:
        return _choose_another(visit, caller)
    except (errors.WrongCredentials, errors.TooManyFailures, errors.Overloaded) as error:
        return _ask(visit, caller, form.text("then"), error=error, status=status_of(error))
    renewed = user_caller(again.user, again.session)
    known(visit).caller = renewed
    known(visit).secret = again.secret
    try:
        response = carry_out(visit, renewed, waiting.name, Form(waiting.fields))
    except errors.OstiaryError as error:
        # The browser has to get its new secret, whatever became of the action.
        response = pages.see_other(visit, HOME)
        flash.put(
            visit,
            response,
            renewed,
            flash.line("reauthenticate.then_failed"),
            flash.line("words.as_is", text=str(error_text(visit, error))),
            kind="danger",
        )
    set_session(visit, response, again)
    return response


def _ask(
    visit: Visit,
    caller: Caller,
    then: str,
    *,
    error: errors.OstiaryError | None = None,
    status: int,
) -> Response[Any]:
    response = pages.render(
        visit,
        "reauthenticate.html",
        caller,
        status=status,
        then=then,
        error=error_text(visit, error) if error is not None else "",
    )
    if error is not None:
        response.headers.update(headers_of(error))
    if pages.is_fragment(visit):
        response.headers["HX-Retarget"] = "#dialog"
        response.headers["HX-Reswap"] = "innerHTML"
        response.headers["HX-Reselect"] = "#confirm"
    return response


def _choose_another(visit: Visit, caller: Caller) -> Response[Any]:
    """Somebody else set a new password: it is changed on the sign-in page (contract W23)."""
    response = pages.see_other(visit, f"/sign-in/{caller.organization}")
    flash.put(visit, response, caller, flash.line("reauthenticate.must_change"), kind="warning")
    return response


def _sealed(visit: Visit, caller: Caller, waiting: _Interrupted) -> str:
    plain = msgspec.json.encode(waiting).decode()
    return visit.house.vault.seal_text(plain, _context(caller))


def _unsealed(visit: Visit, caller: Caller, then: str) -> _Interrupted:
    """What waits for the password.

    Raises:
        CrossSite: it was not made for this session, or too long ago.
    """
    try:
        plain = visit.house.vault.unseal_text(then, _context(caller))
    except (errors.Misconfigured, ValueError) as error:
        raise errors.CrossSite(detail="a continuation of another session") from error
    waiting = msgspec.json.decode(plain, type=_Interrupted)
    if visit.now - waiting.at > _KEPT or waiting.name not in _actions:
        raise errors.CrossSite(detail="a continuation that is too old")
    return waiting


def _context(caller: Caller) -> str:
    return f"continue/{caller.session_id}"
