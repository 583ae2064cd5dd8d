"""Fields that are kept and given back without being used, encrypted as a whole (contract 4.1)."""

from __future__ import annotations

from typing import Any

import msgspec

from ostiary.domain.errors import BadInput
from ostiary.gateways.keys import Vault

LONGEST = 65_536


def seal(vault: Vault, context: str, extra: dict[str, Any]) -> bytes:
    """What is stored.

    Raises:
        BadInput: it is more than 64 KiB.
    """
    plain = msgspec.json.encode(extra)
    if len(plain) > LONGEST:
        raise BadInput("body", f"The further fields together are longer than {LONGEST} bytes.")
    return vault.seal(plain, context)


def unseal(vault: Vault, context: str, sealed: bytes) -> dict[str, Any]:
    """What was sent."""
    if not sealed:
        return {}
    return msgspec.json.decode(vault.unseal(sealed, context), type=dict[str, Any])
