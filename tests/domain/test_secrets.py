"""What is kept of a secret, and what is looked up at all."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.domain.secrets import digest, is_public_id, is_secret, same


def test_a_secret_is_kept_as_its_sha_256() -> None:
    """Covers R01, W5."""
    assert digest("secret") == hashlib.sha256(b"secret").digest()
    assert len(digest("")) == 32


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_two_digests_are_the_same_when_they_are_equal(left: bytes, right: bytes) -> None:
    """Covers R02."""
    assert same(left, right) is (left == right)
    assert same(left, left)


@given(st.binary(min_size=32, max_size=32))
def test_what_we_make_has_the_shape_that_is_looked_up(random: bytes) -> None:
    secret = base64.urlsafe_b64encode(random).rstrip(b"=").decode()
    assert is_secret(secret)
    assert is_public_id(random[:16].hex())


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a" * 42,
        "a" * 44,
        "a" * 42 + "=",
        "a" * 42 + "+",
        "a" * 42 + "/",
        "a" * 42 + " ",
        "a" * 43 + "\n",
        "\n" + "a" * 43,
        "ä" * 43,
        "\u0661" * 43,  # a digit, but not one of ours
        "a" * 42 + "\x00",
        "\ud800" * 43,
    ],
)
def test_anything_else_is_no_secret(value: str) -> None:
    """Covers W3."""
    assert not is_secret(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "0" * 31,
        "0" * 33,
        "A" * 32,
        "g" * 32,
        "0" * 32 + "\n",
        "\u0660" * 32,
        "../" + "0" * 29,
        "0" * 31 + "\x00",
    ],
)
def test_anything_else_is_no_public_id(value: str) -> None:
    """Covers W3."""
    assert not is_public_id(value)
