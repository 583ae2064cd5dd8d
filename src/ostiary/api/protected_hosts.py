"""Hosts of an application that a proxy guards by forward authentication."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ostiary.api.applications import TAG
from ostiary.api.contract import Call, operation
from ostiary.domain.errors import AlreadyExists, NotFound
from ostiary.services import protected_hosts
from ostiary.storage.protected_hosts import ProtectedHost

Origin = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=300,
        description="Scheme, host and, unless it is the usual one, port.",
        examples=["https://wiki.acme.example"],
    ),
]
MaxAge = Annotated[
    Annotated[int, Meta(ge=1, le=31_536_000)] | None,
    Meta(
        description=(
            "Seconds after which somebody has to authenticate again before this host is reached; "
            "null: never."
        )
    ),
]
BackgroundCounts = Annotated[
    bool,
    Meta(description="Whether what a page asks for by itself is a use of the session."),
]


class HostView(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A host."""

    origin: Origin
    max_age: MaxAge = None
    background_counts: BackgroundCounts = False


class Hosts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All hosts of an application."""

    hosts: Annotated[
        tuple[HostView, ...], Meta(max_length=protected_hosts.MOST_HOSTS, description="By origin.")
    ]


@operation(
    "GET",
    "/applications/{application}/protected-hosts",
    tag=TAG,
    summary="List an application's protected hosts",
    description="Those that a proxy asks about at `/check`.",
    raises=(NotFound,),
)
def list_protected_hosts(call: Call, application: str) -> Hosts:
    """Translate."""
    return _hosts(call.read(protected_hosts.list_hosts, application))


@operation(
    "PUT",
    "/applications/{application}/protected-hosts",
    tag=TAG,
    summary="Say which hosts an application has",
    description="They replace those that it had, whose cookies are good no more.",
    raises=(NotFound, AlreadyExists),
    examples={"wiki": Hosts(hosts=(HostView(origin="https://wiki.acme.example"),))},
)
def replace_protected_hosts(call: Call, application: str, body: Hosts) -> Hosts:
    """Translate."""
    wanted = [ProtectedHost(**msgspec.structs.asdict(host)) for host in body.hosts]
    return _hosts(call.write(protected_hosts.replace_hosts, application, wanted))


def _hosts(found: list[ProtectedHost]) -> Hosts:
    return Hosts(hosts=tuple(HostView(**msgspec.structs.asdict(host)) for host in found))


OPERATIONS = (list_protected_hosts, replace_protected_hosts)
