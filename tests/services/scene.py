"""People to try the services with: two organizations, their users and applications, and shortcuts.

acme (wiki, mail; ann, bob, and boss who administers it), globex (shop; gus, gina who administers
it), built-in (admin). Everybody's password is `PASSWORD`. The wiki can be told of logouts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import Row, Table, insert, select, text

from ostiary.domain.access import Caller
from ostiary.domain.errors import OstiaryError
from ostiary.domain.secrets import digest
from ostiary.domain.session import EndReason, Session
from ostiary.services import applications
from ostiary.services.check import caller_of
from ostiary.services.house import Act
from ostiary.services.sign_in import SignedIn
from ostiary.storage import applications as application_rows
from ostiary.storage import sessions, tables
from ostiary.storage import users as user_rows
from ostiary.storage.database import Transaction
from tests.support.installation import Installation

T = TypeVar("T")

WIKI_LOGOUT = "https://wiki.example/logout"


class Scene(Installation):
    """See the module."""

    def populate(self) -> None:
        """Make the people; done once, everybody else gets a copy."""
        self.organization("acme")
        self.application("acme", "wiki", backchannel_logout_uri=WIKI_LOGOUT)
        self.application("acme", "mail")
        for name in ("ann", "bob"):
            self.user("acme", name)
        self.user("acme", "boss", is_admin=True)
        self.organization("globex")
        self.application("globex", "shop")
        self.user("globex", "gus")
        self.user("globex", "gina", is_admin=True)

    def sign_in(
        self, user: str = "ann", application: str = "wiki", organization: str = "acme", **more: Any
    ) -> SignedIn:
        """Sign in, on a new device unless ``device_secret`` is given."""
        return self.start_session(organization, user, application=application, **more)

    def caller(self, signed_in: SignedIn, *, active: bool = False) -> Caller:
        """Whom the session's cookie names now."""
        return caller_of(self.house, signed_in.secret, self.clock.now, active=active)

    def by(self, signed_in: SignedIn) -> Act:
        """Something done with the session's cookie."""
        return self.act(self.caller(signed_in))

    def by_application(self, name: str) -> Act:
        """Something done with an application's secret."""
        found = self.read(application_rows.get, name)
        assert found is not None
        return self.act(applications.caller_of(found))

    def boss(self) -> Act:
        """The administrator of acme, just signed in."""
        return self.by(self.sign_in("boss", "app-built-in"))

    def admin(self) -> Act:
        """The global administrator, just signed in."""
        return self.by(self.sign_in("admin", "app-built-in", "built-in"))

    def lives(self, signed_in: SignedIn) -> bool:
        """Whether the cookie that this sign-in gave still answers."""
        return self.caller(signed_in).session_id == signed_in.session.id

    def row(self, signed_in: SignedIn) -> Session:
        """The session as it is stored."""
        found = self.read(sessions.by_id, signed_in.session.id)
        assert found is not None
        return found

    def reason(self, signed_in: SignedIn) -> EndReason | None:
        """Why it ended, as stored."""
        return self.row(signed_in).ended_reason

    def user_key(self, name: str, organization: str = "acme") -> int:
        """The number of a user's row."""
        found = self.read(user_rows.get, organization, name)
        assert found is not None
        return found.key

    def rows(self, table: Table, **equal: Any) -> Sequence[Row[Any]]:
        """The rows of a table with these values, in the order of their keys."""
        query = select(table).order_by(*table.primary_key)
        for name, value in equal.items():
            query = query.where(table.c[name] == value)
        return self.read(Transaction.rows, query)

    def events(self, **equal: Any) -> list[str]:
        """The names of audit events with these values, oldest first."""
        return [row.event for row in self.rows(tables.audit_event, **equal)]

    def grant(self, signed_in: SignedIn, name: str, *, offline: bool = False) -> None:
        """Let an application hold a grant of the session, with a token that it checks itself."""
        session = signed_in.session

        def add(tx: Transaction) -> None:
            tx.execute(
                insert(tables.grant).values(
                    id=name,
                    session_id=session.id,
                    organization_key=session.organization_key,
                    user_key=session.user_key,
                    application_key=session.application_key,
                    kind="authorization_code",
                    offline=offline,
                    organization_epoch=0,
                    user_epoch=0,
                    application_epoch=0,
                    created_at=self.clock.now,
                    expires_at=self.clock.now + timedelta(days=30),
                )
            )
            tx.execute(
                insert(tables.token).values(
                    hash=digest(name),
                    grant_id=name,
                    kind="access",
                    locally_checked=True,
                    created_at=self.clock.now,
                    expires_at=self.clock.now + timedelta(days=20),
                    sealed_detail=b"",
                )
            )

        self.write(add)

    def execute(self, statement: str, **values: Any) -> None:
        """Change the store behind the services' back."""
        self.write(lambda tx: tx.execute(text(statement), values))

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table."""
        return {
            table.name: [tuple(row) for row in self.rows(table)]
            for table in tables.metadata.sorted_tables
        }


def at_once(*verbs: Callable[[], T]) -> list[T | OstiaryError]:
    """Run some verbs in threads that start at the same moment; refusals are results too."""
    ready = threading.Barrier(len(verbs))

    def one(verb: Callable[[], T]) -> T | OstiaryError:
        ready.wait(30)
        try:
            return verb()
        except OstiaryError as error:
            return error

    with ThreadPoolExecutor(len(verbs)) as pool:
        return list(pool.map(one, verbs))
