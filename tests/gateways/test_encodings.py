"""The eight stored forms of the Casdoor contract, section 5.4, and hostile stored values."""

from __future__ import annotations

import base64
import hashlib

import bcrypt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ostiary.gateways import encodings
from ostiary.gateways.encodings import Cost, StoredPassword, matches

from .samples import ALL, CHEAP, DIGESTS, HOSTILE, SALT, VECTORS, stored


@pytest.mark.parametrize("encoding", VECTORS)
def test_the_vectors_of_the_contract(encoding: str) -> None:
    """Contract 5.4: password 123456, salt 0123456789abcdef0123."""
    vector = StoredPassword(encoding, VECTORS[encoding], (SALT,))
    assert matches(b"123456", vector)
    assert not matches(b"123457", vector)
    assert not matches(b"12345", vector)
    assert not matches(b"", vector)


def test_the_sha512_vector_begins_as_the_contract_says() -> None:
    """Contract 5.4 gives 64 of its 128 digits."""
    vector = VECTORS["sha512-salt"]
    assert vector.startswith("e453ca303fbdaea890e9d439dd7e77a223ab962647f079232cea05166c02b6c6")
    once = hashlib.sha512(b"123456").hexdigest()
    assert hashlib.sha512((once + SALT).encode()).hexdigest() == vector


def test_argon2id_of_casdoor_s_own_parameters() -> None:
    """Contract 5.4: m=65536, t=1, p=2, 16-byte salt, 32-byte key."""
    value = encodings.make(b"123456", b"0123456789abcdef", Cost(memory=65536, passes=1, lanes=2))
    assert value.startswith("$argon2id$v=19$m=65536,t=1,p=2$")
    assert matches(b"123456", StoredPassword("argon2id", value))
    assert not matches(b"123457", StoredPassword("argon2id", value))


@pytest.mark.parametrize("letter", ["2a", "2b", "2y"])
def test_bcrypt_of_a_published_vector(letter: str) -> None:
    """The vector of the `$2a$` test suite of Openwall's crypt_blowfish ("U*U")."""
    value = f"${letter}$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
    assert matches(b"U*U", StoredPassword("bcrypt", value))
    assert not matches(b"U*V", StoredPassword("bcrypt", value))


@pytest.mark.parametrize("encoding", ["salt", "sha512-salt", "md5-salt", "pbkdf2-salt"])
def test_the_organization_s_salt_or_the_user_s_is_enough(encoding: str) -> None:
    """Contract 5.4: a password is right if it verifies with either."""
    value = VECTORS[encoding]
    assert matches(b"123456", StoredPassword(encoding, value, (SALT, "abcd")))
    assert matches(b"123456", StoredPassword(encoding, value, ("abcd", SALT)))
    assert matches(b"123456", StoredPassword(encoding, value, ("", SALT)))
    assert not matches(b"123456", StoredPassword(encoding, value, ("abcd", "")))
    assert not matches(b"123456", StoredPassword(encoding, value))


@pytest.mark.parametrize("encoding", DIGESTS)
def test_without_a_salt_one_hash_or_two_are_accepted(encoding: str) -> None:
    """Contract 5.4: hash(pw), and hash(hash(pw)) for compatibility, at an empty salt only."""
    once = hashlib.new(DIGESTS[encoding], b"123456").hexdigest()
    twice = hashlib.new(DIGESTS[encoding], once.encode()).hexdigest()
    thrice = hashlib.new(DIGESTS[encoding], twice.encode()).hexdigest()
    for salts in ((), ("",), ("abcd", "")):
        assert matches(b"123456", StoredPassword(encoding, once, salts))
        assert matches(b"123456", StoredPassword(encoding, twice, salts))
        assert not matches(b"123456", StoredPassword(encoding, thrice, salts))
    assert not matches(b"123456", StoredPassword(encoding, once, ("abcd",)))
    assert not matches(b"123456", StoredPassword(encoding, twice, ("abcd",)))


