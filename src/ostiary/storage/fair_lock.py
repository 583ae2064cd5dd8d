"""First come, first served, between threads and processes: how writers queue for SQLite.

SQLite lets one writer in at a time and has the others poll, so that of two busy processes one can
starve the other; `flock` is not fair either. Here each writer draws a ticket and holds a byte of a
file locked under its number; it goes in when its predecessor's byte is free. The kernel keeps the
queue, wakes whoever is next, and frees the bytes of a process that died.

The lock spares waiting and nothing else: what keeps two writers apart is SQLite. When a waiting
process is killed, the one behind it may come early, and then SQLite makes it wait.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FLOCK = struct.Struct("hhqqi4x")
"""``struct flock`` of 64-bit Linux: type, whence, start, length, pid."""

_COUNTER = struct.Struct("<q")
_DISPENSER = 0
_FIRST_TICKET = 8
"""The bytes of tickets lie behind the counter's. Locks may lie beyond a file's end."""


class FairLock:
    """A queue in a file. Safe to use from any thread; not to be taken twice by one."""

    def __init__(self, path: Path) -> None:
        """Use a file, which is made with mode 0600 when it is not there."""
        self._path = path
        self._own = threading.local()
        self._opened: list[int] = []
        self._opening = threading.Lock()
        self._descriptor()  # a directory that cannot be written is noticed at the start

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn, and end it with the block."""
        descriptor = self._descriptor()
        ticket = self._draw(descriptor)
        try:
            _set(descriptor, fcntl.F_WRLCK, ticket - 1, wait=True)
            _set(descriptor, fcntl.F_UNLCK, ticket - 1)
            yield
        finally:
            _set(descriptor, fcntl.F_UNLCK, ticket)

    def close(self) -> None:
        """Close the file; whoever waits loses the place."""
        with self._opening:
            for descriptor in self._opened:
                with suppress(OSError):
                    os.close(descriptor)
            self._opened.clear()
            self._own = threading.local()

    def _draw(self, descriptor: int) -> int:
        """Take the next number, and hold its byte before anybody can ask for it."""
        _set(descriptor, fcntl.F_WRLCK, _DISPENSER, wait=True)
        try:
            text = os.pread(descriptor, _COUNTER.size, 0)
            last = _COUNTER.unpack(text)[0] if len(text) == _COUNTER.size else 0
            ticket = max(last + 1, _FIRST_TICKET + 1)
            os.pwrite(descriptor, _COUNTER.pack(ticket), 0)
            _set(descriptor, fcntl.F_WRLCK, ticket, wait=True)
        finally:
            _set(descriptor, fcntl.F_UNLCK, _DISPENSER)
        return ticket

    def _descriptor(self) -> int:
        """This thread's own open file: locks belong to the opening, not to the thread."""
        known: int | None = getattr(self._own, "descriptor", None)
        # After a fork the child would share its parent's opening, and so its parent's locks.
        if known is None or self._own.process != os.getpid():
            known = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._own.descriptor, self._own.process = known, os.getpid()
            with self._opening:
                self._opened.append(known)
        return known


def _set(descriptor: int, kind: int, byte: int, *, wait: bool = False) -> None:
    command = fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK
    fcntl.fcntl(descriptor, command, _FLOCK.pack(kind, os.SEEK_SET, byte, 1, 0))
