"""``ostiary organizations``: add and list."""

from __future__ import annotations

import click

from ostiary.api.organizations import organization_view
from ostiary.ops.cli import output
from ostiary.ops.cli.program import Asked, with_options
from ostiary.ops.cli.types import lifetime_options, overrides
from ostiary.services import organizations
from ostiary.services.organizations import UNSET, OrganizationChange


@click.group("organizations")
def command() -> None:
    """Organizations: the tenants."""


@command.command("add")
@with_options
@click.argument("name")
@click.option("--display-name", help="What people read; the name, if not given.")
@click.option("--exclusive", is_flag=True, help="One session a user: a sign-in ends the others.")
@lifetime_options
def add(
    asked: Asked,
    /,
    name: str,
    display_name: str | None,
    *,
    exclusive: bool,
    **lifetimes: int | None,
) -> None:
    """Add an organization."""
    change = OrganizationChange(
        display_name=UNSET if display_name is None else display_name,
        exclusive=exclusive,
        lifetimes=overrides(**lifetimes),
    )
    with asked.work() as work:
        added = work.write(organizations.add_organization, work.house.vault, name, change)
    asked.answer(organization_view(added), lambda: output.line(f"Organization {name} added."))


@command.command("list")
@with_options
def list_(asked: Asked) -> None:
    """List all organizations by name."""
    with asked.work() as work:
        found = sorted(work.read(organizations.list_organizations), key=lambda item: item.name)

    def tell() -> None:
        output.table(
            ("NAME", "DISPLAY NAME", "CREATED"),
            [(item.name, item.display_name, item.created_at) for item in found],
        )

    asked.answer({"items": [organization_view(item) for item in found]}, tell)
