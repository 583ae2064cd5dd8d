"""``/console/applications``: the list, one application, its form and its secret."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from ostiary.domain.access import Caller
from ostiary.domain.accounts import BUILT_IN_APPLICATION, Application, Organization
from ostiary.domain.errors import AlreadyExists, BadInput, NotFound
from ostiary.domain.lifetime import decide
from ostiary.domain.search import SessionFilter
from ostiary.edge.errors import status_of
from ostiary.edge.house import Visit
from ostiary.services import applications, end, organizations, protected_hosts
from ostiary.services.applications import ApplicationChange
from ostiary.services.house import Act
from ostiary.storage.database import Transaction
from ostiary.web import actions, pages
from ostiary.web.console import client_form, fields, parts
from ostiary.web.console.fields import Fields, refused, typed
from ostiary.web.console.parts import act_of, application_address, choices
from ostiary.web.flash import line
from ostiary.web.forms import Form, TheForm, TheVisit

PATH = "/console/applications"
_ONE = "/applications/{name:str}"
_TEXTS = ("display_name", "description", "homepage_url", "backchannel_logout_uri")
_BOXES = ("exclusive", "sign_in_disabled")
_EMPTY = dict.fromkeys(
    (*_TEXTS, *_BOXES, *fields.LIFETIMES, *client_form.NAMES, "name", "redirect_uris"), ""
)


@get("/applications", sync_to_thread=True)
def applications_page(visit: TheVisit, organization: FromQuery[str] = "") -> Response[Any]:
    """The list, by organization and name."""
    act = act_of(visit)
    read = visit.house.database.read
    found = read(applications.list_applications, act, organization or None)
    return pages.render(
        visit,
        "console/applications.html",
        act.caller,
        found=sorted(found, key=lambda a: (a.organization, a.name)),
        organization=organization,
        organizations=read(choices, act),
        address_of=application_address,
    )


@get(_ONE, sync_to_thread=True)
def application_page(visit: TheVisit, name: FromPath[str]) -> Response[Any]:
    """One application, without its secret."""
    act = act_of(visit)
    found, owner = visit.house.database.read(_with_owner, act, name)
    return _page(visit, act, found, owner)


def _page(
    visit: Visit, act: Act, found: Application, owner: Organization | None, *, secret: str = ""
) -> Response[Any]:
    said = [owner.lifetimes] if owner is not None else []
    return pages.render(
        visit,
        "console/application.html",
        act.caller,
        application=found,
        secret=secret,
        address=application_address(found.name),
        policy=fields.policy(visit.house.policy.lifetimes, *said, found.lifetimes),
        is_built_in=found.name == BUILT_IN_APPLICATION,
        issuer=visit.front.public_url,
        hosts=visit.house.database.read(protected_hosts.list_hosts, act, found.name),
    )


def _with_owner(tx: Transaction, act: Act, name: str) -> tuple[Application, Organization]:
    found = applications.get_application(tx, act, name)
    return found, organizations.get_organization(tx, act, found.organization)


@get("/add-application", sync_to_thread=True)
def add_page(visit: TheVisit, organization: FromQuery[str] = "") -> Response[Any]:
    """An empty form."""
    shown = Fields(values={**_EMPTY, **client_form.usual(), "organization": organization})
    return _add_form(visit, act_of(visit), shown)


@post("/add-application", sync_to_thread=True, status_code=200)
def add_application(visit: TheVisit, form: TheForm) -> Response[Any]:
    """Add it. The answer is its page, for once with its secret.

    No redirect, since the secret must not be in an address, and is shown this once.
    """
    act = act_of(visit)
    organization, name = form.text("organization"), form.text("name").strip()
    vault = visit.house.vault
    try:
        change = _change(form, display_name=form.text("display_name").strip() or name)
        added: Application = visit.house.database.write(
            applications.add_application, act, vault, organization, name, change
        )
    except (BadInput, AlreadyExists, NotFound) as error:
        values = {**_EMPTY, "organization": organization, **typed(form)}
        return _add_form(visit, act, refused(values, error), status=status_of(error))
    owner = visit.house.database.read(organizations.get_organization, act, organization)
    return _page(visit, act, added, owner, secret=applications.secret_of(vault, added))


def _add_form(visit: Visit, act: Act, shown: Fields, *, status: int = 200) -> Response[Any]:
    return pages.render(
        visit,
        "console/add_application.html",
        act.caller,
        status=status,
        form=shown,
        organizations=visit.house.database.read(choices, act),
        hints=fields.hints(visit.house.policy.lifetimes),
        client=client_form,
    )


def _change(form: Form, *, display_name: str) -> ApplicationChange:
    """What was typed.

    Raises:
        BadInput: a duration cannot be used.
    """
    typed_addresses = form.text("redirect_uris").splitlines()
    return ApplicationChange(
        display_name=display_name,
        description=form.text("description").strip(),
        homepage_url=form.text("homepage_url").strip(),
        redirect_uris=tuple(a.strip() for a in typed_addresses if a.strip()),
        backchannel_logout_uri=form.text("backchannel_logout_uri").strip(),
        lifetimes=fields.overrides(form),
        exclusive=form.ticked("exclusive"),
        sign_in_disabled=form.ticked("sign_in_disabled"),
        **client_form.change_of(form),
    )


@get(f"{_ONE}/edit", sync_to_thread=True)
def edit_page(visit: TheVisit, name: FromPath[str]) -> Response[Any]:
    """The form with what is known."""
    act = act_of(visit)
    found, owner = visit.house.database.read(_with_owner, act, name)
    values = {
        **{text: getattr(found, text) for text in _TEXTS},
        **{box: "on" if getattr(found, box) else "" for box in _BOXES},
        **fields.of_overrides(found.lifetimes),
        **client_form.of_application(found),
        "redirect_uris": "\n".join(found.redirect_uris),
    }
    return _edit_form(visit, act, found, owner, Fields(values=values))


@post(f"{_ONE}/edit", sync_to_thread=True, status_code=200)
def edit_application(visit: TheVisit, name: FromPath[str], form: TheForm) -> Response[Any]:
    """Change it; who signed in before keeps the lifetimes that held then."""
    act = act_of(visit)
    found, owner = visit.house.database.read(_with_owner, act, name)
    try:
        change = _change(form, display_name=form.text("display_name").strip() or name)
        visit.house.database.write(
            applications.update_application, act, visit.house.vault, name, change
        )
    except BadInput as error:
        shown = refused({**_EMPTY, **typed(form)}, error)
        return _edit_form(visit, act, found, owner, shown, status=status_of(error))
    return parts.done(visit, act, application_address(name), line("console.saved"))


def _edit_form(
    visit: Visit,
    act: Act,
    found: Application,
    owner: Organization,
    shown: Fields,
    *,
    status: int = 200,
) -> Response[Any]:
    inherited = decide(visit.house.policy.lifetimes, owner.lifetimes)
    return pages.render(
        visit,
        "console/edit_application.html",
        act.caller,
        status=status,
        form=shown,
        application=found,
        address=application_address(found.name),
        hints=fields.hints(inherited),
        client=client_form,
    )


@get(f"{_ONE}/rotate", sync_to_thread=True)
def rotate_page(visit: TheVisit, name: FromPath[str]) -> Response[Any]:
    """Say what a new secret does, and ask."""
    return _confirm(visit, name, "console/rotate_secret.html")


@get(f"{_ONE}/delete", sync_to_thread=True)
def delete_page(visit: TheVisit, name: FromPath[str]) -> Response[Any]:
    """Say what deleting does, and ask."""
    return _confirm(visit, name, "console/delete_application.html")


def _confirm(visit: Visit, name: str, template: str) -> Response[Any]:
    act = act_of(visit)
    read = visit.house.database.read
    found = read(applications.get_application, act, name)
    used = SessionFilter(organization=None, application=name)
    return pages.render(
        visit,
        template,
        act.caller,
        application=found,
        preview=read(end.preview_matching, act, used),
        address=application_address(name),
    )


@post(f"{_ONE}/rotate", sync_to_thread=True, status_code=200)
def rotate_secret(visit: TheVisit, name: FromPath[str], form: TheForm) -> Response[Any]:
    """Make a new secret, and show it this once."""
    caller = act_of(visit).caller
    return actions.carry_out(visit, caller, "console.rotate_secret", form.having(name=name))


@actions.action("console.rotate_secret")
def _rotate_secret(visit: Visit, caller: Caller, form: Form) -> Response[Any]:
    act = visit.act(caller)
    vault = visit.house.vault
    name = form.text("name")
    found = visit.house.database.write(applications.rotate_secret, act, vault, name)
    owner = visit.house.database.read(organizations.get_organization, act, found.organization)
    return _page(visit, act, found, owner, secret=applications.secret_of(vault, found))


@post(f"{_ONE}/delete", sync_to_thread=True, status_code=200)
def delete_application(visit: TheVisit, name: FromPath[str], form: TheForm) -> Response[Any]:
    """Delete it."""
    caller = act_of(visit).caller
    return actions.carry_out(visit, caller, "console.delete_application", form.having(name=name))


@actions.action("console.delete_application")
def _delete_application(visit: Visit, caller: Caller, form: Form) -> Response[Any]:
    act = visit.act(caller)
    name = form.text("name")
    found = visit.house.database.read(applications.get_application, act, name)
    visit.house.database.write(applications.delete_application, act, name)
    to = f"{PATH}?{urlencode({'organization': found.organization})}"
    return parts.done(visit, act, to, line("console.application.is_deleted", name=name))
