"""``ostiary apps``: add, change, show, list, give a new secret."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from ostiary.api.applications import application_view
from ostiary.domain.errors import NotFound
from ostiary.domain.lifetime import Overrides, in_words
from ostiary.ops.cli import output
from ostiary.ops.cli.client_options import chosen, client_options
from ostiary.ops.cli.program import Asked, with_options
from ostiary.ops.cli.types import SECONDS, lifetime_options
from ostiary.services import applications, protected_hosts
from ostiary.services.applications import ApplicationChange
from ostiary.services.protected_hosts import checked_origin
from ostiary.storage.protected_hosts import ProtectedHost


@click.group("apps")
def command() -> None:
    """Applications: what people sign in to."""


@command.command("add")
@with_options
@click.argument("name")
@click.option("--organization", required=True, help="Whose application it is.")
@client_options
@lifetime_options
def add(asked: Asked, /, name: str, organization: str, **options: Any) -> None:  # noqa: ANN401
    """Add an application.

    It prints the client id and secret.
    """
    change = ApplicationChange(lifetimes=_lifetimes(options, Overrides()), **chosen(options))
    with asked.work() as work:
        added = work.write(
            applications.add_application, work.house.vault, organization, name, change
        )
        secret = applications.secret_of(work.house.vault, added)

    def tell() -> None:
        output.line(f"Application {name} of {organization} added.")
        output.facts({"client id": added.client_id, "client secret": secret})

    asked.answer({**msgspec.to_builtins(application_view(added)), "client_secret": secret}, tell)


@command.command("change")
@with_options
@click.argument("name")
@client_options
@lifetime_options
def change(asked: Asked, /, name: str, **options: Any) -> None:  # noqa: ANN401
    """Change an application.

    What is left out stays as it is.
    """
    with asked.work() as work:
        old = work.read(applications.get_application, name)
        lifetimes = _lifetimes(options, old.lifetimes)
        wanted = ApplicationChange(lifetimes=lifetimes, **chosen(options))
        changed = work.write(applications.update_application, work.house.vault, name, wanted)
    asked.answer(application_view(changed), lambda: output.line(f"Application {name} changed."))


def _lifetimes(options: dict[str, Any], old: Overrides) -> Overrides:
    """Take the lifetimes out of the options; one that was not said stays."""
    said = {name: options.pop(name) for name in Overrides.__struct_fields__}
    return msgspec.structs.replace(old, **{k: v for k, v in said.items() if v is not None})


@command.command("show")
@with_options
@click.argument("name")
def show(asked: Asked, name: str) -> None:
    """Show an application's settings, without its secret."""
    with asked.work() as work:
        found = work.read(applications.get_application, name)
    view = application_view(found)

    def tell() -> None:
        shown = msgspec.to_builtins(view)
        own = {k: v for k, v in shown.pop("lifetimes").items() if v is not None}
        # A "no" is worth a line here: what is left out by `facts` is not known.
        said = {name: "no" if value is False else value for name, value in shown.items()}
        output.facts({name.replace("_", " "): value for name, value in said.items()})
        output.facts({f"{k.replace('_', ' ')} lifetime": v for k, v in own.items()})

    asked.answer(view, tell)


@command.command("hosts")
@with_options
@click.argument("name")
@click.option("--add", "added", multiple=True, metavar="ORIGIN", help="A host more; repeatable.")
@click.option("--remove", "removed", multiple=True, metavar="ORIGIN", help="One less; repeatable.")
@click.option(
    "--max-age",
    type=SECONDS,
    help="For those added: after how long somebody has to authenticate again.",
)
@click.option(
    "--background-counts",
    is_flag=True,
    help="For those added: what a page asks for by itself is a use of the session.",
)
def hosts(
    asked: Asked,
    name: str,
    *,
    added: tuple[str, ...],
    removed: tuple[str, ...],
    max_age: int | None,
    background_counts: bool,
) -> None:
    """List, add and remove protected hosts.

    They are those of the application that a proxy guards.
    """
    new = [
        ProtectedHost(
            origin=checked_origin(o), max_age=max_age, background_counts=background_counts
        )
        for o in added
    ]
    gone = {checked_origin(origin) for origin in removed} | {host.origin for host in new}
    with asked.work() as work:
        found = work.read(protected_hosts.list_hosts, name)
        missing = {checked_origin(o) for o in removed} - {host.origin for host in found}
        if missing:
            raise NotFound(f"{', '.join(sorted(missing))} is no host of {name}.")
        if new or removed:
            kept = [host for host in found if host.origin not in gone]
            found = work.write(protected_hosts.replace_hosts, name, [*kept, *new])

    def tell() -> None:
        output.table(
            ("ORIGIN", "MAX AGE", "BACKGROUND COUNTS"),
            [
                (
                    host.origin,
                    in_words(host.max_age) if host.max_age else "",
                    "yes" if host.background_counts else "no",
                )
                for host in found
            ],
        )

    asked.answer({"hosts": found}, tell)


@command.command("rotate-secret")
@with_options
@click.argument("name")
def rotate_secret(asked: Asked, name: str) -> None:
    """Give an application a new client secret.

    The old one stops working at once.
    """
    with asked.work() as work:
        changed = work.write(applications.rotate_secret, work.house.vault, name)
        secret = applications.secret_of(work.house.vault, changed)
    shown = {"client_id": changed.client_id, "client_secret": secret}
    asked.answer(
        shown, lambda: output.facts({"client id": changed.client_id, "client secret": secret})
    )


@command.command("list")
@with_options
@click.option("--organization", help="Of this organization only.")
def list_(asked: Asked, organization: str | None) -> None:
    """List applications, without their secrets."""
    with asked.work() as work:
        listed = work.read(applications.list_applications, organization)
    found = sorted(listed, key=lambda item: (item.organization, item.name))

    def tell() -> None:
        output.table(
            ("NAME", "ORGANIZATION", "CLIENT ID", "DISPLAY NAME", "LOGOUT ADDRESS"),
            [
                (
                    item.name,
                    item.organization,
                    item.client_id,
                    item.display_name,
                    item.backchannel_logout_uri,
                )
                for item in found
            ],
        )

    asked.answer({"items": [application_view(item) for item in found]}, tell)
