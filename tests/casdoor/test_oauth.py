"""Codes and tokens on this wire: what is asked, what is answered, what is refused."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.domain.client import AuthMethod
from ostiary.services import users
from ostiary.services.house import Policy
from ostiary.storage import sessions
from ostiary.storage.tables import session
from tests.casdoor.conftest import MakeWorld
from tests.casdoor.oauth import (
    CHALLENGE,
    VERIFIER,
    asked,
    bearer,
    change,
    code_for,
    form,
    open_up,
    part,
    post,
    tokens_for,
)
from tests.casdoor.world import CALLBACK, SEVEN, Asker, World
from tests.support.installation import PASSWORD

SIX = ["access_token", "id_token", "refresh_token", "token_type", "expires_in", "scope"]


@pytest.fixture
def wire(world: World) -> World:
    """A world whose wiki has every grant."""
    open_up(world)
    return world


def error(response: Any) -> tuple[int, str, str]:
    answer = response.json()
    assert list(answer) == ["error", "error_description"]
    assert response.headers["cache-control"] == "no-store"
    return response.status_code, answer["error"], answer["error_description"]


def test_a_sign_in_brings_a_code_and_the_code_brings_tokens(wire: World) -> None:
    """Covers W17, W22: contract 3.2, 3.4; the browser is signed in besides."""
    browser = Asker(wire.browser())
    response = browser.send("POST", "login", form(), **asked(wire, nonce="n1"))
    answer = response.json()
    assert (list(answer), answer["status"]) == (SEVEN, "ok")
    assert len(answer["data"]) == 43
    assert browser.data("get-account")["name"] == "ann"
    exchanged = post(wire, grant_type="authorization_code", code=answer["data"])
    assert exchanged.headers["content-type"] == "application/json; charset=utf-8"
    assert exchanged.headers["cache-control"] == "no-store"
    tokens = exchanged.json()
    assert list(tokens) == SIX
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 300)
    assert tokens["scope"] == "openid profile"
    assert tokens["id_token"] != tokens["access_token"]
    identity = part(tokens["id_token"])
    assert (identity["nonce"], identity["aud"]) == ("n1", wire.credentials("wiki")[0])
    assert part(tokens["id_token"], 0)["typ"] == "JWT"


def test_a_live_session_is_enough_for_a_code(wire: World) -> None:
    ann = wire.user_agent("ann")
    answer = ann.post("login", {"type": "code", "application": "wiki"}, **asked(wire))
    assert post(wire, grant_type="authorization_code", code=answer["data"]).status_code == 200
    assert len(wire.rows(session)) == 1


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"clientId": "nobody"}, "Invalid client_id"),
        ({"clientId": ""}, "Invalid client_id"),
        ({"responseType": "token"}, "Grant_type: token is not supported in this application"),
        ({"responseType": ""}, "Grant_type:  is not supported in this application"),
        (
            {"redirectUri": "https://evil.example/"},
            "Redirect URI: https://evil.example/ doesn't exist in the allowed Redirect URI list",
        ),
        (
            {"redirectUri": CALLBACK + "/"},
            f"Redirect URI: {CALLBACK}/ doesn't exist in the allowed Redirect URI list",
        ),
        (
            {"code_challenge": CHALLENGE.decode(), "code_challenge_method": "plain"},
            "Challenge method should be S256",
        ),
        ({"code_challenge": CHALLENGE.decode()}, "Challenge method should be S256"),
    ],
)
def test_a_request_that_makes_no_sense_signs_nobody_in(
    wire: World, more: dict[str, str], text: str
) -> None:
    """Covers W17, D05, D10: it is read before a password is looked at."""
    answer = Asker(wire.browser()).post("login", form(), **asked(wire, **more))
    assert (answer["status"], answer["msg"], answer["data"]) == ("error", text, None)
    assert wire.rows(session) == []


def test_a_code_is_for_the_application_that_is_named(wire: World) -> None:
    browser = Asker(wire.browser())
    answer = browser.post("login", form(application="mail"), **asked(wire))
    assert answer["msg"] == "Invalid client_id"
    assert browser.post("login", form(application=""), **asked(wire))["status"] == "ok"
    foreign = wire.user_agent("gus", "globex")
    refused = foreign.post("login", {"type": "code", "application": "wiki"}, **asked(wire))
    assert refused["msg"] == "The application wiki is not open to globex."


def test_where_the_user_has_to_be_asked_there_is_no_code_yet(wire: World) -> None:
    """Contract 3.2: the question is the page's."""
    change(wire, consent_required=True)
    answer = Asker(wire.browser()).post("login", form(), **asked(wire))
    assert (answer["status"], answer["data"]) == ("ok", {"required": True})


