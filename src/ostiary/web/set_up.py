"""The one-time set-up link: whoever holds it chooses the first administrator."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from litestar import Response, get, post

from ostiary.domain import errors
from ostiary.domain.access import NOBODY, user_caller
from ostiary.domain.accounts import BUILT_IN, BUILT_IN_APPLICATION
from ostiary.edge.errors import headers_of, status_of
from ostiary.edge.house import Visit
from ostiary.edge.passing import set_session
from ostiary.services import setup, sign_in
from ostiary.web import flash, pages
from ostiary.web.answers import error_text
from ostiary.web.forms import TheForm, TheVisit
from ostiary.web.returning import HOME

PATH = "/set-up"
_BAD_REQUEST = 400


def setup_address(public_url: str, secret: str) -> str:
    """The link that the first start prints.

    The secret is in the query, which the request log leaves out, and not in the path.
    """
    return f"{public_url}{PATH}?link={quote(secret)}"


@get(PATH, sync_to_thread=True)
def set_up_page(visit: TheVisit) -> Response[Any]:
    """Ask for the administrator's name and password.

    Raises:
        NotFound: the link is wrong or was used.
    """
    link = visit.request.query_params.get("link") or ""
    visit.house.database.read(setup.check_link, link)
    return _render(visit, link)


@post(PATH, sync_to_thread=True, status_code=200)
def set_up_now(visit: TheVisit, form: TheForm) -> Response[Any]:
    """Make the administrator, and sign in as such.

    Raises:
        NotFound: the link is wrong or was used.
    """
    link, name, password = form.text("link"), form.text("name").strip(), form.text("password")
    if password != form.text("password_again"):
        differ = str(pages.translator_of(visit)("sign_in.passwords_differ"))
        visit.house.database.read(setup.check_link, link)
        return _render(visit, link, name=name, error=differ, status=_BAD_REQUEST)
    act = visit.act(NOBODY)
    try:
        done = setup.install(visit.house, act, admin=name, password=password, link=link)
    except (errors.BadInput, errors.Overloaded) as error:
        response = _render(
            visit, link, name=name, error=str(error_text(visit, error)), status=status_of(error)
        )
        response.headers.update(headers_of(error))
        return response
    if done is None:
        raise errors.NotFound  # somebody else was faster with the same link
    attempt = sign_in.Attempt(
        organization=BUILT_IN,
        application=BUILT_IN_APPLICATION,
        login=name,
        password=password,
        device=visit.device,
        device_secret=visit.cookies.device,
    )
    signed_in = sign_in.sign_in(visit.house, act, attempt)
    response = pages.see_other(visit, HOME)
    set_session(visit, response, signed_in)
    title = flash.line("set_up.done", name=name)
    flash.put(
        visit,
        response,
        user_caller(signed_in.user, signed_in.session),
        title,
        flash.line("set_up.next"),
    )
    return response


def _render(
    visit: Visit, link: str, *, name: str = "", error: str = "", status: int = 200
) -> Response[Any]:
    return pages.render(
        visit,
        "set_up/form.html",
        status=status,
        link=link,
        name=name,
        error=error,
        minimum_length=visit.house.policy.password_minimum_length,
    )
