"""``/consent``: asking the user what an application may know (OpenID Connect Core 3.1.2.4).

It names the application, where it lives, what it wants and for how long (REQUIREMENTS D16). The
request comes in the address, vouched for by `ostiary.edge.authorizing`, and goes on there.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from litestar import Response, get, post
from markupsafe import Markup

from ostiary.domain.access import Caller
from ostiary.domain.client import OFFLINE
from ostiary.domain.errors import BadInput
from ostiary.edge import authorizing
from ostiary.edge.authorizing import Resumed
from ostiary.edge.house import Visit
from ostiary.edge.identify import by_cookie
from ostiary.services import authorize, consent
from ostiary.services.authorization_request import parameters_of
from ostiary.services.authorize import ConsentNeeded, Progress
from ostiary.web import pages
from ostiary.web.forms import TheForm, TheVisit
from ostiary.web.messages import Translator
from ostiary.web.who import signed_in

PATH = authorizing.CONSENT


@get(PATH, sync_to_thread=True)
def consent_page(visit: TheVisit) -> Response[Any]:
    """Ask; where there is nothing to ask any more, go on with the request."""
    sealed = visit.request.query_params.get("request", "")
    asked = _unsealed(visit, sealed)
    if by_cookie(visit).session_id is None:
        return pages.see_other(visit, _address(visit, asked, asked.progress))
    caller = signed_in(visit)
    needed = visit.house.database.read(
        authorize.consent_needed,
        visit.act(caller),
        visit.front.public_url,
        parameters_of(asked.query),
        asked.progress,
    )
    if needed is None:
        return pages.see_other(visit, _address(visit, asked, asked.progress))
    return _render(visit, caller, sealed, needed)


@post(PATH, sync_to_thread=True, status_code=200)
def consent_now(visit: TheVisit, form: TheForm) -> Response[Any]:
    """Take the answer to the application, which is told of a "no" too."""
    sealed = form.text("request")
    asked = _unsealed(visit, sealed)
    if by_cookie(visit).session_id is None:
        return pages.go_on(visit, _address(visit, asked, asked.progress))
    caller = signed_in(visit)
    answer = form.text("answer")
    if answer not in {"allow", "deny"}:
        raise BadInput("answer", "The answer is allow or deny.")
    decided = visit.house.database.write(
        consent.decide,
        visit.act(caller),
        visit.front.public_url,
        parameters_of(asked.query),
        asked.progress,
        shown=form.text("scope").split(),
        allowed=answer == "allow",
    )
    if isinstance(decided, ConsentNeeded):
        return _render(visit, caller, sealed, decided)
    return pages.go_on(visit, _address(visit, asked, decided))


HANDLERS: list[Any] = [consent_page, consent_now]


def _unsealed(visit: Visit, sealed: str) -> Resumed:
    """The request that is asked about.

    Raises:
        BadInput: it was not made here.
    """
    found = authorizing.unseal(visit, sealed)
    if found is None:
        raise BadInput("request", "This request was not made by this server. Start anew.")
    return found


def _address(visit: Visit, asked: Resumed, progress: Progress) -> str:
    return authorizing.resume_address(visit, asked.query, progress)


def _render(visit: Visit, caller: Caller, sealed: str, needed: ConsentNeeded) -> Response[Any]:
    application = needed.wish.application
    goes_to = urlsplit(needed.wish.redirect_uri)
    response = pages.render(
        visit,
        "consent.html",
        caller,
        sealed=sealed,
        scope=" ".join(needed.scope),
        wants=[scope_text(pages.translator_of(visit), scope) for scope in needed.scope],
        application=application.display_name or application.name,
        # A program on the device has no host, only a scheme that it listens to.
        goes_to=goes_to.netloc if goes_to.scheme in {"http", "https"} else f"{goes_to.scheme}:",
        offline_seconds=application.refresh_token_absolute if OFFLINE in needed.scope else 0,
    )
    response.headers.update(authorizing.POPUP)
    return response


def scope_text(t: Translator, scope: str) -> Markup:
    """What a scope lets an application know or do; one of its own goes by its name."""
    key = f"scope.{scope}"
    return t(key) if t.has(key) else t("scope.other", name=scope)
