"""``ostiary keys``: what signs tokens."""

from __future__ import annotations

import click

from ostiary.gateways.signing import ALGORITHMS
from ostiary.ops.cli import output
from ostiary.ops.cli.program import Asked, with_options
from ostiary.services import keys


@click.group("keys")
def command() -> None:
    """Keys that sign tokens."""


@command.command("list")
@with_options
def list_(asked: Asked) -> None:
    """List the keys, without their secrets."""
    with asked.work() as work:
        found = work.read(keys.list_keys)

    def tell() -> None:
        output.table(
            ("KEY", "ALGORITHM", "STATE", "SIGNS FROM", "UNTIL"),
            [(k.kid, k.algorithm, k.state, k.active_from, k.retired_at) for k in found],
        )

    asked.answer({"items": found}, tell)


@command.command("rotate")
@with_options
@click.option(
    "--algorithm",
    type=click.Choice(ALGORITHMS),
    default=ALGORITHMS[0],
    show_default=True,
    help="Whose next key is made.",
)
@click.option(
    "--compromised",
    is_flag=True,
    help="Somebody else may know the old keys: forget them at once.",
)
def rotate(asked: Asked, algorithm: str, *, compromised: bool) -> None:
    """Make the next key of an algorithm.

    It is published now and signs a day later.
    """
    with asked.work() as work:
        made = work.write(keys.rotate, work.house.vault, algorithm, compromised=compromised)
    asked.answer(
        made,
        lambda: output.facts(
            {"key": made.kid, "algorithm": made.algorithm, "signs from": made.active_from}
        ),
    )
