"""What ``/metrics`` shows: numbers of all workers together, whichever of them is asked.

The numbers stand in memory that the supervisor shares with its workers: each worker adds to a slot
of its own, and whoever is asked adds the slots up. A worker that is replaced leaves its slot to its
successor, so that a counter never goes back while the server runs.
"""

from __future__ import annotations

import mmap
import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ostiary.domain.events import Event
from ostiary.domain.notice import NoticeKind
from ostiary.domain.session import EndReason
from ostiary.storage.database import Transaction

FRONTS: Final = ("api", "casdoor", "operations", "web")
STATUS_CLASSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx")
JOBS: Final = ("flush_last_seen", "give_up", "purge", "settle", "sweep")
OUTCOMES: Final = ("done", "failed")

_NOTICE_EVENTS: Final = {
    Event.NOTICE_DELIVERED.value: "delivered",
    Event.NOTICE_FAILED.value: "failed",
    Event.NOTICE_GIVEN_UP.value: "given_up",
}

_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper ends in seconds; a sign-in takes its time on purpose."""

_PREFIXES: Final = (
    ("/v1", "api"),
    ("/api", "casdoor"),
    ("/health", "operations"),
    ("/metrics", "operations"),
)

Label = tuple[str, ...]


def front_of(path: str) -> str:
    """The front that a path belongs to, one of `FRONTS`."""
    for prefix, front in _PREFIXES:
        if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/"):
            return front
    return "web"


class _Counters:
    """A family of counters with a closed set of labels, and where each stands in a slot."""

    def __init__(
        self, start: int, name: str, text: str, labels: Label, values: list[Label]
    ) -> None:
        self.name, self.text, self.labels = name, text, labels
        self.places = {value: start + i for i, value in enumerate(values)}


def _counters() -> Iterator[_Counters]:
    families: tuple[tuple[str, str, Label, list[Label]], ...] = (
        (
            "ostiary_requests",
            "HTTP requests that were answered.",
            ("front", "status"),
            [(front, status) for front in FRONTS for status in STATUS_CLASSES],
        ),
        (
            "ostiary_events",
            "Audit events that this server wrote, such as session.started.",
            ("event",),
            [(event.value,) for event in Event],
        ),
        (
            "ostiary_sessions_ended",
            "Sessions that this server ended.",
            ("reason",),
            [(reason.value,) for reason in EndReason],
        ),
        (
            "ostiary_notices",
            "Attempts to tell applications and others, and notices that were given up.",
            ("kind", "outcome"),
            [(kind.value, outcome) for kind in NoticeKind for outcome in _NOTICE_EVENTS.values()],
        ),
        (
            "ostiary_job_runs",
            "Runs of jobs.",
            ("job", "outcome"),
            [(job, outcome) for job in JOBS for outcome in OUTCOMES],
        ),
        ("ostiary_job_rows", "Rows that jobs looked at.", ("job",), [(job,) for job in JOBS]),
        ("ostiary_worker_restarts", "Workers that died and were replaced.", (), [()]),
    )
    start = 0
    for name, text, labels, values in families:
        yield _Counters(start, name, text, labels, values)
        start += len(values)


_FAMILIES: Final = {family.name: family for family in _counters()}
_SECONDS_AT: Final = sum(len(family.places) for family in _FAMILIES.values())
_PER_FRONT: Final = len(_BUCKETS) + 2  # the bucket without an end, and the sum
_QUEUE_AT: Final = _SECONDS_AT + len(FRONTS) * _PER_FRONT
_NUMBERS: Final = _QUEUE_AT + 1
_BYTES: Final = 8


class SharedNumbers:
    """The memory; made once, before the first worker."""

    def __init__(self, slots: int) -> None:
        """Make room.

        Args:
            slots: as many as there are processes that count.
        """
        self.slots = slots
        # Anonymous and shared: children of a fork see it, and it is gone with the last of them.
        memory = mmap.mmap(-1, max(1, slots * _NUMBERS * _BYTES))
        self.numbers = memoryview(memory).cast("d")

    def total(self, place: int) -> float:
        """The sum over all processes."""
        return sum(self.numbers[slot * _NUMBERS + place] for slot in range(self.slots))


class Metrics:
    """What one process counts, and the page of all of them."""

    def __init__(self, shared: SharedNumbers | None = None, slot: int = 0) -> None:
        """Count into a slot; without ``shared`` into memory of one's own."""
        self._shared = shared or SharedNumbers(1)
        self._base = slot * _NUMBERS
        self._lock = threading.Lock()

    def add(self, family: str, *labels: str, count: int = 1) -> None:
        """Count something; what has no place is not counted."""
        place = _FAMILIES[family].places.get(labels)
        if place is not None:
            with self._lock:
                self._shared.numbers[self._base + place] += count

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        front = front_of(path)
        start = self._base + _SECONDS_AT + FRONTS.index(front) * _PER_FRONT
        numbers = self._shared.numbers
        self.add("ostiary_requests", front, f"{status // 100}xx")
        with self._lock:
            numbers[start + bisect_left(_BUCKETS, seconds)] += 1
            numbers[start + len(_BUCKETS) + 1] += seconds

    def committed(self, tx: Transaction) -> None:
        """Count the events of a transaction that was just committed."""
        for (event, sort), count in tx.events.items():
            self.add("ostiary_events", event, count=count)
            if event == Event.SESSION_ENDED.value:
                self.add("ostiary_sessions_ended", sort, count=count)
            elif event in _NOTICE_EVENTS:
                self.add("ostiary_notices", sort, _NOTICE_EVENTS[event], count=count)

    def password_queue(self, waiting: int) -> None:
        """Say how many sign-ins wait for their password to be compared."""
        self._shared.numbers[self._base + _QUEUE_AT] = waiting

    def page(self, live_sessions: int | None) -> bytes:
        """All numbers in Prometheus' text format 0.0.4.

        Args:
            live_sessions: as the store counts them; None: not known now.
        """
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Page(self._shared, live_sessions))
        return generate_latest(registry)


class _Page(Collector):
    def __init__(self, shared: SharedNumbers, live_sessions: int | None) -> None:
        self._shared = shared
        self._live_sessions = live_sessions

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily("ostiary_build_info", "The version.", labels=["version"])
        info.add_metric([version("ostiary")], 1)
        yield info
        for family in _FAMILIES.values():
            metric = CounterMetricFamily(family.name, family.text, labels=family.labels)
            for labels, place in family.places.items():
                metric.add_metric(labels, self._shared.total(place))
            yield metric
        yield self._seconds()
        queue = self._shared.total(_QUEUE_AT)
        yield GaugeMetricFamily(
            "ostiary_password_queue",
            "Sign-ins that wait for their password to be compared.",
            value=queue,
        )
        if self._live_sessions is not None:
            yield GaugeMetricFamily(
                "ostiary_sessions_live",
                "Sessions that nobody has ended; at most half a minute old.",
                value=self._live_sessions,
            )

    def _seconds(self) -> Metric:
        metric = HistogramMetricFamily(
            "ostiary_request_seconds",
            "How long requests took.",
            labels=["front"],
        )
        for i, front in enumerate(FRONTS):
            start = _SECONDS_AT + i * _PER_FRONT
            counts = [self._shared.total(start + b) for b in range(len(_BUCKETS) + 1)]
            ends = [*(str(end) for end in _BUCKETS), "+Inf"]
            buckets = [(end, sum(counts[: b + 1])) for b, end in enumerate(ends)]
            metric.add_metric([front], buckets, self._shared.total(start + len(_BUCKETS) + 1))
        return metric
