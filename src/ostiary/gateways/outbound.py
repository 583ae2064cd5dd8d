"""Calls to addresses that somebody else has written down: fenced, small and short.

Where a request goes is decided by its address after resolution, and the connection is made to that
very address, so that a name cannot mean another host a moment later. No redirect is followed, no
proxy of the environment is used, no cookie is kept. (REQUIREMENTS I10.)
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore
import msgspec

from ostiary.gateways.addresses import Address, Network, parse_address

CONNECT_SECONDS: Final = 5.0
TOTAL_SECONDS: Final = 10.0
LARGEST_ANSWER: Final = 65_536
"""Bytes of an answer's body that are read; nobody needs to say more than "got it"."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOWER_32_BITS = 0xFFFF_FFFF
_DEFAULT_PORT = {"https": 443, "http": 80}

Resolve = Callable[[str, int], Sequence[str]]


class Undelivered(Exception):
    """No answer came; ``kind`` is for metrics and for deciding, the text for the operator.

    ``kind``: ``refused_address`` (the fence), ``resolve``, ``connect``, ``tls``, ``timeout``,
    ``protocol`` (what came was no HTTP, or too large).
    """

    def __init__(self, kind: str, text: str) -> None:
        """Keep both."""
        self.kind = kind
        super().__init__(text)


class Answer(msgspec.Struct, frozen=True):
    """What came back. ``body`` holds at most `LARGEST_ANSWER` bytes."""

    status: int
    body: bytes


class Outbound:
    """Makes such calls. Thread-safe; keeps no connection."""

    def __init__(
        self,
        allow: Iterable[Network] = (),
        *,
        resolve: Resolve | None = None,
        context: ssl.SSLContext | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        """Set up the fence.

        Args:
            allow: networks that are reached although they are not public, also by plain http.
            resolve: a name's addresses; the system's resolver if None.
            context: whose certificates are believed; the system's if None.
            connect_seconds: for one connection.
            total_seconds: for one call as a whole, its resolution excepted.
        """
        self.allow = tuple(allow)
        self._resolve = resolve or _system_addresses
        self._context = context or ssl.create_default_context()
        self._connect_seconds = connect_seconds
        self._total_seconds = total_seconds

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send one POST and read the answer.

        Args:
            url: as `send`.
            body: what to send.
            headers: with its ``Content-Type``.

        Raises:
            Undelivered: nothing usable came back.
        """
        return self.send("POST", url, body, headers)

    def send(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send one request and read the answer.

        Args:
            method: ``POST`` or ``GET``.
            url: absolute, https; http only where every address of the host is allowed by name.
            body: what to send.
            headers: with its ``Content-Type``.

        Raises:
            Undelivered: nothing usable came back.
        """
        scheme, host, port = _parts(url)
        addresses = self._permitted(scheme, host, port)
        deadline = time.monotonic() + self._total_seconds
        backend = _Pinned(addresses, deadline, self._connect_seconds)
        pool = httpcore.ConnectionPool(
            ssl_context=self._context,
            network_backend=backend,
            max_keepalive_connections=0,
            retries=0,
        )
        try:
            with (
                pool,
                pool.stream(
                    method,
                    url,
                    headers=[*headers.items(), ("Connection", "close"), ("User-Agent", "Ostiary")],
                    content=body,
                ) as response,
            ):
                return Answer(response.status, _read(response.iter_stream()))
        except (httpcore.TimeoutException, TimeoutError) as error:
            raise Undelivered("timeout", f"no answer within {self._total_seconds:g} s") from error
        except httpcore.ConnectError as error:
            kind = "tls" if isinstance(error, _NoTls) else "connect"
            raise Undelivered(kind, str(error)) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError) as error:
            raise Undelivered("protocol", str(error) or type(error).__name__) from error

    def _permitted(self, scheme: str, host: str, port: int) -> list[str]:
        """The addresses of a host that may be called."""
        literal = parse_address(host.strip("[]"))
        try:
            found = [str(literal)] if literal is not None else list(self._resolve(host, port))
        except OSError as error:
            raise Undelivered("resolve", f"{host}: {error.strerror or error}") from error
        good = [address for address in found if self._may_call(scheme, address)]
        if good:
            return good
        listed = ", ".join(found[:5]) or "no address"
        how = "by plain http" if scheme == "http" else ""
        raise Undelivered(
            "refused_address",
            f"{host} is {listed}, which is not called {how}".rstrip()
            + ". An operator may allow its network: [outbound] allow_networks.",
        )

    def _may_call(self, scheme: str, text: str) -> bool:
        address = parse_address(text)
        if address is None:
            return False
        return _is_permitted(scheme, address, self.allow)


def may_be_called(url: str, allow: Sequence[Network]) -> bool:
    """Whether an address might pass the fence, as far as it tells without being resolved.

    Args:
        url: absolute, http or https.
        allow: networks that are reached although they are not public, also by plain http.
    """
    try:
        scheme, host, _ = _parts(url)
    except Undelivered:
        return False
    literal = parse_address(host.strip("[]"))
    if literal is None:
        return scheme == "https" or bool(allow)
    return _is_permitted(scheme, literal, allow)


def host_of(url: str) -> str:
    """The host of an address, for who may not see the rest; empty: it has none."""
    try:
        return _parts(url)[1]
    except Undelivered:
        return ""


def _is_permitted(scheme: str, address: Address, allow: Sequence[Network]) -> bool:
    meant = _embedded(address)
    if any(address in network or meant in network for network in allow):
        return True
    return scheme == "https" and _is_public(address) and _is_public(meant)


def _parts(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Undelivered("refused_address", f"{url[:200]} is not an address") from error
    host = parts.hostname
    if parts.scheme not in _DEFAULT_PORT or not host or parts.username is not None:
        raise Undelivered("refused_address", f"{url[:200]} is not an http or https address")
    return parts.scheme, host, port or _DEFAULT_PORT[parts.scheme]


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 address leads to by 6to4, Teredo or NAT64; else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & _LOWER_32_BITS)
    return address


def _system_addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(item[4][0]) for item in found))


def _read(chunks: Iterable[bytes]) -> bytes:
    body = b""
    for chunk in chunks:
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise Undelivered("protocol", f"the answer is longer than {LARGEST_ANSWER} bytes")
    return body


class _NoTls(httpcore.ConnectError):
    """The connection stands, but not what is encrypted: mostly the certificate's fault."""


class _Pinned(httpcore.NetworkBackend):
    """Connects to the addresses that were looked at, whatever the name means by now."""

    def __init__(self, addresses: Sequence[str], deadline: float, connect_seconds: float) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._connect_seconds = connect_seconds
        self._system = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Try one address after the other."""
        del host, timeout
        failed: Exception = httpcore.ConnectError("no address")
        for address in self._addresses:
            seconds = min(self._connect_seconds, _left(self._deadline))
            try:
                stream = self._system.connect_tcp(
                    address, port, seconds, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
            else:
                return _Hurried(stream, self._deadline)
        raise failed


class _Hurried(httpcore.NetworkStream):
    """A stream on which nothing lasts beyond the deadline of the whole call.

    A time-out for each read alone would let a server that sends a byte now and then hold on for
    hours.
    """

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there."""
        del timeout
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it."""
        del timeout
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Go on encrypted; the certificate is that of the name, not of the address."""
        del timeout
        try:
            stream = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline))
        except httpcore.ConnectError as error:
            raise _NoTls(str(error)) from error
        return _Hurried(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own signature
        """Whatever the stream knows."""
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left
