"""``/.ostiary/…`` on a host that a proxy guards: signing in to it, and out of it.

Its proxy hands these addresses to us, so that we can set a cookie of that very host.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, asgi, get, post
from litestar.types import Receive, Scope, Send

from ostiary.domain.access import NOBODY
from ostiary.edge import cookies
from ostiary.edge.check_answer import FORBIDDEN, FOUND, UNAUTHORIZED, Header
from ostiary.edge.csrf import require_own_origin
from ostiary.edge.forwarding import CALLBACK, FAILED, RETURN, SIGN_OUT, START
from ostiary.edge.house import AnyRequest, Visit
from ostiary.edge.passing import seconds_until
from ostiary.forward_auth import asking
from ostiary.forward_auth.asking import Asked, TheVisit
from ostiary.forward_auth.beginning import QUIET, at_other_host, begin, log_refused
from ostiary.services import forwarding
from ostiary.services.forwarding import Passed, Presented, Redeemed, Why


@asgi(START, copy_scope=False)
async def start(scope: Scope, receive: Receive, send: Send) -> None:
    """Send the browser to sign in; who waits for no page gets the 401 that a check would give.

    Every method comes here, with nginx in place of the request that was refused.
    """
    request: AnyRequest = Request(scope, receive)
    loop = asyncio.get_running_loop()
    status, headers = await loop.run_in_executor(None, _start, Visit(request))
    await send({"type": "http.response.start", "status": status, "headers": [*headers]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _start(visit: Visit) -> tuple[int, tuple[Header, ...]]:
    asked = asking.at_host(visit)
    if not visit.house.database.read(forwarding.is_registered, asked.origin):
        log_refused(visit, asked, Why.UNKNOWN_HOST)
        return FORBIDDEN, at_other_host(FORBIDDEN)
    if not asked.navigates:
        return UNAUTHORIZED, at_other_host(UNAUTHORIZED)
    path = asking.wanted_path(visit, asked)
    return FOUND, (*at_other_host(FOUND), *begin(visit, asked, path))


@get(CALLBACK, sync_to_thread=True)
def callback(visit: TheVisit) -> Response[Any]:
    """Take the one-time code for the host's own cookie, and go to the page that was asked for."""
    asked = asking.at_host(visit)
    path = asking.wanted_path(visit, asked)
    presented = Presented(
        origin=asked.origin,
        code=visit.request.query_params.get("code", ""),
        nonce=asked.nonce,
        secret=asked.secret,
    )
    redeemed = forwarding.redeem(visit.house, visit.act(NOBODY), presented)
    if redeemed is None and not _passes(visit, asked):
        query = urlencode({"origin": asked.origin, RETURN: path})
        return _see(f"{visit.front.public_url}{FAILED}?{query}")
    response = _see(f"{asked.origin}{path}")
    if redeemed is not None:
        _set(visit, asked, response, redeemed)
    return response


def _passes(visit: Visit, asked: Asked) -> bool:
    """Whether another page of this browser was quicker, or somebody went back to this address."""
    judged = forwarding.judge(visit.house, asked.origin, asked.secret, visit.now)
    return isinstance(judged, Passed)


def _set(visit: Visit, asked: Asked, response: Response[Any], redeemed: Redeemed) -> None:
    session = redeemed.session
    lasts = seconds_until(visit.now, session.expires_at) if session.remembered else None
    response.set_cookie(
        cookies.make(cookies.HOST, redeemed.secret, secure=asked.secure, max_age=lasts)
    )


@get(SIGN_OUT, sync_to_thread=True)
def sign_out(visit: TheVisit) -> Response[Any]:
    """Go to our own page, which asks: what ends there is the session, with all of its hosts."""
    asking.at_host(visit)
    return _see(f"{visit.front.public_url}/sign-out")


@post(SIGN_OUT, sync_to_thread=True, status_code=303)
def sign_out_now(visit: TheVisit) -> Response[Any]:
    """Forget this host's cookie, and go to our own page for the rest.

    Raises:
        CrossSite: the form is not on a page of this host.
    """
    asked = asking.at_host(visit)
    require_own_origin(visit, proof_needed=True, origin=asked.origin)
    visit.house.database.write(forwarding.forget, asked.secret)
    response = _see(f"{visit.front.public_url}/sign-out")
    response.set_cookie(cookies.delete(cookies.HOST, secure=asked.secure))
    return response


def _see(to: str) -> Response[Any]:
    return Response(b"", status_code=303, headers={"Location": to, **QUIET})
