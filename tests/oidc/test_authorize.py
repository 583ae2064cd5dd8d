"""What the authorization endpoint makes of a request: an answer, an error, or a page that says so.

Who has to authenticate, and what is asked of people, is in `test_authorize_people`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from ostiary.edge import authorizing
from ostiary.services.pkce import challenge_of
from ostiary.storage.tables import grant
from tests.oidc.browsing import Visit
from tests.oidc.flow import VERIFIER, Client, Person, World, answered, good
from tests.web.reading import Page

CHALLENGE = challenge_of(VERIFIER)
NATIVE = "http://127.0.0.1/callback"


@pytest.fixture(scope="module")
def ann(world: World) -> Person:
    """Somebody who is signed in, and stays so through all of these tests."""
    return world.person(organization="acme")


@pytest.fixture(scope="module")
def wiki(world: World) -> Client:
    """An application of hers, which no test here changes."""
    return world.client(redirect_uris=("https://wiki.example/callback?a=b", NATIVE))


# What is asked by GET and by POST


def test_a_signed_in_user_goes_straight_back(world: World, ann: Person, wiki: Client) -> None:
    """Covers G12, L13."""
    response = wiki.ask(ann.browser)
    answer = answered(response)
    assert answer.keys() >= {"a", "code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("a state", world.public_url)
    assert response.headers["location"].startswith("https://wiki.example/callback?a=b&code=")
    claims = world.claims(good(wiki.exchange(answer["code"]))["id_token"])
    assert (claims["iss"], claims["sub"], claims["nonce"]) == (
        world.public_url,
        ann.user_id,
        "a nonce",
    )


def test_without_state_and_nonce_none_comes_back(world: World, ann: Person, wiki: Client) -> None:
    """Covers G12."""
    answer = answered(wiki.ask(ann.browser, state=None, nonce=None))
    assert "state" not in answer
    claims = world.claims(good(wiki.exchange(answer["code"]))["id_token"])
    assert "nonce" not in claims


@pytest.mark.parametrize(
    "state", ["a&b=c#d", "日本", "x" * 1_500, '"><script>', "a\r\nSet-Cookie: b"]
)
def test_state_comes_back_as_it_went(ann: Person, wiki: Client, state: str) -> None:
    """Covers D18."""
    response = wiki.ask(ann.browser, state=state)
    assert answered(response)["state"] == state
    assert "set-cookie" not in response.headers


def test_a_post_is_the_same_and_looks_at_no_cookie(ann: Person, wiki: Client) -> None:
    """Covers G01: the post of another site has no cookies, and the GET that follows has them."""
    posted = ann.browser.post(
        "/oauth/authorize",
        content=urlencode(wiki.query()),
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "Sec-Fetch-Site": "cross-site",
            "Origin": "https://wiki.example",
        },
        follow_redirects=False,
    )
    assert posted.status_code == 303
    to = posted.headers["location"]
    assert to.startswith("/oauth/authorize?resume=")
    answer = answered(ann.browser.get(to, follow_redirects=False))
    assert (answer["state"], bool(answer["code"])) == ("a state", True)


def test_a_post_without_a_session_leads_to_the_sign_in_page(world: World, wiki: Client) -> None:
    """Covers G01, A19."""
    visit = Visit(world, wiki)
    posted = visit.browser.post(
        "/oauth/authorize", data=wiki.query(), headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert posted.url.path == f"/sign-in/acme/{wiki.name}"
    assert "sid" not in visit.browser.cookies


@pytest.mark.parametrize(
    ("body", "media_type"),
    [(b"{}", "application/json"), (b"\xff=1", "application/x-www-form-urlencoded")],
)
def test_a_post_that_cannot_be_read_is_refused(world: World, body: bytes, media_type: str) -> None:
    browser = world.browser()
    response = browser.post("/oauth/authorize", content=body, headers={"Content-Type": media_type})
    assert response.status_code == 400


# Errors


BAD_CLIENT: dict[str, Callable[[dict[str, str]], list[tuple[str, str]]]] = {
    "no client": lambda q: [(k, v) for k, v in q.items() if k != "client_id"],
    "unknown client": lambda q: list((q | {"client_id": "nobody"}).items()),
    "two clients": lambda q: [*q.items(), ("client_id", "other")],
    "no address": lambda q: [(k, v) for k, v in q.items() if k != "redirect_uri"],
    "two addresses": lambda q: [*q.items(), ("redirect_uri", "https://evil.example/")],
    "another address": lambda q: list((q | {"redirect_uri": "https://evil.example/"}).items()),
}


@pytest.mark.parametrize("wrong", BAD_CLIENT)
@pytest.mark.parametrize("prompt", ["login", "none"])
def test_who_is_not_known_is_sent_nowhere(
    ann: Person, wiki: Client, wrong: str, prompt: str
) -> None:
    """Covers G09, L18: the error is a page of ours, signed in or not, silent or not."""
    query = urlencode(BAD_CLIENT[wrong](wiki.query(prompt=prompt)))
    response = ann.browser.get(
        f"/oauth/authorize?{query}", follow_redirects=False, headers={"Accept": "text/html"}
    )
    assert response.status_code == 400
    assert "location" not in response.headers
    page = Page(response)
    assert "evil.example" not in response.text
    assert not page.with_attributes(**{"http-equiv": "refresh"})
    assert "http" not in "".join(page.links.values())


NOT_THIS = [
    "https://wiki.example/callback",
    "https://wiki.example/callback?a=b&c=d",
    "https://wiki.example/callback?a=b#",
    "https://wiki.example/callback/?a=b",
    "https://wiki.example/Callback?a=b",
    "https://wiki.example/callback/../callback?a=b",
    "https://wiki.example:443/callback?a=b",
    "http://wiki.example/callback?a=b",
    "https://WIKI.example/callback?a=b",
    "https://wiki.example.evil.example/callback?a=b",
    "https://wiki.example@evil.example/callback?a=b",
    "https://evil.example\\@wiki.example/callback?a=b",
    "https://x.wiki.example/callback?a=b",
    "//wiki.example/callback?a=b",
    "javascript:alert(1)",
    "data:text/html,x",
    "http://127.0.0.1:8080/callback2",
    "http://127.0.0.1:8080/callback?x=1",
    "http://127.0.0.1:8080@evil.example/callback",
    "http://127.0.0.1:80a/callback",
    "http://127.0.0.2:8080/callback",
    "http://localhost:8080/callback",
    "http://[::1]:8080/callback",
    "https://127.0.0.1:8080/callback",
]


@pytest.mark.parametrize("address", NOT_THIS)
def test_a_redirect_address_is_the_very_one(ann: Person, wiki: Client, address: str) -> None:
    """Covers D05, W17."""
    response = wiki.ask(ann.browser, redirect_uri=address)
    assert (response.status_code, "location" in response.headers) == (400, False)


@pytest.mark.parametrize("port", ["", ":1", ":8123", ":65535"])
def test_a_loopback_address_may_vary_its_port(
    world: World, ann: Person, wiki: Client, port: str
) -> None:
    """Covers D05, W17: RFC 8252, 7.3; and the code is bound to the port that was asked for."""
    address = NATIVE.replace("127.0.0.1", f"127.0.0.1{port}")
    response = wiki.ask(ann.browser, redirect_uri=address)
    code = answered(response)["code"]
    assert response.headers["location"].startswith(f"{address}?code=")
    good(wiki.exchange(code, redirect_uri=address))


def test_a_native_address_has_a_scheme_of_its_own(world: World, ann: Person) -> None:
    address = "com.example.app:/signed-in"
    app = world.client(redirect_uris=(address,))
    assert app.ask(ann.browser).headers["location"].startswith(f"{address}?code=")


WRONG: list[tuple[str, dict[str, str | None], str]] = [
    ("response_type missing", {"response_type": None}, "invalid_request"),
    ("implicit", {"response_type": "token"}, "unsupported_response_type"),
    ("implicit identity", {"response_type": "id_token"}, "unsupported_response_type"),
    ("hybrid", {"response_type": "code id_token"}, "unsupported_response_type"),
    ("hybrid with token", {"response_type": "code token"}, "unsupported_response_type"),
    ("unknown response", {"response_type": "none"}, "unsupported_response_type"),
    ("response_mode", {"response_mode": "fragment"}, "invalid_request"),
    ("request object", {"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
    ("request_uri", {"request_uri": "https://wiki.example/r"}, "request_uri_not_supported"),
    ("registration", {"registration": "{}"}, "registration_not_supported"),
    ("none and another", {"prompt": "none login"}, "invalid_request"),
    ("unknown prompt", {"prompt": "shout"}, "invalid_request"),
    ("max_age of letters", {"max_age": "soon"}, "invalid_request"),
    ("max_age below nothing", {"max_age": "-1"}, "invalid_request"),
    ("max_age of other digits", {"max_age": "٣"}, "invalid_request"),
    ("max_age beyond reason", {"max_age": "9" * 30}, "invalid_request"),
    ("claims", {"claims": "{"}, "invalid_request"),
    ("claims that are a list", {"claims": "[]"}, "invalid_request"),
    ("claims without a bottom", {"claims": '{"a":' + "[" * 1_100}, "invalid_request"),
    ("a stranger's hint", {"id_token_hint": "x.y.z"}, "invalid_request"),
    ("no challenge", {"code_challenge": None}, "invalid_request"),
    ("plain", {"code_challenge_method": "plain"}, "invalid_request"),
    ("no method, which means plain", {"code_challenge_method": None}, "invalid_request"),
    ("short challenge", {"code_challenge": "short"}, "invalid_request"),
    ("challenge of other letters", {"code_challenge": "é" * 43}, "invalid_request"),
    ("too long", {"nonce": "n" * 4_001}, "invalid_request"),
]


@pytest.mark.parametrize("wrong", WRONG, ids=[name for name, _, _ in WRONG])
def test_what_is_wrong_with_a_request_is_told_to_its_application(
    world: World, ann: Person, wiki: Client, wrong: tuple[str, dict[str, str | None], str]
) -> None:
    """Covers G09, L13, D08, D10, D15, L09, L16, G03: with state and iss, and never with a code."""
    _, change, error = wrong
    answer = answered(wiki.ask(ann.browser, **change))
    assert answer["error"] == error
    assert (answer["state"], answer["iss"]) == ("a state", world.public_url)
    assert answer["error_description"].isascii()
    assert "code" not in answer


@pytest.mark.parametrize("name", ["scope", "nonce", "response_type", "max_age", "x"])
def test_a_parameter_comes_once(ann: Person, wiki: Client, name: str) -> None:
    """Covers L01."""
    query = urlencode([*wiki.query(**{name: "1"}).items(), (name, "2")])
    response = ann.browser.get(f"/oauth/authorize?{query}", follow_redirects=False)
    assert answered(response)["error"] == "invalid_request"


def test_unknown_and_empty_parameters_are_ignored(ann: Person, wiki: Client) -> None:
    """Covers L01, G16."""
    further = {
        "x": "y",
        "display": "popup",
        "ui_locales": "de fr",
        "claims_locales": "de",
        "acr_values": "urn:example:gold",
        "prompt": "",
        "request": "",
        "max_age": "",
        "claims": json.dumps({"userinfo": {"email": None}, "id_token": {"acr": None}}),
    }
    assert answered(wiki.ask(ann.browser, **further))["code"]


@pytest.mark.parametrize(
    ("query", "status"),
    [("client_id=%ff", 400), ("&".join(["a=1"] * 101), 400), ("a=" + "b" * 5_000, 400)],
)
def test_what_cannot_be_read_is_a_page(world: World, query: str, status: int) -> None:
    """Covers G09."""
    response = world.browser().get(f"/oauth/authorize?{query}", follow_redirects=False)
    assert (response.status_code, "location" in response.headers) == (status, False)


def test_an_application_needs_the_grant(world: World, ann: Person) -> None:
    """Covers D08."""
    worker = world.client(grant_types=("client_credentials",))
    assert answered(worker.ask(ann.browser))["error"] == "unauthorized_client"


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        ({}, True),
        ({"pkce_required": False}, False),
        ({"token_endpoint_auth_method": "none"}, True),
        ({"token_endpoint_auth_method": "none", "pkce_required": False}, True),
    ],
)
def test_pkce_can_be_relaxed_for_who_keeps_a_secret(
    world: World, ann: Person, settings: dict[str, object], *, needed: bool
) -> None:
    """Covers D10."""
    client = world.client(**settings)
    answer = answered(client.ask(ann.browser, code_challenge=None, code_challenge_method=None))
    assert ("error" in answer) is needed
    # A method without a challenge was never meant.
    odd = answered(client.ask(ann.browser, code_challenge=None))
    assert odd["error"] == "invalid_request"


def test_what_an_application_may_not_have_is_left_out(world: World, ann: Person) -> None:
    """Covers D13, G14: nothing is offline that is not refreshed; what is unknown is no error."""
    client = world.client(
        scopes=("openid", "email", "offline_access"), grant_types=("authorization_code",)
    )
    code = answered(client.ask(ann.browser, scope="openid profile email read offline_access x"))
    tokens = good(client.exchange(code["code"]))
    assert tokens["scope"] == "openid email"
    assert "refresh_token" not in tokens


def test_without_openid_it_is_oauth_alone(world: World, ann: Person, wiki: Client) -> None:
    tokens = good(wiki.exchange(wiki.code(ann, scope="read")))
    assert (tokens["scope"], "id_token" in tokens) == ("read", False)


# How answers travel


def test_an_answer_may_come_by_a_form(world: World, ann: Person, wiki: Client) -> None:
    """Covers L13, G08: one script that is named by its hash, and the form goes to the address."""
    response = wiki.ask(ann.browser, response_mode="form_post", state='"><script>alert(1)')
    assert response.status_code == 200
    page = Page(response)
    form = page.forms[0]
    assert (form.action, form.method) == ("https://wiki.example/callback?a=b", "post")
    assert form.fields["state"] == '"><script>alert(1)'
    assert form.fields["iss"] == world.public_url
    assert form.buttons == ["Continue"]
    good(wiki.exchange(form.fields["code"], redirect_uri=form.action))
    policy = response.headers["content-security-policy"]
    assert "script-src 'sha256-" in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"


def test_an_error_comes_by_a_form_too(ann: Person, wiki: Client) -> None:
    response = wiki.ask(ann.browser, response_mode="form_post", response_type="token")
    assert Page(response).forms[0].fields["error"] == "unsupported_response_type"


def test_answers_are_kept_by_nobody(ann: Person, wiki: Client) -> None:
    """Covers B11, L19, L21, G08: no referrer, no cache, no other site's script, a 303."""
    response = wiki.ask(ann.browser)
    assert response.status_code == 303
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-frame-options"] == "DENY"
    asked = ann.browser.get(
        f"/oauth/authorize?{urlencode(wiki.query())}",
        headers={"Origin": "https://wiki.example", "Sec-Fetch-Site": "cross-site"},
        follow_redirects=False,
    )
    preflight = ann.browser.options(
        "/oauth/authorize",
        headers={"Origin": "https://wiki.example", "Access-Control-Request-Method": "GET"},
    )
    for found in (asked, preflight):
        assert not [h for h in found.headers if h.startswith("access-control-")]


