"""What may be bound to a statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from ostiary.domain.errors import BadInput

_LARGEST = 2**63 - 1

_Row: TypeAlias = Mapping[str, object] | Sequence[object]


def refuse_unstorable(
    _connection: object,
    _cursor: object,
    _statement: str,
    parameters: _Row | Sequence[_Row],
    _context: object,
    executemany: bool,  # noqa: FBT001 - as SQLAlchemy's event calls it
) -> None:
    """Refuse what PostgreSQL cannot hold, on both databases alike, before they see it.

    Raises:
        BadInput: a text holds NUL or half a character, or a number has more than 64 bits.
    """
    for row in parameters if executemany else (parameters,):
        values: Iterable[object] = row.values() if isinstance(row, Mapping) else _sequence(row)
        if not all(_is_storable(value) for value in values):
            raise BadInput("value", "A text or number that was sent cannot be stored.")


def _sequence(row: object) -> Sequence[object]:
    return row if isinstance(row, Sequence) else ()


def _is_storable(value: object) -> bool:
    if isinstance(value, int):
        return -_LARGEST <= value <= _LARGEST
    if not isinstance(value, str):
        return True
    if value.isascii():
        return "\x00" not in value
    try:
        return b"\x00" not in value.encode()
    except UnicodeEncodeError:
        return False
