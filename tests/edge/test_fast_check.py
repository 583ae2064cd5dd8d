"""``/check`` over raw sockets: every way in which a request can arrive (DESIGN section 9)."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ostiary.domain.errors import Misconfigured, Unavailable
from ostiary.edge.fast_check import FastCheck, require_known_uvicorn
from ostiary.services import end, users
from tests.support.checking import Serving, serving, talking
from tests.support.installation import PUBLIC_URL, Installation


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(f"sqlite:///{tmp_path / 'ostiary.db'}", tmp_path)
    yield made
    made.close()


@pytest.fixture
def server(installation: Installation) -> Iterator[Serving]:
    with serving(installation) as served:
        yield served


def _get(
    secret: str = "",
    *,
    path: str = "/check",
    method: str = "GET",
    version: str = "1.1",
    more: str = "",
) -> bytes:
    cookie = f"Cookie: sid={secret}\r\n" if secret else ""
    return f"{method} {path} HTTP/{version}\r\nHost: x\r\n{cookie}{more}\r\n".encode()


def test_a_live_session_is_named_and_nobody_is_not(
    installation: Installation, server: Serving
) -> None:
    """Covers A04, E02, F10."""
    started = installation.start_session("built-in", "admin")
    with talking(server.port) as talk:
        for request in (_get(started.secret), _get(started.secret, path="/check?x=1")):
            talk.send(request)
            answer = talk.answer()
            assert answer.status == 200
            assert answer.body == b""
            named = {k: v for k, v in answer.headers.items() if k.startswith("x-ostiary")}
            assert named == {
                "x-ostiary-user": "admin",
                "x-ostiary-organization": "built-in",
                "x-ostiary-session": started.session.id,
                "x-ostiary-email": "",
                "x-ostiary-groups": "",
                "x-ostiary-auth-time": str(int(started.session.authenticated_at.timestamp())),
            }
        wrong = started.secret[:-1] + ("A" if started.secret[-1] != "A" else "B")
        for request in (
            _get(),
            _get("x"),
            _get(wrong),
            _get(started.session.id),
            _get(path=f"/check?sid={started.secret}"),
            _get(more=f"Authorization: Bearer {started.secret}\r\n"),
            _get(more=f"X-Session: {started.secret}\r\n"),
        ):
            talk.send(request)
            answer = talk.answer()
            assert answer.status == 401
            assert not any(name.startswith("x-ostiary") for name in answer.headers)


def test_a_proxy_that_asks_for_a_redirect_gets_one(
    installation: Installation, server: Serving
) -> None:
    """Covers R04: the parser leaves that to the application."""
    started = installation.start_session("built-in", "admin")
    page = "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\n"
    with talking(server.port) as talk:
        talk.send(_get(path="/check?redirect=yes", more=page))
        answer = talk.answer()
        assert (answer.status, answer.headers["location"]) == (302, f"{PUBLIC_URL}/sign-in")
        talk.send(_get(path="/check", more=page))
        assert talk.answer().status == 401
        talk.send(_get(started.secret, path="/check?redirect=yes", more=page))
        assert talk.answer().headers["x-ostiary-user"] == "admin"


def test_names_are_written_so_that_no_header_can_be_forged(
    installation: Installation, server: Serving
) -> None:
    """Covers B01, L20."""
    installation.organization("acme")
    groups = ["staff", "a,b", "näh\r\nX-Evil: 1", 7]
    installation.user("acme", "jörg", email="jörg@example.com", extra={"groups": groups})
    started = installation.start_session("acme", "jörg")
    with talking(server.port) as talk:
        talk.send(_get(started.secret))
        headers = talk.answer().headers
    assert headers["x-ostiary-user"] == "j%C3%B6rg"
    assert headers["x-ostiary-email"] == "j%C3%B6rg@example.com"
    assert headers["x-ostiary-groups"] == "staff,a%2Cb,n%C3%A4h%0D%0AX-Evil: 1"
    assert "x-evil" not in headers


def test_an_ended_session_is_refused_by_the_next_check(
    installation: Installation, server: Serving
) -> None:
    """Covers A10, R03."""
    started = installation.start_session("built-in", "admin")
    with talking(server.port) as talk:
        talk.send(_get(started.secret))
        assert talk.answer().status == 200
        installation.write(end.end_one, installation.act(), started.session.id)
        talk.send(_get(started.secret))
        assert talk.answer().status == 401


def test_a_users_new_groups_are_told_by_the_next_check(
    installation: Installation, server: Serving
) -> None:
    started = installation.start_session("built-in", "admin")
    with talking(server.port) as talk:
        talk.send(_get(started.secret))
        assert talk.answer().headers["x-ostiary-groups"] == ""
        installation.write(
            users.update_user,
            installation.act(),
            installation.house.vault,
            "built-in",
            "admin",
            users.UserChange(extra={"groups": ["on-call"]}),
        )
        talk.send(_get(started.secret))
        assert talk.answer().headers["x-ostiary-groups"] == "on-call"


def test_a_request_may_arrive_byte_by_byte(installation: Installation, server: Serving) -> None:
    started = installation.start_session("built-in", "admin")
    with talking(server.port) as talk:
        talk.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in _get(started.secret):
            talk.send(bytes([byte]))
        assert talk.answer().status == 200


def test_pipelined_checks_are_answered_in_their_order(
    installation: Installation, server: Serving
) -> None:
    alive = installation.start_session("built-in", "admin")
    installation.organization("acme")
    installation.user("acme", "ann")
    other = installation.start_session("acme", "ann")
    asked = [alive.secret, "", other.secret, "A" * 43, alive.secret, other.secret, "B" * 43] * 40
    expected = {alive.secret: "admin", other.secret: "ann"}
    with talking(server.port) as talk:
        talk.send(b"".join(_get(secret) for secret in asked))
        for secret in asked:
            answer = talk.answer()
            assert answer.status == (200 if secret in expected else 401)
            assert answer.headers.get("x-ostiary-user") == expected.get(secret)


def test_checks_and_other_requests_are_answered_in_their_order(
    installation: Installation, server: Serving
) -> None:
    started = installation.start_session("built-in", "admin")
    plain = _get(path="/no-such-page")
    asked = [
        _get(started.secret),
        plain,
        _get(started.secret),
        _get(),
        plain,
        plain,
        _get("A" * 43),
    ]
    with talking(server.port) as talk:
        talk.send(b"".join(asked * 3))
        statuses = [talk.answer().status for _ in asked * 3]
    assert statuses == [200, 404, 200, 401, 404, 404, 401] * 3


def test_a_head_request_is_answered_like_a_get(installation: Installation, server: Serving) -> None:
    started = installation.start_session("built-in", "admin")
    with talking(server.port) as talk:
        talk.send(_get(started.secret))
        answers = [talk.answer()]
        talk.send(_get(started.secret, method="HEAD") + _get(method="HEAD"))
        answers += [talk.answer(head_only=True), talk.answer(head_only=True)]
    assert [a.status for a in answers] == [200, 200, 401]
    drop_date = [{k: v for k, v in a.headers.items() if k != "date"} for a in answers]
    assert drop_date[0] == drop_date[1]


@pytest.mark.parametrize(
    ("version", "more"), [("1.1", "Connection: close\r\n"), ("1.0", "")], ids=["close", "1.0"]
)
def test_who_asks_to_close_is_told_and_closed(
    installation: Installation, server: Serving, version: str, more: str
) -> None:
    started = installation.start_session("built-in", "admin")
    for secret, status in ((started.secret, 200), ("", 401)):
        with talking(server.port) as talk:
            talk.send(_get(secret, version=version, more=more))
            answer = talk.answer()
            assert answer.status == status
            assert answer.headers["connection"] == "close"
            assert talk.is_closed()


def test_two_different_cookies_of_our_name_are_as_good_as_none(
    installation: Installation, server: Serving
) -> None:
    """Covers M05."""
    secret = installation.start_session("built-in", "admin").secret
    with talking(server.port) as talk:
        for cookie, status in (
            (f"sid={secret}; sid={secret}", 200),
            (f"a=b; sid={secret}; sidx=1", 200),
            (f"sid={secret}; sid=other", 401),
            (f"sid={secret}\r\nCookie: sid=other", 401),
            (f"sid={secret}\r\nCookie: a=b", 200),
            (f"Sid={secret}", 401),
            (f"xsid={secret}", 401),
        ):
            talk.send(_get(more=f"Cookie: {cookie}\r\n"))
            assert talk.answer().status == status, cookie


def test_behind_https_only_the_prefixed_cookie_counts(tmp_path: Path) -> None:
    """Covers B05, M01."""
    made = Installation(
        f"sqlite:///{tmp_path / 'o.db'}", tmp_path, public_url="https://sso.example.com"
    )
    secret = made.start_session("built-in", "admin").secret
    with serving(made) as server, talking(server.port) as talk:
        talk.send(_get(secret) + _get(more=f"Cookie: __Host-sid={secret}\r\n"))
        assert [talk.answer().status, talk.answer().status] == [401, 200]
    made.close()


def test_the_fast_and_the_plain_way_answer_the_same_bytes(installation: Installation) -> None:
    secret = installation.start_session("built-in", "admin").secret
    requests = [
        _get(secret),
        _get(),
        _get("A" * 43),
        _get(secret, path="/check?x=1"),
        _get(secret, more="Connection: close\r\n"),
    ]
    found = []
    for fast in (True, False):
        answers = []
        with serving(installation, fast=fast) as server:
            for request in requests:
                with talking(server.port) as talk:
                    talk.send(request)
                    raw = talk.answer().raw
                    answers.append([line for line in raw.split(b"\r\n") if b"date: " not in line])
        found.append(answers)
    assert found[0] == found[1]


def test_a_connection_on_which_nothing_is_asked_is_closed(installation: Installation) -> None:
    with serving(installation, keep_alive=1) as server:
        silent, half, used, busy = (
            socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(4)
        )
        half.sendall(b"GET /check HTTP/1.1\r\nHost:")
        used.sendall(_get())
        assert used.recv(1 << 16).startswith(b"HTTP/1.1 401")
        busy.sendall(_get())
        busy.recv(1 << 16)
        end_at = time.monotonic() + 1.6
        answered = 0
        while time.monotonic() < end_at:
            busy.sendall(_get())
            answered += busy.recv(1 << 16).startswith(b"HTTP/1.1 401")
        for closed in (silent, half, used):
            assert closed.recv(1) == b""
        busy.sendall(_get())
        assert busy.recv(1 << 16).startswith(b"HTTP/1.1 401"), answered
        for item in (silent, half, used, busy):
            item.close()


def test_a_head_that_never_ends_is_refused(server: Serving) -> None:
    with talking(server.port) as talk:
        talk.send(b"GET /check HTTP/1.1\r\nX: ")
        status = b""
        try:
            for _ in range(200):
                talk.send(b"a" * 8_192)
        except (ConnectionResetError, BrokenPipeError):
            status = b"closed"
        else:
            status = talk.socket.recv(100)
    assert status == b"closed" or status.startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize("path", ["/check", "/account"])
def test_an_oversized_head_is_refused(server: Serving, path: str) -> None:
    with talking(server.port) as talk:
        lines = "".join(f"X-{n}: {'a' * 1000}\r\n" for n in range(90))
        talk.send(_get(path=path, more=lines + "Content-Length: 0\r\n"))
        assert talk.answer().status == 431
        assert talk.is_closed()


def test_a_client_that_does_not_read_is_not_read_either(
    installation: Installation, server: Serving
) -> None:
    secret = installation.start_session("built-in", "admin").secret
    request = _get(secret, more=f"X-Padding: {'a' * 2_000}\r\n")
    asked = 20_000
    with talking(server.port) as talk:
        sent = threading.Event()

        def flood() -> None:
            talk.send(request * asked)
            sent.set()

        thread = threading.Thread(target=flood, daemon=True)
        thread.start()
        assert not sent.wait(1.0), "more was taken than the buffers between us hold"
        assert sum(talk.answer().status == 200 for _ in range(asked)) == asked
        thread.join(20)
        assert sent.is_set()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_the_applications_business(server: Serving, method: str) -> None:
    with talking(server.port) as talk:
        talk.send(_get(method=method) + _get())
        first = talk.answer()
        assert first.status == 405
        assert first.headers["allow"] == "GET, HEAD"
        assert talk.answer().status == 401


@pytest.mark.parametrize("path", ["/checks", "/Check", "/check%20", "/chec", "/v1/check"])
def test_other_paths_are_not_taken(installation: Installation, server: Serving, path: str) -> None:
    secret = installation.start_session("built-in", "admin").secret
    with talking(server.port) as talk:
        talk.send(_get(secret, path=path))
        answer = talk.answer()
    assert "x-ostiary-user" not in answer.headers


def test_when_the_store_cannot_answer_nobody_gets_in(
    installation: Installation, server: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers D19."""
    secret = installation.start_session("built-in", "admin").secret

    def gone(*_: object) -> None:
        raise Unavailable("gone")

    monkeypatch.setattr(installation.database, "read", gone)
    with talking(server.port) as talk:
        talk.send(_get(secret))
        answer = talk.answer()
        assert answer.status == 503
        assert answer.headers["retry-after"] == "2"
        monkeypatch.undo()
        talk.send(_get(secret))
        assert talk.answer().status == 200


