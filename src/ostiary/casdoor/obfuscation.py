"""Passwords that a browser scrambled on their way (contract 3.2).

This hides a password from a glance at a log, and from nothing else: every browser is told the key.
"""

from __future__ import annotations

import binascii

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

_DES_KEY = 8


def reveal(kind: str, key: str, sent: str) -> str | None:
    """The password that was typed.

    Args:
        kind: the organization's ``passwordObfuscatorType``.
        key: its ``passwordObfuscatorKey``, in hex.
        sent: hex of the initial vector and the ciphertext.

    Returns:
        None when it cannot be read: not scrambled, or with another key.
    """
    if kind in {"", "Plain"}:
        return sent
    try:
        algorithm = _algorithm(kind, bytes.fromhex(key))
        raw = bytes.fromhex(sent)
        size = algorithm.block_size // 8
        decryptor = Cipher(algorithm, CBC(raw[:size])).decryptor()
        padded = decryptor.update(raw[size:]) + decryptor.finalize()
        unpadder = PKCS7(algorithm.block_size).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except (binascii.Error, ValueError):
        return None


def _algorithm(kind: str, key: bytes) -> AES | TripleDES:
    if kind == "AES":
        return AES(key)
    if kind == "DES" and len(key) == _DES_KEY:
        # Three times the same key is DES itself.
        return TripleDES(key * 3)
    raise ValueError(kind)
