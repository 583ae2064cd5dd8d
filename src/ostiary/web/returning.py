"""Where to go after signing in: paths of this very server only (REQUIREMENTS E12)."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from ostiary.edge.authorizing import is_on_its_way, leads_away
from ostiary.edge.house import Visit

HOME = "/account"
_LONGEST = 1_000
_LONGEST_ON_ITS_WAY = 8_000
_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")


def safe_path(wanted: str) -> str:
    r"""The path that was asked for, if it can only lead to our own pages; else My sessions.

    Whatever a browser may take for another host is refused: ``//host``, ``/\host``, a scheme,
    control characters, and all of these percent-encoded, however often.
    """
    if len(wanted) <= _LONGEST_ON_ITS_WAY and is_on_its_way(wanted):
        return wanted
    longest = _LONGEST_ON_ITS_WAY if leads_away(wanted) else _LONGEST
    if len(wanted) > longest or _PATH.fullmatch(wanted) is None:
        return HOME
    path, _, query = wanted.partition("?")
    decoded = path
    for _ in range(3):
        decoded = unquote(decoded)
        if not decoded.isprintable() or "\\" in decoded or "//" in decoded:
            return HOME
    if any(c in unquote(query) for c in "\r\n\x00"):
        return HOME
    return wanted


def here(visit: Visit) -> str:
    """The page that was asked for, to come back to; for a post, the page its form was on."""
    request = visit.request
    if request.method in {"GET", "HEAD"}:
        query = request.scope.get("query_string", b"").decode("ascii", "replace")
        return safe_path(quote(request.scope["path"]) + (f"?{query}" if query else ""))
    referer = request.headers.get("referer", "")
    if referer.startswith(visit.front.origin + "/"):
        return safe_path(referer.removeprefix(visit.front.origin))
    return HOME


def with_return(address: str, return_to: str) -> str:
    """An address that carries where to go on; nothing is added for the usual place."""
    if return_to == HOME:
        return address
    return f"{address}?return_to={quote(return_to, safe='/')}"
