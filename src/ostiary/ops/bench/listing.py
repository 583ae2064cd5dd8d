"""``ostiary bench list``: a page of the lists, at any depth, however many sessions there are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from ostiary.domain.errors import Misconfigured
from ostiary.domain.search import Order, Position, SessionFilter, Sort
from ostiary.domain.session import Session
from ostiary.ops.bench.asking import Client, syncs
from ostiary.ops.bench.figures import Results, percentile, timed
from ostiary.ops.bench.ground import PER_USER, Ground, Progress, ground
from ostiary.services import cursors
from ostiary.storage import bulk
from ostiary.storage.bulk import Crowd
from ostiary.storage.session_pages import position_of

_PAGE = 50
_TIMES = 100
_SLOW_TIMES = 3
_DEPTHS = (0.0, 0.5, 0.999)


def run(parent: Path | None, progress: Progress, *, sessions: int) -> Results:
    """Measure.

    Args:
        parent: where the temporary directory is made.
        progress: shows how far it is.
        sessions: live ones in the organization that is listed.
    """
    results = Results(benchmark="list", settings={"sessions": sessions, "page": _PAGE})
    with ground(parent) as here:
        crowd = here.crowd()
        sessions += sessions % PER_USER
        filled = here.fill(crowd, sessions, progress)
        results.settings["filled per second"] = round(filled)
        sync = percentile(syncs(here.directory), 0.5)
        with here.serve() as serving, closing(Client(serving.port, here.credentials)) as client:
            bench = _Bench(here, crowd, client, results, sessions)
            with progress("Asking for pages", len(_DEPTHS) + 3 + 1) as done:
                for number, depth in enumerate(_DEPTHS):
                    bench.at_depth(depth, sync if not depth else None)
                    done(number + 1)
                bench.filtered()
                done(len(_DEPTHS) + 3)
                bench.casdoor()
                done(len(_DEPTHS) + 4)
    return results


class _Bench:
    def __init__(
        self, here: Ground, crowd: Crowd, client: Client, results: Results, sessions: int
    ) -> None:
        self.here, self.crowd, self.client = here, crowd, client
        self.results, self.sessions = results, sessions

    def at_depth(self, depth: float, sync: float | None) -> None:
        """A page so far into the list, by keyset and by OFFSET."""
        here, crowd = self.here, self.crowd
        offset = min(int(self.sessions * depth), self.sessions - 2 * _PAGE)
        begin, now = max(0, offset - 1), here.house.clock()

        def by_offset() -> list[Session]:
            return here.house.database.read(
                bulk.page_by_offset, crowd, offset=begin, limit=_PAGE, now=now
            )

        slow = timed(by_offset, _SLOW_TIMES)
        query: dict[str, str | int] = {"organization": crowd.organization, "limit": _PAGE}
        if depth:
            before = by_offset()[0]
            query["cursor"] = self._cursor(position_of(before, Sort.CREATED))
        where = f"/v1/sessions?{urlencode(query)}"
        took = self._timed(where)
        name = f"page at {offset:,} of {self.sessions:,}"
        self.results.add(
            f"{name}, p50",
            percentile(took, 0.5),
            "ms",
            reference="the same by OFFSET, the query alone" if depth else "one fdatasync",
            reference_value=percentile(slow, 0.5) if sync is None else sync,
        )
        self.results.add(f"{name}, p99", percentile(took, 0.99), "ms", bar=5.0, bar_on_value=True)

    def _cursor(self, position: Position) -> str:
        """As the list itself would give it: nobody wants to wait for a million pages."""
        listed = (SessionFilter(organization=self.crowd.organization), Order())
        return cursors.encode(self.here.house.vault, listed, position)

    def filtered(self) -> None:
        """By user, address and country."""
        some = self.here.house.database.read(
            bulk.page_by_offset,
            self.crowd,
            offset=self.sessions // 2,
            limit=1,
            now=self.here.house.clock(),
        )[0]
        for name, value in (
            ("user", some.user),
            ("address", some.device.address),
            ("country", some.device.country or ""),
        ):
            query = {"organization": self.crowd.organization, "limit": _PAGE, name: value}
            took = self._timed(f"/v1/sessions?{urlencode(query)}")
            self.results.add(f"filtered by {name}, p50", percentile(took, 0.5), "ms")
            self.results.add(
                f"filtered by {name}, p99",
                percentile(took, 0.99),
                "ms",
                bar=10.0,
                bar_on_value=True,
            )

    def casdoor(self) -> None:
        """The first page of the wire, whose count is exact."""
        query = {"owner": self.crowd.organization, "pageSize": 10, "p": 1}
        where = f"/api/get-sessions?{urlencode(query)}"
        counted = self.client.call("GET", where)["data2"]
        if counted != self.sessions // PER_USER:
            raise Misconfigured(f"data2 is {counted}, not {self.sessions // PER_USER}.")
        took = self._timed(where)
        for share, bar in ((0.5, None), (0.99, 100.0)):
            self.results.add(
                f"get-sessions, data2 = {counted:,}, p{share * 100:.0f}",
                percentile(took, share),
                "ms",
                bar=bar,
                bar_on_value=True,
            )

    def _timed(self, where: str) -> list[float]:
        ask: Callable[[], object] = partial(self.client.call, "GET", where)
        if not ask():
            raise Misconfigured("An answer was empty.")
        return timed(ask, _TIMES)
