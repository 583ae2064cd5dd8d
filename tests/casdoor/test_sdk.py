"""The published Python SDK against a running server, by its public methods, as its users would.

Each journey is that of the SDK's own test files: add, list, get, change, get, delete, get nothing.
"""

from __future__ import annotations

import asyncio
import random
import textwrap
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import requests
from casdoor import AsyncCasdoorSDK, CasdoorSDK
from casdoor.application import Application
from casdoor.organization import Organization
from casdoor.session import Session
from casdoor.user import User
from casdoor.webhook import Webhook

from tests.support.installation import FIREFOX, PASSWORD
from tests.support.server import Installed, Server, install

ORGANIZATION = "casbin"
APPLICATION = "app-vue-python-example"
CREATED = "2023-07-30T12:00:00+08:00"
DICE = random.Random(7)  # noqa: S311 - names, not secrets


def some(thing: str) -> str:
    """A name of its own for each test."""
    return f"{thing}_{DICE.randrange(100_000, 1_000_000)}"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Installed]]:
    """A server with the built-in organization and application only."""
    server = Server(tmp_path_factory.mktemp("sdk") / "data")
    installed = install(server.config)
    with server:
        yield server, installed


@pytest.fixture(scope="module")
def sdk(running: tuple[Server, Installed]) -> CasdoorSDK:
    """The SDK with the credentials of the built-in application, and an organization to try."""
    server, installed = running
    made = CasdoorSDK(
        endpoint=server.url,
        client_id=installed.client_id,
        client_secret=installed.client_secret,
        certificate="",
        org_name=ORGANIZATION,
        application_name=APPLICATION,
    )
    owner = Organization()
    owner.name, owner.displayName = ORGANIZATION, "Casbin"
    assert made.add_organization(owner) == "Affected"
    application = Application.new(
        "admin", APPLICATION, CREATED, "Example", "", "https://casbin.example", "", ORGANIZATION
    )
    assert made.add_application(application) == "Affected"
    return made


def test_sessions(sdk: CasdoorSDK) -> None:
    """Item 1 of the acceptance list: the user need not exist."""
    name, application = some("Session"), "app-built-in"
    session = Session.new(ORGANIZATION, name, application, CREATED, [])
    assert sdk.add_session(session=session)["data"] == "Affected"
    assert name in [item.name for item in sdk.get_sessions()]
    found: Any = sdk.get_session(name, application)
    assert (found.name, found.sessionId, found.sessionInfos) == (name, [], [])
    found.createdTime = "Updated Casdoor Website"
    assert sdk.update_session(found)["status"] == "ok"
    changed: Any = sdk.get_session(name, application)
    assert changed.createdTime == "Updated Casdoor Website"
    assert sdk.delete_session(found)["data"] == "Affected"
    assert sdk.get_session(name, application) is None


def test_a_fresh_session_object_with_its_default_list(sdk: CasdoorSDK) -> None:
    """The SDK's default is a list of one empty id."""
    session = Session()
    session.name, session.application = some("Session"), "app-built-in"
    sdk.add_session(session)
    found: Any = sdk.get_session(session.name, session.application)
    assert (found.owner, found.sessionId) == (ORGANIZATION, [])
    sdk.update_session_for_columns(found, ["created_time"])
    sdk.delete_session(session)


def test_pages_of_sessions(sdk: CasdoorSDK) -> None:
    """Item 3 of the acceptance list."""
    application = some("pages")
    for number in range(3):
        sdk.add_session(Session.new(ORGANIZATION, f"p{number}", application, "", [f"s{number}"]))
    query = {"field": "application", "value": application, "sortField": "name"}
    found, total = sdk.get_pagination_sessions(1, 2, {**query, "sortOrder": "ascend"})
    assert ([item.name for item in found], total) == (["p0", "p1"], 3)
    found, total = sdk.get_pagination_sessions(9, 2, {**query, "sortOrder": "ascend"})
    assert ([item.name for item in found], total) == (["p2"], 3)