@pytest.mark.parametrize(
    ("salt", "prefix"),
    [
        ("", b""),
        ("YWJj", b"abc"),
        ("YWI=", b"ab"),
        ("YQ==", b"a"),
        ("YW\nJj\r\n", b"abc"),
        ("YWJjZA", b"abc"),  # no padding: the last group is lost
        ("YWJjZ", b"abc"),
        ("YWJj!WJj", b"abc"),
        ("YW!jYWJj", b""),
        ("YWJjY!==", b"abc"),
        ("YWI=YWJj", b"ab"),  # what stands behind the padding is garbage
        ("YWJjYQ=A", b"abc"),
        ("=", b""),
        ("====", b""),
        ("Y===", b""),
        ("YWJj-_-_", b"abc"),  # of the other alphabet
        ("YWJjé", b"abc"),
        ("YWJj\ud800", b"abc"),
        (SALT, bytes.fromhex("d35db7e39ebbf3d69b71d79fd35db7")),
    ],
)
def test_an_undecodable_salt_counts_as_far_as_it_decodes(salt: str, prefix: bytes) -> None:
    """Contract 5.4, pbkdf2-salt: as Go's decoder, which writes whole groups before it fails."""
    derived = hashlib.pbkdf2_hmac("sha256", b"123456", prefix, 27_500, 64)
    value = base64.b64encode(derived).decode()
    assert matches(b"123456", StoredPassword("pbkdf2-salt", value, (salt,)))


# Right and wrong, for every form


@given(
    encoding=st.sampled_from(ALL),
    password=st.text(st.characters(codec="utf-8"), min_size=1, max_size=18),
    other=st.text(st.characters(codec="utf-8"), min_size=1, max_size=18),
)
@example("bcrypt", "a\0b", "a\0c")
@example("argon2id", "a\0b", "a\0c")
@example("salt", "a\0b", "a")
@example("plain", "é", "e\u0301")
@example("plain", "Straße", "strasse")
@settings(deadline=None, max_examples=80)
def test_exactly_the_password_and_nothing_like_it(encoding: str, password: str, other: str) -> None:
    """Covers C05: no truncation, no case folding, no trimming, at a NUL or elsewhere."""
    kept = stored(encoding, password.encode())
    assert matches(password.encode(), kept)
    assert matches(other.encode(), kept) == (other == password)
    assert not matches(password.encode() + b" ", kept)


@pytest.mark.parametrize("encoding", [name for name in ALL if name != "bcrypt"])
def test_long_passwords_that_differ_at_the_end_are_distinct(encoding: str) -> None:
    """Covers C05."""
    kept = stored(encoding, b"a" * 100 + b"x")
    assert matches(b"a" * 100 + b"x", kept)
    assert not matches(b"a" * 100 + b"y", kept)
    assert not matches(b"a" * 100, kept)


def test_bcrypt_s_72_bytes_are_no_trap() -> None:
    """Covers C05: nothing longer than 72 bytes is right: Casdoor's Go library hashed no more."""
    kept = stored("bcrypt", b"a" * 72)
    assert matches(b"a" * 72, kept)
    assert not matches(b"a" * 73, kept)
    assert not matches(b"a" * 72 + b"anything", kept)
    assert not matches(b"a" * 71, kept)


