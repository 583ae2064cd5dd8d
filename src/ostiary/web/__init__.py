"""The pages people see: sign-in, My sessions, the console."""

from __future__ import annotations

from litestar import Router
from litestar.types import ExceptionHandlersMap


def routers() -> list[Router]:
    """The routes of this front."""
    return []


def exception_handlers() -> ExceptionHandlersMap:
    """What answers for addresses that no front owns."""
    return {}
