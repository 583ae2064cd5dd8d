"""A town that the tests of a module share: each makes people of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.forward_auth.proxied import Town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town on SQLite."""
    directory = tmp_path_factory.mktemp("town")
    made = Town(f"sqlite:///{directory / 'ostiary.db'}", directory)
    yield made
    made.close()
