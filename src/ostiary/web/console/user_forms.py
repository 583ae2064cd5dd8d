"""Adding a user, and changing what is known about one."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from ostiary.domain.access import Caller
from ostiary.domain.accounts import Credential, User
from ostiary.domain.errors import AlreadyExists, BadInput, NotFound, Protected
from ostiary.edge.errors import status_of
from ostiary.edge.house import Visit
from ostiary.services import passwords, users
from ostiary.services.house import Act
from ostiary.services.users import UserChange
from ostiary.web import actions, pages
from ostiary.web.console import parts
from ostiary.web.console.fields import Fields, refused, typed
from ostiary.web.console.parts import act_of, choices
from ostiary.web.console.users import address_of
from ostiary.web.flash import line
from ostiary.web.forms import Form, TheForm, TheVisit

_FIELDS = {"name": "", "display_name": "", "email": "", "phone": "", "is_admin": ""}
_ONE = "/users/{organization:str}/{name:str}/edit"


@get("/add-user", sync_to_thread=True)
def add_page(visit: TheVisit, organization: FromQuery[str] = "") -> Response[Any]:
    """An empty form."""
    fields = Fields(values={**_FIELDS, "organization": organization})
    return _add_form(visit, act_of(visit), fields)


@post("/add-user", sync_to_thread=True, status_code=200)
def add_user(visit: TheVisit, form: TheForm) -> Response[Any]:
    """Add the user, who has to choose another password at the first sign-in."""
    act = act_of(visit)
    organization, name = form.text("organization"), form.text("name").strip()
    try:
        credential = _credential(visit, act, organization, name, form.text("password"))
        added: User = visit.house.database.write(
            users.add_user,
            act,
            visit.house.vault,
            organization,
            name,
            _change(form, display_name=form.text("display_name").strip() or name),
            credential=credential,
        )
    except (BadInput, AlreadyExists, NotFound) as error:
        values = {**_FIELDS, "organization": organization, **typed(form, "password")}
        return _add_form(visit, act, refused(values, error), status=status_of(error))
    to = address_of(added.organization, added.name)
    return parts.done(visit, act, to, line("console.user.is_added", name=added.name))


def _credential(
    visit: Visit, act: Act, organization: str, name: str, password: str
) -> Credential | None:
    """The temporary password; without one nobody can sign in yet."""
    if not password:
        return None
    return passwords.prepare(visit.house, act, organization, name, password)


def _change(form: Form, *, display_name: str) -> UserChange:
    return UserChange(
        display_name=display_name,
        email=form.text("email").strip(),
        phone=form.text("phone").strip(),
        is_admin=form.ticked("is_admin"),
    )


def _add_form(visit: Visit, act: Act, fields: Fields, *, status: int = 200) -> Response[Any]:
    return pages.render(
        visit,
        "console/add_user.html",
        act.caller,
        status=status,
        form=fields,
        organizations=visit.house.database.read(choices, act),
        minimum=visit.house.policy.password_minimum_length,
    )


@get(_ONE, sync_to_thread=True)
def edit_page(visit: TheVisit, organization: FromPath[str], name: FromPath[str]) -> Response[Any]:
    """The form with what is known."""
    act = act_of(visit)
    user = visit.house.database.read(users.get_user, act, organization, name)
    values = {
        "name": user.name,
        "display_name": user.display_name,
        "email": user.email,
        "phone": user.phone,
        "is_admin": "on" if user.is_admin else "",
    }
    return _edit_form(visit, act, user, Fields(values=values))


@post(_ONE, sync_to_thread=True, status_code=200)
def edit_user(
    visit: TheVisit, organization: FromPath[str], name: FromPath[str], form: TheForm
) -> Response[Any]:
    """Change the user; a new name gives the page a new address."""
    fields = form.having(organization=organization, was=name)
    return actions.carry_out(visit, act_of(visit).caller, "console.edit_user", fields)


@actions.action("console.edit_user")
def _edit_user(visit: Visit, caller: Caller, form: Form) -> Response[Any]:
    act = visit.act(caller)
    organization, name = form.text("organization"), form.text("was")
    vault = visit.house.vault
    user = visit.house.database.read(users.get_user, act, organization, name)
    try:
        written = visit.house.database.write(
            users.update_user, act, vault, organization, name, _renamed(form)
        )
    except (BadInput, AlreadyExists, Protected) as error:
        values = {**_FIELDS, **typed(form)}
        return _edit_form(visit, act, user, refused(values, error), status=status_of(error))
    to = address_of(organization, written.user.name)
    return parts.done(visit, act, to, line("console.saved"))


def _renamed(form: Form) -> UserChange:
    change = _change(form, display_name=form.text("display_name").strip())
    return UserChange(
        name=form.text("name").strip(),
        display_name=change.display_name,
        email=change.email,
        phone=change.phone,
        is_admin=change.is_admin,
    )


def _edit_form(
    visit: Visit, act: Act, user: User, fields: Fields, *, status: int = 200
) -> Response[Any]:
    return pages.render(
        visit,
        "console/edit_user.html",
        act.caller,
        status=status,
        form=fields,
        user=user,
        address=address_of(user.organization, user.name),
    )
