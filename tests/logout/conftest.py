"""A world whose applications are on this machine, and what sends notices in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from ostiary.gateways.addresses import parse_networks
from ostiary.gateways.outbound import Outbound
from ostiary.ops.deliveries import Deliveries
from ostiary.services.courier import Courier
from ostiary.services.house import Policy
from ostiary.storage.database import Transaction
from ostiary.storage.tables import notice, notice_lane
from tests.logout.receivers import PATIENCE, Site
from tests.oidc.flow import World

GIVE_UP_AFTER = 6 * 3_600


class Place:
    """A world, a site that its applications are on, and the deliveries of one process."""

    def __init__(self, directory: Path, site: Site, url: str = "") -> None:
        """Set it up; the deliveries run only when they are told to."""
        self.site = site
        self.world = World(
            url or f"sqlite:///{directory / 'ostiary.db'}",
            directory,
            policy=Policy(give_up_after=GIVE_UP_AFTER),
            outbound=Outbound(parse_networks(["127.0.0.0/8"]), total_seconds=PATIENCE),
        )
        self.deliveries = self.process("one")

    def process(self, holder: str, outbound: Outbound | None = None) -> Deliveries:
        """The deliveries of a process, which may call by ways of its own."""
        world = self.world
        house = dataclasses.replace(world.house, outbound=outbound or world.house.outbound)
        return Deliveries(Courier(house=house, issuer=world.public_url, holder=holder))

    def send(self) -> None:
        """Send everything that is due now, whoever answers."""
        while self.deliveries.look():
            assert self.deliveries.finish(PATIENCE)

    def clear(self) -> None:
        """Owe nobody anything, and forget who failed, who was called and how they answer."""
        self.deliveries = self.process("one")
        self.world.database.after_commit = None
        for table in (notice, notice_lane):
            self.world.write(Transaction.execute, delete(table))
        self.site.answers.clear()
        self.site.heard.clear()
        self.site.connections = 0


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A place for all the tests of a module."""
    with Site() as site:
        made = Place(tmp_path_factory.mktemp("logout"), site)
        yield made
        made.world.close()


@pytest.fixture
def place(shared: Place) -> Iterator[Place]:
    """The same, where nothing is left of the test before."""
    shared.clear()
    yield shared
    assert shared.deliveries.finish(PATIENCE)


@pytest.fixture
def postgresql_place(postgresql_url: str, tmp_path: Path) -> Iterator[Place]:
    """A place on PostgreSQL, for races."""
    with Site() as site:
        made = Place(tmp_path, site, postgresql_url)
        yield made
        made.world.close()
