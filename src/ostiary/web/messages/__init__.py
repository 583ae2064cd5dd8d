"""Everything that people read, in their language: ``messages/<language>/*.toml``.

English is complete; another language may lack texts, which then stay English. A text's key is its
table and its name: ``account.title``. A text with a number has the forms ``one`` and ``other``.
Values are put in by name, ``{device}``, and are escaped on their way, so that a text is always safe
to put into a page.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

ENGLISH = "en"
_MOST_NAMES = 6

Text = str | dict[str, str]


class Translator:
    """One language's texts; call it with a key."""

    def __init__(self, language: str) -> None:
        """Take English for what the language lacks."""
        self.language = language
        self._texts = _texts(ENGLISH) | _texts(language)

    def __call__(self, key: str, /, *, count: int | None = None, **values: object) -> Markup:
        """A text, with its values in it.

        Args:
            key: ``table.name``.
            count: chooses between ``one`` and ``other``, and is the value ``{count}``.
            values: what stands in braces; a sequence becomes "a, b and c".

        Raises:
            KeyError: there is no such text, or a value is missing.
        """
        text = self._texts[key]
        if isinstance(text, dict):
            text = text["one" if count == 1 else "other"]
        if count is not None:
            values["count"] = f"{count:,}"
        said = {
            name: value if isinstance(value, str | int) else self.listed(value)  # type: ignore[arg-type]
            for name, value in values.items()
        }
        return escape(text).format(**said)

    def has(self, key: str) -> bool:
        """Whether there is such a text."""
        return key in self._texts

    def listed(self, names: Sequence[str]) -> Markup:
        """Names as people list them, the first few of many."""
        shown = list(names[:_MOST_NAMES])
        if len(names) > len(shown):
            shown.append(self("words.more", count=len(names) - len(shown)))
        if len(shown) < 2:  # noqa: PLR2004 - a list of one is that one
            return Markup("").join(shown)
        rest = Markup(", ").join(shown[:-1])
        return self("words.and", rest=rest, last=shown[-1])


def languages() -> frozenset[str]:
    """The languages that there are texts in."""
    return frozenset(p.name for p in Path(__file__).parent.iterdir() if list(p.glob("*.toml")))


def accepted(header: str) -> str:
    """The language of ours that a browser likes best (``Accept-Language``, RFC 9110 12.5.4)."""
    ours = _languages()
    liked: list[tuple[float, int, str]] = []
    for place, part in enumerate(header[:500].split(",")):
        name, _, quality = part.strip().partition(";")
        language = name.strip().partition("-")[0].lower()
        if language in ours:
            liked.append((-_quality(quality), place, language))
    return min(liked)[2] if liked else ENGLISH


@cache
def translator(language: str) -> Translator:
    """The translator of a language that there is."""
    return Translator(language)


@cache
def _languages() -> frozenset[str]:
    return languages()


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


@cache
def _texts(language: str) -> dict[str, Text]:
    found: dict[str, Text] = {}
    for path in sorted((Path(__file__).parent / language).glob("*.toml")):
        for table, texts in tomllib.loads(path.read_text("utf-8")).items():
            _flatten(found, table, texts)
    return found


def _flatten(found: dict[str, Text], prefix: str, value: Any) -> None:  # noqa: ANN401 - TOML
    if isinstance(value, str) or (isinstance(value, dict) and set(value) == {"one", "other"}):
        found[prefix] = value
        return
    for name, inner in value.items():
        _flatten(found, f"{prefix}.{name}", inner)
