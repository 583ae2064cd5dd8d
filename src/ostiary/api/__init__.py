"""Ostiary's own JSON interface, under /v1."""

from __future__ import annotations

from litestar import Router
from litestar.openapi.config import OpenAPIConfig
from litestar.types import ExceptionHandlersMap

from ostiary.api import (
    applications,
    cut_offs,
    events,
    me,
    notices,
    organizations,
    problems,
    protected_hosts,
    reference,
    sessions,
    users,
    webhooks,
)
from ostiary.api.contract import PREFIX, handler

LARGEST_BODY = 262_144
"""Bytes: a hundred redirect addresses of two thousand characters fit in."""

OPERATIONS = (
    *me.OPERATIONS,
    *sessions.OPERATIONS,
    *cut_offs.OPERATIONS,
    *users.OPERATIONS,
    *applications.OPERATIONS,
    *protected_hosts.OPERATIONS,
    *organizations.OPERATIONS,
    *webhooks.OPERATIONS,
    *notices.OPERATIONS,
    *events.OPERATIONS,
)


def routers() -> list[Router]:
    """The routes of this front."""
    return [
        Router(
            PREFIX,
            route_handlers=[
                *(handler(item) for item in OPERATIONS),
                *reference.handlers(OPERATIONS),
            ],
            exception_handlers=problems.exception_handlers(),
            request_max_body_size=LARGEST_BODY,
        )
    ]


def owns(path: str) -> bool:
    """Whether an address is this front's, be there something or not."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def exception_handlers() -> ExceptionHandlersMap:
    """What answers below /v1 where no route does."""
    return problems.exception_handlers()


def openapi_config(public_url: str) -> OpenAPIConfig | None:
    """The framework describes nothing: /v1/openapi.json is made of `OPERATIONS`."""
    del public_url
    return None
