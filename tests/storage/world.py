"""Rows to try the storage on: made as they are asked for, through the storage's own functions.

world = World(store)
world.session("ann", "wiki")            # makes acme, wiki and ann as well
world.session("ann", "wiki", at=minutes(5), address="192.0.2.1")
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

import msgspec

from ostiary.domain.accounts import Application, Organization, User
from ostiary.domain.secrets import digest
from ostiary.domain.session import Device, EndReason, Epochs, Session
from ostiary.storage import (
    applications,
    client_sessions,
    organizations,
    sessions,
    users,
)
from ostiary.storage.database import Database, Transaction
from ostiary.storage.sessions import NewSession

T = TypeVar("T")

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HOUR = 3_600
DAY = 86_400

_DEVICE_FIELDS = frozenset(Device.__struct_fields__)


def later(**units: float) -> datetime:
    """An instant after `NOW`, by the arguments of ``timedelta``."""
    return NOW + timedelta(**units)


def earlier(**units: float) -> datetime:
    """An instant before `NOW`."""
    return NOW - timedelta(**units)


def secret_hash(name: str) -> bytes:
    """Some secret's hash."""
    return digest(name)


class World:
    """See the module."""

    def __init__(self, store: Database) -> None:
        self.store = store
        self._numbers = count(1)

    def number(self) -> int:
        """A number that was not given before."""
        return next(self._numbers)

    def organization(self, name: str = "acme", **change: Any) -> Organization:
        """An organization, made unless it is there."""
        found = self.store.read(organizations.get, name)
        if found is None:
            item = Organization(key=0, name=name, display_name=name, created_at=NOW, **change)
            self.store.write(organizations.add, item)
            found = self.store.read(organizations.get, name)
        assert found is not None
        return found

    def application(
        self, name: str = "wiki", organization: str = "acme", **change: Any
    ) -> Application:
        """An application, made unless it is there."""
        found = self.store.read(applications.get, name)
        if found is None:
            owner = self.organization(organization)
            change.setdefault("client_id", f"client-{name}-{self.number()}")
            item = Application(
                key=0,
                name=name,
                organization_key=owner.key,
                organization=owner.name,
                display_name=name,
                created_at=NOW,
                sealed_secret=b"sealed",
                **change,
            )
            self.store.write(applications.add, item)
            found = self.store.read(applications.get, name)
        assert found is not None
        return found

    def user(self, name: str = "ann", organization: str = "acme", **change: Any) -> User:
        """A user, made unless there."""
        found = self.store.read(users.get, organization, name)
        if found is None:
            owner = self.organization(organization)
            item = User(
                key=0,
                id=f"subject-{self.number()}",
                organization_key=owner.key,
                organization=owner.name,
                name=name,
                display_name=name,
                created_at=NOW,
                updated_at=NOW,
                **change,
            )
            self.store.write(users.add, item)
            found = self.store.read(users.get, organization, name)
        assert found is not None
        return found

    def session(
        self,
        user: str = "ann",
        application: str = "wiki",
        organization: str = "acme",
        **change: Any,
    ) -> Session:
        """A session that is used in the application it signed in through.

        ``change`` holds fields of `NewSession` and `Device`; ``at`` is when it starts.
        """
        owner = self.user(user, organization)
        client = self.application(application, organization)
        return self.store.write(self.write_session, owner, client, **change)

    def write_session(
        self, tx: Transaction, owner: User, client: Application, **change: Any
    ) -> Session:
        """What `session` does, in a transaction of the caller's."""
        new = self.new_session(tx, owner, client, **change)
        sessions.add(tx, new)
        written = sessions.by_id(tx, new.id)
        assert written is not None
        self.use(tx, written, client, at=new.now)
        return written

    def new_session(
        self, tx: Transaction, owner: User, client: Application, **change: Any
    ) -> NewSession:
        """What a sign-in of now would write."""
        device = {k: change.pop(k) for k in list(change) if k in _DEVICE_FIELDS}
        at = change.pop("at", NOW)
        number = self.number()
        public_id = change.pop("id", f"{number:032x}")
        organization = organizations.get(tx, owner.organization)
        assert organization is not None
        fields: dict[str, Any] = {
            "id": public_id,
            "secret_hash": secret_hash(public_id),
            "organization_key": owner.organization_key,
            "user_key": owner.key,
            "user": owner.name,
            "application_key": client.key,
            "device_key": None,
            "now": at,
            "expires_at": at + timedelta(seconds=DAY),
            "idle_seconds": HOUR,
            "remembered": False,
            "device": Device(**device),
            "amr": ("pwd",),
            "acr": "1",
            "epochs": Epochs(organization.epoch, owner.epoch, client.epoch),
        }
        return NewSession(**(fields | change))

    def use(
        self, tx: Transaction, owner: Session, client: Application, *, at: datetime = NOW
    ) -> bool:
        """Write that a session is used in an application."""
        return client_sessions.add(
            tx,
            owner,
            application_key=client.key,
            application_name=client.name,
            application_epoch=client.epoch,
            sid=f"{self.number() + (1 << 100):032x}",
            now=at,
        )

    def used_in(self, owner: Session, application: str, *, at: datetime = NOW) -> None:
        """Let a session be used in a further application."""
        self.store.write(self.use, owner, self.application(application), at=at)

    def end(self, *public_ids: str, at: datetime = NOW) -> list[str]:
        """End sessions with their client sessions, as `services.ending` does it."""
        return self.store.write(end_sessions, public_ids, at)

    def one(self, public_id: str) -> Session:
        """The session as it is stored now."""
        found = self.store.read(sessions.by_id, public_id)
        assert found is not None
        return found


def end_sessions(tx: Transaction, public_ids: tuple[str, ...], at: datetime) -> list[str]:
    """End sessions and their client sessions."""
    found = sessions.by_ids(tx, public_ids, lock=True)
    ended = sessions.mark_ended(
        tx, [s.id for s in found], reason=EndReason.REVOKED, by="operator", now=at
    )
    client_sessions.end(tx, client_sessions.of_sessions(tx, ended), at)
    return ended


def at_once(*calls: Callable[[], T]) -> list[T]:
    """What calls return that begin at the same moment, each in a thread of its own."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        gate.wait(20)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return [f.result(60) for f in [threads.submit(run, call) for call in calls]]


def change(item: Any, **values: Any) -> Any:
    """A frozen value with some fields replaced."""
    return msgspec.structs.replace(item, **values)
