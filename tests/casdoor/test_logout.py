"""``/api/logout`` and ``/api/sso-logout``: who is signed out of what, and where one goes then."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.services.applications import ApplicationChange, update_application
from ostiary.storage.tables import session
from tests.casdoor.world import CALLBACK, HOME, SEVEN, Asker, World
from tests.support.installation import CHROME, PASSWORD
from tests.web.reading import Reader

BOTH = ["logout", "sso-logout"]


def alive(world: World) -> set[str]:
    return {row.id for row in world.rows(session) if row.ended_at is None}


@pytest.mark.parametrize("call", BOTH)
def test_signing_out_without_being_signed_in_is_fine(world: World, call: str) -> None:
    for asker in (world.program(), Asker(world.browser()), world.basic("wiki")):
        for method in ("GET", "POST"):
            response = asker.send(method, call)
            answer = response.json()
            assert (list(answer), answer["status"], answer["data"]) == (SEVEN, "ok", None)


def test_signing_out_says_who_did_and_where_to_go_on(world: World) -> None:
    """Contract 1.6: data2 is the application's home, unless it is the built-in one or has none."""
    ann = world.user_agent("ann")
    response = ann.send("POST", "logout")
    answer = response.json()
    assert (answer["status"], answer["data"], answer["data2"]) == ("ok", "acme/ann", HOME)
    for application in ("mail", "app-built-in"):
        answer = world.user_agent("ann", application=application).post("logout")
        assert (answer["data"], answer["data2"]) == ("acme/ann", None)


@pytest.mark.parametrize("call", BOTH)
def test_signing_out_takes_the_cookie_away(world: World, call: str) -> None:
    """Covers R08, M05, E06: the session's, and not the device's."""
    ann = world.user_agent("ann")
    response = ann.send("POST", call)
    set_ = {h.partition("=")[0]: h for h in response.headers.get_list("set-cookie")}
    assert "Max-Age=0" in set_["sid"]
    assert "Path=/" in set_["sid"]
    assert "device" not in set_
    assert response.headers["clear-site-data"] == '"cache"'
    assert alive(world) == set()
    assert ann.get("get-account")["msg"] == "Please login first"


@pytest.mark.parametrize("call", BOTH)
def test_a_get_by_cookie_never_acts(world: World, call: str) -> None:
    """Covers W20, B14, D15: a link or a picture on any page can cause one."""
    ann = world.user_agent("ann")
    for headers, redirected in (
        ({"Accept": "text/html,application/xhtml+xml"}, True),
        ({"Sec-Fetch-Mode": "navigate"}, True),
        ({"Accept": "image/avif,image/webp,*/*"}, False),
        ({"Accept": "application/json"}, False),
    ):
        asker = Asker(ann.client, headers=headers)
        response = asker.send("GET", call)
        for name in headers:
            ann.client.headers.pop(name, None)
        if redirected:
            assert response.status_code == 302
            assert response.headers["location"] == "/sign-out"
        else:
            assert response.json()["msg"] == "Signing out needs a POST request."
        assert "set-cookie" not in response.headers
        assert alive(world) == {ann.session_id}
    assert ann.data("get-account")["name"] == "ann"


def test_another_site_signs_nobody_out(world: World) -> None:
    """Covers W19, E09."""
    ann = world.user_agent("ann")
    ann.client.headers["Sec-Fetch-Site"] = "cross-site"
    for call in BOTH:
        assert "did not come from" in ann.post(call)["msg"]
    assert alive(world) == {ann.session_id}


def test_afterwards_one_may_go_to_a_registered_address(world: World) -> None:
    """Covers B16, L18, W17: character for character, and with the state that came along."""
    for state, expected in (
        ("", CALLBACK),
        ("a b&c", f"{CALLBACK}?state=a%20b%26c"),
    ):
        ann = world.user_agent("ann")
        response = ann.send("POST", "logout", post_logout_redirect_uri=CALLBACK, state=state)
        assert (response.status_code, response.headers["location"]) == (302, expected)
        assert "Max-Age=0" in response.headers["set-cookie"]
    assert alive(world) == set()


def test_the_state_is_appended_to_what_is_there(world: World) -> None:
    server = world.basic("wiki")
    addresses = ["https://wiki.example/", "https://wiki.example/out?by=us"]
    server.post("update-application", {"redirectUris": addresses}, id="admin/wiki")
    client_id, _ = world.credentials("wiki")
    for address, expected in zip(
        addresses,
        ["https://wiki.example?state=x", "https://wiki.example/out?by=us&state=x"],
        strict=True,
    ):
        for asker in (world.user_agent("ann"), Asker(world.browser())):
            response = asker.send(
                "POST",
                "logout",
                post_logout_redirect_uri=address,
                client_id=client_id,
                state="x",
            )
            assert (response.status_code, response.headers["location"]) == (302, expected)


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        f"{CALLBACK}/",
        f"{CALLBACK}?x=1",
        f"{CALLBACK}#x",
        CALLBACK.upper(),
        CALLBACK.replace("https", "http"),
        "https://wiki.example:443/callback",
        "https://wiki.example@evil.example/callback",
        "//wiki.example/callback",
        "http://127.0.0.1:9001/cb",
        "javascript:alert(1)",
        "https://wiki.example/callback\r\nX-Evil: 1",
    ],
)
def test_another_address_is_refused_before_anything_ends(world: World, address: str) -> None:
    """Covers B16, D05, E12, L18."""
    ann = world.user_agent("ann")
    client_id, _ = world.credentials("wiki")
    for more in ({}, {"client_id": client_id}):
        response = ann.send("POST", "logout", post_logout_redirect_uri=address, **more)
        assert "location" not in response.headers
        assert response.json()["msg"] == (
            f"Redirect URI: {address} doesn't exist in the allowed Redirect URI list"
        )
    assert alive(world) == {ann.session_id}
    nobody = Asker(world.browser()).post("logout", post_logout_redirect_uri=CALLBACK)
    assert nobody["status"] == "error"


