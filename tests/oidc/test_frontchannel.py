"""Frames on the signed-out page: which, with what, and for how long."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.domain.browser_state import origin_of
from ostiary.domain.errors import BadInput
from ostiary.domain.redirects import with_parameters
from ostiary.edge.leaving import ASKED_WITHIN, LEFT_WITHIN, frame_source
from ostiary.ops.compose import WATCH_NOTICES
from ostiary.services import applications
from ostiary.web.sign_out import PATIENCE
from tests.oidc.flow import Client, Person, World
from tests.oidc.leaving import (
    AWAY,
    ask,
    confirm,
    frames,
    hint_of,
    leads_to,
    leaver,
    opened,
    sources,
)
from tests.web.reading import Page, Reader


def hearer(world: World, path: str = "/out", **change: str) -> Client:
    """An application that wants to hear of the end in a frame."""
    client = leaver(world, **change)
    site = client.redirect_uri.removesuffix("/callback")
    client.change(frontchannel_logout_uri=site + path)
    return client


@pytest.fixture
def ann(world: World) -> Person:
    """Somebody who is signed in."""
    return world.person()


def left_by_hint(ann: Person, client: Client, **more: str) -> Page:
    """Where one is after the application asked."""
    response = ask(ann.browser, id_token_hint=hint_of(client, ann), **more)
    return opened(ann.browser, response)


def test_each_application_has_its_frame(world: World, ann: Person) -> None:
    """Covers J02: once, with the issuer and the ``sid`` of that application's ID token."""
    wiki, mail = hearer(world), hearer(world, "/out?of=mail")
    quiet, unused = leaver(world), hearer(world)
    sids = {}
    for client in (wiki, mail, wiki, quiet):
        sids[client.name] = world.claims(hint_of(client, ann))["sid"]
    page = left_by_hint(ann, wiki, post_logout_redirect_uri=AWAY, state="s")
    found = {urlsplit(frame).netloc: frame for frame in frames(page)}
    assert len(frames(page)) == len(found) == 2
    for client, more in ((wiki, {}), (mail, {"of": ["mail"]})):
        query = parse_qs(urlsplit(found[f"{client.name}.example"]).query)
        assert query == {"iss": [world.public_url], "sid": [sids[client.name]], **more}
    assert sids[wiki.name] != sids[mail.name]
    assert unused.name not in page.response.text


def test_the_policy_lets_in_exactly_those(world: World, ann: Person) -> None:
    """Covers J03: and the page waits for them before it goes on, for some seconds at most."""
    wiki, mail = hearer(world), hearer(world, "/deep/out?of=mail")
    mail.tokens(ann)
    page = left_by_hint(ann, wiki, post_logout_redirect_uri=AWAY, state="s")
    assert sorted(sources(page)) == sorted(
        [f"https://{wiki.name}.example/out", f"https://{mail.name}.example/deep/out"]
    )
    policy = page.response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    (refresh,) = page.with_attributes(**{"http-equiv": "refresh"})
    assert refresh["content"] == f"0;url={AWAY}?state=s"
    (script,) = [a for tag, a in page.elements if tag == "script" and "data-to" in a]
    assert script["data-to"] == f"{AWAY}?state=s"
    assert script["data-patience"] == str(PATIENCE)
    assert "defer" not in script
    for tag, attributes in page.elements:
        if tag == "iframe":
            assert attributes["sandbox"] == "allow-scripts allow-same-origin allow-forms"
            assert attributes["referrerpolicy"] == "no-referrer"


def test_our_own_button_tells_them_too(world: World, ann: Person) -> None:
    """Covers J02: whoever asked; and what was said about the others is still said."""
    wiki = hearer(world, display_name="Wiki")
    quiet = leaver(world, display_name="Mail")
    for client in (wiki, quiet):
        client.tokens(ann)
    page = confirm(ann.browser, Reader(ann.browser).open("/sign-out"))
    assert f"{ann.name} has signed out." in page.text
    assert "Wiki is told in this browser. Mail cannot be told" in page.text
    assert [urlsplit(frame).netloc for frame in frames(page)] == [f"{wiki.name}.example"]
    assert leads_to(page) == ""
    assert page.links["Sign in again"] == "/sign-in/acme"


def test_without_frames_one_goes_back_at_once(world: World, ann: Person) -> None:
    """Covers J03: no page stands between."""
    wiki = leaver(world)
    response = ask(ann.browser, id_token_hint=hint_of(wiki, ann), post_logout_redirect_uri=AWAY)
    assert response.headers["location"] == AWAY
    bob = world.person()
    page = confirm(bob.browser, Reader(bob.browser).open("/sign-out"))
    assert frames(page) == []
    assert "frame-src" not in page.response.headers["content-security-policy"]


