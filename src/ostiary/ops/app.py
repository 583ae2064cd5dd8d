"""The composition root: the fronts, mounted on one Litestar application."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Response, Router
from litestar.datastructures import State
from litestar.di import Provide

from ostiary import api, casdoor, forward_auth, oidc, web
from ostiary.edge.headers import add_security_headers
from ostiary.edge.house import AnyRequest, Front, provide_visit
from ostiary.ops.request_log import note_exception
from ostiary.services.house import House

if TYPE_CHECKING:
    from collections.abc import Callable

    from litestar.types import Middleware

LARGEST_BODY = 1_048_576
"""Bytes; larger requests are answered with 413."""


def create_app(
    house: House,
    front: Front,
    *,
    lifespan: Sequence[Callable[[Litestar], AbstractAsyncContextManager[Any]]] = (),
    middleware: Sequence[Middleware] = (),
    further: Sequence[Router] = (),
) -> Litestar:
    """The application.

    Args:
        house: what the services work with.
        front: how the installation looks from outside.
        lifespan: what runs beside it, such as the jobs.
        middleware: what wraps it, such as the request log.
        further: operational routes, such as health.
    """
    return Litestar(
        route_handlers=[
            *casdoor.routers(),
            *api.routers(),
            *forward_auth.routers(),
            *oidc.routers(),
            *web.routers(),
            *further,
        ],
        dependencies={"visit": Provide(provide_visit, sync_to_thread=False)},
        exception_handlers={Exception: _answer},
        middleware=list(middleware),
        before_send=[add_security_headers],
        after_exception=[note_exception],
        lifespan=list(lifespan),
        openapi_config=api.openapi_config(front.public_url),
        state=State({"house": house, "front": front}),
        request_max_body_size=LARGEST_BODY,
        # Litestar's own would show traces to strangers when a variable of the environment says so.
        debug=False,
        # The log is configured once for the whole process, by `ostiary.ops.telemetry`.
        logging_config=None,
    )


def _answer(request: AnyRequest, error: Exception) -> Response[Any]:
    """What is answered where no route is: each front speaks for its own addresses."""
    owned = api.owns(request.scope["path"])
    handlers = api.exception_handlers() if owned else web.exception_handlers()
    handler = next(handlers[kind] for kind in type(error).__mro__ if kind in handlers)
    return handler(request, error)
