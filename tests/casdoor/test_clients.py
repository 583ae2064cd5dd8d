"""Applications of the wire as OAuth clients (contract 3.4, 3.8, 4.1; W17)."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.domain.accounts import Application
from ostiary.domain.client import USER_SCOPES
from ostiary.storage import applications
from tests.casdoor.oauth import change
from tests.casdoor.world import Asker, World


@pytest.fixture
def everywhere(world: World) -> Asker:
    return world.everywhere()


def stored(world: World, name: str = "board") -> Application:
    found: Application | None = world.read(applications.get, name)
    assert found is not None
    return found


def shown(asker: Asker, name: str = "board") -> Any:
    return asker.data("get-application", id=f"admin/{name}")


def add(asker: Asker, **more: Any) -> None:
    body = {"owner": "admin", "name": "board", "organization": "acme", **more}
    assert asker.post("add-application", body)["data"] == "Affected"


def update(asker: Asker, name: str = "board", /, **values: Any) -> None:
    answer = asker.post("update-application", values, id=f"admin/{name}")
    assert answer["data"] == "Affected", answer


def test_an_application_of_the_wire_is_what_its_clients_expect(
    world: World, everywhere: Asker
) -> None:
    """Covers W17: codes alone unless more is named, PKCE optional, and the scope ``read``."""
    add(everywhere)
    item = stored(world)
    assert item.grant_types == ("authorization_code",)
    assert (item.pkce_required, item.is_public) == (False, False)
    assert item.scopes == (*USER_SCOPES, "read")
    assert shown(everywhere)["grantTypes"] == ["authorization_code"]
    assert shown(everywhere)["tokenSigningMethod"] == "RS256"


@pytest.mark.parametrize(
    ("sent", "grants", "seen"),
    [
        ([], ["authorization_code"], ["authorization_code"]),
        ([""], ["authorization_code"], ["authorization_code"]),
        (["password"], ["authorization_code", "password"], ["password", "authorization_code"]),
        (
            ["refresh_token", "authorization_code", "client_credentials"],
            ["authorization_code", "refresh_token", "client_credentials"],
            ["refresh_token", "authorization_code", "client_credentials"],
        ),
        (
            ["token", "authorization_code", "id_token", "urn:ietf:params:oauth:grant-type:x"],
            ["authorization_code"],
            ["token", "authorization_code", "id_token", "urn:ietf:params:oauth:grant-type:x"],
        ),
    ],
)
def test_grants_are_what_is_named_and_known(
    world: World, everywhere: Asker, sent: list[str], grants: list[str], seen: list[str]
) -> None:
    """Covers D08, W17: what Ostiary has not is given back, and grants nothing."""
    add(everywhere, grantTypes=sent)
    assert list(stored(world).grant_types) == grants
    assert shown(everywhere)["grantTypes"] == seen
    update(everywhere, grantTypes=["authorization_code"])
    update(everywhere, grantTypes=sent)
    assert list(stored(world).grant_types) == grants
    update(everywhere, **shown(everywhere))
    assert list(stored(world).grant_types) == grants


def test_grants_that_were_changed_elsewhere_are_shown(world: World, everywhere: Asker) -> None:
    add(everywhere, grantTypes=["password", "token"])
    change(world, "board", grant_types=("authorization_code", "refresh_token"))
    assert shown(everywhere)["grantTypes"] == ["token", "authorization_code", "refresh_token"]
    update(everywhere, description="A board")
    assert stored(world).grant_types == ("authorization_code", "refresh_token")


@pytest.mark.parametrize(
    ("hours", "seconds", "seen"),
    [
        (0, 300, 300 / 3_600),
        (1.5, 5_400, 1.5),
        (168, 604_800, 168),
        (0.1, 360, 0.1),
        (0.000_1, 10, 10 / 3_600),
        (-3, 10, 10 / 3_600),
        (9_000, 30 * 86_400, 720),
    ],
)
def test_access_tokens_last_as_long_as_is_said(
    world: World, everywhere: Asker, hours: float, seconds: int, seen: float
) -> None:
    """Contract 3.8: ``expireInHours`` may be fractional; out of bounds is brought into them."""
    add(everywhere, expireInHours=hours)
    assert stored(world).access_token_lifetime == seconds
    assert shown(everywhere)["expireInHours"] == seen
    update(everywhere, **shown(everywhere))
    assert stored(world).access_token_lifetime == seconds


@pytest.mark.parametrize(
    ("hours", "seconds"),
    [(0, 30 * 86_400), (2, 7_200), (0.5, 1_800), (0.000_1, 60), (99_999, 400 * 86_400)],
)
def test_refreshing_ends_when_it_is_said(
    world: World, everywhere: Asker, hours: float, seconds: int
) -> None:
    """Covers D11."""
    add(everywhere, refreshExpireInHours=hours)
    assert stored(world).refresh_token_absolute == seconds
    assert shown(everywhere)["refreshExpireInHours"] * 3_600 == seconds


@pytest.mark.parametrize(
    ("method", "alg"),
    [
        ("", "RS256"),
        ("RS256", "RS256"),
        ("RS512", "RS256"),
        ("ES256", "ES256"),
        ("ES512", "ES256"),
        ("EdDSA", "EdDSA"),
        ("none", "RS256"),
        ("HS256", "RS256"),
    ],
)
def test_tokens_are_signed_by_the_nearest_algorithm(
    world: World, everywhere: Asker, method: str, alg: str
) -> None:
    """Covers D01: never by none, and never by the client's secret."""
    add(everywhere, tokenSigningMethod=method)
    assert stored(world).id_token_alg == alg
    assert shown(everywhere)["tokenSigningMethod"] == alg


@pytest.mark.parametrize(
    "wrong",
    [
        {"expireInHours": "8"},
        {"expireInHours": True},
        {"refreshExpireInHours": 1e999},
        {"grantTypes": "password"},
        {"grantTypes": [1]},
        {"tokenSigningMethod": 256},
    ],
)
def test_what_is_no_value_at_all_is_refused(everywhere: Asker, wrong: dict[str, Any]) -> None:
    before = shown(everywhere, "wiki")
    answer = everywhere.post("update-application", wrong, id="admin/wiki")
    assert answer["status"] == "error"
    assert shown(everywhere, "wiki") == before


def test_a_round_trip_changes_no_setting_of_a_client(world: World, everywhere: Asker) -> None:
    change(
        world,
        "wiki",
        pkce_required=True,
        consent_required=True,
        scopes=("openid",),
        access_token_lifetime=77,
        refresh_token_absolute=12_345,
        id_token_alg="ES256",
        access_token_format="opaque",
        post_logout_redirect_uris=("https://wiki.example/bye",),
    )
    before = stored(world, "wiki")
    update(everywhere, "wiki", **shown(everywhere, "wiki"))
    after = stored(world, "wiki")
    different = {
        name for name in before.__struct_fields__ if getattr(before, name) != getattr(after, name)
    }
    assert different <= {"sealed_extra", "sealed_secret"}
