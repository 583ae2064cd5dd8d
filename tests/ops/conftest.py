"""Fixtures for tests of the command line and of the server."""

from __future__ import annotations

import logging
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from ostiary.domain.access import OPERATOR
from ostiary.ops.compose import close_house, open_house, utc_now
from ostiary.ops.config_file import load
from ostiary.ops.telemetry import _QUIET
from ostiary.services import applications, organizations, passwords, setup, users
from ostiary.services.applications import ApplicationChange
from ostiary.services.house import Act
from ostiary.services.organizations import OrganizationChange
from ostiary.services.users import UserChange
from tests.support.command_line import CommandLine
from tests.support.installation import PASSWORD


@pytest.fixture(scope="session")
def _installed_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory to copy: ``acme`` with ``ann``, ``bob``, ``wiki`` and ``mail``."""
    data = tmp_path_factory.mktemp("installed") / "data"
    house = open_house(load(environ={}, overrides={"storage.data": str(data)}).config)
    act = Act(caller=OPERATOR, now=utc_now())
    setup.install(house, act, admin="admin", password=PASSWORD)
    write, vault = house.database.write, house.vault
    write(organizations.add_organization, act, vault, "acme", OrganizationChange())
    for name, change in (
        ("wiki", ApplicationChange(backchannel_logout_uri="https://wiki.acme.example/logout")),
        ("mail", ApplicationChange()),
    ):
        write(applications.add_application, act, vault, "acme", name, change)
    credential = passwords.prepare(house, act, "acme", "ann", PASSWORD)
    for name in ("ann", "bob"):
        write(users.add_user, act, vault, "acme", name, UserChange(), credential=credential)
    close_house(house)
    return data


@pytest.fixture
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory without a configuration."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def line(_installed_data: Path, _elsewhere: None, tmp_path: Path) -> CommandLine:
    """The command line on an installation with organization ``acme``."""
    data = tmp_path / "data"
    shutil.copytree(_installed_data, data)
    return CommandLine(data)


@pytest.fixture
def fresh(_elsewhere: None, tmp_path: Path) -> CommandLine:
    """The command line where nothing is yet."""
    return CommandLine(tmp_path / "data")


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Put back what `configure` changes in this process."""
    root, hook, thread_hook = logging.getLogger(), sys.excepthook, threading.excepthook
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level
    sys.excepthook, threading.excepthook = hook, thread_hook
    logging.captureWarnings(capture=False)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.NOTSET)
