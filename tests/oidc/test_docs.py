"""``docs/oidc.md`` names what there is, and the values that hold."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from ostiary.domain import client
from ostiary.domain.accounts import Application
from ostiary.oidc.discovery import OAUTH_PATH, OPENID_PATH, metadata
from ostiary.services import codes, issuing
from ostiary.services.authorization_request import PROMPTS, RESPONSE_MODES
from ostiary.services.authorize import INTERACTION_WITHIN
from ostiary.services.minting import ID_TOKEN_LIFETIME

TEXT = (Path(__file__).parents[2] / "docs/oidc.md").read_text("utf-8")
CLAIMS_OF_EVERY_JWT = {"iss", "aud", "exp", "iat"}


def cells(head: str) -> dict[str, str]:
    """The table below a head: what is in code in each first cell, and the rest of its row."""
    section = TEXT.split(f"## {head}\n", 1)[1].split("\n## ", 1)[0]
    found = {}
    for line in section.splitlines():
        first, _, rest = line.removeprefix("| ").partition(" | ")
        found |= dict.fromkeys(re.findall(r"`([^`]+)`", first), rest)
    return found


def test_every_endpoint_is_named() -> None:
    listed = [v for k, v in metadata("").items() if k.endswith(("_endpoint", "_iframe", "_uri"))]
    assert set(cells("Endpoints")) == {OPENID_PATH, OAUTH_PATH, *listed}


def test_every_word_of_a_request_is_named() -> None:
    said = cells("The authorization endpoint")
    for prompt in PROMPTS:
        assert f"`{prompt}`" in said["prompt"]
    for mode in RESPONSE_MODES:
        assert f"`{mode}`" in said["response_mode"]
    assert INTERACTION_WITHIN.total_seconds() == 3_600


def test_every_scope_and_claim_is_named() -> None:
    assert set(client.USER_SCOPES) <= set(cells("Scopes and claims"))
    for claim in set(metadata("")["claims_supported"]) - CLAIMS_OF_EVERY_JWT:
        assert f"`{claim}`" in TEXT, claim


@pytest.mark.parametrize("name", client.CLIENT_SETTINGS)
def test_every_setting_is_named_with_its_usual_value(name: str) -> None:
    said = cells("Settings of an application")[name].partition(" | ")[0]
    [field] = [f for f in msgspec.structs.fields(Application) if f.name == name]
    if name.startswith("refresh_token"):
        assert said == f"{field.default // 86_400} days"
    elif field.default in ((), None):
        assert said == "none"
    elif field.default == "":
        assert said == "empty"
    elif name == "scopes":
        assert field.default == client.USER_SCOPES
    elif isinstance(field.default, tuple):
        assert said == ", ".join(f"`{item}`" for item in field.default)
    elif isinstance(field.default, str):
        assert said == f"`{field.default}`"
    else:
        assert said == str(field.default).lower()


def test_the_lifetimes_are_those_that_hold() -> None:
    """Covers D07."""
    assert f"code | {codes.LIFETIME.total_seconds():.0f} seconds" in TEXT
    assert ID_TOKEN_LIFETIME == 3_600
    assert f"for\n{issuing.RETRY_WITHIN.total_seconds():.0f} seconds" in TEXT
