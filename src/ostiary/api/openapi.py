"""The interface describes itself (OpenAPI 3.1), from the same operations that are served."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from ostiary.api import problems
from ostiary.api.contract import PREFIX, Operation
from ostiary.api.problems import Problem
from ostiary.api.reading import JSON
from ostiary.domain import errors
from ostiary.edge.cookies import SESSION
from ostiary.edge.errors import STATUS

Document = dict[str, Any]
Known = dict[Any, Document]

_REF = "#/components/schemas/{name}"
_INTRODUCTION = """\
Sessions of people: seen, searched and ended, with the organizations, applications and users that
they belong to. When a call that ends a session answers, nothing accepts that session any more.

A user calls with the session's cookie; a call that changes something has to come from a page of
this server, which browsers say by themselves. An application calls with its client id and secret
(HTTP Basic). Bodies are JSON. What a call does not know, it refuses, and names it.
"""
_PARTS = {
    "webhook": "The webhook's name.",
    "session_id": "The session's public id.",
    "organization": "The organization's name.",
    "application": "The application's name.",
    "user": "The user's name.",
    "number": "The number of the thing, as its `id` says.",
}
_EVERYWHERE: tuple[type[errors.OstiaryError], ...] = (
    errors.BadInput,
    errors.NotSignedIn,
    errors.OstiaryError,
    errors.Misconfigured,
    errors.Overloaded,
    errors.Unavailable,
)
_CREATED = frozenset({201, 202})
"""Answers that say where what was made is found."""
_TOO_LARGE = 413
_UNSUPPORTED = 415
_SERVER_ERROR = 500
_LIST = re.compile(r"Listing_(\w+?)(View)?_")
_SECTION = re.compile(r" \((DESIGN|REQUIREMENTS|contract|STYLE)[^)]*\)")
_HEADERS: dict[int, tuple[str, str]] = {
    401: ("WWW-Authenticate", "What to authenticate with."),
    429: ("Retry-After", "Seconds to wait."),
    503: ("Retry-After", "Seconds to wait."),
}


def document(operations: Sequence[Operation], public_url: str) -> Document:
    """The description of all operations.

    Args:
        operations: what is served.
        public_url: where, without a trailing slash.
    """
    types = list(_types(operations))
    schemas, components = _described_types(types)
    known: Known = dict(zip(types, schemas, strict=True))
    paths: Document = {}
    for item in operations:
        described = _operation(item, known, components)
        paths.setdefault(PREFIX + item.path, {})[item.method.lower()] = described
    queries = {known[item.query]["$ref"].rpartition("/")[2] for item in operations if item.query}
    prefix = "__Host-" if public_url.startswith("https://") else ""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ostiary", "version": version("ostiary"), "description": _INTRODUCTION},
        "servers": [{"url": public_url}],
        "tags": [{"name": tag} for tag in dict.fromkeys(item.tag for item in operations)],
        "paths": paths,
        "components": {
            # Queries stand at their operations, parameter by parameter.
            "schemas": {k: v for k, v in components.items() if k not in queries},
            "securitySchemes": {
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": prefix + SESSION,
                    "description": "The cookie of a user who is signed in.",
                },
                "application": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "An application's client id and secret.",
                },
            },
        },
    }


def _types(operations: Iterable[Operation]) -> Iterable[Any]:
    found: dict[Any, None] = {Problem: None}
    for item in operations:
        for one in (item.query, item.body, item.answer):
            if one is not None:
                found[one] = None
    return found


def _described_types(types: Sequence[Any]) -> tuple[tuple[Document, ...], Document]:
    """The types as references, and what these point to: ``Session``, ``SessionList``."""
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    names = {name: _LIST.sub(r"\1List", name).removesuffix("View") for name in components}
    text = msgspec.json.encode((schemas, components)).decode()
    for old, new in names.items():
        text = text.replace(f'"{_REF.format(name=old)}"', f'"{_REF.format(name=new)}"')
    schemas, components = msgspec.json.decode(text)
    found = {}
    for old, schema in components.items():
        # A docstring may point into the project's own papers; a reader of this has none of them.
        description = _SECTION.sub("", schema.pop("description", ""))
        found[names[old]] = {**schema, "title": names[old], "description": description}
    return tuple(schemas), found


def _operation(item: Operation, known: Known, components: Document) -> Document:
    described: Document = {
        "operationId": item.name,
        "tags": [item.tag],
        "summary": item.summary,
        "description": item.description,
        "parameters": [*_path_parameters(item), *_query_parameters(item, known, components)],
        "responses": _responses(item, known),
        "security": [{"session": []}]
        if item.by_session
        else [{"session": []}, {"application": []}],
    }
    if item.body is not None:
        described["requestBody"] = _body(item, known)
    return described


def _path_parameters(item: Operation) -> list[Document]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PARTS[name],
            "schema": {"type": "string", "minLength": 1},
        }
        for name in item.parts
    ]


def _query_parameters(item: Operation, known: Known, components: Document) -> list[Document]:
    if item.query is None:
        return []
    schema = components[known[item.query]["$ref"].rpartition("/")[2]]
    parameters = []
    for name, value in schema["properties"].items():
        described = dict(value)
        text = described.pop("description", "")
        parameters.append(
            {
                "name": name,
                "in": "query",
                "required": False,
                **({"description": text} if text else {}),
                "schema": described,
            }
        )
    return parameters


def _body(item: Operation, known: Known) -> Document:
    content: Document = {"schema": known[item.body]}
    if item.examples:
        content["examples"] = {
            name: {"value": msgspec.to_builtins(value)} for name, value in item.examples.items()
        }
    return {"required": True, "content": {JSON: content}}


def _responses(item: Operation, known: Known) -> Document:
    answer: Document = {"description": "No content." if item.answer is None else "Done."}
    if item.answer is not None:
        answer["content"] = {JSON: {"schema": known[item.answer]}}
    if item.status in _CREATED:
        answer["headers"] = {
            "Location": {
                "description": "Where it is found.",
                "required": True,
                "schema": {"type": "string"},
            }
        }
    found: Document = {str(item.status): answer}
    for status, codes in sorted(_codes(item).items()):
        found[str(status)] = _problem(status, codes, known[Problem])
    return found


def _codes(item: Operation) -> dict[int, list[str]]:
    """What it can refuse, by status."""
    raised = {*_EVERYWHERE, *item.raises}
    if item.method != "GET":
        raised.add(errors.CrossSite)
    if item.by_session:
        raised.add(errors.NotAllowed)
    found: dict[int, list[str]] = {}
    for code in sorted({error.code for error in raised}):
        found.setdefault(STATUS.get(code, _SERVER_ERROR), []).append(code)
    if item.method != "GET":
        for status in (_TOO_LARGE, _UNSUPPORTED):
            found.setdefault(status, []).append(problems.BY_STATUS[status])
    return found


def _problem(status: int, codes: list[str], schema: Document) -> Document:
    described: Document = {
        "description": ", ".join(f"`{code}`" for code in codes),
        "content": {problems.MEDIA_TYPE: {"schema": schema}},
    }
    if status in _HEADERS:
        name, text = _HEADERS[status]
        described["headers"] = {
            name: {"description": text, "required": True, "schema": {"type": "string"}}
        }
    return described
