"""What a proxy asks about: the original request, told by headers or by the path.

Only of configured proxies is any of it believed (REQUIREMENTS L20, R04): everybody else could name
another host than the one that was asked for.
"""

from __future__ import annotations

from typing import TypeAlias
from urllib.parse import parse_qs

import msgspec
import structlog
from litestar.di import NamedDependency

from ostiary.domain.errors import BadInput, NotFound
from ostiary.edge.cookies import HOST, NONCE, Cookies
from ostiary.edge.forwarding import AT_HOST, RETURN, own_path
from ostiary.edge.house import Visit
from ostiary.services.protected_hosts import checked_origin

TheVisit: TypeAlias = NamedDependency[Visit]
"""The request, as handlers name it."""

PATH = "/check"

_log = structlog.get_logger(__name__)
_SHOWN = 100
_SAFE = frozenset({"GET", "HEAD"})


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The original request.

    Attributes:
        origin: of its host, in the spelling that hosts are registered in; empty: it makes no sense.
        path: with its query, and safe to come back to.
        navigates: whether a person waits for a page, who can be sent to sign in.
        background: whether a page makes it by itself.
        cookies: those of the host.
        named: the host as the proxy named it, for the log.
    """

    origin: str
    path: str
    navigates: bool
    background: bool
    cookies: Cookies
    named: str

    @property
    def secret(self) -> str:
        """The value of the host's cookie that leads to the session, as sent."""
        return self.cookies.get(HOST)

    @property
    def nonce(self) -> str:
        """The value of the browser's nonce at the host, as sent."""
        return self.cookies.get(NONCE)

    @property
    def secure(self) -> bool:
        """Whether browsers reach the host by https."""
        return self.origin.startswith("https://")


def by_headers(visit: Visit) -> Asked | None:
    """What a proxy tells by ``X-Forwarded-Host``, ``-Proto``, ``-Uri`` and ``-Method``.

    None: nothing is asked about another host, or whoever asks is not to be believed.
    """
    headers = visit.request.headers
    hosts = headers.getall("x-forwarded-host", [])
    if not hosts:
        return None
    if not visit.from_proxy:
        _log.warning("forward_auth.not_trusted", address=visit.address, host=hosts[0][:_SHOWN])
        return None
    path = headers.get("x-forwarded-uri", "/")
    method = headers.get("x-forwarded-method", visit.request.method)
    return _asked(visit, hosts, path, method)


def by_path(visit: Visit) -> Asked | None:
    """What Envoy tells: the original path behind ours, the original method and ``Host``.

    None: whoever asks is not to be believed.
    """
    hosts = visit.request.headers.getall("host", [])
    if not visit.from_proxy:
        shown = hosts[0][:_SHOWN] if hosts else ""
        _log.warning("forward_auth.not_trusted", address=visit.address, host=shown)
        return None
    query = visit.request.scope.get("query_string", b"").decode("latin-1")
    path = raw_path(visit).removeprefix(PATH) + (f"?{query}" if query else "")
    return _asked(visit, hosts, path, visit.request.method)


def at_host(visit: Visit) -> Asked:
    """The request itself, which a proxy hands to us for one of its hosts.

    Raises:
        NotFound: no proxy does; on our own host there is nothing at such an address.
    """
    asked = by_headers(visit)
    if asked is None or asked.origin == visit.front.origin:
        raise NotFound
    return asked


def wanted_path(visit: Visit, asked: Asked) -> str:
    """Where on the host a browser wants to go that is sent to sign in.

    That is the page that it asked for. At ``/.ostiary/start`` itself the query says it: either
    percent-encoded, or, since many proxies cannot do that, as it is, up to the end.
    """
    original = visit.request.headers.get("x-forwarded-uri", "")
    if original and not original.startswith(AT_HOST):
        return asked.path
    query = visit.request.scope.get("query_string", b"").decode("latin-1")
    before, found, rest = query.partition(f"{RETURN}=")
    if found and rest.startswith("/") and (not before or before.endswith("&")):
        return own_path(rest.encode("latin-1"))
    return own_path(parse_qs(query, errors="replace").get(RETURN, ["/"])[0])


def raw_path(visit: Visit) -> str:
    """The path as it was sent, without the query."""
    scope = visit.request.scope
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1")


def is_background(visit: Visit) -> bool:
    """Whether a page makes this request by itself, or the browser does in advance.

    Browsers say so (Fetch Metadata 2.3, Sec-Purpose); who says nothing is no page.
    """
    headers = visit.request.headers
    mode = headers.get("sec-fetch-mode", "navigate")
    purpose = headers.get("sec-purpose", headers.get("purpose", ""))
    return mode != "navigate" or "prefetch" in purpose


def navigates(visit: Visit, method: str) -> bool:
    """Whether a person waits for a page, by what the browser says and the original method."""
    takes_pages = "text/html" in visit.request.headers.get("accept", "").lower()
    return method.upper() in _SAFE and takes_pages and not is_background(visit)


def _asked(visit: Visit, hosts: list[str], path: str, method: str) -> Asked:
    headers = visit.request.headers
    origin = _origin(hosts, headers.getall("x-forwarded-proto", ["https"]))
    return Asked(
        origin=origin,
        path=own_path(path.encode("latin-1")),
        navigates=navigates(visit, method),
        background=is_background(visit),
        cookies=Cookies(headers.getall("cookie", []), secure=origin.startswith("https://")),
        named=hosts[0][:_SHOWN] if hosts else "",
    )


def _origin(hosts: list[str], schemes: list[str]) -> str:
    """Empty where it is not exactly one host: a proxy that adds to what a client sent."""
    if len(hosts) != 1 or len(schemes) != 1 or "/" in hosts[0]:
        return ""
    try:
        return checked_origin(f"{schemes[0]}://{hosts[0]}")
    except BadInput:
        return ""
