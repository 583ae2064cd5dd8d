"""``ostiary apps``: add, list, give a new secret."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from ostiary.api.applications import application_view
from ostiary.ops.cli import output
from ostiary.ops.cli.program import Asked, with_options
from ostiary.ops.cli.types import lifetime_options, overrides
from ostiary.services import applications
from ostiary.services.applications import UNSET, ApplicationChange


@click.group("apps")
def command() -> None:
    """Applications: what people sign in to."""


@command.command("add")
@with_options
@click.argument("name")
@click.option("--organization", required=True, help="Whose application it is.")
@click.option("--display-name", help="What people read; the name, if not given.")
@click.option("--client-id", help="One that exists already; else one is made.")
@click.option(
    "--redirect-uri",
    "redirect_uris",
    multiple=True,
    metavar="URL",
    help="Where it may send people back to; repeat it for several.",
)
@click.option("--homepage-url", metavar="URL", help="Where it is.")
@click.option("--backchannel-logout-uri", metavar="URL", help="Where it is told of endings.")
@click.option("--exclusive", is_flag=True, help="One session a user: a sign-in ends the others.")
@lifetime_options
def add(
    asked: Asked,
    /,
    name: str,
    organization: str,
    redirect_uris: tuple[str, ...],
    *,
    exclusive: bool,
    display_name: str | None,
    client_id: str | None,
    homepage_url: str | None,
    backchannel_logout_uri: str | None,
    **lifetimes: int | None,
) -> None:
    """Add an application.

    It prints the client id and secret.
    """
    given: dict[str, str | None] = {
        "display_name": display_name,
        "client_id": client_id,
        "homepage_url": homepage_url,
        "backchannel_logout_uri": backchannel_logout_uri,
    }
    change = ApplicationChange(
        redirect_uris=redirect_uris,
        exclusive=exclusive,
        lifetimes=overrides(**lifetimes),
        **_given(given),
    )
    with asked.work() as work:
        added = work.write(
            applications.add_application, work.house.vault, organization, name, change
        )
        secret = applications.secret_of(work.house.vault, added)

    def tell() -> None:
        output.line(f"Application {name} of {organization} added.")
        output.facts({"client id": added.client_id, "client secret": secret})

    asked.answer({**msgspec.to_builtins(application_view(added)), "client_secret": secret}, tell)


def _given(values: dict[str, str | None]) -> dict[str, Any]:
    return {name: UNSET if value is None else value for name, value in values.items()}


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
