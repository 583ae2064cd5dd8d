"""``ostiary bench exact``: no worker accepts a session after its ending was acknowledged.

This process ends sessions; the workers of a server, under full load, are asked about each over
kept connections, after the ending has returned. Without the gate the same must go wrong.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path

from ostiary.domain.errors import Misconfigured
from ostiary.ops.bench import load
from ostiary.ops.bench.asking import Prober
from ostiary.ops.bench.figures import Results
from ostiary.ops.bench.ground import Ground, Known, Progress, Serving, ground
from ostiary.services import end

CONNECTIONS = 16
"""Connections are spread over the workers by chance: with so many each worker gets some."""

_EACH = 10
"""Questions on each connection after an ending."""

_BUSY = 500
"""Sessions that the load asks about."""

_FOREVER = 3_600.0
_OK = 200


def run(
    parent: Path | None, progress: Progress, *, probes: int, workers: int, gate_off: bool
) -> Results:
    """Measure.

    Args:
        parent: where the temporary directory is made.
        progress: shows how far it is.
        probes: at least so many questions after an ending.
        workers: of the server.
        gate_off: the control: the server's views do not hear of anything.
    """
    load.need("wrk")
    endings = -(-probes // (CONNECTIONS * _EACH))
    results = Results(
        benchmark="exact",
        settings={
            "workers": workers,
            "connections": CONNECTIONS,
            "endings": endings,
            "gate": "off" if gate_off else "on",
        },
    )
    with ground(parent) as here:
        crowd = here.crowd()
        here.fill(crowd, endings + _BUSY, progress)
        known = here.known(crowd, endings + _BUSY)
        busy, dying = known[:_BUSY], known[_BUSY:]
        with here.serve(workers=workers, gate=not gate_off) as serving:
            asked, stale, refused = _ask(here, serving, busy, dying, progress)
    results.add(
        "stale answers after an ending",
        stale,
        f"of {asked:,}",
        reference="every one, with the gate switched off" if not gate_off else "",
        bar=0.0,
        bar_on_value=True,
    )
    results.add("other sessions that were refused", refused, "", bar=0.0, bar_on_value=True)
    return results


def _ask(
    here: Ground, serving: Serving, busy: list[Known], dying: list[Known], progress: Progress
) -> tuple[int, int, int]:
    """End one by one.

    Returns:
        How many answers there were after endings, how many of those accepted the session, and how
        many of the load were refused or broken.
    """
    asked = stale = 0
    database = here.house.database
    with ExitStack() as stack:
        probers = [stack.enter_context(closing(Prober(serving.port))) for _ in range(CONNECTIONS)]
        wrk = load.Wrk(
            serving.url,
            here.directory,
            [one.secret for one in busy],
            connections=CONNECTIONS,
            seconds=_FOREVER,
        )
        stack.callback(wrk.stop)
        with progress("Ending", len(dying)) as done:
            for number, one in enumerate(dying):
                _see_alive(probers, one)
                database.write(end.ensure_ended, here.act(), one.id)
                for prober in probers:
                    prober.send([one.secret] * _EACH)
                for prober in probers:
                    answers = prober.statuses(_EACH)
                    asked += len(answers)
                    stale += answers.count(_OK)
                done(number + 1)
        answered = wrk.interrupted()
    return asked, stale, answered.refused + answered.broken


def _see_alive(probers: list[Prober], one: Known) -> None:
    """Ask on every connection, so that each worker's view holds it.

    Raises:
        Misconfigured: it is refused while it lives.
    """
    for prober in probers:
        prober.send([one.secret])
    for prober in probers:
        if prober.statuses(1) != [_OK]:
            raise Misconfigured("A live session was refused.")
