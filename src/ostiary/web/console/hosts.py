"""``/console/applications/…/hosts``: the hosts of an application that a proxy guards.

They are typed a line each: the origin; then, where it is wanted, for how long an authentication is
good there, and the word ``background``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from ostiary.domain.accounts import Application
from ostiary.domain.errors import AlreadyExists, BadInput
from ostiary.edge.errors import status_of
from ostiary.edge.house import Visit
from ostiary.services import applications, protected_hosts
from ostiary.services.house import Act
from ostiary.storage.database import Transaction
from ostiary.storage.protected_hosts import ProtectedHost
from ostiary.web import pages
from ostiary.web.console import parts
from ostiary.web.console.fields import Fields, duration, in_short, refused
from ostiary.web.console.parts import act_of
from ostiary.web.flash import line
from ostiary.web.forms import TheForm, TheVisit

BACKGROUND = "background"
_PATH = "/applications/{name:str}/hosts"
_FIELD = "origin"


@get(_PATH, sync_to_thread=True)
def hosts_page(visit: TheVisit, name: FromPath[str]) -> Response[Any]:
    """The form with what is known."""
    act = act_of(visit)
    found, hosts = visit.house.database.read(_with_hosts, act, name)
    return _form(visit, act, found, Fields(values={_FIELD: written(hosts)}))


@post(_PATH, sync_to_thread=True, status_code=200)
def change_hosts(visit: TheVisit, name: FromPath[str], form: TheForm) -> Response[Any]:
    """Let the application's hosts be these."""
    act = act_of(visit)
    found, _ = visit.house.database.read(_with_hosts, act, name)
    typed = form.text(_FIELD)
    try:
        wanted = _read(typed)
        visit.house.database.write(protected_hosts.replace_hosts, act, name, wanted)
    except (BadInput, AlreadyExists) as error:
        shown = refused({_FIELD: typed}, error)
        return _form(visit, act, found, shown, status=status_of(error))
    return parts.done(visit, act, parts.application_address(name), line("console.saved"))


def written(hosts: Iterable[ProtectedHost]) -> str:
    """Hosts as they are typed."""
    lines = [
        " ".join(filter(None, (h.origin, in_short(h.max_age), BACKGROUND * h.background_counts)))
        for h in hosts
    ]
    return "\n".join(lines)


def _read(typed: str) -> list[ProtectedHost]:
    """What was typed.

    Raises:
        BadInput: a line says something else.
    """
    hosts = []
    for words in map(str.split, typed.splitlines()):
        if not words:
            continue
        origin, *further = words
        ages = [word for word in further if word != BACKGROUND]
        if len(ages) > 1 or further.count(BACKGROUND) > 1:
            raise BadInput(_FIELD, f"{' '.join(further)} behind {origin} is too much.")
        hosts.append(
            ProtectedHost(
                origin=origin,
                max_age=duration(_FIELD, ages[0]) if ages else None,
                background_counts=BACKGROUND in further,
            )
        )
    return hosts


def _with_hosts(tx: Transaction, act: Act, name: str) -> tuple[Application, list[ProtectedHost]]:
    found = applications.get_application(tx, act, name)
    return found, protected_hosts.list_hosts(tx, act, name)


def _form(
    visit: Visit, act: Act, found: Application, shown: Fields, *, status: int = 200
) -> Response[Any]:
    return pages.render(
        visit,
        "console/hosts.html",
        act.caller,
        status=status,
        form=shown,
        application=found,
        address=parts.application_address(found.name),
    )
