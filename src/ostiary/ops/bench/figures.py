"""What a benchmark finds: figures, each beside what it is compared with, and the bar to hold."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure.

    ``reference`` says what ``reference_value``, of the same unit, was measured on. ``bar`` is
    compared with the ratio of the two, or with the value itself where ``bar_on_value``.
    """

    name: str
    value: float
    unit: str
    reference: str = ""
    reference_value: float | None = None
    bar: float | None = None
    bar_on_value: bool = False
    at_least: bool = False

    @property
    def ratio(self) -> float | None:
        """Value to reference."""
        return self.value / self.reference_value if self.reference_value else None

    @property
    def holds(self) -> bool | None:
        """Whether the bar holds; None: there is none, or nothing to compare."""
        compared = self.value if self.bar_on_value else self.ratio
        if self.bar is None or compared is None:
            return None
        return compared >= self.bar if self.at_least else compared <= self.bar


class Results(msgspec.Struct, kw_only=True):
    """What one benchmark found, and what it was run with."""

    benchmark: str
    settings: dict[str, int | float | str]
    figures: list[Figure] = []
    notes: list[str] = []

    def add(self, name: str, value: float, unit: str, **further: object) -> None:
        """Note a figure; ``further`` are fields of `Figure`."""
        given = {"name": name, "value": value, "unit": unit, **further}
        self.figures.append(msgspec.convert(given, Figure))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values) if values else math.nan


def timed(work: Callable[[], object], times: int) -> list[float]:
    """Milliseconds that each of some runs took."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1_000)
    return took
