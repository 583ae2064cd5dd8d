"""Asking what an application may know; remembering that, and taking it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from ostiary.domain.events import Event
from ostiary.storage.tables import audit_event
from tests.oidc.browsing import Visit
from tests.oidc.flow import Client, World, answered, good


def asking(world: World, **change: Any) -> Client:
    """An application whose users are asked."""
    return world.client(consent_required=True, display_name="Company wiki", **change)


def test_the_user_is_asked_once(world: World) -> None:
    """Covers D16: the page names the application, its site, what it wants and for how long."""
    person, client = world.person(), asking(world)
    visit = Visit(world, client, person.browser)
    page = visit.start(scope="openid email read")
    assert visit.path == "/consent"
    assert page.title.startswith("Let Company wiki use your account?")
    for text in (
        f"You are signed in as {person.name}, and go on to {client.name}.example.",
        "to know that it is you each time",
        "your e-mail address",
        "“read”, which it knows the meaning of",
        "It may use this until you sign out.",
    ):
        assert text in page.text, text
    assert "your phone number" not in page.text
    assert visit.form.buttons == ["Don\u2019t allow", "Allow"]
    visit.send(answer="allow")
    tokens = good(client.exchange(visit.answer["code"]))
    assert tokens["scope"] == "openid email read"
    assert "code" in answered(client.ask(person.browser, scope="openid read", prompt="none"))
    assert "code" in answered(client.ask(person.browser, scope="openid email read"))


def test_more_is_asked_for_again(world: World) -> None:
    person, client = world.person(), asking(world)
    person.permit(client, "openid", "email")
    more = "openid email phone"
    silent = answered(client.ask(person.browser, scope=more, prompt="none"))
    assert (silent["error"], silent["state"]) == ("consent_required", "a state")
    visit = Visit(world, client, person.browser)
    visit.start(scope=more)
    visit.send(answer="allow")
    assert visit.answer["code"]
    assert "code" in answered(client.ask(person.browser, scope="openid email", prompt="none"))


def test_no_is_told_to_the_application(world: World) -> None:
    """Covers G09: and it is remembered for this request alone."""
    person, client = world.person(), asking(world)
    visit = Visit(world, client, person.browser)
    visit.start()
    visit.send(answer="deny")
    assert (visit.answer["error"], visit.answer["state"]) == ("access_denied", "a state")
    assert "code" not in visit.answer
    visit.start()
    assert visit.path == "/consent"
    assert answered(client.ask(person.browser, prompt="none"))["error"] == "consent_required"


def test_prompt_consent_asks_though_it_is_known(world: World) -> None:
    person, client = world.person(), world.client()
    person.permit(client, "openid", "profile", "email")
    visit = Visit(world, client, person.browser)
    visit.start(prompt="consent")
    assert visit.path == "/consent"
    visit.send(answer="allow")
    assert visit.answer["code"]


def test_signing_in_and_consenting_come_one_after_the_other(world: World) -> None:
    """Covers G02, D16."""
    person, client = world.person(), asking(world)
    visit = Visit(world, client)
    visit.start(prompt="login consent")
    assert visit.path.startswith("/sign-in/")
    visit.sign_in(person.name)
    assert visit.path == "/consent"
    visit.send(answer="allow")
    claims = world.claims(good(client.exchange(visit.answer["code"]))["id_token"])
    assert claims["sub"] == person.user_id


def test_access_while_one_is_away_is_always_asked_for(world: World) -> None:
    """Covers G14, D16: where nobody can be asked, it is left out."""
    person, client = world.person(), world.client()
    scope = "openid offline_access"
    silent = good(
        client.exchange(answered(client.ask(person.browser, scope=scope, prompt="none"))["code"])
    )
    assert silent["scope"] == "openid"
    visit = Visit(world, client, person.browser)
    page = visit.start(scope=scope)
    assert "to do so while you are not signed in" in page.text
    assert "It may use this for 30 days, also while you are signed out." in page.text
    visit.send(answer="allow")
    assert good(client.exchange(visit.answer["code"]))["scope"] == scope


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("com.example.app:/callback", True),
        ("http://127.0.0.1:7777/callback", True),
        ("http://127.0.0.1/callback", False),
        ("https://spa.example/callback", False),
    ],
)
def test_a_program_that_could_be_any_is_asked_about_each_time(
    world: World, address: str, *, asked: bool
) -> None:
    """Covers D16: RFC 8252, 8.6."""
    registered = ("com.example.app:/callback", "http://127.0.0.1/callback")
    client = world.public_client(redirect_uris=(*registered, "https://spa.example/callback"))
    person = world.person()
    visit = Visit(world, client, person.browser)
    for _ in range(2):
        page = visit.start(redirect_uri=address)
        if asked:
            assert visit.path == "/consent"
            host = urlsplit(address).netloc or "com.example.app:"
            assert f"go on to {host}." in page.text
            visit.send(answer="allow")
        assert visit.answer["code"]


def test_the_page_works_for_the_session_that_was_asked(world: World) -> None:
    """Covers G08: another user of the browser is asked for herself."""
    person, other, client = world.person(), world.person(), asking(world)
    visit = Visit(world, client, person.browser)
    page = visit.start()
    address = f"/consent?request={quote(visit.form.fields['request'])}"
    visit.send(answer="allow")
    consented = next(str(h.request.url) for h in visit.hops if "resume=" in str(h.request.url))
    elsewhere = Visit(world, client, other.browser)
    elsewhere.open(consented.removeprefix(world.public_url))
    assert elsewhere.path == "/consent"
    page = elsewhere.open(address)
    assert f"You are signed in as {other.name}" in page.text


def test_an_answer_comes_from_our_own_page(world: World) -> None:
    """Covers E09, E10, F08, G08."""
    person, client = world.person(), asking(world)
    visit = Visit(world, client, person.browser)
    visit.start()
    fields = visit.form.fields | {"answer": "allow"}
    forged = [
        (fields | {"form_token": "x"}, {}),
        (fields, {"Sec-Fetch-Site": "cross-site"}),
        (fields, {"Sec-Fetch-Site": "same-site"}),
    ]
    for values, headers in forged:
        answer = visit.browser.post("/consent", data=values, headers=headers)
        assert answer.status_code == 403
    assert answered(client.ask(person.browser, prompt="none"))["error"] == "consent_required"


@pytest.mark.parametrize(
    "change", [{"answer": ""}, {"answer": "maybe"}, {"request": "x"}, {"request": ""}]
)
def test_an_answer_that_is_none_is_refused(world: World, change: dict[str, str]) -> None:
    person, client = world.person(), asking(world)
    visit = Visit(world, client, person.browser)
    visit.start()
    page = visit.send(**({"answer": "allow"} | change))
    assert page.response.status_code == 400
    assert not visit.arrived


def test_only_what_was_shown_is_agreed_to(world: World) -> None:
    """Covers D16: an application that may want more meanwhile is asked about anew."""
    person, client = world.person(), asking(world, scopes=("openid",))
    visit = Visit(world, client, person.browser)
    visit.start(scope="openid phone")
    client.change(scopes=("openid", "phone"))
    page = visit.send(answer="allow")
    assert visit.path == "/consent"
    assert "your phone number" in page.text
    visit.send(answer="allow")
    assert good(client.exchange(visit.answer["code"]))["scope"] == "openid phone"


def test_who_is_not_signed_in_any_more_signs_in_first(world: World) -> None:
    """Covers A10: asked by the page, and by its answer."""
    person, client = world.person(), asking(world)
    visit = Visit(world, client, person.browser)
    visit.start()
    address = f"/consent?request={quote(visit.form.fields['request'])}"
    person.be_revoked()
    shown = visit.page
    visit.send(answer="allow")
    assert visit.path.startswith("/sign-in/")
    visit.open(address)
    assert visit.path.startswith("/sign-in/")
    assert shown.response.url.path == "/consent"
    visit.sign_in(person.name)
    assert visit.path == "/consent"


def test_a_page_with_nothing_to_ask_goes_on(world: World) -> None:
    person, client = world.person(), asking(world)
    visit = Visit(world, client, person.browser)
    visit.start()
    request = visit.form.fields["request"]
    client.change(consent_required=False)
    visit.open(f"/consent?request={quote(request)}")
    assert visit.answer["code"]
    client.change(consent_required=True)
    visit.start()
    client.change(consent_required=False)
    visit.send(answer="allow")
    assert visit.answer["code"]


@pytest.mark.parametrize("request_", ["", "x", "x.y", "é"])
def test_a_page_for_no_request_is_refused(world: World, request_: str) -> None:
    person = world.person()
    response = person.browser.get("/consent", params={"request": request_})
    assert response.status_code == 400


def test_the_page_cannot_be_framed_and_needs_no_script(world: World) -> None:
    """Covers G08, A13."""
    person, client = world.person(), asking(world)
    visit = Visit(world, client, person.browser)
    page = visit.start()
    assert page.response.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in page.response.headers["content-security-policy"]
    assert page.form("/sign-out").buttons == ["Sign out"]
    assert (visit.form.action, visit.form.method) == ("/consent", "post")


def test_it_is_the_same_on_postgresql(postgresql_url: str, tmp_path: Path) -> None:
    """Covers D12, D16."""
    world = World(postgresql_url, tmp_path)
    person, client = world.person(), asking(world)
    visit = Visit(world, client)
    visit.start(scope="openid email", prompt="login consent")
    visit.sign_in(person.name)
    visit.send(answer="allow")
    tokens = good(client.exchange(visit.answer["code"]))
    assert world.claims(tokens["id_token"])["sub"] == person.user_id
    visit.start(scope="openid offline_access")
    visit.send(answer="allow")
    offline = good(client.exchange(visit.answer["code"]))
    visit.open(f"/account/applications/{client.name}/withdraw")
    visit.send()
    assert client.is_dead(tokens)
    assert client.is_dead(offline)
    world.close()


# Taking it back


def test_a_user_takes_back_what_an_application_may_know(world: World) -> None:
    """Covers D12: its tokens are dead at once, those for while she is away too."""
    person, client = world.person(), asking(world)
    visit = Visit(world, client, person.browser)
    visit.start(scope="openid email offline_access")
    visit.send(answer="allow")
    offline = good(client.exchange(visit.answer["code"]))
    online = client.tokens(person, scope="openid")
    page = visit.open("/account/security")
    assert "What applications may know" in page.text
    assert "Company wiki to know that it is you each time, your e-mail address and" in page.text
    assert "It has access also while you are signed out." in page.text
    to = page.links["Take back"]
    assert to == f"/account/applications/{client.name}/withdraw"
    page = visit.open(to)
    assert "Take back what “Company wiki” may know?" in page.text
    page = visit.send()
    assert visit.path == "/account/security"
    assert "“Company wiki” may know nothing any more." in page.text
    assert "What applications may know" not in page.text
    for tokens in (offline, online):
        assert client.is_dead(tokens)
    assert answered(client.ask(person.browser, prompt="none"))["error"] == "consent_required"
    assert person.session.ended_at is None
    page = visit.open("/account/activity")
    assert f"Let {client.name} know about you" in page.text
    assert f"Took back what {client.name} may know" in page.text


def test_what_is_not_there_cannot_be_taken_back(world: World) -> None:
    person, other, client = world.person(), world.person(), asking(world)
    other.permit(client, "openid")
    address = f"/account/applications/{client.name}/withdraw"
    assert person.browser.get(address).status_code == 404
    visit = Visit(world, client, person.browser)
    visit.open("/account/security")
    posted = person.browser.post(address, data=visit.form.fields)
    assert posted.status_code == 404
    assert "code" in answered(client.ask(other.browser, scope="openid", prompt="none"))


def test_yes_and_taking_back_are_in_the_audit(world: World) -> None:
    """Covers D17."""
    person, client = world.person(), asking(world)
    visit = Visit(world, client, person.browser)
    visit.start(scope="openid email")
    visit.send(answer="allow")
    visit.open(f"/account/applications/{client.name}/withdraw")
    visit.send()
    written = [
        (row.event, row.user)
        for row in world.rows(audit_event, application=client.name)
        if row.event.startswith("consent.")
    ]
    assert written == [
        (Event.CONSENT_GIVEN, person.name),
        (Event.CONSENT_WITHDRAWN, person.name),
    ]


def test_parts_of_a_request_stay_out_of_the_pages_address(world: World) -> None:
    """What is on its way is one value, which the server vouches for."""
    person, client = world.person(), asking(world)
    visit = Visit(world, client, person.browser)
    page = visit.start()
    assert parse_qs(urlsplit(str(page.response.url)).query).keys() == {"request"}
