"""Who has to authenticate for a request, anew or as somebody else, and who is never asked."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from ostiary.domain.session import EndReason
from ostiary.services import applications, end, organizations
from ostiary.services.organizations import OrganizationChange
from ostiary.storage.tables import client_session, session
from tests.oidc.browsing import Visit
from tests.oidc.flow import Client, Person, World, answered, good
from tests.support.installation import PASSWORD
from tests.web.reading import set_cookies


@pytest.fixture(scope="module")
def wiki(world: World) -> Client:
    """An application that no test here changes."""
    return world.client(display_name="Company wiki")


def id_token(world: World, client: Client, answer: dict[str, str]) -> dict[str, Any]:
    return world.claims(good(client.exchange(answer["code"]))["id_token"])


# Signing in


def test_somebody_signs_in_for_an_application(world: World, wiki: Client) -> None:
    """Covers A19, G08, L19, E12: the page asks, and only what is typed there signs in."""
    person = world.person()
    visit = Visit(world, wiki)
    page = visit.start(login_hint=person.name)
    assert visit.path == f"/sign-in/acme/{wiki.name}"
    assert page.title == "Sign in to Company wiki"
    assert page.form(visit.path).fields["name"] == person.name
    assert not visit.browser.cookies.get("sid")
    assert page.response.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in page.response.headers["content-security-policy"]
    visit.sign_in()
    assert visit.answer["state"] == "a state"
    claims = id_token(world, wiki, visit.answer)
    assert (claims["sub"], claims["auth_time"]) == (person.user_id, world.timestamp())
    # The next application is not asked about again: that is what single sign-on is.
    board = Visit(world, world.client(), visit.browser)
    board.start()
    assert id_token(world, board.client, board.answer)["sub"] == person.user_id


def test_no_form_is_answered_by_a_redirect_to_another_site(world: World, wiki: Client) -> None:
    """Covers B10, L19: browsers would hold the application's site to our ``form-action``."""
    person = world.person()
    visit = Visit(world, wiki)
    visit.start()
    posted = visit.browser.post(
        visit.form.action,
        data=visit.form.fields | {"name": person.name, "password": PASSWORD},
        follow_redirects=False,
    )
    assert posted.status_code == 200
    assert "location" not in posted.headers
    assert "form-action 'self'" in posted.headers["content-security-policy"]
    assert "sid" in set_cookies(posted)
    assert "/oauth/authorize?resume=" in posted.text


def test_an_application_in_a_window_of_its_own_hears_of_it(world: World, wiki: Client) -> None:
    """The pages on the way keep the tie to the window that opened them; all others cut it."""
    person = world.person()
    visit = Visit(world, wiki)
    visit.start()
    visit.sign_in(person.name)
    ties = {hop.headers["cross-origin-opener-policy"] for hop in visit.hops}
    assert ties == {"unsafe-none"}
    assert visit.browser.get("/account").headers["cross-origin-opener-policy"] == "same-origin"


def test_the_hint_is_only_text(world: World, wiki: Client) -> None:
    """Covers B02."""
    page = Visit(world, wiki).start(login_hint='"><script>alert(1)</script>')
    assert "<script>alert" not in page.response.text
    page = Visit(world, wiki).start(login_hint="a\x00b")
    assert page.form(page.response.url.path).fields["name"] == ""


def test_a_wrong_password_keeps_the_request(world: World, wiki: Client) -> None:
    person = world.person()
    visit = Visit(world, wiki)
    visit.start()
    page = visit.sign_in(person.name, password="wrong")
    assert "Name or password is incorrect." in page.text
    visit.sign_in()
    assert visit.answer["state"] == "a state"


def test_the_built_in_application_has_everybodys_door(world: World) -> None:
    name = "app-built-in"
    world.write(
        applications.update_application,
        world.act(),
        world.house.vault,
        name,
        applications.ApplicationChange(redirect_uris=("https://tool.example/cb",)),
    )
    settings: dict[str, Any] = {"redirect_uris": ("https://tool.example/cb",)}
    tool = Client(world, name, world.client_id, world.client_secret, settings)
    person = world.person()
    visit = Visit(world, tool)
    visit.start()
    assert visit.path == "/sign-in"
    visit.sign_in(person.name, organization="acme")
    assert visit.answer["code"]


