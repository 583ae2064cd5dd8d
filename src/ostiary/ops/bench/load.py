"""Load by ``wrk``, and ``nginx`` that answers a constant: the two witnesses of `check`."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import tempfile
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ostiary.domain.errors import Misconfigured
from ostiary.ops.bench import processes

_PATIENCE = 20.0

_PACKAGES = {"nginx": "nginx-light", "wrk": "wrk"}

SUMMARY = """
function done(summary, latency)
  local e = summary.errors
  print(string.format('\\n{"requests":%d,"microseconds":%d,"refused":%d,"broken":%d,' ..
    '"p50":%d,"p99":%d}', summary.requests, summary.duration, e.status,
    e.connect + e.read + e.write + e.timeout, latency:percentile(50), latency:percentile(99)))
end
"""
"""What a script for ``wrk`` ends with, so that `answered` understands what it counted."""

_SCRIPT = """
local requests, at, pause, together, strangers = {}, 0, 0, 1, ""
function init(args)
  pause, together = tonumber(args[2]), tonumber(args[3])
  if args[1] ~= "-" then
    for secret in io.lines(args[1]) do
      requests[#requests + 1] = wrk.format("GET", "/check", {Cookie = "sid=" .. secret})
    end
  end
  math.randomseed(os.time())
  for _ = 1, 4 do
    strangers = strangers .. string.format("%08x", math.random(0, 2147483646))
  end
end
local function one()
  if #requests == 0 then
    -- Each another one, made quickly enough to keep a worker busy.
    at = at + 1
    local cookie = string.format("sid=%s%011x", strangers, at)
    return "GET /check HTTP/1.1\\r\\nHost: ostiary\\r\\nCookie: " .. cookie .. "\\r\\n\\r\\n"
  end
  at = at % #requests + 1
  return requests[at]
end
function request()
  if together == 1 then return one() end
  local some = {}
  for i = 1, together do some[i] = one() end
  return table.concat(some)
end
function delay() return pause end
"""

_NGINX = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200; }} }}
}}
"""


class Answered(msgspec.Struct, frozen=True):
    """What ``wrk`` counted; latencies in microseconds. ``refused``: answered by 4xx or 5xx."""

    requests: int
    microseconds: int
    refused: int
    broken: int
    p50: int
    p99: int

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / (self.microseconds / 1e6)


def need(*names: str) -> None:
    """See that programs are there.

    Raises:
        Misconfigured: one is not; says what to install.
    """
    missing = [name for name in names if not _found(name)]
    if missing:
        packages = " ".join(_PACKAGES[name] for name in missing)
        raise Misconfigured(
            f"This benchmark needs {' and '.join(missing)}. On Debian: apt-get install {packages}."
        )


def _found(name: str) -> str:
    # nginx lies where the paths of users do not lead.
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin") or ""


class Wrk:
    """A ``wrk`` that is running."""

    def __init__(
        self,
        url: str,
        directory: Path,
        secrets: Sequence[str],
        *,
        connections: int,
        seconds: float,
        pause: int = 0,
        together: int = 1,
    ) -> None:
        """Start it.

        Args:
            url: of the server.
            directory: for its files.
            secrets: of the cookies that it presents in turn; none: random ones.
            connections: that are kept.
            seconds: how long.
            pause: milliseconds that a connection rests before each request.
            together: requests that a connection sends at once; the load then costs less than what
                it asks for.
        """
        # Files of its own: another one may be reading its script just now.
        mine, cookies = Path(tempfile.mkdtemp(prefix="wrk-", dir=directory)), "-"
        script = mine / "script.lua"
        script.write_text(_SCRIPT + SUMMARY, encoding="ascii")
        if secrets:
            file = mine / "cookies"
            file.write_text("\n".join(secrets), encoding="ascii")
            cookies = str(file)
        self._process = subprocess.Popen(  # noqa: S603 - no shell, all of it ours
            [
                _found("wrk"),
                "-t1",
                f"-c{connections}",
                f"-d{max(1, round(seconds))}s",
                "-s",
                str(script),
                url,
                "--",
                cookies,
                str(pause),
                str(together),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def answered(self) -> Answered:
        """Wait for its end.

        Raises:
            Misconfigured: it failed.
        """
        said = self._process.communicate()[0].decode(errors="replace")
        return counted(said, self._process.returncode)

    def interrupted(self) -> Answered:
        """Stop it before its time, and hear what it counted."""
        self._process.send_signal(signal.SIGINT)
        return self.answered()

    def stop(self) -> None:
        """Stop it, whatever it counted."""
        processes.stop(self._process)


def counted(said: str, code: int) -> Answered:
    """What ``wrk`` counted, by what it said in the end.

    Raises:
        Misconfigured: it failed.
    """
    last = said.strip().rpartition("\n")[2]
    if code or not last.startswith("{"):
        raise Misconfigured(f"wrk failed: {said.strip()}")
    return msgspec.convert(json.loads(last), Answered)


@contextmanager
def nginx(directory: Path) -> Iterator[tuple[str, list[int]]]:
    """Run nginx with one worker that answers ``return 200``.

    Yields:
        Its address, and the process ids of its workers.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = directory / "nginx.conf"
    written = _NGINX.format(directory=directory, port=port)
    file.write_text(textwrap.dedent(written), encoding="utf-8")
    process = subprocess.Popen(  # noqa: S603 - no shell, all of it ours
        [_found("nginx"), "-p", str(directory), "-c", str(file)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}", processes.children_of(process.pid)
    finally:
        processes.stop(process)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as error:
            if time.monotonic() > end or process.poll() is not None:
                raise Misconfigured("nginx did not start.") from error
            time.sleep(0.02)
        else:
            return
