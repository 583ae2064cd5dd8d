"""``/oauth/authorize``: the authorization endpoint (OpenID Connect Core 3.1.2).

Nothing is signed in here (REQUIREMENTS A19): who has to authenticate is sent to the sign-in page,
and comes back with the request.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post

from ostiary.domain.access import Caller
from ostiary.domain.errors import BadInput
from ostiary.edge import authorizing
from ostiary.edge.house import Visit
from ostiary.edge.identify import by_cookie
from ostiary.edge.passing import keep_state
from ostiary.oidc.reading import ThePosted, TheVisit
from ostiary.services import authorize as service
from ostiary.services.authorization_request import Answer, ErrorPage, parameters_of
from ostiary.services.authorize import NOTHING_YET, ConsentNeeded, LoginNeeded, Progress, Whom

_UNREADABLE = "The request cannot be read."


@get(authorizing.PATH, sync_to_thread=True)
def authorize(visit: TheVisit) -> Response[Any]:
    """Answer a request, or go on with one that has been to our pages."""
    query = visit.request.scope.get("query_string", b"").decode("latin-1")
    resumed = visit.request.query_params.get(authorizing.RESUME)
    if resumed is None:
        return _answer(visit, query, NOTHING_YET)
    known = authorizing.unseal(visit, resumed)
    if known is None:
        raise BadInput(authorizing.RESUME, "This request was not made by this server. Start anew.")
    return _answer(visit, known.query, known.progress)


@post(authorizing.PATH, sync_to_thread=True, status_code=303)
def authorize_by_post(visit: TheVisit, posted: ThePosted) -> Response[Any]:
    """Take a request by a form and go on by a GET.

    Core 3.1.2.1 wants both alike; a post from the client's site comes without our cookies, which
    are ``SameSite=Lax``, and the GET that follows has them (REQUIREMENTS G01). The post itself
    looks at no cookie, so nobody can make it do anything.
    """
    if posted.wrong and not posted.parameters:
        raise BadInput("request", posted.wrong)
    pairs = [(name, value) for name, values in posted.parameters.items() for value in values]
    query = urlencode(pairs)
    _require_short(query)
    return _see(authorizing.resume_address(visit, query, NOTHING_YET))


def _answer(visit: Visit, query: str, progress: Progress) -> Response[Any]:
    _require_short(query)
    try:
        parameters = parameters_of(query)
    except ValueError as error:
        raise BadInput("request", _UNREADABLE) from error
    # What happens behind the user's back is no use of the session (DESIGN section 2).
    silent = "none" in " ".join(parameters.get("prompt", ())).split()
    caller = by_cookie(visit, active=not silent)
    outcome = service.authorize(
        visit.house,
        visit.act(caller),
        visit.front.public_url,
        parameters,
        _with_choice(visit, caller, progress),
    )
    if isinstance(outcome, ErrorPage):
        # Never a redirect: nobody vouches for the address (RFC 9700, 4.11; G09).
        raise BadInput(outcome.field, outcome.text)
    if isinstance(outcome, Answer):
        response = authorizing.send(outcome)
        keep_state(visit, response, caller.session_id)
        return response
    if isinstance(outcome, LoginNeeded):
        return _to_sign_in(visit, query, outcome)
    return _to_consent(visit, query, outcome)


def _with_choice(visit: Visit, caller: Caller, progress: Progress) -> Progress:
    session_id = caller.session_id or ""
    if not session_id or not authorizing.is_chosen(visit, session_id):
        return progress
    return msgspec.structs.replace(progress, chosen=session_id)


def _require_short(query: str) -> None:
    if len(query) > authorizing.LONGEST:
        raise BadInput("request", "The request is too long.")


def _to_sign_in(visit: Visit, query: str, needed: LoginNeeded) -> Response[Any]:
    """Core 3.1.2.3: the sign-in page of the application's organization authenticates."""
    application = needed.wish.application
    door = authorizing.sign_in_door(application.organization, application.name)
    asked = {"return_to": authorizing.resume_address(visit, query, needed.progress)}
    if needed.login_hint:
        asked["login_hint"] = needed.login_hint
    if needed.whom is not Whom.ANYBODY:
        asked["whom"] = needed.whom.value
    return _see(f"{door}?{urlencode(asked)}")


def _to_consent(visit: Visit, query: str, needed: ConsentNeeded) -> Response[Any]:
    """Core 3.1.2.4: the consent page asks."""
    sealed = authorizing.seal(visit, query, needed.progress)
    return _see(f"{authorizing.CONSENT}?{urlencode({'request': sealed})}")


def _see(to: str) -> Response[Any]:
    return Response(b"", status_code=303, headers={"Location": to, **authorizing.POPUP})
