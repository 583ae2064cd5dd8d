"""Sessions: written once, read by secret or public id, ended once, purged at last."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    bindparam,
    insert,
    select,
    update,
)

from ostiary.domain.lifetime import check_after
from ostiary.domain.secrets import same
from ostiary.domain.session import Device, EndReason, Epochs, Session
from ostiary.storage.database import Transaction
from ostiary.storage.pieces import pieces
from ostiary.storage.tables import (
    application,
    client_session,
    micros,
    organization,
    session,
    user,
)

_MICROS = 1_000_000


class NewSession(msgspec.Struct, frozen=True, kw_only=True):
    """What a sign-in writes. ``secret_hash`` is the SHA-256 of the cookie's secret."""

    id: str
    secret_hash: bytes
    organization_key: int
    user_key: int
    user: str
    application_key: int
    device_key: int | None
    now: datetime
    expires_at: datetime
    idle_seconds: int
    remembered: bool
    device: Device
    amr: tuple[str, ...]
    acr: str
    epochs: Epochs


@functools.cache
def rows_with_names() -> Select[Any]:
    """Every session with its names and the epochs of now; what all reads start from.

    A statement never changes, so that one serves all.
    """
    return select(
        session,
        organization.c.name.label("organization"),
        application.c.name.label("application"),
        organization.c.epoch.label("current_organization_epoch"),
        user.c.epoch.label("current_user_epoch"),
        application.c.epoch.label("current_application_epoch"),
    ).select_from(
        session.join(organization, organization.c.key == session.c.organization_key)
        .join(user, user.c.key == session.c.user_key)
        .join(application, application.c.key == session.c.application_key)
    )


def is_live(now: datetime) -> ColumnElement[bool]:
    """The condition under which a session of `rows_with_names` answers: `reason_dead` in SQL."""
    return and_(
        session.c.ended_at.is_(None),
        session.c.organization_epoch == organization.c.epoch,
        session.c.user_epoch == user.c.epoch,
        session.c.application_epoch == application.c.epoch,
        session.c.expires_at > now,
        _idle_deadline() > micros(now),
    )


def _idle_deadline() -> ColumnElement[int]:
    """Microseconds at which a row's idle time runs out."""
    last_seen: ColumnElement[int] = session.c.last_seen_at.cast(session.c.user_key.type)
    return last_seen + session.c.idle_seconds.cast(session.c.user_key.type) * _MICROS


def to_session(row: Row[Any]) -> Session:
    """A row of `rows_with_names` as a value."""
    return Session(
        id=row.id,
        organization_key=row.organization_key,
        organization=row.organization,
        user_key=row.user_key,
        user=row.user_name,
        application_key=row.application_key,
        application=row.application,
        device_key=row.device_key,
        created_at=row.created_at,
        authenticated_at=row.authenticated_at,
        last_seen_at=row.last_seen_at,
        expires_at=row.expires_at,
        idle_seconds=row.idle_seconds,
        remembered=row.remembered,
        device=Device(
            kind=row.device_kind,
            browser=row.browser,
            os=row.os,
            agent=row.agent,
            address=row.address,
            country=row.country,
            city=row.city,
            asn=row.asn,
        ),
        amr=tuple(json.loads(row.amr)),
        acr=row.acr,
        label=row.label,
        born=Epochs(row.organization_epoch, row.user_epoch, row.application_epoch),
        current=Epochs(
            row.current_organization_epoch,
            row.current_user_epoch,
            row.current_application_epoch,
        ),
        ended_at=row.ended_at,
        ended_reason=EndReason(row.ended_reason) if row.ended_reason else None,
        ended_by=row.ended_by,
    )


def add(tx: Transaction, new: NewSession) -> None:
    """Write a session."""
    tx.execute(
        insert(session).values(
            id=new.id,
            secret_hash=new.secret_hash,
            organization_key=new.organization_key,
            user_key=new.user_key,
            user_name=new.user,
            application_key=new.application_key,
            device_key=new.device_key,
            created_at=new.now,
            authenticated_at=new.now,
            last_seen_at=new.now,
            check_after=check_after(new.now, new.idle_seconds, new.expires_at),
            expires_at=new.expires_at,
            idle_seconds=new.idle_seconds,
            remembered=new.remembered,
            amr=json.dumps(new.amr),
            acr=new.acr,
            label="",
            ended_by="",
            **_device_columns(new.device),
            **_epoch_columns(new.epochs),
        )
    )