def test_a_real_sign_in_is_seen_and_ended(
    sdk: CasdoorSDK, running: tuple[Server, Installed]
) -> None:
    """A browser signs in; a backend sees it, finds a duplicate, and ends it."""
    user = User.new(ORGANIZATION, some("User"), CREATED, "Somebody")
    user.password = PASSWORD
    assert sdk.add_user(user)["data"] == "Affected"
    assert sdk.check_user_password(user) is True
    server = running[0]
    with requests.Session() as browser:
        browser.headers.update({"User-Agent": FIREFOX, "Origin": server.url})
        form = {
            "type": "login",
            "application": APPLICATION,
            "organization": ORGANIZATION,
            "username": user.name,
            "password": PASSWORD,
        }
        answer = browser.post(f"{server.url}/api/login", json=form).json()
        assert answer["data"] == f"{ORGANIZATION}/{user.name}"
        account = browser.get(f"{server.url}/api/get-account").json()
        assert account["name"] == user.name
        record: Any = sdk.get_session(user.name, APPLICATION)
        (info,) = record.sessionInfos
        assert info["sessionId"] == record.sessionId[0]
        assert info["userAgent"] == FIREFOX
        key = f"{ORGANIZATION}/{user.name}/{APPLICATION}"
        asked = {"sessionPkId": key, "sessionId": record.sessionId[0]}
        assert sdk.do_get("is-session-duplicated", asked) is False
        assert sdk.do_get("is-session-duplicated", {**asked, "sessionId": "other"}) is True
        assert sdk.delete_session(record)["data"] == "Affected"
        account = browser.get(f"{server.url}/api/get-account").json()
        assert account["msg"] == "Please login first"
    assert sdk.get_session(user.name, APPLICATION) is None
    sdk.delete_user(user)


def test_users(sdk: CasdoorSDK) -> None:
    """Item 2 of the acceptance list."""
    name = some("User")
    email, phone = f"{name}@gmail.com", str(DICE.randrange(10**10, 10**11))
    user = User.new("admin", name, CREATED, name, email, phone)
    user.owner = ORGANIZATION
    assert sdk.add_user(user)["data"] == "Affected"
    found: Any = sdk.get_user(name)
    assert (found.name, found.email, found.phone) == (name, email, phone)
    for same in (
        sdk.get_user_by_email(email),
        sdk.get_user_by_phone(phone),
        sdk.get_user_by_user_id(found.id),
    ):
        assert same.name == name
    assert name in [u.name for u in sdk.get_users()]
    assert name in [u.name for u in sdk.get_global_users()]
    assert sdk.get_sorted_users("created_time", "25")[0].name == name
    page, total = sdk.get_pagination_users(1, 10, {"field": "name", "value": name})
    assert ([u.name for u in page], total) == ([name], 1)
    found.displayName = "Updated Casdoor Website"
    assert sdk.update_user(found)["data"] == "Affected"
    assert sdk.get_user(name).displayName == "Updated Casdoor Website"
    found.displayName, found.tag = "By columns", "not this"
    sdk.update_user_for_columns(found, ["displayName"])
    changed: Any = sdk.get_user(name)
    assert (changed.displayName, changed.tag) == ("By columns", "")
    found.displayName = "By id"
    sdk.update_user_by_user_id(ORGANIZATION, found.id, found)
    assert sdk.get_user(name).displayName == "By id"
    assert sdk.set_password(ORGANIZATION, name, "", "quite a new pass phrase") is True
    found.password = "quite a new pass phrase"
    assert sdk.check_user_password(found) is True
    assert sdk.delete_user(found)["data"] == "Affected"
    assert sdk.get_user(name) is None


def test_counts(sdk: CasdoorSDK) -> None:
    user = User.new(ORGANIZATION, some("User"), CREATED, "Counted")
    sdk.add_user(user)
    everybody = sdk.get_user_count()
    assert everybody >= 1
    assert sdk.get_user_count(is_online=True) + sdk.get_user_count(is_online=False) == everybody
    sdk.delete_user(user)
    assert sdk.get_user_count() == everybody - 1


