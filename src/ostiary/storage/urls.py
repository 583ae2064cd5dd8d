"""Addresses of stores: read, made, and shown without their secrets."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from ostiary.domain.errors import Misconfigured

_SQLITE = frozenset({"sqlite", "sqlite+pysqlite"})
_POSTGRESQL = frozenset({"postgresql", "postgres"})
_HIDDEN = frozenset({"password", "sslpassword"})
_MASK = "***"


def parse_url(url: str) -> URL:
    """The address of a store.

    Args:
        url: ``sqlite:///relative``, ``sqlite:////absolute`` or ``postgresql://…``.

    Raises:
        Misconfigured: it is of neither kind, or names no file. It is not repeated in the text,
            since it may hold a password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise _bad() from error
    if parsed.drivername in _SQLITE:
        if not parsed.database or parsed.database == ":memory:":
            raise Misconfigured(
                "storage.url: it has to name a file, like sqlite:///path/to/ostiary.db"
            )
    elif parsed.get_backend_name() not in _POSTGRESQL:
        raise _bad()
    return parsed


def file_url(path: Path) -> str:
    """The address of a SQLite file, whatever characters its path holds."""
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def masked(url: str) -> str:
    """The address as people may see it; what cannot be read is not shown at all."""
    try:
        parsed = parse_url(url)
    except Misconfigured:
        return _MASK
    hidden = {name: "HIDDEN" for name in parsed.query if name in _HIDDEN}
    shown = parsed.update_query_dict(hidden).render_as_string(hide_password=True)
    return shown.replace("=HIDDEN", f"={_MASK}")  # the rendering would quote the asterisks


def _bad() -> Misconfigured:
    return Misconfigured(
        "storage.url: it has to be sqlite:///path/to/file or "
        "postgresql://user:password@host/database"
    )
