"""Who is signed in, and what a sign-in page may know."""

from __future__ import annotations

from typing import Any

import pytest

from tests.casdoor.world import CALLBACK, SEVEN, Asker, World
from tests.support.installation import PASSWORD


def test_the_account_is_the_user_and_the_organization(world: World) -> None:
    """Contract 3.6, without a token."""
    ann = world.user_agent("ann")
    response = ann.send("GET", "get-account")
    answer = response.json()
    assert list(answer) == SEVEN
    user, organization = answer["data"], answer["data2"]
    assert (answer["status"], answer["sub"], answer["name"]) == ("ok", user["id"], "ann")
    assert user["password"] == "***"
    assert (user["owner"], user["name"], user["email"]) == ("acme", "ann", "ann@acme.example")
    assert (user["isOnline"], user["accessToken"]) == (True, "")
    assert user["roles"] == user["permissions"] == user["multiFactorAuths"] == []
    assert user["lastSigninTime"] == "2026-11-24T09:00:01Z"
    assert (organization["name"], organization["displayName"]) == ("acme", "Acme")
    assert "masterPassword" not in organization
    assert "set-cookie" not in response.headers
    for cookie in ann.client.cookies.values():
        assert cookie not in response.text


@pytest.mark.parametrize("method", ["GET"])
def test_nobody_is_asked_to_sign_in(world: World, method: str) -> None:
    answer = world.program().send(method, "get-account").json()
    assert list(answer) == SEVEN
    assert answer == {
        "status": "error",
        "msg": "Please login first",
        "sub": "",
        "name": "",
        "data": "Please login first",
        "data2": None,
        "data3": None,
    }


def test_an_application_is_no_user_but_may_name_one(world: World) -> None:
    server = world.basic("wiki")
    assert server.get("get-account")["msg"] == "The user: app/wiki doesn't exist"
    assert server.get("get-account", userId="acme/ann")["name"] == "ann"
    for unknown in ("acme/nobody", "globex/gus"):
        answer = server.get("get-account", userId=unknown)
        assert answer["msg"] == f"The user: {unknown} doesn't exist"
    assert server.get("get-account", userId="ann")["status"] == "error"
    # A user is herself, whomever she names.
    assert world.user_agent("ann").get("get-account", userId="acme/bob")["name"] == "ann"


def test_secrets_of_one_s_own_are_not_in_the_account(world: World) -> None:
    secrets = {
        "accessSecret": "a secret of hers",
        "totpSecret": "another one",
        "recoveryCodes": ["a third"],
        "bio": "likes cats",
    }
    server = world.basic("wiki")
    server.post("update-user", {"owner": "acme", "name": "ann", **secrets}, id="acme/ann")
    ann = world.user_agent("ann")
    account = ann.data("get-account")
    assert (account["accessSecret"], account["totpSecret"]) == ("***", "***")
    assert "recoveryCodes" not in account
    assert account["bio"] == "likes cats"
    assert server.data("get-user", id="acme/ann")["recoveryCodes"] == ["a third"]


def test_the_account_is_a_use_of_the_session(world: World) -> None:
    """Covers F04: calls by cookie are activity, so that it does not run idle."""
    ann = world.user_agent("ann")
    for _ in range(5):
        world.clock.forward(minutes=50)
        assert ann.data("get-account")["name"] == "ann"
    world.clock.forward(minutes=61)
    assert ann.get("get-account")["msg"] == "Please login first"


def login_page(asker: Asker, **parameters: Any) -> dict[str, Any]:
    return asker.get("get-app-login", **parameters)


def test_a_page_may_know_the_application_without_its_secrets(world: World) -> None:
    client_id, secret = world.credentials("wiki")
    extra = {
        "termsOfUse": "be nice",
        "providers": [{"clientSecret": "hidden"}],
        "registrationAccessToken": "hidden",
        "somethingNew": "hidden",
        "expireInHours": 5,
    }
    world.everywhere().post("update-application", {"name": "wiki", **extra}, id="admin/wiki")
    nobody = world.program()
    for asked in ({"clientId": client_id}, {"id": "admin/wiki"}):
        response = nobody.send("GET", "get-app-login", **asked)
        shown = response.json()["data"]
        assert (shown["name"], shown["organization"]) == ("wiki", "acme")
        assert (shown["clientId"], shown["clientSecret"]) == (client_id, "***")
        assert shown["redirectUris"] == shown["grantTypes"] == shown["providers"] == []
        assert shown["expireInHours"] == shown["cookieExpireInHours"] == -1
        assert shown["enablePassword"] is False
        assert shown["termsOfUse"] == "be nice"
        assert shown["signinMethods"][0]["name"] == "Password"
        assert shown["organizationObj"]["name"] == "acme"
        assert secret not in response.text
        assert "hidden" not in response.text
    for asked in ({"clientId": "nobody"}, {}, {"id": "admin/nothing"}):
        answer = login_page(nobody, **asked)
        assert (answer["msg"], answer["data"]) == ("Invalid client_id", None)


def test_a_request_for_a_code_is_judged(world: World) -> None:
    """Contract 3.1, D05: the application is shown beside the error."""
    client_id, _ = world.credentials("wiki")
    nobody = world.program()
    good = {
        "type": "code",
        "clientId": client_id,
        "responseType": "code",
        "redirectUri": CALLBACK,
        "scope": "openid profile read",
    }
    assert login_page(nobody, **good)["status"] == "ok"
    assert login_page(nobody, **{**good, "scope": ""})["status"] == "ok"
    # Native programs take any free port of their own machine (RFC 8252, 7.3).
    loopback = {**good, "redirectUri": "http://127.0.0.1:51234/cb"}
    assert login_page(nobody, **loopback)["status"] == "ok"
    for change, text in (
        ({"responseType": "x"}, "Grant_type: x is not supported in this application"),
        ({"clientId": "nobody"}, "Invalid client_id"),
        ({"scope": "openid everything"}, "Invalid scope"),
    ):
        assert login_page(nobody, **{**good, **change})["msg"] == text
    for address in (
        "",
        "https://evil.example/",
        f"{CALLBACK}/",
        "http://127.0.0.1:51234/cb/",
        "http://127.0.0.1:51234/cb#x",
        "http://127.0.0.1@evil.example/cb",
        "http://localhost:9000/cb",
        "http://127.0.0.1.evil.example/cb",
        "https://127.0.0.1:9000/cb",
        "http://127.0.0.1:99999/cb",
        "http://127.0.0.1:9000\\@evil.example/cb",
    ):
        answer = login_page(nobody, **{**good, "redirectUri": address})
        expected = f"Redirect URI: {address} doesn't exist in the allowed Redirect URI list"
        assert answer["msg"] == expected
        assert answer["data"]["name"] == "wiki"


def test_a_name_and_a_password_show_the_account(world: World) -> None:
    answer = world.program().get("get-account", username="acme/ann", password=PASSWORD)
    assert answer["name"] == "ann"
