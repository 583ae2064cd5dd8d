"""``ostiary bench memory``: what a live view of many sessions takes, and costs the collector."""

from __future__ import annotations

import asyncio
import gc
import os
from datetime import timedelta
from pathlib import Path

import msgspec

from ostiary.domain.secrets import digest
from ostiary.domain.session import Device, Session
from ostiary.edge.checks import Checks
from ostiary.gateways.entropy import new_public_id, new_secret
from ostiary.ops.app import create_app
from ostiary.ops.bench import processes
from ostiary.ops.bench.figures import Results, median, timed
from ostiary.ops.bench.ground import Progress, ground
from ostiary.ops.worker import front_of
from ostiary.services.check import Live
from ostiary.storage.live_view import Entry, LiveView, Tail

_CHUNK = 1_000
_COLLECTIONS = 5


class _Unchanging:
    """A gate behind which nothing happens."""

    def changed(self, position: int) -> Tail | None:
        """Nothing."""
        del position
        return None

    def has(self, digest: bytes) -> bool:
        """Whatever is asked for."""
        del digest
        return True

    def close(self) -> None:
        """Nothing is open."""


def run(parent: Path | None, progress: Progress, *, sessions: int) -> Results:
    """Measure.

    Args:
        parent: where the temporary directory is made.
        progress: shows how far it is.
        sessions: that the view holds.
    """
    return asyncio.run(_run(parent, progress, sessions))


async def _run(parent: Path | None, progress: Progress, sessions: int) -> Results:
    results = Results(benchmark="memory", settings={"sessions": sessions})
    with ground(parent) as here:
        view: LiveView[Entry] = LiveView(_Unchanging(), capacity=2 * sessions + _CHUNK)
        checks = Checks(here.house, view)
        pattern = _pattern(here.house.clock())
        gc.collect()
        gc.freeze()  # as the supervisor does before it forks the workers
        app = create_app(here.house, front_of(here.config))  # as each worker does then
        collected = median(timed(gc.collect, _COLLECTIONS))
        before = processes.resident_bytes(os.getpid())
        with progress("Remembering", sessions) as done:
            for first in range(0, sessions, _CHUNK):
                some = range(first, min(first + _CHUNK, sessions))
                checks.remember({digest(new_secret()): _live(pattern, i) for i in some}, 0)
                done(some.stop)
        gc.collect()
        held = processes.resident_bytes(os.getpid()) - before
        results.add(
            "memory of a session in the view",
            held / len(view),
            "bytes",
            bar=600.0,
            bar_on_value=True,
        )
        results.add(
            "a full collection",
            median(timed(gc.collect, _COLLECTIONS)),
            "ms",
            reference="with an empty view",
            reference_value=collected,
            bar=20.0,
            bar_on_value=True,
        )
        del app
        checks.close()
        gc.unfreeze()
    return results


def _pattern(now: object) -> Session:
    given = {
        "id": new_public_id(),
        "organization_key": 1,
        "organization": "acme",
        "user_key": 1,
        "user": "u00000001",
        "application_key": 1,
        "application": "wiki",
        "device_key": None,
        "created_at": now,
        "authenticated_at": now,
        "last_seen_at": now,
        "expires_at": now,
        "idle_seconds": 3_600,
        "remembered": False,
        "device": Device(),
    }
    return msgspec.convert(given, Session)


def _live(pattern: Session, number: int) -> Live:
    """A session of its own, as the store would give it: with its own strings and numbers."""
    session = msgspec.structs.replace(
        pattern,
        id=new_public_id(),
        user_key=1_000 + number,
        user=f"u{number:08d}",
        expires_at=pattern.expires_at + timedelta(seconds=number % 86_400),
        last_seen_at=pattern.last_seen_at + timedelta(microseconds=number),
    )
    return Live(session=session, email=f"u{number:08d}@acme.example", groups=("staff",))
