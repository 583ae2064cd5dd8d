"""What an ending did, and who is told of it (DESIGN section 8)."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one call that ends sessions.

    ``ended`` holds public ids. The applications are names: ``told`` have accepted the notice,
    ``pending`` are owed one, ``without_address`` cannot be told since they name no logout address.
    ``last_token_expires_at`` is when the last access token that an application checks by itself
    runs out; None: there is none.
    """

    ended: tuple[str, ...] = ()
    users: int = 0
    told: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    without_address: tuple[str, ...] = ()
    last_token_expires_at: datetime | None = None
    dry_run: bool = False

    @property
    def count(self) -> int:
        """How many sessions ended."""
        return len(self.ended)
