"""The parent of the workers: starts them, replaces those that die, and stops them all.

A plain loop over signals and the lines to its workers. It has no thread, no event loop and no
connection to the store, so that it can fork at any time.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final, NoReturn

import structlog

from ostiary.domain.errors import OstiaryError
from ostiary.ops import telemetry
from ostiary.ops.config import Config
from ostiary.ops.metrics import Metrics, SharedNumbers
from ostiary.ops.worker import DRAIN, work

_LONG_LIFE: Final = 10.0
"""Seconds after which a worker's death is an accident, and no failure to start."""

_FIRST_DELAY: Final = 0.1
_LONGEST_DELAY: Final = 5.0
_IMPATIENCE: Final = 1.0
"""Seconds after which a second Ctrl-C means "now"; a terminal may send the first one twice."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

_log = structlog.get_logger(__name__)


class _Worker:
    """A worker, as its parent sees it."""

    def __init__(self, pid: int, line: socket.socket) -> None:
        self.pid = pid
        self.line = line
        self.began = time.monotonic()
        self.ready = False
        self.kill_at: float | None = None


class _Place:
    """A worker's place: its socket stays open while one worker follows the other."""

    def __init__(self, number: int, listener: socket.socket) -> None:
        self.number = number
        self.listener = listener
        self.worker: _Worker | None = None
        self.successor: _Worker | None = None
        self.failures = 0
        self.start_at: float | None = None


def _has_terminal() -> bool:
    """Whether it runs in a terminal that is there; one that was closed is none any more."""
    return os.isatty(0)


