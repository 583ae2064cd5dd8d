"""What ``GET /check`` answers, as headers and as bytes: one source for both ways to it.

200 names the user in ``X-Ostiary-…`` headers, all others name nobody. None has a body: proxies that
ask on somebody's behalf look at the status and copy headers.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import quote

from ostiary.edge.headers import ALWAYS, API_POLICY
from ostiary.services.check import Live

Header = tuple[bytes, bytes]

_COMMON: tuple[Header, ...] = (
    *((name.lower().encode(), value.encode()) for name, value in ALWAYS.items()),
    (b"content-security-policy", API_POLICY.encode()),
    (b"content-length", b"0"),
)

# RFC 9110, 15.5.2 demands a challenge. Not Basic: browsers would ask for a password.
_CHALLENGE: Header = (b"www-authenticate", b'Session realm="Ostiary"')
_RETRY: Header = (b"retry-after", b"2")

_ALLOW: Header = (b"allow", b"GET, HEAD")

_SESSION = b"x-ostiary-session"

OK, FOUND, UNAUTHORIZED, FORBIDDEN, NOT_ALLOWED, UNAVAILABLE = 200, 302, 401, 403, 405, 503

COMMON: dict[int, tuple[Header, ...]] = {
    OK: _COMMON,
    FOUND: _COMMON,
    UNAUTHORIZED: (*_COMMON, _CHALLENGE),
    FORBIDDEN: _COMMON,
    NOT_ALLOWED: (*_COMMON, _ALLOW),
    UNAVAILABLE: (*_COMMON, _RETRY),
}
"""The headers that every answer of a status has."""

_PRINTABLE = "".join(chr(c) for c in range(0x20, 0x7F) if chr(c) not in "%,")
"""What a value holds as it is; everything else is percent-encoded UTF-8 (RFC 3986, 2.1)."""


def identity(live: Live) -> tuple[Header, ...]:
    """The headers that name the user, all of them always, so that a proxy overwrites each."""
    session = live.session
    return (
        (_SESSION, session.id.encode()),
        (b"x-ostiary-user", _value(session.user)),
        (b"x-ostiary-organization", _value(session.organization)),
        (b"x-ostiary-email", _value(live.email)),
        (b"x-ostiary-groups", ",".join(_text(group) for group in live.groups).encode()),
        (b"x-ostiary-auth-time", str(int(session.authenticated_at.timestamp())).encode()),
    )


def _text(value: str) -> str:
    return quote(value, safe=_PRINTABLE)


def _value(value: str) -> bytes:
    return _text(value).encode()


def as_lines(headers: Iterable[Header]) -> bytes:
    """Headers as they go over the wire (RFC 9112, 5)."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)


_STATUS_LINE = {
    status: f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode() for status in COMMON
}
_COMMON_LINES = {status: as_lines(headers) for status, headers in COMMON.items()}


_BEFORE_ID = _SESSION + b": "


def told(live: Live) -> bytes:
    """What follows the beginning of a 200: the public id, then the other lines of `identity`."""
    return as_lines(identity(live)).removeprefix(_BEFORE_ID)


class Beginnings:
    """The first part of each answer, made anew when the server's ``Date`` moves on.

    That of a 200 ends where the session's public id begins (see `told`).
    """

    def __init__(self) -> None:
        """Start with none."""
        self._made_for: list[Header] | None = None
        self._made: dict[int, bytes] = {}

    def of(self, status: int, server_headers: list[Header]) -> bytes:
        """Status line and common headers.

        Args:
            status: one of those above.
            server_headers: uvicorn's own; it makes a new list once a second.
        """
        if server_headers is not self._made_for:
            lines = as_lines(server_headers)
            self._made = {s: _STATUS_LINE[s] + lines + _COMMON_LINES[s] for s in COMMON}
            self._made[OK] += _BEFORE_ID
            self._made_for = server_headers
        return self._made[status]
