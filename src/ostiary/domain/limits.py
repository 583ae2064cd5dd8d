"""How many sessions a record may hold, and which have to go (contract W9, W8)."""

from __future__ import annotations

from collections.abc import Sequence

RECORD_CAP = 100
"""The most live sessions of one user in one application (contract 1.4 and 6, W9)."""


def surplus(oldest_first: Sequence[str], *, arriving: str, exclusive: bool) -> tuple[str, ...]:
    """The public ids that have to end so that ``arriving`` fits in.

    Args:
        oldest_first: the live ids of one record; may hold ``arriving`` already.
        arriving: the id that signs in.
        exclusive: only one session may be left.
    """
    others = [item for item in oldest_first if item != arriving]
    keep = 0 if exclusive else RECORD_CAP - 1
    return tuple(others[: max(0, len(others) - keep)])
