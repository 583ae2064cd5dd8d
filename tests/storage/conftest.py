"""A migrated store for each test, quickly: SQLite as a copy, PostgreSQL by emptying one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ostiary.storage import schema
from ostiary.storage.database import Database, Transaction
from ostiary.storage.tables import metadata
from tests.storage.world import World
from tests.support.postgres import PostgresServer


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file that nobody has open."""
    path = tmp_path_factory.mktemp("template") / "ostiary.db"
    schema.open_database(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def postgresql_store_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A migrated PostgreSQL database, which each test finds empty."""
    url = postgres_server.new_database()
    schema.open_database(url).close()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def sqlite_copy(sqlite_template: Path, tmp_path: Path) -> Path:
    """A migrated, empty SQLite file of the test's own."""
    path = tmp_path / "ostiary.db"
    shutil.copy(sqlite_template, path)
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database of each kind in turn."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql_store_url")
    return f"sqlite:///{request.getfixturevalue('sqlite_copy')}"


@pytest.fixture
def store(store_url: str) -> Iterator[Database]:
    """An open store of each kind in turn."""
    database = schema.open_database(store_url, threads=16)
    yield database
    if database.is_postgresql:
        database.write(_empty)
    database.close()


def _empty(tx: Transaction) -> None:
    for table in reversed(metadata.sorted_tables):
        tx.execute(table.delete())


@pytest.fixture
def world(store: Database) -> World:
    """Organizations, applications and users in that store, made as they are asked for."""
    return World(store)
