"""Which applications are told of a session's end in the browser itself."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import select

from ostiary.storage.database import Transaction
from ostiary.storage.pieces import pieces
from ostiary.storage.tables import application, client_session


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An application that a session was used in, and where it wants to hear of the end."""

    application: str
    display_name: str
    address: str
    sid: str


def of_sessions(tx: Transaction, session_ids: Sequence[str]) -> list[Told]:
    """The uses of some sessions in applications that name such an address, each application's."""
    query = (
        select(
            application.c.name,
            application.c.display_name,
            application.c.frontchannel_logout_uri,
            client_session.c.sid,
        )
        .join(application, application.c.key == client_session.c.application_key)
        .where(application.c.frontchannel_logout_uri != "", application.c.deleted_at.is_(None))
        .order_by(client_session.c.session_id, application.c.name)
    )
    return [
        Told(
            application=row.name,
            display_name=row.display_name or row.name,
            address=row.frontchannel_logout_uri,
            sid=row.sid,
        )
        for some in pieces(session_ids)
        for row in tx.rows(query.where(client_session.c.session_id.in_(some)))
    ]
