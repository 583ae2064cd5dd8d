"""``ostiary bench``: how fast it is here, each figure beside what it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ostiary.ops.cli import output
from ostiary.ops.cli.program import Asked, with_options

if TYPE_CHECKING:
    from ostiary.ops.bench.figures import Figure, Results

_SESSIONS = click.IntRange(min=100)
_ONE_OR_MORE = click.IntRange(min=1)

_seconds = click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    default=3.0,
    show_default=True,
    help="How long each measurement takes.",
)


_workers = click.option(
    "--workers",
    type=_ONE_OR_MORE,
    default=2,
    show_default=True,
    help="How many processes serve.",
)


def _sessions(default: int) -> Callable[[Any], Any]:
    return click.option(
        "--sessions",
        type=_SESSIONS,
        default=default,
        show_default=True,
        help="How many sessions it is done with.",
    )


@click.group("bench")
def command() -> None:
    """Measure on this machine. Each works in a temporary directory, in --data when it is given."""


@command.command("check")
@with_options
@_sessions(20_000)
@_seconds
@click.option(
    "--rounds",
    type=_ONE_OR_MORE,
    default=3,
    show_default=True,
    help="Of how many measurements in turn the median is taken.",
)
def check(asked: Asked, /, **how: Any) -> None:  # noqa: ANN401 - passed on
    """What a check costs, beside nginx.

    CPU time beside that of a constant answer, scaling, and strangers' guesses. Needs wrk and nginx.
    """
    from ostiary.ops.bench import check as bench  # noqa: PLC0415 - others need no benchmarks

    _run(asked, partial(bench.run, **how))


@command.command("exact")
@with_options
@click.option(
    "--probes",
    type=_ONE_OR_MORE,
    default=100_000,
    show_default=True,
    help="How many questions, at least, are asked after endings.",
)
@_workers
@click.option("--gate-off", is_flag=True, help="The control: views that hear of nothing.")
def exact(asked: Asked, /, **how: Any) -> None:  # noqa: ANN401 - passed on
    """Look for stale answers after endings.

    All workers are asked under full load, and none may accept what has ended. Needs wrk.
    """
    from ostiary.ops.bench import exact as bench  # noqa: PLC0415 - others need no benchmarks

    _run(asked, partial(bench.run, **how))


@command.command("end")
@with_options
@_sessions(1_000_000)
@click.option(
    "--endings",
    type=_ONE_OR_MORE,
    default=500,
    show_default=True,
    help="How many sessions are ended one by one, for each figure.",
)
@_seconds
def end(asked: Asked, /, **how: Any) -> None:  # noqa: ANN401 - passed on
    """End one under load, and a million at once.

    By /v1, and by a cut-off of an organization. Needs wrk.
    """
    from ostiary.ops.bench import end as bench  # noqa: PLC0415 - others need no benchmarks

    _run(asked, partial(bench.run, **how))


@command.command("list")
@with_options
@_sessions(1_000_000)
def list_(asked: Asked, /, **how: Any) -> None:  # noqa: ANN401 - passed on
    """List sessions at any depth, filtered, and on the Casdoor wire."""
    from ostiary.ops.bench import listing as bench  # noqa: PLC0415 - others need no benchmarks

    _run(asked, partial(bench.run, **how))


@command.command("purge")
@with_options
@_sessions(100_000)
def purge(asked: Asked, /, **how: Any) -> None:  # noqa: ANN401 - passed on
    """Remove what is past retention, with endings beside."""
    from ostiary.ops.bench import purge as bench  # noqa: PLC0415 - others need no benchmarks

    _run(asked, partial(bench.run, **how))


@command.command("memory")
@with_options
@_sessions(1_000_000)
def memory(asked: Asked, /, **how: Any) -> None:  # noqa: ANN401 - passed on
    """Weigh a live view.

    The memory that each session takes, and for how long a collection of garbage stops all.
    """
    from ostiary.ops.bench import memory as bench  # noqa: PLC0415 - others need no benchmarks

    _run(asked, partial(bench.run, **how))


@command.command("tokens")
@with_options
@_workers
@_seconds
@click.option(
    "--rounds",
    type=_ONE_OR_MORE,
    default=3,
    show_default=True,
    help="Of how many measurements in turn the median is taken.",
)
def tokens(asked: Asked, /, **how: Any) -> None:  # noqa: ANN401 - passed on
    """Sign in, refresh and introspect.

    Whole code flows, refreshes and introspections, beside oidc-provider, which is brought from npm
    where Node.js is there. Needs wrk.
    """
    from ostiary.ops.bench import tokens as bench  # noqa: PLC0415 - others need no benchmarks

    _run(asked, partial(bench.run, **how))


def _run(asked: Asked, bench: Callable[..., Results]) -> None:
    parent = Path(asked.data) if asked.data else None
    found = bench(parent, output.progress)
    asked.answer(_as_object(found), lambda: _show(found))


def _as_object(found: Results) -> dict[str, object]:
    return {
        "benchmark": found.benchmark,
        "settings": found.settings,
        "figures": [
            {
                **{name: getattr(figure, name) for name in figure.__struct_fields__},
                "ratio": figure.ratio,
                "holds": figure.holds,
            }
            for figure in found.figures
        ],
        "notes": found.notes,
    }


def _show(found: Results) -> None:
    output.table(
        ("FIGURE", "VALUE", "UNIT", "REFERENCE", "ITS VALUE", "RATIO", "BAR", "HOLDS"),
        [
            (
                figure.name,
                _number(figure.value),
                figure.unit,
                figure.reference,
                _number(figure.reference_value),
                _number(figure.ratio),
                _bar(figure),
                {True: "yes", False: "no", None: ""}[figure.holds],
            )
            for figure in found.figures
        ],
    )
    settings = ", ".join(f"{name}: {value}" for name, value in found.settings.items())
    output.note(f"With {settings}.")
    for text in found.notes:
        output.note(text)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if value == int(value) or abs(value) >= 1_000:  # noqa: PLR2004 - four digits are enough
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _bar(figure: Figure) -> str:
    if figure.bar is None:
        return ""
    sign = "≥" if figure.at_least else "≤"
    unit = f" {figure.unit}" if figure.bar_on_value and figure.unit else ""
    return f"{sign} {_number(figure.bar)}{unit}"
