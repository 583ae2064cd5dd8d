"""``ostiary serve``: take the data and the port, see that all is in order, and serve."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import msgspec
import structlog

from ostiary.domain.errors import Misconfigured
from ostiary.ops import telemetry
from ostiary.ops.compose import close_house, open_house, prepare_directory
from ostiary.ops.config import Config
from ostiary.ops.config_force import put_in_force
from ostiary.ops.listening import claim_port, held, require_free
from ostiary.ops.supervisor import Supervisor
from ostiary.services import setup
from ostiary.web.set_up import setup_address

_log = structlog.get_logger(__name__)


def run(config: Config, *, reload: Callable[[], Config] | None = None) -> int:
    """Serve until SIGTERM or SIGINT.

    Args:
        config: what is in force.
        reload: reads the configuration again, on SIGHUP; None: it stays what it is.

    Returns:
        The exit code.

    Raises:
        Misconfigured: another server has the data or the port, or the installation cannot be
            opened. Nothing was started.
    """
    telemetry.configure(config.log)
    directory = Path(config.storage.data)
    require_free(directory)
    with ExitStack() as stack:
        server = config.server
        listeners = claim_port(server.host, server.port, server.workers)
        for listener in listeners:
            stack.enter_context(listener)
        port = listeners[0].getsockname()[1]
        in_force = _on_port(config, port)
        prepare_directory(directory, create=True)
        stack.enter_context(held(directory))
        link = _prepare(in_force)

        def ready() -> None:
            _announce(in_force, link)

        def read_again() -> Config:
            return _on_port(_unchanged(config, reload() if reload is not None else config), port)

        return Supervisor(in_force, listeners, ready=ready, reload=read_again).run()


def _on_port(config: Config, port: int) -> Config:
    """The configuration with the port that it listens on, which may have been any."""
    server = msgspec.structs.replace(config.server, port=port)
    return put_in_force(msgspec.structs.replace(config, server=server))


def _prepare(config: Config) -> str | None:
    """Make or examine the installation before any worker does.

    Returns:
        The secret of a new set-up link, if nobody was set up yet.
    """
    house = open_house(config)
    try:
        return house.database.write(setup.new_link)
    finally:
        close_house(house)


def _announce(config: Config, link: str | None) -> None:
    """Say on standard output that it answers, and how to begin."""
    url = config.server.public_url
    lines = [f"Ostiary is ready at {url}"]
    if link is not None:
        lines += [
            "Nobody has been set up yet. Choose the first administrator's password here, once:",
            f"  {setup_address(url, link)}",
        ]
    with contextlib.suppress(OSError):  # whoever read it may be gone; that stops no server
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    _log.info(
        "server.ready",
        url=url,
        host=config.server.host,
        port=config.server.port,
        workers=config.server.workers,
    )


def _unchanged(old: Config, new: Config) -> Config:
    """A configuration that was read again, if a running server can take it over.

    Raises:
        Misconfigured: something changed that only a restart can change.
    """
    fixed = ("server.host", "server.port", "server.workers", "storage.url", "storage.data")
    changed = [
        key
        for key in fixed
        for section, name in [key.split(".")]
        if getattr(getattr(old, section), name) != getattr(getattr(new, section), name)
    ]
    if changed:
        raise Misconfigured(f"{', '.join(changed)}: only a restart can change this.")
    return new
