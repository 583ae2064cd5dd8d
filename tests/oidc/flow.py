"""Short ways through OpenID Connect over HTTP: people, applications, codes, tokens.

ann = world.person()                       # a user with a browser that is signed in
wiki = world.client()                      # an application of her organization
tokens = wiki.tokens(ann)                  # authorize, exchange; as the answer's JSON
wiki.refresh(tokens["refresh_token"])

One world serves all the tests of a process: each makes what it needs, under a name of its own, and
moves the clock forward only.
"""

from __future__ import annotations

import base64
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import msgspec
from httpx import Response
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import Row, Table, select

from ostiary.domain.access import Caller
from ostiary.domain.client import USER_SCOPES
from ostiary.domain.session import EndReason, Session
from ostiary.gateways import signing
from ostiary.services import applications, consent, end, keys, users
from ostiary.services.check import caller_of
from ostiary.services.house import Act
from ostiary.services.pkce import challenge_of
from ostiary.storage import sessions
from ostiary.storage.database import Transaction
from tests.support.installation import Installation

VERIFIER = "a-verifier-that-is-long-enough-to-be-one-0123456789"
ALL_GRANTS = ("authorization_code", "refresh_token", "client_credentials", "password")
EVERY_SCOPE = (*USER_SCOPES, "read", "write")

Browser = TestClient[Litestar]


class World(Installation):
    """An installation with the organization acme, and ways to make everything else."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        """Make it."""
        super().__init__(*args, **settings)
        self._numbers = itertools.count(1)
        if settings.get("install", True):
            self.organization("acme")

    def person(
        self, application: str = "app-built-in", *, organization: str = "acme", **change: Any
    ) -> Person:
        """A new user, signed in to an application in a browser of her own."""
        name = f"user-{next(self._numbers)}"
        self.user(organization, name, **change)
        return self.again(organization, name, application)

    def again(
        self, organization: str, name: str, application: str = "app-built-in", **further: Any
    ) -> Person:
        """A user who is there already, in a further browser."""
        started = self.start_session(organization, name, application=application, **further)
        browser = self.browser()
        prefix = "__Host-" if self.public_url.startswith("https") else ""
        host = urlsplit(self.public_url).hostname or ""
        browser.cookies.set(f"{prefix}sid", started.secret, domain=host)
        if started.device_secret:
            browser.cookies.set(f"{prefix}device", started.device_secret, domain=host)
        return Person(self, organization, name, browser, started.session.id, started.secret)

    def client(self, name: str = "", *, organization: str = "acme", **change: Any) -> Client:
        """A new application: confidential, with every grant and scope, unless said otherwise."""
        name = name or f"app-{next(self._numbers)}"
        usual: dict[str, Any] = {
            "redirect_uris": (f"https://{name}.example/callback",),
            "grant_types": ALL_GRANTS,
            "scopes": EVERY_SCOPE,
        }
        if change.get("token_endpoint_auth_method") == "none":
            usual["grant_types"] = ALL_GRANTS[:2]
        client_id, secret = self.application(organization, name, **{**usual, **change})
        return Client(self, name, client_id, secret, {**usual, **change})

    def public_client(self, **change: Any) -> Client:
        """A new application without a secret, as those are that live in a browser."""
        return self.client(token_endpoint_auth_method="none", **change)

    def rows(self, table: Table, **equal: Any) -> list[Row[Any]]:
        """The rows of a table with these values, in the order of their keys."""
        query = select(table).order_by(*table.primary_key)
        for name, value in equal.items():
            query = query.where(table.c[name] == value)
        return list(self.read(Transaction.rows, query))

    def claims(self, token: str, *, typ: str = "") -> dict[str, Any]:
        """What a token claims that one of the published keys has signed."""
        published = self.read(keys.published, self.clock.now)
        verified = signing.verify(token, published, signing.ALGORITHMS)
        assert verified is not None, token
        assert typ in {"", verified.header["typ"]}
        return verified.claims

    def timestamp(self) -> int:
        """The installation's time, in seconds since 1970."""
        return int(self.clock.now.timestamp())


class Person(msgspec.Struct, frozen=True):
    """A user in one browser."""

    world: World
    organization: str
    name: str
    browser: Browser
    session_id: str
    secret: str

    @property
    def caller(self) -> Caller:
        """Whom the browser's cookie names now."""
        return caller_of(self.world.house, self.secret, self.world.clock.now, active=False)

    @property
    def act(self) -> Act:
        """Something done with the browser's cookie now."""
        return self.world.act(self.caller)

    @property
    def session(self) -> Session:
        """The session as it is stored."""
        found: Session | None = self.world.read(sessions.by_id, self.session_id)
        assert found is not None
        return found

    @property
    def ended(self) -> EndReason | None:
        """Why the session ended, as stored."""
        return self.session.ended_reason

    @property
    def user_id(self) -> str:
        """What tokens call her: ``sub``."""
        found = self.world.read(users.get_user, self.world.act(), self.organization, self.name)
        return str(found.id)

    def sign_out(self) -> None:
        """Sign out."""
        self.world.write(end.sign_out, self.act)

    def be_revoked(self) -> None:
        """Somebody ends the session."""
        self.world.write(end.end_one, self.world.act(), self.session_id)

    def permit(self, client: Client, *scopes: str) -> None:
        """Let an application know these things, as the consent page does."""
        self.world.write(consent.give, self.act, client.name, scopes)

    def change(self, **change: Any) -> None:
        """An administrator changes the user."""
        self.world.write(
            users.update_user,
            self.world.act(),
            self.world.house.vault,
            self.organization,
            self.name,
            users.UserChange(**change),
        )


