"""Two organizations with their people and applications, and whoever calls for them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from litestar import Litestar
from litestar.testing import TestClient

from ostiary.domain.secrets import digest
from ostiary.domain.session import Device, Epochs
from ostiary.gateways.entropy import new_public_id, new_secret
from ostiary.storage import applications, client_sessions, sessions, users
from ostiary.storage.database import Transaction
from ostiary.storage.sessions import NewSession
from tests.support.installation import FIREFOX, PASSWORD, Installation

Client = TestClient[Litestar]
LOGOUT = "https://wiki.acme.example/logged-out"

CALLERS = ("nobody", "plain", "boss", "admin", "wiki", "portal", "builtin")
"""Nobody; acme's plain user ann and administrator boss; the global administrator; applications of
acme, of globex and of the built-in organization."""


class World:
    """acme: ann, bob (plain), boss (administrator), application wiki; globex: eve, portal."""

    def __init__(
        self, url: str, directory: Path, *, secrets: dict[str, tuple[str, str]] | None = None
    ) -> None:
        """Make a world; with the ``secrets`` of another one, open a copy of that."""
        self.here = Installation(url, directory, install=secrets is None)
        self.ids: dict[str, str] = {}
        self.secrets = secrets if secrets is not None else self._made()

    def _made(self) -> dict[str, tuple[str, str]]:
        """Fill it; the applications' client ids and secrets."""
        made = {"builtin": (self.here.client_id, self.here.client_secret)}
        for organization, application in (("acme", "wiki"), ("globex", "portal")):
            self.here.organization(organization)
            logout = LOGOUT if application == "wiki" else ""
            made[application] = self.here.application(
                organization, application, backchannel_logout_uri=logout
            )
        self.here.user("acme", "ann")
        self.here.user("acme", "bob")
        self.here.user("acme", "boss", is_admin=True)
        self.here.user("globex", "eve")
        return made

    def close(self) -> None:
        self.here.close()

    def sign_in(self, who: str, **further: Any) -> tuple[Client, str]:
        """A new session of ``organization/user``, in a browser of its own."""
        organization, _, user = who.partition("/")
        return self.here.signed_in_browser(organization, user, **further)

    def start(self, who: str, application: str = "app-built-in", **device: Any) -> str:
        """A new session without a browser; its public id."""
        organization, _, user = who.partition("/")
        given = {"kind": "desktop", "browser": "Firefox", "os": "Linux", "agent": FIREFOX}
        given["address"] = "203.0.113.7"
        started = self.here.start_session(
            organization, user, application=application, device=Device(**given | device)
        )
        return started.session.id

    def basic(self, application: str) -> Client:
        """An application that calls by its secret."""
        client = self.here.browser(same_origin=False)
        client.auth = self.secrets[application]
        return client

    @cached_property
    def nobody(self) -> Client:
        return self.here.browser()

    @cached_property
    def plain(self) -> Client:
        return self._remembered("plain", "acme/ann")

    @cached_property
    def boss(self) -> Client:
        return self._remembered("boss", "acme/boss")

    @cached_property
    def admin(self) -> Client:
        return self._remembered("admin", "built-in/admin")

    @cached_property
    def wiki(self) -> Client:
        return self.basic("wiki")

    @cached_property
    def portal(self) -> Client:
        return self.basic("portal")

    @cached_property
    def builtin(self) -> Client:
        return self.basic("builtin")

    def caller(self, kind: str) -> Client:
        """One of `CALLERS`."""
        client: Client = getattr(self, kind)
        return client

    def _remembered(self, kind: str, who: str) -> Client:
        client, self.ids[kind] = self.sign_in(who)
        return client

    def crowd(self, organization: str, user: str, count: int, **device: Any) -> list[str]:
        """So many sessions written straight into the store, a second apart; their public ids."""
        return self.here.write(self._crowd, organization, user, count, device)

    def _crowd(
        self, tx: Transaction, organization: str, name: str, count: int, device: dict[str, Any]
    ) -> list[str]:
        user = users.get(tx, organization, name)
        application = applications.get(tx, "app-built-in")
        assert user is not None
        assert application is not None
        made = []
        for number in range(count):
            now = self.here.clock.now + timedelta(seconds=number - count)
            new = NewSession(
                id=new_public_id(),
                secret_hash=digest(new_secret()),
                organization_key=user.organization_key,
                user_key=user.key,
                user=name,
                application_key=application.key,
                device_key=None,
                now=now,
                expires_at=now + timedelta(days=1),
                idle_seconds=7_200,
                remembered=False,
                device=Device(kind="desktop", agent="crowd", address="198.51.100.1", **device),
                amr=("pwd",),
                acr="1",
                epochs=Epochs(),
            )
            sessions.add(tx, new)
            made.append(new.id)
        for session in sessions.by_ids(tx, made):
            client_sessions.add(
                tx,
                session,
                application_key=application.key,
                application_name=application.name,
                application_epoch=0,
                sid=new_public_id(),
                now=session.created_at,
            )
        return made


def ids(answer: Any) -> list[str]:
    """The ids of a list's items."""
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def names(answer: Any) -> list[str]:
    """The names of a list's items."""
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


def walk(client: Client, path: str, **params: Any) -> list[dict[str, Any]]:
    """Every page of a list, forwards."""
    pages = []
    cursor = None
    while True:
        further = {"cursor": cursor} if cursor else {}
        answer = client.get(path, params={**params, **further})
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
        cursor = pages[-1]["next"]
        if cursor is None:
            return pages


def back(client: Client, path: str, last: dict[str, Any], **params: Any) -> list[dict[str, Any]]:
    """Every page before one, backwards, in the order in which they stand in the list."""
    pages: list[dict[str, Any]] = []
    cursor = last["previous"]
    while cursor is not None:
        answer = client.get(path, params={**params, "cursor": cursor})
        assert answer.status_code == 200, answer.text
        pages.insert(0, answer.json())
        cursor = pages[0]["previous"]
    return pages


def items_of(pages: Iterable[dict[str, Any]], key: str = "id") -> list[Any]:
    """What the items of some pages have under a key, in order."""
    return [item[key] for page in pages for item in page["items"]]


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The problem that an answer is."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["code"] == code, body
    assert body["status"] == status
    assert body["type"].endswith(f"/v1/docs#problem-{code}")
    assert body["title"]
    assert body["detail"]
    return body


__all__ = ["CALLERS", "LOGOUT", "PASSWORD", "Client", "World"]
