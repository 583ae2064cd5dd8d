"""Whether the wire answers, and the store behind it."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency

from ostiary.casdoor import envelopes
from ostiary.casdoor.envelopes import Reply
from ostiary.casdoor.reading import Wire
from ostiary.services import setup


@get("/health", sync_to_thread=True)
def health(wire: NamedDependency[Wire]) -> Reply:
    """Fine, or 503 when the store cannot answer."""
    wire.visit.house.database.read(setup.is_installed)
    return envelopes.ok()
