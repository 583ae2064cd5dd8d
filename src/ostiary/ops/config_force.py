"""What the values of a configuration mean together, and what stands where nothing was said."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

import msgspec

from ostiary.domain.errors import Misconfigured
from ostiary.domain.redirects import is_loopback
from ostiary.gateways.addresses import parse_networks
from ostiary.ops.config import Config
from ostiary.ops.config_values import Unusable
from ostiary.storage.urls import file_url, parse_url

DATABASE_FILE: Final = "ostiary.db"

_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252})")
_PORTS: Final = {"http": 80, "https": 443}
_MOST: Final = 2_000


def put_in_force(asked: Config) -> Config:
    """Fill in what was left empty and follows from the rest; `problems_between` found none."""
    server, storage = asked.server, asked.storage
    url = storage.url or file_url(Path(storage.data) / DATABASE_FILE)
    public = checked_public_url(server.public_url) if server.public_url else ""
    if not public and server.port:
        public = default_public_url(server.host, server.port)
    return msgspec.structs.replace(
        asked,
        server=msgspec.structs.replace(server, public_url=public),
        storage=msgspec.structs.replace(storage, url=url),
    )


def default_public_url(host: str, port: int) -> str:
    """Where a server is reached when nobody said so: this machine, if it listens everywhere."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    shown = f"[{host}]" if ":" in host else host.lower()
    return f"http://{shown}" if port == _PORTS["http"] else f"http://{shown}:{port}"


def problems_between(asked: Config) -> Iterator[str]:
    """What is wrong although each value can be read; each with its path."""
    yield from _server(asked)
    if not asked.storage.data:
        yield "storage.data: expected a directory, not an empty text"
    if asked.storage.url:
        try:
            parse_url(asked.storage.url)
        except Misconfigured as error:
            yield error.text
    try:
        parse_networks(asked.outbound.allow_networks)
    except Misconfigured as error:
        yield f"outbound.allow_networks: {error.text}"
    sign_in = asked.sign_in
    if sign_in.first_delay > sign_in.longest_delay:
        yield "sign_in.first_delay: must not be longer than sign_in.longest_delay"
    if sign_in.forget_failures_after < sign_in.longest_delay:
        yield (
            "sign_in.forget_failures_after: must not be shorter than sign_in.longest_delay, or "
            "the delay would be forgotten before it is over"
        )


def _server(asked: Config) -> Iterator[str]:
    server = asked.server
    host_is_good = _is_host(server.host)
    if not host_is_good:
        yield (
            f'server.host: expected an address or a host name such as "127.0.0.1", "::1" or '
            f'"localhost", not "{server.host[:60]}"'
        )
    try:
        parse_networks(server.trusted_proxies)
    except Misconfigured as error:
        yield f"server.trusted_proxies: {error.text}"
    public = server.public_url
    if not public and host_is_good:
        # Any port will do to tell whether browsers keep cookies there.
        public = default_public_url(server.host, server.port or _PORTS["http"])
    try:
        if public:
            checked_public_url(public)
    except Unusable as error:
        derived = "" if server.public_url else " (it is empty, and follows from server.host)"
        yield f"server.public_url: {error}{derived}"


def checked_public_url(text: str) -> str:
    """The address of the installation as browsers write its origin.

    Args:
        text: ``https://host`` or ``https://host:port``; a trailing slash is dropped. Plain http
            only on this machine: elsewhere browsers drop ``__Host-`` cookies silently, and a
            session would travel in clear.

    Raises:
        Unusable: it is no such address; the text says what to do.
    """
    parts = _split(text)
    host = (parts.hostname or "").lower()
    if not _is_host(host):
        raise Unusable(
            f"{text} names no host that browsers could send; write other letters in their xn-- form"
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise Unusable(
            f"{text} is plain http and not this machine. Browsers silently drop the cookies that "
            "keep people signed in there. Put a proxy that speaks https in front of Ostiary, and "
            "set server.public_url to its https:// address"
        )
    shown = f"[{ipaddress.ip_address(host)}]" if ":" in host else host
    port = parts.port
    at = "" if port is None or port == _PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{shown}{at}"


def _split(text: str) -> SplitResult:
    expected = "expected an address such as https://sign-in.example.org"
    # urlsplit() drops tabs, line ends and outer control characters without a word.
    if len(text) > _MOST or not text.isascii() or not text.isprintable() or " " in text:
        raise Unusable(f"{expected}, in plain ASCII; write other letters in their xn-- form")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise Unusable(f"{expected}, not {text}") from error
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        raise Unusable(f"{expected}, not {text}")
    # "?" and "#" with nothing behind them are invisible in the parts.
    if parts.username is not None or parts.path not in {"", "/"} or "?" in text or "#" in text:
        raise Unusable(
            "expected scheme, host and port only: no path, query, fragment or user. "
            "Give Ostiary a host name of its own"
        )
    return parts


def _is_host(host: str) -> bool:
    try:
        return not getattr(ipaddress.ip_address(host), "scope_id", None)
    except ValueError:
        return _HOST.fullmatch(host) is not None
