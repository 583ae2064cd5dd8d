"""``ostiary setup-link``: a new one-time link, when the first one was lost."""

from __future__ import annotations

import click

from ostiary.domain.errors import AlreadyExists, Misconfigured
from ostiary.ops.cli import output
from ostiary.ops.cli.program import Asked, with_options
from ostiary.services import setup
from ostiary.web.set_up import setup_address


@click.command("setup-link")
@with_options
def command(asked: Asked) -> None:
    """Print a new one-time set-up link.

    Earlier ones stop working. Whoever opens it chooses the administrator. Fails when that has been
    done.
    """
    public_url = asked.load().config.server.public_url
    if not public_url:
        raise Misconfigured(
            "server.public_url: has to be set, since server.port is 0 and the link needs a port"
        )
    with asked.work(create=True) as work:
        secret = work.house.database.write(setup.new_link)
    if secret is None:
        raise AlreadyExists(f"Ostiary has been set up before. Sign in at {public_url}")
    link = setup_address(public_url, secret)
    asked.answer({"link": link}, lambda: output.line(link))
