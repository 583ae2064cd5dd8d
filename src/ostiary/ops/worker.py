"""One worker: a process with an event loop, its threads, and the store's connections.

It is forked by `ostiary.ops.supervisor` and stops by SIGTERM, or when the supervisor is gone: it
accepts nothing more, finishes what it is answering, stores what it only remembered, and exits.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import socket
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import structlog
import uvicorn
import uvloop

from ostiary.domain.errors import Misconfigured
from ostiary.edge.checks import Checks
from ostiary.edge.fast_check import FastCheck, protocol_for, require_known_uvicorn
from ostiary.edge.house import Front
from ostiary.edge.introspections import Introspections
from ostiary.gateways.addresses import parse_networks
from ostiary.gateways.entropy import new_public_id
from ostiary.ops import deliveries, health, jobs
from ostiary.ops.app import create_app
from ostiary.ops.compose import PASSWORD_QUEUE, close_house, open_house
from ostiary.ops.config import Config
from ostiary.ops.deliveries import Deliveries
from ostiary.ops.jobs import Jobs
from ostiary.ops.listening import BACKLOG
from ostiary.ops.metrics import Metrics
from ostiary.ops.request_log import RequestLog
from ostiary.services.courier import Courier
from ostiary.services.house import House
from ostiary.storage.database import Transaction
from ostiary.storage.live_view import LiveView, SqliteGate

READY: Final = b"r"
"""What a worker sends to its supervisor when it answers."""

DRAIN: Final = 10
"""Seconds in which a worker that was told to stop has stopped."""

_FINISH: Final = DRAIN - 2
"""Seconds for requests that are being answered; the rest is for the jobs and the store."""

KEEP_ALIVE: Final = 75
"""Seconds for which an idle connection stays: longer than proxies keep theirs (nginx: 60), so that
none of them sends a request into a connection that is being closed."""

PATIENCE: Final = 20
"""Seconds for a request's head to be complete, and between two pieces of its body."""

_LOOK_EVERY: Final = 20
"""Ticks of uvicorn's main loop, which are a tenth of a second."""

HANDLER_THREADS: Final = PASSWORD_QUEUE + 32
"""Requests that are worked on at a time. Those that wait for their password to be compared wait in
such a thread, and must leave some for all others; of the rest the store takes as many at a time as
`ostiary.ops.compose.TRANSACTIONS` says."""

_MOST_FILES: Final = 65_536

_log = structlog.get_logger(__name__)


def work(
    config: Config, listener: socket.socket, supervisor: socket.socket, metrics: Metrics
) -> int:
    """Serve until told to stop.

    Args:
        config: what is in force.
        listener: this worker's socket, listening.
        supervisor: the line to the supervisor: `READY` goes out, and its end is the end.
        metrics: where to count.

    Returns:
        The exit code.

    Raises:
        Misconfigured: the installation cannot be opened.
    """
    _allow_many_files()
    house = open_house(config, create=False)
    try:
        protocol = _fast_protocol(secure=front_of(config).secure)
        server = _server(config, house, metrics, protocol, ready=lambda: supervisor.sendall(READY))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(server, house, protocol, listener, supervisor))
    finally:
        close_house(house)
    return 0


def front_of(config: Config) -> Front:
    """How the installation looks from outside."""
    return Front(
        public_url=config.server.public_url,
        trusted=parse_networks(config.server.trusted_proxies),
    )


class Watch:
    """Hangs up on clients that begin a request and do not go on, since uvicorn waits for ever."""

    def __init__(self) -> None:
        """Start with nobody seen."""
        self._seen: dict[Any, tuple[object, float]] = {}

    def look(self, connections: Iterable[Any], now: float) -> None:
        """Close whoever has owed the same thing for longer than `PATIENCE`.

        Args:
            connections: uvicorn's; only `FastCheck` tells what it waits for.
            now: on the loop's clock.
        """
        seen = {}
        for connection in list(connections):
            owed = connection.owes() if isinstance(connection, FastCheck) else None
            if owed is None:
                continue
            before, since = self._seen.get(connection, (None, now))
            since = since if before is owed else now
            if now - since > PATIENCE:
                connection.transport.close()
            else:
                seen[connection] = (owed, since)
        self._seen = seen


