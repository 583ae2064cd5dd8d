"""``ostiary bench purge``: rows a second, and how long an ending waits for it."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from pathlib import Path

from ostiary.ops.bench.asking import milliseconds_since, syncs
from ostiary.ops.bench.figures import Results, percentile
from ostiary.ops.bench.ground import PER_USER, Ground, Known, Progress, ground
from ostiary.services import end, retention

_LONG_AGO = timedelta(days=400)
_BETWEEN = 0.02
"""Seconds between two endings beside the purge."""


def run(parent: Path | None, progress: Progress, *, sessions: int) -> Results:
    """Measure.

    Args:
        parent: where the temporary directory is made.
        progress: shows how far it is.
        sessions: that ended long ago, and go.
    """
    results = Results(benchmark="purge", settings={"sessions": sessions, "batch": retention.BATCH})
    sessions += sessions % PER_USER
    with ground(parent) as here:
        gone = here.crowd(ended=here.house.clock() - _LONG_AGO)
        here.fill(gone, sessions, progress)
        endings = max(100, sessions // 400)
        living = here.crowd()
        here.fill(living, 2 * endings, progress)
        known = here.known(living, 2 * endings)
        disk = percentile(syncs(here.directory), 0.5)
        alone = [_end(here, one) for one in known[:endings]]
        half = sessions // 2
        fast, _, fast_seconds = _purge(here, [], half, progress)
        batches, beside, seconds = _purge(here, known[endings:], sessions - half, progress)
    # Of a session two rows go, its own and that of its application.
    results.add(
        "purged, batch after batch",
        2 * sum(size for size, _ in fast) / fast_seconds,
        "rows/s",
        bar=10_000.0,
        bar_on_value=True,
        at_least=True,
    )
    results.add(
        "purged as the job does it, resting as long as it worked, endings beside",
        2 * sum(size for size, _ in batches) / seconds,
        "rows/s",
    )
    for share in (0.5, 0.99):
        results.add(
            f"one batch, which an ending may have to wait for, p{share * 100:.0f}",
            percentile([took for _, took in batches], share),
            "ms",
            reference="one fdatasync",
            reference_value=disk,
        )
    for share in (0.5, 0.99, 1.0):
        longest = share == 1.0
        mine, without = percentile(beside, share), percentile(alone, share)
        name = "longest" if longest else f"p{share * 100:.0f}"
        results.add(
            f"an ending beside the purge, {name}",
            mine,
            "ms",
            reference="without the purge",
            reference_value=without,
        )
        if share > 0.5:  # noqa: PLR2004 - of the median nobody complains
            results.add(
                f"what an ending waits for it, {name}",
                max(0.0, mine - without),
                "ms",
                bar=5.0,
                bar_on_value=True,
            )
    return results


def _end(here: Ground, one: Known) -> float:
    began = time.perf_counter()
    here.house.database.write(end.ensure_ended, here.act(), one.id)
    return milliseconds_since(began)


def _purge(
    here: Ground, known: list[Known], sessions: int, progress: Progress
) -> tuple[list[tuple[int, float]], list[float], float]:
    """Purge this many, with endings of the known ones beside, if there are any.

    Returns:
        The size and the milliseconds of each batch, the milliseconds of each ending, and how many
        seconds it took in all.
    """
    database, policy = here.house.database, here.house.policy
    over = threading.Event()
    beside: list[float] = []

    def end_now_and_then() -> None:
        for one in known:
            if over.wait(_BETWEEN):
                return
            beside.append(_end(here, one))

    thread = threading.Thread(target=end_now_and_then)
    thread.start()
    batches: list[tuple[int, float]] = []
    began = time.perf_counter()
    try:
        with progress("Purging", sessions) as done:
            gone = 0
            while gone < sessions:
                batch_began = time.perf_counter()
                size = database.write(retention.purge, here.house.clock(), policy)
                took = milliseconds_since(batch_began)
                if not size:
                    break
                batches.append((size, took))
                gone += size
                done(gone)
                if known:
                    time.sleep(took / 1_000)  # as `ostiary.ops.jobs` does between two batches
        return batches, beside, time.perf_counter() - began
    finally:
        over.set()
        thread.join()
