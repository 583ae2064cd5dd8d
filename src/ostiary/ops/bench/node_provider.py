"""oidc-provider, the reference of `tokens`: brought from npm when it is measured, and gone after.

It is the certified provider of Node.js. It runs as its authors ship it, with everything in memory:
no store is there for it that is durable, so what it writes costs it nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ostiary.ops.bench import processes
from ostiary.ops.bench.token_load import REDIRECT_URI, Provider

VERSION = "9.13.3"
_CLIENT_ID, _CLIENT_SECRET = "square", "a-secret-of-a-client-that-is-not-one"
_PATIENCE = 120.0

_SCRIPT = """
import { generateKeyPairSync } from "node:crypto";
import { Provider } from "oidc-provider";

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const provider = new Provider("http://127.0.0.1", {
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), alg: "ES256", use: "sig" }] },
  scopes: ["openid", "read"],
  clients: [{
    client_id: "%(id)s", client_secret: "%(secret)s", redirect_uris: ["%(redirect_uri)s"],
    grant_types: ["authorization_code", "refresh_token"], response_types: ["code"],
    id_token_signed_response_alg: "ES256", token_endpoint_auth_method: "client_secret_basic",
  }],
  features: { introspection: { enabled: true }, devInteractions: { enabled: false } },
  issueRefreshToken: async () => true,
  rotateRefreshToken: true,
  findAccount: async (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  loadExistingGrant: async (ctx) => {
    const { client, session, provider } = ctx.oidc;
    const { clientId } = client, { accountId } = session;
    const known = session.grantIdFor(clientId);
    if (known) return provider.Grant.find(known);
    const grant = new provider.Grant({ clientId, accountId });
    grant.addOIDCScope("openid read");
    await grant.save();
    return grant;
  },
});
const session = new provider.Session({ accountId: "ann", loginTs: Math.floor(Date.now() / 1000) });
await session.save(86400);
const server = provider.listen(0, "127.0.0.1", () => {
  console.log(`READY ${server.address().port} ${session.jti}`);
});
"""


def bring(directory: Path) -> str:
    """Install it.

    Args:
        directory: an empty one.

    Returns:
        Why that cannot be; empty: it is there.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "oidc-provider was not measured beside: there is no Node.js here."
    directory.mkdir()
    package = f"oidc-provider@{VERSION}"
    try:
        done = subprocess.run(  # noqa: S603 - no shell, all of it ours
            [npm, "install", "--prefix", str(directory), "--no-audit", "--no-fund", package],
            check=False,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return "oidc-provider was not measured beside: npm took too long."
    if done.returncode:
        return "oidc-provider was not measured beside: npm cannot install it."
    return ""


@contextmanager
def run(directory: Path) -> Iterator[Provider | None]:
    """Run it where `bring` has put it; None: it does not start on this Node.js."""
    filled = _SCRIPT % {
        "id": _CLIENT_ID,
        "secret": _CLIENT_SECRET,
        "redirect_uri": REDIRECT_URI,
    }
    (directory / "provider.mjs").write_text(filled, encoding="ascii")
    said = directory / "said"
    with said.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - no shell, all of it ours
            [shutil.which("node") or "node", "provider.mjs"],
            cwd=directory,
            env={"PATH": "", "NODE_ENV": "production"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield _wait(process, said)
    finally:
        processes.stop(process)


def _wait(process: subprocess.Popen[bytes], said: Path) -> Provider | None:
    end = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < end:
        for line in said.read_text(encoding="utf-8", errors="replace").splitlines():
            word, _, rest = line.partition(" ")
            if word == "READY":
                port, _, session = rest.partition(" ")
                return Provider(
                    url=f"http://127.0.0.1:{port}",
                    authorize="/auth",
                    token="/token",  # noqa: S106 - a path
                    introspect="/token/introspection",
                    client_id=_CLIENT_ID,
                    client_secret=_CLIENT_SECRET,
                    cookie=f"_session={session}",
                    processes=(process.pid,),
                )
        time.sleep(0.02)
    return None
