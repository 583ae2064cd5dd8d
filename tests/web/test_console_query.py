"""What may be typed into the console's search box, and what it means."""

from datetime import UTC, datetime, timedelta

import pytest

from ostiary.domain.errors import BadInput
from ostiary.domain.search import Sort, State
from ostiary.domain.session import EndReason
from ostiary.web.console import query

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def typed(text: str, **further: str) -> query.Search:
    return query.search(NOW, q=text, **further)


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("user:ann", "user", "ann"),
        ('user:"ann lee"', "user", "ann lee"),
        ("application:wiki", "application", "wiki"),
        ("organization:acme", "organization", "acme"),
        ("browser:firefox", "browser", "firefox"),
        ("country:pt", "country", "PT"),
        ("country:PT,id", "country", "PT,ID"),
        ("device:phone", "device_kind", "phone"),
        ("device:mobile", "device_kind", "phone"),
        ("device:computer", "device_kind", "desktop"),
        ("address:203.0.113.7", "address", "203.0.113.7"),
        ("address:2001:DB8::1", "address", "2001:db8::1"),
        ("reason:token_reuse", "reason", EndReason.TOKEN_REUSE),
        ("seen:24h", "seen_from", NOW - timedelta(hours=24)),
        ("unseen:7d", "seen_to", NOW - timedelta(days=7)),
        ("created:30m", "created_from", NOW - timedelta(minutes=30)),
        ("older:2w", "created_to", NOW - timedelta(weeks=2)),
        ("ended:2026-11-01", "ended_from", datetime(2026, 11, 1, tzinfo=UTC)),
    ],
)
def test_a_token_narrows_one_field(text: str, field: str, value: object) -> None:
    chosen = typed(text).chosen
    assert getattr(chosen, field) == value
    assert chosen.text is None


@pytest.mark.parametrize(
    "text",
    [
        "country:Portugal",
        "country:P",
        "country:PT,",
        "device:fridge",
        "address:nowhere",
        "reason:boredom",
        "seen:soon",
        "seen:99999w99",
        "older:2026-13-01",
        "created:9999999d",
    ],
)
def test_a_token_that_cannot_be_used_is_never_left_out_silently(text: str) -> None:
    """What it would have left out would otherwise be ended with the rest."""
    search = typed(f"firefox {text}")
    assert search.problems == [text.partition(":")[0]]
    with pytest.raises(BadInput):
        _ = search.chosen
    assert search.chips == []


def test_the_rest_are_words_in_their_order() -> None:
    search = typed('  berlin user:ann   "fire fox" 2001:db8::7 http://x ')
    assert search.words == "berlin fire fox 2001:db8::7 http://x"
    assert search.chosen.text == search.words
    assert search.chosen.user == "ann"


def test_of_two_tokens_of_one_kind_the_last_is_meant() -> None:
    assert typed("user:ann user:bob").chosen.user == "bob"


def test_a_key_without_a_value_is_a_word_while_one_types() -> None:
    assert typed("user:").chosen.text == "user:"
    assert typed('user:""').chosen == query.search(NOW).chosen


def test_the_selected_organization_wins() -> None:
    search = typed("organization:globex", organization="acme")
    assert search.chosen.organization == "acme"


def test_control_characters_and_length_are_taken_off() -> None:
    search = typed("a\x00b\n\u202ec " + "x" * 1_000)
    assert search.text.startswith("a b c xxx")
    assert len(search.text) <= query.LONGEST


def test_an_address_says_the_same_again() -> None:
    search = typed('user:"ann lee" firefox', organization="acme", state="ended", sort="user")
    assert search.address() == (
        "/console/sessions?q=user%3A%22ann+lee%22+firefox&organization=acme&state=ended&sort=user"
    )
    assert (search.state, search.sort) == (State.ENDED, Sort.USER)


def test_what_is_usual_is_not_said() -> None:
    assert typed("").address() == "/console/sessions"
    assert typed("", state="nonsense", sort="nonsense").address() == "/console/sessions"


def test_each_chip_leads_to_the_list_without_it() -> None:
    search = typed("user:ann firefox country:PT", organization="acme")
    assert [(c.key, c.value, c.without) for c in search.chips] == [
        ("organization", "acme", "/console/sessions?q=user%3Aann+firefox+country%3APT"),
        ("user", "ann", "/console/sessions?q=firefox+country%3APT&organization=acme"),
        ("country", "PT", "/console/sessions?q=user%3Aann+firefox&organization=acme"),
    ]


def test_the_last_24_hours_stay_the_same_hours_on_the_next_page() -> None:
    search = typed("seen:24h")
    address = search.anchored_address(cursor="x")
    assert "as_of=2026-11-24T09" in address
    later = query.search(NOW + timedelta(minutes=5), q="seen:24h", as_of=search.anchored()["as_of"])
    assert later.chosen == search.chosen


@pytest.mark.parametrize("as_of", ["", "soon", "2026-11-24T09:00:00", "2999-01-01T00:00:00Z"])
def test_an_anchor_that_cannot_be_is_now(as_of: str) -> None:
    assert query.search(NOW, q="seen:24h", as_of=as_of).anchor == NOW


def test_an_absolute_list_needs_no_anchor() -> None:
    assert (
        typed("user:ann seen:2026-11-01").anchored_address()
        == typed("user:ann seen:2026-11-01").address()
    )
