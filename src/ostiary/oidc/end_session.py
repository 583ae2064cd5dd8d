"""``/oauth/logout``: an application signs its user out (RP-Initiated Logout 1.0).

A GET ends a session only with an ID token of that very session, or one whose session no cookie of
this browser contradicts; everything else is asked on the sign-out page, whose form carries a token
(REQUIREMENTS H02, H10).
"""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post

from ostiary.domain.errors import BadInput
from ostiary.edge import leaving as ways
from ostiary.edge.house import Visit
from ostiary.edge.identify import by_cookie
from ostiary.edge.passing import clear
from ostiary.oidc.reading import ThePosted, TheVisit
from ostiary.services import end_session as service
from ostiary.services.authorization_request import parameters_of
from ostiary.services.end_session import Leaving, Parameters

PATH = ways.PATH
LONGEST_QUERY = 16_000


@get(PATH, sync_to_thread=True)
def end_session(visit: TheVisit) -> Response[Any]:
    """Answer a request, or go on with one that came by a form."""
    resumed = visit.request.query_params.get(ways.RESUME)
    if resumed is None:
        return _answer(visit, _read(visit, _parameters(visit)))
    leaving = ways.unseal_request(visit, resumed)
    if leaving is None:
        raise BadInput(ways.RESUME, "This request was not made by this server. Start anew.")
    return _answer(visit, leaving)


@post(PATH, sync_to_thread=True, status_code=303)
def end_session_by_post(visit: TheVisit, posted: ThePosted) -> Response[Any]:
    """Take a request by a form and go on by a GET.

    A form on the application's site comes without our cookies, which are ``SameSite=Lax``; the GET
    that follows has them. The post itself looks at no cookie and ends nothing.
    """
    if posted.wrong and not posted.parameters:
        raise BadInput("request", posted.wrong)
    return ways.see_other(ways.resume(visit, _read(visit, posted.parameters)))


def _parameters(visit: Visit) -> Parameters:
    query = visit.request.scope.get("query_string", b"").decode("latin-1")
    try:
        if len(query) <= LONGEST_QUERY:
            return parameters_of(query)
    except ValueError as error:
        raise BadInput("request", "The request cannot be read.") from error
    raise BadInput("request", "The request is too long.")


def _read(visit: Visit, parameters: Parameters) -> Leaving:
    return visit.house.database.read(service.read_request, visit.front.public_url, parameters)


def _answer(visit: Visit, leaving: Leaving) -> Response[Any]:
    caller = by_cookie(visit, active=False)
    # RP-Initiated Logout 2: ask where the hint is missing, or not of the session in use.
    if visit.house.database.read(service.must_ask, leaving, caller):
        return ways.see_other(ways.ask(visit, leaving))
    visit.house.database.write(service.log_out, visit.act(caller), leaving)
    sessions = service.sessions_of(leaving, caller)
    # RP-Initiated Logout 3: back at once, unless the browser has to tell others first (H09).
    at_once = leaving.to and leaving.vouched and not ways.frames(visit, sessions)
    response = ways.see_other(leaving.to if at_once else ways.signed_out(visit, caller, leaving))
    if visit.cookies.session:
        clear(visit, response)
    return response
