"""Our cookies: the session's secret, the device's, the form's, a message's (RFC 6265bis).

One more is no secret: the browser's state, which scripts of ours read in frames of applications.
Hosts that a proxy guards have two of their own, under names that their applications will not use:
the secret that leads to the session, and the nonce that one-time codes are bound to.

All are ``__Host-`` cookies: ``Secure``, ``Path=/``, no ``Domain``. Over plain http, which is served
on loopback only, browsers drop that prefix silently, so the same names are used without it.
"""

from __future__ import annotations

from collections.abc import Iterable

from litestar.datastructures import Cookie

SESSION = "sid"
DEVICE = "device"
FORM = "form"
FLASH = "flash"
STATE = "browser-state"
HOST = "ostiary"
NONCE = "ostiary-nonce"

LONGEST = 34_560_000
"""400 days in seconds, beyond which browsers clamp (RFC 6265bis, 4.1.2.2)."""

_LONGEST_VALUE = 4_096
"""Octets; browsers keep no longer one (RFC 6265bis, 5.6)."""


class Cookies:
    """The cookies of a request that have our names."""

    def __init__(self, headers: Iterable[str], *, secure: bool) -> None:
        """Parse the ``Cookie`` headers; anything malformed is as good as absent."""
        self._prefix = "__Host-" if secure else ""
        self._values: dict[str, set[str]] = {}
        for header in headers:
            for pair in header.split(";"):
                name, _, value = pair.strip().partition("=")
                self._values.setdefault(name, set()).add(value[:_LONGEST_VALUE])

    def get(self, name: str) -> str:
        """The value of one of our cookies, or empty.

        Two different values under one name are as good as none: one of them was tossed in by a
        neighbour host, and which one cannot be told (REQUIREMENTS M05).
        """
        values = self._values.get(self._prefix + name, set())
        return next(iter(values)) if len(values) == 1 else ""

    @property
    def session(self) -> str:
        """The presented session's secret, as sent."""
        return self.get(SESSION)

    @property
    def device(self) -> str:
        """The presented device's secret, as sent."""
        return self.get(DEVICE)

    @property
    def form(self) -> str:
        """What forms of somebody who is not signed in are bound to."""
        return self.get(FORM)


def make(name: str, value: str, *, secure: bool, max_age: int | None) -> Cookie:
    """A cookie of ours.

    Args:
        name: `SESSION`, `DEVICE`, `FORM`, `FLASH`, `HOST` or `NONCE`.
        value: its secret.
        secure: whether browsers reach us by https.
        max_age: seconds; None: until the browser is closed; 0: delete it. The browser's clock
            never decides anything: sessions end on the server (REQUIREMENTS E05, F09).
    """
    return Cookie(
        key=("__Host-" if secure else "") + name,
        value=value,
        max_age=None if max_age is None else min(max_age, LONGEST),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def make_state(value: str, *, secure: bool) -> Cookie:
    """The browser's state, which opens nothing (OpenID Connect Session Management 3.2; J06).

    Readable for our script, and sent and read within other sites too, since that is what it is for.
    Over plain http browsers take no such cookie; there it serves applications on the same site.

    Args:
        value: the state; empty: delete it.
        secure: whether browsers reach us by https.
    """
    return Cookie(
        key=("__Host-" if secure else "") + STATE,
        value=value,
        max_age=None if value else 0,
        path="/",
        secure=secure,
        httponly=False,
        samesite="none" if secure else "lax",
    )


def delete(name: str, *, secure: bool) -> Cookie:
    """Take a cookie away: the same attributes, or the browser would keep it (M05)."""
    return make(name, "", secure=secure, max_age=0)
