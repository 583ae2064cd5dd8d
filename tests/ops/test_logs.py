"""The log: one line an event, nothing forged, nothing secret."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from litestar import Litestar, get
from litestar.exceptions import HTTPException
from litestar.testing import TestClient
from structlog.testing import capture_logs

from ostiary.domain.errors import CrossSite, NotFound, Unavailable
from ostiary.gateways.addresses import parse_networks
from ostiary.ops import telemetry
from ostiary.ops.config import Log
from ostiary.ops.metrics import Metrics
from ostiary.ops.request_log import RequestLog, note_exception

HOSTILE = '\r\n{"level":"info","event":"forged"}\x1b[2J\x9b31m\u202e\u2028\x00\x7f\ud800'


class Output(io.BytesIO):
    """Where the log goes; a terminal, if it says so."""

    def __init__(self, *, terminal: bool = False) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    @property
    def lines(self) -> list[str]:
        return self.getvalue().decode().splitlines()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def out(restored_logging: None) -> Output:
    out = Output()
    telemetry.configure(Log(), out)
    return out


def raised(error: Exception) -> Exception:
    """The same, with a trace."""
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def only_printable(out: Output) -> bool:
    return all(line.isprintable() for line in out.getvalue().decode().split("\n"))


def test_a_pipe_gets_json_and_a_terminal_text(restored_logging: None) -> None:
    for terminal, wanted, is_json in (
        (False, "auto", True),
        (True, "auto", False),
        (True, "json", True),
        (False, "text", False),
    ):
        out = Output(terminal=terminal)
        telemetry.configure(Log(format=wanted), out)
        structlog.get_logger().info("door.opened", who="ann")
        [line] = out.lines
        assert line.startswith("{") is is_json, (terminal, wanted)
        assert "door.opened" in line
        assert ("\x1b" in line) is (terminal and not is_json)


def test_a_line_says_when_how_bad_and_what(out: Output) -> None:
    structlog.get_logger().warning("door.stuck", who="ann", times=3, tags=["a"], extra={"b": None})
    [event] = out.events
    assert list(event)[:3] == ["at", "level", "event"]
    assert event.pop("at").endswith("Z")
    assert event.pop("pid") == os.getpid()
    assert event == {
        "level": "warning",
        "event": "door.stuck",
        "who": "ann",
        "times": 3,
        "tags": ["a"],
        "extra": {"b": None},
    }


def test_the_level_leaves_out_what_is_below(restored_logging: None) -> None:
    out = Output()
    telemetry.configure(Log(level="warning"), out)
    structlog.get_logger().info("quiet")
    logging.getLogger("somebody").info("quiet too")
    structlog.get_logger().warning("loud")
    logging.getLogger("somebody").error("loud too")
    assert [event["event"] for event in out.events] == ["loud", "loud too"]


@pytest.mark.parametrize("wanted", ["json", "text"])
def test_nothing_that_is_logged_can_forge_a_line(wanted: str, restored_logging: None) -> None:
    """Covers D18."""
    out = Output()
    telemetry.configure(Log(format=wanted), out)
    log = structlog.get_logger()
    log.info(
        "one",
        value=HOSTILE,
        nested={"key" + HOSTILE: [HOSTILE, HOSTILE.encode("utf-8", "replace")]},
    )
    hostile_event = "two" + HOSTILE
    log.info(hostile_event)
    logging.getLogger("uvicorn.error").warning("three %s", HOSTILE)
    assert len(out.lines) == 3
    assert only_printable(out)
    if wanted == "json":
        assert [event["event"][:3] for event in out.events] == ["one", "two", "thr"]


@pytest.mark.parametrize("wanted", ["json", "text"])
def test_the_text_of_an_exception_cannot_forge_a_line(wanted: str, restored_logging: None) -> None:
    """Covers D18."""
    out = Output()
    telemetry.configure(Log(format=wanted), out)
    structlog.get_logger().error("failed", exc_info=raised(ValueError(HOSTILE)))
    assert only_printable(out)
    if wanted == "json":
        assert [event["event"] for event in out.events] == ["failed"]
        assert "Traceback" in out.events[0]["exception"]
    else:
        first, *rest = out.lines
        assert "failed" in first
        assert rest
        assert all(line.startswith("    ") for line in rest)


def test_a_long_value_is_cut(out: Output) -> None:
    structlog.get_logger().info("long", value="x" * 100_000)
    assert len(out.lines[0]) < 3_000


def test_what_nobody_caught_is_logged_too(out: Output) -> None:
    def fail() -> None:
        raise ZeroDivisionError("in a thread")

    thread = threading.Thread(target=fail, name="of-ours")
    thread.start()
    thread.join()
    error = raised(ZeroDivisionError("at the top"))
    sys.excepthook(type(error), error, error.__traceback__)
    in_thread, at_the_top = out.events
    assert (in_thread["event"], in_thread["thread"]) == ("thread.failed", "of-ours")
    assert "at the top" in at_the_top["exception"]


def test_a_log_that_nobody_reads_fails_no_request(restored_logging: None) -> None:
    class Gone(Output):
        def write(self, _: Any) -> int:
            raise BrokenPipeError

    telemetry.configure(Log(), Gone())
    structlog.get_logger().info("nobody hears this")


# Requests


@get("/wrong", sync_to_thread=False)
def wrong() -> None:
    raise ZeroDivisionError("secret detail")


@get("/unavailable", sync_to_thread=False)
def unavailable() -> None:
    raise Unavailable("the disk said no")


@get("/refused", sync_to_thread=False)
def refused() -> None:
    raise NotFound


@get("/forged", sync_to_thread=False)
def forged() -> None:
    raise CrossSite(detail="origin: evil.example")


@get("/bad", sync_to_thread=False)
def bad() -> None:
    raise HTTPException(status_code=400)


@get("/health/live", sync_to_thread=False)
def live() -> str:
    return "live"


@pytest.fixture
def client() -> Iterator[TestClient[Any]]:
    app = Litestar(
        [wrong, unavailable, refused, forged, bad, live],
        after_exception=[note_exception],
        logging_config=None,
        openapi_config=None,
    )
    logged: Any = RequestLog(app, Metrics(), trusted=parse_networks(["10.0.0.0/8"]))
    with TestClient(logged, raise_server_exceptions=False) as made:
        yield made


def test_a_request_is_one_line_without_its_query(client: TestClient[Any], out: Output) -> None:
    """Covers R12."""
    response = client.get(
        "/nothing%0d%0a/here?code=geheim",
        headers={"Cookie": "sid=geheim", "Authorization": "Basic geheim"},
    )
    [event] = out.events
    assert event["event"] == "request"
    assert event["method"] == "GET"
    assert event["path"] == "/nothing\\r\\n/here"
    assert event["status"] == 404
    assert event["ms"] >= 0
    assert event["request_id"] == response.headers["x-request-id"]
    assert "geheim" not in out.lines[0]


def test_each_answer_has_an_id_of_its_own(client: TestClient[Any]) -> None:
    given = {
        client.get("/bad", headers={"X-Request-Id": "mine"}).headers["x-request-id"]
        for _ in range(3)
    }
    assert len(given) == 3
    assert "mine" not in given


def test_the_address_is_that_behind_trusted_proxies_only(out: Output) -> None:
    log = RequestLog(_silent, Metrics(), trusted=parse_networks(["10.0.0.0/8"]))
    for peer, forwarded, seen in (
        (("192.0.2.1", 1), b"203.0.113.9", "192.0.2.1"),
        (("10.0.0.1", 1), b"evil\r\n, 203.0.113.9", "203.0.113.9"),
        (("10.0.0.1", 1), b"203.0.113.9, evil\x1b[2J", "10.0.0.1"),
        (None, b"203.0.113.9", ""),
    ):
        scope: Any = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "client": peer,
            "headers": [(b"x-forwarded-for", forwarded)],
            "state": {},
        }
        asyncio.run(log(scope, _nothing, _dropped))
        assert out.events[-1]["address"] == seen


async def _silent(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _nothing() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _dropped(message: Any) -> None:
    del message


def test_what_fails_unexpectedly_is_told_with_a_trace_to_us_alone(
    client: TestClient[Any], out: Output
) -> None:
    """Covers D19."""
    response = client.get("/wrong")
    assert response.status_code == 500
    assert "secret detail" not in response.text
    failed, request = out.events
    assert failed["event"] == "request.failed"
    assert "secret detail" in failed["exception"]
    assert failed["request_id"] == request["request_id"] == response.headers["x-request-id"]


def test_what_only_operators_may_know_is_logged(client: TestClient[Any], out: Output) -> None:
    client.get("/unavailable")
    refused, _ = out.events
    assert (refused["level"], refused["detail"]) == ("error", "the disk said no")
    client.get("/forged")
    assert out.events[2]["detail"] == "origin: evil.example"
    assert out.events[2]["level"] == "warning"
    client.get("/refused")
    client.get("/bad")
    assert [event["event"] for event in out.events[4:]] == ["request", "request"]


def test_probes_are_not_worth_a_line(client: TestClient[Any], out: Output) -> None:
    assert client.get("/health/live").text == "live"
    assert out.events == []


def run(app: RequestLog, path: str = "/") -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {
        "type": "http",
        "method": "GET",
        "path": path,
        "client": None,
        "headers": [],
        "state": {},
    }
    asyncio.run(app(scope, _nothing, send))
    return sent


def test_an_application_that_crashes_gives_a_plain_500() -> None:
    async def crash(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError("secret detail")

    with capture_logs() as logs:
        start, body = run(RequestLog(crash, Metrics()))
    assert start["status"] == 500
    assert b"secret" not in body["body"]
    assert [log["event"] for log in logs] == ["request.crashed", "request"]


def test_an_answer_that_has_begun_is_cut_off() -> None:
    async def crash(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), capture_logs():
        run(RequestLog(crash, Metrics()))


def test_more_requests_than_a_process_takes_are_told_to_come_back() -> None:
    app = RequestLog(_silent, Metrics(), most=0)
    start, _ = run(app)
    assert start["status"] == 503
    assert (b"retry-after", b"2") in start["headers"]
    app._most = 1
    assert run(app)[0]["status"] == 204
    assert run(app)[0]["status"] == 204  # the one before is not counted any more


def test_what_is_no_request_passes_through() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    scope: Any = {"type": "lifespan"}
    asyncio.run(RequestLog(app, Metrics())(scope, _nothing, _dropped))
    assert seen == ["lifespan"]
