"""Proof Key for Code Exchange (RFC 7636), by S256 alone."""

from __future__ import annotations

import base64
import hashlib
import hmac

from ostiary.domain.client import is_verifier


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636, 4.2)."""
    hashed = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()


def refusal(challenge: str, verifier: str) -> str:
    """What is wrong with a code's verifier; empty: nothing.

    A verifier where no challenge was is refused too: somebody may have taken the challenge out of
    the authorization request (RFC 9700, 4.8; REQUIREMENTS L10).
    """
    if not challenge:
        return "" if not verifier else "code_verifier came, but no code_challenge was sent."
    if not verifier:
        return "code_verifier is missing."
    if not is_verifier(verifier):
        return "code_verifier has 43 to 128 unreserved characters."
    right = hmac.compare_digest(challenge_of(verifier), challenge)
    return "" if right else "code_verifier does not fit code_challenge."
