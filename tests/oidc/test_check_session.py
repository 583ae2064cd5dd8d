"""``session_state``, the cookie that it hangs on, and the page that applications put into a frame.

What that page answers is tried in a browser, in `test_check_session_browser`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from ostiary.domain.secrets import digest
from ostiary.services import browser_state
from tests.oidc.browsing import Visit
from tests.oidc.flow import Browser, Client, Person, World, answered
from tests.oidc.leaving import ask, confirm, hint_of, opened
from tests.web.reading import Reader, set_cookies

STATE = "browser-state"


@pytest.fixture(scope="module")
def own_https(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An installation behind https."""
    directory = tmp_path_factory.mktemp("https")
    url = f"sqlite:///{directory / 'ostiary.db'}"
    made = World(url, directory, public_url="https://id.example")
    yield made
    made.close()


@pytest.fixture
def ann(world: World) -> Person:
    """Somebody who is signed in."""
    return world.person()


def state_of(browser: Browser) -> str:
    """What the browser keeps for our script to read."""
    return Reader(browser).cookie(STATE) or ""


def is_unchanged(client: Client, origin: str, state: str, answer: str) -> bool:
    """What the frame computes, by the formula of Session Management 3.2."""
    salt = answer.split(".")[1]
    said = f"{client.client_id} {origin} {state} {salt}"
    return f"{hashlib.sha256(said.encode()).hexdigest()}.{salt}" == answer


def test_every_answer_with_a_code_has_a_session_state(world: World, ann: Person) -> None:
    """Covers J05: a fresh salt each time, the site of the redirect address, the same state."""
    client = world.client(redirect_uris=("https://Wiki.example:443/callback?a=b",))
    answers = [
        answered(client.ask(ann.browser, scope=scope))["session_state"]
        for scope in ("openid", "openid profile", "read")
    ]
    state = state_of(ann.browser)
    assert state
    assert len(set(answers)) == 3
    for answer in answers:
        assert is_unchanged(client, "https://wiki.example", state, answer)
        assert not is_unchanged(client, "https://evil.example", state, answer)
        assert not is_unchanged(world.client(), "https://wiki.example", state, answer)
        assert not is_unchanged(client, "https://wiki.example", "", answer)
    posted = client.ask(ann.browser, response_mode="form_post")
    assert 'name="session_state"' in posted.text


def test_an_application_that_is_no_site_gets_none(world: World, ann: Person) -> None:
    client = world.public_client(redirect_uris=("com.example.app:/callback",))
    visit = Visit(world, client, ann.browser)
    visit.start(scope="openid")
    visit.send(answer="allow")
    assert "code" in visit.answer
    assert "session_state" not in visit.answer


def test_an_error_has_none(world: World, ann: Person) -> None:
    client = world.client()
    answer = answered(client.ask(ann.browser, response_type="token"))
    assert answer["error"] == "unsupported_response_type"
    assert "session_state" not in answer


def test_the_state_changes_with_the_session_and_the_user(world: World, ann: Person) -> None:
    """Covers J05: signing out, signing in again, signing in as somebody else."""
    client = world.client()
    seen = []
    first = answered(client.ask(ann.browser))["session_state"]
    origin = client.redirect_uri.removesuffix("/callback")
    seen.append(state_of(ann.browser))
    world.clock.forward(seconds=5)
    client.ask(ann.browser)
    assert state_of(ann.browser) == seen[0]
    confirm(ann.browser, Reader(ann.browser).open("/sign-out"))
    assert state_of(ann.browser) == ""
    for name in (ann.name, world.person().name):
        reader = Reader(ann.browser)
        reader.sign_in("acme", name)
        client.ask(ann.browser)
        seen.append(state_of(ann.browser))
        if name == ann.name:
            continue
        assert not is_unchanged(client, origin, seen[-1], first)
    assert len(set(seen)) == 3
    assert all(seen)


def test_signing_in_as_somebody_else_changes_it_at_once(world: World, ann: Person) -> None:
    """Covers J05: before any application asks again."""
    world.client().ask(ann.browser)
    before = state_of(ann.browser)
    bob = world.person().name
    reader = Reader(ann.browser)
    reader.sign_in("acme", bob)
    assert state_of(ann.browser) not in {"", before}


