"""How Ostiary itself keeps to what it asks of others: its pages, and what it tells applications."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

from ostiary import web
from ostiary.services.courier import Courier
from ostiary.services.logout_tokens import logout_request
from ostiary.storage import deliveries
from ostiary.storage.tables import token
from tests.oidc.flow import World, answered, good

STATIC = Path(web.__file__).parent / "static"


def test_our_own_pages_have_no_tokens(own_world: World) -> None:
    """Covers D03: they work by the session's cookie; what a script keeps is a choice of colours."""
    world = own_world
    person = world.person(is_admin=True)
    for path in ("/account", "/account/security", "/account/activity", "/console"):
        assert person.browser.get(path).status_code == 200
    assert world.rows(token) == []
    scripts = "".join(p.read_text("utf-8") for p in STATIC.glob("*.js"))
    assert "sessionStorage" not in scripts
    assert "document.cookie" not in scripts
    assert scripts.count("localStorage") == scripts.count('Item("colours"') > 0


def test_a_logout_token_is_one_and_nothing_else(own_world: World) -> None:
    """Covers D14: its type, its event, two minutes, and neither ``nonce`` nor ``sub``."""
    world = own_world
    client = world.client(backchannel_logout_uri="https://wiki.example/logged-out")
    person = world.person()
    tokens = client.tokens(person)
    person.sign_out()
    [lane] = world.read(deliveries.due, world.clock.now)
    [owed] = world.write(deliveries.claim, lane.lane, "test", limit=10, now=world.clock.now)
    courier = Courier(house=world.house, issuer=world.public_url, holder="test")
    sent = logout_request(courier, owed, world.clock.now)
    [logout_token] = parse_qs(sent.body.decode())["logout_token"]
    claims = world.claims(logout_token, typ="logout+jwt")
    assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert claims.keys() == {"iss", "aud", "iat", "exp", "jti", "events", "sid"}
    assert claims["exp"] - claims["iat"] == 120
    assert claims["sid"] == world.claims(tokens["id_token"])["sid"]
    # It is no hint of ours, and opens nothing.
    assert answered(client.ask(person.browser, id_token_hint=logout_token))["error"] == (
        "invalid_request"
    )
    assert not client.is_active(logout_token)


def test_applications_are_told_the_truth_about_the_authentication(world: World) -> None:
    """Covers F11: when and how, of this very session, whatever came after."""
    client, person = world.client(), world.person()
    when = world.timestamp()
    world.clock.forward(minutes=3)
    tokens = client.tokens(person)
    world.clock.forward(minutes=3)
    renewed = good(client.refresh(tokens["refresh_token"]))
    for answer in (tokens, renewed):
        for name in ("id_token", "access_token"):
            claims = world.claims(answer[name])
            said = (claims["auth_time"], claims["acr"], claims["amr"])
            assert said == (when, "1", ["pwd"])
