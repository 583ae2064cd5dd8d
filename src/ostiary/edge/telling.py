"""Waiting for a moment, after an ending, to be able to say who has been told of it.

The ending is committed, and the deliveries are at work beside it; nothing that happens here can
take it back. No thread and no connection is kept meanwhile, so that an application that does not
answer holds up nobody but the one that waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from litestar.concurrency import sync_to_thread

from ostiary.domain.errors import OstiaryError
from ostiary.domain.logout import Ended
from ostiary.services.house import House
from ostiary.storage import outbox

MOST = 1_000
"""Sessions; the applications of a larger ending are told after its answer."""

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.25
"""Seconds between two looks; each pause is longer than the one before."""


async def after_a_moment(house: House, ended: Ended) -> Ended:
    """What an ending did, with those as told that have been told meanwhile."""
    told = await told_meanwhile(house, ended.ended, ended.pending)
    if not told:
        return ended
    return msgspec.structs.replace(
        ended,
        told=tuple(sorted({*ended.told, *told})),
        pending=tuple(name for name in ended.pending if name not in told),
    )


async def told_meanwhile(
    house: House, session_ids: Sequence[str], pending: Sequence[str]
) -> frozenset[str]:
    """Wait for a moment, and say which of some applications have been told of an ending by then.

    Args:
        house: the installation.
        session_ids: the sessions that ended.
        pending: the applications that are owed notices of it.
    """
    if not pending or len(session_ids) > MOST:
        return frozenset()
    untold = await until_told(house, session_ids)
    return frozenset() if untold is None else frozenset(pending) - untold


async def until_told(house: House, session_ids: Sequence[str]) -> set[str] | None:
    """Wait until every application has been told of the end of some sessions, but not for long.

    Returns:
        The names of those that have not been; None: not known, since nobody sends notices here, or
        the store does not say.
    """
    now = asyncio.get_running_loop().time
    end, pause = now() + house.watch_notices, _FIRST_PAUSE
    while house.watch_notices > 0:
        try:
            untold = await sync_to_thread(house.database.read, outbox.untold, session_ids)
        except OstiaryError:
            break
        left = end - now()
        if not untold or left <= 0:
            return untold
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    return None