def test_an_application_may_want_a_fresher_authentication(wire: World) -> None:
    change(wire, default_max_age=60)
    ann = wire.user_agent("ann")
    quick = {"type": "code", "application": "wiki"}
    assert ann.post("login", quick, **asked(wire))["status"] == "ok"
    wire.clock.forward(seconds=61)
    answer = ann.post("login", quick, **asked(wire))
    assert (answer["status"], answer["data"]) == ("error", None)
    assert len(code_for(wire, ann)) == 43


@pytest.mark.parametrize("end", ["expired", "signed out", "disabled"])
def test_what_has_ended_brings_no_code_and_no_tokens(wire: World, end: str) -> None:
    """Covers W12, W13: and a code that was there already is good for nothing."""
    browser = Asker(wire.browser())
    code = code_for(wire, browser)
    if end == "expired":
        wire.clock.forward(days=2)
    elif end == "signed out":
        browser.post("logout")
    else:
        disabled = users.UserChange(disabled=True)
        wire.write(users.update_user, wire.act(), wire.house.vault, "acme", "ann", disabled)
    quick = browser.post("login", {"type": "code", "application": "wiki"}, **asked(wire))
    assert quick["status"] == "error"
    response = post(wire, grant_type="authorization_code", code=code)
    assert error(response)[:2] == (400, "invalid_grant")


def test_a_code_is_good_once(wire: World) -> None:
    """Covers W11, D06: the second use takes away what the first one brought."""
    code = code_for(wire)
    first = post(wire, grant_type="authorization_code", code=code).json()
    assert bearer(wire, first["access_token"]).data("get-account")["name"] == "ann"
    again = post(wire, grant_type="authorization_code", code=code)
    assert error(again) == (400, "invalid_grant", "authorization code has been used")
    assert bearer(wire, first["access_token"]).get("get-account")["status"] == "error"


def test_the_redirect_address_is_compared_when_it_comes(wire: World) -> None:
    """Covers W17."""
    for sent, status in ((CALLBACK, 200), ("", 200), ("https://wiki.example/other", 400)):
        code = code_for(wire)
        response = post(wire, grant_type="authorization_code", code=code, redirect_uri=sent)
        assert response.status_code == status, sent
    wrong = post(wire, grant_type="authorization_code", code="")
    assert error(wrong) == (400, "invalid_request", "authorization code should not be empty")


