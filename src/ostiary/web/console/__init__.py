"""The console: what administrators see and end."""

from __future__ import annotations

from litestar import Router


def routers() -> list[Router]:
    """The routes of the console, under ``/console``."""
    return []