def test_bcrypt_is_never_given_more_than_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Covers C05: whatever the library does with more, which changed with its version 5."""
    kept = stored("bcrypt", b"a" * 72)
    monkeypatch.setattr(bcrypt, "checkpw", lambda *_: True)
    assert matches(b"a" * 72, kept)
    assert encodings.effort(b"a" * 72, kept) == "bcrypt"
    assert not matches(b"a" * 73, kept)
    assert encodings.effort(b"a" * 73, kept) is None


@pytest.mark.parametrize("salts", [(), (SALT,), (SALT, "abcd"), ("abcd", SALT)])
@pytest.mark.parametrize("password", [b"123456", b"123457"])
def test_pbkdf2_is_done_twice_whatever_the_salts(
    monkeypatch: pytest.MonkeyPatch, password: bytes, salts: tuple[str, ...]
) -> None:
    """Covers R02: the work tells neither which salt was right nor how many there are."""
    derived: list[bytes] = []
    pbkdf2 = hashlib.pbkdf2_hmac

    def record(name: str, secret: bytes, salt: bytes, rounds: int, length: int) -> bytes:
        derived.append(salt)
        return pbkdf2(name, secret, salt, rounds, length)

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", record)
    matches(password, StoredPassword("pbkdf2-salt", VECTORS["pbkdf2-salt"], salts))
    assert len(derived) == 2


# Hostile stored values


@pytest.mark.parametrize("encoding", [*ALL, "", "unknown", "ldap", "\ud800"])
@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_stored_value_is_wrong_and_costs_nothing(encoding: str, value: str) -> None:
    """Covers C10, D19: never an exception, and never gigabytes or minutes of work."""
    kept = StoredPassword(encoding, value, (SALT, "\ud800"))
    assert not matches(b"123456", kept)
    kind = encodings.effort(b"123456", kept)
    assert kind is None or kind in {
        "pbkdf2-salt",
        "pbkdf2-django",
        "bcrypt",
        "argon2id m=65536,t=1,p=2",
        "argon2id m=8,t=1,p=1",
        "argon2id m=1,t=1,p=4",
    }


@given(
    encoding=st.sampled_from([name for name in ALL if name != "pbkdf2-salt"]),
    value=st.one_of(
        st.text(max_size=80),
        st.from_regex(r"\$argon2id\$v=19\$m=[0-9]{1,2},t=[0-9],p=[0-9]\$\w{0,30}\$\w{0,50}"),
        st.from_regex(r"\$2[abxy]\$0[0-5]\$[./A-Za-z0-9]{50,55}"),
        st.from_regex(r"pbkdf2_sha256\$[0-9]{1,3}\$[^$]*\$[A-Za-z0-9+/]*=*"),
    ),
    salts=st.lists(st.text(max_size=20), max_size=3).map(tuple),
)
@settings(deadline=None)
def test_no_stored_value_raises(encoding: str, value: str, salts: tuple[str, ...]) -> None:
    """Covers D19: whatever an import or an administrator wrote."""
    kept = StoredPassword(encoding, value, salts)
    assert isinstance(matches(b"\x00\xff correct horse", kept), bool)
    encodings.effort(b"\x00\xff correct horse", kept)
    encodings.is_current(kept, CHEAP)


# Our own


def test_what_we_make_is_current_and_nothing_else_is() -> None:
    """A form that is not today's is written anew at the next sign-in."""
    value = encodings.make(b"x", b"0123456789abcdef", CHEAP)
    assert value.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert encodings.is_current(StoredPassword("argon2id", value), CHEAP)
    assert not encodings.is_current(StoredPassword("argon2id", value), Cost())
    assert not encodings.is_current(StoredPassword("plain", value), CHEAP)
    short = encodings.make(b"x", b"01234567", CHEAP)
    assert not encodings.is_current(StoredPassword("argon2id", short), CHEAP)


def test_the_defaults_are_owasp_s() -> None:
    """OWASP Password Storage Cheat Sheet: argon2id m=19 MiB, t=2, p=1."""
    assert Cost() == Cost(memory=19_456, passes=2, lanes=1)


def test_a_decoy_costs_like_a_real_one_and_matches_nothing() -> None:
    """Covers R02."""
    decoy = StoredPassword("argon2id", encodings.decoy(bytes(range(48)), CHEAP))
    real = StoredPassword("argon2id", encodings.make(b"x", b"0123456789abcdef", CHEAP))
    assert encodings.effort(b"x", decoy) == encodings.effort(b"x", real)
    assert encodings.is_current(decoy, CHEAP)
    assert not matches(b"x", decoy)


@pytest.mark.parametrize(
    ("password", "raw"),
    [
        ("", None),
        ("a" * 4096, b"a" * 4096),
        ("a" * 4097, None),
        ("é" * 2048, "é".encode() * 2048),
        ("é" * 2049, None),
        ("😀" * 1024, "😀".encode() * 1024),
        ("\ud800", None),
        ("a\0b", b"a\0b"),
        (" a ", b" a "),
    ],
)
def test_what_can_be_a_password(password: str, raw: bytes | None) -> None:
    """Covers C05: exact bytes, up to 4,096 of them; an empty one never (contract 5.4)."""
    assert encodings.to_bytes(password) == raw


def test_a_stored_password_hides_in_logs() -> None:
    """Covers R12."""
    assert "123456" not in repr(StoredPassword("plain", "123456", ("salt",)))
