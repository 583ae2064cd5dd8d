"""Encryption at rest, derived keys, and signing keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import pickle
import stat
import threading
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import RSAKey

from ostiary.domain.errors import Misconfigured
from ostiary.gateways.keys import KEY_FILE, SigningKey, Vault, new_signing_key

if TYPE_CHECKING:
    from pathlib import Path

VAULT = Vault(bytes(range(32)))
OTHER = Vault(bytes(range(1, 33)))


@pytest.fixture(scope="module")
def signing_key() -> SigningKey:
    """One key for all tests: making one takes a while."""
    return new_signing_key()


# The key file


def test_a_new_installation_gets_a_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    """Covers W18, F06: mode 0600 in a directory of mode 0700, whatever the umask."""
    directory = tmp_path / "a" / "data"
    before = os.umask(0)
    try:
        Vault.open(directory, create=True)
    finally:
        os.umask(before)
    path = directory / KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert len(base64.urlsafe_b64decode(path.read_text().strip() + "=")) == 32
    assert list(directory.iterdir()) == [path]


def test_the_next_start_reads_the_same_key(tmp_path: Path) -> None:
    """What one process sealed, the next one opens."""
    sealed = Vault.open(tmp_path, create=True).seal(b"x", "here")
    assert Vault.open(tmp_path, create=False).unseal(sealed, "here") == b"x"
    assert Vault.open(tmp_path, create=True).unseal(sealed, "here") == b"x"


def test_a_missing_key_is_not_replaced_behind_the_operators_back(tmp_path: Path) -> None:
    """Covers D19: without its key an installation refuses to start."""
    with pytest.raises(Misconfigured, match=r"encryption\.key is missing.*backup"):
        Vault.open(tmp_path, create=False)
    with pytest.raises(Misconfigured, match="missing"):
        Vault.open(tmp_path / "nowhere", create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610, 0o601, 0o777])
def test_a_key_that_others_can_reach_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    """Covers D19: the text names the command that mends it."""
    Vault.open(tmp_path, create=True)
    path = tmp_path / KEY_FILE
    path.chmod(mode)
    with pytest.raises(Misconfigured, match="chmod 600") as caught:
        Vault.open(tmp_path, create=True)
    assert str(path) in caught.value.text
    path.chmod(0o600)
    Vault.open(tmp_path, create=False)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"short", b"A" * 42, b"A" * 44, b"A" * 42 + b"+", b"A" * 5000, bytes(32), b"\xff"],
)
def test_a_malformed_key_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    """Covers D19: a truncated key is never taken for a key, nor overwritten."""
    path = tmp_path / KEY_FILE
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Misconfigured, match="malformed"):
        Vault.open(tmp_path, create=True)
    assert path.read_bytes() == content


@pytest.mark.parametrize("ending", [b"", b"\n", b"=", b"=\n", b"\r\n"])
def test_a_key_made_by_another_tool_is_read(tmp_path: Path, ending: bytes) -> None:
    """Operators restore keys with editors and shells."""
    path = tmp_path / KEY_FILE
    path.write_bytes(base64.urlsafe_b64encode(bytes(range(32))).rstrip(b"=") + ending)
    path.chmod(0o600)
    assert Vault.open(tmp_path, create=False).fits(VAULT.canary())


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A directory or a FIFO of that name neither hangs the start nor ends in a traceback."""
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / KEY_FILE).mkdir(mode=0o700)
    with pytest.raises(Misconfigured, match=r"cannot be used|not a plain file"):
        Vault.open(tmp_path / "one", create=True)
    (tmp_path / "two").mkdir()
    os.mkfifo(tmp_path / "two" / KEY_FILE, 0o600)
    with pytest.raises(Misconfigured, match="not a plain file"):
        Vault.open(tmp_path / "two", create=True)
    (tmp_path / "three").write_text("a file where the directory should be")
    with pytest.raises(Misconfigured, match="cannot be used"):
        Vault.open(tmp_path / "three", create=True)


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    """Covers R10: a key that somebody may have sealed with is never replaced."""
    start = threading.Barrier(8)
    vaults: list[Vault] = []

    def begin() -> None:
        start.wait()
        vaults.append(Vault.open(tmp_path / "data", create=True))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    canary = vaults[0].canary()
    assert [vault.fits(canary) for vault in vaults] == [True] * 8
    assert list((tmp_path / "data").iterdir()) == [tmp_path / "data" / KEY_FILE]


