"""Reading what clients send: urlencoded forms, each parameter once (RFC 6749, 3.1 and 3.2)."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar.di import NamedDependency, Provide
from litestar.params import RawBody

from ostiary.edge.house import Visit
from ostiary.services.authorization_request import parameters_of

TheVisit: TypeAlias = NamedDependency[Visit]
"""The request, as handlers name it."""

_MEDIA_TYPE = "application/x-www-form-urlencoded"


class Posted:
    """The parameters of a request's body. ``wrong`` says why there are none; empty: they are."""

    def __init__(self, parameters: dict[str, list[str]], wrong: str = "") -> None:
        """Keep them, with every value that came."""
        self.parameters = parameters
        self.wrong = wrong or (
            "A parameter comes more than once."
            if any(len(values) > 1 for values in parameters.values())
            else ""
        )

    def get(self, name: str) -> str | None:
        """A parameter's value; None: it was not sent, or sent without one."""
        values = self.parameters.get(name)
        return values[0] if values else None

    def text(self, name: str) -> str:
        """The same, empty where it was not sent."""
        return self.get(name) or ""


async def provide_posted(visit: TheVisit, body: RawBody) -> Posted:
    """Read the body of a post."""
    headers: dict[str, Any] = dict(visit.request.headers)
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if not body:
        return Posted({})
    if media_type != _MEDIA_TYPE:
        return Posted({}, f"The body has to be {_MEDIA_TYPE}.")
    try:
        return Posted(parameters_of(body.decode("ascii")))
    except ValueError:
        return Posted({}, "The body cannot be read.")


ThePosted: TypeAlias = NamedDependency[Posted]
"""The body of a post, as handlers name it."""


def form_dependencies() -> dict[str, Provide]:
    """What makes the parameter ``posted``."""
    return {"posted": Provide(provide_posted)}
