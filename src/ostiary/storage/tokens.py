"""Codes, access tokens and refresh tokens: their SHA-256, and what they remember, encrypted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import msgspec
from sqlalchemy import Row, bindparam, delete, insert, select, update
from sqlalchemy.sql.selectable import LABEL_STYLE_TABLENAME_PLUS_COL

from ostiary.domain.grant import Grant, Held, Token, TokenKind
from ostiary.domain.secrets import same
from ostiary.domain.session import Epochs
from ostiary.storage.applications import to_application
from ostiary.storage.database import Transaction
from ostiary.storage.pieces import pieces
from ostiary.storage.sessions import to_session
from ostiary.storage.tables import application, grant, organization, session, token, user
from ostiary.storage.users import to_user


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """What issuing writes. ``locally_checked``: an application can check it without asking us."""

    hash: bytes
    grant_id: str
    kind: TokenKind
    now: datetime
    expires_at: datetime
    sealed_detail: bytes
    locally_checked: bool = False


_through = application.alias("through")
_owner = organization.alias("owner")
_client = application.alias("client")

# Everything that decides about a token in one statement, so that it is one moment's truth.
_held = (
    select(
        token,
        grant,
        user,
        session,
        _client,
        organization.c.name,
        organization.c.epoch,
        organization.c.deleted_at,
        _owner.c.name,
        _owner.c.deleted_at,
        _through.c.name,
        _through.c.epoch,
    )
    .select_from(
        token.join(grant, grant.c.id == token.c.grant_id)
        .join(organization, organization.c.key == grant.c.organization_key)
        .join(_client, _client.c.key == grant.c.application_key)
        .join(_owner, _owner.c.key == _client.c.organization_key)
        .outerjoin(user, user.c.key == grant.c.user_key)
        .outerjoin(session, session.c.id == grant.c.session_id)
        .outerjoin(_through, _through.c.key == session.c.application_key)
    )
    .set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
    .where(token.c.hash == bindparam("wanted"))
)

# Made once: these are asked for more often than all others.
_add = insert(token)
_use = (
    update(token)
    .where(token.c.hash == bindparam("wanted"), token.c.used_at.is_(None))
    .values(used_at=bindparam("now"), sealed_detail=bindparam("sealed"))
)
_forget = (
    update(token)
    .where(token.c.hash == bindparam("wanted"), token.c.used_at.is_not(None))
    .values(sealed_detail=b"")
)


class _Part:
    """One table's columns of a row of `_held`, by their own names."""

    def __init__(self, row: Row[Any], table: str, **further: object) -> None:
        self._row = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
        self._table = table
        self.__dict__.update(further)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the column holds
        return self._row[f"{self._table}_{name}"]


def _part(row: Row[Any], table: str, **further: object) -> Row[Any]:
    """A part that the readers of that table's own rows take."""
    return cast("Row[Any]", _Part(row, table, **further))


def add(tx: Transaction, new: Sequence[NewToken]) -> None:
    """Write some tokens."""
    rows = [
        {
            "hash": one.hash,
            "grant_id": one.grant_id,
            "kind": one.kind.value,
            "locally_checked": one.locally_checked,
            "created_at": one.now,
            "expires_at": one.expires_at,
            "sealed_detail": one.sealed_detail,
        }
        for one in new
    ]
    tx.execute(_add, rows)


def find(tx: Transaction, token_hash: bytes) -> Held | None:
    """A token with all that decides about it, good or not."""
    row = tx.execute(_held, {"wanted": token_hash}).first()
    if row is None or not same(row.token_hash, token_hash):
        return None
    born = Epochs(row.grant_organization_epoch, row.grant_user_epoch, row.grant_application_epoch)
    current = Epochs(row.organization_epoch, row.user_epoch or 0, row.client_epoch)
    gone = row.client_deleted_at is not None or row.owner_deleted_at is not None
    return Held(
        token=Token(
            hash=row.token_hash,
            kind=TokenKind(row.token_kind),
            created_at=row.token_created_at,
            expires_at=row.token_expires_at,
            used_at=row.token_used_at,
            sealed_detail=row.token_sealed_detail,
        ),
        grant=Grant(
            id=row.grant_id,
            kind=row.grant_kind,
            application_key=row.grant_application_key,
            organization_key=row.grant_organization_key,
            session_id=row.grant_session_id,
            user_key=row.grant_user_key,
            offline=row.grant_offline,
            born=born,
            current=current,
            created_at=row.grant_created_at,
            expires_at=row.grant_expires_at,
            ended_at=row.grant_ended_at,
            ended_reason=row.grant_ended_reason or "",
        ),
        application=None
        if gone
        else to_application(_part(row, "client", organization=row.owner_name)),
        user=None
        if row.user_key is None or row.user_deleted_at or row.organization_deleted_at
        else to_user(_part(row, "user", organization=row.organization_name)),
        session=None
        if row.session_id is None
        else to_session(
            _part(
                row,
                "session",
                organization=row.organization_name,
                application=row.through_name,
                current_organization_epoch=row.organization_epoch,
                current_user_epoch=row.user_epoch,
                current_application_epoch=row.through_epoch,
            )
        ),
    )


def use(tx: Transaction, token_hash: bytes, now: datetime, sealed: bytes = b"") -> bool:
    """Use a token up, if nobody has, and leave ``sealed`` with it.

    The condition is part of the statement: of two that use it at once exactly one learns that it
    did (REQUIREMENTS L02).
    """
    used = tx.execute(_use, {"wanted": token_hash, "now": now, "sealed": sealed})
    return used.rowcount > 0


def access_hashes(
    tx: Transaction, session_ids: Sequence[str], now: datetime
) -> dict[str, list[bytes]]:
    """The SHA-256 of the access tokens of some sessions that have not run out, by session."""
    found: dict[str, list[bytes]] = {}
    for some in pieces(session_ids):
        query = (
            select(grant.c.session_id, token.c.hash)
            .select_from(token.join(grant, grant.c.id == token.c.grant_id))
            .where(
                grant.c.session_id.in_(some),
                grant.c.offline.is_(False),
                token.c.kind == TokenKind.ACCESS.value,
                token.c.expires_at > now,
            )
            .order_by(token.c.created_at, token.c.hash)
        )
        for row in tx.rows(query):
            found.setdefault(row.session_id, []).append(row.hash)
    return found


def forget(tx: Transaction, token_hash: bytes) -> None:
    """Forget what was left with a token that has been used."""
    tx.execute(_forget, {"wanted": token_hash})


def purge(tx: Transaction, before: datetime, limit: int) -> int:
    """Remove tokens that expired before an instant.

    A refresh token that was used keeps its row until then, so that its coming back is noticed.

    Returns:
        How many went; fewer than ``limit``: finished.
    """
    chosen = select(token.c.hash).where(token.c.expires_at < before).limit(limit)
    hashes = [row.hash for row in tx.rows(chosen)]
    if hashes:
        tx.execute(delete(token).where(token.c.hash.in_(hashes)))
    return len(hashes)
