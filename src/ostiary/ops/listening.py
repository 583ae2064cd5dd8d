"""What only one server may have: a data directory, and a port.

Both are taken before anything else is done, and both are given back by the kernel when the last
process of the server is gone, however it went.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ostiary.domain.errors import Misconfigured

LOCK_FILE: Final = "serve.lock"
BACKLOG: Final = 2_048
"""Connections that may wait to be accepted, of each worker."""

_LONGEST_NOTE: Final = 100


@contextlib.contextmanager
def held(directory: Path) -> Iterator[None]:
    """Hold a data directory; workers that are forked meanwhile hold it too, as long as they live.

    Raises:
        Misconfigured: another server holds it, or it cannot be locked.
    """
    path = directory / LOCK_FILE
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be opened: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _in_use(directory, descriptor) from error
        except OSError as error:
            message = f"{path} cannot be locked: {error.strerror}. Keep the data on a local disk."
            raise Misconfigured(message) from error
        with contextlib.suppress(OSError):  # it only helps the one who is refused
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        # Closing, not unlocking: workers that are still alive keep it.
        os.close(descriptor)


def require_free(directory: Path) -> None:
    """Refuse a data directory that another server holds; one that is not there is free.

    Raises:
        Misconfigured: so it is.
    """
    if (directory / LOCK_FILE).exists():
        with held(directory):
            pass


def _in_use(directory: Path, descriptor: int) -> Misconfigured:
    note = os.pread(descriptor, _LONGEST_NOTE, 0).decode("ascii", "replace").strip()
    who = f" (process {note})" if note.isdigit() else ""
    return Misconfigured(
        f"Another Ostiary serves the data in {directory}{who}. Stop it first; more workers are "
        "started by --workers, and commands other than serve work beside it."
    )


def claim_port(host: str, port: int, workers: int) -> list[socket.socket]:
    """Listen, with one socket for each worker, on a port that nobody else listens on.

    Workers that shared one socket would get their connections very unequally; the kernel spreads
    them evenly over sockets that have SO_REUSEPORT. The first one is bound without it: another
    server would share the port without a word otherwise.

    Args:
        host: a name or address; of a name the first address is taken.
        port: 0: any that is free.
        workers: how many sockets.

    Raises:
        Misconfigured: it is taken, or not ours to listen on.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise Misconfigured(f"server.host: {host} has no address: {error.strerror}.") from error
    sockets: list[socket.socket] = []
    try:
        first = _bound(family, address, shared=False)
        sockets.append(first)
        first.listen(BACKLOG)
        # From here on nobody else can bind without SO_REUSEPORT: the port is ours alone.
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        for _ in range(workers - 1):
            sockets.append(_bound(family, first.getsockname(), shared=True))
            sockets[-1].listen(BACKLOG)
    except OSError as error:
        for taken in sockets:
            taken.close()
        raise Misconfigured(_about_port(host, port, error)) from error
    return sockets


def _bound(family: int, address: tuple[object, ...], *, shared: bool) -> socket.socket:
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Else a restart after a crash is refused as long as old connections linger.
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.bind(address)
    except OSError:
        found.close()
        raise
    return found


def _about_port(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} of {host} is taken: another server listens there. Stop it, or choose "
            "another one by server.port or --port."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} is only for privileged users. Choose one above 1023 by server.port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"server.host: {host} is no address of this machine."
    return f"Port {port} of {host} cannot be listened on: {error.strerror}."
