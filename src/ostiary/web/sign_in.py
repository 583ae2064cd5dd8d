"""The sign-in page: a name and a password, without any script.

Nothing here signs in by a GET (REQUIREMENTS A19), and no password is ever put back into a page.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from ostiary.domain import errors
from ostiary.domain.access import Caller, Kind
from ostiary.domain.accounts import BUILT_IN_APPLICATION
from ostiary.edge import authorizing
from ostiary.edge.errors import headers_of, status_of
from ostiary.edge.house import Visit
from ostiary.edge.identify import by_cookie
from ostiary.edge.passing import set_session
from ostiary.services import doors, see, setup, sign_in
from ostiary.services.authorize import Whom
from ostiary.services.doors import Door
from ostiary.web import pages
from ostiary.web.answers import error_text
from ostiary.web.forms import Form, TheForm, TheVisit
from ostiary.web.returning import HOME, safe_path
from ostiary.web.who import known

_PATH = "/sign-in"
_OF_ORGANIZATION = "/sign-in/{organization:str}"
_OF_APPLICATION = "/sign-in/{organization:str}/{application:str}"
_BAD_REQUEST = 400
_LONGEST_NAME = 200


class SignInForm(msgspec.Struct, frozen=True, kw_only=True):
    """What the page is about, and what stays in it after a failure: never a password.

    ``door`` is None while nobody has said which organization. ``announced`` is the public id of
    the session of somebody else, ``taken_by``, that signing in ends on this device; the service
    has asked to ``must_confirm`` it, or it is only said beforehand. ``whom`` is who has to
    authenticate, and ``go_on`` where whoever is signed in may go without; empty: nowhere.
    """

    door: Door | None
    organization: str = ""
    name: str = ""
    remember: bool = False
    return_to: str = HOME
    announced: str = ""
    taken_by: str = ""
    must_confirm: bool = False
    new_password: bool = False
    error: str = ""
    whom: Whom = Whom.ANYBODY
    go_on: str = ""

    @property
    def again(self) -> bool:
        """Whether the one who is signed in has to show that it is still her."""
        return self.whom is Whom.THE_SAME

    @property
    def address(self) -> str:
        """Where the form is sent: the page's own address."""
        return door_address(self.door)


def door_address(door: Door | None) -> str:
    """The sign-in page of an organization's application."""
    if door is None:
        return "/sign-in"
    return f"/sign-in/{quote(door.organization)}/{quote(door.application)}"


# One handler a path: Litestar wraps a handler of several paths in a thread several times.
@get(_PATH, sync_to_thread=True)
def sign_in_page(visit: TheVisit) -> Response[Any]:
    """The page that asks for the organization too, when there are several."""
    return _show(visit)


@get(_OF_ORGANIZATION, sync_to_thread=True)
def sign_in_page_of_organization(visit: TheVisit, organization: FromPath[str]) -> Response[Any]:
    """The page of an organization."""
    return _show(visit, organization)


@get(_OF_APPLICATION, sync_to_thread=True)
def sign_in_page_of_application(
    visit: TheVisit, organization: FromPath[str], application: FromPath[str]
) -> Response[Any]:
    """The page of an organization's application."""
    return _show(visit, organization, application)


@post(_PATH, sync_to_thread=True, status_code=200)
def sign_in_now(visit: TheVisit, form: TheForm) -> Response[Any]:
    """Sign in with the organization that was typed."""
    return _sign_in(visit, form)


@post(_OF_ORGANIZATION, sync_to_thread=True, status_code=200)
def sign_in_now_to_organization(
    visit: TheVisit, form: TheForm, organization: FromPath[str]
) -> Response[Any]:
    """Sign in to an organization."""
    return _sign_in(visit, form, organization)


@post(_OF_APPLICATION, sync_to_thread=True, status_code=200)
def sign_in_now_to_application(
    visit: TheVisit, form: TheForm, organization: FromPath[str], application: FromPath[str]
) -> Response[Any]:
    """Sign in to an application."""
    return _sign_in(visit, form, organization, application)


HANDLERS: list[Any] = [
    sign_in_page,
    sign_in_page_of_organization,
    sign_in_page_of_application,
    sign_in_now,
    sign_in_now_to_organization,
    sign_in_now_to_application,
]


def _show(visit: Visit, organization: str = "", application: str = "") -> Response[Any]:
    """Show the form; say why the last session ended, and who is signed in by now."""
    if not visit.house.database.read(setup.is_installed):
        return pages.render(visit, "set_up/waiting.html")
    try:
        door = _door(visit, organization, application)
    except errors.NotFound:
        last = by_cookie(visit, active=False)
        if not last.dead_reason or last.organization != organization:
            raise
        return pages.see_other(visit, _PATH)  # the organization went, and its sessions with it
    caller = _visitor(visit, door)
    asked = visit.request.query_params
    shown = SignInForm(
        door=door,
        name=_hinted(asked.get("login_hint", "")),
        return_to=safe_path(asked.get("return_to", HOME)),
        whom=_whom(asked.get("whom", "")),
    )
    return _render(visit, caller, _with_visitor(visit, caller, shown))


def _hinted(name: str) -> str:
    """What an application thinks that the user will type."""
    return name.strip() if name.isprintable() and len(name) <= _LONGEST_NAME else ""


def _whom(word: str) -> Whom:
    return Whom(word) if word in set(Whom) else Whom.ANYBODY


