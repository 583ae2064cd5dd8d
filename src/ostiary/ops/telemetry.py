"""The log: JSON lines in a pipe, readable lines on a terminal, each event on one line.

Nothing that somebody sent can forge a line or colour a terminal (REQUIREMENTS D18), and nothing
secret is written (R12): no query, no cookie, no body, no ``Authorization``.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from types import TracebackType
from typing import Any, BinaryIO, Final

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from ostiary.ops.config import Log

LONGEST_VALUE: Final = 2_000
"""Characters of one value; traces are kept whole."""

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_QUIET: Final = ("alembic", "asyncio", "httpcore", "httpx", "sqlalchemy", "uvicorn")
"""Libraries that tell a story of their own at the level info, some with whole addresses in it."""

_TRACE: Final = "exception"


def configure(wanted: Log, stream: BinaryIO | None = None) -> None:
    """Send everything that is logged in this process, by us or a library, one way.

    Args:
        wanted: level and format; ``auto`` is text on a terminal and JSON elsewhere.
        stream: where to; None: standard error.
    """
    out = sys.stderr.buffer if stream is None else stream
    as_text = wanted.format == "text" or (wanted.format == "auto" and out.isatty())
    level = _LEVELS[wanted.level]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            _of_process(os.getpid()),
            _clean,
            *_renderers(as_text=as_text, colors=out.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Lines(out).made,
        # Workers configure again after the fork, and must not keep what the parent had.
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Bridge()]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def clean(text: str) -> str:
    """One printable line of at most `LONGEST_VALUE` characters; whatever is not is escaped."""
    if len(text) > LONGEST_VALUE:
        text = text[:LONGEST_VALUE] + "…"
    if text.isprintable():
        return text
    # Line ends, ANSI, C1 controls, bidirectional overrides, lone surrogates: all the same.
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _of_process(pid: int) -> Processor:
    """Say which of the server's processes it was."""

    def add(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event.setdefault("pid", pid)
        return event

    return add


def _clean(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    trace = event.pop(_TRACE, None)
    cleaned = {key: _cleaned(value) for key, value in event.items()}
    if isinstance(trace, str):
        # Its own line ends are kept; the indentation keeps a line of it from passing for an event.
        cleaned[_TRACE] = "\n".join("    " + clean(line) for line in trace.splitlines())
    return cleaned


def _cleaned(value: Any) -> Any:  # noqa: ANN401 - whatever is logged
    if isinstance(value, str):
        return clean(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {clean(str(key)): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(item) for item in value]
    return clean(str(value))


def _renderers(*, as_text: bool, colors: bool) -> list[Processor]:
    if not as_text:
        return [_to_json]
    # The trace is text already; the renderer must not format one of its own.
    return [structlog.dev.ConsoleRenderer(colors=colors, timestamp_key="at"), _to_bytes]


_encoder = msgspec.json.Encoder()


def _to_json(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    first = {key: event.pop(key, None) for key in ("at", "level", "event")}
    return _encoder.encode({**first, **event})


def _to_bytes(_: WrappedLogger, __: str, line: Any) -> bytes:  # noqa: ANN401 - of the renderer
    return str(line).encode("utf-8", "backslashreplace")


class _Lines:
    """Writes lines whole. A reader that went away, or a full disk, fails no request."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._lock = threading.Lock()

    def made(self, *_: object) -> _Lines:
        """Be the factory of itself: all loggers write to one place."""
        return self

    def msg(self, line: bytes) -> None:
        with self._lock:
            try:
                self._out.write(line + b"\n")
                self._out.flush()
            except (OSError, ValueError):
                pass

    debug = info = warning = error = critical = msg


class _Bridge(logging.Handler):
    """Takes what libraries log by the standard library's logging."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            structlog.get_logger().log(
                record.levelno,
                record.getMessage(),
                logger=record.name,
                exc_info=record.exc_info,
            )
        except Exception:  # noqa: BLE001 - as every handler of the standard library
            self.handleError(record)


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    structlog.get_logger().critical("process.failed", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is SystemExit or args.exc_value is None:
        return
    structlog.get_logger().error(
        "thread.failed",
        thread=args.thread.name if args.thread else "",
        exc_info=(args.exc_type, args.exc_value, args.exc_traceback),
    )
