"""A disk that is full while the server runs: clear answers, nothing half done, and recovery."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.disk import SmallDisk, small_disk
from tests.support.server import Installed, Server, install, until
from tests.support.visitor import Visitor


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    with small_disk() as found:
        yield found


def test_a_full_disk_refuses_writing_and_keeps_what_is_there(disk: SmallDisk) -> None:
    server = Server(disk.path / "data")
    installed = install(server.config, "ann", "bob")
    with server, Visitor(server.url) as ann, Visitor(server.url) as bob:
        assert ann.sign_in("ann").json["status"] == "ok"
        with Visitor(server.url) as elsewhere:
            elsewhere.sign_in("ann")
        before = ids(server, installed)
        disk.fill(pids=server.workers())
        # Until the last page that was free already is used up, some may still succeed.
        until(lambda: sign_in_is_refused(server, "bob"), "the disk is full")
        answer = bob.sign_in("bob")
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) > 0
        assert "cannot reach its data" in answer.json["msg"]
        assert answer.json["status"] == "error"
        assert "sid" not in bob.cookies
        for path in ("/v1/me/sessions", "/api/get-account"):
            assert ann.ask("GET", path).status == 200  # reading goes on
        end = ann.ask("POST", "/v1/me/sessions/end-others", {})
        assert end.status == 503
        assert int(end.headers["retry-after"]) > 0
        page = ann.ask("GET", "/account")
        assert page.status == 200
        disk.empty(pids=server.workers())
        until(lambda: bob.sign_in("bob").status == 200, "there is room again")
        assert bob.is_signed_in()
        assert ann.is_signed_in()
        after = ids(server, installed)
        assert set(before) <= set(after)
        assert server.log("request.crashed") == []
        assert server.log("request.failed") == []


def sign_in_is_refused(server: Server, user: str) -> bool:
    with Visitor(server.url) as visitor:
        return visitor.sign_in(user).status == 503


def ids(server: Server, installed: Installed) -> list[str]:
    """Every session that is in force."""
    with Visitor(server.url, basic=(installed.client_id, installed.client_secret)) as application:
        return [i for user in ("ann", "bob") for i in application.ids_of(user)]
