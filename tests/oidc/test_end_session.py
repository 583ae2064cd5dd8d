"""``/oauth/logout``: who is signed out at once, who is asked first, and where one goes then."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.domain.session import EndReason
from ostiary.gateways.keys import Vault
from ostiary.services import keys
from ostiary.storage import sessions
from ostiary.storage.tables import audit_event, notice
from tests.oidc.flow import Client, Person, World, answered
from tests.oidc.leaving import (
    AWAY,
    VISITING,
    ask,
    ask_by_form,
    confirm,
    hint_of,
    leads_to,
    leaver,
    opened,
    unsigned,
)
from tests.web.reading import Reader, set_cookies

LONG_STATE = "a state of mine /?&=+%20é" * 8


@pytest.fixture(scope="module")
def wiki(world: World) -> Client:
    """An application that nobody changes."""
    return leaver(
        world, display_name="Wiki", backchannel_logout_uri="https://wiki.example/backchannel"
    )


@pytest.fixture
def ann(world: World) -> Person:
    """Somebody who is signed in."""
    return world.person()


def test_a_hint_of_the_session_in_use_ends_it_at_once(
    world: World, wiki: Client, ann: Person
) -> None:
    """Covers H01, H08: the way back begins when every application is owed its notice."""
    hint = hint_of(wiki, ann)
    response = ask(ann.browser, id_token_hint=hint, post_logout_redirect_uri=AWAY, state=LONG_STATE)
    assert response.status_code == 303
    address, _, query = response.headers["location"].partition("?")
    assert address == AWAY
    assert parse_qs(query) == {"state": [LONG_STATE]}
    assert len(LONG_STATE) > 128
    assert ann.ended is EndReason.SIGNED_OUT
    (owed,) = world.rows(notice, session_id=ann.session_id)
    assert (owed.sid, owed.reason) == (world.claims(hint)["sid"], "signed_out")
    (event,) = world.rows(audit_event, session_id=ann.session_id, event="session.ended")
    assert event.actor == f"acme/{ann.name}"
    taken = set_cookies(response)["sid"]
    assert {"max-age=0", "httponly"} <= set(taken)


def test_a_form_does_the_same(world: World, wiki: Client, ann: Person) -> None:
    """Covers H01: without the cookie, which browsers keep from it, and by a GET that has it."""
    response = ask_by_form(
        world,
        ann,
        id_token_hint=hint_of(wiki, ann),
        post_logout_redirect_uri=AWAY,
        state="s",
    )
    assert response.headers["location"] == f"{AWAY}?state=s"
    assert ann.ended is EndReason.SIGNED_OUT


def test_state_comes_back_only_when_it_was_sent(world: World, wiki: Client, ann: Person) -> None:
    """Covers H08: nothing else is added, and a query that is there stays."""
    with_query = leaver(world, post_logout_redirect_uris=(f"{AWAY}?a=b",))
    for client, address in ((wiki, AWAY), (with_query, f"{AWAY}?a=b")):
        person = world.again("acme", ann.name)
        hint = hint_of(client, person)
        response = ask(person.browser, id_token_hint=hint, post_logout_redirect_uri=address)
        assert response.headers["location"] == address
        response = ask(
            person.browser, id_token_hint=hint, post_logout_redirect_uri=address, state="1"
        )
        assert response.headers["location"] in {f"{AWAY}?state=1", f"{AWAY}?a=b&state=1"}


@pytest.mark.parametrize("with_state", [True, False])
def test_without_a_hint_one_is_asked(
    world: World, wiki: Client, ann: Person, *, with_state: bool
) -> None:
    """Covers H02, H10, H11: a GET leaves the session alive, a click on the page ends it."""
    response = ask(ann.browser, **({"state": "only"} if with_state else {}))
    page = opened(ann.browser, response)
    assert "Sign out?" in page.text
    assert ann.ended is None
    done = confirm(ann.browser, page)
    assert "You are signed out" in done.text
    assert leads_to(done) == ""
    assert ann.ended is EndReason.SIGNED_OUT
    assert answered(wiki.ask(ann.browser, prompt="none"))["error"] == "login_required"


def test_the_yes_needs_a_token_of_the_page(world: World, ann: Person) -> None:
    """Covers H10, W20: neither a picture nor a form of another site signs anybody out."""
    ann.browser.get("/oauth/logout", headers={"Sec-Fetch-Dest": "image"})
    page = opened(ann.browser, ask(ann.browser))
    fields = page.form("/sign-out").fields
    for forged, headers in (
        ({k: v for k, v in fields.items() if k != "form_token"}, {}),
        (fields, {"Sec-Fetch-Site": "cross-site"}),
    ):
        answer = ann.browser.post("/sign-out", data=forged, headers=headers)
        assert answer.status_code == 403
    assert ann.ended is None
    assert answered(world.client().ask(ann.browser, prompt="none"))["code"]


def test_a_hint_of_another_session_asks_and_then_ends_both(
    world: World, wiki: Client, ann: Person
) -> None:
    """Covers H02: the user of this browser may be somebody else than the token's."""
    bob = world.person()
    response = ask(
        bob.browser, id_token_hint=hint_of(wiki, ann), post_logout_redirect_uri=AWAY, state="s"
    )
    page = opened(bob.browser, response)
    assert "Wiki asks to sign you out." in page.text
    assert f"the session of {bob.name}" in page.text
    assert "Afterwards you go back to away.example." in page.text
    assert (ann.ended, bob.ended) == (None, None)
    done = confirm(bob.browser, page)
    assert leads_to(done) == f"{AWAY}?state=s"
    assert done.links["Go on to Wiki"] == f"{AWAY}?state=s"
    assert (ann.ended, bob.ended) == (EndReason.SIGNED_OUT, EndReason.SIGNED_OUT)
    actors = {
        person.name: world.rows(audit_event, session_id=person.session_id, event="session.ended")[
            0
        ].actor
        for person in (ann, bob)
    }
    assert actors == {ann.name: f"app/{wiki.name}", bob.name: f"acme/{bob.name}"}