class _Server(uvicorn.Server):
    """uvicorn's server, told to stop by us and telling when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._watch = Watch()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        if counter % _LOOK_EVERY == 0:
            now = asyncio.get_running_loop().time()
            self._watch.look(self.server_state.connections, now)
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: uvicorn would raise them again when it is through."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    def stop(self) -> None:
        """Accept nothing more and finish; whatever hangs is cut off by the kernel in the end."""
        if not self.should_exit:
            self.should_exit = True
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, DRAIN)


def _fast_protocol(*, secure: bool) -> type[FastCheck] | None:
    """What answers ``/check`` in the parser; None: this uvicorn is not the one it was made for."""
    try:
        require_known_uvicorn()
    except Misconfigured as error:
        _log.warning("fast_check.off", detail=f"{error.text} /check takes the plain route.")
        return None
    return protocol_for(None, secure=secure)


@contextlib.contextmanager
def _answering_checks(house: House, protocol: type[FastCheck] | None) -> Iterator[None]:
    """Let a protocol answer from a live view of this process; on PostgreSQL each reads the row."""
    if protocol is None:
        yield
        return
    on_file = not house.database.is_postgresql
    checks = Checks(house, LiveView(SqliteGate(house.database)) if on_file else None)
    protocol.checks = checks
    try:
        yield
    finally:
        protocol.checks = None
        checks.close()


def _server(
    config: Config,
    house: House,
    metrics: Metrics,
    protocol: type[FastCheck] | None,
    *,
    ready: Callable[[], None],
) -> _Server:
    front = front_of(config)
    sending = Deliveries(
        Courier(house=house, issuer=front.public_url, holder=new_public_id()),
    )
    house.database.after_commit = _watching_commits(metrics, sending)
    app = create_app(
        house,
        front,
        lifespan=[
            jobs.beside(Jobs(house, metrics, sweep_every=config.jobs.sweep_every)),
            deliveries.beside(sending),
        ],
        further=[health.router(house, metrics, token=config.metrics.token)],
    )
    # Any: Litestar and uvicorn describe the same interface by types of their own.
    logged: Any = RequestLog(Introspections(app, house), metrics, trusted=front.trusted)
    return _Server(
        uvicorn.Config(
            logged,
            http=protocol or "httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            # Whose X-Forwarded-For is believed is decided by `ostiary.gateways.addresses`.
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=_FINISH,
        ),
        ready,
    )


def _watching_commits(metrics: Metrics, sending: Deliveries) -> Callable[[Transaction], None]:
    """Count what was committed, and send at once what it owes."""

    def committed(tx: Transaction) -> None:
        metrics.committed(tx)
        if tx.owes:
            sending.wake()

    return committed


async def _serve(
    server: _Server,
    house: House,
    protocol: type[FastCheck] | None,
    listener: socket.socket,
    supervisor: socket.socket,
) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(HANDLER_THREADS, thread_name_prefix="handlers"))
    loop.add_signal_handler(signal.SIGTERM, server.stop)

    def supervisor_is_gone() -> None:
        loop.remove_reader(supervisor)
        _log.warning("worker.alone")
        server.stop()

    # The supervisor sends nothing: when there is something to read, it is the end.
    loop.add_reader(supervisor, supervisor_is_gone)
    try:
        with _answering_checks(house, protocol):
            await server.serve(sockets=[listener])
    finally:
        loop.remove_reader(supervisor)
        loop.remove_signal_handler(signal.SIGTERM)


def _allow_many_files() -> None:
    """Each connection is a file, and the usual limit of 1,024 is from another time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
