"""A look at a store that changes nothing and makes nothing, for those who check a configuration."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from ostiary.domain.errors import Misconfigured
from ostiary.storage import database
from ostiary.storage.database import Database, Transaction
from ostiary.storage.urls import parse_url


@contextmanager
def glance(url: str) -> Iterator[Database | None]:
    """Open a store for reading alone.

    Args:
        url: ``sqlite:///…`` or ``postgresql://…``.

    Yields:
        The store, or None where the file is not there yet and can be made.

    Raises:
        Misconfigured: it could not be written, or the file could not be made.
        Unavailable: from the first read: it does not answer, or is no database.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() != "sqlite":
        store = database.create(url, threads=1, before_commit=_write_nothing)
        try:
            store.read(_require_writable)
            yield store
        finally:
            store.close()
        return
    path = Path(parsed.database or "")
    if path.exists():
        _require_access(path, os.R_OK | os.W_OK)
        _require_access(path.parent, os.R_OK | os.W_OK | os.X_OK)
        store = _read_only(path)
        try:
            yield store
        finally:
            store.close()
    else:
        above = next(parent for parent in path.absolute().parents if parent.exists())
        _require_access(above, os.W_OK | os.X_OK)
        yield None


def _read_only(path: Path) -> Database:
    # Without a log beside it the file is all there is, and "immutable" keeps SQLite from making
    # one. With one, somebody has it open or has left it, and it has to be read as well.
    logged = path.with_name(path.name + "-wal").exists()
    address = f"file:{quote(str(path.absolute()))}?mode=ro{'' if logged else '&immutable=1'}"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(address, uri=True, timeout=5.0)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    return Database(engine, _write_nothing)


def _require_access(path: Path, mode: int) -> None:
    if not os.access(path, mode):
        raise Misconfigured(
            f"{path.absolute()} cannot be written. Let the user that runs Ostiary own it, on a "
            "disk that is not read-only."
        )


def _require_writable(tx: Transaction) -> None:
    row = tx.row(text("SELECT current_setting('transaction_read_only') AS read_only"))
    if row is not None and row.read_only == "on":
        raise Misconfigured(
            "This PostgreSQL server takes no writes. Let storage.url name the primary, not a "
            "standby."
        )


def _write_nothing(_: Transaction) -> None:
    pass
