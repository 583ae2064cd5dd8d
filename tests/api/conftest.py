"""Worlds to call: one of its own for each test, and one on each database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world on SQLite."""
    made = World(f"sqlite:///{tmp_path / 'ostiary.db'}", tmp_path)
    yield made
    made.close()


@pytest.fixture
def both(database_url: str, tmp_path: Path) -> Iterator[World]:
    """The same world, on SQLite and on PostgreSQL in turn."""
    made = World(database_url, tmp_path)
    yield made
    made.close()