def test_organizations(sdk: CasdoorSDK) -> None:
    """Item 2 of the acceptance list."""
    name = some("Organization")
    owner = Organization.new(
        "admin",
        name,
        CREATED,
        name,
        "https://example.com",
        "plain",
        ["AtLeast6"],
        ["US", "ES", "FR", "DE", "GB", "CN", "JP", "KR", "VN", "ID", "SG", "IN"],
        [],
        ["en", "zh", "es", "fr", "de", "id", "ja", "ko", "ru", "vi"],
        2000,
        enable_soft_deletion=False,
        is_profile_public=False,
    )
    assert sdk.add_organization(owner) == "Affected"
    assert name in [o.name for o in sdk.get_organizations()]
    assert name in [o.name for o in sdk.get_organization_names()]
    found: Any = sdk.get_organization(name)
    assert (found.name, found.initScore, found.passwordType) == (name, 2000, "plain")
    found.displayName = "Updated Casdoor Website"
    assert sdk.update_organization(found) == "Affected"
    changed: Any = sdk.get_organization(name)
    assert changed.displayName == "Updated Casdoor Website"
    assert sdk.delete_organization(found) == "Affected"
    assert sdk.get_organization(name) is None


def test_applications(sdk: CasdoorSDK) -> None:
    """Item 2 of the acceptance list."""
    name = some("Application")
    application = Application.new(
        "admin",
        name,
        CREATED,
        name,
        "https://cdn.casbin.org/img/casdoor-logo_1185x256.png",
        "https://casdoor.org",
        "Casdoor Website",
        ORGANIZATION,
    )
    assert sdk.add_application(application) == "Affected"
    assert name in [a.name for a in sdk.get_applications()]
    assert name in [a.name for a in sdk.get_organization_applications()]
    found = sdk.get_application(name)
    assert (found.name, found.organization) == (name, ORGANIZATION)
    assert len(found.clientSecret) == 40
    found.description = "Updated Casdoor Website"
    assert sdk.update_application(found) == "Affected"
    assert sdk.get_application(name).description == "Updated Casdoor Website"
    assert sdk.get_application(name).clientSecret == found.clientSecret
    assert sdk.delete_application(found) == "Affected"
    assert sdk.get_application(name) is None


def test_webhooks(sdk: CasdoorSDK) -> None:
    """Item 2 of the acceptance list."""
    name = some("Webhook")
    webhook = Webhook.new(ORGANIZATION, name, CREATED, ORGANIZATION)
    assert sdk.add_webhook(webhook)["data"] == "Affected"
    assert name in [item.name for item in sdk.get_webhooks()]
    found: Any = sdk.get_webhook(name)
    assert (found.name, found.createdTime) == (name, CREATED)
    found.organization = "Updated Casdoor Website"
    assert sdk.update_webhook(found)["data"] == "Affected"
    changed: Any = sdk.get_webhook(name)
    assert changed.organization == "Updated Casdoor Website"
    assert sdk.delete_webhook(found)["data"] == "Affected"
    assert sdk.get_webhook(name) is None


def own_sdk(sdk: CasdoorSDK) -> CasdoorSDK:
    """The SDK as the application itself has it, with the certificate that is published."""
    keys = requests.get(f"{sdk.endpoint}/.well-known/jwks", timeout=10).json()["keys"]
    certificate = "\n".join(textwrap.wrap(keys[0]["x5c"][0], 64))
    own = sdk.get_application(APPLICATION)
    return CasdoorSDK(
        endpoint=sdk.endpoint,
        client_id=own.clientId,
        client_secret=own.clientSecret,
        certificate=f"-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n",
        org_name=ORGANIZATION,
        application_name=APPLICATION,
    )


