"""How passwords are stored: ours, and the eight forms that an imported Casdoor database holds.

Pure functions of bytes; `ostiary.gateways.passwords` decides where they run and what they may cost.
The forms are those of the Casdoor contract, section 5.4. A stored value that is malformed, or that
asks for more work than the caps below allow, is simply not matched: its user needs a reset, and
nobody who can write a hash can make the server spend gigabytes or minutes on it.

Passwords are used as the UTF-8 of exactly what was typed, in all forms alike: nothing is
normalised, trimmed, folded or cut. NIST SP 800-63B-4 section 3.1.1.2 would have NFKC or NFC, but
the imported hashes were made without it, and one person's password must not depend on which form
her hash has. Browsers send composed characters, so this is seen on few keyboards.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final

import argon2.low_level
import bcrypt
import msgspec
from argon2.exceptions import VerificationError

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_PASSWORD: Final = 4096
"""Bytes. 1,024 characters of up to four bytes each; more is an attack on the hash's input."""

_LONGEST_VALUE: Final = 1024
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32

_BCRYPT_LIMIT: Final = 72
_BCRYPT_DEAREST: Final = 14
_DJANGO_DEAREST: Final = 2_000_000
_KEYCLOAK_ROUNDS: Final = 27_500
_KEYCLOAK_BYTES: Final = 64
_WHOLE_GROUP: Final = 3
_MOST_MEMORY: Final = 256 * 1024
_MOST_WORK: Final = 1024 * 1024
_MOST_LANES: Final = 4

_ARGON2ID: Final = re.compile(
    r"\$argon2id\$v=19\$m=([0-9]{1,9}),t=([0-9]{1,9}),p=([0-9]{1,9})"
    r"\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)"
)
_BCRYPT: Final = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")
_DJANGO: Final = re.compile(r"pbkdf2_sha256\$([0-9]{1,9})\$([^$]*)\$([A-Za-z0-9+/]+={0,2})")


class Cost(msgspec.Struct, frozen=True):
    """Parameters of argon2id (RFC 9106 section 3.1).

    Attributes:
        memory: KiB.
        passes: how often the memory is gone over.
        lanes: threads that one hash takes.

    The defaults are OWASP's recommendation (Password Storage Cheat Sheet).
    """

    memory: int = 19_456
    passes: int = 2
    lanes: int = 1


_TODAY: Final = Cost()