def test_frames_are_loaded_for_a_while_only(world: World, ann: Person) -> None:
    wiki = hearer(world)
    response = ask(ann.browser, id_token_hint=hint_of(wiki, ann))
    then = response.headers["location"]
    world.clock.forward(minutes=4)
    assert len(frames(Reader(ann.browser).open(then))) == 1
    world.clock.forward(minutes=2)
    page = Reader(ann.browser).open(then)
    assert frames(page) == []
    assert "You are signed out" in page.text


def test_a_session_that_was_over_is_told_of_in_its_browser(world: World, ann: Person) -> None:
    """Covers J02: an administrator has ended it, and the application's own cookie is still here."""
    wiki = hearer(world)
    hint = hint_of(wiki, ann)
    ann.be_revoked()
    response = ask(ann.browser, id_token_hint=hint, post_logout_redirect_uri=AWAY)
    page = opened(ann.browser, response)
    assert len(frames(page)) == 1
    assert leads_to(page) == AWAY


def test_a_deleted_application_has_no_frame(own_world: World) -> None:
    ann = own_world.person()
    wiki, mail = hearer(own_world), hearer(own_world)
    mail.tokens(ann)
    hint = hint_of(wiki, ann)
    own_world.write(applications.delete_application, own_world.act(), mail.name)
    page = opened(ann.browser, ask(ann.browser, id_token_hint=hint))
    assert [urlsplit(frame).netloc for frame in frames(page)] == [f"{wiki.name}.example"]


@pytest.mark.parametrize(
    "address",
    [
        "https://other.example/out",
        "http://{site}/out",
        "https://{site}:8443/out",
        "https://sub.{site}/out",
        "/out",
        "https://{site}/out#part",
    ],
)
def test_it_is_on_the_site_of_a_redirect_address(world: World, address: str) -> None:
    """Covers J01."""
    client = world.client()
    site = urlsplit(client.redirect_uri).netloc
    with pytest.raises(BadInput) as refused:
        client.change(frontchannel_logout_uri=address.format(site=site))
    assert refused.value.field == "frontchannel_logout_uri"
    client.change(frontchannel_logout_uri=f"https://{site}/out")


def test_the_site_may_not_go_away_under_it(world: World) -> None:
    """Covers J01: whichever of the two changes."""
    client = hearer(world)
    with pytest.raises(BadInput):
        client.change(redirect_uris=("https://elsewhere.example/callback",))


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("https://wiki.example/out?a=b;c", "https://wiki.example/out"),
        ("https://WIKI.example:443", "https://wiki.example/"),
        ("https://wiki.example:8443/a;b,c d", "https://wiki.example:8443/a%3Bb%2Cc%20d"),
        ("https://wiki.example/a%3Bb", "https://wiki.example/a%3Bb"),
        ("https://bücher.example/ö", "https://xn--bcher-kva.example/%C3%B6"),
        ("http://[::1]:80/out", "http://[::1]/out"),
        ("com.example.app:/out", ""),
        ("https://wiki.example:port/", ""),
        ("https://" + "ü" * 70 + ".example/", ""),
    ],
)
def test_no_address_can_add_to_the_policy(address: str, source: str) -> None:
    """Covers J03."""
    assert frame_source(address) == source
    assert not set(source) & set("; ,\"'\r\n")


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://Wiki.Example:443/cb?x", "https://wiki.example"),
        ("http://127.0.0.1:9000/cb", "http://127.0.0.1:9000"),
        ("http://wiki.example:80", "http://wiki.example"),
        ("https://wiki.example:80", "https://wiki.example:80"),
        ("com.example.app:/cb", ""),
        ("https:///cb", ""),
        ("", ""),
    ],
)
def test_a_site_is_named_as_browsers_name_it(address: str, origin: str) -> None:
    assert origin_of(address) == origin


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("https://a.example", "https://a.example?sid=1%202"),
        ("https://a.example/?x=y", "https://a.example/?x=y&sid=1%202"),
        ("https://a.example/?", "https://a.example/?sid=1%202"),
        ("https://a.example/?x&", "https://a.example/?x&sid=1%202"),
    ],
)
def test_parameters_are_added_and_nothing_else_changes(address: str, whole: str) -> None:
    assert with_parameters(address, sid="1 2") == whole
    assert with_parameters(address) == address


def test_the_documentation_names_the_times_and_words_that_hold() -> None:
    text = (Path(__file__).parents[2] / "docs/sign-out.md").read_text("utf-8")
    assert f"or after {PATIENCE} seconds" in text
    assert f"again for {LEFT_WITHIN // timedelta(minutes=1)} minutes" in text
    assert f"{ASKED_WITHIN // timedelta(hours=1)} hour" == "1 hour"
    assert "for a yes for an hour" in text
    assert f"up to {WATCH_NOTICES:.0f} seconds" in text
    for word in ("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "logout_hint"):
        assert f"| `{word}` |" in text
    for word in ("unchanged", "changed", "error"):
        assert f"| `{word}` |" in text
