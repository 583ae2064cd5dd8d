"""The way from a host that a proxy guards to us, and what every answer there has."""

from __future__ import annotations

from urllib.parse import urlencode

import structlog

from ostiary.domain.secrets import is_secret
from ostiary.edge import cookies
from ostiary.edge.authorizing import POPUP
from ostiary.edge.check_answer import COMMON, Header
from ostiary.edge.forwarding import HAND_OFF, RETURN
from ostiary.edge.house import Visit
from ostiary.forward_auth.asking import Asked
from ostiary.gateways.entropy import new_secret
from ostiary.services.forwarding import Why, state_of

_log = structlog.get_logger(__name__)

# Our own answers speak for our subdomains too; those of another host are not ours to decide about.
_SECURE = "max-age=63072000"
_STRICT = b"strict-transport-security"

QUIET = {"Strict-Transport-Security": _SECURE, "Referrer-Policy": "no-referrer", **POPUP}
"""Of redirects between a host and us: their addresses go to nobody else."""

_AT_OTHER_HOST: dict[int, tuple[Header, ...]] = {
    status: tuple((name, _SECURE.encode() if name == _STRICT else value) for name, value in headers)
    for status, headers in COMMON.items()
}


def at_other_host(status: int) -> tuple[Header, ...]:
    """The headers that every answer of a status has where it may be passed on to the browser."""
    return _AT_OTHER_HOST[status]


def begin(visit: Visit, asked: Asked, path: str) -> tuple[Header, ...]:
    """Send a host's browser to us, with a nonce that stays there.

    One that it keeps already is used again, so that pages that are opened at once all arrive.

    Args:
        visit: the request.
        asked: about which host.
        path: where on it to go in the end.

    Returns:
        The headers of a redirect, besides the usual ones.
    """
    nonce = asked.nonce if is_secret(asked.nonce) else new_secret()
    query = urlencode({"origin": asked.origin, "state": state_of(nonce), RETURN: path})
    location = f"{visit.front.public_url}{HAND_OFF}?{query}"
    headers = [(b"location", location.encode())]
    if nonce != asked.nonce:
        made = cookies.make(cookies.NONCE, nonce, secure=asked.secure, max_age=None)
        headers.append((b"set-cookie", made.to_header(header="").encode()))
    return tuple(headers)


def log_refused(visit: Visit, asked: Asked, why: Why) -> None:
    """Tell the operator alone why not."""
    _log.warning("forward_auth.refused", why=why.value, host=asked.named, address=visit.address)