def test_somebody_of_another_organization_is_not_let_in(world: World, wiki: Client) -> None:
    world.organization("globex")
    stranger = world.person(organization="globex")
    visit = Visit(world, wiki, stranger.browser)
    page = visit.start()
    assert f"{stranger.name} is signed in in this browser." in page.text
    assert f"Go on as {stranger.name}" not in page.links
    assert answered(wiki.ask(stranger.browser, prompt="none"))["error"] == "login_required"
    mine = world.person()
    visit.sign_in(mine.name)
    assert id_token(world, wiki, visit.answer)["sub"] == mine.user_id
    assert stranger.ended is EndReason.DISPLACED


# prompt


def test_prompt_login_asks_again(world: World, wiki: Client) -> None:
    """Covers G02, G05, A07: same session, new secret, later auth_time."""
    person = world.person()
    world.clock.forward(minutes=5)
    visit = Visit(world, wiki, person.browser)
    page = visit.start(prompt="login")
    assert page.title == "Enter your password again"
    assert "Company wiki wants to be sure that it is still you." in page.text
    assert page.form(visit.path).fields["name"] == person.name
    assert not page.links.get(f"Go on as {person.name}")
    visit.open(page.form(visit.path).fields["return_to"])
    assert visit.path.startswith("/sign-in")  # going on without a password leads back here
    page = visit.sign_in(password="wrong")
    assert page.title == "Enter your password again"
    world.clock.forward(seconds=30)
    visit.sign_in()
    claims = id_token(world, wiki, visit.answer)
    assert claims["auth_time"] == world.timestamp()
    assert visit.browser.cookies["sid"] != person.secret
    assert person.session.ended_at is None
    assert person.session.authenticated_at == world.clock.now


def test_asking_again_keeps_somebody_signed_in(world: World, wiki: Client) -> None:
    first = world.person()
    person = world.again("acme", first.name, remember=True)
    visit = Visit(world, wiki, person.browser)
    visit.start(prompt="login")
    visit.sign_in()
    assert person.session.remembered


def test_what_was_done_before_the_request_does_not_count(world: World, wiki: Client) -> None:
    """Covers G02: each request asks for an authentication of its own."""
    person = world.person()
    visit = Visit(world, wiki, person.browser)
    for _ in range(2):
        visit.start(prompt="login")
        assert visit.path.startswith("/sign-in")
        visit.sign_in()
        assert visit.answer["code"]


def test_what_was_done_for_a_request_counts_for_an_hour(world: World, wiki: Client) -> None:
    """Covers G02."""
    person = world.person()
    visit = Visit(world, wiki, person.browser)
    page = visit.start(prompt="login")
    to = page.form(visit.path).fields["return_to"]
    visit.sign_in()
    world.clock.forward(minutes=50)
    visit.open(to)
    assert visit.answer["code"]
    world.clock.forward(minutes=11)
    visit.open(to)
    assert visit.path.startswith("/sign-in")


def test_another_may_sign_in_instead(world: World, wiki: Client) -> None:
    """She is told before that it signs the first one out."""
    person, other = world.person(), world.person()
    visit = Visit(world, wiki, person.browser)
    visit.start(prompt="login")
    page = visit.sign_in(other.name)
    assert f"Signing in as somebody else signs {person.name} out." in page.text
    assert f"Go on as {person.name}" not in page.links
    assert person.ended is None
    visit.sign_in()
    assert id_token(world, wiki, visit.answer)["sub"] == other.user_id
    assert person.ended is EndReason.DISPLACED


def test_an_account_can_be_chosen(world: World, wiki: Client) -> None:
    """``select_account``: go on as who one is, or as another."""
    person = world.person()
    visit = Visit(world, wiki, person.browser)
    page = visit.start(prompt="select_account")
    assert f"{person.name} is signed in in this browser." in page.text
    visit.open(page.form(visit.path).fields["return_to"])
    assert visit.path.startswith("/sign-in")  # only the link on the page says which one
    visit.open(page.links[f"Go on as {person.name}"])
    assert id_token(world, wiki, visit.answer)["sub"] == person.user_id
    other = world.person()
    visit.start(prompt="select_account")
    visit.sign_in(other.name)
    assert id_token(world, wiki, visit.answer)["sub"] == other.user_id


