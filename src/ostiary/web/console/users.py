"""``/console/users``: the list, one user, and what can be done to one."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from ostiary.domain.access import Caller
from ostiary.domain.accounts import User
from ostiary.domain.errors import BadCursor, BadInput
from ostiary.domain.search import Order, Page, SessionFilter, Sort
from ostiary.edge.house import Visit
from ostiary.services import end, events, passwords, see, users
from ostiary.services.end import Preview
from ostiary.services.house import Act
from ostiary.storage.database import Transaction
from ostiary.web import actions, pages
from ostiary.web.console import parts, query
from ostiary.web.console.fields import Fields, refused
from ostiary.web.console.parts import PAGE, act_of, changes_of, choices, place
from ostiary.web.flash import line
from ostiary.web.forms import Form, TheForm, TheVisit

PATH = "/console/users"
_SESSIONS = 20
_EVENTS = 10
_BAD = 400


def address_of(organization: str, name: str) -> str:
    """A user's page."""
    return f"{PATH}/{quote(organization, safe='')}/{quote(name, safe='')}"


@get("/users", sync_to_thread=True)
def users_page(
    visit: TheVisit,
    q: FromQuery[str] = "",
    organization: FromQuery[str] = "",
    cursor: FromQuery[str] = "",
    first: FromQuery[int] = 1,
) -> Response[Any]:
    """The list, by name."""
    act = act_of(visit)
    text = query.plain(q)
    said = {k: v for k, v in (("q", text), ("organization", organization)) if v}
    try:
        found = visit.house.database.read(
            users.browse_users,
            act,
            visit.house.vault,
            organization or None,
            text=text,
            cursor=cursor,
            limit=PAGE,
        )
    except BadCursor:
        return pages.see_other(visit, _address(said))
    response = pages.render(
        visit,
        "console/users.html",
        act.caller,
        found=found,
        text=text,
        organization=organization,
        address=lambda **more: _address({**said, **more}),
        place=place(first, found),
        organizations=visit.house.database.read(choices, act),
        user_address=address_of,
    )
    if pages.is_fragment(visit):
        response.headers["HX-Replace-Url"] = _address(said)
    return response


def _address(said: dict[str, Any]) -> str:
    return f"{PATH}?{urlencode(said)}" if said else PATH


@get("/users/{organization:str}/{name:str}", sync_to_thread=True)
def user_page(visit: TheVisit, organization: FromPath[str], name: FromPath[str]) -> Response[Any]:
    """One user, with the sessions that live and what happened lately."""
    return _user_page(visit, act_of(visit), organization, name)


def _user_page(
    visit: Visit,
    act: Act,
    organization: str,
    name: str,
    *,
    form: Fields = Fields(),  # noqa: B008 - frozen
    status: int = 200,
) -> Response[Any]:
    found = visit.house.database.read(_find, visit, act, organization, name)
    return pages.render(
        visit,
        "console/user.html",
        act.caller,
        status=status,
        form=form,
        address=address_of(organization, name),
        is_self=act.caller.user_key == found["user"].key,
        changes_of=changes_of,
        minimum=visit.house.policy.password_minimum_length,
        **found,
    )


def _find(tx: Transaction, visit: Visit, act: Act, organization: str, name: str) -> dict[str, Any]:
    user: User = users.get_user(tx, act, organization, name)
    vault = visit.house.vault
    chosen = SessionFilter(organization=organization, user=name)
    sessions: Page[see.Seen] = see.list_sessions(
        tx, act, vault, chosen, Order(sort=Sort.LAST_SEEN), limit=_SESSIONS
    )
    happened = events.list_events(
        tx, act, vault, organization=organization, user=name, limit=_EVENTS
    )
    return {"user": user, "sessions": sessions, "events": happened}


@get("/users/{organization:str}/{name:str}/end", sync_to_thread=True)
def end_page(visit: TheVisit, organization: FromPath[str], name: FromPath[str]) -> Response[Any]:
    """Say what ending all of a user's sessions does, and ask."""
    return _confirm(visit, organization, name, "console/end_user.html")


@get("/users/{organization:str}/{name:str}/disable", sync_to_thread=True)
def disable_page(
    visit: TheVisit, organization: FromPath[str], name: FromPath[str]
) -> Response[Any]:
    """Say what disabling does, and ask."""
    return _confirm(visit, organization, name, "console/disable_user.html")


@get("/users/{organization:str}/{name:str}/delete", sync_to_thread=True)
def delete_page(visit: TheVisit, organization: FromPath[str], name: FromPath[str]) -> Response[Any]:
    """Say what deleting does, and ask."""
    return _confirm(visit, organization, name, "console/delete_user.html")


