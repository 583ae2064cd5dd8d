"""``docs/sign-out.md`` says what holds, and its example of a receiver works."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import msgspec
import pytest

from ostiary.domain import notice as waiting
from ostiary.domain.notice import Notice
from ostiary.edge import telling
from ostiary.gateways import outbound
from ostiary.ops import compose, deliveries
from ostiary.services import end, logout_tokens
from ostiary.services.courier import Courier
from ostiary.storage import outbox
from tests.logout.conftest import Place
from tests.logout.receivers import RelyingParty

TEXT = (Path(__file__).parents[2] / "docs/sign-out.md").read_text("utf-8")
PLAIN = " ".join(TEXT.split())


def test_the_numbers_are_the_programs_own() -> None:
    assert waiting.delay_after(1, 0.0) == timedelta(seconds=1)
    assert waiting.delay_after(1, 1.0) == timedelta(seconds=0.75)
    assert "up to a quarter shorter" in PLAIN
    assert timedelta(hours=1) == waiting.LONGEST_DELAY
    assert f"After {waiting.GIVE_UP_AFTER // 86_400} days" in PLAIN
    assert f"has failed {waiting.BREAKS_AFTER} times" in PLAIN
    assert waiting.break_after(waiting.BREAKS_AFTER - 1, 0.0) is None
    assert waiting.break_after(waiting.BREAKS_AFTER, 0.0) == timedelta(seconds=15)
    assert waiting.break_after(99, 0.0) == timedelta(minutes=5)
    assert f"up to {deliveries.MOST} calls at a time, {deliveries.MOST_TO_ONE} to one" in PLAIN
    assert f"has {outbound.TOTAL_SECONDS:g} seconds, {outbound.CONNECT_SECONDS:g} of them" in PLAIN
    assert f"{outbound.LARGEST_ANSWER // 1_024} KiB" in PLAIN
    assert f"lives for {logout_tokens.LIFETIME // 60} minutes" in PLAIN
    assert f"up to {compose.WATCH_NOTICES:g} seconds after the ending" in PLAIN
    assert f"more than {telling.MOST:,} sessions does not wait" in PLAIN


def test_the_example_takes_our_tokens_and_no_others(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers I01, I02, I03."""
    world = place.world
    party = RelyingParty(world, place.site, "/example")
    ann = world.person()
    id_token = party.client.tokens(ann)["id_token"]
    world.write(end.end_one, world.act(), ann.session_id)
    [item] = world.read(outbox.of_sessions, [ann.session_id])
    courier = Courier(house=world.house, issuer=world.public_url, holder="test")

    published = party.client.http.get("/oauth/jwks").json()
    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda _: published)
    example: dict[str, Any] = {}
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    exec(compile(code, "sign-out.md", "exec"), example)  # noqa: S102 - it is our own page
    example |= {"ISSUER": world.public_url, "CLIENT_ID": party.client.client_id}

    def made(notice: Notice, at: datetime) -> str:
        body = logout_tokens.logout_request(courier, notice, at).body
        return parse_qs(body.decode())["logout_token"][0]

    now = datetime.now(UTC)
    assert example["ended_session"](made(item, now)) == item.sid
    for wrong in (
        made(item, now - timedelta(minutes=3)),
        made(msgspec.structs.replace(item, client_id="another"), now),
        id_token,
    ):
        with pytest.raises(jwt.InvalidTokenError):
            example["ended_session"](wrong)
