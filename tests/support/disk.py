"""A disk that is soon full: a tmpfs of its own, or a limit on files where none may be mounted.

with small_disk() as disk:
    disk.fill()                     # whatever is written now does not fit
    disk.empty()
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

_SIZE = 8 * 1024 * 1024
_PIECE = 4_096


class SmallDisk:
    """A file system that ends early."""

    said = "disk is full"
    """What is said of it at a start."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, *, pids: Iterable[int] = (), leave: int = 0) -> None:
        """Take all of its room but some bytes; ``pids`` are those who shall meet its end."""
        room = os.statvfs(self.path).f_bavail * os.statvfs(self.path).f_frsize - leave
        with self._filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            for _ in range(max(0, room) // _PIECE):
                file.write(b"\0" * _PIECE)

    def empty(self, *, pids: Iterable[int] = ()) -> None:
        """Give the room back."""
        self._filler.unlink()


class ShortFiles(SmallDisk):
    """Where nothing may be mounted: no file of some processes may grow."""

    said = "disk i/o error"

    def fill(self, *, pids: Iterable[int] = (), leave: int = 0) -> None:
        """Let no write of these processes go beyond ``leave`` bytes of any file."""
        for pid in pids or (os.getpid(),):
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (max(leave, _PIECE), hard))

    def empty(self, *, pids: Iterable[int] = ()) -> None:
        """Let them grow again."""
        for pid in pids or (os.getpid(),):
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextlib.contextmanager
def small_disk() -> Iterator[SmallDisk]:
    """Make one, and take it away again."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        mount = ["/bin/mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=0755", "tmpfs", name]
        if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
            yield ShortFiles(path)
            return
        try:
            yield SmallDisk(path)
        finally:
            subprocess.run(["/bin/umount", "--lazy", name], check=True)