class Client:
    """An application that calls over HTTP."""

    def __init__(
        self, world: World, name: str, client_id: str, secret: str, settings: dict[str, Any]
    ) -> None:
        """Use `World.client`."""
        self.world, self.name, self.client_id, self.secret = world, name, client_id, secret
        self.settings = settings
        self.redirect_uri: str = settings["redirect_uris"][0]
        self.http = world.browser("python-requests/2.33.1", same_origin=False)

    @property
    def method(self) -> str:
        """How it authenticates."""
        return str(self.settings.get("token_endpoint_auth_method", "client_secret_basic"))

    def change(self, **change: Any) -> None:
        """An administrator changes the application."""
        wanted = applications.ApplicationChange(**change)
        world = self.world
        world.write(
            applications.update_application, world.act(), world.house.vault, self.name, wanted
        )
        self.settings |= change

    # The authorization endpoint

    def query(self, **more: str | None) -> dict[str, str]:
        """The parameters of an authorization request; what is given as None is left out."""
        usual = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid profile email",
            "state": "a state",
            "nonce": "a nonce",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
        }
        return {k: v for k, v in {**usual, **more}.items() if v is not None}

    def ask(self, browser: Browser, **more: str | None) -> Response:
        """Send a browser to the authorization endpoint; what it is answered."""
        address = f"/oauth/authorize?{urlencode(self.query(**more))}"
        return browser.get(
            address, follow_redirects=False, headers={"Sec-Fetch-Site": "cross-site"}
        )

    def code(self, person: Person, **more: str | None) -> str:
        """A code for a person who has nothing to do but to be signed in.

        With ``offline_access`` among the scopes she has agreed before.
        """
        if "offline_access" in (more.get("scope") or ""):
            person.permit(self, "offline_access")
        answer = answered(self.ask(person.browser, **more))
        assert answer.get("state") == self.query(**more).get("state")
        return answer["code"]

    # The endpoints that applications call

    def headers(self) -> dict[str, str]:
        """The Authorization header of a client with a secret."""
        pair = f"{quote(self.client_id)}:{quote(self.secret)}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def post(
        self,
        path: str,
        fields: dict[str, str] | list[tuple[str, str]],
        *,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """A form to one of our endpoints, with nothing but what is given."""
        pairs = fields if isinstance(fields, list) else list(fields.items())
        return self.http.post(
            path,
            content=urlencode(pairs),
            headers={"Content-Type": "application/x-www-form-urlencoded", **(headers or {})},
        )

    def call(self, path: str, **fields: str | None) -> Response:
        """A form to one of our endpoints, authenticated as the application is registered."""
        sent = {k: v for k, v in fields.items() if v is not None}
        if self.method == "none":
            return self.post(path, {"client_id": self.client_id, **sent})
        if self.method == "client_secret_post":
            credentials = {"client_id": self.client_id, "client_secret": self.secret}
            return self.post(path, {**credentials, **sent})
        return self.post(path, sent, headers=self.headers())

    def exchange(self, code: str, **more: str | None) -> Response:
        """Exchange a code."""
        usual: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": VERIFIER,
        }
        return self.call("/oauth/token", **{**usual, **more})

    def tokens(self, person: Person, **more: str | None) -> dict[str, Any]:
        """Authorize and exchange."""
        return good(self.exchange(self.code(person, **more)))

    def refresh(self, token: str, **more: str | None) -> Response:
        """Refresh."""
        return self.call(
            "/oauth/token", **{"grant_type": "refresh_token", "refresh_token": token, **more}
        )

    def introspect(self, token: str, **more: str) -> dict[str, Any]:
        """Ask what a token is."""
        return good(self.call("/oauth/introspect", token=token, **more))

    def is_active(self, token: str) -> bool:
        """Whether introspection calls a token good; if not, it says nothing else."""
        found = self.introspect(token)
        assert found["active"] or found == {"active": False}
        return bool(found["active"])

    def userinfo(self, token: str) -> Response:
        """Ask about the user."""
        return self.http.get("/oauth/userinfo", headers={"Authorization": f"Bearer {token}"})

    def revoke(self, token: str, **more: str) -> Response:
        """Give a token up."""
        return self.call("/oauth/revoke", token=token, **more)

    def is_dead(self, tokens: dict[str, Any]) -> bool:
        """Whether nothing of an answer is good for anything: asked in every way there is.

        Presenting the refresh token spends it where it is alive.
        """
        told = {
            self.is_active(tokens["access_token"]),
            self.is_active(tokens["refresh_token"]),
            self.userinfo(tokens["access_token"]).status_code == 200,
            self.refresh(tokens["refresh_token"]).status_code == 200,
        }
        assert len(told) == 1, told
        return told == {False}


def answered(response: Response) -> dict[str, str]:
    """What the authorization endpoint sent to the application, by a redirect."""
    assert response.status_code == 303, response.text
    query = urlsplit(response.headers["location"]).query
    found = parse_qs(query, keep_blank_values=True, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values()), found
    return {name: values[0] for name, values in found.items()}


def good(response: Response) -> dict[str, Any]:
    """The JSON of an answer that is 200 and kept by nobody."""
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    found: dict[str, Any] = response.json()
    return found


def refused(response: Response, error: str, status: int = 400) -> str:
    """Check that this was refused as OAuth says it, and give the description."""
    assert (response.status_code, response.json()["error"]) == (status, error), response.text
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"].startswith("application/json")
    return str(response.json().get("error_description", ""))


def instant(timestamp: int) -> datetime:
    """A claim's time."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=timestamp)