def test_a_hint_ends_its_session_where_no_cookie_came_along(
    world: World, wiki: Client, ann: Person
) -> None:
    """Covers W20: the application has the token, and need not be in that browser."""
    response = ask(world.browser(), id_token_hint=hint_of(wiki, ann), post_logout_redirect_uri=AWAY)
    assert response.headers["location"] == AWAY
    assert "set-cookie" not in response.headers
    assert ann.ended is EndReason.SIGNED_OUT
    assert ann.session.ended_by == f"app/{wiki.name}"


def test_an_expired_hint_is_as_good(world: World, wiki: Client, ann: Person) -> None:
    """Covers H03: also where its session has ended already."""
    hint = hint_of(wiki, ann)
    again = world.again("acme", ann.name)
    again_hint = hint_of(wiki, again)
    again.sign_out()
    for _ in range(3):
        world.clock.forward(minutes=50)
        ann.browser.get("/account")
    assert world.claims(hint)["exp"] < world.timestamp()
    response = ask(again.browser, id_token_hint=again_hint, post_logout_redirect_uri=AWAY)
    assert response.headers["location"] == AWAY
    response = ask(ann.browser, id_token_hint=hint, post_logout_redirect_uri=AWAY)
    assert response.headers["location"] == AWAY
    assert ann.ended is EndReason.SIGNED_OUT


def test_the_client_that_is_named_is_the_hints(world: World, wiki: Client, ann: Person) -> None:
    """Covers H04."""
    hint = hint_of(wiki, ann)
    other = leaver(world)
    for named in (other.client_id, "nobody"):
        page = opened(
            ann.browser,
            ask(ann.browser, id_token_hint=hint, client_id=named, post_logout_redirect_uri=AWAY),
        )
        assert page.response.status_code == 400
        assert "another client" in page.text
    assert ann.ended is None
    response = ask(
        ann.browser, id_token_hint=hint, client_id=wiki.client_id, post_logout_redirect_uri=AWAY
    )
    assert response.headers["location"] == AWAY


@pytest.mark.parametrize(
    "wanted",
    [
        f"{AWAY}?foo=bar",
        f"{AWAY}/",
        AWAY.upper(),
        "https://away.example",
        "https://away.example.evil.example/bye",
        "https://away.example@evil.example/bye",
        "//evil.example",
        "javascript:alert(1)",
        "redirect_uri",
    ],
)
def test_one_goes_only_where_the_application_has_said(
    world: World, wiki: Client, ann: Person, wanted: str
) -> None:
    """Covers H05: character for character, and from a list of its own."""
    address = wiki.redirect_uri if wanted == "redirect_uri" else wanted
    for hint in ({"id_token_hint": hint_of(wiki, ann)}, {"client_id": wiki.client_id}):
        response = ask(ann.browser, post_logout_redirect_uri=address, state="s", **hint)
        page = opened(ann.browser, response)
        assert page.response.status_code == 400
        assert "not one that the application has registered" in page.text
        assert leads_to(page) == ""
        assert address not in page.links.values()
    assert ann.ended is None