def test_a_choice_is_bound_to_its_session_and_request(world: World, wiki: Client) -> None:
    person, other = world.person(), world.person()
    world.clock.forward(seconds=1)
    visit = Visit(world, wiki, person.browser)
    page = visit.start(prompt="select_account")
    chosen = page.links[f"Go on as {person.name}"]
    elsewhere = Visit(world, wiki, other.browser)
    page = elsewhere.start(prompt="select_account")
    elsewhere.open(chosen)
    assert elsewhere.path.startswith("/sign-in")
    mine = page.links[f"Go on as {other.name}"].partition("&chosen=")[0]
    elsewhere.open(f"{mine}&chosen={chosen.partition('&chosen=')[2]}")
    assert elsewhere.path.startswith("/sign-in")


def test_choosing_is_not_authenticating(world: World, wiki: Client) -> None:
    person = world.person()
    visit = Visit(world, wiki, person.browser)
    page = visit.start(prompt="login select_account")
    assert f"Go on as {person.name}" not in page.links
    visit.sign_in(person.name)
    assert visit.answer["code"]


def test_prompt_none_shows_nothing(world: World, wiki: Client) -> None:
    """Covers G03: nobody, a session that ended, and a good one."""
    person = world.person()
    assert answered(wiki.ask(world.browser(), prompt="none"))["error"] == "login_required"
    assert "code" in answered(wiki.ask(person.browser, prompt="none"))
    person.be_revoked()
    answer = answered(wiki.ask(person.browser, prompt="none"))
    assert (answer["error"], answer["state"]) == ("login_required", "a state")


def test_what_happens_in_silence_is_no_use_of_the_session(world: World, wiki: Client) -> None:
    """Covers A08, G05: silent renewal keeps nobody signed in."""
    person = world.person()
    for _ in range(3):
        world.clock.forward(minutes=25)
        answered(wiki.ask(person.browser, prompt="none"))
    assert answered(wiki.ask(person.browser, prompt="none"))["error"] == "login_required"


@pytest.mark.parametrize("how", ["application", "organization"])
def test_where_sign_in_is_off_nobody_gets_in(own_world: World, how: str) -> None:
    world = own_world
    person, client = world.person(), world.client()
    if how == "application":
        client.change(sign_in_disabled=True)
    else:
        change = OrganizationChange(sign_in_disabled=True)
        world.write(
            organizations.update_organization, world.act(), world.house.vault, "acme", change
        )
    for prompt in ("none", None):
        assert answered(client.ask(person.browser, prompt=prompt))["error"] == "access_denied"


# max_age and acr


@pytest.mark.parametrize(
    ("max_age", "minutes", "again"),
    [("600", 9, False), ("600", 10, False), ("600", 11, True), ("0", 0, True), ("0", 1, True)],
)
def test_max_age_asks_again_when_it_is_over(
    world: World, wiki: Client, max_age: str, minutes: int, *, again: bool
) -> None:
    """Covers G04, A18."""
    person = world.person()
    world.clock.forward(minutes=minutes)
    silent = answered(wiki.ask(person.browser, max_age=max_age, prompt="none"))
    assert silent.get("error") == ("login_required" if again else None)
    visit = Visit(world, wiki, person.browser)
    page = visit.start(max_age=max_age)
    if again:
        assert page.title == "Enter your password again"
        visit.sign_in()
    claims = id_token(world, wiki, visit.answer)
    authenticated = world.timestamp() - (0 if again else minutes * 60)
    assert claims["auth_time"] == authenticated


def test_an_application_can_have_a_max_age_of_its_own(world: World) -> None:
    """Covers G04, A18; what a request says goes first."""
    client = world.client(default_max_age=60)
    person = world.person()
    assert "code" in answered(client.ask(person.browser, prompt="none"))
    world.clock.forward(minutes=2)
    assert answered(client.ask(person.browser, prompt="none"))["error"] == "login_required"
    assert "code" in answered(client.ask(person.browser, prompt="none", max_age="600"))