def _confirm(visit: Visit, organization: str, name: str, template: str) -> Response[Any]:
    act = act_of(visit)
    user, preview = visit.house.database.read(_preview, act, organization, name)
    return pages.render(
        visit,
        template,
        act.caller,
        user=user,
        preview=preview,
        address=address_of(organization, name),
        is_self=act.caller.user_key == user.key,
    )


def _preview(tx: Transaction, act: Act, organization: str, name: str) -> tuple[User, Preview]:
    user = users.get_user(tx, act, organization, name)
    chosen = SessionFilter(organization=organization, user=name)
    return user, end.preview_matching(tx, act, chosen)


@actions.action("console.user")
def _change_user(visit: Visit, caller: Caller, form: Form) -> Response[Any]:
    return _VERBS[form.text("verb")](visit, visit.act(caller), form)


def _end(visit: Visit, act: Act, form: Form) -> Response[Any]:
    organization, name = _named(form)
    chosen = SessionFilter(organization=organization, user=name)
    outcome = end.end_matching(visit.house, act, chosen)
    return parts.ended(visit, act, address_of(organization, name), outcome)


def _disable(visit: Visit, act: Act, form: Form) -> Response[Any]:
    return _set_disabled(visit, act, form, disabled=True)


def _enable(visit: Visit, act: Act, form: Form) -> Response[Any]:
    return _set_disabled(visit, act, form, disabled=False)


def _set_disabled(visit: Visit, act: Act, form: Form, *, disabled: bool) -> Response[Any]:
    organization, name = _named(form)
    change = users.UserChange(disabled=disabled)
    written = visit.house.database.write(
        users.update_user, act, visit.house.vault, organization, name, change
    )
    title = line("console.user.is_disabled" if disabled else "console.user.is_enabled", name=name)
    to = address_of(organization, name)
    return parts.done_and_ended(visit, act, to, title, written.ended)


def _delete(visit: Visit, act: Act, form: Form) -> Response[Any]:
    organization, name = _named(form)
    ended = visit.house.database.write(users.delete_user, act, organization, name)
    title = line("console.user.is_deleted", name=name)
    to = f"{PATH}?{urlencode({'organization': organization})}"
    return parts.done_and_ended(visit, act, to, title, ended)


def _set_password(visit: Visit, act: Act, form: Form) -> Response[Any]:
    organization, name = _named(form)
    try:
        outcome = passwords.set_for(visit.house, act, organization, name, form.text("password"))
    except BadInput as error:
        wrong = refused({}, error)
        return _user_page(visit, act, organization, name, form=wrong, status=_BAD)
    title = line("console.user.has_password", name=name)
    to = address_of(organization, name)
    return parts.done_and_ended(visit, act, to, title, outcome.ended)


def _named(form: Form) -> tuple[str, str]:
    return form.text("organization"), form.text("name")


_VERBS = {
    "end": _end,
    "disable": _disable,
    "enable": _enable,
    "delete": _delete,
    "password": _set_password,
}

_ONE = "/users/{organization:str}/{name:str}"


@post(f"{_ONE}/end", sync_to_thread=True, status_code=200)
def end_sessions(
    visit: TheVisit, organization: FromPath[str], name: FromPath[str], form: TheForm
) -> Response[Any]:
    """End all of a user's sessions, but the one in use."""
    return _carry_out(visit, organization, name, "end", form)


@post(f"{_ONE}/disable", sync_to_thread=True, status_code=200)
def disable(
    visit: TheVisit, organization: FromPath[str], name: FromPath[str], form: TheForm
) -> Response[Any]:
    """Disable a user."""
    return _carry_out(visit, organization, name, "disable", form)


@post(f"{_ONE}/enable", sync_to_thread=True, status_code=200)
def enable(
    visit: TheVisit, organization: FromPath[str], name: FromPath[str], form: TheForm
) -> Response[Any]:
    """Enable a user again."""
    return _carry_out(visit, organization, name, "enable", form)


@post(f"{_ONE}/delete", sync_to_thread=True, status_code=200)
def delete(
    visit: TheVisit, organization: FromPath[str], name: FromPath[str], form: TheForm
) -> Response[Any]:
    """Delete a user."""
    return _carry_out(visit, organization, name, "delete", form)


@post(f"{_ONE}/password", sync_to_thread=True, status_code=200)
def set_password(
    visit: TheVisit, organization: FromPath[str], name: FromPath[str], form: TheForm
) -> Response[Any]:
    """Set a temporary password."""
    return _carry_out(visit, organization, name, "password", form)


def _carry_out(visit: Visit, organization: str, name: str, verb: str, form: Form) -> Response[Any]:
    caller = act_of(visit).caller
    fields = form.having(organization=organization, name=name, verb=verb)
    return actions.carry_out(visit, caller, "console.user", fields)
