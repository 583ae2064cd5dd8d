"""What the kernel says about processes: their CPU time, their memory, their children."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_USER_TIME = 11
"""Where ``utime`` stands behind the name, which may hold blanks (proc_pid_stat(5))."""

_PATIENCE = 20


def cpu_seconds(processes: Iterable[int]) -> float:
    """User and system time that these processes have used, all of their threads together."""
    total = 0
    for process in processes:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
        fields = stat.rpartition(")")[2].split()
        total += int(fields[_USER_TIME]) + int(fields[_USER_TIME + 1])
    return total / _TICKS


def resident_bytes(process: int) -> int:
    """The memory that a process holds."""
    return int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]) * _PAGE


def children_of(process: int) -> list[int]:
    """The processes that a process has started."""
    found = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    return [int(child) for child in found.split()]


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a process that we started, and whatever it started; gently at first."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