def test_auth_time_stays_that_of_the_password(world: World, wiki: Client) -> None:
    """Covers G05: single sign-on is no authentication."""
    person = world.person()
    when = world.timestamp()
    world.clock.forward(minutes=7)
    first = id_token(world, wiki, answered(wiki.ask(person.browser)))
    board = world.client()
    second = id_token(world, board, answered(board.ask(person.browser, prompt="none")))
    assert (first["auth_time"], second["auth_time"]) == (when, when)


@pytest.mark.parametrize(
    ("about_acr", "met"),
    [
        ({"essential": True, "value": "1"}, True),
        ({"essential": True, "values": ["gold", "1"]}, True),
        ({"essential": True, "value": "gold"}, False),
        ({"essential": True, "values": ["gold"]}, False),
        ({"value": "gold"}, True),
        ({"essential": False, "values": ["gold"]}, True),
        (None, True),
        ({"essential": True}, True),
    ],
)
def test_an_essential_context_is_met_or_refused(
    world: World, wiki: Client, about_acr: object, *, met: bool
) -> None:
    """Covers G06."""
    person = world.person()
    claims = json.dumps({"id_token": {"acr": about_acr}})
    answer = answered(wiki.ask(person.browser, claims=claims))
    if met:
        said = id_token(world, wiki, answer)
        assert (said["acr"], said["amr"]) == ("1", ["pwd"])
    else:
        assert answer["error"] == "unmet_authentication_requirements"


def test_preferred_contexts_are_no_condition(world: World, wiki: Client) -> None:
    """Covers G06."""
    person = world.person()
    answer = answered(wiki.ask(person.browser, acr_values="urn:example:gold phr"))
    assert id_token(world, wiki, answer)["acr"] == "1"


# Whom the application means


def hint_of(client: Client, person: Person) -> str:
    return str(client.tokens(person)["id_token"])


def test_prompt_none_never_answers_for_another_user(world: World, wiki: Client) -> None:
    """Covers G07: by hint, by claim, and by the name that was hinted at."""
    person, other = world.person(), world.person()
    meant = {
        "id_token_hint": hint_of(wiki, other),
        "claims": json.dumps({"id_token": {"sub": {"value": other.user_id}}}),
        "login_hint": other.name,
    }
    for name, value in meant.items():
        more: dict[str, str | None] = {name: value}
        assert answered(wiki.ask(person.browser, prompt="none", **more))["error"] == (
            "login_required"
        )
        assert "code" in answered(wiki.ask(other.browser, prompt="none", **more))


def test_a_hint_is_good_when_its_token_is_not_any_more(world: World, wiki: Client) -> None:
    """Covers G07: expired, its session ended, the key rotated meanwhile does not matter."""
    person = world.person()
    hint = hint_of(wiki, person)
    person.be_revoked()
    world.clock.forward(days=1)
    again = world.again("acme", person.name)
    assert "code" in answered(wiki.ask(again.browser, prompt="none", id_token_hint=hint))


def test_a_hint_of_another_application_names_the_user_too(world: World, wiki: Client) -> None:
    person = world.person()
    hint = hint_of(world.client(), person)
    assert "code" in answered(wiki.ask(person.browser, prompt="none", id_token_hint=hint))


def test_hint_and_claim_that_differ_are_refused(world: World, wiki: Client) -> None:
    """Covers G07."""
    person, other = world.person(), world.person()
    claims = json.dumps({"id_token": {"sub": {"value": other.user_id}}})
    answer = answered(wiki.ask(person.browser, id_token_hint=hint_of(wiki, person), claims=claims))
    assert answer["error"] == "invalid_request"