def test_the_key_is_whole_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash before the last step leaves no key, and no half of one."""

    def crash(*_: object) -> None:
        message = "the power is gone"
        raise RuntimeError(message)

    monkeypatch.setattr(os, "link", crash)
    with pytest.raises(RuntimeError):
        Vault.open(tmp_path, create=True)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_written_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers D19."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(Misconfigured, match="cannot be used: Permission denied"):
        Vault.open(tmp_path, create=True)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_has_256_bits(length: int) -> None:
    """AES-256 and nothing less."""
    with pytest.raises(Misconfigured, match="32 bytes"):
        Vault(bytes(length))


# Sealing


@given(plain=st.binary(max_size=300), context=st.text(st.characters(codec="utf-8"), max_size=40))
def test_what_was_sealed_comes_back(plain: bytes, context: str) -> None:
    """Whatever the bytes and the context."""
    sealed = VAULT.seal(plain, context)
    assert len(sealed) == len(plain) + 29
    assert VAULT.unseal(sealed, context) == plain


@given(plain=st.text(st.characters(codec="utf-8"), max_size=100))
def test_text_comes_back_and_travels_as_base64url(plain: str) -> None:
    """A sealed text fits into a text column."""
    sealed = VAULT.seal_text(plain, "here")
    assert set(sealed) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert VAULT.unseal_text(sealed, "here") == plain


def test_the_same_text_never_looks_the_same_twice() -> None:
    """A nonce that comes back would give away both texts and the authentication key."""
    sealed = {VAULT.seal(b"secret", "here") for _ in range(1000)}
    assert len({value[1:13] for value in sealed}) == 1000
    assert not any(b"secret" in value for value in sealed)


@given(data=st.data())
def test_one_changed_bit_anywhere_is_noticed(data: st.DataObject) -> None:
    """Version, nonce, text and tag are all authenticated."""
    sealed = bytearray(VAULT.seal(b"secret", "here"))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Misconfigured, match="does not fit"):
        VAULT.unseal(bytes(sealed), "here")


def test_a_sealed_value_opens_only_where_it_was_put() -> None:
    """A row's secret copied into another row, which its owner may read, stays shut."""
    sealed = VAULT.seal(b"secret", "application/acme/wiki")
    with pytest.raises(Misconfigured) as caught:
        VAULT.unseal(sealed, "application/acme/mail")
    assert "application/acme/mail" in caught.value.detail
    assert "application" not in caught.value.text


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + bytes(27), b"\x02" + bytes(60)])
def test_what_was_never_sealed_is_refused(sealed: bytes) -> None:
    """Covers D19: closed, with a text for the operator."""
    with pytest.raises(Misconfigured, match="does not fit"):
        VAULT.unseal(sealed, "here")


@pytest.mark.parametrize("sealed", ["", "A", "é" * 60, "!" * 60, "A" * 60])
def test_text_that_was_never_sealed_is_refused(sealed: str) -> None:
    """Covers D19."""
    with pytest.raises(Misconfigured, match="does not fit"):
        VAULT.unseal_text(sealed, "here")


def test_another_key_does_not_open_it() -> None:
    """Covers D19: the text says which file to put back."""
    with pytest.raises(Misconfigured, match=r"encryption\.key that belongs"):
        OTHER.unseal(VAULT.seal(b"secret", "here"), "here")


def test_the_canary_tells_whose_database_it_is() -> None:
    """Covers D19: a start with the wrong key is noticed before anything is written."""
    assert VAULT.fits(VAULT.canary())
    assert not OTHER.fits(VAULT.canary())
    assert not VAULT.fits(b"")
    assert not VAULT.fits(VAULT.seal(b"ostiary", "elsewhere"))
    assert not VAULT.fits(VAULT.seal(b"something else", "canary"))


# Derived keys


