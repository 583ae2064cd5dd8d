"""Opening a store: bring its tables to this version, or refuse one that is newer."""

from __future__ import annotations

import enum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from ostiary.domain.errors import Misconfigured, NotFound
from ostiary.storage import database, records
from ostiary.storage.database import Database, Transaction

_HERE = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 7_266_842_113
"""PostgreSQL advisory lock: two processes that start at once migrate one after the other."""


def open_database(url: str, *, threads: int = 8, create: bool = True) -> Database:
    """Open a store and migrate it to this version.

    Args:
        url: ``sqlite:///…`` or ``postgresql://…``.
        threads: how many transactions may be open at a time.
        create: make the tables where there are none.

    Raises:
        NotFound: there are no tables, and none are to be made.
        Misconfigured: it cannot be opened, or a newer version has written it.
        Unavailable: it has no room, or cannot be written.
    """
    store = database.create(
        url, threads=threads, before_commit=records.apply_deltas, create_file=create
    )
    try:
        store.write(_migrate, create=create)
    except DBAPIError as error:
        store.close()
        raise Misconfigured(f"The database cannot be used: {error.orig}") from error
    except BaseException:
        store.close()
        raise
    return store


class Condition(enum.StrEnum):
    """What a store holds, seen from this version."""

    NEW = "new"
    """Nothing yet."""

    CURRENT = "current"
    """This version's tables."""

    OLDER = "older"
    """An earlier version's; opening it brings them to this one."""


def condition_of(tx: Transaction) -> Condition:
    """What the store holds.

    Raises:
        Misconfigured: a newer version has written it.
    """
    scripts = ScriptDirectory.from_config(_config(tx.connection))
    found = MigrationContext.configure(tx.connection).get_current_revision()
    if found is None:
        return Condition.NEW
    if found == scripts.get_current_head():
        return Condition.CURRENT
    if found not in {s.revision for s in scripts.walk_revisions()}:
        raise Misconfigured(
            f"This data was written by a newer version of Ostiary (schema {found}). "
            "Start that version, or restore a backup from before the upgrade."
        )
    return Condition.OLDER


def _migrate(tx: Transaction, *, create: bool) -> None:
    if tx.is_postgresql:
        tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
    condition = condition_of(tx)
    if condition is Condition.CURRENT:
        return
    if condition is Condition.NEW and not create:
        raise NotFound("There is nothing in this database yet.")
    command.upgrade(_config(tx.connection), "head")


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.attributes["connection"] = connection
    return config
