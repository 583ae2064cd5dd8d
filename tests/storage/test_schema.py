"""Opening a store: its tables are those of `tables`, made once, by whoever comes first."""

import os
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from ostiary.domain.errors import Misconfigured, NotFound
from ostiary.storage import database, schema, settings
from ostiary.storage.database import Database, Transaction
from ostiary.storage.planning import FIGURES
from ostiary.storage.schema import open_database
from ostiary.storage.tables import metadata
from tests.storage.world import at_once
from tests.support.postgres import PostgresServer


def described(connection: Connection) -> dict[str, Any]:
    """Everything about the tables of a database that can be told apart."""
    look = inspect(connection)
    return {
        name: {
            "columns": {
                c["name"]: (str(c["type"]), c["nullable"], str(c["default"]))
                for c in look.get_columns(name)
            },
            "key": look.get_pk_constraint(name)["constrained_columns"],
            "unique": sorted(
                (u["name"], u["column_names"]) for u in look.get_unique_constraints(name)
            ),
            "foreign": sorted(
                (f["constrained_columns"], f["referred_table"], str(f["options"]))
                for f in look.get_foreign_keys(name)
            ),
        }
        for name in look.get_table_names()
        if name != "alembic_version"
    }


def indexes(connection: Connection) -> set[str]:
    """Each index as the database itself would make it, its condition included."""
    if connection.dialect.name == "sqlite":
        query = "SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
    else:
        query = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"
    found = {" ".join(row[0].replace('"', "").split()) for row in connection.execute(text(query))}
    return {line for line in found if "alembic_version" not in line}


def storage_of(connection: Connection) -> dict[str, tuple[bool, bool]]:
    """Of SQLite's tables: whether they lie in the order of their key, and never repeat a number."""
    query = text("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
    return {
        name: ("WITHOUT ROWID" in sql, "AUTOINCREMENT" in sql)
        for name, sql in connection.execute(query)
        if name in metadata.tables
    }


@pytest.fixture
def drawn(database_url: str) -> Iterator[Database]:
    """A database made from `tables` itself, without any migration."""
    store = database.create(database_url, threads=2, before_commit=lambda _: None)
    store.write(lambda tx: metadata.create_all(tx.connection))
    yield store
    store.close()


@pytest.mark.filterwarnings("ignore:Did not recognize type 'xid8'")
@pytest.mark.parametrize("look", [described, indexes, storage_of])
def test_the_migrations_build_exactly_the_tables(
    drawn: Database,
    look: Callable[[Connection], Any],
    sqlite_template: Path,
    postgresql_store_url: str,
) -> None:
    url = postgresql_store_url if drawn.is_postgresql else f"sqlite:///{sqlite_template}"
    if look is storage_of and drawn.is_postgresql:
        look = indexes
    migrated = open_database(url, threads=1)
    expected = drawn.read(lambda tx: look(tx.connection))
    found = migrated.read(lambda tx: look(tx.connection))
    migrated.close()
    if look is described:
        kind, nullable, default = found["change_log"]["columns"].pop("xid")
        expected["change_log"]["columns"].pop("xid")
        assert nullable
        assert (kind, default) == (
            # Each row says which transaction wrote it; SQLite has no need of it.
            ("NULL", "pg_current_xact_id()") if drawn.is_postgresql else ("BIGINT", "None")
        )
        assert set(found) == set(metadata.tables)
        for name in expected:
            assert found[name] == expected[name], name
    assert found == expected


def test_there_is_one_line_of_migrations() -> None:
    scripts = ScriptDirectory(str(schema._HERE))
    assert len(scripts.get_heads()) == 1
    numbers = [script.revision for script in scripts.walk_revisions()]
    assert numbers == sorted(numbers, reverse=True)
    assert all(re.fullmatch(r"\d{4}", number) for number in numbers)


def revision(store: Database) -> str:
    return store.read(lambda tx: str(tx.execute(text("SELECT * FROM alembic_version")).scalar()))


def test_opening_again_changes_nothing(store_url: str) -> None:
    first = open_database(store_url)
    first.write(settings.put, "kept", "1")
    before = revision(first)
    if not first.is_postgresql:
        with closing(sqlite3.connect(first.engine.url.database or "")) as beside:
            (version,) = beside.execute("PRAGMA data_version").fetchone()
            open_database(store_url).close()
            assert beside.execute("PRAGMA data_version").fetchone() == (version,)
    second = open_database(store_url)
    assert second.read(settings.get, "kept") == "1"
    assert revision(second) == before
    second.write(settings.remove, "kept")
    first.close()
    second.close()


def test_data_of_a_newer_version_is_refused_and_left_alone(database_url: str) -> None:
    store = open_database(database_url)
    store.write(settings.put, "kept", "1")
    store.write(lambda tx: tx.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(Misconfigured, match="newer version of Ostiary") as caught:
        open_database(database_url)
    assert "9999" in caught.value.text
    assert "restore a backup" in caught.value.text
    assert revision(store) == "9999"
    assert store.read(settings.get, "kept") == "1"
    store.close()


def test_a_migration_that_fails_leaves_nothing_half_done(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = schema.command.upgrade

    def fail(*args: Any, **kwargs: Any) -> None:
        upgrade(*args, **kwargs)
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr(schema.command, "upgrade", fail)
        with pytest.raises(RuntimeError, match="power cut"):
            open_database(database_url)
    raw = database.create(database_url, threads=1, before_commit=lambda _: None)
    assert raw.read(lambda tx: inspect(tx.connection).get_table_names()) == []
    raw.close()
    store = open_database(database_url)
    store.write(settings.put, "works", "1")
    store.close()


def test_those_who_open_at_once_migrate_once(database_url: str) -> None:
    stores = at_once(*[lambda: open_database(database_url, threads=2)] * 5)
    assert len({revision(store) for store in stores}) == 1
    for number, store in enumerate(stores):
        store.write(settings.put, str(number), "1")
    assert all(stores[0].read(settings.get, str(n)) == "1" for n in range(len(stores)))
    for store in stores:
        store.close()


def test_processes_that_open_at_once_migrate_once(tmp_path: Path) -> None:
    script = (
        "import sys; sys.stdin.read(1); from ostiary.storage.schema import open_database;"
        "open_database(sys.argv[1]).close()"
    )
    url = f"sqlite:///{tmp_path}/data/ostiary.db"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, url], stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    for process in started:
        assert process.stdin
        process.stdin.write(b"x")
        process.stdin.flush()
    for process in started:
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, b"")
    store = open_database(url)
    assert re.fullmatch(r"\d{4}", revision(store))
    store.close()


def test_a_store_is_nobody_else_s_business(tmp_path: Path) -> None:
    """Covers R01: whatever the umask says, files are mode 0600 and their folder 0700."""
    before = os.umask(0)
    try:
        store = open_database(f"sqlite:///{tmp_path}/data/ostiary.db")
        store.write(settings.put, "any", "1")
        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()
        }
        store.close()
    finally:
        os.umask(before)
    assert {"ostiary.db", "ostiary.db-wal", "ostiary.db-shm"} <= set(modes)
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_nothing_is_made_where_nothing_shall_be(database_url: str, tmp_path: Path) -> None:
    is_file = database_url.startswith("sqlite")
    with pytest.raises(Misconfigured if is_file else NotFound):
        open_database(database_url, create=False)
    if is_file:
        assert list(tmp_path.iterdir()) == []
        (tmp_path / "ostiary.db").touch()
        with pytest.raises(NotFound):
            open_database(database_url, create=False)
    open_database(database_url).close()
    open_database(database_url, create=False).close()


