"""People and applications to try the wire with, and short ways to ask as each of them.

acme (wiki, mail; ann, bob, and boss who administers it), globex (shop; gus, gina who administers
it), built-in (admin, app-built-in). Everybody's password is `PASSWORD`.
"""

from __future__ import annotations

import base64
import json
from typing import Any, ClassVar

from httpx import Response
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import Row, Table, select

from ostiary.ops.app import create_app
from ostiary.services import applications
from ostiary.storage import applications as application_rows
from tests.support.installation import FIREFOX, PASSWORD, Installation

CALLBACK = "https://wiki.example/callback"
HOME = "https://wiki.example/"
LOGOUT = "https://wiki.example/logout"

SEVEN = ["status", "msg", "sub", "name", "data", "data2", "data3"]
FOUR = ["status", "msg", "data", "data2"]
DENIED = {"status": "error", "msg": "Unauthorized operation", "data": None, "data2": None}


class Asker:
    """Somebody who calls: a browser with its cookies, or a program with credentials."""

    def __init__(
        self,
        client: TestClient[Litestar],
        *,
        headers: dict[str, str] | None = None,
        parameters: dict[str, str] | None = None,
        session_id: str = "",
    ) -> None:
        self.client = client
        self.client.headers.update(headers or {})
        self.parameters = parameters or {}
        self.session_id = session_id

    def send(self, method: str, call: str, body: Any = None, **parameters: Any) -> Response:
        """One call, as it was answered."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.request(
            method,
            f"/api/{call}",
            params={**self.parameters, **parameters},
            content=content if method == "POST" and body is not None else None,
            follow_redirects=False,
        )

    def get(self, call: str, **parameters: Any) -> dict[str, Any]:
        """What a GET answers."""
        return envelope(self.send("GET", call, **parameters))

    def post(self, call: str, body: Any = None, **parameters: Any) -> dict[str, Any]:
        """What a POST answers."""
        return envelope(self.send("POST", call, body, **parameters))

    def data(self, call: str, **parameters: Any) -> Any:
        """What a GET brings, which has to go well."""
        answer = self.get(call, **parameters)
        assert answer["status"] == "ok", answer
        return answer["data"]

    def ids(self, user: str = "ann", application: str = "wiki", owner: str = "acme") -> Any:
        """The ids of a record; None: there is no record."""
        record = self.data("get-session", sessionPkId=f"{owner}/{user}/{application}")
        return None if record is None else record["sessionId"]


def envelope(response: Response) -> dict[str, Any]:
    """An answer of the wire: HTTP 200, JSON, seven keys or four, in their order."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    answer: dict[str, Any] = response.json()
    assert list(answer) in (SEVEN, FOUR)
    return answer


def key(user: str = "ann", application: str = "wiki", owner: str = "acme") -> dict[str, Any]:
    """A body that names a record."""
    return {"owner": owner, "name": user, "application": application}


class World(Installation):
    """See the module."""

    _shared: ClassVar[Litestar | None] = None

    @property
    def app(self) -> Litestar:
        """The real application, made once for all worlds: each gives it its own house."""
        if World._shared is None:
            World._shared = create_app(self.house, self._front)
        World._shared.state.house = self.house
        World._shared.state.front = self._front
        return World._shared

    def populate(self) -> None:
        """Make the people; done once, everybody else gets a copy."""
        self.organization("acme", display_name="Acme")
        self.application(
            "acme",
            "wiki",
            redirect_uris=(CALLBACK, "http://127.0.0.1:9000/cb"),
            homepage_url=HOME,
            backchannel_logout_uri=LOGOUT,
        )
        self.application("acme", "mail")
        for name in ("ann", "bob"):
            self.user("acme", name, email=f"{name}@acme.example")
        self.user("acme", "boss", is_admin=True)
        self.organization("globex")
        self.application("globex", "shop")
        self.user("globex", "gus")
        self.user("globex", "gina", is_admin=True)

    def credentials(self, application: str) -> tuple[str, str]:
        """An application's client id and secret."""
        found = self.read(application_rows.get, application)
        assert found is not None
        return found.client_id, applications.secret_of(self.house.vault, found)

    def basic(self, application: str) -> Asker:
        """An application that calls by HTTP Basic, as most SDKs do."""
        name, secret = self.credentials(application)
        token = base64.b64encode(f"{name}:{secret}".encode()).decode()
        return self.program(headers={"Authorization": f"Basic {token}"})

    def by_parameters(self, application: str) -> Asker:
        """An application that calls by parameters, as the Python SDK does."""
        name, secret = self.credentials(application)
        return self.program(parameters={"clientId": name, "clientSecret": secret})

    def everywhere(self) -> Asker:
        """The application of the built-in organization, which may everything."""
        return self.basic("app-built-in")

    def program(self, **how: Any) -> Asker:
        """Somebody without cookies and without a browser's headers."""
        return Asker(self.browser("python-requests/2.33.1", same_origin=False), **how)

    def user_agent(
        self, user: str, organization: str = "acme", agent: str = FIREFOX, **further: Any
    ) -> Asker:
        """A signed-in user's browser; in the wiki of acme unless said otherwise.

        A second passes, so that sessions are in the order in which they were started.
        """
        self.clock.forward(seconds=1)
        application = {"acme": "wiki", "globex": "shop"}.get(organization, "app-built-in")
        chosen = {"application": application, **further}
        client, session_id = self.signed_in_browser(organization, user, agent, **chosen)
        return Asker(client, session_id=session_id)

    def log_in(self, asker: Asker, user: str = "ann", **form: Any) -> dict[str, Any]:
        """Sign in over the wire."""
        body = {
            "type": "login",
            "signinMethod": "Password",
            "application": "wiki",
            "organization": "acme",
            "username": user,
            "password": PASSWORD,
            **form,
        }
        return asker.post("login", body)

    def rows(self, table: Table) -> list[Row[Any]]:
        """What the store holds."""
        return list(self.read(lambda tx: tx.rows(select(table))))
