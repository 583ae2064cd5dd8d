"""The Casdoor wire: its paths and envelopes, over the same services."""

from __future__ import annotations

from litestar import Router


def routers() -> list[Router]:
    """The routes of this front."""
    return []