def test_a_public_client_binds_its_code_and_says_where_it_went(wire: World) -> None:
    """Covers W17, L09, B09: as the JavaScript SDK does, from a page of its own."""
    change(
        wire,
        token_endpoint_auth_method=AuthMethod.NONE.value,
        grant_types=("authorization_code", "refresh_token"),
    )
    bound = {"code_challenge": CHALLENGE.decode(), "code_challenge_method": "S256"}
    unbound = Asker(wire.browser()).post("login", form(), **asked(wire))
    assert unbound["msg"] == "code_challenge is required."
    fields = {"grant_type": "authorization_code", "client_secret": "", "redirect_uri": CALLBACK}

    def exchange(**more: str) -> Any:
        code = code_for(wire, **bound)
        return post(wire, code=code, **{**fields, "code_verifier": VERIFIER, **more})

    assert exchange().status_code == 200
    assert error(exchange(code_verifier="x" * 43))[:2] == (400, "invalid_grant")
    assert error(exchange(code_verifier=""))[:2] == (400, "invalid_grant")
    assert error(exchange(redirect_uri=""))[:2] == (400, "invalid_request")
    page = wire.browser(same_origin=False)
    page.headers["Origin"] = "https://wiki.example"
    path = "/api/login/oauth/access_token"
    asked_first = page.options(path)
    assert asked_first.headers["access-control-allow-origin"] == "https://wiki.example"
    sent = {**fields, "client_id": wire.credentials("wiki")[0], "code": code_for(wire, **bound)}
    answer = page.post(path, data={**sent, "code_verifier": VERIFIER, "client_secret": ""})
    assert answer.headers["access-control-allow-origin"] == "https://wiki.example"
    token = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    known = page.get("/api/userinfo", headers=token)
    assert known.headers["access-control-allow-origin"] == "https://wiki.example"
    assert known.json()["name"] == "ann"
    assert error(post(wire, "introspect", client_secret="", token="x"))[0] == 401
    fields["grant_type"] = "client_credentials"
    assert error(post(wire, **fields))[1] == "unsupported_grant_type"


def test_parameters_may_stand_anywhere(wire: World) -> None:
    """Contract 3.4: in a form, in the query, in a JSON body; the client by Basic as well."""
    client_id, secret = wire.credentials("wiki")
    client = wire.browser("Go-http-client/1.1", same_origin=False)
    path, by_client = "/api/login/oauth/access_token", {"grant_type": "client_credentials"}
    credentials = {"client_id": client_id, "client_secret": secret}
    everything = {**by_client, **credentials}
    basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    header = {"Authorization": f"Basic {basic}"}
    for sent in (
        {"data": everything},
        {"params": everything},
        {"json": everything},
        {"content": json.dumps(everything).encode(), "headers": {"Content-Type": "text/plain"}},
        {"params": by_client, "json": credentials},
        {"params": by_client, "headers": header},
        {"json": by_client | {"client_id": client_id}, "headers": header},
    ):
        response = client.post(path, **sent)  # type: ignore[arg-type]
        assert response.status_code == 200, (sent, response.text)
        assert response.json()["refresh_token"] == ""


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"client_id": "nobody"}, "client_id is invalid"),
        ({"client_id": "", "client_secret": ""}, "client_id is invalid"),
        ({"client_secret": "wrong"}, "client_secret is invalid"),
        ({"client_secret": ""}, "client_secret is invalid"),
        (
            {"client_secret": "", "client_assertion": "e30.e30.e30"},
            "client_assertion is invalid",
        ),
    ],
)
@pytest.mark.parametrize("grant", ["authorization_code", "password", "client_credentials"])
def test_a_client_that_is_not_believed(
    wire: World, grant: str, fields: dict[str, str], text: str
) -> None:
    """Covers W17, D13: the password grant needs the secret too."""
    response = post(wire, grant_type=grant, code="x", username="ann", password=PASSWORD, **fields)
    assert error(response) == (401, "invalid_client", text)
    assert response.headers["www-authenticate"] == 'Basic realm="OAuth2"'
    assert wire.rows(session) == []


def test_guessing_a_secret_is_slowed_down(make_world: MakeWorld) -> None:
    world = make_world(policy=Policy(failures_before_delay=1, first_delay=60))
    open_up(world)
    for _ in range(4):
        post(world, grant_type="client_credentials", client_secret="wrong")
    response = post(world, grant_type="client_credentials")
    assert response.status_code == 429
    assert int(response.headers["retry-after"]) >= 1