def _device_columns(device: Device) -> dict[str, Any]:
    return {
        "device_kind": device.kind,
        "browser": device.browser,
        "os": device.os,
        "agent": device.agent,
        "address": device.address,
        "country": device.country,
        "city": device.city,
        "asn": device.asn,
    }


def _epoch_columns(epochs: Epochs) -> dict[str, int]:
    return {
        "organization_epoch": epochs.organization,
        "user_epoch": epochs.user,
        "application_epoch": epochs.application,
    }


def reauthenticate(tx: Transaction, new: NewSession) -> None:
    """Give a session a new secret, authentication time and deadlines; it keeps its public id.

    The secret that it had stops working with this very transaction (ASVS 7.2.4).
    """
    tx.execute(
        update(session)
        .where(session.c.id == new.id)
        .values(
            secret_hash=new.secret_hash,
            device_key=new.device_key,
            authenticated_at=new.now,
            last_seen_at=new.now,
            check_after=check_after(new.now, new.idle_seconds, new.expires_at),
            expires_at=new.expires_at,
            idle_seconds=new.idle_seconds,
            remembered=new.remembered,
            amr=json.dumps(new.amr),
            acr=new.acr,
            application_key=new.application_key,
            **_device_columns(new.device),
            **_epoch_columns(new.epochs),
        )
    )


def by_secret(tx: Transaction, secret_hash: bytes) -> Session | None:
    """The session whose cookie was presented, dead or alive."""
    row = tx.row(rows_with_names().where(session.c.secret_hash == secret_hash))
    # The index found it; the comparison in constant time is for what an index might round.
    return to_session(row) if row is not None and same(row.secret_hash, secret_hash) else None


def by_id(tx: Transaction, public_id: str, *, lock: bool = False) -> Session | None:
    """The session with this public id, dead or alive.

    Args:
        tx: the transaction.
        public_id: 32 hex digits.
        lock: hold the row until the commit, since a decision hangs on it.
    """
    found = by_ids(tx, [public_id], lock=lock)
    return found[0] if found else None


def by_ids(tx: Transaction, public_ids: Iterable[str], *, lock: bool = False) -> list[Session]:
    """The sessions with these public ids, dead or alive, in the order of their ids."""
    found: list[Session] = []
    for some in pieces(sorted(set(public_ids))):
        query = locked(tx, _by_ids()) if lock else _by_ids()
        found += [to_session(row) for row in tx.execute(query, {"ids": some})]
    return found


@functools.cache
def _by_ids() -> Select[Any]:
    wanted = session.c.id.in_(bindparam("ids", expanding=True))
    return rows_with_names().where(wanted).order_by(session.c.id)


def locked(tx: Transaction, query: Select[Any], *, skip: bool = False) -> Select[Any]:
    """The same query, holding its sessions' rows; SQLite's writers are alone already."""
    return query.with_for_update(of=session, skip_locked=skip) if tx.is_postgresql else query


def live_of_user(
    tx: Transaction,
    organization_key: int,
    user_key: int,
    now: datetime,
    *,
    lock: bool = False,
) -> list[Session]:
    """A user's live sessions, oldest first."""
    query = (
        rows_with_names()
        .where(
            session.c.organization_key == organization_key,
            session.c.user_key == user_key,
            is_live(now),
        )
        .order_by(session.c.created_at, session.c.id)
    )
    return [to_session(row) for row in tx.rows(locked(tx, query) if lock else query)]


def unended_of_user(tx: Transaction, organization_key: int, user_key: int) -> list[str]:
    """The public ids of a user's sessions that nobody has ended yet, whatever the clocks say."""
    return [
        row.id
        for row in tx.rows(
            select(session.c.id)
            .where(
                session.c.organization_key == organization_key,
                session.c.user_key == user_key,
                session.c.ended_at.is_(None),
            )
            .order_by(session.c.id)
        )
    ]


