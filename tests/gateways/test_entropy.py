"""Random values: their shapes, and that they come from the operating system."""

from __future__ import annotations

import base64
import re
import secrets
import uuid
from typing import TYPE_CHECKING

import pytest

from ostiary.domain import secrets as shapes
from ostiary.gateways import entropy

if TYPE_CHECKING:
    from collections.abc import Callable

MAKERS = [
    (entropy.new_public_id, r"[0-9a-f]{32}"),
    (entropy.new_secret, r"[A-Za-z0-9_-]{43}"),
    (
        entropy.new_identifier,
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    ),
    (entropy.new_client_id, r"[0-9a-f]{20}"),
    (entropy.new_client_secret, r"[0-9a-f]{40}"),
]


@pytest.mark.parametrize(("make", "shape"), MAKERS)
def test_ten_thousand_values_have_their_shape_and_differ(
    make: Callable[[], str], shape: str
) -> None:
    """Covers A06, L05, E01."""
    made = [make() for _ in range(10_000)]
    assert len(set(made)) == len(made)
    assert all(re.fullmatch(shape, value) for value in made)


def test_a_secret_carries_256_bits_and_a_public_id_128() -> None:
    """Covers A06, F06."""
    assert len(base64.urlsafe_b64decode(entropy.new_secret() + "=")) == 32
    assert len(bytes.fromhex(entropy.new_public_id())) == 16


def test_the_domain_recognizes_what_is_made() -> None:
    """The shapes that look-ups check first are those of the makers."""
    assert shapes.is_public_id(entropy.new_public_id())
    assert shapes.is_secret(entropy.new_secret())


def test_an_identifier_is_a_random_uuid() -> None:
    """RFC 9562 section 5.4."""
    made = uuid.UUID(entropy.new_identifier())
    assert made.version == 4
    assert made.variant == uuid.RFC_4122


def test_everything_is_read_from_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Covers A06: with the operating system's generator replaced, every value follows it."""
    monkeypatch.setattr(secrets, "token_bytes", lambda length: b"\x00" * length)
    monkeypatch.setattr(secrets, "token_hex", lambda length: "00" * length)
    monkeypatch.setattr(secrets, "token_urlsafe", lambda length: "A" * -(-length * 4 // 3))
    values = [make() for make, _ in MAKERS]
    assert [set(value) <= set("0A-48") for value in values] == [True] * len(values)
