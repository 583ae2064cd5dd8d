"""``ostiary serve``: run the server."""

from __future__ import annotations

import click

from ostiary.ops.cli.program import Asked, with_options
from ostiary.ops.config import Config


@click.command("serve")
@with_options
@click.option("--host", help="The address to listen on (server.host).")
@click.option("--port", help="The port to listen on (server.port).")
@click.option("--workers", help="How many processes serve (server.workers).")
@click.option("--public-url", help="Where browsers reach it (server.public_url).")
def command(
    asked: Asked,
    host: str | None,
    port: str | None,
    workers: str | None,
    public_url: str | None,
) -> int:
    """Run the server. The first start prints a one-time set-up link.

    With --json the log is JSON, one object a line. SIGHUP reads the configuration again.
    """
    flags = {
        "server.host": host,
        "server.port": port,
        "server.workers": workers,
        "server.public_url": public_url,
        "log.format": "json" if asked.as_json else None,
    }

    def load() -> Config:
        return asked.load(flags).config

    config = load()
    from ostiary.ops import server  # noqa: PLC0415 - the other commands need no web server

    return server.run(config, reload=load)