class StoredPassword(msgspec.Struct, frozen=True):
    """A password as the store keeps it.

    Attributes:
        encoding: ``argon2id`` for ours, or another type of the contract's section 5.4.
        value: what is in the column.
        salts: of the forms that keep the salt elsewhere, those to try, each alone sufficient:
            the organization's and the user's.
    """

    encoding: str
    value: str
    salts: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Name the form only: representations end up in logs."""
        return f"StoredPassword(encoding={self.encoding!r})"


class Parsed(msgspec.Struct, frozen=True):
    """The public part of an argon2id hash: its cost and the lengths, in bytes, of salt and hash."""

    cost: Cost
    salt_bytes: int
    hash_bytes: int


def to_bytes(password: str) -> bytes | None:
    """The bytes that are hashed, or None if this can be nobody's password.

    None for the empty text (in Casdoor, an empty password means "no sign-in by password"), for
    more than `LONGEST_PASSWORD` bytes, and for lone surrogates, which JSON can carry and UTF-8
    cannot. A NUL is a byte like any other.
    """
    try:
        raw = password.encode()
    except UnicodeEncodeError:
        return None
    return raw if 0 < len(raw) <= LONGEST_PASSWORD else None


def make(password: bytes, salt: bytes, cost: Cost) -> str:
    """Hash by argon2id into a PHC string; ``salt`` is 16 random bytes.

    Raises:
        argon2.exceptions.HashingError: no memory, or parameters outside RFC 9106.
    """
    return argon2.low_level.hash_secret(
        password,
        salt,
        time_cost=cost.passes,
        memory_cost=cost.memory,
        parallelism=cost.lanes,
        hash_len=_HASH_BYTES,
        type=argon2.low_level.Type.ID,
    ).decode()


def decoy(noise: bytes, cost: Cost) -> str:
    """A PHC string that costs as much to verify as a real one and that no password matches.

    Args:
        noise: 48 random bytes, of which salt and "hash" are made.
        cost: what verifying it shall cost.
    """
    salt, digest = (_phc(part) for part in (noise[:_SALT_BYTES], noise[_SALT_BYTES:]))
    return f"{current_prefix(cost)}{salt}${digest}"


def current_prefix(cost: Cost = _TODAY) -> str:
    """How all values begin that `make` writes with this cost."""
    return f"$argon2id$v=19$m={cost.memory},t={cost.passes},p={cost.lanes}$"


def parse(value: str) -> Parsed | None:
    """Read an argon2id PHC string; None when it is malformed or asks for too much."""
    match = _ARGON2ID.fullmatch(value)
    if match is None:
        return None
    memory, passes, lanes = (int(number) for number in match.group(1, 2, 3))
    if not (
        0 < lanes <= _MOST_LANES
        and 0 < memory <= _MOST_MEMORY
        and passes > 0
        and memory * passes <= _MOST_WORK
    ):
        return None
    cost = Cost(memory=memory, passes=passes, lanes=lanes)
    return Parsed(cost, *(len(text) * 6 // 8 for text in match.group(4, 5)))


def is_current(stored: StoredPassword, cost: Cost) -> bool:
    """Whether a stored password is what `make` would write today."""
    return stored.encoding == "argon2id" and parse(stored.value) == Parsed(
        cost, _SALT_BYTES, _HASH_BYTES
    )


def matches(password: bytes, stored: StoredPassword) -> bool:
    """Whether the password is the stored one; False for whatever cannot be understood."""
    check = _CHECKS.get(stored.encoding)
    return check is not None and _readable(stored) and check(password, stored)


def effort(password: bytes, stored: StoredPassword) -> str | None:
    """The kind of slow work that `matches` will do: a name, or None where there is none.

    ``argon2id`` is named with its parameters, since they make the cost.
    """
    if not _readable(stored):
        return None
    if stored.encoding == "argon2id":
        parsed = parse(stored.value)
        return None if parsed is None else argon2id_effort(parsed.cost)
    if stored.encoding == "bcrypt":
        return "bcrypt" if _bcrypt_will_run(password, stored.value) else None
    if stored.encoding == "pbkdf2-django":
        return None if _django_parts(stored.value) is None else "pbkdf2-django"
    return "pbkdf2-salt" if stored.encoding == "pbkdf2-salt" else None


def argon2id_effort(cost: Cost) -> str:
    """The name under which `effort` reports argon2id of that cost."""
    return f"argon2id m={cost.memory},t={cost.passes},p={cost.lanes}"


def _check_plain(password: bytes, stored: StoredPassword) -> bool:
    return _same(password, stored.value)


def _check_digest(algorithm: str) -> Callable[[bytes, StoredPassword], bool]:
    def hexdigest(message: bytes) -> bytes:
        return hashlib.new(algorithm, message, usedforsecurity=False).hexdigest().encode()

    def check(password: bytes, stored: StoredPassword) -> bool:
        once = hexdigest(password)
        for salt in stored.salts or ("",):
            accepted = (
                [hexdigest(once + _raw(salt))]
                if salt
                # Without a salt Casdoor hashed once, and in an older version twice.
                else [once, hexdigest(once)]
            )
            if any(_same(digest, stored.value) for digest in accepted):
                return True
        return False

    return check


def _check_bcrypt(password: bytes, stored: StoredPassword) -> bool:
    if not _bcrypt_will_run(password, stored.value):
        return False
    try:
        return bcrypt.checkpw(password, stored.value.encode())
    except ValueError:
        return False


def _check_argon2id(password: bytes, stored: StoredPassword) -> bool:
    if parse(stored.value) is None:
        return False
    try:
        return argon2.low_level.verify_secret(
            stored.value.encode(), password, argon2.low_level.Type.ID
        )
    except VerificationError:
        return False


def _check_keycloak(password: bytes, stored: StoredPassword) -> bool:
    salts = stored.salts or ("",)
    # Every salt is tried, and at least two are: the work must not tell which one was right, nor
    # whether this user has a salt of her own.
    found = [
        _same(
            base64.b64encode(_pbkdf2_salted(password, _decodable_prefix(salt))),
            stored.value,
        )
        for salt in salts
    ]
    for _ in range(2 - len(salts)):
        _pbkdf2_salted(password, b"")
    return any(found)


def _check_django(password: bytes, stored: StoredPassword) -> bool:
    parts = _django_parts(stored.value)
    if parts is None:
        return False
    rounds, salt, digest = parts
    derived = hashlib.pbkdf2_hmac("sha256", password, _raw(salt), rounds, _HASH_BYTES)
    return _same(base64.b64encode(derived), digest)


_CHECKS: Final[dict[str, Callable[[bytes, StoredPassword], bool]]] = {
    "plain": _check_plain,
    "salt": _check_digest("sha256"),
    "sha512-salt": _check_digest("sha512"),
    "md5-salt": _check_digest("md5"),
    "bcrypt": _check_bcrypt,
    "argon2id": _check_argon2id,
    "pbkdf2-salt": _check_keycloak,
    "pbkdf2-django": _check_django,
}

ENCODINGS: Final = frozenset(_CHECKS)
"""The encodings that can be compared with (contract 5.4)."""


def _readable(stored: StoredPassword) -> bool:
    return 0 < len(stored.value) <= _LONGEST_VALUE


def _bcrypt_will_run(password: bytes, value: str) -> bool:
    match = _BCRYPT.fullmatch(value)
    # bcrypt reads 72 bytes. The Go library behind Casdoor refuses to hash more, so no longer
    # password can be the stored one; comparing the first 72 would take a wrong one for right
    # (ASVS 6.2.8).
    return (
        match is not None
        and int(match.group(1)) <= _BCRYPT_DEAREST
        and len(password) <= _BCRYPT_LIMIT
    )


def _django_parts(value: str) -> tuple[int, str, str] | None:
    match = _DJANGO.fullmatch(value)
    if match is None or not 0 < int(match.group(1)) <= _DJANGO_DEAREST:
        return None
    return int(match.group(1)), match.group(2), match.group(3)


def _pbkdf2_salted(password: bytes, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password, salt, _KEYCLOAK_ROUNDS, _KEYCLOAK_BYTES)


def _decodable_prefix(salt: str) -> bytes:
    """What Go's base64 decoder has written when it gives up: all groups before the faulty one.

    Casdoor drops the error and salts with that, so hexadecimal salts "work" there and must here.
    """
    letters = salt.replace("\r", "").replace("\n", "")
    decoded = b""
    for start in range(0, len(letters), 4):
        try:
            group = base64.b64decode(letters[start : start + 4], validate=True)
        except (binascii.Error, ValueError):
            break
        decoded += group
        if len(group) < _WHOLE_GROUP:  # padded, and so the last one
            break
    return decoded


def _phc(raw: bytes) -> str:
    return base64.b64encode(raw).rstrip(b"=").decode()


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _same(computed: bytes, stored: str) -> bool:
    return hmac.compare_digest(computed, _raw(stored))