def test_who_is_meant_has_to_sign_in(world: World, wiki: Client) -> None:
    """Covers G07: tokens are for the user who was meant, or for nobody."""
    person, meant = world.person(), world.person()
    hint = hint_of(wiki, meant)
    visit = Visit(world, wiki, person.browser)
    page = visit.start(id_token_hint=hint)
    assert f"{person.name} is signed in in this browser." in page.text
    assert f"Go on as {person.name}" not in page.links
    visit.sign_in(person.name)
    assert visit.answer["error"] == "login_required"
    visit.start(id_token_hint=hint)
    visit.sign_in(meant.name)
    assert id_token(world, wiki, visit.answer)["sub"] == meant.user_id


def test_somebody_else_signs_in_for_who_was_meant(world: World, wiki: Client) -> None:
    """Covers G07: also where nobody was signed in."""
    person, meant = world.person(), world.person()
    visit = Visit(world, wiki)
    visit.start(id_token_hint=hint_of(wiki, meant))
    visit.sign_in(person.name)
    assert visit.answer["error"] == "login_required"


def test_a_hinted_name_lets_one_choose(world: World, wiki: Client) -> None:
    """It is a hint: who says so goes on as who she is."""
    person, other = world.person(email="ann@acme.example"), world.person()
    for hint in (person.name, person.name.upper(), "ANN@acme.example", f"acme/{person.name}"):
        assert "code" in answered(wiki.ask(person.browser, login_hint=hint))
    visit = Visit(world, wiki, person.browser)
    page = visit.start(login_hint=other.name)
    assert page.form(visit.path).fields["name"] == other.name
    visit.open(page.links[f"Go on as {person.name}"])
    assert id_token(world, wiki, visit.answer)["sub"] == person.user_id


def test_asking_again_is_for_who_is_hinted_at(world: World, wiki: Client) -> None:
    person, other = world.person(), world.person()
    visit = Visit(world, wiki, person.browser)
    page = visit.start(prompt="login", login_hint=other.name)
    assert page.title == "Sign in to Company wiki"
    assert page.form(visit.path).fields["name"] == other.name


# What an authorization leaves behind


def test_each_authorization_is_written_down_before_its_code(world: World, wiki: Client) -> None:
    """Covers G17: one ``sid`` for one session and application, which is no cookie of ours."""
    person = world.person()
    once = id_token(world, wiki, answered(wiki.ask(person.browser)))
    twice = id_token(world, wiki, answered(wiki.ask(person.browser)))
    assert once["sid"] == twice["sid"]
    rows = world.rows(client_session, session_id=person.session_id)
    assert once["sid"] in {row.sid for row in rows}
    again = world.again("acme", person.name)
    other = id_token(world, wiki, answered(wiki.ask(again.browser)))
    board = world.client()
    third = id_token(world, board, answered(board.ask(person.browser)))
    assert len({once["sid"], other["sid"], third["sid"]}) == 3
    intruder = world.browser()
    intruder.cookies.set("sid", once["sid"], domain="127.0.0.1")
    assert answered(wiki.ask(intruder, prompt="none"))["error"] == "login_required"


def test_asking_starts_no_session(world: World, wiki: Client) -> None:
    """Covers A19."""
    person = world.person()
    before = len(world.rows(session))
    address = f"/oauth/authorize?{urlencode(wiki.query())}"
    frame = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}
    world.browser().get(address, headers=frame)
    world.browser().post("/oauth/authorize", data=wiki.query(), headers=frame)
    answered(wiki.ask(person.browser))
    assert len(world.rows(session)) == before


def test_a_session_that_ends_on_the_way_gets_nothing(world: World, wiki: Client) -> None:
    """Covers A10: the page asks again, and says why."""
    person = world.person()
    visit = Visit(world, wiki, person.browser)
    world.write(end.end_one, world.act(), person.session_id)
    page = visit.start()
    assert visit.path.startswith("/sign-in")
    assert "This session was ended" in page.text
    asked = parse_qs(urlsplit(str(page.response.url)).query)
    assert "whom" not in asked


def test_an_exclusive_application_ends_the_other_session(world: World) -> None:
    """Covers W8."""
    client = world.client(exclusive=True)
    first = world.person()
    second = world.again("acme", first.name)
    client.code(first)
    client.code(second)
    assert (first.ended, second.ended) == (EndReason.DISPLACED, None)
