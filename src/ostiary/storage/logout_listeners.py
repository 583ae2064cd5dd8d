"""Where applications are told of sign-outs in the manner of the Casdoor wire."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import delete, insert, select, update

from ostiary.domain.notice import NoticeKind, NoticeState
from ostiary.domain.sso_logout import Listener
from ostiary.storage.database import Transaction
from ostiary.storage.pieces import pieces
from ostiary.storage.tables import application, logout_listener, notice


def put(tx: Transaction, application_key: int, listeners: Sequence[Listener]) -> None:
    """Replace an application's listeners."""
    mine = logout_listener.c.application_key == application_key
    tx.execute(delete(logout_listener).where(mine))
    rows = [
        {"application_key": application_key, "position": number, **msgspec.structs.asdict(item)}
        for number, item in enumerate(listeners)
    ]
    if rows:
        tx.execute(insert(logout_listener), rows)


def of(tx: Transaction, application_keys: Collection[int]) -> dict[int, list[Listener]]:
    """The listeners of some applications, by their keys."""
    found: dict[int, list[Listener]] = {}
    for some in pieces(sorted(set(application_keys))):
        query = (
            select(logout_listener)
            .where(logout_listener.c.application_key.in_(some))
            .order_by(logout_listener.c.application_key, logout_listener.c.position)
        )
        for row in tx.rows(query):
            listener = Listener(url=row.url, method=row.method, parameter=row.parameter)
            found.setdefault(row.application_key, []).append(listener)
    return found


def withdraw(tx: Transaction, application_key: int, kept: Collection[str], now: object) -> None:
    """Give up what an application is still owed at addresses that are none of its own any more."""
    tx.execute(
        update(notice)
        .where(
            notice.c.application_key == application_key,
            notice.c.kind == NoticeKind.SSO_LOGOUT.value,
            notice.c.settled_at.is_(None),
            notice.c.target.not_in(sorted(kept)),
        )
        .values(
            state=NoticeState.GIVEN_UP.value,
            settled_at=now,
            claimed_by=None,
            last_error="the notification was taken off the application",
        )
    )


def sealed_secret(tx: Transaction, application_key: int) -> tuple[str, bytes] | None:
    """An application's name and encrypted client secret, deleted or not: it is owed its notices."""
    row = tx.row(
        select(application.c.name, application.c.sealed_secret).where(
            application.c.key == application_key
        )
    )
    return None if row is None else (str(row.name), bytes(row.sealed_secret))