def test_without_a_hint_nobody_is_led_anywhere(world: World, wiki: Client, ann: Person) -> None:
    """Covers H06: with a client id there is a link that one may follow, without it nothing."""
    asked = {"post_logout_redirect_uri": AWAY, "state": "s"}
    page = opened(ann.browser, ask(ann.browser, **asked))
    done = confirm(ann.browser, page)
    assert "away.example" not in done.response.text
    bob = world.person()
    page = opened(bob.browser, ask(bob.browser, client_id=wiki.client_id, **asked))
    assert "Wiki asks to sign you out." in page.text
    done = confirm(bob.browser, page)
    assert leads_to(done) == ""
    assert 'data-to="' not in done.response.text
    assert done.links["Go on to Wiki"] == f"{AWAY}?state=s"
    nobody = world.browser()
    done = opened(nobody, ask(nobody, client_id=wiki.client_id, **asked))
    assert leads_to(done) == ""


@pytest.mark.parametrize(
    "spoil",
    ["alg none", "foreign key", "other issuer", "access token", "unknown sid", "junk", "too much"],
)
def test_a_bad_hint_is_as_good_as_none(
    world: World, wiki: Client, ann: Person, tmp_path_factory: pytest.TempPathFactory, spoil: str
) -> None:
    """Covers H07: nothing ends, nobody is led away; the user is asked."""
    tokens = wiki.tokens(ann)
    hint = tokens["id_token"]
    claims = world.claims(hint)
    if spoil == "foreign key":
        directory = tmp_path_factory.mktemp("foreign")
        foreign = World(f"sqlite:///{directory / 'o.db'}", directory)
        bad = keys.sign(foreign.house, "RS256", claims, typ="JWT")
        foreign.close()
    else:
        bad = {
            "alg none": unsigned(hint),
            "other issuer": keys.sign(
                world.house, "RS256", {**claims, "iss": "https://evil.example"}, typ="JWT"
            ),
            "access token": tokens["access_token"],
            "unknown sid": keys.sign(world.house, "RS256", {**claims, "sid": "0" * 32}, typ="JWT"),
            "junk": "a.b.c",
            "too much": "é" * 500,
        }[spoil]
    response = ask(ann.browser, id_token_hint=bad, post_logout_redirect_uri=AWAY, state="s")
    page = opened(ann.browser, response)
    assert "Sign out?" in page.text
    assert ann.ended is None
    done = confirm(ann.browser, page)
    assert "away.example" not in done.response.text
    assert ann.ended is EndReason.SIGNED_OUT
    nobody = world.browser()
    done = opened(nobody, ask(nobody, id_token_hint=bad, post_logout_redirect_uri=AWAY))
    assert "You are signed out" in done.text
    assert "away.example" not in done.response.text


@pytest.mark.parametrize("who", ["name", "organization/name", "id", "sid", "nobody"])
def test_who_is_meant_may_be_said_besides(
    world: World, wiki: Client, ann: Person, who: str
) -> None:
    """Covers H02: a ``logout_hint`` about somebody else asks, whatever token came along."""
    hint = hint_of(wiki, ann)
    meant = {
        "name": ann.name,
        "organization/name": f"acme/{ann.name}",
        "id": ann.user_id,
        "sid": world.claims(hint)["sid"],
        "nobody": "somebody else",
    }[who]
    response = ask(
        ann.browser,
        id_token_hint=hint,
        logout_hint=meant,
        ui_locales="fr de",
        post_logout_redirect_uri=AWAY,
    )
    if who == "nobody":
        assert "Sign out?" in opened(ann.browser, response).text
        assert ann.ended is None
    else:
        assert response.headers["location"] == AWAY
        assert ann.ended is EndReason.SIGNED_OUT


def test_afterwards_the_application_learns_that_nobody_is_there(
    world: World, wiki: Client, ann: Person
) -> None:
    """Covers H11: the page without a way back says who has been told, and its tokens are dead."""
    tokens = wiki.tokens(ann)
    page = opened(ann.browser, ask(ann.browser, id_token_hint=tokens["id_token"]))
    assert "You are signed out" in page.text
    assert "Wiki is being told." in page.text
    assert page.links["Sign in again"] == "/sign-in/acme"
    assert answered(wiki.ask(ann.browser, prompt="none"))["error"] == "login_required"
    assert wiki.is_dead(tokens)
    page = opened(ann.browser, ask(ann.browser))
    assert "You are signed out" in page.text


