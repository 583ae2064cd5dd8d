"""The pages people see: sign-in, My sessions, the console."""

from __future__ import annotations

from litestar import Router
from litestar.types import ExceptionHandlersMap

from ostiary.web import (
    account,
    actions,
    consent,
    console,
    forwarding,
    pages,
    set_up,
    sign_in,
    sign_out,
    static_files,
)
from ostiary.web.answers import of_pages, of_strangers
from ostiary.web.forms import form_dependencies

LARGEST_FORM = 262_144
"""Bytes; a form that selects 500 sessions is a tenth of that."""


def routers() -> list[Router]:
    """The routes of this front."""
    routes = Router(
        path="/",
        route_handlers=[
            set_up.set_up_page,
            set_up.set_up_now,
            *sign_in.HANDLERS,
            sign_out.sign_out_page,
            sign_out.sign_out_now,
            sign_out.signed_out_page,
            *consent.HANDLERS,
            forwarding.failed_page,
            *account.HANDLERS,
            actions.reauthenticate_page,
            actions.reauthenticate,
            *console.routers(),
        ],
        dependencies=form_dependencies(),
        exception_handlers=of_pages(),
        after_request=pages.finish,
        include_in_schema=False,
        request_max_body_size=LARGEST_FORM,
    )
    return [static_files.router(), routes]


def exception_handlers() -> ExceptionHandlersMap:
    """What answers for addresses that no front owns."""
    return of_strangers()
