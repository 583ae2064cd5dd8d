"""Reading forms: urlencoded, bounded, and only from our own pages.

A handler gets its form by the parameter ``form``. There is no other way to one, so that no post can
forget the two proofs of `ostiary.edge.csrf` (REQUIREMENTS E09, E10, F08).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from litestar.di import NamedDependency, Provide
from litestar.exceptions import ClientException
from litestar.params import RawBody
from litestar.status_codes import HTTP_415_UNSUPPORTED_MEDIA_TYPE

from ostiary.domain.errors import BadInput
from ostiary.edge import csrf
from ostiary.edge.house import Visit

_MEDIA_TYPE = "application/x-www-form-urlencoded"
_MOST_FIELDS = 1_000


class Form:
    """The fields of a form."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        """Keep the fields in their order."""
        self.pairs = [(name, value) for name, value in pairs if name != csrf.FIELD]

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value for key, value in self.pairs if key == name]

    def text(self, name: str) -> str:
        """The value of a field; empty when it was not sent.

        Raises:
            BadInput: it was sent twice.
        """
        values = self.all(name)
        if len(values) > 1:
            raise BadInput(name, f"The field {name} came more than once.")
        return values[0] if values else ""

    def ticked(self, name: str) -> bool:
        """Whether a box was ticked."""
        return bool(self.text(name))

    def having(self, **fields: str) -> Form:
        """The same form with these fields besides, such as what stood in the path."""
        kept = [(name, value) for name, value in self.pairs if name not in fields]
        return Form([*kept, *fields.items()])


TheVisit: TypeAlias = NamedDependency[Visit]
"""The request, as handlers name it."""


async def provide_form(visit: TheVisit, body: RawBody) -> Form:
    """Read the form of a post.

    Raises:
        CrossSite: it does not come from our own pages.
        BadInput: it cannot be read.
    """
    csrf.require_own_origin(visit, proof_needed=True)
    pairs = _parse(visit.request.headers, body)
    tokens = [value for name, value in pairs if name == csrf.FIELD]
    csrf.require_form_token(visit, tokens[0] if len(tokens) == 1 else "")
    return Form(pairs)


TheForm: TypeAlias = NamedDependency[Form]
"""The form of a post, as handlers name it."""


def form_dependencies() -> dict[str, Provide]:
    """What makes the parameter ``form``."""
    return {"form": Provide(provide_form)}


def _parse(headers: Mapping[str, Any], body: bytes) -> list[tuple[str, str]]:
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _MEDIA_TYPE:
        raise ClientException(
            "Forms are sent as application/x-www-form-urlencoded.",
            status_code=HTTP_415_UNSUPPORTED_MEDIA_TYPE,
        )
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=_MOST_FIELDS,
            errors="strict",
        )
    except ValueError as error:
        raise BadInput("form", "The form cannot be read.") from error
