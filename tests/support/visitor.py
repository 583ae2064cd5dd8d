"""A visitor of a real server that costs next to nothing, so that a test can have a hundred."""

from __future__ import annotations

import base64
import http.client
import json
from http.cookies import SimpleCookie
from typing import Any, Self
from urllib.parse import quote, urlsplit

import msgspec

from tests.support.installation import FIREFOX, PASSWORD

PATIENCE = 60.0


class Answer(msgspec.Struct, frozen=True):
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


class Visitor:
    """One connection, with cookies; to be used by one thread at a time."""

    def __init__(self, url: str, *, basic: tuple[str, str] | None = None) -> None:
        """Call by cookies, or as an application by its id and secret."""
        target = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            target.hostname or "", target.port, timeout=PATIENCE
        )
        self.cookies: dict[str, str] = {}
        self._basic = basic

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """Send a request, its body as JSON, and read the answer."""
        headers = {"User-Agent": FIREFOX, "Sec-Fetch-Site": "same-origin"}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        if self._basic:
            pair = base64.b64encode(":".join(self._basic).encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        self._connection.request(method, path, content, headers)
        response = self._connection.getresponse()
        for header in response.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
        return Answer(
            response.status,
            {name.lower(): value for name, value in response.headers.items()},
            response.read(),
        )

    def sign_in(self, user: str, password: str = PASSWORD) -> Answer:
        """Sign in to the built-in application."""
        return self.ask(
            "POST",
            "/api/login",
            {
                "type": "login",
                "application": "app-built-in",
                "organization": "built-in",
                "username": user,
                "password": password,
            },
        )

    def is_signed_in(self) -> bool:
        """Whether the cookie opens something."""
        answer = self.ask("GET", "/api/get-account")
        assert answer.status == 200, answer
        if answer.json["status"] == "ok":
            return True
        assert answer.json["msg"] == "Please login first", answer
        return False

    def session_id(self) -> str:
        """The public id of the session in use."""
        items = self.ask("GET", "/v1/me/sessions").json["items"]
        [current] = [item["id"] for item in items if item["current"]]
        return str(current)

    def ids_of(self, user: str) -> list[str]:
        """The ids in a user's record; for applications."""
        key = quote(f"built-in/{user}/app-built-in")
        record = self.ask("GET", f"/api/get-session?sessionPkId={key}").json["data"]
        return [] if record is None else list(record["sessionId"])

    def end(self, user: str, session_id: str) -> Answer:
        """End one session of a user; for applications."""
        return self.ask(
            "POST",
            f"/api/delete-session?sessionId={session_id}",
            {"owner": "built-in", "name": user, "application": "app-built-in"},
        )

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