def test_a_request_that_cannot_be_read_ends_nothing(
    world: World, wiki: Client, ann: Person
) -> None:
    """Covers H07."""
    hint = hint_of(wiki, ann)
    bad = (
        f"id_token_hint={hint}&id_token_hint={hint}",
        f"id_token_hint={hint}&state=%ff%fe",
        f"id_token_hint={hint}&x={'x' * 20_000}",
        f"id_token_hint={hint}&post_logout_redirect_uri={AWAY}&state={'s' * 3_000}",
        "resume=made-up",
    )
    for query in bad:
        address = f"/oauth/logout?{query}"
        response = ann.browser.get(address, follow_redirects=False, headers=VISITING)
        assert response.status_code == 400, query[:40]
        assert "<h1" in response.text
    posted = world.browser().post(
        "/oauth/logout", content=b'{"id_token_hint": "x"}', headers={"Content-Type": "text/plain"}
    )
    assert posted.status_code == 400
    assert ann.ended is None


def test_no_address_makes_our_pages_lead_anywhere(world: World, ann: Person) -> None:
    """Covers H05, E12: what leads on is sealed, for this purpose, and for a short time."""
    made_up = ("x", "", "%00", "é", Vault(b"k" * 32).seal_text("{}", "leaving/Left"))
    for value in made_up:
        page = Reader(world.browser()).open(f"/signed-out?then={value}")
        assert leads_to(page) == ""
        page = Reader(ann.browser).open(f"/sign-out?request={value}")
        assert "asks to sign you out" not in page.text


def test_the_way_back_and_the_question_are_open_for_a_while(
    world: World, wiki: Client, ann: Person
) -> None:
    hint = hint_of(wiki, ann)
    bob = world.person()
    asked = ask(bob.browser, id_token_hint=hint, post_logout_redirect_uri=AWAY)
    request = asked.headers["location"]
    page = Reader(bob.browser).open(request)
    sent = bob.browser.post("/sign-out", data=page.form("/sign-out").fields, follow_redirects=False)
    then = sent.headers["location"]
    world.clock.forward(minutes=4)
    assert leads_to(Reader(bob.browser).open(then)) == AWAY
    world.clock.forward(minutes=2)
    assert leads_to(Reader(bob.browser).open(then)) == ""
    carl = world.person()
    page = Reader(carl.browser).open(request)
    assert "Wiki asks to sign you out." in page.text
    world.clock.forward(minutes=58)
    carl = world.person()
    page = Reader(carl.browser).open(request)
    assert "asks to sign you out" not in page.text


def test_the_question_is_answered_although_the_session_is_over_meanwhile(
    world: World, wiki: Client, ann: Person
) -> None:
    """The session that the token names ends all the same, and the way back is open."""
    bob = world.person()
    asked = ask(bob.browser, id_token_hint=hint_of(wiki, ann), post_logout_redirect_uri=AWAY)
    bob.be_revoked()
    response = bob.browser.get(asked.headers["location"], follow_redirects=False)
    response = bob.browser.get(response.headers["location"], follow_redirects=False)
    assert response.headers["location"] == AWAY
    assert ann.ended is EndReason.SIGNED_OUT


def test_a_popup_keeps_its_opener(world: World, wiki: Client, ann: Person) -> None:
    """An application may have opened the way out in a window that tells it when it is done."""
    bob = world.person()
    response = ask(bob.browser, id_token_hint=hint_of(wiki, ann), post_logout_redirect_uri=AWAY)
    page = opened(bob.browser, response)
    done = confirm(bob.browser, page)
    for seen in (page, done):
        assert seen.response.headers["cross-origin-opener-policy"] == "unsafe-none"


def test_other_sessions_of_the_user_live_on(world: World, wiki: Client, ann: Person) -> None:
    other = world.again("acme", ann.name)
    ask(ann.browser, id_token_hint=hint_of(wiki, ann))
    found = world.read(sessions.by_id, other.session_id)
    assert found is not None
    assert found.ended_at is None


def test_everything_there_is_to_know_is_discovered(world: World) -> None:
    """Covers K02."""
    found = world.browser().get("/.well-known/openid-configuration").json()
    issuer = world.public_url
    assert found["end_session_endpoint"] == f"{issuer}/oauth/logout"
    assert found["check_session_iframe"] == f"{issuer}/oauth/check-session"
    for kind in ("frontchannel", "backchannel"):
        assert found[f"{kind}_logout_supported"] is True
        assert found[f"{kind}_logout_session_supported"] is True
    frame = world.browser().get(urlsplit(found["check_session_iframe"]).path)
    assert frame.status_code == 200
