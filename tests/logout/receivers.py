"""Applications as they receive logout tokens: one server on this machine, a path for each.

site = Site()                               # listens
site.answers["/wiki"] = refuse(500)         # by default everything is taken
wiki = world.client(backchannel_logout_uri=site.address("/wiki"))
"""

from __future__ import annotations

import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

import jwt
import msgspec

from tests.oidc.flow import Client, World

PATIENCE = 30.0
EVENT = "http://schemas.openid.net/event/backchannel-logout"
LIFETIME = 120
"""Seconds; a receiver need not take what lives longer (Back-Channel Logout 4)."""


class Request(msgspec.Struct, frozen=True):
    """What came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def token(self) -> str:
        """The logout token; it has to be all that the form holds."""
        assert self.method == "POST"
        assert self.headers["content-type"] == "application/x-www-form-urlencoded"
        form = parse_qs(self.body.decode("ascii"), strict_parsing=True)
        assert list(form) == ["logout_token"], form
        [token] = form["logout_token"]
        return token


Reply = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One request: kept, then answered as its path has it."""

    server: Site

    def do_POST(self) -> None:
        """Take it."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.keep(Request(self.command, self.path, headers, body))
        self.server.answers[self.path](self)

    def do_GET(self) -> None:
        """Take it, too: a redirect that was followed would come as this."""
        self.do_POST()

    def say(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def answer(status: int, body: bytes = b"", **headers: str) -> Reply:
    """Answer always so."""
    return lambda handler: handler.say(status, body, **headers)


def reset(handler: Handler) -> None:
    """Break the connection off."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.wfile = handler.rfile = _Nothing()  # type: ignore[assignment]


class _Nothing:
    """A stream of a connection that is gone."""

    closed = True

    def close(self) -> None:
        """It is."""


class Site(ThreadingHTTPServer):
    """See the module."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0) -> None:
        """Listen at once."""
        super().__init__(("127.0.0.1", port), Handler)
        self.answers: defaultdict[str, Reply] = defaultdict(lambda: answer(200))
        self.heard: defaultdict[str, list[Request]] = defaultdict(list)
        self.connections = 0
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Count who comes, before anything is said."""
        self.connections += 1
        return super().get_request()

    def address(self, path: str) -> str:
        """The whole address of a path."""
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def keep(self, request: Request) -> None:
        """Remember a request."""
        with self._changed:
            self.heard[request.path].append(request)
            self._changed.notify_all()

    def wait(self, path: str, count: int, seconds: float = PATIENCE) -> list[Request]:
        """Wait for so many requests of a path."""
        with self._changed:
            there = self._changed.wait_for(lambda: len(self.heard[path]) >= count, seconds)
            assert there, f"{path} heard {len(self.heard[path])} of {count}"
            return list(self.heard[path])

    def handle_error(self, *_: object) -> None:
        """A peer that hung up is no fault of ours."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join(PATIENCE)
        self.server_close()


class RelyingParty:
    """One application that verifies what it is told as Back-Channel Logout 2.6 asks for."""

    def __init__(self, world: World, site: Site, path: str, **change: Any) -> None:
        """Register it, with its address."""
        self.world, self.site, self.path = world, site, path
        self.client: Client = world.client(backchannel_logout_uri=site.address(path), **change)
        self.accepted: list[dict[str, Any]] = []
        self.seen: set[str] = set()
        self.keys: dict[str, Any] = {}
        site.answers[path] = self.receive
        self.success = 200

    def learn_keys(self) -> None:
        """Fetch the provider's keys, as receivers do for one that they do not know."""
        found = self.client.http.get("/oauth/jwks").json()["keys"]
        self.keys = {key["kid"]: jwt.PyJWK(key) for key in found}

    def receive(self, handler: Handler) -> None:
        """Accept a good token, and say of every other one what is wrong with it."""
        try:
            claims = self.verified(self.site.heard[self.path][-1].token)
        except (AssertionError, KeyError, jwt.InvalidTokenError) as error:
            handler.say(400, repr(error).encode())
            return
        self.accepted.append(claims)
        handler.say(self.success)

    def verified(self, token: str) -> dict[str, Any]:
        """The claims of a logout token, if it is one."""
        header = jwt.get_unverified_header(token)
        if header["kid"] not in self.keys:
            self.learn_keys()
        assert header["typ"] == "logout+jwt"
        assert header["alg"] == self.client.settings.get("id_token_alg", "RS256")
        # The time is not the system's here; it is compared below.
        claims: dict[str, Any] = jwt.decode(
            token,
            self.keys[header["kid"]],
            algorithms=[header["alg"]],
            audience=self.client.client_id,
            issuer=self.world.public_url,
            options={
                "require": ["iss", "aud", "iat", "exp", "jti", "events"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
        assert set(claims) == {"iss", "aud", "iat", "exp", "jti", "events", "sid"}, claims
        assert claims["aud"] == self.client.client_id
        assert claims["iat"] == self.world.timestamp()
        assert claims["iat"] < claims["exp"] <= claims["iat"] + LIFETIME
        assert claims["events"] == {EVENT: {}}
        assert claims["jti"] not in self.seen, "used before"
        self.seen.add(claims["jti"])
        return claims

    def told_of(self, sid: str) -> int:
        """How often it accepted the end of this session."""
        return [claims["sid"] for claims in self.accepted].count(sid)


def sid_in(world: World, tokens: dict[str, Any]) -> str:
    """What an application's ID token calls the session."""
    return str(world.claims(tokens["id_token"])["sid"])
