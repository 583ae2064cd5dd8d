"""``ostiary bench check``: what a check costs, beside what nginx needs to answer a constant."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ostiary.ops.bench import load, processes
from ostiary.ops.bench.figures import Results, median
from ostiary.ops.bench.ground import Ground, Progress, Serving, ground
from ostiary.ops.bench.load import Wrk

CONNECTIONS = 32
_STRANGERS_A_SECOND = 50_000
_WARM_UP = 2.0
_MEGABYTE = 1_048_576
_TOGETHER = 16
"""Checks that a connection sends at once where it is about how workers scale: the load then takes
little of the cores that it shares with them."""


def run(
    parent: Path | None, progress: Progress, *, sessions: int, seconds: float, rounds: int
) -> Results:
    """Measure.

    Args:
        parent: where the temporary directory is made.
        progress: shows how far it is.
        sessions: live ones, which are asked about in a random order.
        seconds: for each measurement.
        rounds: of measurements in turn, of which the medians are taken.
    """
    load.need("nginx", "wrk")
    results = Results(
        benchmark="check",
        settings={
            "sessions": sessions,
            "seconds": seconds,
            "rounds": rounds,
            "connections": CONNECTIONS,
            "cores": len(os.sched_getaffinity(0)),
        },
    )
    with ground(parent) as here, ExitStack() as stack:
        crowd = here.crowd()
        here.fill(crowd, sessions, progress)
        secrets = [k.secret for k in here.known(crowd, sessions)]
        random.shuffle(secrets)
        nginx_at = stack.enter_context(load.nginx(here.directory))
        bench = _Bench(here, secrets, seconds)
        measured: dict[str, list[tuple[float, float]]] = {}
        with progress("Checking", rounds) as done:
            for number in range(rounds):
                measured.setdefault("nginx", []).append(bench.load(*nginx_at))
                for workers in (1, 2):
                    for name, cost in bench.load_server(workers).items():
                        measured.setdefault(name, []).append(cost)
                done(number + 1)
        _tell_costs(results, measured)
        with here.serve() as serving:
            _strangers(results, bench, serving, progress, rounds)
    return results


class _Bench:
    def __init__(self, here: Ground, secrets: Sequence[str], seconds: float) -> None:
        self.here, self.secrets, self.seconds = here, secrets, seconds

    def wrk(
        self, url: str, *, known: bool = True, connections: int, seconds: float, together: int = 1
    ) -> Wrk:
        """Load, by known secrets or by made up ones."""
        return Wrk(
            url,
            self.here.directory,
            self.secrets if known else [],
            connections=connections,
            seconds=seconds,
            together=together,
        )

    def load(
        self, url: str, workers: list[int], *, known: bool = True, together: int = 1
    ) -> tuple[float, float]:
        """Load some workers, each by as many connections.

        Returns:
            The microseconds of CPU time that a request cost them, and requests a second.
        """
        before = processes.cpu_seconds(workers)
        answered = self.wrk(
            url,
            known=known,
            connections=CONNECTIONS * len(workers),
            seconds=self.seconds,
            together=together,
        ).answered()
        used = processes.cpu_seconds(workers) - before
        return used / max(1, answered.requests) * 1e6, answered.rate

    def load_server(self, workers: int) -> dict[str, tuple[float, float]]:
        """Load a server that has just started, once its views are full: in two ways."""
        with self.here.serve(workers=workers) as serving:
            connections = CONNECTIONS * workers
            self.wrk(serving.url, connections=connections, seconds=_WARM_UP).answered()
            return {
                f"{workers}": self.load(serving.url, serving.workers),
                f"{workers} together": self.load(serving.url, serving.workers, together=_TOGETHER),
            }


def _tell_costs(results: Results, measured: dict[str, list[tuple[float, float]]]) -> None:
    cost = {name: median([c for c, _ in values]) for name, values in measured.items()}
    rate = {name: median([r for _, r in values]) for name, values in measured.items()}
    results.add(
        "CPU of a check, 1 worker",
        cost["1"],
        "us",
        reference="nginx, return 200",
        reference_value=cost["nginx"],
        bar=1.7,
    )
    results.add(
        "checks a second, 1 worker",
        rate["1"],
        "1/s",
        reference="nginx, return 200",
        reference_value=rate["nginx"],
    )
    results.add(
        f"checks a second, 2 workers, {_TOGETHER} sent at once",
        rate["2 together"],
        "1/s",
        reference="1 worker",
        reference_value=rate["1 together"],
        bar=1.6,
        at_least=True,
    )
    results.add(
        f"CPU of a check, 2 workers, {_TOGETHER} sent at once",
        cost["2 together"],
        "us",
        reference="1 worker",
        reference_value=cost["1 together"],
    )
    results.notes.append(
        f"The load runs on the workers' own {len(os.sched_getaffinity(0))} cores. For the scaling "
        f"each connection sends {_TOGETHER} checks at once, so that it takes little of them."
    )


def _strangers(
    results: Results, bench: _Bench, serving: Serving, progress: Progress, rounds: int
) -> None:
    """Valid checks beside secrets that nobody has, compared with as many valid ones instead."""
    alone: list[float] = []
    beside: list[float] = []
    rates: list[float] = []
    only: list[tuple[float, float]] = []
    half = CONNECTIONS // 2
    [worker] = serving.workers
    memory = processes.resident_bytes(worker)
    after_first = memory
    with progress("Guessing", rounds) as done:
        for number in range(rounds):
            for known, told in ((True, alone), (False, beside)):
                other = bench.wrk(serving.url, known=known, connections=half, seconds=bench.seconds)
                mine = bench.wrk(serving.url, connections=half, seconds=bench.seconds)
                told.append(mine.answered().p99 / 1_000)
                answered = other.answered()
                if not known:
                    rates.append(answered.rate)
            only.append(bench.load(serving.url, serving.workers, known=False))
            if not number:
                after_first = processes.resident_bytes(worker)
            done(number + 1)
    results.add(
        "valid checks beside strangers' guesses, p99",
        median(beside),
        "ms",
        reference="beside as many connections with valid checks",
        reference_value=median(alone),
        bar=2.0,
    )
    results.add(
        "guesses a second, 1 worker, nothing beside",
        median([rate for _, rate in only]),
        "1/s",
        bar=_STRANGERS_A_SECOND,
        bar_on_value=True,
        at_least=True,
    )
    results.add("guesses a second, 1 worker, beside valid checks", median(rates), "1/s")
    results.add("CPU of a guess, 1 worker", median([cost for cost, _ in only]), "us")
    results.add(
        "memory of the worker after all guesses",
        processes.resident_bytes(worker) / _MEGABYTE,
        "MB",
        reference="after the first round",
        reference_value=after_first / _MEGABYTE,
        bar=1.05,
    )
