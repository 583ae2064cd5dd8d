"""Keys: the one that encrypts at rest, those derived from it, and those that sign tokens.

The encryption key lives in a file beside, never in, the database: a stolen database alone shows
neither client secrets nor signing keys.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import re
import secrets
import stat
from typing import TYPE_CHECKING, Final, NoReturn, Self

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from joserfc.jwk import RSAKey

from ostiary.domain.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

KEY_FILE: Final = "encryption.key"

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_VERSION: Final = b"\x01"
_KEY_TEXT: Final = re.compile(rb"[A-Za-z0-9_-]{43}=?\s*")
_LONGEST_KEY_FILE: Final = 256
_CANARY: Final = b"ostiary"
_CANARY_CONTEXT: Final = "canary"
_DOES_NOT_FIT: Final = (
    "The encryption key does not fit what the database holds: it is another installation's key, "
    "or the database was changed by hand. Put back the file encryption.key that belongs to this "
    "database."
)


class Vault:
    """Encrypts and authenticates what is stored, under one key of 256 bits.

    Everything is keyed by HKDF-SHA256 (RFC 5869) with a label of its own, so that no value made for
    one purpose is good for another. Thread-safe: nothing changes after the start but a cache.
    """

    __slots__ = ("_cipher", "_derived", "_key")

    def __init__(self, key: bytes) -> None:
        """Take a key of 32 random bytes.

        Raises:
            Misconfigured: the key has another length.
        """
        if len(key) != _KEY_BYTES:
            message = f"An encryption key is {_KEY_BYTES} bytes long, not {len(key)}."
            raise Misconfigured(message)
        self._key = key
        self._cipher = AESGCM(_expand(key, "seal"))
        self._derived: dict[str, bytes] = {}

    @classmethod
    def open(cls, directory: Path, *, create: bool) -> Self:
        """Read ``<directory>/encryption.key``, after making it when it is missing and may be made.

        The file holds 32 random bytes as base64url text and has mode 0600; a directory that is made
        has mode 0700. Of several processes that make it at the same time one wins, and all of them
        read the winner's.

        Args:
            directory: the data directory.
            create: make a missing key. Only for a new installation: a new key cannot read an old
                database.

        Raises:
            Misconfigured: the file is missing, malformed, unreadable, or open to other users; the
                text names it and says what to do.
        """
        path = directory / KEY_FILE
        try:
            key = _read(path)
            if key is None and create:
                _write(path)
                key = _read(path)
        except OSError as error:
            message = f"The encryption key {path} cannot be used: {error.strerror}."
            raise Misconfigured(message) from error
        if key is None:
            message = (
                f"The encryption key {path} is missing. Restore it from a backup: without it, the "
                "secrets in the database cannot be read."
            )
            raise Misconfigured(message)
        return cls(key)

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypt by AES-256-GCM (NIST SP 800-38D): version, 96-bit nonce, ciphertext, tag.

        Args:
            plain: what to hide; the result is 29 bytes longer.
            context: where it belongs ("application/acme/wiki/client_secret"); authenticated, not
                stored. A sealed value that is copied to another row does not open there.

        The nonce is random, which is safe for 2^32 values under one key (SP 800-38D section 8.3).
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, _bound(context))

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """Undo `seal`.

        Raises:
            Misconfigured: the key, the context or a byte of the value is not the one of `seal`.
                Which of them cannot be known, and none is the visitor's fault.
        """
        if len(sealed) < 1 + _NONCE_BYTES + _TAG_BYTES or not sealed.startswith(_VERSION):
            raise Misconfigured(_DOES_NOT_FIT, detail=f"malformed: {context}")
        nonce, hidden = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, hidden, _bound(context))
        except InvalidTag as error:
            raise Misconfigured(_DOES_NOT_FIT, detail=context) from error

    def seal_text(self, plain: str, context: str) -> str:
        """`seal` for text columns: text in, base64url without padding out."""
        return _to_text(self.seal(plain.encode(), context))

    def unseal_text(self, sealed: str, context: str) -> str:
        """Undo `seal_text`.

        Raises:
            Misconfigured: as `unseal`, and for text that is not base64url.
        """
        try:
            hidden = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
        except (binascii.Error, ValueError) as error:
            raise Misconfigured(_DOES_NOT_FIT, detail=f"malformed: {context}") from error
        return self.unseal(hidden, context).decode()

    def derive(self, purpose: str) -> bytes:
        """A key of 32 bytes for one purpose, the same at each start.

        A purpose is a constant of the program ("pairwise_subject"), never something that was sent:
        each is remembered.
        """
        return self._expand(f"derive/{purpose}")

    def mac(self, purpose: str, message: bytes) -> str:
        """HMAC-SHA256 (RFC 2104) under a key of that purpose: base64url, 43 characters."""
        key = self._expand(f"mac/{purpose}")
        return _to_text(hmac.digest(key, message, hashlib.sha256))

    def check_mac(self, purpose: str, message: bytes, mac: str) -> bool:
        """Whether ``mac`` is that of `mac`, compared in constant time; any text may be asked."""
        # compare_digest refuses text beyond ASCII, and lone surrogates have no UTF-8: a stranger
        # must get a plain "no" for both.
        presented = mac.encode("utf-8", "surrogatepass")
        return hmac.compare_digest(self.mac(purpose, message).encode(), presented)

    def canary(self) -> bytes:
        """A value for the store to keep, by which a later start tells whether its key belongs."""
        return self.seal(_CANARY, _CANARY_CONTEXT)

    def fits(self, canary: bytes) -> bool:
        """Whether the canary was made under this key."""
        try:
            return self.unseal(canary, _CANARY_CONTEXT) == _CANARY
        except Misconfigured:
            return False

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: the key would travel with it."""
        message = "A vault stays in its process."
        raise TypeError(message)

    def _expand(self, label: str) -> bytes:
        known = self._derived.get(label)
        if known is None:
            # Two threads that race here compute the same bytes.
            known = self._derived[label] = _expand(self._key, label)
        return known


