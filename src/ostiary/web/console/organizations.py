"""``/console/organizations``: the list, one organization and its policy."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from litestar import Response, get, post
from litestar.params import FromPath

from ostiary.domain.access import require_global
from ostiary.domain.accounts import BUILT_IN, BUILT_IN_APPLICATION, Organization
from ostiary.domain.errors import AlreadyExists, BadInput, Protected
from ostiary.domain.lifetime import Lifetimes
from ostiary.edge.errors import status_of
from ostiary.edge.house import Visit
from ostiary.services import applications, organizations
from ostiary.services.house import Act
from ostiary.services.organizations import OrganizationChange
from ostiary.storage.database import Transaction
from ostiary.web import pages
from ostiary.web.console import fields, parts
from ostiary.web.console.fields import Fields, refused, typed
from ostiary.web.console.parts import act_of
from ostiary.web.flash import line
from ostiary.web.forms import Form, TheForm, TheVisit

PATH = "/console/organizations"
_ONE = "/organizations/{name:str}"
_BOXES = ("exclusive", "sign_in_disabled", "keep_sessions_on_password_change")
_EMPTY = dict.fromkeys(
    (*_BOXES, *fields.LIFETIMES, "name", "display_name", "default_application"), ""
)


def address_of(name: str) -> str:
    """An organization's page."""
    return f"{PATH}/{quote(name, safe='')}"


@get("/organizations", sync_to_thread=True)
def organizations_page(visit: TheVisit) -> Response[Any]:
    """The list; an administrator of one organization sees that one."""
    act = act_of(visit)
    defaults = visit.house.policy.lifetimes
    found = visit.house.database.read(organizations.list_organizations, act)
    return pages.render(
        visit,
        "console/organizations.html",
        act.caller,
        found=[(item, fields.policy(defaults, item.lifetimes)) for item in found],
        address_of=address_of,
    )


@get(_ONE, sync_to_thread=True)
def organization_page(visit: TheVisit, name: FromPath[str]) -> Response[Any]:
    """One organization, with its policy in a sentence."""
    act = act_of(visit)
    found = visit.house.database.read(organizations.get_organization, act, name)
    return pages.render(
        visit,
        "console/organization.html",
        act.caller,
        organization=found,
        address=address_of(name),
        policy=fields.policy(visit.house.policy.lifetimes, found.lifetimes),
        is_built_in=name == BUILT_IN,
    )


@get("/add-organization", sync_to_thread=True)
def add_page(visit: TheVisit) -> Response[Any]:
    """An empty form."""
    act = act_of(visit)
    require_global(act.caller)
    return _add_form(visit, act, Fields(values=_EMPTY))


@post("/add-organization", sync_to_thread=True, status_code=200)
def add_organization(visit: TheVisit, form: TheForm) -> Response[Any]:
    """Add it."""
    act = act_of(visit)
    name = form.text("name").strip()
    try:
        change = _change(form, display_name=form.text("display_name").strip() or name)
        visit.house.database.write(
            organizations.add_organization, act, visit.house.vault, name, change
        )
    except (BadInput, AlreadyExists) as error:
        shown = refused({**_EMPTY, **typed(form)}, error)
        return _add_form(visit, act, shown, status=status_of(error))
    title = line("console.organization.is_added", name=name)
    return parts.done(visit, act, address_of(name), title)


def _add_form(visit: Visit, act: Act, shown: Fields, *, status: int = 200) -> Response[Any]:
    return pages.render(
        visit,
        "console/add_organization.html",
        act.caller,
        status=status,
        form=shown,
        hints=fields.hints(visit.house.policy.lifetimes),
    )


def _change(form: Form, *, display_name: str) -> OrganizationChange:
    """What was typed.

    Raises:
        BadInput: a duration cannot be used.
    """
    return OrganizationChange(
        display_name=display_name,
        default_application=form.text("default_application"),
        lifetimes=fields.overrides(form),
        exclusive=form.ticked("exclusive"),
        sign_in_disabled=form.ticked("sign_in_disabled"),
        keep_sessions_on_password_change=form.ticked("keep_sessions_on_password_change"),
    )


@get(f"{_ONE}/edit", sync_to_thread=True)
def edit_page(visit: TheVisit, name: FromPath[str]) -> Response[Any]:
    """The form with what is known."""
    act = act_of(visit)
    found = visit.house.database.read(organizations.get_organization, act, name)
    values = {
        **{box: "on" if getattr(found, box) else "" for box in _BOXES},
        **fields.of_overrides(found.lifetimes),
        "display_name": found.display_name,
        "default_application": found.default_application,
    }
    return _edit_form(visit, act, found, Fields(values=values))


@post(f"{_ONE}/edit", sync_to_thread=True, status_code=200)
def edit_organization(visit: TheVisit, name: FromPath[str], form: TheForm) -> Response[Any]:
    """Change it; who signed in before keeps the lifetimes that held then."""
    act = act_of(visit)
    found = visit.house.database.read(organizations.get_organization, act, name)
    try:
        change = _change(form, display_name=form.text("display_name").strip() or name)
        visit.house.database.write(
            organizations.update_organization, act, visit.house.vault, name, change
        )
    except BadInput as error:
        shown = refused({**_EMPTY, **typed(form)}, error)
        return _edit_form(visit, act, found, shown, status=status_of(error))
    return parts.done(visit, act, address_of(name), line("console.saved"))


def _edit_form(
    visit: Visit, act: Act, found: Organization, shown: Fields, *, status: int = 200
) -> Response[Any]:
    defaults: Lifetimes = visit.house.policy.lifetimes
    return pages.render(
        visit,
        "console/edit_organization.html",
        act.caller,
        status=status,
        form=shown,
        organization=found,
        address=address_of(found.name),
        doors=visit.house.database.read(_doors, act, found.name),
        hints=fields.hints(defaults),
    )


def _doors(tx: Transaction, act: Act, name: str) -> list[str]:
    """The applications that its users may be sent to when none is named."""
    own = [item.name for item in applications.list_applications(tx, act, name)]
    return sorted({*own, BUILT_IN_APPLICATION})


@get(f"{_ONE}/delete", sync_to_thread=True)
def delete_page(visit: TheVisit, name: FromPath[str]) -> Response[Any]:
    """Say what deleting does, and ask."""
    act = act_of(visit)
    require_global(act.caller)
    found = visit.house.database.read(organizations.get_organization, act, name)
    return pages.render(
        visit,
        "console/delete_organization.html",
        act.caller,
        organization=found,
        address=address_of(name),
    )


@post(f"{_ONE}/delete", sync_to_thread=True, status_code=200)
def delete_organization(visit: TheVisit, name: FromPath[str], form: TheForm) -> Response[Any]:
    """Delete it, if it is empty."""
    del form
    act = act_of(visit)
    try:
        visit.house.database.write(organizations.delete_organization, act, name)
    except Protected as error:
        title = line("words.as_is", text=error.text)
        return parts.done(visit, act, address_of(name), title, kind="danger")
    return parts.done(visit, act, PATH, line("console.organization.is_deleted", name=name))
