"""What carries an authorization request through pages, and how its answer leaves.

A request that needs the user goes to the sign-in page or the consent page and comes back. It
travels in the address, as one opaque value that only we can make: the request as it came, and what
has happened for it since, so that "the user authenticated after you asked" cannot be made up.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import html
import re
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from litestar import MediaType, Response

from ostiary.domain.accounts import BUILT_IN_APPLICATION
from ostiary.edge.forwarding import HAND_OFF
from ostiary.edge.house import Visit
from ostiary.services.authorization_request import Answer
from ostiary.services.authorize import Progress

PATH = "/oauth/authorize"
RESUME = "resume"
CONSENT = "/consent"
LONGEST = 5_000
"""Characters of a request: on its way it still fits into 8 KiB, the least that proxies take."""

POPUP = {"Cross-Origin-Opener-Policy": "unsafe-none"}
"""Of the pages on an application's way: it may have opened them in a window that tells it so."""

_CHOSEN = "chosen"
_PURPOSE = "authorize"
_PURPOSE_CHOSEN = "authorize/chosen"
_ON_ITS_WAY = re.compile(rf"{PATH}\?{RESUME}=([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)")
_SUBMIT = "document.forms[0].submit()"
_SUBMIT_HASH = base64.b64encode(hashlib.sha256(_SUBMIT.encode()).digest()).decode()


class Resumed(msgspec.Struct, frozen=True, kw_only=True):
    """A request on its way: its query, and what has happened for it."""

    query: str
    progress: Progress


def seal(visit: Visit, query: str, progress: Progress) -> str:
    """The value that stands for a request on its way."""
    plain = msgspec.json.encode(Resumed(query=query, progress=progress))
    text = base64.urlsafe_b64encode(plain).rstrip(b"=").decode()
    return f"{text}.{visit.house.vault.mac(_PURPOSE, text.encode())}"


def unseal(visit: Visit, value: str) -> Resumed | None:
    """The request that such a value stands for; None: we did not make it."""
    text, _, mac = value.partition(".")
    if not visit.house.vault.check_mac(_PURPOSE, text.encode("utf-8", "surrogatepass"), mac):
        return None
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return msgspec.json.decode(plain, type=Resumed)
    except (binascii.Error, ValueError):
        return None


def resume_address(visit: Visit, query: str, progress: Progress) -> str:
    """Where to go on with a request."""
    return f"{PATH}?{RESUME}={seal(visit, query, progress)}"


def is_on_its_way(path: str) -> bool:
    """Whether this is where to go on with a request."""
    return _ON_ITS_WAY.fullmatch(path) is not None


def chosen_address(visit: Visit, address: str, session_id: str) -> str:
    """Where to go on with a request when the user says that this session is the right one."""
    found = _ON_ITS_WAY.fullmatch(address)
    if found is None:
        return address
    message = f"{found[1]} {session_id}".encode()
    return f"{address}&{_CHOSEN}={visit.house.vault.mac(_PURPOSE_CHOSEN, message)}"


def is_chosen(visit: Visit, session_id: str) -> bool:
    """Whether the user came by such an address, with this session."""
    asked = visit.request.query_params
    message = f"{asked.get(RESUME, '')} {session_id}".encode("utf-8", "surrogatepass")
    return visit.house.vault.check_mac(_PURPOSE_CHOSEN, message, asked.get(_CHOSEN, ""))


def leads_away(path: str) -> bool:
    """Whether a path of ours may lead on to an application's own site.

    A form must not be answered by a redirect to such a path: browsers hold every redirect that
    follows a form to its page's ``form-action``, the application's further ones too.
    """
    return path.startswith(("/oauth/", "/login/oauth/", HAND_OFF))


def sign_in_door(organization: str, application: str) -> str:
    """The sign-in page of an application; that of the built-in one is everybody's."""
    if application == BUILT_IN_APPLICATION:
        return "/sign-in"
    return f"/sign-in/{quote(organization)}/{quote(application)}"


def send(answer: Answer) -> Response[Any]:
    """Send a code or an error to the client: by 303, or by a form that posts itself."""
    if answer.mode == "form_post":
        return _form_post(answer)
    joint = "&" if urlsplit(answer.redirect_uri).query else "?"
    if answer.redirect_uri.endswith(("?", "&")):
        joint = ""
    to = f"{answer.redirect_uri}{joint}{urlencode(answer.parameters)}"
    return Response(
        b"", status_code=303, headers={"Location": to, **_QUIET}, media_type=MediaType.TEXT
    )


_QUIET = {
    "Cache-Control": "no-store",
    "Pragma": "no-cache",
    "Referrer-Policy": "no-referrer",
    **POPUP,
}


def _form_post(answer: Answer) -> Response[str]:
    """OAuth 2.0 Form Post Response Mode 2: a page that posts itself, by one known script."""
    fields = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in answer.parameters.items()
    )
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Ostiary</title></head>'
        f'<body><form method="post" action="{html.escape(answer.redirect_uri)}">{fields}'
        "<noscript><button>Continue</button></noscript></form>"
        f"<script>{_SUBMIT}</script></body></html>"
    )
    policy = (
        f"default-src 'none'; script-src 'sha256-{_SUBMIT_HASH}'; base-uri 'none'; "
        "object-src 'none'; frame-ancestors 'none'"
    )
    # No form-action: the one form there goes to the address that was checked, and where the
    # application sends its visitor from there is not ours to forbid.
    return Response(
        body,
        status_code=200,
        media_type=MediaType.HTML,
        headers={"Content-Security-Policy": policy, **_QUIET},
    )
