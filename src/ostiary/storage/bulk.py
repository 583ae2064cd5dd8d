"""Rows by the hundred thousand, for benchmarks: SQLite makes them up itself, at its own pace.

Nobody ever signed in to get them, and nobody knows their secrets; all else is as it would be: every
index, the client sessions, the records and their counters. For SQLite alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import func, select, text

from ostiary.domain.session import Session
from ostiary.storage.database import Transaction
from ostiary.storage.sessions import is_live, rows_with_names, to_session
from ostiary.storage.tables import micros, session, user


class Crowd(msgspec.Struct, frozen=True, kw_only=True):
    """Who the rows belong to. ``first_user`` is the key of the first of its users."""

    organization: str
    organization_key: int
    application: str
    application_key: int
    first_user: int
    per_user: int
    now: datetime
    ended: datetime | None = None


# One hundred addresses in each of many nets; twenty countries; a session each tenth of a second.
_USERS = text("""
    WITH RECURSIVE n(i) AS (VALUES(:first) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :last)
    INSERT INTO user (key, id, organization_key, name, display_name, created_at, updated_at,
                      email, phone, is_admin, disabled, epoch, last_sign_in_address, sealed_extra)
    SELECT :base + i, 'crowd-' || (:base + i), :organization, printf('u%08d', i), '',
           :now, :now, '', '', 0, 0, 0, '', x''
    FROM n
""")

_SESSIONS = text("""
    WITH RECURSIVE n(i) AS (VALUES(:first) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :last)
    INSERT INTO session (organization_key, user_key, id, secret_hash, user_name, application_key,
                         created_at, authenticated_at, last_seen_at, check_after, expires_at,
                         idle_seconds, remembered, device_kind, browser, os, agent, address,
                         country, amr, acr, label, organization_epoch, user_epoch,
                         application_epoch, ended_at, ended_reason, ended_by)
    SELECT :organization, :base + i / :per_user, lower(hex(randomblob(16))), randomblob(32),
           printf('u%08d', i / :per_user), :application,
           :now - 8000000000 + i * 1000, :now - 8000000000 + i * 1000, :now,
           :now + 2000000000000, :now + 2000000000000,
           1900000, 0, 'desktop', 'Firefox', 'Linux', 'Mozilla/5.0 (X11; Linux x86_64)',
           printf('10.%d.%d.%d', i / 250000 % 250, i / 1000 % 250, i % 100),
           substr('DEFRGBUSJPBRPTSECZGHITESPLNLATCHDKNOFIIE', 1 + i * 7 % 20 * 2, 2),
           '["pwd"]', '1', '', 0, 0, 0, :ended, :reason, ''
    FROM n
""")

_CLIENT_SESSIONS = text("""
    INSERT INTO client_session (organization_key, user_key, session_id, application_key, sid,
                                created_at, started_at, application_epoch, ended_at, settled_at)
    SELECT organization_key, user_key, id, application_key, lower(hex(randomblob(16))),
           created_at, created_at, 0, ended_at, ended_at
    FROM session
    WHERE organization_key = :organization AND user_key BETWEEN :from AND :to
""")

_RECORDS = text("""
    INSERT INTO record (owner, name, application, created_time, live, registered)
    SELECT :owner, user_name, :name, '2026-01-01T00:00:00Z', count(*), 0
    FROM session
    WHERE organization_key = :organization AND user_key BETWEEN :from AND :to
      AND ended_at IS NULL
    GROUP BY user_key
""")


def next_user(tx: Transaction) -> int:
    """The first key that no user has."""
    return tx.number(select(func.max(user.c.key))) + 1


def add_crowd(tx: Transaction, crowd: Crowd, first: int, count: int) -> None:
    """Add sessions ``first`` to ``first + count`` of a crowd, with their users.

    Args:
        tx: the transaction.
        crowd: whose they are.
        first: a multiple of ``crowd.per_user``.
        count: likewise.
    """
    users = {"first": first // crowd.per_user, "last": (first + count) // crowd.per_user}
    common: dict[str, Any] = {
        "organization": crowd.organization_key,
        "base": crowd.first_user,
        "now": micros(crowd.now),
    }
    tx.execute(_USERS, common | users)
    ended = None if crowd.ended is None else micros(crowd.ended)
    tx.execute(
        _SESSIONS,
        common
        | {
            "first": first,
            "last": first + count,
            "per_user": crowd.per_user,
            "application": crowd.application_key,
            "ended": ended,
            "reason": "signed_out" if ended is not None else None,
        },
    )
    these = {
        "organization": crowd.organization_key,
        "from": crowd.first_user + users["first"],
        "to": crowd.first_user + users["last"] - 1,
    }
    tx.execute(_CLIENT_SESSIONS, these)
    tx.execute(_RECORDS, these | {"owner": crowd.organization, "name": crowd.application})


def ids_of(tx: Transaction, crowd: Crowd, limit: int) -> list[str]:
    """Public ids of some live sessions of a crowd, those of its first users."""
    query = (
        select(session.c.id)
        .where(
            session.c.organization_key == crowd.organization_key,
            session.c.user_key >= crowd.first_user,
            session.c.ended_at.is_(None),
        )
        .order_by(session.c.user_key, session.c.id)
        .limit(limit)
    )
    return [row.id for row in tx.rows(query)]


def page_by_offset(
    tx: Transaction, crowd: Crowd, *, offset: int, limit: int, now: datetime
) -> list[Session]:
    """A page as one would ask for it without keysets: the reference that they are compared with."""
    query = (
        rows_with_names()
        .where(is_live(now), session.c.organization_key == crowd.organization_key)
        .order_by(session.c.created_at.desc(), session.c.id.desc())
        .offset(offset)
        .limit(limit)
    )
    return [to_session(row) for row in tx.rows(query)]
