"""``/oauth/logout``: an application signs its user out (RP-Initiated Logout 1.0).

A GET ends a session only with an ID token of that very session, or one whose session no cookie of
this browser contradicts; everything else is asked on the sign-out page, whose form carries a token
(REQUIREMENTS H02, H10).
"""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.concurrency import sync_to_thread

from ostiary.domain.errors import BadInput
from ostiary.edge import leaving as ways
from ostiary.edge import telling
from ostiary.edge.house import Visit
from ostiary.edge.identify import by_cookie
from ostiary.edge.passing import clear
from ostiary.oidc.reading import ThePosted, TheVisit
from ostiary.services import end_session as service
from ostiary.services.authorization_request import parameters_of
from ostiary.services.end_session import Leaving, Parameters

PATH = ways.PATH
LONGEST_QUERY = 16_000


@get(PATH)
async def end_session(visit: TheVisit) -> Response[Any]:
    """Answer a request, or go on with one that came by a form.

    RP-Initiated Logout 3: the others are told before anybody goes back (REQUIREMENTS H09).
    """
    response, ended = await sync_to_thread(_answer, visit)
    if ended:
        await telling.until_told(visit.house, ended)
    return response


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


def _answer(visit: Visit) -> tuple[Response[Any], list[str]]:
    """The answer, and the sessions whose applications have to be told before it is given."""
    leaving = _asked(visit)
    caller = by_cookie(visit, active=False)
    # RP-Initiated Logout 2: ask where the hint is missing, or not of the session in use.
    if visit.house.database.read(service.must_ask, leaving, caller):
        return ways.see_other(ways.ask(visit, leaving)), []
    visit.house.database.write(service.log_out, visit.act(caller), leaving)
    sessions = service.sessions_of(leaving, caller)
    # Back at once, unless the browser has to tell others first (J02).
    at_once = leaving.to and leaving.vouched and not ways.frames(visit, sessions)
    response = ways.see_other(leaving.to if at_once else ways.signed_out(visit, caller, leaving))
    if visit.cookies.session:
        clear(visit, response)
    return response, sessions


def _asked(visit: Visit) -> Leaving:
    resumed = visit.request.query_params.get(ways.RESUME)
    if resumed is None:
        return _read(visit, _parameters(visit))
    leaving = ways.unseal_request(visit, resumed)
    if leaving is None:
        raise BadInput(ways.RESUME, "This request was not made by this server. Start anew.")
    return leaving
