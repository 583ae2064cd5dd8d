"""The queue of SQLite's writers, between threads and between processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from ostiary.storage.fair_lock import FairLock

HOLD = """
import sys, pathlib, time
from ostiary.storage.fair_lock import FairLock
lock = FairLock(pathlib.Path(sys.argv[1]))
with lock.turn():
    print("in", flush=True)
    sys.stdin.readline()
print("out", flush=True)
"""

BUSY = """
import sys, pathlib
from ostiary.storage.fair_lock import FairLock
lock = FairLock(pathlib.Path(sys.argv[1]))
print("busy", flush=True)
for _ in range(10**9):
    with lock.turn():
        sum(range(2000))
"""


def _process(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _end(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=20)


def test_turns_are_taken_one_at_a_time_and_in_the_order_of_asking(tmp_path: Path) -> None:
    lock = FairLock(tmp_path / "queue")
    order: list[int] = []
    inside = 0
    threads = []

    def work(number: int) -> None:
        nonlocal inside
        with lock.turn():
            inside += 1
            assert inside == 1
            order.append(number)
            inside -= 1

    with lock.turn():
        for number in range(20):
            thread = threading.Thread(target=work, args=(number,))
            thread.start()
            threads.append(thread)
            _until(lambda drawn=number + 1: _drawn(tmp_path / "queue") == first + drawn)
    for thread in threads:
        thread.join(20)
    assert order == list(range(20))
    lock.close()


def _drawn(path: Path) -> int:
    return int.from_bytes(path.read_bytes()[:8], "little")


first = 9
"""The first ticket of a new file."""


def _until(true: object) -> None:
    end = time.monotonic() + 10
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end
        os.sched_yield()


def test_a_busy_process_does_not_starve_another(tmp_path: Path) -> None:
    path = tmp_path / "queue"
    busy = subprocess.Popen(
        [
            sys.executable,
            "-c",
            BUSY,
            str(path),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert busy.stdout is not None
        busy.stdout.readline()
        lock = FairLock(path)
        waited = []
        for _ in range(200):
            before = _drawn(path)
            with lock.turn():
                waited.append(_drawn(path) - before)
        # Its own ticket, one that the other held, and one that it drew meanwhile.
        assert sorted(waited)[len(waited) // 2] <= 4
        lock.close()
    finally:
        busy.kill()
        busy.communicate()


def test_who_dies_with_the_lock_frees_it(tmp_path: Path) -> None:
    path = tmp_path / "queue"
    holder = _process(path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "in\n"
    entered = threading.Event()
    lock = FairLock(path)

    def enter() -> None:
        with lock.turn():
            entered.set()

    thread = threading.Thread(target=enter)
    thread.start()
    assert not entered.wait(0.1)
    holder.send_signal(signal.SIGKILL)
    assert entered.wait(20)
    thread.join(20)
    holder.communicate()
    lock.close()


def test_a_child_of_a_fork_has_a_place_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "queue"
    lock = FairLock(path)
    read, write = os.pipe()
    with lock.turn():
        child = os.fork()
        if child == 0:
            with lock.turn():
                os.write(write, b"x")
            os._exit(0)
        os.set_blocking(read, False)
        _until(lambda: _drawn(path) == first + 1)
        try:
            early = os.read(read, 1)
        except BlockingIOError:
            early = b""
        assert early == b""
    os.set_blocking(read, True)
    assert os.read(read, 1) == b"x"
    os.waitpid(child, 0)
    lock.close()


def test_two_processes_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "queue"
    one = _process(path)
    assert one.stdout is not None
    assert one.stdout.readline() == "in\n"
    two = _process(path)
    _until(lambda: _drawn(path) == first + 1)
    _end(one)
    assert two.stdout is not None
    assert two.stdout.readline() == "in\n"
    _end(two)
