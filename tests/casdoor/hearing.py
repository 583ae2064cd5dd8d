"""Somebody outside who is told things: what the deliveries send, and what is answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import msgspec

from ostiary.domain.notice import Notice
from ostiary.gateways.outbound import Answer, Outbound
from ostiary.services import deliver
from ostiary.services.courier import Courier
from ostiary.storage import deliveries, outbox
from tests.casdoor.world import World


class Heard(msgspec.Struct, frozen=True):
    """One request that was made."""

    method: str
    url: str
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


class Ear(Outbound):
    """Takes everything in; ``status`` is what it answers."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Heard] = []
        self.status = 200

    def send(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.heard.append(Heard(method, url, body, dict(headers)))
        return Answer(self.status, b"")


def send_all(world: World) -> None:
    """Send what is due now, once."""
    courier = Courier(house=world.house, issuer=world.public_url, holder="test")
    now = world.clock.now
    claimed = [
        item
        for lane in world.read(deliveries.due, now)
        for item in world.write(deliveries.claim, lane.lane, "test", limit=100, now=now)
    ]
    for item in claimed:
        deliver.attempt(courier, item)


def later(world: World) -> None:
    """So much later that everything is due again."""
    world.clock.now += timedelta(hours=1)


def owed(world: World, session_id: str, kind: str) -> list[Notice]:
    """What is, or was, owed about a session."""
    found: list[Notice] = world.read(outbox.of_sessions, [session_id])
    return [item for item in found if item.kind == kind]