def test_derived_keys_are_stable_and_differ_by_purpose() -> None:
    """The same at each start; no purpose's key serves another, a MAC's or the sealing."""
    assert VAULT.derive("one") == Vault(bytes(range(32))).derive("one")
    keys = {
        VAULT.derive("one"),
        VAULT.derive("two"),
        VAULT.derive("mac/one"),
        VAULT.derive(""),
        OTHER.derive("one"),
    }
    assert len(keys) == 5
    assert {len(key) for key in keys} == {32}


def test_derivation_is_hkdf_expand() -> None:
    """RFC 5869 section 2.3: T(1) = HMAC(key, info | 0x01); pinned, since stored values need it."""
    block = hmac.digest(bytes(range(32)), b"ostiary/1/derive/one\x01", hashlib.sha256)
    assert VAULT.derive("one") == block


def test_a_mac_is_checked_against_purpose_message_and_key() -> None:
    """Covers E07: a keyed hash that only this installation can make."""
    mac = VAULT.mac("cookie", b"message")
    assert len(mac) == 43
    assert VAULT.check_mac("cookie", b"message", mac)
    assert not VAULT.check_mac("other", b"message", mac)
    assert not VAULT.check_mac("cookie", b"massage", mac)
    assert not OTHER.check_mac("cookie", b"message", mac)


@given(mac=st.text(max_size=60))
def test_any_text_may_be_offered_as_a_mac(mac: str) -> None:
    """Covers A04: hostile text is a plain no, also beyond ASCII and UTF-8."""
    assert not VAULT.check_mac("cookie", b"message", mac)
    assert not VAULT.check_mac("cookie", b"message", "\ud800")


def test_a_mac_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Covers R02."""
    compared: list[tuple[bytes, bytes]] = []

    def record(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return left == right

    monkeypatch.setattr(hmac, "compare_digest", record)
    assert VAULT.check_mac("cookie", b"message", VAULT.mac("cookie", b"message"))
    assert len(compared) == 1


def test_a_vault_shows_and_gives_away_nothing() -> None:
    """Covers R12: neither in a log line nor by pickling."""
    assert bytes(range(32)).hex() not in repr(VAULT)
    assert "\\x01" not in repr(VAULT)
    with pytest.raises(TypeError, match="stays in its process"):
        pickle.dumps(VAULT)


# Signing keys


def test_a_signing_key_is_rsa_of_2048_bits(signing_key: SigningKey) -> None:
    """Covers W18, N04: RS256 with at least 2048 bits, exponent 65537."""
    private = load_pem_private_key(signing_key.private_pem, password=None)
    assert isinstance(private, rsa.RSAPrivateKey)
    assert private.key_size == 2048
    assert private.public_key().public_numbers().e == 65537
    assert signing_key.alg == "RS256"


def test_the_kid_is_the_rfc_7638_thumbprint(signing_key: SigningKey) -> None:
    """Covers R14: RFC 7638 section 3, computed here by hand."""
    required = {name: signing_key.public_jwk[name] for name in ("e", "kty", "n")}
    canonical = json.dumps(required, sort_keys=True, separators=(",", ":")).encode()
    digest = base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()
    assert signing_key.kid == digest
    assert signing_key.public_jwk["kid"] == digest


def test_the_published_half_holds_nothing_private(signing_key: SigningKey) -> None:
    """Covers R14: RFC 7518 section 6.3.2 lists what must not be there."""
    assert set(signing_key.public_jwk) == {"kty", "n", "e", "kid", "alg", "use"}
    assert signing_key.public_jwk["use"] == "sig"


def test_a_token_of_the_private_half_is_verified_by_the_public_one(signing_key: SigningKey) -> None:
    """Covers D01."""
    private = RSAKey.import_key(signing_key.private_pem)
    header = {"alg": signing_key.alg, "kid": signing_key.kid}
    token = jwt.encode(header, {"sub": "alice"}, private, algorithms=["RS256"])
    public = RSAKey.import_key(dict(signing_key.public_jwk))
    assert jwt.decode(token, public, algorithms=["RS256"]).claims == {"sub": "alice"}


def test_each_signing_key_is_new_and_hides_in_logs(signing_key: SigningKey) -> None:
    """Covers W18, R12."""
    assert new_signing_key().kid != signing_key.kid
    assert "PRIVATE" not in repr(signing_key)
    assert signing_key.kid in repr(signing_key)