# What SQLite is told of the sizes of its tables


def columns_of(tx: Transaction) -> dict[tuple[str, str], int]:
    """How many columns each index has; a table without row numbers is the index of its key."""
    look = inspect(tx.connection)
    found = {}
    for table in metadata.tables.values():
        for index in look.get_indexes(table.name, include_auto_indexes=True):
            found[table.name, str(index["name"])] = len(index["column_names"])
        if not table.dialect_options["sqlite"]["with_rowid"]:
            found[table.name, table.name] = len(table.primary_key.columns)
    return found


def test_sqlite_plans_with_the_figures_of_a_large_installation(sqlite_template: Path) -> None:
    store = open_database(f"sqlite:///{sqlite_template}", threads=1)
    stored = store.read(
        lambda tx: {
            (row.tbl, row.idx): row.stat
            for row in tx.rows(text("SELECT tbl, idx, stat FROM sqlite_stat1"))
        }
    )
    known = store.read(columns_of)
    store.close()
    assert stored == FIGURES
    for index, figures in FIGURES.items():
        rows, *shared = [int(part) for part in figures.split() if part.isdecimal()]
        assert len(shared) == known[index], index
        assert [rows, *shared] == sorted([rows, *shared], reverse=True), index


@pytest.mark.parametrize("table", ["session", "client_session", "record", "audit_event"])
def test_no_index_of_a_large_table_is_left_out(table: str, sqlite_template: Path) -> None:
    store = open_database(f"sqlite:///{sqlite_template}", threads=1)
    known = store.read(columns_of)
    store.close()
    named = {index for of, index in known if of == table and not index.startswith("sqlite_")}
    assert named == {index for of, index in FIGURES if of == table}


def test_postgresql_numbers_each_change_by_its_transaction(
    postgres_server: PostgresServer, postgresql_store_url: str
) -> None:
    store = open_database(postgresql_store_url, threads=1)

    def verb(tx: Transaction) -> tuple[int, int]:
        tx.execute(text("INSERT INTO change_log (at, kind) VALUES (1, 'session')"))
        return (
            tx.number(text("SELECT xid::text::bigint FROM change_log")),
            tx.number(text("SELECT pg_current_xact_id()::text::bigint")),
        )

    written, current = store.write(verb)
    assert written == current > 0
    store.write(lambda tx: tx.execute(text("DELETE FROM change_log")))
    store.close()