def live_on_device(tx: Transaction, device_key: int, now: datetime) -> list[Session]:
    """The live sessions of whoever signed in with this device's cookie."""
    query = (
        rows_with_names()
        .where(session.c.device_key == device_key, is_live(now))
        .order_by(session.c.created_at, session.c.id)
    )
    return [to_session(row) for row in tx.rows(query)]


def live_in_application(
    tx: Transaction,
    organization_key: int,
    user_key: int,
    application_key: int,
    now: datetime,
) -> list[Session]:
    """The live sessions of a user that are used in one application, oldest use first."""
    used = application.alias("used")
    epoch = select(used.c.epoch).where(used.c.key == application_key)
    query = (
        rows_with_names()
        .join(
            client_session,
            and_(
                client_session.c.organization_key == session.c.organization_key,
                client_session.c.user_key == session.c.user_key,
                client_session.c.session_id == session.c.id,
            ),
        )
        .where(
            session.c.organization_key == organization_key,
            session.c.user_key == user_key,
            client_session.c.application_key == application_key,
            client_session.c.ended_at.is_(None),
            client_session.c.application_epoch == epoch.scalar_subquery(),
            is_live(now),
        )
        .order_by(client_session.c.created_at, session.c.id)
    )
    return [to_session(row) for row in tx.rows(query)]


def mark_ended(
    tx: Transaction,
    public_ids: Sequence[str],
    *,
    reason: EndReason,
    by: str,
    now: datetime,
) -> list[str]:
    """End what is not ended yet, and say which rows that were.

    The condition is part of the statement, so that of two that end a session at once exactly one
    learns that it did.
    """
    ended: list[str] = []
    for some in pieces(sorted(public_ids)):
        rows = tx.execute(
            update(session)
            .where(session.c.id.in_(some), session.c.ended_at.is_(None))
            .values(ended_at=now, ended_reason=reason.value, ended_by=by)
            .returning(session.c.id)
        )
        ended += [row.id for row in rows]
    return sorted(ended)


def store_uses(tx: Transaction, uses: Iterable[tuple[str, datetime]]) -> int:
    """Move sessions' last use forward, in the order of their ids; never backwards.

    ``check_after`` stays where it is: it may be too early, never too late, and the sweeper moves
    it (DESIGN section 2).
    """
    parameters = [{"which": public_id, "used": used} for public_id, used in sorted(uses)]
    if parameters:
        tx.execute(
            update(session)
            .where(
                session.c.id == bindparam("which"),
                session.c.last_seen_at < bindparam("used", type_=session.c.last_seen_at.type),
                session.c.ended_at.is_(None),
            )
            .values(last_seen_at=bindparam("used", type_=session.c.last_seen_at.type)),
            parameters,
        )
    return len(parameters)


def relabel(tx: Transaction, public_id: str, label: str) -> None:
    """Give a session the user's own name for it."""
    tx.execute(update(session).where(session.c.id == public_id).values(label=label))


def rename_user(tx: Transaction, organization_key: int, user_key: int, name: str) -> None:
    """Follow a user's new name, by which lists are sorted."""
    tx.execute(
        update(session)
        .where(
            session.c.organization_key == organization_key,
            session.c.user_key == user_key,
        )
        .values(user_name=name)
    )


def anonymise_user(tx: Transaction, organization_key: int, user_key: int, stand_in: str) -> None:
    """Take a deleted user's traces out of the ended sessions that are kept (REQUIREMENTS R12)."""
    tx.execute(
        update(session)
        .where(
            session.c.organization_key == organization_key,
            session.c.user_key == user_key,
        )
        .values(
            user_name=stand_in,
            address="",
            agent="",
            city=None,
            asn=None,
            label="",
            ended_by="",
        )
    )


def replace_secret(tx: Transaction, public_id: str, secret_hash: bytes) -> None:
    """Give a live session a new secret without authenticating it anew."""
    tx.execute(update(session).where(session.c.id == public_id).values(secret_hash=secret_hash))