def test_a_get_asks_and_leads_on_to_where_the_application_wants_it(world: World) -> None:
    """Covers W20, H02: the page that asks carries the address, which was checked before."""
    ann = world.user_agent("ann")
    response = ann.client.get(
        "/api/logout",
        params={"post_logout_redirect_uri": CALLBACK, "state": "a b"},
        headers={"Accept": "text/html", "Sec-Fetch-Mode": "navigate"},
        follow_redirects=False,
    )
    assert response.status_code == 302
    assert alive(world) == {ann.session_id}
    reader = Reader(ann.client)
    page = reader.open(response.headers["location"])
    assert "wiki asks to sign you out." in page.text
    assert "Afterwards you go back to wiki.example." in page.text
    page = reader.send("/sign-out")
    assert alive(world) == set()
    (refresh,) = page.with_attributes(**{"http-equiv": "refresh"})
    assert refresh["content"] == f"0;url={CALLBACK}?state=a%20b"


def test_an_address_for_after_signing_out_alone_will_do(world: World) -> None:
    own = "https://elsewhere.example/bye"
    change = ApplicationChange(post_logout_redirect_uris=(own,))
    world.write(update_application, world.act(), world.house.vault, "wiki", change)
    ann = world.user_agent("ann")
    response = ann.send("POST", "logout", post_logout_redirect_uri=own)
    assert (response.status_code, response.headers["location"]) == (302, own)


def test_a_browser_tells_applications_in_frames_on_its_way(world: World) -> None:
    """Covers J02: where it goes to the address itself; a script of a page loads no frames."""
    out = "https://wiki.example/out"
    change = ApplicationChange(frontchannel_logout_uri=out)
    world.write(update_application, world.act(), world.house.vault, "wiki", change)
    for mode in ("navigate", "cors"):
        ann = world.user_agent("ann")
        response = ann.client.post(
            "/api/logout",
            params={"post_logout_redirect_uri": CALLBACK},
            headers={"Sec-Fetch-Mode": mode},
            follow_redirects=False,
        )
        to = response.headers["location"]
        assert response.status_code == 302
        if mode == "cors":
            assert to == CALLBACK
            continue
        page = Reader(ann.client).open(to)
        (frame,) = [a["src"] for tag, a in page.elements if tag == "iframe"]
        assert frame.startswith(f"{out}?iss=")
        (refresh,) = page.with_attributes(**{"http-equiv": "refresh"})
        assert refresh["content"] == f"0;url={CALLBACK}"


def test_an_unknown_client_is_told(world: World) -> None:
    ann = world.user_agent("ann")
    for client_id in ("nobody", "../x"):
        answer = ann.post("logout", client_id=client_id)
        assert (answer["status"], answer["msg"]) == ("error", "Invalid client_id")
    assert alive(world) == {ann.session_id}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_hint_ends_nothing(world: World, method: str) -> None:
    """Covers W20: what we did not issue names no session."""
    ann = world.user_agent("ann")
    response = ann.send(method, "logout", id_token_hint="eyJhbGciOiJub25lIn0.e30.")
    answer = response.json()
    assert (answer["status"], answer["msg"]) == ("error", "Token not found, invalid accessToken")
    assert alive(world) == {ann.session_id}


def test_only_three_words_mean_everywhere(world: World) -> None:
    """Contract 1.6: anything else is this session alone."""
    for here in ("false", "0", "no", "TRUE"):
        other, ann = world.user_agent("ann", agent=CHROME), world.user_agent("ann")
        assert ann.post("sso-logout", logoutAll=here)["status"] == "ok"
        assert alive(world) == {other.session_id}
        assert other.post("logout")["status"] == "ok"
    for everywhere in ("", "true", "1"):
        ann, _ = world.user_agent("ann"), world.user_agent("ann")
        assert ann.post("sso-logout", logoutAll=everywhere)["status"] == "ok"
        assert alive(world) == set()


def test_everywhere_is_everywhere_of_one_user(world: World) -> None:
    """Covers A14, R03: at once, in each of her browsers, and nobody else's."""
    browsers = [world.user_agent("ann") for _ in range(3)]
    bob, gus = world.user_agent("bob"), world.user_agent("gus", "globex")
    assert browsers[1].post("sso-logout")["status"] == "ok"
    for browser in browsers:
        assert browser.get("get-account")["msg"] == "Please login first"
    assert alive(world) == {bob.session_id, gus.session_id}
    assert bob.data("get-account")["name"] == "bob"
    # Twice is no error.
    assert browsers[1].post("sso-logout")["status"] == "ok"


def test_a_user_may_end_everything_by_name_and_password(world: World) -> None:
    """A program's own session is the one call that it makes; the others are the user's."""
    ann, bob = world.user_agent("ann"), world.user_agent("bob")
    program = world.program(parameters={"username": "acme/ann", "password": PASSWORD})
    assert program.post("sso-logout", logoutAll="false")["status"] == "ok"
    assert alive(world) == {ann.session_id, bob.session_id}
    assert program.get("sso-logout")["status"] == "ok"
    assert alive(world) == {bob.session_id}


def test_an_application_signs_nobody_out_by_this(world: World) -> None:
    ann = world.user_agent("ann")
    answers: list[Any] = [world.basic("wiki").post(call) for call in BOTH]
    assert [a["status"] for a in answers] == ["ok", "ok"]
    assert alive(world) == {ann.session_id}
