"""``/check`` for everybody whom the fast path leaves, and for hosts that a proxy guards.

On our own host it answers like `ostiary.edge.fast_check`, to the byte. About another host a proxy
asks by ``X-Forwarded-…`` headers, or, as Envoy does, at ``/check/<the original path>`` with the
original method. It is told 200, 401 or 403; a redirect only where it says that it passes one on and
where a person waits for a page (REQUIREMENTS R04).
"""

from __future__ import annotations

import asyncio
from typing import TypeAlias
from urllib.parse import urlencode

from litestar import Request, asgi
from litestar.types import Receive, Scope, Send

from ostiary.domain.errors import NotFound, OstiaryError
from ostiary.domain.secrets import digest, is_secret
from ostiary.edge.check_answer import (
    COMMON,
    FORBIDDEN,
    FOUND,
    NOT_ALLOWED,
    OK,
    UNAUTHORIZED,
    UNAVAILABLE,
    Header,
    identity,
)
from ostiary.edge.house import AnyRequest, Visit
from ostiary.forward_auth.asking import PATH, Asked, by_headers, by_path, navigates, raw_path
from ostiary.forward_auth.beginning import at_other_host, begin, log_refused
from ostiary.services import forwarding
from ostiary.services.check import live_by_secrets
from ostiary.services.forwarding import Passed, Why

_METHODS = frozenset({"GET", "HEAD"})

REDIRECT = "redirect"
"""The parameter by which a proxy says that it passes a redirect on."""

REDIRECT_HEADER = "x-ostiary-redirect"
"""The same where the query is the visitor's own."""

_YES = "yes"

Told: TypeAlias = tuple[int, tuple[Header, ...]]


@asgi(PATH, is_mount=True, copy_scope=False)
async def check(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, whatever the method and whatever follows in the path.

    Raises:
        NotFound: the framework counts ``/checks`` as a path below ``/check``, too.
    """
    request: AnyRequest = Request(scope, receive)
    visit = Visit(request)
    if f"{raw_path(visit)}/".partition(f"{PATH}/")[0]:
        raise NotFound
    loop = asyncio.get_running_loop()
    status, headers = await loop.run_in_executor(None, _told, visit)
    await send({"type": "http.response.start", "status": status, "headers": [*headers]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _told(visit: Visit) -> Told:
    """Status and all headers."""
    try:
        # The framework takes a slash at the end away, which is the original path "/".
        if raw_path(visit).startswith(f"{PATH}/"):
            asked = by_path(visit)
            if asked is None:
                return _common(FORBIDDEN)
            redirect = visit.request.headers.get(REDIRECT_HEADER) == _YES
            return _judge(visit, asked, redirect=redirect)
        if visit.request.method not in _METHODS:
            return _common(NOT_ALLOWED)
        redirect = visit.request.query_params.get(REDIRECT) == _YES
        return _judge(visit, by_headers(visit), redirect=redirect)
    except OstiaryError:
        return _common(UNAVAILABLE)


def _judge(visit: Visit, asked: Asked | None, *, redirect: bool) -> Told:
    if asked is None or asked.origin == visit.front.origin:
        return _judge_own(visit, asked, redirect=redirect)
    judged = forwarding.judge(visit.house, asked.origin, asked.secret, visit.now)
    if isinstance(judged, Passed):
        if judged.host.background_counts or not asked.background:
            visit.house.activity.note(visit.house.database, judged.live.session, visit.now)
        return OK, (*at_other_host(OK), *identity(judged.live))
    if judged is Why.UNKNOWN_HOST:
        log_refused(visit, asked, judged)
        return FORBIDDEN, at_other_host(FORBIDDEN)
    if redirect and asked.navigates:
        return FOUND, (*at_other_host(FOUND), *begin(visit, asked, asked.path))
    return UNAUTHORIZED, at_other_host(UNAUTHORIZED)


def _judge_own(visit: Visit, asked: Asked | None, *, redirect: bool) -> Told:
    secret = visit.cookies.session
    if is_secret(secret):
        house, key = visit.house, digest(secret)
        live = house.database.look(live_by_secrets, house.vault, [key], visit.now).get(key)
        if live is not None:
            house.activity.note(house.database, live.session, visit.now)
            return OK, (*COMMON[OK], *identity(live))
    waits = asked.navigates if asked is not None else navigates(visit, visit.request.method)
    if not (redirect and waits):
        return _common(UNAUTHORIZED)
    query = f"?{urlencode({'return_to': asked.path})}" if asked is not None else ""
    location = f"{visit.front.public_url}/sign-in{query}"
    return FOUND, (*COMMON[FOUND], (b"location", location.encode()))


def _common(status: int) -> Told:
    return status, COMMON[status]
