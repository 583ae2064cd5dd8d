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
_ENOUGH_CORES = 4
"""With fewer, the load takes from the workers, and rates say nothing about how they scale."""


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
        measured: dict[str, list[tuple[float, float]]] = {"nginx": [], "one": [], "two": []}
        with progress("Checking", rounds) as done:
            for number in range(rounds):
                measured["nginx"].append(bench.load(*nginx_at))
                for name, workers in (("one", 1), ("two", 2)):
                    measured[name].append(bench.load_server(workers))
                done(number + 1)
        _tell_costs(results, measured)
        with here.serve() as serving:
            _strangers(results, bench, serving, progress, rounds)
    return results


class _Bench:
    def __init__(self, here: Ground, secrets: Sequence[str], seconds: float) -> None:
        self.here, self.secrets, self.seconds = here, secrets, seconds

    def wrk(self, url: str, *, known: bool = True, connections: int, seconds: float) -> Wrk:
        """Load, by known secrets or by made up ones."""
        secrets = self.secrets if known else []
        return Wrk(url, self.here.directory, secrets, connections=connections, seconds=seconds)

    def load(self, url: str, workers: list[int]) -> tuple[float, float]:
        """Load some workers.

        Returns:
            The microseconds of CPU time that a request cost them, and requests a second.
        """
        before = processes.cpu_seconds(workers)
        answered = self.wrk(url, connections=CONNECTIONS, seconds=self.seconds).answered()
        used = processes.cpu_seconds(workers) - before
        return used / max(1, answered.requests) * 1e6, answered.rate

    def load_server(self, workers: int) -> tuple[float, float]:
        """Load a server that has just started, once its views are full."""
        with self.here.serve(workers=workers) as serving:
            self.wrk(serving.url, connections=CONNECTIONS, seconds=_WARM_UP).answered()
            return self.load(serving.url, serving.workers)


def _tell_costs(results: Results, measured: dict[str, list[tuple[float, float]]]) -> None:
    cost = {name: median([c for c, _ in values]) for name, values in measured.items()}
    rate = {name: median([r for _, r in values]) for name, values in measured.items()}
    results.add(
        "CPU of a check, 1 worker",
        cost["one"],
        "us",
        reference="nginx, return 200",
        reference_value=cost["nginx"],
        bar=1.7,
    )
    results.add(
        "CPU of a check, 2 workers",
        cost["two"],
        "us",
        reference="1 worker",
        reference_value=cost["one"],
    )
    enough = len(os.sched_getaffinity(0)) >= _ENOUGH_CORES
    results.add(
        "room of 2 workers, by CPU",
        2e6 / cost["two"],
        "1/s",
        reference="of 1 worker, by CPU",
        reference_value=1e6 / cost["one"],
        bar=None if enough else 1.6,
        at_least=True,
    )
    results.add(
        "checks a second, 2 workers",
        rate["two"],
        "1/s",
        reference="1 worker",
        reference_value=rate["one"],
        bar=1.6 if enough else None,
        at_least=True,
    )
    results.add(
        "checks a second, 1 worker",
        rate["one"],
        "1/s",
        reference="nginx, return 200",
        reference_value=rate["nginx"],
    )
    if not enough:
        results.notes.append(
            "The load ran on the workers' own cores, so the scaling is judged by CPU time."
        )


def _strangers(
    results: Results, bench: _Bench, serving: Serving, progress: Progress, rounds: int
) -> None:
    """Valid checks beside secrets that nobody has, compared with as many valid ones instead."""
    alone: list[float] = []
    beside: list[float] = []
    rates: list[float] = []
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
        "guesses a second, 1 worker, beside valid checks",
        median(rates),
        "1/s",
        bar=_STRANGERS_A_SECOND,
        bar_on_value=True,
        at_least=True,
    )
    results.add(
        "memory of the worker after all guesses",
        processes.resident_bytes(worker) / _MEGABYTE,
        "MB",
        reference="after the first round",
        reference_value=after_first / _MEGABYTE,
        bar=1.05,
    )
