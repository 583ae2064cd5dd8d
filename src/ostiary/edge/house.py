"""What the fronts hand around: how the installation looks from outside, and one request to it."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Request

from ostiary.domain.access import Caller, Kind
from ostiary.domain.session import Device
from ostiary.edge.cookies import Cookies
from ostiary.gateways import visitors
from ostiary.gateways.addresses import Network, client_address, is_trusted_peer
from ostiary.services.house import Act, House

AnyRequest = Request[Any, Any, Any]

NOTE = "ostiary_note"
"""Where a request's state keeps what its log line tells; absent where nobody logs."""


class Front(msgspec.Struct, frozen=True, kw_only=True):
    """How the installation looks from outside: from the configuration, never from a request.

    ``public_url`` is without a trailing slash. ``trusted`` are the proxies whose
    ``X-Forwarded-…`` headers are believed.
    """

    public_url: str
    trusted: tuple[Network, ...] = ()

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by https, so that cookies are ``Secure``."""
        return self.public_url.startswith("https://")

    @property
    def origin(self) -> str:
        """Scheme, host and port, as browsers send it in ``Origin`` (RFC 6454, 6.2)."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}".lower()


class Visit:
    """One request: the house it came to, when, from where, with which cookies."""

    def __init__(self, request: AnyRequest) -> None:
        """Read the clock once, so that everything in a request happens at one instant."""
        self.request = request
        self.house: House = request.app.state.house
        self.front: Front = request.app.state.front
        self.now: datetime = self.house.clock()

    @cached_property
    def cookies(self) -> Cookies:
        """Our cookies, as they came."""
        return Cookies(self.request.headers.getall("cookie", []), secure=self.front.secure)

    @cached_property
    def address(self) -> str:
        """The client's address, through configured proxies only."""
        peer = self.request.client.host if self.request.client else None
        forwarded = self.request.headers.getall("x-forwarded-for", [])
        return client_address(peer, forwarded, self.front.trusted)

    @cached_property
    def from_proxy(self) -> bool:
        """Whether a configured proxy asks, whose word about a request is believed."""
        peer = self.request.client.host if self.request.client else None
        return is_trusted_peer(peer, self.front.trusted)

    @cached_property
    def device(self) -> Device:
        """What is known about the browser and the place."""
        agent = self.request.headers.get("user-agent", "")
        found = visitors.describe(self.address, agent, self.house.places)
        return Device(
            kind=found.device_kind,
            browser=found.browser,
            os=found.os,
            agent=found.agent,
            address=found.address,
            country=found.country,
            city=found.city,
            asn=found.asn,
        )

    def note_caller(self, caller: Caller) -> None:
        """Let the request's log line tell who called: by public id or client, never by a secret."""
        note = self.request.scope["state"].get(NOTE)
        if note is None:
            return
        if caller.session_id is not None:
            note["session"] = caller.session_id
        elif caller.kind is Kind.APPLICATION:
            note["application"] = caller.name

    def act(self, caller: Caller) -> Act:
        """Who acts, when and from where."""
        return Act(
            caller=caller,
            now=self.now,
            address=self.address,
            fresh_within=self.house.policy.reauthenticate_after,
            allow=self.house.outbound.allow,
        )


def provide_visit(request: AnyRequest) -> Visit:
    """The request as the handlers take it; Litestar injects it under the name ``visit``."""
    return Visit(request)
