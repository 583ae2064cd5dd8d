"""What a sender of notices is: it turns one that is owed into a request, anew for each attempt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from ostiary.domain.notice import Notice
from ostiary.services.house import House


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A request that tells somebody something. ``accepted`` are the statuses that mean "got it"."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    accepted: frozenset[int] = frozenset({200, 204})
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Courier:
    """Who sends: an installation, as it looks from outside, in one of its processes.

    ``holder`` is what the process's claims are held by; at most 36 characters.
    """

    house: House
    issuer: str
    holder: str


Sender = Callable[[Courier, Notice, datetime], Outgoing]
"""It raises `Undelivered` where nothing can be sent."""
