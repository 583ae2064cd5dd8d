"""Who looks at a page."""

from __future__ import annotations

import msgspec

from ostiary.domain.access import NOBODY, Caller, require_user
from ostiary.domain.errors import NotAllowed
from ostiary.edge.house import Visit
from ostiary.edge.identify import by_cookie
from ostiary.services import doors

_STATE = "ostiary_page"


class Known(msgspec.Struct, kw_only=True):
    """What this request has found out already, for whatever page it ends with.

    ``brand`` stands in the header; ``secret`` replaces the cookie's when this request renewed it.
    """

    caller: Caller = NOBODY
    brand: str = ""
    secret: str = ""


def known(visit: Visit) -> Known:
    """What is known about the visitor by now; nothing is read."""
    found: Known = visit.request.scope["state"].setdefault(_STATE, Known())
    return found


def signed_in(visit: Visit, *, active: bool = True) -> Caller:
    """The user who is signed in.

    Args:
        visit: the request.
        active: whether it counts as a use of the session; what a page fetches by itself does not.

    Raises:
        NotSignedIn: nobody is; the error says why the session ended, and the page for it sends
            to the sign-in.
    """
    caller = by_cookie(visit, active=active)
    about = known(visit)
    about.caller = caller
    require_user(caller)
    about.brand = visit.house.database.read(doors.organization_name, caller.organization)
    return caller


def administrator(visit: Visit, *, active: bool = True) -> Caller:
    """The administrator who is signed in.

    Raises:
        NotSignedIn: nobody is.
        NotAllowed: somebody is who administers nothing.
    """
    caller = signed_in(visit, active=active)
    if not caller.is_admin:
        raise NotAllowed(
            "The console is for administrators. Ask one of them if you need something."
        )
    return caller
