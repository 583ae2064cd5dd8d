"""Real proxies with the very files of docs/recipes, on free ports, and a browser that uses them."""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode, urljoin, urlsplit

import httpx

from ostiary.domain.access import OPERATOR
from ostiary.ops.compose import close_house, open_house, utc_now
from ostiary.services import applications, protected_hosts
from ostiary.services.house import Act
from ostiary.storage.protected_hosts import ProtectedHost
from tests.support.certificates import certify
from tests.support.programs import need_program
from tests.support.server import Server, install, until

RECIPES = Path(__file__).parents[2] / "docs/recipes"
ID, WIKI = "id.example.org", "wiki.example.org"
PAGE = {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
_PATIENCE = 30.0


class _Wiki(BaseHTTPRequestHandler):
    """The application behind the proxy: it answers with what it was sent."""

    def _tell(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        told = {k.lower(): v for k, v in self.headers.items()}
        said = json.dumps({"path": self.path, "body": body, "headers": told}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PUT = _tell  # noqa: N815 - the library's own names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def wiki() -> Iterator[int]:
    """The application; its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Wiki)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def adapted(text: str, *changes: tuple[str, str]) -> str:
    """A recipe with the ports and paths of a test; each change has to find its place."""
    for old, new in changes:
        assert re.search(old, text), old
        text = re.sub(old, new, text)
    return text


@dataclass(frozen=True)
class Ports:
    """Where everything is."""

    proxy: int
    ostiary: int
    wiki: int


def _nginx(folder: Path, ports: Ports, certificate: Path) -> list[str]:
    text = adapted(
        (RECIPES / "nginx.conf").read_text(),
        (r"listen 443 ssl;", f"listen 127.0.0.1:{ports.proxy} ssl;"),
        (r"server 127\.0\.0\.1:8000;", f"server 127.0.0.1:{ports.ostiary};"),
        (r"server 127\.0\.0\.1:9000;", f"server 127.0.0.1:{ports.wiki};"),
        (r"/etc/nginx/tls/(certificate|key)\.pem", str(certificate)),
        # Where the distribution would put its files, which are root's.
        (r"server_tokens off;", "\n".join(
            f"{kind}_temp_path {folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        ) + "\naccess_log off;"),
    )  # fmt: skip
    file = folder / "nginx.conf"
    file.write_text(f"daemon off;\npid {folder}/nginx.pid;\n{text}")
    program = need_program("nginx")
    return [program, "-p", str(folder), "-e", str(folder / "errors"), "-c", str(file)]


def _caddy(folder: Path, ports: Ports, certificate: Path) -> list[str]:
    site = rf"\1 {{\n\ttls {certificate} {certificate}\n\tbind 127.0.0.1"
    text = adapted(
        (RECIPES / "Caddyfile").read_text(),
        (r"127\.0\.0\.1:8000", f"127.0.0.1:{ports.ostiary}"),
        (r"127\.0\.0\.1:9000", f"127.0.0.1:{ports.wiki}"),
        (r"(?m)^(\w+\.example\.org) \{", site),
    )  # fmt: skip
    options = f"{{\n\tadmin off\n\thttps_port {ports.proxy}\n\thttp_port {free_port()}\n}}\n"
    file = folder / "Caddyfile"
    file.write_text(options + text)
    return [need_program("caddy"), "run", "--config", str(file), "--adapter", "caddyfile"]


def _traefik(folder: Path, ports: Ports, certificate: Path) -> list[str]:
    program = shutil.which("traefik")
    assert program is not None
    dynamic = adapted(
        (RECIPES / "traefik-ostiary.yml").read_text(),
        (r"http://127\.0\.0\.1:8000", f"http://127.0.0.1:{ports.ostiary}"),
        (r"http://127\.0\.0\.1:9000", f"http://127.0.0.1:{ports.wiki}"),
        (r"/etc/traefik/tls/(certificate|key)\.pem", str(certificate)),
    )
    (folder / "traefik-ostiary.yml").write_text(dynamic)
    static = adapted(
        (RECIPES / "traefik.yml").read_text(),
        (r'":443"', f'"127.0.0.1:{ports.proxy}"'),
        (r"traefik-ostiary\.yml$", str(folder / "traefik-ostiary.yml")),
    )
    file = folder / "traefik.yml"
    file.write_text(static)
    return [program, f"--configFile={file}"]


PROXIES: dict[str, Callable[[Path, Ports, Path], list[str]]] = {
    "nginx": _nginx,
    "caddy": _caddy,
    "traefik": _traefik,
}


@dataclass
class Browser:
    """Somebody's browser, which finds all hosts at the proxy; cookies belong to one host each."""

    port: int
    tls: ssl.SSLContext
    jars: dict[str, dict[str, str]] = field(default_factory=dict)

    def ask(
        self,
        url: str,
        *,
        method: str = "GET",
        body: str = "",
        forged: Mapping[str, str] | None = None,
        **headers: str,
    ) -> tuple[int, dict[str, str], str]:
        """One request, no redirect followed: status, headers and body.

        Names of ``headers`` have underscores for hyphens; those of ``forged`` are sent as they are.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        sent = {"Host": host, **{k.replace("_", "-"): v for k, v in headers.items()}}
        sent |= forged or {}
        jar = self.jars.setdefault(host, {})
        if jar:
            sent["Cookie"] = "; ".join(f"{k}={v}" for k, v in jar.items())
        connection = HTTPSConnection(host, self.port, context=self.tls, timeout=_PATIENCE)
        connection._create_connection = self._connect  # type: ignore[attr-defined]
        with closing(connection):
            path = parts.path or "/"
            connection.request(
                method, f"{path}?{parts.query}" if parts.query else path, body or None, sent
            )
            response = connection.getresponse()
            text = response.read().decode()
            for line in response.headers.get_all("set-cookie", []):
                for name, morsel in SimpleCookie(line).items():
                    if morsel["max-age"] == "0":
                        jar.pop(name, None)
                    else:
                        assert not morsel["domain"]
                        assert morsel["secure"]
                        jar[name] = morsel.value
            return response.status, {k.lower(): v for k, v in response.getheaders()}, text

    def _connect(self, *_: object, **__: object) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), _PATIENCE)

    def follow(self, url: str) -> tuple[str, int, str]:
        """Open a page as a person does: where one lands, its status and body."""
        for _ in range(12):
            status, headers, body = self.ask(url, **PAGE)
            if status not in {302, 303}:
                return url, status, body
            url = urljoin(url, headers["location"])
        raise AssertionError(url)

    def sign_in(self, page: tuple[str, int, str], name: str, password: str) -> tuple[str, int, str]:
        """Fill the sign-in form in, and go on to where it leads."""
        url, _, body = page
        fields = dict(re.findall(r'name="(form_token|return_to)" value="([^"]*)"', body))
        fields = {k: v.replace("&amp;", "&") for k, v in fields.items()}
        sent = urlencode({**fields, "name": name, "password": password})
        status, headers, said = self.ask(
            url.partition("?")[0], method="POST", body=sent,
            Origin=f"https://{ID}", Sec_Fetch_Site="same-origin",
            Content_Type="application/x-www-form-urlencoded", **PAGE,
        )  # fmt: skip
        refresh = re.search(r'http-equiv="refresh" content="[^"]*url=([^"]+)"', said, re.IGNORECASE)
        to = refresh.group(1).replace("&amp;", "&") if refresh else headers.get("location", "")
        assert to, (status, said[:500])
        return self.follow(urljoin(url, to))


@dataclass
class House:
    """Ostiary and the application, with no way in yet."""

    server: Server
    application: httpx.BasicAuth
    certificate: Path
    port: int
    wiki: int

    def end(self, session_id: str) -> None:
        """Somebody ends a session."""
        address = f"http://127.0.0.1:{self.port}/v1/sessions/{session_id}/end"
        httpx.post(address, auth=self.application).raise_for_status()

    @contextmanager
    def behind(self, kind: str, folder: Path) -> Iterator[Front]:
        """The same with a proxy of this kind in front of both."""
        ports = Ports(free_port(), self.port, self.wiki)
        command = PROXIES[kind](folder, ports, self.certificate)
        tls = ssl.create_default_context(cafile=str(self.certificate))
        with _running(command, folder, ports):
            yield Front(self, ports.proxy, tls)


@dataclass
class Front:
    """Where browsers come in."""

    house: House
    port: int
    tls: ssl.SSLContext

    def browser(self) -> Browser:
        """A new one."""
        return Browser(self.port, self.tls)


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """Ostiary, with ann and bob, and the application."""
    port = free_port()
    settings = {
        "OSTIARY_SERVER__PUBLIC_URL": f"https://{ID}",
        "OSTIARY_SERVER__TRUSTED_PROXIES": "127.0.0.1",
        "OSTIARY_SERVER__PORT": str(port),
    }
    server = Server(folder / "data", settings=settings)
    installed = install(server.config, "ann", "bob")
    _add_wiki(server)
    with wiki() as at, _started(server):
        yield House(server, installed.basic, certify(folder, ID, WIKI), port, at)


def _add_wiki(server: Server) -> None:
    opened = open_house(server.config)
    try:
        act, write = Act(caller=OPERATOR, now=utc_now()), opened.database.write
        change = applications.ApplicationChange()
        write(applications.add_application, act, opened.vault, "built-in", "wiki", change)
        host = ProtectedHost(origin=f"https://{WIKI}")
        write(protected_hosts.replace_hosts, act, "wiki", [host])
    finally:
        close_house(opened)


@contextmanager
def _started(server: Server) -> Iterator[None]:
    """Like the server's own, without asking its public address, which only the proxy serves."""
    process = server.launch()
    try:
        until(lambda: "Ostiary is ready" in server.said() or process.poll() is not None, "Ostiary")
        assert process.poll() is None, server.errors()
        yield
    finally:
        server.__exit__()


@contextmanager
def _running(command: list[str], folder: Path, ports: Ports) -> Iterator[None]:
    with (folder / "proxy.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env={"HOME": str(folder)}
        )
        try:
            until(lambda: _listens(ports.proxy, process), "the proxy")
            assert process.poll() is None, (folder / "proxy.log").read_text()
            yield
        finally:
            process.terminate()
            process.wait(_PATIENCE)


def _listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        return True
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
