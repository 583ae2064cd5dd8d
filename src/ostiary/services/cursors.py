"""Opaque cursors: a position in one particular list, which nobody else can make up."""

from __future__ import annotations

import base64
import binascii

import msgspec

from ostiary.domain.errors import BadCursor
from ostiary.domain.search import Position
from ostiary.gateways.keys import Vault

_MAC_LENGTH = 43


def encode(vault: Vault, listed: object, position: Position) -> str:
    """A cursor.

    Args:
        vault: holds the key that signs it.
        listed: what the list was asked for; the cursor is good for that list alone.
        position: where the next page begins.
    """
    text = base64.urlsafe_b64encode(msgspec.json.encode(position))
    return vault.mac("cursor", _bound(listed, text)) + text.decode()


def decode(vault: Vault, listed: object, cursor: str | None) -> Position | None:
    """The position that a cursor names; None for none.

    Raises:
        BadCursor: it was not made here, or for another list.
    """
    if not cursor:
        return None
    mac, text = cursor[:_MAC_LENGTH], cursor[_MAC_LENGTH:]
    try:
        # The text is what was signed: decoding would pass over what is no base64.
        if not vault.check_mac("cursor", _bound(listed, text.encode("ascii")), mac):
            raise BadCursor
        return msgspec.json.decode(base64.urlsafe_b64decode(text), type=Position)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise BadCursor from error


def _bound(listed: object, text: bytes) -> bytes:
    return msgspec.json.encode(listed) + b"\x00" + text
