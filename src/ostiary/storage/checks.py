"""What a check reads: the sessions behind some secrets, with their users, by one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Select

from ostiary.domain.session import Session
from ostiary.storage.database import Transaction
from ostiary.storage.sessions import rows_with_names, to_session
from ostiary.storage.tables import session, user

AT_A_TIME = 500
"""Secrets that one statement asks for."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A session, dead or alive, and what is told of its user."""

    secret_hash: bytes
    session: Session
    subject: str
    email: str
    sealed_extra: bytes
    disabled: bool


def with_user() -> Select[Any]:
    """Every session with its names, the epochs of now, and what is told of its user."""
    return rows_with_names().add_columns(
        user.c.id.label("subject"),
        user.c.email,
        user.c.sealed_extra,
        user.c.disabled,
        user.c.deleted_at,
    )


def to_row(row: Any) -> Row:  # noqa: ANN401 - SQLAlchemy's row of just that query
    """A row of `with_user` as a value."""
    return Row(
        secret_hash=row.secret_hash,
        session=to_session(row),
        subject=row.subject,
        email=row.email,
        sealed_extra=row.sealed_extra,
        disabled=row.disabled or row.deleted_at is not None,
    )


_query = with_user()


def by_secrets(tx: Transaction, secret_hashes: Sequence[bytes]) -> list[Row]:
    """The sessions that have one of these hashes; unknown ones are left out."""
    found: list[Row] = []
    for start in range(0, len(secret_hashes), AT_A_TIME):
        some = secret_hashes[start : start + AT_A_TIME]
        query = _query.where(session.c.secret_hash.in_(some))
        found.extend(to_row(row) for row in tx.rows(query))
    return found
