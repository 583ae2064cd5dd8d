"""Headers on every answer, unless the front set its own.

REQUIREMENTS B01, B08 to B13, E06, R11.
"""

from __future__ import annotations

from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

API_POLICY = (
    "default-src 'none'; base-uri 'none'; object-src 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox"
)
"""For answers that are data: whatever they hold, they never act as a page."""

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "object-src 'none'; frame-ancestors 'none'"
)
"""For our pages: nothing inline, nothing from elsewhere."""

FRAMED_BY_ALL = "frame-ancestors *"
"""In the policy of the one page that applications put into a frame (REQUIREMENTS J06)."""

ALWAYS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: that makes browsers send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
    "Vary": "Sec-Fetch-Site, Origin, Cookie",
}


async def add_security_headers(message: Message, scope: Scope) -> None:
    """Add what is missing to an answer, before it is sent.

    A hook of the application itself and no middleware: answers that no route gives, such as 404
    and 405, pass here too.
    """
    del scope
    if message["type"] != "http.response.start":
        return
    message.setdefault("headers", [])
    headers = MutableScopeHeaders.from_message(message)
    for name, value in ALWAYS.items():
        headers.setdefault(name, value)
    if FRAMED_BY_ALL in headers.get("content-security-policy", ""):
        del headers["X-Frame-Options"]
    is_page = headers.get("content-type", "").startswith("text/html")
    headers.setdefault("Content-Security-Policy", PAGE_POLICY if is_page else API_POLICY)