def test_a_grant_has_to_be_turned_on(wire: World) -> None:
    """Covers W17, D08: and what is not offered says so in the same words."""
    change(wire, grant_types=("authorization_code",))
    for grant in ("password", "client_credentials", "refresh_token", "id_token", "token", ""):
        response = post(wire, grant_type=grant, username="ann", password=PASSWORD)
        text = f"grant_type: {grant} is not supported in this application"
        assert error(response) == (400, "unsupported_grant_type", text)
    assert wire.rows(session) == []


def test_a_password_brings_tokens_of_a_session_of_their_own(wire: World) -> None:
    """Covers W17, W21."""
    fields = {"grant_type": "password", "username": "ann", "scope": "openid read"}
    tokens = post(wire, password=PASSWORD, **fields).json()
    assert tokens["scope"] == "openid read"
    (row,) = wire.rows(session)
    assert wire.basic("wiki").ids() == [row.id]
    wrong = "invalid username or password: password or code is incorrect"
    for more in ({"password": "wrong"}, {"username": "nobody", "password": PASSWORD}):
        response = post(wire, **{**fields, **more})
        assert error(response) == (400, "invalid_grant", wrong)


def test_an_application_s_own_token(wire: World) -> None:
    """Contract 3.4: it calls as the application, and there is nothing to refresh."""
    tokens = post(wire, grant_type="client_credentials", scope="read openid").json()
    assert (tokens["refresh_token"], tokens["id_token"], tokens["scope"]) == ("", "", "read")
    claims = part(tokens["access_token"])
    assert (claims["sub"], claims["owner"], claims["name"]) == ("admin/wiki", "admin", "wiki")
    assert claims["type"] == "application"
    assert "sid" not in claims
    called = bearer(wire, tokens["access_token"])
    assert [u["name"] for u in called.data("get-users", owner="acme")] == ["boss", "bob", "ann"]
    assert called.get("get-users", owner="globex")["msg"] == "Unauthorized operation"
    said = post(wire, "introspect", token=tokens["access_token"]).json()
    assert (said["sub"], said["username"], said["jti"]) == ("admin/wiki", "wiki", claims["jti"])
    assert called.get("get-account")["msg"] == "The user: app/wiki doesn't exist"


@pytest.mark.parametrize("call", ["access_token", "refresh_token"])
def test_a_refresh_token_is_spent_by_its_use(wire: World, call: str) -> None:
    """Covers W14, D09: coming again it ends the family, and the session with it."""
    first = tokens_for(wire)
    (row,) = wire.rows(session)
    fields = {"grant_type": "refresh_token", "scope": ""}
    second = post(wire, call, refresh_token=first["refresh_token"], **fields).json()
    assert list(second) == SIX
    assert second["refresh_token"] not in {"", first["refresh_token"]}
    wire.clock.forward(seconds=11)
    again = post(wire, call, refresh_token=first["refresh_token"], **fields)
    assert error(again) == (400, "invalid_grant", "refresh token is invalid or revoked")
    assert wire.read(sessions.by_id, row.id).ended_reason == "token_reuse"
    for token in (second["refresh_token"], first["refresh_token"], "nothing", ""):
        response = post(wire, call, refresh_token=token, **fields)
        assert error(response)[:2] == (400, "invalid_grant")
    assert post(wire, "introspect", token=second["access_token"]).json() == {"active": False}


def test_a_refresh_token_does_not_outlive_its_time(wire: World) -> None:
    change(wire, refresh_token_idle=600)
    tokens = tokens_for(wire)
    wire.clock.forward(seconds=601)
    fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    response = post(wire, "refresh_token", **fields)
    assert error(response) == (400, "invalid_grant", "refresh token is expired")


def test_a_refresh_token_is_of_one_client_and_one_scope(wire: World) -> None:
    """Covers L04."""
    open_up(wire, "mail")
    tokens = tokens_for(wire)
    fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    foreign = post(wire, "refresh_token", "mail", **fields)
    assert error(foreign)[1] == "invalid_grant"
    more = post(wire, "refresh_token", **fields, scope="openid profile email")
    assert error(more)[1] == "invalid_scope"
    less = post(wire, "refresh_token", **fields, scope="openid")
    assert less.json()["scope"] == "openid"


