"""What all commands have in common: their options, the open installation, and how they fail."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

import click

from ostiary.domain.access import OPERATOR
from ostiary.domain.errors import OstiaryError
from ostiary.domain.logout import Ended
from ostiary.edge.telling import after_a_moment
from ostiary.ops.cli.output import clean, to_json
from ostiary.ops.compose import close_house, open_house
from ostiary.ops.config_file import Loaded, load
from ostiary.services.house import Act, House
from ostiary.storage import jobs as leases

P = ParamSpec("P")
R = TypeVar("R")

FAILED = 1
USAGE = 2
INTERRUPTED = 130
"""As a shell says it of a program that Ctrl-C ended."""

_SERVES_WITHIN = timedelta(minutes=2)
"""Some job of a running server was done that lately."""


@dataclass(frozen=True, slots=True)
class Work:
    """An open installation, in the hands of its operator."""

    house: House

    @property
    def act(self) -> Act:
        """The operator acts now."""
        house = self.house
        return Act(caller=OPERATOR, now=house.clock(), allow=house.outbound.allow)

    def read(
        self, verb: Callable[Concatenate[Any, Act, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a verb of the services that only reads."""
        return self.house.database.read(verb, self.act, *args, **kwargs)

    def write(
        self, verb: Callable[Concatenate[Any, Act, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a verb of the services in a writing transaction."""
        return self.house.database.write(verb, self.act, *args, **kwargs)

    def by_now(self, ended: Ended) -> Ended:
        """The same ending, after a moment in which servers tell applications, if any runs."""
        if not ended.pending:
            return ended
        since = self.house.clock() - _SERVES_WITHIN
        served = self.house.database.read(leases.any_finished, since)
        return asyncio.run(after_a_moment(self.house, ended)) if served else ended


@dataclass(frozen=True, slots=True)
class Asked:
    """The options that every command has."""

    config_file: Path | None
    data: str | None
    as_json: bool

    def load(self, overrides: Mapping[str, object] | None = None) -> Loaded:
        """The configuration, with these flags and further ones.

        Raises:
            Misconfigured: it cannot be used.
        """
        return load(
            file=self.config_file, overrides={"storage.data": self.data, **(overrides or {})}
        )

    @contextmanager
    def work(self, *, create: bool = False) -> Iterator[Work]:
        """Open the installation, and close it in the end.

        Raises:
            Misconfigured: it cannot be opened, or is not there and must not be made.
        """
        house = open_house(self.load().config, create=create)
        try:
            yield Work(house)
        finally:
            close_house(house)

    def answer(self, value: object, tell: Callable[[], object]) -> None:
        """Print the result: ``value`` as JSON when asked to, else by ``tell``."""
        if self.as_json:
            click.echo(to_json(value))
        else:
            tell()


def with_options(command: Callable[Concatenate[Asked, P], R]) -> Callable[P, R]:
    """Give a command the options ``--config``, ``--data`` and ``--json``."""

    @click.option(
        "--config",
        "config_file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="The configuration file, instead of ostiary.toml here.",
    )
    @click.option("--data", metavar="DIR", help="The data directory (storage.data).")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too.")
    @functools.wraps(command)
    def with_asked(*args: P.args, **kwargs: P.kwargs) -> R:
        asked = Asked(
            **{name: kwargs.pop(name) for name in ("config_file", "data", "as_json")}  # type: ignore[arg-type]
        )
        return command(asked, *args, **kwargs)

    return with_asked


class Program(click.Group):
    """The ``ostiary`` command: says what went wrong in one way, whatever went wrong."""

    def list_commands(self, _: click.Context) -> list[str]:
        """In the order of the list of modules, not of the alphabet."""
        return list(self.commands)

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = "ostiary",
        *,
        standalone_mode: bool = True,
        **further: Any,  # noqa: ANN401 - click's own
    ) -> Any:  # noqa: ANN401 - the same
        """Run a command line and leave by its exit code."""
        given = list(sys.argv[1:] if args is None else args)
        if not standalone_mode:
            return super().main(given, prog_name, standalone_mode=False, **further)
        _survive_any_encoding()
        as_json = "--json" in given
        try:
            code = super().main(given, prog_name, standalone_mode=False, **further)
            sys.stdout.flush()
        except OstiaryError as error:
            _fail(error.code, error.text, error.detail, as_json=as_json)
        except click.exceptions.Abort as error:
            _aborted(error)
        except click.ClickException as error:
            _refused(error, as_json=as_json)
        except BrokenPipeError:
            _leave_quietly()
        sys.exit(code if isinstance(code, int) else 0)


def _fail(code: str, text: str, detail: str = "", *, as_json: bool) -> NoReturn:
    """Say what went wrong on standard error, and leave with 1."""
    if as_json:
        error = {"code": code, "text": text} | ({"detail": detail} if detail else {})
        click.echo(to_json({"error": error}), err=True)
    else:
        for part in text.splitlines():
            click.echo(f"ostiary: {clean(part)}", err=True)
        if detail:
            click.echo(f"ostiary: {clean(' '.join(detail.split()))}", err=True)
    sys.exit(FAILED)


def _refused(error: click.ClickException, *, as_json: bool) -> NoReturn:
    """A command line that makes no sense."""
    if as_json:
        text = error.format_message()
        click.echo(to_json({"error": {"code": "usage", "text": text}}), err=True)
    else:
        error.show()
    sys.exit(error.exit_code)


def _aborted(error: click.exceptions.Abort) -> NoReturn:
    """Ctrl-C, also at a prompt; or a prompt answered by no, or by nobody."""
    interrupted = isinstance(error.__cause__ or error.__context__, KeyboardInterrupt)
    if not interrupted:
        click.echo("ostiary: Nothing was done.", err=True)
    sys.exit(INTERRUPTED if interrupted else FAILED)


def _leave_quietly() -> NoReturn:
    """Nobody reads on: say nothing, not even when the interpreter flushes at its end."""
    sys.stdout = sys.stderr = Path("/dev/null").open("w", encoding="utf-8")  # noqa: SIM115
    sys.exit(FAILED)


def _survive_any_encoding() -> None:
    """Names can hold letters that a terminal's encoding has not: write those out instead."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
