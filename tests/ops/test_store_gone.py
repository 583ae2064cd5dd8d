"""A PostgreSQL that goes away, or may only be read: every front says so, and recovers by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from psycopg import sql

from tests.support.installation import PASSWORD, Installation
from tests.support.postgres import PostgresServer

LOGIN = {
    "type": "login",
    "application": "app-built-in",
    "organization": "built-in",
    "username": "admin",
    "password": PASSWORD,
}


@pytest.fixture
def installation(postgresql_url: str, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(postgresql_url, tmp_path)
    yield made
    made.close()


class Operator:
    """Whoever may do everything to the database."""

    def __init__(self, server: PostgresServer, url: str) -> None:
        self._name = sql.Identifier(url.rpartition("/")[2])
        self._url = server.address.url("postgres")
        self._database = url.rpartition("/")[2]

    def _run(self, statement: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(self._name))
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                (self._database,),
            )

    def close_down(self) -> None:
        self._run("ALTER DATABASE {} ALLOW_CONNECTIONS false")

    def open_up(self) -> None:
        self._run("ALTER DATABASE {} ALLOW_CONNECTIONS true")

    def set_read_only(self) -> None:
        self._run("ALTER DATABASE {} SET default_transaction_read_only = on")

    def set_writable(self) -> None:
        self._run("ALTER DATABASE {} RESET default_transaction_read_only")


@pytest.fixture
def operator(postgres_server: PostgresServer, postgresql_url: str) -> Operator:
    return Operator(postgres_server, postgresql_url)


def must_be_unavailable(response: Any) -> None:
    assert response.status_code == 503, (response.request.url, response.text)
    assert int(response.headers["retry-after"]) > 0
    assert "psycopg" not in response.text
    assert "connection" not in response.text.lower()


def signed_in(client: TestClient[Litestar]) -> bool:
    return bool(client.get("/api/get-account").json()["status"] == "ok")


def test_every_front_says_that_the_store_is_gone(
    installation: Installation, operator: Operator
) -> None:
    """Covers D19: nobody gets in, and nobody is told why."""
    client, session_id = installation.signed_in_browser("built-in", "admin")
    assert signed_in(client)
    operator.close_down()
    try:
        for path in ("/api/get-account", "/v1/me/sessions", "/account", "/console", "/sign-in"):
            must_be_unavailable(client.get(path))
        must_be_unavailable(installation.browser().post("/api/login", json=LOGIN))
        must_be_unavailable(client.post("/v1/me/sessions/end-others", json={}))
        must_be_unavailable(client.get("/check"))
        assert client.get("/nowhere").status_code == 404
    finally:
        operator.open_up()
    assert signed_in(client)
    assert client.get("/v1/me/sessions").json()["items"][0]["id"] == session_id


def test_a_store_that_may_only_be_read_is_read(
    installation: Installation, operator: Operator
) -> None:
    client, _ = installation.signed_in_browser("built-in", "admin")
    other, _ = installation.signed_in_browser("built-in", "admin")
    operator.set_read_only()
    try:
        assert signed_in(client)
        assert client.get("/account").status_code == 200
        must_be_unavailable(installation.browser().post("/api/login", json=LOGIN))
        must_be_unavailable(client.post("/v1/me/sessions/end-others", json={}))
        assert signed_in(other)
    finally:
        operator.set_writable()
    assert client.post("/v1/me/sessions/end-others", json={}).json()["count"] == 1
    assert not signed_in(other)
