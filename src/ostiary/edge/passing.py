"""The cookies that a sign-in sets and a sign-out takes away."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from litestar import Response

from ostiary.domain.session import Session
from ostiary.edge import cookies
from ostiary.edge.house import Visit
from ostiary.services import browser_state
from ostiary.services.sign_in import SignedIn


def set_session(visit: Visit, response: Response[Any], signed_in: SignedIn) -> None:
    """Give the browser its session, and the cookie that tells its device.

    The cookie of the form that signed in goes: what it was bound to is over (REQUIREMENTS E10).
    """
    renew_session(visit, response, signed_in.session, signed_in.secret)
    secure = visit.front.secure
    device = signed_in.device_secret or visit.cookies.device
    made = cookies.make(cookies.DEVICE, device, secure=secure, max_age=cookies.LONGEST)
    response.set_cookie(made)
    if visit.cookies.form:
        response.set_cookie(cookies.delete(cookies.FORM, secure=secure))
    if visit.cookies.get(cookies.STATE):
        keep_state(visit, response, signed_in.session.id)


def renew_session(visit: Visit, response: Response[Any], session: Session, secret: str) -> None:
    """Give the browser a new secret of its session. Only "Keep me signed in" outlives it (F07)."""
    made = cookies.make(
        cookies.SESSION,
        secret,
        secure=visit.front.secure,
        max_age=seconds_until(visit.now, session.expires_at) if session.remembered else None,
    )
    response.set_cookie(made)


def clear(visit: Visit, response: Response[Any]) -> None:
    """Take the session's cookie away; the device is still the same one (E06)."""
    secure = visit.front.secure
    for name in (cookies.SESSION, cookies.FORM):
        response.set_cookie(cookies.delete(name, secure=secure))
    keep_state(visit, response, None)
    response.headers["Clear-Site-Data"] = '"cache"'


def keep_state(visit: Visit, response: Response[Any], session_id: str | None) -> None:
    """Let the browser keep the state of its session; None: it has none any more.

    A browser gets it with the first answer to an application that may compare by it.
    """
    state = "" if session_id is None else browser_state.of_session(visit.house.vault, session_id)
    if visit.cookies.get(cookies.STATE) != state:
        response.set_cookie(cookies.make_state(state, secure=visit.front.secure))


def seconds_until(now: datetime, then: datetime) -> int:
    """How long a cookie lasts that goes with something that ends then."""
    return max(1, int((then - now).total_seconds()))
