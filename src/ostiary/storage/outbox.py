"""Notices that are owed to applications. Written with the ending; delivered elsewhere, later."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, insert, select

from ostiary.domain.session import EndReason
from ostiary.storage.client_sessions import ClientSession
from ostiary.storage.database import Transaction
from ostiary.storage.tables import notice


class NoticeKind(enum.StrEnum):
    """What kinds of notices there are; more come with their transports."""

    BACKCHANNEL_LOGOUT = "backchannel_logout"


class NoticeState(enum.StrEnum):
    """What became of a notice."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


def owe_logouts(
    tx: Transaction, ended: Sequence[ClientSession], *, reason: EndReason, now: datetime
) -> None:
    """Owe a back-channel logout for each client session whose application can be told."""
    rows = [
        {
            "kind": NoticeKind.BACKCHANNEL_LOGOUT.value,
            "application_key": item.application_key,
            "organization": item.organization,
            "user": item.user,
            "session_id": item.session_id,
            "sid": item.sid,
            "target": item.backchannel_logout_uri,
            "reason": reason.value,
            "state": NoticeState.PENDING.value,
            "created_at": now,
            "next_attempt_at": now,
        }
        for item in ended
        if item.backchannel_logout_uri
    ]
    if rows:
        tx.execute(insert(notice), rows)


def count_waiting(tx: Transaction, *, organization: str | None, up_to: int) -> int:
    """How many notices are owed and neither accepted nor given up, counted to ``up_to``."""
    query = select(notice.c.id).where(notice.c.settled_at.is_(None))
    if organization is not None:
        query = query.where(notice.c.organization == organization)
    return tx.number(select(func.count()).select_from(query.limit(up_to).subquery()))
