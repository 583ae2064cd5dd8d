"""A world for each test, quickly: both stores are copies of one that was made once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.casdoor.world import World
from tests.support.postgres import PostgresServer

MakeWorld = Callable[..., World]


@pytest.fixture(scope="session")
def sqlite_original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a store and its key, that nobody has open."""
    directory = tmp_path_factory.mktemp("wire")
    _make(f"sqlite:///{directory / 'ostiary.db'}", directory)
    return directory


@pytest.fixture(scope="session")
def postgresql_original(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """The same in PostgreSQL: the database's name, and the directory with its key."""
    directory = tmp_path_factory.mktemp("wire")
    url = postgres_server.new_database()
    _make(url, directory)
    yield url.rpartition("/")[2], directory
    postgres_server.drop_database(url)


def _make(url: str, directory: Path) -> None:
    world = World(url, directory)
    world.populate()
    world.close()


@pytest.fixture
def make_world(sqlite_original: Path, tmp_path: Path) -> Iterator[MakeWorld]:
    """Make a world on SQLite, with a policy and the like."""
    made: list[World] = []

    def make(**settings: Any) -> World:
        shutil.copytree(sqlite_original, tmp_path, dirs_exist_ok=True)
        made.append(_open(f"sqlite:///{tmp_path / 'ostiary.db'}", tmp_path, **settings))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A world on SQLite."""
    return make_world()


@pytest.fixture(params=["sqlite", "postgresql"])
def each_world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A world on SQLite and one on PostgreSQL in turn."""
    if request.param == "sqlite":
        yield request.getfixturevalue("world")
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name, directory = request.getfixturevalue("postgresql_original")
    shutil.copytree(directory, tmp_path, dirs_exist_ok=True)
    url = server.new_database(template=name)
    world = _open(url, tmp_path)
    yield world
    world.close()
    server.drop_database(url)


def _open(url: str, directory: Path, **settings: Any) -> World:
    return World(url, directory, install=False, **settings)
