"""Which addresses a browser may be sent to on behalf of an application."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import quote, urlencode, urlsplit

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, whatever the network says (RFC 6761, 6.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_registered(registered: Iterable[str], wanted: str) -> bool:
    """Whether an address is one of an application's, character for character (contract W17, D05).

    A registered loopback address may vary its port, since native programs take any free one
    (RFC 8252, 7.3; RFC 9700, 2.1).
    """
    addresses = tuple(registered)
    if not wanted:
        return False
    if wanted in addresses:
        return True
    without_port = _loopback_without_port(wanted)
    return without_port is not None and any(
        _loopback_without_port(address) == without_port for address in addresses
    )


def is_registered_exactly(registered: Iterable[str], wanted: str) -> bool:
    """The same without the freedom of loopback ports: for where one goes after signing out."""
    return bool(wanted) and wanted in tuple(registered)


def with_parameters(address: str, **parameters: str) -> str:
    """An address with these parameters besides those that it has; nothing of it changes."""
    if not parameters:
        return address
    joint = "&" if urlsplit(address).query else "?"
    if address.endswith(("?", "&")):
        joint = ""
    return f"{address}{joint}{urlencode(parameters, quote_via=quote)}"


def _loopback_without_port(address: str) -> tuple[str, str] | None:
    """A loopback http address's host, and all that follows its port; None for any other."""
    prefix = "http://"
    if not address.startswith(prefix) or any(c in address for c in "\\@# \t\r\n"):
        return None
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    if parts.hostname not in _LOOPBACK:
        return None
    return parts.hostname, address[len(prefix) + len(parts.netloc) :]