def test_authenticating_again_keeps_it(world: World, ann: Person) -> None:
    """The user and the session are the same; only the secret is another one."""
    client = world.client()
    client.ask(ann.browser)
    before = state_of(ann.browser)
    secret = Reader(ann.browser).cookie("sid")
    Reader(ann.browser).sign_in("acme", ann.name)
    assert Reader(ann.browser).cookie("sid") != secret
    assert state_of(ann.browser) == before


def test_an_application_that_signs_out_takes_it_away(world: World, ann: Person) -> None:
    """Covers J05."""
    client = world.client()
    hint = hint_of(client, ann)
    assert state_of(ann.browser)
    opened(ann.browser, ask(ann.browser, id_token_hint=hint))
    assert state_of(ann.browser) == ""


def test_a_session_that_ended_elsewhere_is_noticed_when_one_asks(world: World, ann: Person) -> None:
    """Covers J05."""
    client = world.client()
    client.ask(ann.browser)
    ann.be_revoked()
    assert state_of(ann.browser)
    assert answered(client.ask(ann.browser, prompt="none"))["error"] == "login_required"
    assert state_of(ann.browser) == ""


def test_who_uses_no_application_has_no_such_cookie(world: World) -> None:
    name = world.person().name
    browser = world.browser()
    Reader(browser).sign_in("acme", name)
    assert state_of(browser) == ""
    assert STATE not in set_cookies(browser.get("/sign-out"))


def test_it_is_no_secret(world: World, ann: Person) -> None:
    """Covers J06: it is neither the session's secret nor its hash or id, and opens nothing."""
    world.client().ask(ann.browser)
    state = state_of(ann.browser)
    hashed = digest(ann.secret)
    for secret in (ann.secret, hashed.hex(), ann.session_id):
        assert secret not in state
        assert state not in secret
    stranger = world.browser()
    for value in (state, f'"{state}"'):
        Reader(stranger).set_cookie("sid", value)
        Reader(stranger).set_cookie(STATE, state)
        assert stranger.get("/account", follow_redirects=False).status_code == 303
        answer = answered(world.client().ask(stranger, prompt="none"))
        assert answer["error"] == "login_required"


def test_scripts_may_read_it_within_other_sites(
    world: World, ann: Person, own_https: World
) -> None:
    """Covers J06: by https ``SameSite=None``; by http, on the loopback, for the same site."""
    response = world.client().ask(ann.browser)
    value, *attributes = set_cookies(response)[STATE]
    assert value == browser_state.of_session(world.house.vault, ann.session_id)
    assert attributes == ["path=/", "samesite=lax"]
    response = own_https.client().ask(own_https.person().browser)
    _, *attributes = set_cookies(response)[f"__Host-{STATE}"]
    assert attributes == ["path=/", "samesite=none", "secure"]


def test_the_page_can_be_framed_and_does_nothing_else(world: World, own_https: World) -> None:
    """Covers J06."""
    for installation, name in ((world, STATE), (own_https, f"__Host-{STATE}")):
        frame = installation.browser().get("/oauth/check-session")
        assert frame.status_code == 200
        assert "x-frame-options" not in frame.headers
        policy = dict(
            part.strip().split(" ", 1)
            for part in frame.headers["content-security-policy"].split(";")
        )
        script = f"{installation.public_url}/oauth/check-session.js"
        assert policy == {
            "default-src": "'none'",
            "script-src": script,
            "base-uri": "'none'",
            "object-src": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "*",
        }
        assert f'data-cookie="{name}"' in frame.text
        assert "set-cookie" not in frame.headers
        served = installation.browser().get("/oauth/check-session.js")
        assert served.headers["content-type"].startswith("text/javascript")
        assert served.headers["x-content-type-options"] == "nosniff"
        assert served.headers["x-frame-options"] == "DENY"
    other = world.browser().get("/sign-in/acme")
    assert other.headers["x-frame-options"] == "DENY"


def test_a_state_that_was_tampered_with_is_put_right(world: World, ann: Person) -> None:
    client = world.client()
    Reader(ann.browser).set_cookie(STATE, "made up")
    answer = answered(client.ask(ann.browser))["session_state"]
    origin = client.redirect_uri.removesuffix("/callback")
    assert is_unchanged(client, origin, state_of(ann.browser), answer)
