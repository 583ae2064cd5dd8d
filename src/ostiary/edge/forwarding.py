"""The addresses between a host that a proxy guards and us, and what may be carried through them.

On the host itself, where its proxy hands them to us, they lie below ``/.ostiary/``.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode

AT_HOST = "/.ostiary/"
START = f"{AT_HOST}start"
CALLBACK = f"{AT_HOST}callback"
SIGN_OUT = f"{AT_HOST}sign-out"
HAND_OFF = "/forward/hand-off"
FAILED = "/forward/failed"

RETURN = "rd"
"""The parameter that carries where on the host to go in the end, as proxies name it elsewhere."""

LONGEST_RETURN = 1_000
"""Characters: quoted twice, it still fits into 8 KiB, the least that proxies take."""

_PATH = re.compile(r"/(?![/\\])[!-~]*")
_PRINTABLE = "".join(chr(c) for c in range(0x21, 0x7F))


def own_path(wanted: str | bytes) -> str:
    r"""A path with its query that leads nowhere but to the same host; else the first page.

    Whatever a browser may take for another host is refused: ``//host``, ``/\host``, a scheme,
    control characters. So are our own addresses there, which would lead in circles.
    """
    path = quote(wanted, safe=_PRINTABLE)
    if len(path) > LONGEST_RETURN or _PATH.fullmatch(path) is None or path.startswith(AT_HOST):
        return "/"
    return path


def start_address(origin: str, path: str) -> str:
    """Where a browser begins to sign in to a host, to end at this path of it."""
    return f"{origin}{START}?{urlencode({RETURN: path})}"
