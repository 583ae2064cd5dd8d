"""Attempts at one account from one place come one after another.

How often somebody failed is known only after the password was compared, which takes long. Without
turns, a thousand attempts sent at once would all be let in before the first of them is counted;
with them a burst is heard as slowly as a queue, each attempt knowing of the failures before it.
They hold within one process: of several, each lets one attempt more in.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from ostiary.domain.errors import Overloaded


class _Turn:
    __slots__ = ("lock", "wanted_by")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.wanted_by = 0


class Turns:
    """One holder of each key at a time. Thread-safe; nothing is kept of keys that nobody wants.

    Args:
        patience: seconds after which somebody who waits is told to come again.
    """

    def __init__(self, patience: float = 30.0) -> None:
        """Start with nobody waiting."""
        self._patience = patience
        self._turns: dict[Hashable, _Turn] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many keys are held or waited for."""
        return len(self._turns)

    @contextmanager
    def take(self, key: Hashable) -> Iterator[None]:
        """Wait until nobody else holds this key, and hold it.

        Raises:
            Overloaded: it took too long.
        """
        with self._lock:
            turn = self._turns.setdefault(key, _Turn())
            turn.wanted_by += 1
        try:
            if not turn.lock.acquire(timeout=self._patience):
                detail = "too many attempts at one account from one place"
                raise Overloaded(detail)
            try:
                yield
            finally:
                turn.lock.release()
        finally:
            with self._lock:
                turn.wanted_by -= 1
                if not turn.wanted_by:
                    del self._turns[key]
