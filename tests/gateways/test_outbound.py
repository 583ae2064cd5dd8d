"""Calls to addresses that somebody else wrote down: what is reached, what is not, how long."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ostiary.gateways.addresses import parse_networks
from ostiary.gateways.outbound import LARGEST_ANSWER, Answer, Outbound, Undelivered

LOOPBACK = parse_networks(["127.0.0.0/8"])
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Peer:
    """A server that does with each connection what it is told to do."""

    def __init__(self, talk: Callable[[socket.socket], None]) -> None:
        self._talk = talk
        self.requests: list[bytes] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with suppress(OSError), closing(connection):
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65_536)
            self.requests.append(data)
            self._talk(connection)


@pytest.fixture
def peer() -> Iterator[Callable[[Callable[[socket.socket], None]], Peer]]:
    made: list[Peer] = []

    def make(talk: Callable[[socket.socket], None]) -> Peer:
        made.append(Peer(talk))
        return made[-1]

    yield make
    for one in made:
        one.listening.close()


def _says(answer: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(answer)


OK = _says(b"HTTP/1.1 204 No Content\r\n\r\n")


def test_a_post_is_sent_and_answered(peer: Callable[..., Peer]) -> None:
    server = peer(_says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    answer = Outbound(LOOPBACK).post(f"http://127.0.0.1:{server.port}/logout?a=1", b"x=1", FORM)
    assert answer == Answer(200, b"ok")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /logout?a=1 HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{server.port}".encode() in head
    assert b"Content-Type: application/x-www-form-urlencoded" in head
    assert body in {b"", b"x=1"}


def test_a_get_is_sent_without_a_body(peer: Callable[..., Peer]) -> None:
    server = peer(_says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    url = f"http://127.0.0.1:{server.port}/told?a=1"
    assert Outbound(LOOPBACK).send("GET", url, b"", {}) == Answer(200, b"ok")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"GET /told?a=1 HTTP/1.1\r\n")
    assert body == b""


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104 - an address that must not be called
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)
def test_what_is_not_public_is_refused_by_name_and_by_number(address: str) -> None:
    """Covers I10."""
    literal = f"[{address}]" if ":" in address else address
    for url, resolve in (
        (f"https://{literal}/", None),
        ("https://rp.example/", lambda host, port: [address]),
    ):
        with pytest.raises(Undelivered) as refused:
            Outbound(resolve=resolve).post(url, b"", {})
        assert refused.value.kind == "refused_address"
        assert "allow_networks" in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "https://",
        "https://a:b@example.com/",
        "https://[::1/",
        "nonsense",
        "https://example.com:99999/",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(Undelivered) as refused:
        Outbound().post(url, b"", {})
    assert refused.value.kind == "refused_address"


def test_plain_http_is_for_allowed_networks_only() -> None:
    """Covers I08."""
    with pytest.raises(Undelivered, match="by plain http"):
        Outbound(resolve=lambda host, port: ["93.184.216.34"]).post("http://rp.example/", b"", {})


def test_a_name_cannot_mean_another_host_a_moment_later(peer: Callable[..., Peer]) -> None:
    """The name is looked up once; the connection goes to what was looked at."""
    server = peer(OK)
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    outbound = Outbound(LOOPBACK, resolve=resolve)
    answer = outbound.post(f"http://rebinding.invalid:{server.port}/", b"", FORM)
    assert answer.status == 204
    assert asked == ["rebinding.invalid"]


def test_of_several_addresses_only_permitted_ones_are_called(peer: Callable[..., Peer]) -> None:
    server = peer(OK)
    resolve = {"names": ["10.0.0.1", "127.0.0.9", "127.0.0.1"]}["names"]
    outbound = Outbound(LOOPBACK, resolve=lambda host, port: resolve, connect_seconds=2)
    assert outbound.post(f"http://rp.invalid:{server.port}/", b"", {}).status == 204


def test_a_redirect_is_an_answer_and_is_not_followed(peer: Callable[..., Peer]) -> None:
    """Covers I10."""
    inner = peer(OK)
    outer = peer(
        _says(
            b"HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\n"
            b"Location: http://127.0.0.1:%d/\r\n\r\n" % inner.port
        )
    )
    assert Outbound(LOOPBACK).post(f"http://127.0.0.1:{outer.port}/", b"", {}).status == 307
    assert inner.requests == []


def test_an_endless_answer_is_cut_off(peer: Callable[..., Peer]) -> None:
    """Covers I10."""

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        while True:
            connection.sendall(b"a" * LARGEST_ANSWER)

    with pytest.raises(Undelivered, match="longer than") as refused:
        Outbound(LOOPBACK).post(f"http://127.0.0.1:{peer(flood).port}/", b"", {})
    assert refused.value.kind == "protocol"


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\nX: "], ids=["silent", "drips"])
def test_a_slow_answer_is_not_waited_for(peer: Callable[..., Peer], beginning: bytes) -> None:
    """Covers I07, I10."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(beginning)
        while beginning:
            connection.sendall(b"a")
            time.sleep(0.05)
        connection.recv(1)

    server = peer(drip)
    began = time.monotonic()
    with pytest.raises(Undelivered) as refused:
        Outbound(LOOPBACK, total_seconds=0.5).post(f"http://127.0.0.1:{server.port}/", b"", {})
    assert refused.value.kind == "timeout"
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na"]
)
def test_what_is_no_whole_answer_is_none(peer: Callable[..., Peer], answer: bytes) -> None:
    server = peer(_says(answer))
    with pytest.raises(Undelivered) as refused:
        Outbound(LOOPBACK).post(f"http://127.0.0.1:{server.port}/", b"", {})
    assert refused.value.kind == "protocol"


def test_nobody_there_and_no_such_name_are_told_apart() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with pytest.raises(Undelivered) as refused:
        Outbound(LOOPBACK).post(f"http://127.0.0.1:{port}/", b"", {})
    assert refused.value.kind == "connect"

    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(Undelivered, match="not known") as refused:
        Outbound(resolve=unknown).post("https://rp.invalid/", b"", {})
    assert refused.value.kind == "resolve"


def test_a_certificate_has_to_be_that_of_the_name(
    tmp_path: Path, peer: Callable[..., Peer]
) -> None:
    certificate, key = _certificate("rp.example", tmp_path)
    trusting = ssl.create_default_context(cafile=str(certificate))
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate, key)

    class Encrypted(Peer):
        def _one(self, connection: socket.socket) -> None:
            with suppress(OSError, ssl.SSLError):
                super()._one(server_side.wrap_socket(connection, server_side=True))

    server = Encrypted(OK)
    at_home = {"resolve": lambda host, port: ["127.0.0.1"]}
    url = f"https://rp.example:{server.port}/"
    assert Outbound(LOOPBACK, context=trusting, **at_home).post(url, b"", {}).status == 204
    for outbound, address in (
        (Outbound(LOOPBACK, **at_home), url),
        (
            Outbound(LOOPBACK, context=trusting, **at_home),
            url.replace("rp.example", "evil.example"),
        ),
    ):
        with pytest.raises(Undelivered) as refused:
            outbound.post(address, b"", {})
        assert refused.value.kind == "tls"
    server.listening.close()


def _certificate(name: str, folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "cert.pem", folder / "key.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return public, private
