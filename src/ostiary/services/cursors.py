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
    body = msgspec.json.encode(position)
    return vault.mac("cursor", _bound(listed, body)) + base64.urlsafe_b64encode(body).decode()


def decode(vault: Vault, listed: object, cursor: str | None) -> Position | None:
    """The position that a cursor names; None for none.

    Raises:
        BadCursor: it was not made here, or for another list.
    """
    if not cursor:
        return None
    mac, text = cursor[:_MAC_LENGTH], cursor[_MAC_LENGTH:]
    try:
        body = base64.urlsafe_b64decode(text.encode("ascii"))
        if not vault.check_mac("cursor", _bound(listed, body), mac):
            raise BadCursor
        return msgspec.json.decode(body, type=Position)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise BadCursor from error


def _bound(listed: object, body: bytes) -> bytes:
    return msgspec.json.encode(listed) + b"\x00" + body