class Supervisor:
    """See the module. `run` returns when all workers are gone."""

    def __init__(
        self,
        config: Config,
        listeners: list[socket.socket],
        *,
        ready: Callable[[], None],
        reload: Callable[[], Config],
    ) -> None:
        """Start nothing yet.

        Args:
            config: what is in force.
            listeners: one listening socket for each worker.
            ready: called once, when all workers answer.
            reload: reads the configuration again; raises what it has to say.
        """
        self._config = self._config_before = config
        self._places = [_Place(i, listener) for i, listener in enumerate(listeners)]
        self._leaving: list[_Worker] = []
        self._to_renew: deque[_Place] = deque()
        self._ready, self._reload = ready, reload
        self._numbers = SharedNumbers(len(listeners) + 1)
        self._metrics = Metrics(self._numbers, len(listeners))
        self._selector = selectors.DefaultSelector()
        self._heard: deque[int] = deque()
        self._had_terminal = _has_terminal()
        self._answered = False
        self._stop_began: float | None = None
        self._code = 0

    def run(self) -> int:
        """Supervise until told to stop.

        Returns:
            The exit code: 0, or 1 when the workers could not be started.
        """
        with self._hearing():
            gc.freeze()  # what is there now is shared with the workers as long as nobody moves it
            for place in self._places:
                self._start(place)
            while self._stop_began is None or self._everybody():
                self._wait()
                self._obey()
                self._reap()
                self._start_due()
                self._renew_next()
                self._kill_overdue()
        _log.info("server.stopped")
        return self._code

    # What is heard

    @contextlib.contextmanager
    def _hearing(self) -> Iterator[None]:
        """Turn signals into entries of a list, and wake up for each."""
        wake, waker = socket.socketpair()
        with wake, waker:
            for end in (wake, waker):
                end.settimeout(0)
            self._selector.register(wake, selectors.EVENT_READ)
            before = {number: signal.signal(number, self._hear) for number in _SIGNALS}
            woken = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
            try:
                yield
            finally:
                signal.set_wakeup_fd(woken)
                for number, handler in before.items():
                    signal.signal(number, handler)
                self._selector.close()

    def _hear(self, number: int, _: FrameType | None) -> None:
        self._heard.append(number)

    def _wait(self) -> None:
        """Until a signal, a word of a worker, or the next thing that is due."""
        for key, _ in self._selector.select(self._patience()):
            worker: _Worker | None = key.data
            if worker is None:
                with contextlib.suppress(BlockingIOError):
                    key.fileobj.recv(4096)  # type: ignore[union-attr]
            elif self._speaks(worker):
                worker.ready = True
                self._greet()
            else:
                self._selector.unregister(worker.line)  # it is dying, and will be reaped

    @staticmethod
    def _speaks(worker: _Worker) -> bool:
        try:
            return worker.line.recv(1) != b""
        except OSError:
            return False

    def _patience(self) -> float:
        due = [w.kill_at for w in self._leaving if w.kill_at is not None]
        due += [p.start_at for p in self._places if p.start_at is not None]
        return max(0.0, min([1.0, *(at - time.monotonic() for at in due)]))

    def _greet(self) -> None:
        if not self._answered and all(p.worker and p.worker.ready for p in self._places):
            self._answered = True
            self._ready()

    def _obey(self) -> None:
        while self._heard:
            match self._heard.popleft():
                case signal.SIGTERM | signal.SIGINT:
                    self._stop()
                case signal.SIGHUP if self._had_terminal and not _has_terminal():
                    self._stop()  # somebody closed the window in which it ran
                case signal.SIGHUP:
                    self._begin_renewal()

    # Starting and replacing

    def _start(self, place: _Place) -> None:
        place.start_at = None
        place.worker = self._fork(place)

    def _start_due(self) -> None:
        for place in self._places:
            if place.start_at is not None and time.monotonic() >= place.start_at:
                self._start(place)

    def _reap(self) -> None:
        for worker in self._everybody():
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._buried(worker, os.waitstatus_to_exitcode(status))

    def _everybody(self) -> list[_Worker]:
        current = [w for p in self._places for w in (p.worker, p.successor) if w is not None]
        return [*current, *self._leaving]

    def _buried(self, worker: _Worker, code: int) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(worker.line)
        worker.line.close()
        if worker in self._leaving:
            self._leaving.remove(worker)
            return
        place = next(p for p in self._places if worker in (p.worker, p.successor))
        if worker is place.successor:
            place.successor = None
            self._give_up_renewal(code)
            return
        place.worker = None
        if not self._answered:
            _log.error("server.not_started", code=code)
            self._code = 1
            self._stop()
            return
        long_life = time.monotonic() - worker.began > _LONG_LIFE
        place.failures = 0 if long_life else place.failures + 1
        delay = min(_FIRST_DELAY * 2 ** min(place.failures, 10), _LONGEST_DELAY)
        place.start_at = time.monotonic() + (0.0 if place.failures <= 1 else delay)
        self._metrics.add("ostiary_worker_restarts")
        _log.error("worker.died", pid=worker.pid, code=code)

    def _begin_renewal(self) -> None:
        """Replace all workers, one by one, by such as have read the configuration again."""
        if self._stop_began is not None:
            return
        try:
            renewed = self._reload()
        except OstiaryError as error:
            _log.error("reload.refused", detail=error.text)
            return
        self._config, self._config_before = renewed, self._config
        telemetry.configure(self._config.log)
        _log.info("reload.began")
        self._to_renew = deque(self._places)

    def _give_up_renewal(self, code: int) -> None:
        """Go back to the configuration that works: whoever is to be replaced later needs it."""
        self._to_renew.clear()
        self._config = self._config_before
        telemetry.configure(self._config.log)
        _log.error("reload.failed", code=code, detail="the workers before it go on")

    def _renew_next(self) -> None:
        for place in self._places:
            if place.successor is not None and place.successor.ready:
                old, place.worker, place.successor = place.worker, place.successor, None
                place.start_at = None
                if old is not None:
                    self._dismiss(old)
        busy = self._leaving or any(p.successor for p in self._places)
        if self._to_renew and not busy:
            place = self._to_renew.popleft()
            place.successor = self._fork(place)

    # Stopping

    def _stop(self) -> None:
        now = time.monotonic()
        if self._stop_began is not None:
            if now - self._stop_began > _IMPATIENCE:
                for worker in self._leaving:
                    worker.kill_at = now
            return
        _log.info("server.stopping")
        self._stop_began = now
        self._to_renew.clear()
        for place in self._places:
            # First here: a port is closed when nobody has it open any more.
            place.listener.close()
            for leaving in (place.worker, place.successor):
                if leaving is not None:
                    self._dismiss(leaving)
            place.worker = place.successor = place.start_at = None

    def _dismiss(self, worker: _Worker) -> None:
        os.kill(worker.pid, signal.SIGTERM)
        worker.kill_at = time.monotonic() + DRAIN
        self._leaving.append(worker)

    def _kill_overdue(self) -> None:
        for worker in self._leaving:
            if worker.kill_at is not None and time.monotonic() >= worker.kill_at:
                worker.kill_at = None
                _log.warning("worker.killed", pid=worker.pid)
                os.kill(worker.pid, signal.SIGKILL)

    # The other side of the fork

    def _fork(self, place: _Place) -> _Worker:
        ours, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal between the fork and the new handlers would be heard by nobody.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._be_worker(place, theirs)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        worker = _Worker(pid, ours)
        self._selector.register(ours, selectors.EVENT_READ, worker)
        return worker

    def _be_worker(self, place: _Place, line: socket.socket) -> NoReturn:
        code = 1
        try:
            self._forget_parent(place)
            telemetry.configure(self._config.log)
            code = work(self._config, place.listener, line, Metrics(self._numbers, place.number))
        except OstiaryError as error:
            _log.critical("worker.not_started", detail=error.text)
        except SystemExit as error:  # how uvicorn says that the application did not start
            code = error.code if isinstance(error.code, int) else 1
        except BaseException:  # noqa: BLE001 - nothing may run on into the parent's code
            _log.critical("worker.failed", exc_info=True)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _forget_parent(self, place: _Place) -> None:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        # A terminal sends these to all of us; the supervisor decides what they mean.
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        self._selector.close()
        # A line that a sister held open would never end.
        for worker in self._everybody():
            worker.line.close()
        for other in self._places:
            if other is not place:
                other.listener.close()
