"""Rendering pages: templates, what every page shows, and its answer.

    return pages.render(visit, "account/sessions.html", caller, page=found)

Templates escape everything, and an undefined name is an error. Besides its context a template has
``t`` (texts), ``say`` (times), ``page`` (who is signed in, form token, message) and ``static``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
from litestar import MediaType, Response

from ostiary.domain.access import NOBODY, Caller, Kind
from ostiary.edge import authorizing, cookies, csrf
from ostiary.edge.house import Visit
from ostiary.gateways.entropy import new_secret
from ostiary.web import flash, static_files, words
from ostiary.web.messages import Translator, accepted, translator
from ostiary.web.who import known

environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
environment.globals["static"] = static_files.address
environment.globals["device_icons"] = words.ICONS


class Page:
    """What every page shows besides its own subject."""

    def __init__(self, visit: Visit, caller: Caller, t: Translator) -> None:
        """Look at the visit; the form token is made when a form asks for it."""
        self._visit = visit
        self._t = t
        self.caller = caller
        self.new_form_secret = ""

    @property
    def brand(self) -> str:
        """The name in the header: the organization's, or the product's."""
        return known(self._visit).brand or "Ostiary"

    @property
    def signed_in(self) -> bool:
        """Whether somebody is, so that the page has to show the way out (A13)."""
        return self.caller.kind is Kind.USER and self.caller.session_id is not None

    @property
    def path(self) -> str:
        """The page's own path, to mark its place in the navigation."""
        return str(self._visit.request.scope["path"])

    @property
    def is_fragment(self) -> bool:
        """Whether htmx asked, and puts the answer into a page that is there already."""
        return is_fragment(self._visit)

    @property
    def form_field(self) -> str:
        """The name of the field that carries the form token."""
        return csrf.FIELD

    @cached_property
    def form_token(self) -> str:
        """The value of that field: bound to the session, or else to the form cookie (E10)."""
        if self.signed_in:
            secret = known(self._visit).secret or self._visit.cookies.session
            return csrf.form_token(self._visit, session=secret)
        form = self._visit.cookies.form
        if not form:
            form = self.new_form_secret = new_secret()
        return csrf.form_token(self._visit, form=form)

    @cached_property
    def flash(self) -> flash.Flash | None:
        """What the action that led here has to say."""
        return flash.take(self._visit, self.caller)


def is_fragment(visit: Visit) -> bool:
    """Whether htmx asked, and puts the answer into a page that is there already."""
    return "hx-request" in visit.request.headers


def translator_of(visit: Visit) -> Translator:
    """The texts in the language that the browser asks for."""
    return translator(accepted(visit.request.headers.get("accept-language", "")))


def render(
    visit: Visit,
    template: str,
    caller: Caller = NOBODY,
    *,
    status: int = 200,
    **context: object,
) -> Response[str]:
    """A page.

    Args:
        visit: the request.
        template: its path below ``templates/``.
        caller: who is signed in, as `ostiary.web.who` found out.
        status: the HTTP status.
        context: what the template is about.
    """
    t = translator_of(visit)
    page = Page(visit, caller, t)
    body = environment.get_template(template).render(
        **context, t=t, say=words.Words(t, visit.now), page=page, now=visit.now
    )
    response = Response(
        body,
        status_code=status,
        media_type=MediaType.HTML,
        headers={"Content-Language": t.language},
    )
    secure = visit.front.secure
    if page.new_form_secret:
        made = cookies.make(cookies.FORM, page.new_form_secret, secure=secure, max_age=None)
        response.set_cookie(made)
    if "flash" in page.__dict__ and visit.cookies.get(cookies.FLASH):
        response.set_cookie(cookies.delete(cookies.FLASH, secure=secure))
    return response


class Redirect(Response[bytes]):
    """An answer that leads to another page.

    ``afterwards`` is what is still awaited before it goes, when the thread of its handler has been
    given back (`finish`).
    """

    afterwards: Callable[[], Awaitable[None]] | None = None


async def finish(response: Response[Any]) -> Response[Any]:
    """Do what an answer waits for; called for every page."""
    if isinstance(response, Redirect) and response.afterwards is not None:
        await response.afterwards()
    return response


def see_other(visit: Visit, to: str) -> Redirect:
    """Send the browser to another page with a GET; htmx is told by its own header."""
    if is_fragment(visit):
        return Redirect(b"", status_code=200, headers={"HX-Redirect": to})
    return Redirect(b"", status_code=303, headers={"Location": to}, media_type=MediaType.HTML)


def go_on(visit: Visit, to: str) -> Response[Any]:
    """Send the browser on after a form, wherever that leads in the end.

    By a redirect among our own pages. To an application's site by a page that goes on by itself,
    since browsers hold every redirect that follows a form to that page's ``form-action``.
    """
    if not authorizing.leads_away(to):
        return see_other(visit, to)
    response = render(visit, "go_on.html", to=to)
    response.headers.update(authorizing.POPUP)
    return response
