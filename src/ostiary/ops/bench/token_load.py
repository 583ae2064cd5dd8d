"""Load on endpoints of OAuth by ``wrk``: introspections, refreshes in chains, and whole code flows.

The same scripts load whatever provider there is.
"""

from __future__ import annotations

import base64
import http.client
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import msgspec

from ostiary.domain.errors import Misconfigured
from ostiary.ops.bench.load import SUMMARY, Answered, counted

REDIRECT_URI = "https://rp.example/callback"
SCOPE_OPENID, SCOPE_PLAIN = "openid", "read"
_VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""The pair of RFC 7636, appendix B."""

_PATIENCE = 60
_OK, _REDIRECTS = 200, (302, 303)

# One connection in each thread, so that what is answered leads to what is asked next. A thread's
# variables are its own; the files name what each begins with, one a line.
_BEGINNING = """
local threads = 0
function setup(thread) threads = threads + 1 thread:set("number", threads) end
local function lines(file)
  local found = {}
  for line in io.lines(file) do found[#found + 1] = line end
  return found
end
local form = {["Content-Type"] = "application/x-www-form-urlencoded"}
"""

_INTROSPECT = """
local some, at, path
function init(args)
  form["Authorization"], path, some = args[1], args[2], lines(args[3])
end
function request()
  at = (at or 0) % #some + 1
  return wrk.format("POST", path, form, "token=" .. some[at])
end
"""

_REFRESH = """
local token, path
function init(args)
  form["Authorization"], path, token = args[1], args[2], lines(args[3])[_G.number]
end
function request()
  return wrk.format("POST", path, form, "grant_type=refresh_token&refresh_token=" .. token)
end
function response(status, headers, body)
  token = body:match('"refresh_token":"([^"]+)"') or token
end
"""

_FLOW = """
local code, path, exchange, ask, cookie
function init(args)
  form["Authorization"], path, exchange = args[1], args[2], args[4]
  ask, cookie = args[5], {["Cookie"] = args[3]}
end
function request()
  if code then return wrk.format("POST", path, form, exchange .. code) end
  return wrk.format("GET", ask, cookie)
end
function response(status, headers, body)
  if code then code = nil return end
  local to = headers["location"] or headers["Location"] or ""
  code = to:match("[?&]code=([^&]+)")
end
"""


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Where a provider listens, its client, the cookie of somebody signed in, and its processes."""

    url: str
    authorize: str
    token: str
    introspect: str
    client_id: str
    client_secret: str
    cookie: str
    processes: tuple[int, ...]

    @property
    def authorization(self) -> str:
        """The client's ``Authorization`` header."""
        pair = f"{quote(self.client_id)}:{quote(self.client_secret)}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    def request_for(self, scope: str) -> str:
        """The address of an authorization request."""
        asked = {
            "client_id": self.client_id,
            "response_type": "code",
            "scope": scope,
            "redirect_uri": REDIRECT_URI,
            "code_challenge": _CHALLENGE,
            "code_challenge_method": "S256",
        }
        return f"{self.authorize}?{urlencode(asked)}"


class Issued(msgspec.Struct, frozen=True):
    """What a provider's token endpoint answered."""

    access_token: str
    refresh_token: str


def obtain(provider: Provider, count: int, scope: str) -> list[Issued]:
    """Go through the code flow this often.

    Raises:
        Misconfigured: the provider refuses; says what.
    """
    at = urlsplit(provider.url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=_PATIENCE)
    try:
        return [_one(connection, provider, scope) for _ in range(count)]
    finally:
        connection.close()


def _one(connection: http.client.HTTPConnection, provider: Provider, scope: str) -> Issued:
    connection.request("GET", provider.request_for(scope), headers={"Cookie": provider.cookie})
    answer = connection.getresponse()
    said = answer.read()
    code = parse_qs(urlsplit(answer.headers.get("Location", "")).query).get("code", [""])[0]
    if answer.status not in _REDIRECTS or not code:
        raise Misconfigured(f"No code was given: {answer.status} {said[:300]!r}")
    headers = {
        "Authorization": provider.authorization,
        "Content-Type": "application/x-www-form-urlencoded",
    }
    connection.request("POST", provider.token, _exchange(code), headers)
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != _OK:
        raise Misconfigured(f"No tokens were given: {answer.status} {said[:300]!r}")
    return msgspec.json.decode(said, type=Issued)


def _exchange(code: str) -> str:
    fields = {
        "grant_type": "authorization_code",
        "redirect_uri": REDIRECT_URI,
        "code_verifier": _VERIFIER,
        "code": code,
    }
    return urlencode(fields)  # with the code at the end, where the script puts its own


class TokenLoad:
    """Runs ``wrk`` on a provider, each time to its end."""

    def __init__(self, directory: Path, seconds: float) -> None:
        """Load for so long each time; ``directory`` is for files."""
        self._directory, self._seconds = directory, seconds

    def introspect(
        self, provider: Provider, tokens: Sequence[Issued], connections: int
    ) -> Answered:
        """Ask about some access tokens in turn."""
        file = self._file([one.access_token for one in tokens])
        words = [provider.authorization, provider.introspect, str(file)]
        return self._run(provider, _INTROSPECT, words, threads=1, connections=connections)

    def refresh(self, provider: Provider, tokens: Sequence[Issued]) -> Answered:
        """Refresh each of these in a chain of its own, all beside each other."""
        file = self._file([one.refresh_token for one in tokens])
        words = [provider.authorization, provider.token, str(file)]
        chains = len(tokens)
        return self._run(provider, _REFRESH, words, threads=chains, connections=chains)

    def flows(self, provider: Provider, connections: int) -> Answered:
        """Authorize and exchange, again and again; each flow is two requests."""
        words = [
            provider.authorization,
            provider.token,
            provider.cookie,
            _exchange(""),
            provider.request_for(SCOPE_OPENID),
        ]
        return self._run(provider, _FLOW, words, threads=connections, connections=connections)

    def _file(self, some: Sequence[str]) -> Path:
        file = Path(tempfile.mkdtemp(prefix="wrk-", dir=self._directory)) / "tokens"
        file.write_text("\n".join(some), encoding="ascii")
        return file

    def _run(
        self,
        provider: Provider,
        script: str,
        words: Sequence[str],
        *,
        threads: int,
        connections: int,
    ) -> Answered:
        file = Path(tempfile.mkdtemp(prefix="wrk-", dir=self._directory)) / "script.lua"
        file.write_text(_BEGINNING + script + SUMMARY, encoding="ascii")
        command = [
            shutil.which("wrk") or "wrk",
            f"-t{threads}",
            f"-c{connections}",
            f"-d{max(1, round(self._seconds))}s",
            "-s",
            str(file),
            provider.url,
            "--",
            *words,
        ]
        done = subprocess.run(  # noqa: S603 - no shell, all of it ours
            command,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=self._seconds + _PATIENCE,
        )
        answered = counted(done.stdout.decode(errors="replace"), done.returncode)
        if answered.refused or answered.broken or not answered.requests:
            raise Misconfigured(f"{answered.refused} of {answered.requests} were refused.")
        return answered
