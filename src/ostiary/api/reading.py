"""Reading what was sent, strictly: nothing unknown, nothing twice, nothing of another type.

A typing error in a filter must never widen what a bulk ending ends, so that an unknown key is an
error and no key is passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar.exceptions import HTTPException

from ostiary.domain.errors import BadInput

T = TypeVar("T", bound=msgspec.Struct)

JSON = "application/json"
MOST_PARAMETERS = 64
_UNSUPPORTED = 415
_SMALL_NUMBER = re.compile(r"[0-9]{1,9}")
_WHERE = re.compile(r"(?P<text>.*?)(?: - at `\$?\.?(?P<where>[^`]*)`)?", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`", re.DOTALL)
_LONGEST_ECHO = 100


def read_query(raw: bytes, wanted: type[T] | None) -> T | None:
    """The query string as the operation's own struct; None where it takes no parameters.

    Raises:
        BadInput: a parameter is unknown, repeated, empty, or cannot be used; its name is the field.
    """
    sent = _pairs(raw)
    if wanted is None:
        for name in sent:
            raise _unknown(name)
        return None
    numbers = _numeric_fields(wanted)
    values: dict[str, Any] = {
        name: int(value) if name in numbers and _SMALL_NUMBER.fullmatch(value) else value
        for name, value in sent.items()
    }
    try:
        found = msgspec.convert(values, wanted)
    except msgspec.ValidationError as error:
        raise _explained(error, values) from error
    _refuse_nul(values)
    return found


def read_body(raw: bytes, content_type: str, wanted: type[T] | None) -> T | None:
    """The body as the operation's own struct; None where it takes none.

    Raises:
        BadInput: it is no JSON, or a key is unknown, repeated, or of another type.
        HTTPException: 415, it does not say that it is JSON (ASVS 3.5.3).
    """
    if wanted is None and not raw and not content_type:
        return None
    if content_type.partition(";")[0].strip().lower() != JSON:
        raise HTTPException(
            status_code=_UNSUPPORTED,
            detail="Send the body as application/json, and say so in Content-Type.",
        )
    if wanted is None:
        if raw.strip() not in {b"", b"{}"}:
            raise BadInput("body", "This call takes no body.")
        return None
    try:
        found = msgspec.json.decode(raw, type=wanted)
    except msgspec.ValidationError as error:
        raise _explained(error, {}) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("body", "The body is not JSON.", detail=str(error)) from error
    json.loads(raw, object_pairs_hook=_refuse_repeated)
    _refuse_nul(msgspec.to_builtins(found))
    return found


def read_path(values: Mapping[str, Any]) -> dict[str, str]:
    """The parts of the path that name something.

    Raises:
        BadInput: one of them holds a character that no name has, and no database keeps.
    """
    parts = {name: str(value) for name, value in values.items()}
    _refuse_nul(parts)
    return parts


def _pairs(raw: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            raw.decode("latin-1"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_PARAMETERS,
        )
    except ValueError as error:
        raise BadInput("query", "The query is malformed or too long.") from error
    sent: dict[str, str] = {}
    for name, value in pairs:
        if name in sent:
            raise BadInput(_short(name), f"{_short(name)} is there more than once.")
        sent[name] = value
    return sent


@cache
def _numeric_fields(wanted: Hashable) -> frozenset[str]:
    """The parameters that are numbers: a query is nothing but text."""
    info = msgspec.inspect.type_info(wanted)
    fields = info.fields if isinstance(info, msgspec.inspect.StructType) else ()
    return frozenset(f.encode_name for f in fields if _is_number(f.type))


def _is_number(kind: msgspec.inspect.Type) -> bool:
    while isinstance(kind, msgspec.inspect.Metadata):
        kind = kind.type
    return isinstance(kind, msgspec.inspect.IntType)


def _explained(error: msgspec.ValidationError, values: Mapping[str, Any]) -> BadInput:
    """The validator's finding, with the field in the sender's words."""
    match = _WHERE.fullmatch(str(error))
    text, where = (match["text"], match["where"] or "") if match else (str(error), "")
    if unknown := _UNKNOWN.fullmatch(text):
        return _unknown(f"{where}.{unknown['name']}".lstrip("."))
    if missing := _MISSING.fullmatch(text):
        field = _short(f"{where}.{missing['name']}".lstrip("."))
        return BadInput(field, f"{field} is missing.")
    field = _short(where) or "body"
    if values.get(field) == "":
        return BadInput(field, f"{field} must not be empty. Leave it out instead.")
    plain = text.replace("`", "")
    return BadInput(field, f"{field} cannot be used: {plain[:1].lower()}{plain[1:]}.")


def _unknown(name: str) -> BadInput:
    field = _short(name)
    return BadInput(field, f"This call knows nothing called {field}.")


def _short(name: str) -> str:
    """A name that somebody made up, on one line and not too long to be given back."""
    printable = "".join(c if c.isprintable() else "?" for c in name)
    return printable[:_LONGEST_ECHO]


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BadInput(_short(name), f"{_short(name)} is there more than once.")
        found[name] = value
    return found


def _refuse_nul(value: object) -> None:
    """PostgreSQL keeps no NUL character, and nobody's name holds one."""
    for where, text in _texts(value, ""):
        if "\x00" in text:
            raise BadInput(where, f"{where} must not hold a NUL character.")


def _texts(value: object, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(item, f"{where}.{name}".lstrip("."))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _texts(item, f"{where}[{index}]")
