"""``ostiary bench end``: one session under load, seen by another process, and a million at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ostiary.domain.errors import Misconfigured
from ostiary.ops.bench import load
from ostiary.ops.bench.asking import Client, Prober, milliseconds_since, syncs
from ostiary.ops.bench.figures import Results, percentile
from ostiary.ops.bench.ground import Ground, Known, Progress, Serving, ground
from ostiary.services import cutting, end
from ostiary.storage.bulk import Crowd

_BUSY = 20_000
"""Sessions that the load asks about."""

_CONNECTIONS = 32
_PAUSE = 5
"""Milliseconds between two questions of a connection, for a load that leaves room."""

_FOREVER = 3_600.0
_OK, _UNAUTHORIZED = 200, 401
_WARM_UP = 1.0


def run(
    parent: Path | None, progress: Progress, *, sessions: int, endings: int, seconds: float
) -> Results:
    """Measure.

    Args:
        parent: where the temporary directory is made.
        progress: shows how far it is.
        sessions: of the organization that is cut off.
        endings: of single sessions, for each figure.
        seconds: for which the checks beside the settling are measured.
    """
    load.need("wrk")
    results = Results(
        benchmark="end",
        settings={"sessions": sessions, "endings": endings, "seconds": seconds, "workers": 2},
    )
    with ground(parent) as here:
        quiet = here.crowd()
        here.fill(quiet, _BUSY + 4 * endings, progress)
        known = here.known(quiet, _BUSY + 4 * endings)
        busy, rest = [k.secret for k in known[:_BUSY]], known[_BUSY:]
        masses = here.crowd()
        here.fill(masses, sessions, progress)
        [one] = here.known(masses, 1)
        disk = syncs(here.directory)
        with here.serve(workers=2) as serving:
            bench = _Bench(here, serving, results, busy)
            bench.seen(rest[:endings])
            bench.ended(rest[endings : 2 * endings], disk, pause=None)
            bench.ended(rest[2 * endings : 3 * endings], disk, pause=_PAUSE)
            bench.ended(rest[3 * endings : 4 * endings], disk, pause=0)
            bench.cut_off(masses, one, disk, seconds)
    return results


class _Bench:
    def __init__(self, here: Ground, serving: Serving, results: Results, busy: list[str]) -> None:
        self.here, self.serving, self.results, self.busy = here, serving, results, busy

    @contextmanager
    def loaded(self, pause: int | None) -> Iterator[None]:
        """Checks of other sessions beside; None: none."""
        if pause is None:
            yield
            return
        with closing(_Stopping(self._wrk(pause=pause, seconds=_FOREVER))):
            time.sleep(_WARM_UP)
            yield

    def _wrk(self, *, pause: int, seconds: float) -> load.Wrk:
        return load.Wrk(
            self.serving.url,
            self.here.directory,
            self.busy,
            connections=_CONNECTIONS,
            seconds=seconds,
            pause=pause,
        )

    def seen(self, some: list[Known]) -> None:
        """How long after its commit here an ending is what a worker answers."""
        took, bare = [], []
        with closing(Prober(self.serving.port)) as prober:
            for one in some:
                if prober.status(one.secret) != _OK:
                    raise Misconfigured("A live session was refused.")
                began = time.perf_counter()
                prober.status(one.secret)
                bare.append(milliseconds_since(began))
                self.here.house.database.write(end.ensure_ended, self.here.act(), one.id)
                began = time.perf_counter()
                while prober.status(one.secret) != _UNAUTHORIZED:
                    pass
                took.append(milliseconds_since(began))
        for share, bar in ((0.5, None), (0.99, 1.0)):
            self.results.add(
                f"commit until another process refuses, p{share * 100:.0f}",
                percentile(took, share),
                "ms",
                reference="a check, there and back",
                reference_value=percentile(bare, share),
                bar=bar,
                bar_on_value=True,
            )

    def ended(self, some: list[Known], disk: list[float], *, pause: int | None) -> None:
        """How long the call takes that ends one session."""
        took = []
        with self.loaded(pause), self._client() as client:
            for one in some:
                began = time.perf_counter()
                answer = client.call("POST", f"/v1/sessions/{one.id}/end")
                took.append(milliseconds_since(began))
                if answer["count"] != 1:
                    raise Misconfigured("A live session was not ended.")
        beside = {None: "without load", 0: "under full load"}.get(pause, "under some load")
        for share in (0.5, 0.99):
            self.results.add(
                f"end one by /v1 {beside}, p{share * 100:.0f}",
                percentile(took, share),
                "ms",
                reference="one fdatasync",
                reference_value=percentile(disk, share),
                bar=10.0 if share > 0.5 else None,  # noqa: PLR2004 - the p99 has the bar
                bar_on_value=True,
            )

    @contextmanager
    def _client(self) -> Iterator[Client]:
        with closing(Client(self.serving.port, self.here.credentials)) as client:
            client.call("GET", "/v1/sessions?limit=1")
            yield client

    def cut_off(self, masses: Crowd, one: Known, disk: list[float], seconds: float) -> None:
        """End everything of an organization, and check others while it is settled."""
        before = self._wrk(pause=_PAUSE, seconds=seconds).answered()
        with closing(Prober(self.serving.port)) as prober, self._client() as client:
            if prober.status(one.secret) != _OK:
                raise Misconfigured("A live session was refused.")
            wrk = self._wrk(pause=_PAUSE, seconds=seconds + _WARM_UP)
            body = {"subject": "organization", "name": masses.organization}
            began = time.perf_counter()
            number = client.call("POST", "/v1/cut-offs", body)["id"]
            answered = milliseconds_since(began)
            if prober.status(one.secret) != _UNAUTHORIZED:
                raise Misconfigured("A session outlived its cut-off.")
            in_force = milliseconds_since(began)
            settling = wrk.answered()
            settled, took = self._settled(number), milliseconds_since(began) / 1_000
        self.results.add(
            "cut-off: answered",
            answered,
            "ms",
            reference="one fdatasync",
            reference_value=percentile(disk, 0.5),
        )
        self.results.add("cut-off: in force", in_force, "ms", bar=50.0, bar_on_value=True)
        self.results.add(
            "checks while it is settled, p99",
            settling.p99 / 1_000,
            "ms",
            reference="before",
            reference_value=before.p99 / 1_000,
            bar=2.0,
        )
        self.results.add("settled", settled / took, "1/s")

    def _settled(self, number: int) -> int:
        found = self.here.house.database.read(cutting.get_cut_off, self.here.act(), number)
        return found.progress.settled


class _Stopping:
    """Stops a `wrk` that nobody wants to hear."""

    def __init__(self, wrk: load.Wrk) -> None:
        self._wrk = wrk

    def close(self) -> None:
        self._wrk.stop()
