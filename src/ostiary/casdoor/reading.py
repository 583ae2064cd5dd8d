"""Reading a request of the wire (contract 0.1).

Query and form are one namespace. A body is JSON whatever its type says, its keys are matched
without regard to case, unknown ones are ignored, and what cannot be used is an error, never a
failure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

import msgspec
from litestar.di import NamedDependency
from litestar.exceptions import ClientException, HTTPException
from litestar.status_codes import HTTP_413_REQUEST_ENTITY_TOO_LARGE

from ostiary.domain.errors import BadInput, NotAllowed
from ostiary.edge.house import Visit

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - RFC 9110, 5.6.2
# Blanks belong to one place only, else a hostile header could be split in countless ways.
_PARAMETER = rf'[ \t]*;(?:[ \t]*{_TOKEN}=(?:{_TOKEN}|"(?:[^"\\]|\\.)*"))?'
_MEDIA_TYPE = re.compile(rf"[ \t]*{_TOKEN}(?:/{_TOKEN})?(?:{_PARAMETER})*[ \t]*")
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_FORBIDDEN_IN_NAMES = "/?:#&%=+;"
_DEEPEST = 100
_TRUNCATED = "unexpected end of JSON input"


class BadContentType(BadInput):
    """A ``Content-Type`` that cannot be read."""

    def __init__(self) -> None:
        """Say so, in the wire's words."""
        super().__init__("Content-Type", "invalid Content-Type header")


class Refused(NotAllowed):
    """Refused before a handler decides; the text says why."""


class Body:
    """A JSON object that was sent, as one of the wire's things."""

    def __init__(self, thing: str, values: Mapping[str, Any]) -> None:
        """Keep the values; of keys that differ in case only, the last one counts.

        Args:
            thing: what it should be, for error texts: ``Session``.
            values: as they came.
        """
        self._thing = thing
        self.values = values
        self._folded = {key.lower(): value for key, value in values.items()}

    def has(self, key: str) -> bool:
        """Whether a key came with a value."""
        return self._folded.get(key.lower()) is not None

    def text(self, key: str) -> str:
        """A text; empty when it did not come.

        Raises:
            BadInput: it is something else.
        """
        value = self._folded.get(key.lower())
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._mismatch(key, value, "string")
        return value

    def flag(self, key: str) -> bool:
        """A truth value; false when it did not come.

        Raises:
            BadInput: it is something else.
        """
        value = self._folded.get(key.lower())
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self._mismatch(key, value, "bool")
        return value

    def number(self, key: str) -> float:
        """A number; 0 when it did not come.

        Raises:
            BadInput: it is something else.
        """
        value = self._folded.get(key.lower())
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._mismatch(key, value, "float64")
        return value

    def texts(self, key: str) -> list[str]:
        """A list of texts; empty when it did not come.

        Raises:
            BadInput: it is something else.
        """
        value = self._folded.get(key.lower())
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._mismatch(key, value, "[]string")
        for item in value:
            if not isinstance(item, str):
                raise self._mismatch(key, item, "string")
        return value

    def require_plain_name(self) -> None:
        """Refuse a name that could not be a part of an id (contract 0.1).

        Raises:
            Refused: it holds a separator.
        """
        name = self._folded.get("name")
        if isinstance(name, str) and any(c in name for c in _FORBIDDEN_IN_NAMES):
            raise Refused(f"Field 'name' contains forbidden characters: \"{_FORBIDDEN_IN_NAMES}\"")

    def _mismatch(self, key: str, value: object, expected: str) -> BadInput:
        return BadInput(
            key,
            f"json: cannot unmarshal {_kind(value)} into Go struct field "
            f"{self._thing}.{key} of type {expected}",
        )


class Wire:
    """One request: what it asks, with which parameters and which body."""

    def __init__(self, visit: Visit, parameters: Mapping[str, str], raw: bytes) -> None:
        """Use `provide_wire` instead."""
        self.visit = visit
        self._parameters = parameters
        self._raw = raw

    def get(self, name: str) -> str:
        """A parameter from the form or the query; empty when it did not come."""
        return self._parameters.get(name, "")

    def body(self, thing: str) -> Body:
        """The body, which has to be a JSON object.

        Raises:
            BadInput: it is not; the text is like that of the wire's own decoder.
        """
        value = decode(self._raw)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            text = f"json: cannot unmarshal {_kind(value)} into Go value of type {thing}"
            raise BadInput("body", text)
        return Body(thing, cast("dict[str, Any]", value))


async def provide_wire(visit: NamedDependency[Visit]) -> Wire:
    """Read the whole request, so that handlers can run in threads.

    Raises:
        BadContentType: its type cannot be read, and it is no GET.
        BadInput: the form cannot be read, or a parameter holds a NUL.
    """
    request = visit.request
    kind = request.headers.get("content-type", "")
    if request.method != "GET" and kind and _MEDIA_TYPE.fullmatch(kind) is None:
        raise BadContentType
    raw = await request.body()
    parameters: dict[str, str] = {}
    for name, value in (*await _form(visit, kind), *request.query_params.multi_items()):
        parameters.setdefault(name, value)
    if any("\x00" in text for pair in parameters.items() for text in pair):
        raise BadInput("query", "invalid character '\\x00' in a parameter")
    return Wire(visit, parameters, raw)


async def _form(visit: Visit, kind: str) -> list[tuple[str, str]]:
    """The fields of a form; files are left out."""
    media_type = kind.partition(";")[0].strip().lower()
    if visit.request.method == "GET" or media_type not in _FORMS:
        return []
    try:
        fields = await visit.request.form()
    except (ClientException, ValueError, LookupError) as error:
        if getattr(error, "status_code", 0) == HTTP_413_REQUEST_ENTITY_TOO_LARGE:
            raise
        text = error.detail if isinstance(error, HTTPException) else "malformed form"
        raise BadInput("body", text) from error
    return [(name, value) for name, value in fields.multi_items() if isinstance(value, str)]


def decode(raw: bytes) -> Any:  # noqa: ANN401 - whatever JSON has
    """JSON as Python values.

    Raises:
        BadInput: it is malformed, too deep, or a text in it holds a NUL, which no store keeps.
    """
    try:
        value = msgspec.json.decode(raw)
    except RecursionError as error:
        raise BadInput("body", "exceeded max depth") from error
    except msgspec.ValidationError as error:
        raise BadInput("body", f"json: {str(error).partition(' - ')[0]}") from error
    except msgspec.DecodeError as error:
        raise BadInput("body", _in_go_words(raw, str(error))) from error
    except UnicodeDecodeError as error:
        raise BadInput("body", "invalid UTF-8 in string literal") from error
    _refuse_nul(value, 0)
    return value


def _in_go_words(raw: bytes, text: str) -> str:
    place = re.search(r"\(byte (\d+)\)", text)
    if place is None:
        return _TRUNCATED
    trailing = "trailing" in text  # the decoder has read one byte further then
    at = int(place[1]) - trailing
    character = raw[at : at + 1].decode("latin-1")
    where = "after top-level value" if trailing else "looking for beginning of value"
    return f"invalid character {character!r} {where}"


def _refuse_nul(value: object, depth: int) -> None:
    if depth > _DEEPEST:
        raise BadInput("body", "exceeded max depth")
    if isinstance(value, str) and "\x00" in value:
        raise BadInput("body", "invalid character '\\x00' in string literal")
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_nul(key, depth)
            _refuse_nul(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _refuse_nul(item, depth + 1)


def _kind(value: object) -> str:
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
        case dict():
            return "object"
        case _:
            return "null"
