"""Long lists in short statements: both databases bound how many values one statement takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

AT_A_TIME = 500
"""Far below SQLite's 32,766 and PostgreSQL's 65,535, and as quick as one long list."""


def pieces(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items in their order, `AT_A_TIME` at most in each piece."""
    for start in range(0, len(items), AT_A_TIME):
        yield items[start : start + AT_A_TIME]
