"""``ostiary init``: the built-in organization, application and administrator, for scripts."""

from __future__ import annotations

import click

from ostiary.ops.cli import output
from ostiary.ops.cli.program import Asked, with_options
from ostiary.ops.cli.types import ask_password, password_option
from ostiary.services import setup


@click.command("init")
@with_options
@click.option("--admin", default="admin", show_default=True, help="The administrator's name.")
@password_option
def command(asked: Asked, admin: str, *, password_stdin: bool) -> None:
    """Set up an installation from a script.

    It makes the built-in organization, application and administrator. Run again it changes nothing.
    It works beside a running server.
    """
    with asked.work(create=True) as work:
        installed = None
        # Nobody is asked for a password that would not be used.
        if not work.house.database.read(setup.is_installed):
            password = ask_password(from_stdin=password_stdin)
            installed = setup.install(work.house, work.act, admin=admin, password=password)
    if installed is None:
        asked.answer(
            {"created": False},
            lambda: output.line("Ostiary has been set up before; nothing was changed."),
        )
        return
    client_id, client_secret = installed.application.client_id, installed.client_secret

    def tell() -> None:
        output.line(f"The administrator built-in/{admin} can sign in now.")
        output.facts({"client id": client_id, "client secret": client_secret})

    asked.answer({"created": True, "clientId": client_id, "clientSecret": client_secret}, tell)
