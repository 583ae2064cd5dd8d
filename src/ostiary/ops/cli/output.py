"""What the commands print: tables for people, tab-separated lines for pipes, JSON for programs.

Names, labels and user agents were chosen by strangers. Nothing of them may steer the terminal, look
like markup, or make one line into two.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

Cell = str | int | bool | datetime | None | Sequence[str]

_UNSAFE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BIDI = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def clean(text: str) -> str:
    """The text with what could steer a terminal written as Python would write it in a literal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(repr(c)[1:-1] if _is_unsafe(c) else c for c in text)


def _is_unsafe(letter: str) -> bool:
    return unicodedata.category(letter) in _UNSAFE or unicodedata.bidirectional(letter) in _BIDI


def shown(value: Cell) -> str:
    """A value in a table: times in UTC, to the second; nothing for what is not known."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int):
        return str(value)
    return ", ".join(clean(item) for item in value)


def to_json(value: object) -> str:
    """One line of JSON in ASCII, which no terminal and no encoding can misunderstand."""
    return json.dumps(msgspec.to_builtins(value), separators=(",", ":"))


def on_terminal() -> bool:
    """Whether people read what is printed."""
    return sys.stdout.isatty()


def line(text: str) -> None:
    """Print a line, made harmless."""
    click.echo(clean(text))


def note(text: str) -> None:
    """Say something beside the result, on standard error."""
    click.echo(clean(text), err=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, whole: int = 1) -> None:
    """Print rows: a table on a terminal, else one tab-separated line each, without a head.

    Args:
        columns: the heads.
        rows: values of each row, as many as there are columns.
        whole: how many of the first columns are never wrapped or cut.
    """
    if not on_terminal():
        for row in rows:
            click.echo("\t".join(shown(cell) for cell in row))
        return
    view = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, column in enumerate(columns):
        longest = max((len(shown(row[number])) for row in rows), default=0)
        kept = number < whole
        view.add_column(
            column,
            no_wrap=kept,
            min_width=max(longest, len(column)) if kept else None,
            overflow="fold",
        )
    for row in rows:
        view.add_row(*(Text(shown(cell)) for cell in row))
    _console().print(view)


def facts(values: Mapping[str, Cell]) -> None:
    """Print named values, one a line; what is not known is left out."""
    known = {name: shown(value) for name, value in values.items() if shown(value)}
    if not on_terminal():
        for name, value in known.items():
            click.echo(f"{name}\t{value}")
        return
    width = max(map(len, known), default=0)
    for name, value in known.items():
        click.echo(f"{click.style(name.ljust(width), bold=True)}  {value}")


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar for long work on a terminal, and nothing in a pipe.

    Yields:
        What is told how much has been done.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True, markup=False, highlight=False)
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def _console() -> Console:
    return Console(file=sys.stdout, markup=False, highlight=False, emoji=False)
