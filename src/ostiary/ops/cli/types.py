"""Kinds of arguments: instants, durations, accounts, public ids, passwords."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeVar

import click

from ostiary.domain.errors import BadInput
from ostiary.domain.lifetime import Overrides
from ostiary.domain.secrets import is_public_id
from ostiary.ops.compose import utc_now
from ostiary.ops.config_values import parse_duration

F = TypeVar("F", bound=Callable[..., Any])

_AGO: Final = re.compile(r"[0-9]{1,6}[smhd]")
_LONGEST_INPUT: Final = 10_000


class Account(NamedTuple):
    """A user, as ``ORGANIZATION/NAME`` names one."""

    organization: str
    name: str


class _Instant(click.ParamType[datetime]):
    name = "TIME"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read ``2026-11-24``, ``2026-11-24T09:00Z`` or ``7d``, which is seven days ago."""
        try:
            if _AGO.fullmatch(value):
                return utc_now() - timedelta(seconds=parse_duration(value) or 0)
            instant = datetime.fromisoformat(value)
            instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
            return instant.astimezone(UTC)
        except (ValueError, OverflowError):
            expected = "expected a time like 2026-11-24, 2026-11-24T09:00Z or 7d (seven days ago)"
            self.fail(f"{expected}, not {value!r}.", param, ctx)


class _Seconds(click.ParamType[int]):
    name = "DURATION"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read ``90s``, ``15m``, ``1h`` or ``30d``."""
        seconds = parse_duration(value)
        if seconds is None:
            self.fail(f'expected a duration like "15m", "1h" or "30d", not {value!r}.', param, ctx)
        return seconds


class _Account(click.ParamType[Account]):
    name = "ORGANIZATION/NAME"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> Account:
        """Read ``acme/ann``."""
        organization, slash, name = value.partition("/")
        if not (organization and slash and name):
            self.fail(f"expected ORGANIZATION/NAME, like acme/ann, not {value!r}.", param, ctx)
        return Account(organization, name)


class _PublicId(click.ParamType[str]):
    name = "ID"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read a session's public id."""
        if not is_public_id(value):
            self.fail(
                f"a session's id is 32 digits 0-9 and a-f, which {value!r} is not.", param, ctx
            )
        return value


INSTANT: Final = _Instant()
SECONDS: Final = _Seconds()
ACCOUNT: Final = _Account()
PUBLIC_ID: Final = _PublicId()


def password_option(command: F) -> F:
    """Let the password come from standard input."""
    return click.option(
        "--password-stdin", is_flag=True, help="Read the password from standard input, one line."
    )(command)


def ask_password(*, from_stdin: bool, instead: str = "") -> str:
    """The password: a line of standard input, or asked for twice on a terminal.

    Args:
        from_stdin: what ``--password-stdin`` said.
        instead: what else could be given, for the error.

    Raises:
        BadInput: the input is no single line of text.
        UsageError: there is nobody to ask.
    """
    if from_stdin:
        return _one_line()
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"There is no terminal to ask for the password. Give --password-stdin{instead}."
        )
    return click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)


def _one_line() -> str:
    raw = sys.stdin.buffer.read(_LONGEST_INPUT)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise BadInput("password", "The password on standard input is not UTF-8 text.") from error
    text = text.removesuffix("\n").removesuffix("\r")
    if "\n" in text or "\r" in text:
        raise BadInput("password", "Standard input has to hold the password alone, on one line.")
    return text


def lifetime_options(command: F) -> F:
    """Let an owner say its own lifetimes."""
    for name, words in reversed(
        (
            ("idle", "End its sessions after so long without use"),
            ("absolute", "End its sessions so long after signing in"),
            ("remembered-idle", "The same as --idle, with Keep me signed in"),
            ("remembered-absolute", "The same as --absolute, with Keep me signed in"),
        )
    ):
        command = click.option(f"--{name}", type=SECONDS, help=f"{words}.")(command)
    return command


def overrides(
    *,
    idle: int | None,
    absolute: int | None,
    remembered_idle: int | None,
    remembered_absolute: int | None,
) -> Overrides:
    """What `lifetime_options` said."""
    return Overrides(
        idle=idle,
        absolute=absolute,
        remembered_idle=remembered_idle,
        remembered_absolute=remembered_absolute,
    )
