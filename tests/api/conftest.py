"""Worlds to call. One is made in each process for each database; every test gets a copy of it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ostiary.gateways.keys import KEY_FILE
from tests.api.world import World
from tests.support.postgres import PostgresServer

FILE = "ostiary.db"


@dataclass(frozen=True)
class Template:
    """What a copy is made of. ``database`` is PostgreSQL's name for it, or None."""

    directory: Path
    secrets: dict[str, tuple[str, str]]
    database: str | None = None


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    directory = tmp_path_factory.mktemp("world")
    made = World(f"sqlite:///{directory / FILE}", directory)
    made.close()
    return Template(directory, dict(made.secrets))


@pytest.fixture(scope="session")
def postgresql_template(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer
) -> Iterator[Template]:
    directory = tmp_path_factory.mktemp("world")
    url = postgres_server.new_database()
    made = World(url, directory)
    made.close()
    yield Template(directory, dict(made.secrets), url.rpartition("/")[2])
    postgres_server.drop_database(url)


def copied(template: Template, directory: Path) -> dict[str, tuple[str, str]]:
    """Copy the key, and what goes with it; the secrets are the copy's own to change."""
    shutil.copy(template.directory / KEY_FILE, directory)
    return dict(template.secrets)


@pytest.fixture
def world(sqlite_template: Template, tmp_path: Path) -> Iterator[World]:
    """A world on SQLite."""
    shutil.copy(sqlite_template.directory / FILE, tmp_path)
    secrets = copied(sqlite_template, tmp_path)
    made = World(f"sqlite:///{tmp_path / FILE}", tmp_path, secrets=secrets)
    yield made
    made.close()


@pytest.fixture
def postgresql_world(
    postgresql_template: Template, postgres_server: PostgresServer, tmp_path: Path
) -> Iterator[World]:
    """The same world on PostgreSQL."""
    url = postgres_server.new_database(postgresql_template.database or "")
    made = World(url, tmp_path, secrets=copied(postgresql_template, tmp_path))
    yield made
    made.close()
    postgres_server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest) -> World:
    """The same world, on SQLite and on PostgreSQL in turn."""
    wanted = "world" if request.param == "sqlite" else "postgresql_world"
    made: World = request.getfixturevalue(wanted)
    return made
