"""One page of any list: by keyset, in both directions, counted up to a limit (DESIGN section 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from ostiary.domain.search import COUNT_LIMIT, LONGEST_PAGE, Page, Position
from ostiary.gateways.keys import Vault
from ostiary.services import cursors

T = TypeVar("T")


def paged(
    vault: Vault,
    listed: object,
    *,
    cursor: str | None,
    limit: int,
    fetch: Callable[[Position | None, int], list[T]],
    position: Callable[[T], Position],
    count: Callable[[int], int],
) -> Page[T]:
    """A page with the cursors of its neighbours.

    Args:
        vault: holds the key that signs cursors.
        listed: what the list was asked for; a cursor is good for that list alone.
        cursor: where the page begins; None: at the start.
        limit: the most rows that it holds, within 1 and `LONGEST_PAGE`.
        fetch: up to so many rows beyond a position, in the list's order.
        position: where a row stands in the list's order.
        count: how many rows match, counted no further than its argument.

    Raises:
        BadCursor: the cursor is not of this list.
    """
    limit = min(max(limit, 1), LONGEST_PAGE)
    after = cursors.decode(vault, listed, cursor)
    found = fetch(after, limit + 1)
    backwards = after is not None and after.backwards
    more = len(found) > limit
    if more:
        found = found[1:] if backwards else found[:limit]
    has_next = bool(found) and (more or backwards)
    has_previous = bool(found) and ((backwards and more) or (after is not None and not backwards))

    def point(item: T, *, back: bool) -> str:
        where = msgspec.structs.replace(position(item), backwards=back)
        return cursors.encode(vault, listed, where)

    total = count(COUNT_LIMIT + 1)
    return Page(
        items=tuple(found),
        next=point(found[-1], back=False) if has_next else None,
        previous=point(found[0], back=True) if has_previous else None,
        total=min(total, COUNT_LIMIT),
        total_is_exact=total <= COUNT_LIMIT,
    )
