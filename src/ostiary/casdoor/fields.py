"""Things of the wire have far more fields than Ostiary uses: the others are kept and given back.

A write touches the fields that came, or of these only those that ``columns`` names; what did not
come stays as it is. Secrets are shown as ``***`` to those who may not see them, and ``***`` coming
back means "as it was".
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from ostiary.casdoor.paging import Listing
from ostiary.casdoor.reading import Body
from ostiary.domain.errors import BadInput

UNSET = msgspec.UNSET
Unset = msgspec.UnsetType

MASK = "***"
Things = list[dict[str, Any]]


class Fields:
    """The fields of a body that a write touches."""

    def __init__(self, body: Body, columns: str = "") -> None:
        """Take all of them, or those of a list.

        Args:
            body: the thing as it was sent.
            columns: names with commas between, in camelCase or snake_case; empty: all.
        """
        self._body = body
        self._columns = {_folded(name) for name in columns.split(",") if name.strip()}

    def touches(self, key: str) -> bool:
        """Whether this field is written."""
        return self._body.has(key) and (not self._columns or _folded(key) in self._columns)

    def text(self, key: str) -> str | Unset:
        """A text, or unset."""
        return self._body.text(key) if self.touches(key) else UNSET

    def flag(self, key: str) -> bool | Unset:
        """A truth value, or unset."""
        return self._body.flag(key) if self.touches(key) else UNSET

    def texts(self, key: str) -> tuple[str, ...] | Unset:
        """A list of texts without empty ones, which some clients send for "none"; or unset."""
        return tuple(filter(None, self._body.texts(key))) if self.touches(key) else UNSET

    def number(self, key: str) -> float | Unset:
        """A number, or unset.

        Raises:
            BadInput: it is endless, or no number at all.
        """
        if not self.touches(key):
            return UNSET
        number = self._body.number(key)
        if not math.isfinite(number):
            raise BadInput(key, f"{key} has to be a number.")
        return number

    def hours(self, key: str) -> int | Unset:
        """A number of hours in whole seconds, or unset.

        Raises:
            BadInput: it is below zero or endless.
        """
        number = self.number(key)
        if isinstance(number, Unset):
            return UNSET
        if not 0 <= number <= _MOST_HOURS:
            raise BadInput(key, f"{key} has to be between 0 and {_MOST_HOURS}.")
        return int(number * 3_600)

    def secret(self, key: str) -> str | Unset:
        """A secret, or unset when it is masked, empty, or did not come."""
        value = self.text(key)
        return UNSET if value in {MASK, ""} else value

    def kept(
        self,
        stored: Mapping[str, Any],
        *,
        own: Collection[str],
        secrets: Collection[str] = (),
        allowed: Collection[str] | None = None,
    ) -> dict[str, Any]:
        """What is stored besides, with what came put over it.

        Args:
            stored: what was there.
            own: fields that have a column of their own.
            secrets: fields whose mask means "as it was".
            allowed: the only ones that this caller may write; None: all.
        """
        result = dict(stored)
        spelt = {key.lower(): key for key in stored}
        owned, secret = _lowered(own), _lowered(secrets)
        permitted = None if allowed is None else _lowered(allowed)
        for key, value in self._body.values.items():
            lower = key.lower()
            masked = lower in secret and value == MASK
            if lower in owned or masked or (permitted is not None and lower not in permitted):
                continue
            if not self._columns or _folded(key) in self._columns:
                result[spelt.setdefault(lower, key)] = value
        return result


_MOST_HOURS = 9_600
"""400 days, beyond which no session lives."""


def _folded(name: str) -> str:
    return name.strip().replace("_", "").lower()


def _lowered(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def masked(extra: Mapping[str, Any], secrets: Collection[str]) -> dict[str, Any]:
    """Fields with their secrets masked; secret things that are no text are left out."""
    hidden = _lowered(secrets)
    return {
        key: MASK if value else ""
        for key, value in extra.items()
        if key.lower() in hidden and isinstance(value, str)
    } | {key: value for key, value in extra.items() if key.lower() not in hidden}


def with_defaults(extra: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a new thing: where nothing, or an empty list, was sent, what is usual."""
    empty: tuple[Any, ...] = (None, "", [], [""])
    chosen = {k: v for k, v in extra.items() if k not in defaults or v not in empty}
    return {**defaults, **chosen}


def created_time(extra: Mapping[str, Any], otherwise: str) -> str:
    """When a thing was made: as its maker said, else as we saw it."""
    said = extra.get("createdTime")
    return said if isinstance(said, str) and said else otherwise


def page_of(things: Things, listing: Listing, columns: Mapping[str, str]) -> tuple[Things, int]:
    """One page of a list that is short enough to be read as a whole, and the count of all.

    Args:
        things: all of them.
        listing: what was asked for.
        columns: the wire's field of each column.
    """
    if listing.field is not None:
        key = columns[listing.field]
        things = [thing for thing in things if listing.value in str(thing.get(key, ""))]
    order = columns[listing.sort]
    ordered = sorted(things, key=lambda t: str(t.get(order, "")), reverse=listing.descending)
    total = len(ordered)
    if listing.size is None:
        return ordered, total
    start = listing.within(total).offset
    return ordered[start : start + listing.size], total