def test_a_guess_is_refused_without_waiting_for_the_store(
    installation: Installation, server: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers E02: strangers cannot keep the one thread busy that reads rows for others."""
    assert server.checks is not None
    monkeypatch.setattr(server.checks, "_read", pytest.fail)
    with talking(server.port) as talk:
        for number in range(50):
            talk.send(_get(f"{number:043d}"))
            assert talk.answer().status == 401
    monkeypatch.undo()
    started = installation.start_session("built-in", "admin")
    with talking(server.port) as talk:
        talk.send(_get(started.secret))
        assert talk.answer().status == 200


def test_without_a_view_every_check_reads_the_row(installation: Installation) -> None:
    started = installation.start_session("built-in", "admin")
    with serving(installation, view=False) as server, talking(server.port) as talk:
        for expected in (200, 200):
            talk.send(_get(started.secret))
            assert talk.answer().status == expected
        installation.write(end.end_one, installation.act(), started.session.id)
        talk.send(_get(started.secret))
        assert talk.answer().status == 401


def test_a_check_is_a_use_of_the_session_and_idleness_is_read_from_the_row(
    installation: Installation, server: Serving
) -> None:
    """Covers A08, A09, F04."""
    started = installation.start_session("built-in", "admin")
    with talking(server.port) as talk:

        def status() -> int:
            talk.send(_get(started.secret))
            return talk.answer().status

        assert status() == 200
        for _ in range(5):
            installation.clock.forward(minutes=50)
            assert status() == 200
        installation.clock.forward(minutes=61)
        assert status() == 401

        again = installation.start_session("built-in", "admin")
        started = again
        for _ in range(29):
            assert status() == 200
            installation.clock.forward(minutes=49)
        installation.clock.forward(minutes=25)
        assert status() == 401, "the absolute lifetime is over"


def test_a_use_in_another_process_keeps_the_session_alive(
    installation: Installation, server: Serving
) -> None:
    """Idle as far as this process knows, but the row was moved on elsewhere (DESIGN section 2)."""
    started = installation.start_session("built-in", "admin")
    with talking(server.port) as talk:
        talk.send(_get(started.secret))
        assert talk.answer().status == 200
        installation.clock.forward(minutes=50)
        installation.house.activity.note(
            installation.database, started.session, installation.clock.now
        )
        installation.house.activity.flush(installation.database)
        installation.clock.forward(minutes=50)
        talk.send(_get(started.secret))
        assert talk.answer().status == 200


def test_another_uvicorn_is_not_worked_with() -> None:
    require_known_uvicorn()

    class Another(HttpToolsProtocol):
        def data_received(self, data: bytes, more: int = 0) -> None:
            """Take something else."""

    with pytest.raises(Misconfigured, match="data_received"):
        require_known_uvicorn(Another)
    with pytest.raises(Misconfigured, match="connection_made"):
        require_known_uvicorn(object)
    assert issubclass(FastCheck, HttpToolsProtocol)
