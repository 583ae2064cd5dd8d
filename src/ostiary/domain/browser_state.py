"""Whether a browser's session is still the one that an application knows (Session Management 1.0).

The browser keeps a *state* that is another one for each session and opens nothing. An application
is given a salted hash of it, and a page of ours in a frame of the application compares the two.
"""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

_USUAL_PORTS = {"http": 80, "https": 443}


def origin_of(address: str) -> str:
    """The site of an address as browsers say it (RFC 6454, 6.2); empty: browsers say none."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in _USUAL_PORTS or not parts.hostname:
        return ""
    try:
        host = parts.hostname.encode("idna").decode() if not parts.hostname.isascii() else ""
    except UnicodeError:
        return ""
    host = host or parts.hostname
    if ":" in host:
        host = f"[{host}]"
    shown = "" if port in {None, _USUAL_PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{host}{shown}"


def session_state(*, client_id: str, origin: str, state: str, salt: str) -> str:
    """What an application keeps to compare by (Session Management 3.2; REQUIREMENTS J05).

    The very same is computed by ``oidc/check_session.js``.

    Args:
        client_id: of the application.
        origin: its site.
        state: what the browser keeps; empty: nobody is signed in.
        salt: random, without a dot or a space.
    """
    said = f"{client_id} {origin} {state} {salt}"
    return f"{hashlib.sha256(said.encode()).hexdigest()}.{salt}"