def test_oauth(sdk: CasdoorSDK) -> None:
    """Item 8 of the acceptance list; covers W14, W17, W22: as the SDK's own test goes."""
    back = "https://casbin.example/callback"
    application = sdk.get_application(APPLICATION)
    application.redirectUris = [back]
    assert sdk.update_application(application) == "Affected"
    grants = ["authorization_code", "refresh_token", "client_credentials", "password"]
    requests.patch(
        f"{sdk.endpoint}/v1/applications/{APPLICATION}",
        auth=(sdk.client_id, sdk.client_secret),
        json={"grant_types": grants},
        timeout=10,
    ).raise_for_status()
    user = User.new(ORGANIZATION, some("User"), CREATED, "Token Bearer")
    user.password = PASSWORD
    sdk.add_user(user)
    own = own_sdk(sdk)
    with requests.Session() as browser:
        browser.headers.update({"User-Agent": FIREFOX, "Origin": sdk.endpoint})
        form = {
            "type": "login",
            "application": APPLICATION,
            "organization": ORGANIZATION,
            "username": user.name,
            "password": PASSWORD,
        }
        assert browser.post(f"{sdk.endpoint}/api/login", json=form).json()["status"] == "ok"
        link = own.get_auth_link(back, state="abc")
        while not link.startswith(back):
            link = browser.get(link, allow_redirects=False).headers["Location"]
            link = urljoin(sdk.endpoint, link)
        query = parse_qs(urlsplit(link).query)
        assert query["state"] == ["abc"]
        tokens = own.get_oauth_token(code=query["code"][0])
        claims = own.parse_jwt_token(tokens["access_token"])
        assert (claims["name"], claims["displayName"]) == (user.name, "Token Bearer")
        assert own.introspect_token(tokens["access_token"])["active"] is True
        by_token = own.with_access_token(tokens["access_token"])
        account: Any = by_token.get_account()
        assert account.name == user.name
        refreshed = own.refresh_oauth_tokens(tokens["refresh_token"])
        assert own.parse_jwt_token(refreshed["access_token"])["sub"] == claims["sub"]
        # What the SDK calls signing out of the current session does that here.
        own.logout_current_session(refreshed["access_token"])
        signed_out = browser.get(f"{sdk.endpoint}/api/get-account").json()
        assert signed_out["msg"] == "Please login first"
    assert own.introspect_token(refreshed["access_token"]) == {"active": False}
    by_password = own.get_oauth_token_by_password(user.name, PASSWORD)
    assert own.parse_jwt_token(by_password["access_token"])["name"] == user.name
    own.logout(by_password["access_token"])
    assert own.introspect_token(by_password["access_token"]) == {"active": False}
    own_token = own.get_oauth_token()
    assert own.parse_jwt_token(own_token["access_token"])["name"] == APPLICATION
    with pytest.raises(Exception, match="invalid username or password"):
        own.get_oauth_token_by_password(user.name, "wrong")
    assert user.name in [token.user for token in sdk.get_tokens()]
    sdk.delete_user(user)


def test_an_application_of_an_organization_sees_that_one_alone(
    sdk: CasdoorSDK, running: tuple[Server, Installed]
) -> None:
    """Covers W2: the same calls with smaller credentials."""
    own = sdk.get_application(APPLICATION)
    smaller = CasdoorSDK(
        endpoint=running[0].url,
        client_id=own.clientId,
        client_secret=own.clientSecret,
        certificate="",
        org_name=ORGANIZATION,
        application_name=APPLICATION,
    )
    smaller.add_session(Session.new(ORGANIZATION, some("Session"), "x", "", []))
    assert {item.owner for item in smaller.get_sessions()} == {ORGANIZATION}
    assert [o.name for o in smaller.get_organizations()] == [ORGANIZATION]
    smaller.org_name = "built-in"
    for call in (smaller.get_sessions, smaller.get_users):
        with pytest.raises(Exception, match="Unauthorized operation"):
            call()
    assert smaller.get_user_count() is None
    wrong = CasdoorSDK(running[0].url, own.clientId, "wrong", "", ORGANIZATION, APPLICATION)
    with pytest.raises(Exception, match=f"Incorrect client secret for application: {APPLICATION}"):
        wrong.get_sessions()


def test_a_token_that_nobody_made_opens_nothing(sdk: CasdoorSDK) -> None:
    by_token = sdk.with_access_token("made up")
    for call in (by_token.get_sessions, by_token.get_account, lambda: sdk.logout("made up")):
        with pytest.raises(Exception, match="Access token doesn't exist in database"):
            call()


def test_the_asynchronous_sdk(sdk: CasdoorSDK) -> None:
    """It calls by HTTP Basic, and reads plain dictionaries."""
    name = some("User")

    async def journey() -> None:
        async_sdk = AsyncCasdoorSDK(
            endpoint=sdk.endpoint,
            client_id=sdk.client_id,
            client_secret=sdk.client_secret,
            certificate="",
            org_name=ORGANIZATION,
            application_name=APPLICATION,
        )
        user = User.new(ORGANIZATION, name, CREATED, name)
        assert (await async_sdk.add_user(user))["data"] == "Affected"
        assert name in [u["name"] for u in await async_sdk.get_users()]
        assert (await async_sdk.get_user(name))["name"] == name
        online = await async_sdk.get_user_count(is_online=True)
        offline = await async_sdk.get_user_count(is_online=False)
        assert online + offline == await async_sdk.get_user_count()
        assert (await async_sdk.delete_user(user))["data"] == "Affected"

    asyncio.run(journey())
