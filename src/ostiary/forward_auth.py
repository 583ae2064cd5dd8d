"""``/check`` for everybody whom the fast path leaves: the same answers, by the application."""

from __future__ import annotations

import asyncio

from litestar import Request, Router, asgi
from litestar.types import Receive, Scope, Send

from ostiary.domain.errors import OstiaryError
from ostiary.domain.secrets import digest, is_secret
from ostiary.edge.check_answer import (
    COMMON,
    NOT_ALLOWED,
    OK,
    UNAUTHORIZED,
    UNAVAILABLE,
    Header,
    identity,
)
from ostiary.edge.house import AnyRequest, Visit
from ostiary.services.check import live_by_secrets

_METHODS = frozenset({"GET", "HEAD"})


def routers() -> list[Router]:
    """The routes of this front."""
    return [Router("/", route_handlers=[check], include_in_schema=False)]


@asgi("/check", copy_scope=False)
async def check(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer like `ostiary.edge.fast_check`, to the byte."""
    request: AnyRequest = Request(scope, receive)
    status: int = NOT_ALLOWED
    headers: tuple[Header, ...] = ()
    if request.method in _METHODS:
        loop = asyncio.get_running_loop()
        status, headers = await loop.run_in_executor(None, _judge, Visit(request))
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*COMMON[status], *headers],
        }
    )
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _judge(visit: Visit) -> tuple[int, tuple[Header, ...]]:
    secret = visit.cookies.session
    if not is_secret(secret):
        return UNAUTHORIZED, ()
    house, key = visit.house, digest(secret)
    try:
        live = house.database.look(live_by_secrets, house.vault, [key], visit.now).get(key)
    except OstiaryError:
        return UNAVAILABLE, ()
    if live is None:
        return UNAUTHORIZED, ()
    house.activity.note(house.database, live.session, visit.now)
    return OK, identity(live)
