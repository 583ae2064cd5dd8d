"""A world for all the tests of a process, and one of each store for who needs it alone."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oidc.flow import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world on SQLite that every test here shares."""
    directory = tmp_path_factory.mktemp("oidc")
    made = World(f"sqlite:///{directory / 'ostiary.db'}", directory)
    yield made
    made.close()


@pytest.fixture(scope="session")
def _original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("original")
    World(f"sqlite:///{directory / 'ostiary.db'}", directory).close()
    return directory


@pytest.fixture
def own_world(_original: Path, tmp_path: Path) -> Iterator[World]:
    """A world of the test's own, where what it does would disturb others."""
    shutil.copytree(_original, tmp_path, dirs_exist_ok=True)
    made = World(f"sqlite:///{tmp_path / 'ostiary.db'}", tmp_path, install=False)
    yield made
    made.close()
