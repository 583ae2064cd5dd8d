"""What carries a logout request through our pages, and how the browser leaves them.

A request that has to be confirmed goes to the sign-out page; it travels as one opaque value that
only we can make, so that no address can make a page of ours lead anywhere. What is to be done in
the browser once sessions have ended, frames and the way back, goes to the signed-out page alike.
"""

from __future__ import annotations

import binascii
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from litestar import Response

from ostiary.domain.access import Caller
from ostiary.domain.browser_state import origin_of
from ostiary.domain.errors import Misconfigured
from ostiary.edge.house import Visit
from ostiary.services import end_session
from ostiary.services.end_session import Leaving
from ostiary.storage.frontchannel import Told

PATH = "/oauth/logout"
RESUME = "resume"
SIGN_OUT = "/sign-out"
REQUEST = "request"
SIGNED_OUT = "/signed-out"
THEN = "then"

ASKED_WITHIN = timedelta(hours=1)
"""How long a request waits for the user's yes."""

LEFT_WITHIN = timedelta(minutes=5)
"""How long after an ending the signed-out page still loads frames and leads on."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request on its way."""

    leaving: Leaving
    at: datetime


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What is left to do in the browser: tell the applications of these sessions, and go on."""

    sessions: tuple[str, ...]
    leaving: Leaving
    at: datetime


_Sealed = TypeVar("_Sealed", Asked, Left)


def ask(visit: Visit, leaving: Leaving) -> str:
    """The address of the page that asks."""
    return f"{SIGN_OUT}?{urlencode({REQUEST: seal_request(visit, leaving)})}"


def resume(visit: Visit, leaving: Leaving) -> str:
    """The address at which a request goes on that came by a form."""
    return f"{PATH}?{urlencode({RESUME: seal_request(visit, leaving)})}"


def seal_request(visit: Visit, leaving: Leaving) -> str:
    """The value that stands for a request on its way."""
    return _seal(visit, Asked(leaving=leaving, at=visit.now))


def unseal_request(visit: Visit, value: str) -> Leaving | None:
    """The request that such a value stands for; None: we did not make it, or long ago."""
    found = _unseal(visit, value, Asked)
    return found.leaving if found is not None and visit.now - found.at <= ASKED_WITHIN else None


def left(visit: Visit, value: str) -> Left | None:
    """What is left to do; None: nothing, or it is too late."""
    found = _unseal(visit, value, Left)
    return found if found is not None and visit.now - found.at <= LEFT_WITHIN else None


def signed_out(visit: Visit, caller: Caller, leaving: Leaving) -> str:
    """The address of the page that says so, loads the frames and leads on.

    Args:
        visit: the request.
        caller: who was signed in.
        leaving: the request that was carried out.
    """
    asked = {"organization": caller.organization} if caller.organization else {}
    sessions = end_session.sessions_of(leaving, caller)
    if leaving.to or leaving.session_id or frames(visit, sessions):
        kept = msgspec.structs.replace(leaving, session_id="", logout_hint="")
        asked[THEN] = _seal(visit, Left(sessions=tuple(sessions), leaving=kept, at=visit.now))
    return f"{SIGNED_OUT}?{urlencode(asked)}" if asked else SIGNED_OUT


def frames(visit: Visit, sessions: list[str] | tuple[str, ...]) -> list[Told]:
    """The frames that tell applications of the end of some sessions."""
    return visit.house.database.read(end_session.frames, visit.front.public_url, sessions)


def see_other(to: str) -> Response[Any]:
    """Send the browser there by a GET."""
    return Response(b"", status_code=303, headers={"Location": to, **_QUIET})


_QUIET = {"Pragma": "no-cache", "Referrer-Policy": "no-referrer"}


def frame_source(address: str) -> str:
    """The expression that lets a policy load this one address (CSP 3, 2.3.1); empty: none can.

    Its query is left out, since such expressions have none.
    """
    origin = origin_of(address)
    path = quote(urlsplit(address).path, safe="/%:@!$&'()*+=~-._")
    return f"{origin}{path or '/'}" if origin else ""


def _seal(visit: Visit, value: Asked | Left) -> str:
    context = f"leaving/{type(value).__name__}"
    return visit.house.vault.seal_text(msgspec.json.encode(value).decode(), context)


def _unseal(visit: Visit, value: str, kind: type[_Sealed]) -> _Sealed | None:
    try:
        plain = visit.house.vault.unseal_text(value, f"leaving/{kind.__name__}")
        return msgspec.json.decode(plain, type=kind)
    except (Misconfigured, binascii.Error, ValueError, msgspec.MsgspecError):
        return None