# The request on its way


@pytest.fixture(scope="module")
def sealed(world: World, wiki: Client) -> str:
    """A request on its way to the sign-in page."""
    visit = Visit(world, wiki)
    visit.start(prompt="login")
    return str(parse_qs(urlsplit(visit.form.fields["return_to"]).query)["resume"][0])


@pytest.mark.parametrize(
    "changed",
    [
        lambda s: s[:-1],
        lambda s: s.partition(".")[0],
        lambda s: s.partition(".")[0] + ".",
        lambda s: "e30." + s.partition(".")[2],
        lambda s: s[1:],
        lambda s: "\u2026",
        lambda s: "",
    ],
)
def test_nobody_makes_up_a_request_on_its_way(
    ann: Person, sealed: str, changed: Callable[[str], str]
) -> None:
    """Covers G08: what has happened for a request is vouched for by us alone."""
    query = urlencode({"resume": changed(sealed)})
    response = ann.browser.get(f"/oauth/authorize?{query}", follow_redirects=False)
    assert (response.status_code, "location" in response.headers) == (400, False)


def test_the_longest_request_fits_through_a_proxy(world: World, wiki: Client) -> None:
    visit = Visit(world, wiki)
    room = authorizing.LONGEST - len(urlencode(wiki.query(prompt="login", state="")))
    person = world.person()
    visit.start(prompt="login", state="s" * min(room, 4_000), x="y" * max(0, room - 4_000 - 3))
    sent = [str(hop.request.url) for hop in visit.hops]
    assert max(map(len, sent)) < 8_192 - len("GET  HTTP/1.1")
    visit.sign_in(person.name)
    assert visit.answer["state"].startswith("sss")


def test_an_address_may_go_while_the_user_signs_in(world: World, ann: Person) -> None:
    """Covers G09: what holds when the request comes back is what holds then."""
    client = world.client()
    visit = Visit(world, client, ann.browser)
    visit.start(prompt="login")
    client.change(redirect_uris=("https://elsewhere.example/callback",))
    page = visit.sign_in()
    assert page.response.status_code == 400
    assert "not one of the application" in page.text


def test_codes_are_bound_to_their_grant(world: World, ann: Person) -> None:
    """Covers G10, L05."""
    client = world.client()
    codes = {answered(client.ask(ann.browser))["code"] for _ in range(10)}
    assert len(codes) == 10
    assert {len(code) for code in codes} == {43}
    written = world.rows(grant, session_id=ann.session_id)
    assert {row.kind for row in written} == {"authorization_code"}
