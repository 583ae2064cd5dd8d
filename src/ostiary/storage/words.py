"""Searching for words as people type them: in any of some columns, whatever their case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Boolean, ColumnElement, and_, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


def says(words: str, columns: Sequence[ColumnElement[Any]]) -> ColumnElement[bool]:
    """Every word is part of one of the columns; ``%`` and ``_`` mean themselves."""
    return and_(
        True,  # noqa: FBT003 - nothing but spaces finds everything
        *(or_(*(_holds(c, p) for c in columns for p in _patterns(word))) for word in words.split()),
    )


def _patterns(word: str) -> list[str]:
    """SQLite knows upper and lower case in ASCII only, so the others are spelled out for it."""
    spellings = {word} if word.isascii() else {word, word.lower(), word.upper(), word.title()}
    return [f"%{_escaped(spelling)}%" for spelling in sorted(spellings)]


def _escaped(word: str) -> str:
    return word.replace("/", "//").replace("%", "/%").replace("_", "/_")


class _holds(FunctionElement[bool]):  # noqa: N801 - a function of SQL
    """``LIKE`` without regard to case.

    `icontains` would lower every value first, for three times the cost: SQLite's LIKE needs it not.
    """

    type = Boolean()
    inherit_cache = True


@compiles(_holds)
def _ilike(element: _holds, compiler: SQLCompiler, **kwargs: object) -> str:
    return _like("ILIKE", element, compiler, **kwargs)


@compiles(_holds, "sqlite")
def _sqlite_like(element: _holds, compiler: SQLCompiler, **kwargs: object) -> str:
    return _like("LIKE", element, compiler, **kwargs)


def _like(operator: str, element: _holds, compiler: SQLCompiler, **kwargs: object) -> str:
    column, pattern = (compiler.process(c, **kwargs) for c in element.clauses)
    return f"{column} {operator} {pattern} ESCAPE '/'"
