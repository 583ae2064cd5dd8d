"""A world whose applications are on this machine, and what sends notices in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ostiary.gateways.addresses import parse_networks
from ostiary.gateways.outbound import Outbound
from ostiary.ops.deliveries import Deliveries
from ostiary.services.courier import Courier
from ostiary.services.house import Policy
from tests.logout.receivers import PATIENCE, Site
from tests.oidc.flow import World

GIVE_UP_AFTER = 6 * 3_600


class Place:
    """A world, a site that its applications are on, and the deliveries of one process."""

    def __init__(self, directory: Path, site: Site, *, install: bool = True) -> None:
        """Set it up; the deliveries run only when they are told to."""
        self.site = site
        self.world = World(
            f"sqlite:///{directory / 'ostiary.db'}",
            directory,
            policy=Policy(give_up_after=GIVE_UP_AFTER),
            outbound=Outbound(parse_networks(["127.0.0.0/8"]), total_seconds=PATIENCE),
            install=install,
        )
        self.deliveries = self.process("one")

    def process(self, holder: str) -> Deliveries:
        """The deliveries of a process."""
        world = self.world
        return Deliveries(Courier(house=world.house, issuer=world.public_url, holder=holder))

    def send(self) -> None:
        """Send everything that is due now, whoever answers."""
        while self.deliveries.look():
            assert self.deliveries.finish(PATIENCE)


@pytest.fixture(scope="session")
def _original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("original")
    World(f"sqlite:///{directory / 'ostiary.db'}", directory).close()
    return directory


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as made:
        yield made


@pytest.fixture
def place(_original: Path, tmp_path: Path, site: Site) -> Iterator[Place]:
    """A place of the test's own."""
    shutil.copytree(_original, tmp_path, dirs_exist_ok=True)
    made = Place(tmp_path, site, install=False)
    yield made
    made.deliveries.finish(PATIENCE)
    made.world.close()


@pytest.fixture(scope="module")
def shared(_original: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A place for all the tests of a module, where everybody answers."""
    directory = tmp_path_factory.mktemp("shared")
    shutil.copytree(_original, directory, dirs_exist_ok=True)
    with Site() as site:
        made = Place(directory, site, install=False)
        yield made
        made.world.close()
