"""Which hosts an application has behind a proxy that asks whether a request may pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ostiary.domain.accounts import Application
from ostiary.domain.client import LONGEST_REFRESH_TOKEN
from ostiary.domain.errors import AlreadyExists, BadInput
from ostiary.domain.events import Event
from ostiary.domain.redirects import is_loopback
from ostiary.services.applications import get_application
from ostiary.services.house import Act
from ostiary.services.standing import rechecked
from ostiary.storage import applications, audit, protected_hosts
from ostiary.storage.audit import NewEvent
from ostiary.storage.database import Transaction
from ostiary.storage.protected_hosts import ProtectedHost

MOST_HOSTS = 100
_LONGEST_ORIGIN = 300
_USUAL_PORTS = {"https": 443, "http": 80}


def list_hosts(tx: Transaction, act: Act, application: str) -> list[ProtectedHost]:
    """An application's hosts, by their origins.

    Raises:
        NotSignedIn: nobody is calling.
        NotFound: there is no such application, or the caller may not know of it.
    """
    return protected_hosts.of_application(tx, get_application(tx, act, application).key)


@rechecked
def replace_hosts(
    tx: Transaction, act: Act, application: str, hosts: Sequence[ProtectedHost]
) -> list[ProtectedHost]:
    """Let an application's hosts be these. Cookies of hosts that it has no more are good no more.

    Raises:
        NotSignedIn: nobody is calling.
        NotFound: there is no such application, or the caller may not know of it.
        AlreadyExists: a host is another application's.
        BadInput: an origin or an age makes no sense.
    """
    found = get_application(tx, act, application)
    # Of two changes at once the second sees what the first has made of it.
    applications.get(tx, application, lock=True)
    wanted = [_checked(host) for host in hosts]
    if len(wanted) > MOST_HOSTS:
        raise BadInput("hosts", f"At most {MOST_HOSTS} hosts.")
    if len({host.origin for host in wanted}) < len(wanted):
        raise BadInput("origin", "A host is named twice.")
    for host in wanted:
        taken = protected_hosts.find(tx, host.origin)
        if taken is not None and taken[1] != application:
            text = f"{host.origin} is a host of another application."
            raise AlreadyExists(text, field="origin")
    old = protected_hosts.of_application(tx, found.key)
    protected_hosts.replace(tx, found.key, wanted)
    new = protected_hosts.of_application(tx, found.key)
    _audit(tx, act, found, old, new)
    return new


def checked_origin(value: str) -> str:
    """An origin as browsers name it (RFC 6454, 6.2): lower case, the usual port left out.

    Raises:
        BadInput: it is something else; or plain http of a host that is not this machine, where
            no browser would keep the cookie (REQUIREMENTS R05).
    """
    problem = BadInput("origin", f"{value[:80]} is not an origin such as https://wiki.example.org.")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise problem from error
    host = parts.hostname or ""
    odd = parts.username is not None or parts.path not in {"", "/"} or parts.query or parts.fragment
    if len(value) > _LONGEST_ORIGIN or odd or not host or not value.isascii():
        raise problem
    if any(c.isspace() or c in "\\%_*" for c in value) or "?" in value or "#" in value:
        raise problem
    if parts.scheme not in _USUAL_PORTS:
        raise problem
    if parts.scheme == "http" and not is_loopback(host):
        raise BadInput("origin", f"{value} has to be https, since browsers keep no cookie for it.")
    name = f"[{host}]" if ":" in host else host
    shown = "" if port in {None, _USUAL_PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{name}{shown}"


def _checked(host: ProtectedHost) -> ProtectedHost:
    if host.max_age is not None and not 1 <= host.max_age <= LONGEST_REFRESH_TOKEN:
        raise BadInput("max_age", "max_age has to be 1 or more seconds.")
    return msgspec.structs.replace(host, origin=checked_origin(host.origin))


def _audit(
    tx: Transaction,
    act: Act,
    found: Application,
    old: list[ProtectedHost],
    new: list[ProtectedHost],
) -> None:
    if old == new:
        return
    detail = {"old": _described(old), "new": _described(new)}
    event = NewEvent(
        event=Event.APPLICATION_UPDATED,
        actor=act.caller.actor,
        organization=found.organization,
        application=found.name,
        address=act.address,
        detail=detail,
    )
    audit.write(tx, act.now, [event])


def _described(hosts: list[ProtectedHost]) -> dict[str, Any]:
    return {"protected_hosts": [msgspec.to_builtins(host) for host in hosts]}
