"""``ostiary demo``: a server filled with an example."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click

from ostiary.domain.access import OPERATOR
from ostiary.domain.errors import Misconfigured
from ostiary.gateways.entropy import new_secret
from ostiary.ops import demo
from ostiary.ops.cli.output import progress, to_json
from ostiary.ops.cli.program import Asked, with_options
from ostiary.ops.compose import close_house, open_house
from ostiary.ops.config import Config
from ostiary.services import setup
from ostiary.services.house import Act

_PASSWORD_LENGTH = 16


@click.command("demo")
@with_options
@click.option("--host", help="The address to listen on (server.host).")
@click.option("--port", help="The port to listen on (server.port).")
@click.option("--workers", help="How many processes serve (server.workers).")
def command(asked: Asked, host: str | None, port: str | None, workers: str | None) -> int:
    """Serve an example that is filled already.

    Three organizations, dozens of users, hundreds of sessions. It is kept in a temporary directory
    and gone when the server stops, unless --data names one.
    """
    kept = Path(asked.data) if asked.data else None
    if kept is not None and kept.exists() and any(kept.iterdir()):
        raise Misconfigured(f"{kept} is not empty. An example is made in a directory of its own.")
    data = kept or Path(tempfile.mkdtemp(prefix="ostiary-demo-"))
    flags = {
        "storage.data": str(data),
        "storage.url": f"sqlite:///{data / 'ostiary.db'}",
        "server.host": host,
        "server.port": port,
        "server.workers": workers,
        "log.level": "warning",
    }
    try:
        config = asked.load(flags).config
        _tell(asked, _fill(config))
        from ostiary.ops import server  # noqa: PLC0415 - the other commands need no web server

        return server.run(config)
    finally:
        if kept is None:
            shutil.rmtree(data, ignore_errors=True)


def _fill(config: Config) -> demo.Example:
    password = new_secret()[:_PASSWORD_LENGTH]
    house = open_house(config)
    try:
        act = Act(caller=OPERATOR, now=house.clock())
        setup.install(house, act, admin="admin", password=password)
        plan = demo.begin(house, password)
        with progress("Making the example", len(plan.sign_ins)) as done:
            return demo.fill(house, plan, on_progress=done)
    finally:
        close_house(house)


def _tell(asked: Asked, made: demo.Example) -> None:
    if asked.as_json:
        click.echo(to_json(made))
        return
    click.echo(
        f"An example: {made.users} users and {made.sessions} sign-ins. Everybody's password is\n"
        f"  {made.password}\n"
        "Sign in as an administrator: admin of built-in, or m.keller of acme.\n"
        "Or as somebody else: a.osei of acme, p.nair of globex."
    )
