"""A whole installation in this process: real application, real store, a clock to move.

installation = Installation(database_url, tmp_path)
browser = installation.browser()                 # a client with its own cookies and agent
installation.sign_in(browser, "acme", "ann")     # over HTTP
installation.clock.forward(hours=2)
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from litestar import Litestar
from litestar.testing import TestClient

from ostiary.domain.access import OPERATOR, Caller
from ostiary.domain.session import Device
from ostiary.edge.house import Front
from ostiary.gateways.addresses import parse_networks
from ostiary.gateways.encodings import Cost
from ostiary.gateways.keys import Vault
from ostiary.gateways.outbound import Outbound
from ostiary.gateways.passwords import Passwords
from ostiary.gateways.visitors import Places
from ostiary.services import (
    applications,
    organizations,
    passwords,
    setup,
    sign_in,
    users,
    webhooks,
)
from ostiary.services.activity import Activity
from ostiary.services.house import Act, House, Policy
from ostiary.storage.schema import open_database

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/143.0.0.0 Safari/537.36"
)
PASSWORD = "correct horse battery staple"
PUBLIC_URL = "http://127.0.0.1:8000"
CHEAP = Cost(memory=8, passes=1, lanes=1)
"""Tests compare hundreds of passwords; what a hash costs is tested where it matters."""


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self, now: datetime = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **units: float) -> datetime:
        """Move on, by the arguments of ``timedelta``."""
        self.now += timedelta(**units)
        return self.now


class Installation:
    """See the module."""

    def __init__(
        self,
        url: str,
        directory: Path,
        *,
        policy: Policy | None = None,
        public_url: str = PUBLIC_URL,
        trusted: tuple[str, ...] = (),
        install: bool = True,
        outbound: Outbound | None = None,
    ) -> None:
        self.clock = Clock()
        self.policy = policy or Policy()
        self.public_url = public_url
        self.database = open_database(url, threads=16)
        self.house = House(
            database=self.database,
            vault=Vault.open(directory, create=True),
            passwords=Passwords(threads=1, cost=CHEAP),
            places=Places(),
            activity=Activity(self.policy.flush_last_seen_every),
            policy=self.policy,
            clock=self.clock,
            outbound=outbound or Outbound(),
        )
        self._front = Front(public_url=public_url, trusted=parse_networks(list(trusted)))
        self.database.write(setup.prepare_store, self.act(), self.house.vault)
        self.client_id = self.client_secret = ""
        if install:
            installed = setup.install(self.house, self.act(), admin="admin", password=PASSWORD)
            assert installed is not None
            self.client_id = installed.application.client_id
            self.client_secret = installed.client_secret

    @cached_property
    def app(self) -> Litestar:
        """The real application; made when first asked for, since tests of services need none."""
        from ostiary.ops.app import create_app  # noqa: PLC0415 - services do without the fronts

        return create_app(self.house, self._front)

    def close(self) -> None:
        """Give everything back."""
        self.house.passwords.close()
        self.database.close()

    def act(self, caller: Caller = OPERATOR, address: str = "203.0.113.7") -> Act:
        """Somebody acts now; the operator unless said otherwise."""
        return Act(
            caller=caller,
            now=self.clock.now,
            address=address,
            fresh_within=self.policy.reauthenticate_after,
            allow=self.house.outbound.allow,
        )

    def write(self, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a verb of the services in a writing transaction."""
        return self.database.write(verb, *args, **kwargs)

    def read(self, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a verb of the services in a reading transaction."""
        return self.database.read(verb, *args, **kwargs)

    def organization(self, name: str, **change: Any) -> None:
        """Add an organization."""
        wanted = organizations.OrganizationChange(**change)
        self.write(organizations.add_organization, self.act(), self.house.vault, name, wanted)

    def application(self, organization: str, name: str, **change: Any) -> tuple[str, str]:
        """Add an application.

        Returns:
            Its client id and secret.
        """
        wanted = applications.ApplicationChange(**change)
        added = self.write(
            applications.add_application,
            self.act(),
            self.house.vault,
            organization,
            name,
            wanted,
        )
        return added.client_id, applications.secret_of(self.house.vault, added)

    def webhook(self, organization: str, name: str, **change: Any) -> str:
        """Add a webhook.

        Returns:
            The text of its secret.
        """
        wanted = webhooks.WebhookChange(**change)
        made = self.write(
            webhooks.add_webhook, self.act(), self.house.vault, organization, name, wanted
        )
        return str(made.secret)

    def user(
        self, organization: str, name: str, *, password: str = PASSWORD, **change: Any
    ) -> None:
        """Add a user with a password of the user's own."""
        credential = passwords.prepare(self.house, self.act(), organization, name, password)
        self.write(
            users.add_user,
            self.act(),
            self.house.vault,
            organization,
            name,
            users.UserChange(**change),
            credential=credential,
        )

    def browser(
        self, agent: str = FIREFOX, *, address: str = "203.0.113.7", same_origin: bool = True
    ) -> TestClient[Litestar]:
        """A client with cookies of its own.

        ``same_origin`` sends what browsers send from our own pages.
        """
        client = TestClient(
            self.app,
            base_url=self.public_url,
            raise_server_exceptions=True,
        )
        client.headers["User-Agent"] = agent
        if same_origin:
            client.headers["Sec-Fetch-Site"] = "same-origin"
        return client

    def start_session(
        self,
        organization: str,
        user: str,
        *,
        application: str = "app-built-in",
        password: str = PASSWORD,
        device: Device | None = None,
        **further: Any,
    ) -> sign_in.SignedIn:
        """Sign in by the service itself, on a new device unless ``device_secret`` is given."""
        return sign_in.sign_in(
            self.house,
            self.act(address=(device or Device(address="203.0.113.7")).address),
            sign_in.Attempt(
                organization=organization,
                application=application,
                login=user,
                password=password,
                device=device
                or Device(
                    kind="desktop",
                    browser="Firefox",
                    os="Linux",
                    agent=FIREFOX,
                    address="203.0.113.7",
                ),
                **further,
            ),
        )

    def signed_in_browser(
        self, organization: str, user: str, agent: str = FIREFOX, **further: Any
    ) -> tuple[TestClient[Litestar], str]:
        """A browser that is signed in (its cookies set directly) and the session's public id."""
        started = self.start_session(organization, user, **further)
        client = self.browser(agent)
        prefix = "__Host-" if self.public_url.startswith("https") else ""
        # With the host, as if the server had set them, so that it can also set them anew.
        host = urlsplit(self.public_url).hostname or ""
        client.cookies.set(prefix + "sid", started.secret, domain=host)
        if started.device_secret:
            client.cookies.set(prefix + "device", started.device_secret, domain=host)
        return client, started.session.id