def vault_of_secret(secret: str) -> Vault:
    """A vault that only the holder of a bearer secret can open, who is nobody we store.

    Args:
        secret: 256 random bits as text, of which the store knows the SHA-256 alone.
    """
    hkdf = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=b"ostiary/1/secret")
    return Vault(hkdf.derive(secret.encode()))


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that signs tokens.

    Attributes:
        kid: the RFC 7638 thumbprint (SHA-256, base64url, 43 characters) of the public key.
        alg: the one algorithm it is for (RFC 8725 section 3.1).
        private_pem: PKCS#8 in PEM, not encrypted; `Vault.seal` it before it is stored.
        public_jwk: the entry of the key set, with ``kty, n, e, kid, alg, use`` (RFC 7517).
    """

    kid: str
    alg: str
    private_pem: bytes
    public_jwk: dict[str, str]

    def __repr__(self) -> str:
        """Name the key without showing it: representations end up in logs."""
        return f"SigningKey(kid={self.kid!r}, alg={self.alg!r})"


def new_signing_key() -> SigningKey:
    """Make an RSA key of 2048 bits for RS256 (RFC 7518 section 3.3); takes some 100 ms."""
    key = RSAKey.generate_key(2048, private=True)
    kid = key.thumbprint()
    public = {name: str(value) for name, value in key.as_dict(private=False).items()}
    return SigningKey(
        kid=kid,
        alg="RS256",
        private_pem=key.as_pem(private=True),
        public_jwk={**public, "kid": kid, "alg": "RS256", "use": "sig"},
    )


def _expand(key: bytes, label: str) -> bytes:
    # The key is uniformly random already, so HKDF's extraction may be left out (RFC 5869 3.3).
    info = b"ostiary/1/" + label.encode()
    return HKDFExpand(algorithm=SHA256(), length=_KEY_BYTES, info=info).derive(key)


def _bound(context: str) -> bytes:
    return _VERSION + context.encode()


def _to_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _read(path: Path) -> bytes | None:
    """The key, or None where there is no such file."""
    try:
        # Non-blocking: a FIFO of that name must not stop the start.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        # The open file is examined, not the path: nothing can be put in its place in between.
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            message = f"The encryption key {path} is not a plain file."
            raise Misconfigured(message)
        if stat.S_IMODE(status.st_mode) & 0o077:
            message = (
                f"The encryption key {path} is open to other users of this machine. Run "
                f"`chmod 600 {path}`; if others may have read it, treat it as known to them."
            )
            raise Misconfigured(message)
        text = file.read(_LONGEST_KEY_FILE)
    if not _KEY_TEXT.fullmatch(text):
        message = (
            f"The encryption key {path} is malformed: 43 characters of base64url are expected. "
            "Restore it from a backup; if the database is new, remove the file and start again."
        )
        raise Misconfigured(message)
    return base64.urlsafe_b64decode(text.strip().rstrip(b"=") + b"=")


def _write(path: Path) -> None:
    """Make a key file whole or not at all, and never over another one."""
    directory = path.parent
    if not directory.exists():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _flush(directory.parent)
    draft = directory / f".{path.name}.{secrets.token_hex(8)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_to_text(secrets.token_bytes(_KEY_BYTES)).encode() + b"\n")
            file.flush()
            os.fsync(descriptor)
        # A link, not a rename: it fails where the file exists, and so cannot replace the key that
        # another process made in the meantime and may already have sealed with.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    _flush(directory)


def _flush(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
