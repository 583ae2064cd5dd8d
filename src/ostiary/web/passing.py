"""The cookies that a sign-in sets and a sign-out takes away, as every front sets them."""

from __future__ import annotations

from ostiary.edge.passing import clear, renew_session, set_session

__all__ = ["clear", "renew_session", "set_session"]
