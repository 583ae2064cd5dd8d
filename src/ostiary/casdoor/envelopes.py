"""The two shapes of every answer (contract 0.1).

What a handler answers has seven keys; what is refused before a handler decides has four. Either way
the HTTP status is 200, denials too: clients of this wire read ``status`` and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from litestar import Response
from litestar.datastructures import Cookie

JSON = "application/json; charset=utf-8"

Reply = Response[bytes]
"""What every handler of this front returns."""

UNAUTHORIZED = "Unauthorized operation"
SIGN_IN_FIRST = "Please login first"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope of handlers; the order of its fields is the order on the wire."""

    status: str = "ok"
    msg: str = ""
    sub: str = ""
    name: str = ""
    data: Any = None
    data2: Any = None
    data3: Any = None


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope of what is refused before a handler decides."""

    status: str = "error"
    msg: str = UNAUTHORIZED
    data: None = None
    data2: None = None


def reply(answer: Answer, cookies: Sequence[Cookie] = ()) -> Reply:
    """An envelope as an HTTP answer, with cookies where the browser's change."""
    return Response(
        msgspec.json.encode(answer), media_type=JSON, status_code=200, cookies=list(cookies)
    )


def ok(data: Any = None, data2: Any = None) -> Reply:  # noqa: ANN401 - whatever JSON has
    """It was done, or here it is."""
    return reply(Answer(data=data, data2=data2))


def affected(changed: bool) -> Reply:  # noqa: FBT001 - the one thing it says
    """A write was done; whether it met a row (contract 0.1, "Affected convention")."""
    return ok("Affected" if changed else "Unaffected")


def error(text: str, *, data: Any = None, status_code: int = 200) -> Reply:  # noqa: ANN401
    """A handler's no."""
    answer = Answer(status="error", msg=text, data=data)
    return Response(msgspec.json.encode(answer), media_type=JSON, status_code=status_code)


def refused(
    text: str = UNAUTHORIZED,
    *,
    status_code: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """A no before any handler decides."""
    return Response(
        msgspec.json.encode(Refusal(msg=text)),
        media_type=JSON,
        status_code=status_code,
        headers=headers,
    )


def sign_in_first() -> Reply:
    """What handlers say that need somebody who is signed in (contract 2.4)."""
    return error(SIGN_IN_FIRST, data=SIGN_IN_FIRST)
