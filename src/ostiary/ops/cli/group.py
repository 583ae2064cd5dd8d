"""The commands, put together."""

from __future__ import annotations

from importlib.metadata import version

import click

from ostiary.ops.cli import (
    applications,
    bench,
    check_config,
    demo,
    init,
    keys,
    notices,
    organizations,
    serve,
    sessions,
    setup_link,
    users,
)
from ostiary.ops.cli.program import Program

MODULES = (
    serve,
    init,
    setup_link,
    check_config,
    sessions,
    users,
    organizations,
    applications,
    keys,
    notices,
    demo,
    bench,
)
"""Each has its click command under the name ``command``; a new file is a new line here."""


@click.group(
    cls=Program,
    name="ostiary",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Documentation: docs/cli.md and docs/configuration.md.",
)
@click.version_option(version("ostiary"), "-V", "--version", message="ostiary %(version)s")
def main() -> None:
    """A session server: who is signed in where, and an end to it that everybody hears of."""


for _module in MODULES:
    main.add_command(_module.command)
