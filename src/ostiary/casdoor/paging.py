"""Pages, filters and orders of lists (contract 1.2): clamped, never a failure (W4)."""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec

from ostiary.casdoor.reading import Wire
from ostiary.domain.errors import BadInput

USUAL_SIZE = 10
LONGEST_SIZE = 10_000
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)
_FIELD = re.compile(r"[A-Za-z0-9]+", re.ASCII)


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What a list was asked for. ``size`` None: all of it, newest first, unfiltered."""

    page: int = 1
    size: int | None = None
    field: str | None = None
    value: str = ""
    sort: str = "created_time"
    descending: bool = True

    @property
    def offset(self) -> int:
        """The rows before the page."""
        return (self.page - 1) * (self.size or 0)

    def within(self, total: int) -> Listing:
        """The same page, or the last one when it lies beyond the end."""
        last = max(1, -(-total // self.size)) if self.size else 1
        return msgspec.structs.replace(self, page=min(self.page, last))


def listing_of(wire: Wire, *, searched: Collection[str], sorted_by: Collection[str]) -> Listing:
    """What a request asks of a list.

    Args:
        wire: the request.
        searched: the columns that can be searched, in snake_case.
        sorted_by: those that can be sorted by.

    Raises:
        BadInput: there is no such column.
    """
    if not wire.get("p") or not wire.get("pageSize"):
        return Listing()
    field, value = wire.get("field"), wire.get("value")
    filtered = bool(field and value and _FIELD.fullmatch(field))
    sort, order = wire.get("sortField"), wire.get("sortOrder")
    chosen = bool(sort and order and _FIELD.fullmatch(sort))
    size = positive(wire.get("pageSize"), USUAL_SIZE)
    return Listing(
        page=positive(wire.get("p"), 1),
        size=min(size, LONGEST_SIZE),
        field=_column(field, searched) if filtered else None,
        value=value if filtered else "",
        sort=_column(sort, sorted_by) if chosen else "created_time",
        descending=order != "ascend",
    )


def positive(text: str, otherwise: int) -> int:
    """A positive number; anything else is what is usual."""
    number = int(text) if _NUMBER.fullmatch(text) else 0
    return number if number > 0 else otherwise


def _column(field: str, columns: Collection[str]) -> str:
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", field).lower()
    if name not in columns:
        raise BadInput(field, f"no such column: {name}")
    return name
