"""Ostiary's own JSON interface, under /v1."""

from __future__ import annotations

from litestar import Router
from litestar.openapi.config import OpenAPIConfig


def routers() -> list[Router]:
    """The routes of this front."""
    return []


def openapi_config(public_url: str) -> OpenAPIConfig | None:
    """How the interface describes itself."""
    del public_url
    return None