def _with_visitor(visit: Visit, caller: Caller, shown: SignInForm) -> SignInForm:
    """The first form, for whoever is signed in already."""
    if caller.kind is not Kind.USER or caller.session_id is None:
        return msgspec.structs.replace(shown, whom=Whom.ANYBODY)
    if shown.again:
        seen = visit.house.database.read(see.one_session, visit.act(caller), caller.session_id)
        return msgspec.structs.replace(shown, remember=seen.session.remembered)
    go_on = _go_on(visit, caller, shown)
    return msgspec.structs.replace(
        shown, taken_by=caller.name, announced=caller.session_id, go_on=go_on
    )


def _go_on(visit: Visit, caller: Caller, shown: SignInForm) -> str:
    """Where whoever is signed in may go on, unless it is just that which does not do."""
    if shown.whom is not Whom.ANYBODY or caller.session_id is None:
        return ""
    return authorizing.chosen_address(visit, shown.return_to, caller.session_id)


def _sign_in(
    visit: Visit, form: Form, organization: str = "", application: str = ""
) -> Response[Any]:
    """Sign in, or show the form again with what was wrong."""
    door = _door(visit, organization, application)
    shown = SignInForm(
        door=door,
        organization=form.text("organization").strip(),
        name=form.text("name").strip(),
        remember=form.ticked("remember"),
        return_to=safe_path(form.text("return_to") or HOME),
        announced=form.text("announced"),
        whom=_whom(form.text("whom")),
    )
    wanted = form.text("new_password")
    if wanted and wanted != form.text("new_password_again"):
        differ = pages.translator_of(visit)("sign_in.passwords_differ")
        again = msgspec.structs.replace(shown, new_password=True, error=str(differ))
        return _render(visit, _visitor(visit, door), again, status=_BAD_REQUEST)
    try:
        signed_in = sign_in.sign_in(visit.house, visit.act(Caller()), _attempt(visit, form, shown))
    except errors.OstiaryError as error:
        return _again(visit, shown, error, chosen=bool(wanted))
    response = pages.go_on(visit, shown.return_to)
    set_session(visit, response, signed_in)
    return response


def _attempt(visit: Visit, form: Form, shown: SignInForm) -> sign_in.Attempt:
    door = shown.door
    return sign_in.Attempt(
        organization=door.organization if door is not None else shown.organization,
        application=door.application if door is not None else BUILT_IN_APPLICATION,
        login=shown.name,
        password=form.text("password"),
        device=visit.device,
        remember=shown.remember,
        secret=visit.cookies.session,
        device_secret=visit.cookies.device,
        announce=True,
        announced=shown.announced,
        new_password=form.text("new_password") or None,
    )


def _again(
    visit: Visit, shown: SignInForm, error: errors.OstiaryError, *, chosen: bool
) -> Response[Any]:
    """The form once more, with what was wrong and what is needed besides.

    Args:
        visit: the request.
        shown: the form.
        error: what was wrong.
        chosen: whether a new password came along.

    Raises:
        OstiaryError: whatever is no matter of this form.
    """
    caller = _visitor(visit, shown.door)
    text = str(error_text(visit, error))
    if isinstance(error, errors.PasswordMustChange):
        shown = msgspec.structs.replace(shown, new_password=True)
    elif isinstance(error, errors.BadInput) and chosen:
        shown = msgspec.structs.replace(shown, new_password=True, error=text)
    elif isinstance(error, errors.DeviceTaken):
        shown = msgspec.structs.replace(
            shown,
            taken_by=error.user_name,
            announced=error.session_id,
            must_confirm=True,
            go_on=_go_on(visit, caller, shown),
        )
    elif isinstance(error, errors.WrongCredentials | errors.TooManyFailures | errors.Overloaded):
        shown = msgspec.structs.replace(shown, error=text)
    else:
        raise error
    response = _render(visit, caller, shown, status=status_of(error))
    response.headers.update(headers_of(error))
    return response


def _door(visit: Visit, organization: str, application: str) -> Door | None:
    """The way in that the address names, or the only one there is.

    Raises:
        NotFound: the address names none.
    """
    read = visit.house.database.read
    named = organization or read(doors.only_organization)
    if not named:
        return None
    door = read(doors.door, visit.house.policy.lifetimes, named, application)
    known(visit).brand = door.organization_name
    return door


def _visitor(visit: Visit, door: Door | None) -> Caller:
    """Who is signed in here already; looking at this page is no use of the session."""
    caller = by_cookie(visit, active=False)
    if caller.kind is Kind.USER:
        known(visit).caller = caller
    elif door is not None and caller.organization not in {"", door.organization}:
        return Caller()  # why a session at another organization's door ended is not said here
    return caller


def _render(visit: Visit, caller: Caller, shown: SignInForm, *, status: int = 200) -> Response[Any]:
    door = shown.door
    days = door.remembered_seconds if door is not None else None
    response = pages.render(
        visit,
        "sign_in.html",
        caller,
        status=status,
        form=shown,
        built_in=door is None or door.application == BUILT_IN_APPLICATION,
        minimum_length=visit.house.policy.password_minimum_length,
        remembered_seconds=days or visit.house.policy.lifetimes.remembered_absolute,
    )
    if authorizing.leads_away(shown.return_to):
        response.headers.update(authorizing.POPUP)
    return response
