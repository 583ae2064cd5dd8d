"""One value of the configuration: what it may be, how it is written, and how it is read.

A TOML file gives typed values, the environment text; both are read by the same rule, which stands
at the key's annotation in `ostiary.ops.config`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

import msgspec

from ostiary.domain.lifetime import in_words

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION: Final = re.compile(r"([0-9]{1,9})([smhd]?)")
_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")
_LONGEST_SHOWN: Final = 60

Value = str | int | tuple[str, ...]


class Unusable(ValueError):
    """A value that its key cannot take; the text says what is expected."""


class Number(msgspec.Struct, frozen=True):
    """A whole number within bounds."""

    least: int
    most: int

    @property
    def expected(self) -> str:
        """What may be written."""
        return f"a whole number from {self.least} to {self.most}"

    def read(self, raw: object) -> int:
        """The number.

        Raises:
            Unusable: it is something else, or beyond the bounds.
        """
        number = _whole(raw)
        if number is None or not self.least <= number <= self.most:
            raise Unusable(_expected(self.expected, raw))
        return number

    def write(self, value: Value) -> str:
        """As it would stand in the environment."""
        return str(value)


class Duration(msgspec.Struct, frozen=True):
    """A duration within bounds, kept in whole seconds."""

    shortest: int
    longest: int

    @property
    def expected(self) -> str:
        """What may be written."""
        return (
            'a duration such as "90s", "15m", "1h" or "30d" (a plain number counts seconds), '
            f"from {in_words(self.shortest)} to {in_words(self.longest)}"
        )

    def read(self, raw: object) -> int:
        """The seconds.

        Raises:
            Unusable: it is no duration, or beyond the bounds.
        """
        seconds = parse_duration(raw)
        if seconds is None or not self.shortest <= seconds <= self.longest:
            raise Unusable(_expected(self.expected, raw))
        return seconds

    def write(self, value: Value) -> str:
        """With the greatest unit that leaves a whole number."""
        return format_duration(int(value)) if isinstance(value, int) else str(value)


class Choice(msgspec.Struct, frozen=True):
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def expected(self) -> str:
        """What may be written."""
        return "one of " + ", ".join(self.words)

    def read(self, raw: object) -> str:
        """The word.

        Raises:
            Unusable: it is none of them.
        """
        if not isinstance(raw, str) or raw not in self.words:
            raise Unusable(_expected(self.expected, raw))
        return raw

    def write(self, value: Value) -> str:
        """As it is."""
        return str(value)


class Text(msgspec.Struct, frozen=True):
    """Any text on one line; a ``secret`` one is never repeated in an error."""

    secret: bool = False

    @property
    def expected(self) -> str:
        """What may be written."""
        return "text on one line"

    def read(self, raw: object) -> str:
        """The text.

        Raises:
            Unusable: it is no text, or holds control characters.
        """
        if not isinstance(raw, str) or not raw.isprintable():
            text = f"expected {self.expected}" if self.secret else _expected(self.expected, raw)
            raise Unusable(text)
        return raw

    def write(self, value: Value) -> str:
        """As it is."""
        return str(value)


class Texts(msgspec.Struct, frozen=True):
    """A list of texts: an array in TOML, separated by commas in the environment."""

    @property
    def expected(self) -> str:
        """What may be written."""
        return 'a list of texts such as ["10.0.0.0/8", "::1"] (in the environment: 10.0.0.0/8,::1)'

    def read(self, raw: object) -> tuple[str, ...]:
        """The texts.

        Raises:
            Unusable: it is no list, or something in it is no text.
        """
        if not isinstance(raw, Sequence) or isinstance(raw, str):
            raise Unusable(_expected(self.expected, raw))
        items = tuple(item for item in raw if isinstance(item, str) and item.isprintable())
        if len(items) != len(raw):
            raise Unusable(_expected(self.expected, raw))
        return items

    def write(self, value: Value) -> str:
        """As it would stand in the environment."""
        return ",".join(value) if isinstance(value, tuple) else str(value)


Rule = Number | Duration | Choice | Text | Texts


def from_environment(rule: Rule, text: str) -> object:
    """A variable's text as the rule takes it; only lists are written differently there."""
    if isinstance(rule, Texts):
        return [part.strip() for part in text.split(",")] if text.strip() else []
    return text


def parse_duration(raw: object) -> int | None:
    """The seconds of ``"90s"``, ``"15m"``, ``"1h"``, ``"30d"``, ``"90"`` or ``90``; else None."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    match = _DURATION.fullmatch(raw) if isinstance(raw, str) else None
    return int(match[1]) * _UNITS[match[2] or "s"] if match else None


def format_duration(seconds: int) -> str:
    """The opposite of `parse_duration`: ``3600`` is ``"1h"``."""
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds}s"


def _whole(raw: object) -> int | None:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    return int(raw) if isinstance(raw, str) and _WHOLE.fullmatch(raw) else None


def _expected(what: str, raw: object) -> str:
    return f"expected {what}, not {_shown(raw)}"


def _shown(raw: object) -> str:
    """A value as an error names it: on one line, and not too much of it."""
    if isinstance(raw, dict):
        return "a table"
    text = json.dumps(raw, default=str, ensure_ascii=True)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