def test_the_path_for_refreshing_takes_nothing_else(wire: World) -> None:
    response = post(wire, "refresh_token", grant_type="password", username="ann")
    text = "grant_type should be refresh_token"
    assert error(response) == (400, "unsupported_grant_type", text)


def test_introspection_tells_the_client_what_a_token_is(wire: World) -> None:
    """Contract 3.5; covers L11, W15."""
    tokens = tokens_for(wire)
    said = post(wire, "introspect", token=tokens["access_token"]).json()
    claims = part(tokens["access_token"])
    client_id = wire.credentials("wiki")[0]
    first = ["active", "scope", "client_id", "username", "token_type", "exp", "iat", "nbf"]
    assert list(said) == [*first, "sub", "aud", "iss", "jti", "sid"]
    assert said["active"] is True
    assert (said["scope"], said["client_id"]) == ("openid profile", client_id)
    assert (said["username"], said["token_type"]) == ("ann", "Bearer")
    assert said["aud"] == [client_id]
    for name in ("sub", "iss", "exp", "iat", "jti", "sid"):
        assert said[name] == claims[name], name
    hinted = {"token": tokens["refresh_token"], "token_type_hint": "refresh-token"}
    assert post(wire, "introspect", **hinted).json()["active"] is True
    assert post(wire, "introspect", token="nothing").json() == {"active": False}
    wrong = post(wire, "introspect", client_secret="wrong", token="x")
    text = "Invalid application or wrong clientSecret"
    assert error(wrong) == (401, "invalid_client", text)
    assert error(post(wire, "introspect", client_id="x"))[2] == "client_id is invalid"
    multipart = wire.program().client.post(
        "/api/login/oauth/introspect",
        files={"token": (None, tokens["access_token"])},
        headers=wire.basic("wiki").client.headers,
    )
    assert multipart.json()["active"] is True
    wire.basic("wiki").post(
        "delete-session", {"owner": "acme", "name": "ann", "application": "wiki"}
    )
    assert post(wire, "introspect", token=tokens["access_token"]).json() == {"active": False}


def test_the_old_door_leads_to_the_new_one(wire: World) -> None:
    """Contract 3.3: a request that came by the path of this wire brings a code in the end."""
    ann = wire.user_agent("ann")
    query = {
        "client_id": wire.credentials("wiki")[0],
        "response_type": "code",
        "redirect_uri": CALLBACK,
        "scope": "read",
        "state": "x y&z",
    }
    ann.client.headers.pop("Sec-Fetch-Site")
    arrived = ann.client.get("/login/oauth/authorize", params=query, follow_redirects=False)
    assert arrived.status_code == 303
    assert arrived.headers["location"].startswith("/oauth/authorize?")
    sent = ann.client.get(arrived.headers["location"], follow_redirects=False)
    location = urlsplit(sent.headers["location"])
    back = parse_qs(location.query)
    assert (back["state"], location.hostname) == (["x y&z"], "wiki.example")
    tokens = post(wire, grant_type="authorization_code", code=back["code"][0]).json()
    assert (tokens["scope"], tokens["id_token"]) == ("read", "")


def test_a_silent_request_shows_no_page(wire: World) -> None:
    query = {
        "client_id": wire.credentials("wiki")[0],
        "response_type": "code",
        "redirect_uri": CALLBACK,
        "silentSignin": "1",
        "prompt": "login",
    }
    client = wire.browser()
    arrived = client.get("/login/oauth/authorize", params=query, follow_redirects=False)
    sent = client.get(arrived.headers["location"], follow_redirects=False)
    back = parse_qs(urlsplit(sent.headers["location"]).query)
    assert back["error"] == ["login_required"]
