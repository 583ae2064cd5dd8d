"""The description of the interface, for programs and for people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Response
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from markupsafe import Markup, escape

from ostiary.api import problems
from ostiary.api.contract import PREFIX, Operation
from ostiary.api.openapi import Document, document
from ostiary.edge.errors import STATUS
from ostiary.edge.house import Visit

_OK = 200
_SERVER_ERROR = 500
_STYLE = Path(__file__).parent / "static" / "reference.css"
_CODE = re.compile(r"`([^`]+)`")
_EMPHASIS = re.compile(r"\*([^*]+)\*")
_FOR_AN_HOUR = "public, max-age=3600"


def handlers(operations: Sequence[Operation]) -> list[HTTPRouteHandler]:
    """The routes: the document, the page that shows it, and the page's style sheet."""

    @_route("/openapi.json", sync_to_thread=False)
    def openapi_json(visit: NamedDependency[Visit]) -> Response[bytes]:
        described = document(operations, visit.front.public_url)
        return Response(msgspec.json.encode(described), media_type="application/json")

    @_route("/docs", sync_to_thread=True)
    def docs(visit: NamedDependency[Visit]) -> Response[str]:
        described = document(operations, visit.front.public_url)
        return Response(_page(described), media_type="text/html")

    @_route("/docs.css", sync_to_thread=False)
    def style() -> Response[bytes]:
        headers = {"Cache-Control": _FOR_AN_HOUR}
        return Response(_style(), media_type="text/css", headers=headers)

    return [openapi_json, docs, style]


def _route(path: str, *, sync_to_thread: bool) -> HTTPRouteHandler:
    return HTTPRouteHandler(
        path,
        http_method=[HttpMethod.GET, HttpMethod.HEAD],
        name=f"v1{path}",
        status_code=_OK,
        sync_to_thread=sync_to_thread,
        include_in_schema=False,
    )


@cache
def _style() -> bytes:
    return _STYLE.read_bytes()


def _page(described: Document) -> str:
    """Sections by tag, then the values and the problems."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for path, methods in described["paths"].items():
        for method, item in methods.items():
            shown = {**item, "method": method.upper(), "path": path}
            sections.setdefault(item["tags"][0], []).append(shown)
    return (
        _templates()
        .get_template("reference.html")
        .render(
            info=described["info"],
            prefix=PREFIX,
            sections=sections,
            schemas=described["components"]["schemas"],
            problems=[
                {"code": code, "title": title, "status": _status_of(code)}
                for code, title in problems.titles().items()
            ],
        )
    )


def _status_of(code: str) -> int:
    protocol = {name: status for status, name in problems.BY_STATUS.items()}
    return STATUS.get(code) or protocol.get(code, _SERVER_ERROR)


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("ostiary.api"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["prose"] = _prose
    environment.filters["kind"] = _kind
    environment.filters["pretty"] = _pretty
    return environment


def _prose(text: str) -> Markup:
    """A description's few marks as HTML."""
    marked = _CODE.sub(r"<code>\1</code>", str(escape(text)))
    return Markup(_EMPHASIS.sub(r"<em>\1</em>", marked))  # noqa: S704 - escaped one line above


def _pretty(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _kind(schema: Document) -> Markup:
    """A schema in a few words: ``array of SessionView``, ``string (date-time) or null``."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return Markup('<a href="#schema-{0}">{0}</a>').format(name)
    if "anyOf" in schema:
        return Markup(" or ").join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return Markup(", ").join(Markup("<code>{}</code>").format(v) for v in schema["enum"])
    if schema.get("type") == "array":
        return Markup("array of ") + _kind(schema["items"])
    format_ = f" ({schema['format']})" if "format" in schema else ""
    return escape(f"{schema.get('type', 'any')}{format_}")
