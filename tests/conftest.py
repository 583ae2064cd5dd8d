"""Fixtures for every test."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.postgres import PostgresServer, shared_server
from tests.support.programs import need_program

# Two shared cores: how long one example takes says nothing.
settings.register_profile("ostiary", deadline=None)
settings.load_profile("ostiary")

# A shell that starts the tests in the background lets them, and all that they start, ignore Ctrl-C.
# With a handler of our own the programs that tests start have the usual one again.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell each xdist worker which process stands above them all."""
    node.workerinput["top_process"] = os.getpid()  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def postgres_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresServer]:
    """One PostgreSQL for the whole run, shared by all workers."""
    folder, top = tmp_path_factory.getbasetemp(), os.getpid()
    workerinput = getattr(request.config, "workerinput", None)
    if workerinput is not None:
        folder, top = folder.parent, workerinput["top_process"]
    server = shared_server(folder, top)
    yield server
    server.close()


@pytest.fixture
def postgresql_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh, empty PostgreSQL database."""
    url = postgres_server.new_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh, empty database of each kind in turn."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql_url")
    return f"sqlite:///{tmp_path / 'ostiary.db'}"


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Where the system's Chromium is."""
    return need_program("chromium")
