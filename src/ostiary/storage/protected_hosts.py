"""Hosts behind a proxy that asks whether a request may pass, and the cookies of their browsers.

A browser does not send our cookie to another host. So each protected host gets a cookie of its own,
whose row points to the session; it is as good as the session and not a moment longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import and_, delete, insert, select

from ostiary.storage.checks import Row, to_row, with_user
from ostiary.storage.database import Transaction
from ostiary.storage.tables import application, hand_off, host_cookie, protected_host, session


class ProtectedHost(msgspec.Struct, frozen=True, kw_only=True):
    """A host of an application.

    Attributes:
        origin: scheme, host and, unless it is the usual one, port; lower case.
        max_age: seconds after which somebody has to authenticate again; None: never.
        background_counts: whether requests that a page makes by itself are uses of the session.
    """

    origin: str
    max_age: int | None = None
    background_counts: bool = False


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """What the cookie of a host leads to; ``is_current`` False: its application was cut off."""

    row: Row
    host: ProtectedHost
    is_current: bool


class HandOff(msgspec.Struct, frozen=True, kw_only=True):
    """What a one-time code was made for."""

    session_id: str
    origin: str
    state_hash: bytes
    expires_at: datetime


def of_application(tx: Transaction, application_key: int) -> list[ProtectedHost]:
    """An application's hosts, by their origins."""
    query = (
        select(protected_host)
        .where(protected_host.c.application_key == application_key)
        .order_by(protected_host.c.origin)
    )
    return [
        ProtectedHost(
            origin=row.origin, max_age=row.max_age, background_counts=row.background_counts
        )
        for row in tx.rows(query)
    ]


def find(tx: Transaction, origin: str) -> tuple[ProtectedHost, str] | None:
    """A host and its application's name; None: nobody has registered it."""
    row = tx.row(
        select(protected_host, application.c.name.label("application"))
        .join(application, application.c.key == protected_host.c.application_key)
        .where(protected_host.c.origin == origin, application.c.deleted_at.is_(None))
    )
    if row is None:
        return None
    host = ProtectedHost(
        origin=row.origin, max_age=row.max_age, background_counts=row.background_counts
    )
    return host, row.application


def replace(tx: Transaction, application_key: int, hosts: Sequence[ProtectedHost]) -> None:
    """Let an application's hosts be these; cookies of the others lead nowhere any more."""
    tx.execute(delete(protected_host).where(protected_host.c.application_key == application_key))
    tx.execute(
        delete(host_cookie).where(
            host_cookie.c.application_key == application_key,
            host_cookie.c.origin.not_in([host.origin for host in hosts]),
        )
    )
    if hosts:
        tx.execute(
            insert(protected_host),
            [{**msgspec.structs.asdict(h), "application_key": application_key} for h in hosts],
        )


def forget_application(tx: Transaction, application_key: int) -> None:
    """Leave nothing of a deleted application."""
    replace(tx, application_key, ())


def add_hand_off(tx: Transaction, code_hash: bytes, made: HandOff) -> None:
    """Write a one-time code."""
    tx.execute(insert(hand_off).values(code_hash=code_hash, **msgspec.structs.asdict(made)))


def take_hand_off(tx: Transaction, code_hash: bytes) -> HandOff | None:
    """Take a code away, and so be the only one who has it."""
    row = tx.execute(
        delete(hand_off).where(hand_off.c.code_hash == code_hash).returning(hand_off)
    ).first()
    if row is None:
        return None
    return HandOff(
        session_id=row.session_id,
        origin=row.origin,
        state_hash=row.state_hash,
        expires_at=row.expires_at,
    )


def add_cookie(
    tx: Transaction,
    secret_hash: bytes,
    *,
    session_id: str,
    origin: str,
    application_key: int,
    application_epoch: int,
    now: datetime,
) -> None:
    """Write what a host's cookie leads to."""
    tx.execute(
        insert(host_cookie).values(
            secret_hash=secret_hash,
            session_id=session_id,
            origin=origin,
            application_key=application_key,
            application_epoch=application_epoch,
            created_at=now,
        )
    )


def by_cookie(tx: Transaction, secret_hash: bytes, origin: str) -> Passed | None:
    """The session that a cookie of this very host leads to, dead or alive, by one statement.

    None: there is no such cookie, or the host is not that application's any more.
    """
    used = application.alias("used")
    is_mine = and_(
        protected_host.c.origin == host_cookie.c.origin,
        protected_host.c.application_key == host_cookie.c.application_key,
    )
    query = (
        with_user()
        .add_columns(
            host_cookie.c.application_epoch.label("born_epoch"),
            used.c.epoch.label("used_epoch"),
            protected_host.c.origin,
            protected_host.c.max_age,
            protected_host.c.background_counts,
        )
        .join(host_cookie, host_cookie.c.session_id == session.c.id)
        .join(protected_host, is_mine)
        .join(used, used.c.key == host_cookie.c.application_key)
        .where(
            host_cookie.c.secret_hash == secret_hash,
            host_cookie.c.origin == origin,
            used.c.deleted_at.is_(None),
        )
    )
    row = tx.row(query)
    if row is None:
        return None
    host = ProtectedHost(
        origin=row.origin, max_age=row.max_age, background_counts=row.background_counts
    )
    return Passed(row=to_row(row), host=host, is_current=row.born_epoch == row.used_epoch)


def forget_cookie(tx: Transaction, secret_hash: bytes) -> None:
    """Take what a cookie leads to away; the session goes on."""
    tx.execute(delete(host_cookie).where(host_cookie.c.secret_hash == secret_hash))


def forget_cookies_before(tx: Transaction, session_id: str, origin: str, before: datetime) -> None:
    """Take the cookies away that a session got at a host before an instant: one browser has one."""
    tx.execute(
        delete(host_cookie).where(
            host_cookie.c.session_id == session_id,
            host_cookie.c.origin == origin,
            host_cookie.c.created_at < before,
        )
    )


def purge(tx: Transaction, now: datetime, limit: int) -> int:
    """Remove codes that nobody came for; cookies go with their sessions.

    Returns:
        How many went; fewer than ``limit``: finished.
    """
    codes = [
        row.code_hash
        for row in tx.rows(
            select(hand_off.c.code_hash).where(hand_off.c.expires_at < now).limit(limit)
        )
    ]
    if codes:
        tx.execute(delete(hand_off).where(hand_off.c.code_hash.in_(codes)))
    return len(codes)
