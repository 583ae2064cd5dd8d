"""An operation of the interface: what it takes, what it answers, and how it is called.

One decorated function is the route, the validation and the documentation at once:

    @operation("POST", "/sessions/{session_id}/end", tag="Sessions", summary="End a session", ...)
    def end_session(call: Call, session_id: str) -> EndingView: ...

A parameter called ``query`` or ``body`` is a struct of what may be sent, the others are parts of
the path; the return type is the answer (None: 204). The framework would read all of these too, but
loosely: ``"true"`` for true, and what it does not know as if it were not there. Here a typing error
in a filter must not widen what is ended (`ostiary.api.reading`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, get_type_hints
from urllib.parse import quote

import msgspec
from litestar import Response
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.params import RawBody
from msgspec.structs import replace

from ostiary.api.reading import JSON, read_body, read_path, read_query
from ostiary.api.views import ending_in, with_told
from ostiary.domain.access import NOBODY, Caller, Kind
from ostiary.domain.errors import NotAllowed, NotSignedIn, OstiaryError
from ostiary.edge.house import Visit
from ostiary.edge.identify import by_cookie_or_basic
from ostiary.edge.telling import told_meanwhile
from ostiary.services.house import Act, House
from ostiary.storage.database import Transaction

P = ParamSpec("P")
R = TypeVar("R")

PREFIX = "/v1"
_OK = 200
_NO_CONTENT = 204


class Call:
    """One call by somebody who is known, and what is to be done with its answer before it goes."""

    def __init__(self, visit: Visit, caller: Caller) -> None:
        """Take who calls."""
        self.visit = visit
        self.caller = caller
        self.act: Act = visit.act(caller)
        self._finishing: list[Callable[[Response[Any]], None]] = []

    @property
    def house(self) -> House:
        """What the services work with."""
        return self.visit.house

    def read(
        self,
        verb: Callable[Concatenate[Transaction, Act, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a verb of the services that only reads."""
        return self.house.database.read(verb, self.act, *args, **kwargs)

    def write(
        self,
        verb: Callable[Concatenate[Transaction, Act, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a verb of the services in a transaction of its own."""
        return self.house.database.write(verb, self.act, *args, **kwargs)

    def created(self, *parts: str) -> None:
        """Say where what was made is found (RFC 9110, 10.2.2)."""
        path = "/".join(quote(part, safe="") for part in parts)
        address = f"{self.visit.front.public_url}{PREFIX}/{path}"
        self.before_answering(lambda response: response.headers.update({"Location": address}))

    def before_answering(self, step: Callable[[Response[Any]], None]) -> None:
        """Do something with the answer, such as setting a cookie, once there is one."""
        self._finishing.append(step)

    def finish(self, response: Response[bytes]) -> Response[bytes]:
        """The answer as it goes out."""
        for step in self._finishing:
            step(response)
        return response


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A method of a path, as it is served and described.

    ``raises`` are the errors that it can answer with besides those that every operation can.
    ``by_session``: it is about the session in use, so that only a user can call it. ``examples``
    are bodies to send, by what they do.
    """

    method: str
    path: str
    tag: str
    summary: str
    description: str
    run: Callable[..., Any]
    query: type[Any] | None
    body: type[Any] | None
    answer: type[Any] | None
    status: int
    raises: tuple[type[OstiaryError], ...]
    by_session: bool
    examples: dict[str, Any]

    @property
    def name(self) -> str:
        """Its name in the description: the function's."""
        return self.run.__name__

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the path's variable parts."""
        return tuple(p[1:-1] for p in self.path.split("/") if p.startswith("{"))


def operation(
    method: str,
    path: str,
    *,
    tag: str,
    summary: str,
    description: str,
    raises: tuple[type[OstiaryError], ...] = (),
    status: int = _OK,
    by_session: bool = False,
    examples: dict[str, Any] | None = None,
) -> Callable[[Callable[..., Any]], Operation]:
    """Make an operation of a function; see the module, and `Operation` for the arguments."""

    def describe(run: Callable[..., Any]) -> Operation:
        hints = get_type_hints(run)
        answer = hints["return"]
        return Operation(
            method=method,
            path=path,
            tag=tag,
            summary=summary,
            description=description,
            run=run,
            query=hints.get("query"),
            body=hints.get("body"),
            answer=None if answer is type(None) else answer,
            status=_NO_CONTENT if answer is type(None) else status,
            raises=raises,
            by_session=by_session,
            examples=examples or {},
        )

    return describe


def handler(item: Operation) -> HTTPRouteHandler:
    """The operation as the framework routes it."""

    async def answer(visit: NamedDependency[Visit], body: RawBody) -> Response[bytes]:
        call, result = await sync_to_thread(carry_out, visit, body)
        ending = ending_in(result)
        if ending is not None:
            told = await told_meanwhile(visit.house, ending.ended, ending.pending)
            by_now = with_told(ending, told)
            result = by_now if result is ending else replace(result, ending=by_now)
        content = result if isinstance(result, bytes) else msgspec.json.encode(result)
        return call.finish(Response(content, status_code=item.status, media_type=JSON))

    def carry_out(visit: Visit, body: bytes) -> tuple[Call, Any]:
        """In a thread: what is answered, as bytes unless it says what an ending did."""
        call = Call(visit, _identify(visit, item))
        given: dict[str, Any] = dict(read_path(visit.request.path_params))
        query = read_query(visit.request.scope["query_string"], item.query)
        if item.query is not None:
            given["query"] = query
        if item.method != HttpMethod.GET:
            content_type = visit.request.headers.get("content-type", "")
            sent = read_body(body, content_type, item.body)
            given |= {} if item.body is None else {"body": sent}
        result = item.run(call, **given)
        if item.answer is None:
            return call, b""
        return call, result if ending_in(result) is not None else msgspec.json.encode(result)

    return HTTPRouteHandler(
        item.path.replace("}", ":str}"),
        http_method=_methods(item),
        name=f"v1.{item.name}",
        status_code=_OK,  # what is answered says its own
        include_in_schema=False,
    )(answer)


def _methods(item: Operation) -> list[HttpMethod]:
    method = HttpMethod(item.method)
    return [method, HttpMethod.HEAD] if method is HttpMethod.GET else [method]


def _identify(visit: Visit, item: Operation) -> Caller:
    """Who calls; strangers learn nothing, not even that what they sent is malformed.

    Raises:
        NotSignedIn: nobody does, or by a session that has ended.
        NotAllowed: an application asks for what only a session has.
        CrossSite: another site caused the call.
    """
    caller = by_cookie_or_basic(visit)
    if caller.kind is NOBODY.kind:
        raise NotSignedIn(reason=caller.dead_reason)
    if item.by_session and caller.kind is not Kind.USER:
        raise NotAllowed("This is about the session in use, and an application has none.")
    return caller
