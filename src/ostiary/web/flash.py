"""What a page says about the action that led to it.

It travels in a cookie of its own, encrypted, bound to the session, short-lived, and gone once
shown. It names catalogue keys and values; nothing in an address can make a page say anything.
"""

from __future__ import annotations

import binascii
from datetime import datetime, timedelta
from typing import Any

import msgspec
from litestar import Response

from ostiary.domain.access import Caller
from ostiary.domain.errors import Misconfigured
from ostiary.edge import cookies
from ostiary.edge.house import Visit

_KEPT = timedelta(minutes=2)
_LONGEST = 3_500
_LONGEST_NAME = 60

Value = str | int | tuple[str, ...]


class Line(msgspec.Struct, frozen=True):
    """A catalogue key and its values; the value ``count`` chooses the form."""

    key: str
    values: dict[str, Value] = {}


class Flash(msgspec.Struct, frozen=True, kw_only=True):
    """A message: ``kind`` is success, info, warning or danger; ``title`` is printed bold."""

    at: datetime
    kind: str
    title: Line
    lines: tuple[Line, ...] = ()


def line(key: str, **values: Value) -> Line:
    """A line, its names cut to what fits."""
    return Line(key, {name: _short(value) for name, value in values.items()})


def put(
    visit: Visit,
    response: Response[Any],
    caller: Caller,
    title: Line,
    *lines: Line,
    kind: str = "success",
) -> None:
    """Let the next page of this caller say something, instead of what it would have said.

    Args:
        visit: the request.
        response: its answer.
        caller: who will read it; nobody after signing out.
        title: the first sentence.
        lines: the sentences after it.
        kind: its colour and icon.
    """
    while True:
        message = Flash(at=visit.now, kind=kind, title=title, lines=lines)
        plain = msgspec.json.encode(message).decode()
        sealed = visit.house.vault.seal_text(plain, _context(caller))
        if len(sealed) <= _LONGEST or not lines:
            break
        lines = lines[:-1]
    made = cookies.make(
        cookies.FLASH, sealed, secure=visit.front.secure, max_age=int(_KEPT.total_seconds())
    )
    response.cookies = [cookie for cookie in response.cookies if cookie.key != made.key]
    response.set_cookie(made)


def take(visit: Visit, caller: Caller) -> Flash | None:
    """The message for this caller, if one is waiting and not stale."""
    sealed = visit.cookies.get(cookies.FLASH)
    if not sealed:
        return None
    try:
        plain = visit.house.vault.unseal_text(sealed, _context(caller))
        found = msgspec.json.decode(plain, type=Flash)
    except (Misconfigured, binascii.Error, ValueError, msgspec.MsgspecError):
        return None
    return found if visit.now - found.at <= _KEPT else None


def _context(caller: Caller) -> str:
    return f"flash/{caller.session_id or ''}"


def _short(value: Value) -> Value:
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_NAME else value[: _LONGEST_NAME - 1] + "…"
    if isinstance(value, tuple):
        return tuple(str(_short(item)) for item in value)
    return value
