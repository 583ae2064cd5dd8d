"""``/health/live``, ``/health/ready`` and ``/metrics``: for machines that watch this one."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from typing import Any, Final

from litestar import Response, Router, get
from litestar.di import NamedDependency

from ostiary.domain.errors import NotFound, NotSignedIn, OstiaryError, Unavailable
from ostiary.domain.secrets import same
from ostiary.edge.errors import headers_of, status_of
from ostiary.edge.house import AnyRequest, Visit
from ostiary.ops.metrics import Metrics
from ostiary.services.house import House
from ostiary.services.setup import is_bound
from ostiary.storage import session_pages

_COUNT_FOR: Final = 30.0
"""Seconds for which a count of the live sessions is good enough."""

_PATIENCE: Final = 5.0
"""Seconds after which a store that does not answer is as good as gone."""

_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def router(house: House, metrics: Metrics, *, token: str = "") -> Router:
    """The operational routes.

    Args:
        house: the installation.
        metrics: what to show.
        token: who shows it as a bearer may read the metrics; empty: this machine may.
    """
    live_sessions = _LiveSessions(house)
    store = _Store(house)

    @get("/health/live")
    async def live() -> dict[str, str]:
        """This process answers."""
        return {"status": "live"}

    @get("/health/ready")
    async def ready() -> dict[str, str]:
        """The store answers too; else 503, by the error that says so."""
        await store.answer()
        return {"status": "ready"}

    @get("/metrics", sync_to_thread=True)
    def show_metrics(visit: NamedDependency[Visit]) -> Response[bytes]:
        """Numbers, for those who may see them."""
        _require_watcher(visit, token)
        metrics.password_queue(house.passwords.waiting)
        return Response(metrics.page(live_sessions.count()), media_type=_CONTENT_TYPE)

    return Router(
        path="/",
        route_handlers=[live, ready, show_metrics],
        include_in_schema=False,
        exception_handlers={OstiaryError: _plain},
    )


def _plain(_: AnyRequest, error: OstiaryError) -> Response[Any]:
    """Errors without any detail: who asks is a machine, or a stranger."""
    headers = headers_of(error)
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = 'Bearer realm="metrics"'
    return Response({"status": error.code}, status_code=status_of(error), headers=headers)


def _require_watcher(visit: Visit, token: str) -> None:
    """Refuse whoever may not see the numbers.

    Raises:
        NotSignedIn: a token is configured, and another or none was sent.
        NotFound: none is, and the request comes from elsewhere, or through a proxy.
    """
    headers = visit.request.headers
    if token:
        scheme, _, sent = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not same(sent.strip().encode(), token.encode()):
            raise NotSignedIn
        return
    peer = visit.request.client.host if visit.request.client else ""
    if not _is_loopback(peer) or "x-forwarded-for" in headers or "forwarded" in headers:
        raise NotFound


def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False


class _Store:
    """Asks the store whether it answers: one question at a time, however many want to know.

    A store that hangs must not collect a thread of each probe.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._asked: asyncio.Future[bool] | None = None

    async def answer(self) -> None:
        """Return when it answered.

        Raises:
            Unavailable: it did not, or not in time.
        """
        if self._asked is None or self._asked.done():
            loop = asyncio.get_running_loop()
            self._asked = loop.run_in_executor(None, self._house.database.read, is_bound)
        answered, _ = await asyncio.wait({self._asked}, timeout=_PATIENCE)
        if not answered:
            raise Unavailable(f"the store has not answered for {_PATIENCE} seconds")
        self._asked.result()


class _LiveSessions:
    """A count that is read again when it is too old; it may cost some milliseconds."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._count: int | None = None
        self._counted_at = -_COUNT_FOR

    def count(self) -> int | None:
        """The sessions that nobody has ended; None: the store does not say."""
        now = time.monotonic()
        if now - self._counted_at >= _COUNT_FOR:
            self._counted_at = now
            try:
                self._count = self._house.database.read(session_pages.count_unended)
            except OstiaryError:
                self._count = None
        return self._count
