"""After a full run on the real server neither the log nor the data holds a secret in clear."""

from __future__ import annotations

import http.client
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.support.installation import FIREFOX
from tests.support.server import Server
from tests.support.visitor import Visitor

CHOSEN = "the administrators own words"
TYPED_WRONG = "typed into the wrong field"
FOREIGN = "c2VjcmV0LW9mLXNvbWVib2R5LWVsc2Utb2YtMzJi-xyz"
HOSTILE = '\r\n{"level":"info","event":"forged"}\x1b[31m\x9b\u202e\u2028'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data", settings={"OSTIARY_LOG__LEVEL": "debug"}) as server:
        yield server


def raw(url: str, path: str, headers: dict[str, bytes]) -> int:
    """Send what no decent client would."""
    target = urlsplit(url)
    connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=30)
    connection.putrequest("GET", path)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def set_up(server: Server) -> str:
    """Follow the link of the first start as a person does, and return its secret."""
    link = server.said().splitlines()[-1].strip()
    client = server.client()
    page = client.get(link)
    assert page.status_code == 200
    token = page.text.partition('name="form_token" value="')[2].partition('"')[0]
    secret = parse_qs(urlsplit(link).query)["link"][0]
    names = {"form_token": token, "link": secret, "name": "admin"}
    answer = client.post("/set-up", data=names | {"password": CHOSEN, "password_again": CHOSEN})
    assert answer.status_code == 303, answer.text
    return secret


def test_neither_log_nor_data_holds_a_secret(server: Server) -> None:
    """Covers R01, R12, W16, D17, D18, E01."""
    secrets = {CHOSEN, TYPED_WRONG, FOREIGN, set_up(server)}
    with Visitor(server.url) as admin:
        assert admin.sign_in("admin", CHOSEN).json["status"] == "ok"
        secrets |= set(admin.cookies.values())
        key = "admin/app-built-in"
        application = admin.ask("GET", f"/api/get-application?id={key}").json["data"]
        client_id, client_secret = application["clientId"], application["clientSecret"]
        assert client_secret
        secrets.add(client_secret)
        # Signed in again, her cookie is a new one; the old one is a secret still.
        assert admin.sign_in("admin", CHOSEN).json["status"] == "ok"
        secrets |= set(admin.cookies.values())
        for path in (
            f"/api/get-sessions?owner=built-in&clientId={client_id}&clientSecret={client_secret}",
            f"/api/get-account?username=built-in/admin&password={quote(CHOSEN)}",
            f"/api/get-account?accessToken={FOREIGN}",
            f"/sign-in?return_to=/account&code={FOREIGN}",
            f"/set-up?link={FOREIGN}",
        ):
            admin.ask("GET", path)
    with Visitor(server.url) as stranger:
        assert stranger.sign_in("admin", TYPED_WRONG).json["status"] == "error"
        assert stranger.sign_in(TYPED_WRONG, "x").json["status"] == "error"
        assert stranger.sign_in("admin" + HOSTILE, HOSTILE).json["status"] == "error"
        stranger.cookies["sid"] = FOREIGN[:43]
        stranger.ask("GET", "/v1/me/sessions")
        stranger.ask("GET", "/account")
    for headers in (
        {"Authorization": f"Bearer {FOREIGN}".encode()},
        {"Authorization": f"Basic {FOREIGN}".encode()},
        {"User-Agent": HOSTILE.replace("\r\n", "").encode()},
        {"X-Forwarded-For": HOSTILE.replace("\r\n", "").encode(), "User-Agent": FIREFOX.encode()},
    ):
        raw(server.url, "/v1/me/sessions" + quote(HOSTILE), headers)
        raw(server.url, "/v1/me/sessions", headers)
    assert server.stop() == 0
    examine_log(server, secrets)
    examine_data(server.data, secrets)


def examine_log(server: Server, secrets: set[str]) -> None:
    lines = server.errors().splitlines()
    assert all(line.isprintable() for line in lines)
    events = [json.loads(line)["event"] for line in lines]
    assert "forged" not in events
    assert events.count("request") > 15
    assert {"session.unknown_secret", "server.ready", "server.stopped"} <= set(events)
    for secret in secrets | {FOREIGN[:43]}:
        assert secret not in server.errors()
        assert quote(secret) not in server.errors()
    # No query at all, whatever it holds.
    assert all("?" not in line.get("path", "") for line in server.log("request"))


def examine_data(data: Path, secrets: set[str]) -> None:
    with sqlite3.connect(data / "ostiary.db") as database:
        dump = "\n".join(database.iterdump())
        blobs = [
            value
            for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for row in database.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - our own names
            for value in row
            if isinstance(value, bytes)
        ]
    database.close()
    assert "session.started" in dump
    files = [path.read_bytes() for path in data.iterdir() if path.is_file()]
    for secret in secrets:
        assert secret not in dump
        assert not any(secret.encode() in content for content in [*blobs, *files])
