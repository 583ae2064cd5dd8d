"""Whose address a request comes from, when proxies stand in between, and how it is written.

Throttling and alerts are keyed by this, so a stranger must not be able to choose it: a header is
believed only as far as hosts that the operator trusts have vouched for it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

from ostiary.domain.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LONGEST_ENTRY: Final = 128
_MOST_HOPS: Final = 64
_MAPPED_PREFIX: Final = 96
_LOOPBACK: Final = ipaddress.IPv4Address("127.0.0.1")
_BRACKETED: Final = re.compile(r"\[([^\[\]]+)\](?::[0-9]{1,5})?")
_V4_PORT: Final = re.compile(r"([0-9.]+):[0-9]{1,5}")


def client_address(
    peer: str | None, forwarded_for: Sequence[str], trusted: Sequence[Network]
) -> str:
    """The address of the client, in its one canonical spelling.

    The peer of the connection, unless it is trusted: then X-Forwarded-For is walked from the
    right, where the nearest proxy wrote, over trusted addresses to the first one that is not. What
    stands left of it, anybody may have made up.

    Args:
        peer: the peer's address as the server sees it; None for a unix socket. Whoever reaches the
            socket is on this machine, so it is trusted when 127.0.0.1 is.
        forwarded_for: the values of all X-Forwarded-For headers, in the order received. Ports,
            brackets and zones are removed; empty elements are skipped (RFC 9110 section 5.6.1).
        trusted: the networks of the operator's own proxies.

    Returns:
        A canonical IPv4 or IPv6 address (RFC 5952; an IPv4-mapped one as IPv4; no zone), or ``""``
        where none is known: a unix socket without the header. An entry that is no address ends the
        walk at the last good one, as do more than 64 entries; if all are trusted, the leftmost is
        the client.
    """
    best = None if peer is None else parse_address(peer)
    if is_trusted_peer(peer, trusted):
        for entry in _from_the_right(forwarded_for):
            address = parse_address(entry)
            if address is None:
                break
            best = address
            if not _is_trusted(address, trusted):
                break
    return "" if best is None else str(best)


def is_trusted_peer(peer: str | None, trusted: Sequence[Network]) -> bool:
    """Whether the peer of a connection is one of the operator's own proxies.

    Args:
        peer: as `client_address` takes it; None, a unix socket, is trusted when 127.0.0.1 is.
        trusted: the networks of the operator's own proxies.
    """
    address = _LOOPBACK if peer is None else parse_address(peer)
    return address is not None and _is_trusted(address, trusted)


def source_of(address: str) -> str:
    """The key under which failures of one source are counted.

    An IPv4 address stands for itself, an IPv6 address for its /64, which one household has whole
    (RFC 6177): ``"2001:db8:1:2::/64"``. What is no address is all one source, ``""``.
    """
    parsed = parse_address(address)
    if parsed is None:
        return ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))


def parse_networks(entries: Sequence[str]) -> tuple[Network, ...]:
    """Read a list of networks from the configuration: ``10.0.0.0/8``, ``::1``, ``192.0.2.7``.

    IPv4-mapped networks are kept as the IPv4 networks that they mean.

    Raises:
        Misconfigured: names the entry, and where host bits are set the network that it may mean.
    """
    return tuple(_parse_network(entry) for entry in entries)


def parse_address(text: str) -> Address | None:
    """Read one address, with or without port, brackets or zone; None when it is not one."""
    text = text.strip(" \t") if len(text) <= _LONGEST_ENTRY else ""
    for form in (_BRACKETED, _V4_PORT):
        if match := form.fullmatch(text):
            text = match.group(1)
            break
    if ":" in text:
        # A zone names an interface of the machine that wrote it, and is free text besides.
        text = text.partition("%")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _from_the_right(headers: Sequence[str]) -> Iterator[str]:
    """The header's elements, last first, without splitting what will not be looked at."""
    seen = 0
    for header in reversed(headers):
        end = len(header)
        while end >= 0 and seen < _MOST_HOPS:
            start = header.rfind(",", 0, end)
            entry = header[start + 1 : end].strip(" \t")
            end = start
            seen += 1
            if entry:
                yield entry


def _is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)


def _parse_network(entry: str) -> Network:
    text = entry.strip()
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        hint = _meant(text) or "Write it like 10.0.0.0/8 or 2001:db8::/32."
        message = f"{entry[:80]!r} is not an IP network. {hint}"
        raise Misconfigured(message) from error
    if isinstance(network, ipaddress.IPv6Network):
        mapped = network.network_address.ipv4_mapped
        if mapped is not None and network.prefixlen >= _MAPPED_PREFIX:
            return ipaddress.IPv4Network((int(mapped), network.prefixlen - _MAPPED_PREFIX))
    return network


def _meant(text: str) -> str | None:
    try:
        return f"Did you mean {ipaddress.ip_network(text, strict=False)}?"
    except ValueError:
        return None
