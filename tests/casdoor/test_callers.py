"""Who is calling: which credential counts, and what a bad one is told (contract 2.2)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ostiary.services import passwords
from ostiary.services.house import Policy
from ostiary.storage.tables import audit_event, session, throttle
from tests.casdoor.conftest import MakeWorld
from tests.casdoor.world import DENIED, FOUR, SEVEN, Asker, World, key
from tests.support.installation import PASSWORD, PUBLIC_URL

WRONG = "password or code is incorrect"


def refusal(text: str) -> dict[str, Any]:
    return {"status": "error", "msg": text, "data": None, "data2": None}


def sees(asker: Asker, **parameters: Any) -> bool:
    return asker.get("get-sessions", owner="acme", **parameters)["status"] == "ok"


def test_applications_call_by_basic_or_by_parameters(world: World) -> None:
    assert sees(world.basic("wiki"))
    assert sees(world.by_parameters("wiki"))
    assert not sees(world.program())


@pytest.mark.parametrize(
    "header",
    [
        "Basic " + base64.b64encode(b"nobody:nothing").decode(),
        "Basic " + base64.b64encode(b"nocolon").decode(),
        "Basic %%%",
        "Basic",
        "basic ",
    ],
)
def test_wrong_basic_credentials_are_anonymous(world: World, header: str) -> None:
    """Item 5 of the acceptance list: silently, and a cookie beside them does not help."""
    ann = world.user_agent("ann")
    for asker in (world.program(), ann):
        asker.client.headers["Authorization"] = header
        assert asker.get("get-sessions", owner="acme") == DENIED
        assert asker.get("get-account")["msg"] == "Please login first"
    client_id, _ = world.credentials("wiki")
    token = base64.b64encode(f"{client_id}:wrong".encode()).decode()
    assert not sees(world.program(headers={"Authorization": f"Basic {token}"}))


def test_wrong_parameters_are_told(world: World) -> None:
    """Item 5 of the acceptance list: each with its own text, in four keys."""
    client_id, secret = world.credentials("wiki")
    program = world.program()
    answer = program.get("get-sessions", clientId="nobody", clientSecret="x")
    assert answer == refusal("Application not found for client ID: nobody")
    assert list(answer) == FOUR
    wrong = program.get("get-sessions", clientId=client_id, clientSecret=secret + "x")
    assert wrong == refusal("Incorrect client secret for application: wiki")
    # Half of them are no credentials.
    assert program.get("get-sessions", clientId=client_id) == DENIED
    assert program.get("get-sessions", clientSecret=secret) == DENIED


@pytest.mark.parametrize(
    "how",
    [
        {"parameters": {"accessToken": "x"}},
        {"parameters": {"access_token": "x"}},
        {"headers": {"Authorization": "Bearer x"}},
        {"headers": {"Authorization": "DPoP x"}},
    ],
)
def test_an_unknown_token_is_told(world: World, how: dict[str, Any]) -> None:
    expected = refusal("Access token doesn't exist in database")
    assert world.program(**how).get("get-sessions", owner="acme") == expected
    # The first kind of credential decides; nothing else is tried after it.
    ann = world.user_agent("ann")
    ann.client.headers.update(how.get("headers", {}))
    assert ann.get("get-sessions", owner="acme", **how.get("parameters", {})) == expected
    assert ann.post("sso-logout", **how.get("parameters", {})) == expected


def test_an_unknown_access_key_is_told(world: World) -> None:
    answer = world.program().get("get-sessions", accessKey="k", accessSecret="s")
    assert answer == refusal("Access key not found: k")


def test_a_user_calls_by_name_and_password(world: World) -> None:
    """Covers W6: for this one call."""
    credentials = {"username": "acme/ann", "password": PASSWORD}
    program = world.program(parameters=credentials)
    response = program.send("GET", "get-account")
    assert response.json()["name"] == "ann"
    assert "set-cookie" not in response.headers
    assert program.get("get-sessions", owner="acme")["data"] == []
    assert world.rows(session) == []
    answer = world.program().get("get-account", username="acme/ann", password="wrong")
    assert (answer["msg"], list(answer)) == (WRONG, SEVEN)
    for malformed in ("ann", "a/b/c", "/ann", "acme/"):
        answer = world.program().get("get-account", username=malformed, password=PASSWORD)
        assert answer["status"] == "error"
        assert answer["msg"] != WRONG


def test_name_and_password_are_slowed_down_like_a_sign_in(make_world: MakeWorld) -> None:
    """Covers C08, R09, W21: there is no side door to guess through."""
    world = make_world(policy=Policy(failures_before_delay=2, first_delay=90))
    program = world.program()
    for _ in range(2):
        answer = program.get("get-account", username="acme/ann", password="wrong")
        assert answer["msg"] == WRONG
    delayed = program.get("get-account", username="acme/ann", password=PASSWORD)
    assert delayed["msg"] == (
        "You have entered the wrong password or code too many times, please wait for "
        "2 minutes and try again"
    )
    assert world.rows(throttle)
    world.clock.forward(seconds=91)
    assert program.get("get-account", username="acme/ann", password=PASSWORD)["name"] == "ann"


def test_a_password_that_has_to_be_changed_opens_nothing(world: World) -> None:
    """Covers W23."""
    boss = world.user_agent("boss")
    form = {"userOwner": "acme", "userName": "ann", "newPassword": "somebody else chose this"}
    assert boss.post("set-password", **form)["status"] == "ok"
    answer = world.program().get(
        "get-account", username="acme/ann", password="somebody else chose this"
    )
    assert (answer["status"], answer["data"]) == ("error", None)
    assert answer["msg"] == "Choose a password of your own before you go on."


@pytest.mark.parametrize("kind", ["basic", "by_parameters"])
def test_calls_by_credentials_leave_no_session_and_no_cookie(world: World, kind: str) -> None:
    """Covers W6: whatever is called."""
    server: Asker = getattr(world, kind)("wiki")
    for response in (
        server.send("GET", "get-sessions", owner="acme"),
        server.send("GET", "get-account"),
        server.send("POST", "add-session", {**key("kim"), "sessionId": ["x"]}),
        server.send("POST", "delete-session", key("kim")),
        server.send("POST", "logout"),
        server.send("GET", "logout"),
        server.send("POST", "sso-logout"),
        world.program().send("GET", "get-account"),
    ):
        assert response.status_code == 200
        assert "set-cookie" not in response.headers
    assert world.rows(session) == []


def test_credentials_count_before_a_cookie(world: World) -> None:
    """Covers W6, W19: and need no proof of their origin."""
    ann = world.user_agent("ann")
    ann.client.headers["Sec-Fetch-Site"] = "cross-site"
    client_id, secret = world.credentials("wiki")
    body = {**key("kim"), "sessionId": ["x"]}
    answer = ann.post("add-session", body, clientId=client_id, clientSecret=secret)
    assert answer["data"] == "Affected"
    # The session of the cookie beside them is none of the call's: it may be ended.
    answer = ann.post(
        "delete-session",
        key(),
        sessionId=ann.session_id,
        clientId=client_id,
        clientSecret=secret,
    )
    assert answer["data"] == "Affected"


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": PUBLIC_URL},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": f"{PUBLIC_URL}.evil.example"},
    {"Referer": "https://evil.example/"},
    {"Referer": f"{PUBLIC_URL}@evil.example/"},
    {},
]
OWN = [
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": PUBLIC_URL},
    {"Referer": f"{PUBLIC_URL}/account"},
]


def without_proof(asker: Asker) -> Asker:
    del asker.client.headers["Sec-Fetch-Site"]
    return asker


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
def test_a_cookie_acts_only_with_a_proof_of_its_origin(world: World, kind: str) -> None:
    """Covers W19, E09, B14: whatever the content type."""
    ann, other = without_proof(world.user_agent("ann")), world.user_agent("ann")
    boss = without_proof(world.user_agent("boss"))
    calls: list[tuple[Asker, str, Any, dict[str, str]]] = [
        (ann, "delete-session", key(), {"sessionId": other.session_id}),
        (ann, "logout", None, {}),
        (ann, "sso-logout", None, {}),
        (ann, "login", {"type": "login", "application": "mail"}, {}),
        (ann, "set-password", None, {"userOwner": "acme", "userName": "ann"}),
        (boss, "add-session", {**key("kim"), "sessionId": ["x"]}, {}),
        (boss, "update-session", {**key(), "sessionId": ["x"]}, {}),
        (boss, "add-user", {"owner": "acme", "name": "new"}, {}),
        (boss, "delete-user", {"owner": "acme", "name": "ann"}, {}),
        (boss, "update-application", {"name": "wiki"}, {"id": "admin/wiki"}),
    ]
    for headers in FOREIGN:
        for asker, call, body, parameters in calls:
            asker.client.headers.update({**headers, **({"Content-Type": kind} if kind else {})})
            answer = asker.post(call, body, **parameters)
            for name in headers:
                del asker.client.headers[name]
            assert list(answer) == FOUR, (headers, call)
            assert "did not come from a page of this server" in answer["msg"]
    for browser in (ann, other):
        assert browser.data("get-account")["name"] == "ann"
    assert world.basic("wiki").ids() == [ann.session_id, other.session_id]
    assert world.basic("wiki").ids("kim") is None


@pytest.mark.parametrize("headers", OWN)
def test_a_cookie_with_a_proof_acts(world: World, headers: dict[str, str]) -> None:
    """Covers W19."""
    ann, other = without_proof(world.user_agent("ann")), world.user_agent("ann")
    ann.client.headers.update(headers)
    answer = ann.post("delete-session", key(), sessionId=other.session_id)
    assert answer["data"] == "Affected"


def test_reading_by_cookie_needs_no_proof(world: World) -> None:
    ann = without_proof(world.user_agent("ann"))
    ann.client.headers["Sec-Fetch-Site"] = "cross-site"
    assert sees(ann)


@pytest.mark.parametrize("end", ["logout", "delete", "expire", "disable"])
def test_a_dead_session_s_cookie_is_nobody_s(world: World, end: str) -> None:
    """Covers W12, R03: nothing is read, nothing is begun, nothing is minted."""
    ann, server = world.user_agent("ann"), world.basic("wiki")
    secret = ann.client.cookies["sid"]
    if end == "logout":
        assert ann.post("logout")["status"] == "ok"
    elif end == "delete":
        assert server.post("delete-session", key())["data"] == "Affected"
    elif end == "expire":
        world.clock.forward(hours=25)
    else:
        body = {"owner": "acme", "name": "ann", "isForbidden": True}
        assert server.post("update-user", body, id="acme/ann")["data"] == "Affected"
    ann.client.cookies.clear()
    ann.client.headers["Cookie"] = f"sid={secret}"
    assert ann.get("get-sessions", owner="acme") == DENIED
    assert ann.get("get-user", id="acme/ann") == DENIED
    assert ann.get("get-account")["msg"] == "Please login first"
    quick = ann.post("login", {"type": "login", "application": "mail"})
    assert quick["msg"] == "Unknown authentication type (not password or provider)"
    assert server.ids() is server.ids(application="mail") is None


def test_secrets_in_queries_are_written_nowhere(world: World) -> None:
    """Covers W16: neither to the audit nor to any other row."""
    client_id, secret = world.credentials("wiki")
    program = world.program()
    passphrase = "a query is no place for this"
    program.get("get-sessions", owner="acme", clientId=client_id, clientSecret=secret)
    program.get("get-sessions", owner="acme", clientId=client_id, clientSecret=passphrase)
    program.get("get-account", username="acme/ann", password=passphrase)
    program.get("get-account", username=f"acme/{passphrase}", password=passphrase)
    program.get("get-account", accessToken=passphrase)
    program.get("logout", id_token_hint=passphrase)
    written = json.dumps([list(row) for row in world.rows(audit_event)], default=str)
    assert "sign_in.failed" in written
    world.database.close()
    path = world.database.engine.url.database
    assert path is not None
    with open(path, "rb") as file:  # noqa: PTH123 - bytes of a file that is open elsewhere
        raw = file.read()
    for value in (secret, passphrase):
        assert value not in written
        assert value.encode() not in raw


def test_passwords_set_by_an_application_are_good_at_once(world: World) -> None:
    """Covers W23: an application answers for how it reaches its owner."""
    world.write(
        passwords.store,
        world.act(),
        "acme",
        "ann",
        passwords.prepare(world.house, world.act(), "acme", "ann", "quite another phrase"),
    )
    answer = world.program().get(
        "get-account", username="acme/ann", password="quite another phrase"
    )
    assert answer["name"] == "ann"
