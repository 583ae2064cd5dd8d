"""``/forward/hand-off`` on our own host: whoever is signed in gets a code for another host.

There is no way from here to a host that nobody has registered (REQUIREMENTS R04, L20).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from litestar import Response, get

from ostiary.edge.authorizing import POPUP, sign_in_door
from ostiary.edge.forwarding import CALLBACK, HAND_OFF, RETURN, own_path
from ostiary.edge.identify import by_cookie
from ostiary.forward_auth.asking import TheVisit, is_background
from ostiary.services import forwarding
from ostiary.services.authorize import Whom
from ostiary.services.forwarding import SignInNeeded


@get(HAND_OFF, sync_to_thread=True)
def hand_off(visit: TheVisit) -> Response[Any]:
    """Go back to the host with a code, or to the sign-in page first."""
    asked = visit.request.query_params
    origin, state = asked.get("origin", ""), asked.get("state", "")
    path = own_path(asked.get(RETURN, "/"))
    caller = by_cookie(visit, active=not is_background(visit))
    found = forwarding.hand_off(visit.house, visit.act(caller), origin, state)
    if isinstance(found, SignInNeeded):
        here = f"{HAND_OFF}?{urlencode({'origin': origin, 'state': state, RETURN: path})}"
        return _see(_sign_in_address(found, here))
    return _see(f"{origin}{CALLBACK}?{urlencode({'code': found, RETURN: path})}")


def _sign_in_address(needed: SignInNeeded, here: str) -> str:
    query = {"return_to": here}
    if needed.again:
        query |= {"whom": Whom.THE_SAME.value, "login_hint": needed.again}
    return f"{sign_in_door(needed.organization, needed.application)}?{urlencode(query)}"


def _see(to: str) -> Response[Any]:
    headers = {"Location": to, "Referrer-Policy": "no-referrer", **POPUP}
    return Response(b"", status_code=303, headers=headers)
