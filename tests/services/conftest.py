"""A scene for each test, quickly: both stores are copies of one that was made once."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ostiary.storage import applications
from tests.services.scene import Scene
from tests.support.postgres import PostgresServer

MakeScene = Callable[..., Scene]


@pytest.fixture(scope="session")
def sqlite_original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the store and its key, that nobody has open."""
    directory = tmp_path_factory.mktemp("original")
    _make(f"sqlite:///{directory / 'ostiary.db'}", directory)
    return directory


@pytest.fixture(scope="session")
def postgresql_original(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """The same in PostgreSQL: the database's name, and the directory with its key."""
    directory = tmp_path_factory.mktemp("original")
    url = postgres_server.new_database()
    _make(url, directory)
    yield url.rpartition("/")[2], directory
    postgres_server.drop_database(url)


def _make(url: str, directory: Path) -> None:
    scene = Scene(url, directory)
    scene.populate()
    scene.close()


@pytest.fixture
def make_scene(sqlite_original: Path, tmp_path: Path) -> Iterator[MakeScene]:
    """Make a scene on SQLite, with a policy and the like."""
    made: list[Scene] = []

    def make(**settings: Any) -> Scene:
        shutil.copytree(sqlite_original, tmp_path, dirs_exist_ok=True)
        made.append(_open(f"sqlite:///{tmp_path / 'ostiary.db'}", tmp_path, **settings))
        return made[-1]

    yield make
    for scene in made:
        scene.close()


@pytest.fixture
def scene(make_scene: MakeScene) -> Scene:
    """A scene on SQLite."""
    return make_scene()


@pytest.fixture
def postgresql_scene(
    postgres_server: PostgresServer, postgresql_original: tuple[str, Path]
) -> Iterator[Scene]:
    """A scene on PostgreSQL."""
    name, directory = postgresql_original
    url = postgres_server.new_database(template=name)
    scene = _open(url, directory)
    yield scene
    scene.close()
    postgres_server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest) -> Scene:
    """A scene on each store in turn."""
    name = "postgresql_scene" if request.param == "postgresql" else "scene"
    return request.getfixturevalue(name)


def _open(url: str, directory: Path, **settings: Any) -> Scene:
    scene = Scene(url, directory, install=False, **settings)
    found = scene.read(applications.get, "app-built-in")
    assert found is not None
    scene.client_id = found.client_id
    return scene
