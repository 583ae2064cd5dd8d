"""A writer of small MaxMind DB files, for tests: the part of the format, version 2.0, they need.

https://maxmind.github.io/MaxMind-DB/
"""

from __future__ import annotations

import ipaddress
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MARKER = b"\xab\xcd\xefMaxMind.com"
_TEXT, _UINT16, _UINT32, _MAP, _INT32, _UINT64, _ARRAY = 2, 5, 6, 7, 8, 9, 11


def write(path: Path, records: Mapping[str, object], *, version: int = 6) -> Path:
    """Write networks, none within another, and what is recorded of each; returns the path.

    A file of version 6 keeps IPv4 networks below ::/96, as real ones do.
    """
    nodes: list[list[int | bytes | None]] = [[None, None]]
    for text, record in records.items():
        bits = _bits(text, version)
        here = 0
        for bit in bits[:-1]:
            below = nodes[here][bit]
            if below is None:
                nodes.append([None, None])
                below = nodes[here][bit] = len(nodes) - 1
            assert isinstance(below, int)
            here = below
        nodes[here][bits[-1]] = _encode(record)

    tree = bytearray()
    data = bytearray()
    for node in nodes:
        for child in node:
            if isinstance(child, bytes):
                tree += struct.pack(">I", len(nodes) + 16 + len(data))
                data += child
            else:
                tree += struct.pack(">I", len(nodes) if child is None else child)
    metadata = {
        "binary_format_major_version": _uint16(2),
        "binary_format_minor_version": _uint16(0),
        "build_epoch": _control(_UINT64, 1) + b"\x01",
        "database_type": "Test",
        "description": {},
        "ip_version": _uint16(version),
        "languages": [],
        "node_count": len(nodes),
        "record_size": _uint16(32),
    }
    path.write_bytes(bytes(tree) + bytes(16) + bytes(data) + MARKER + _encode(metadata))
    return path


def _bits(text: str, version: int) -> list[int]:
    network = ipaddress.ip_network(text)
    address, length = int(network.network_address), network.prefixlen
    width = 32 if version == 4 else 128
    if version == 6 and network.version == 4:
        length += 96
    return [address >> (width - 1 - place) & 1 for place in range(length)]


def _uint16(value: int) -> bytes:
    return _control(_UINT16, 2) + struct.pack(">H", value)


def _encode(value: object) -> bytes:
    """Encode by the type of the value; bytes are encoded already."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        pairs = (_encode(key) + _encode(item) for key, item in value.items())
        return _control(_MAP, len(value)) + b"".join(pairs)
    if isinstance(value, list):
        return _control(_ARRAY, len(value)) + b"".join(_encode(item) for item in value)
    if isinstance(value, str):
        raw = value.encode()
        return _control(_TEXT, len(raw)) + raw
    assert isinstance(value, int)
    if value < 0:
        return _control(_INT32, 4) + struct.pack(">i", value)
    return _control(_UINT32, 4) + struct.pack(">I", value)


def _control(kind: int, size: int) -> bytes:
    if size < 29:
        length, more = size, b""
    elif size < 285:
        length, more = 29, bytes([size - 29])
    else:
        length, more = 30, struct.pack(">H", size - 285)
    if kind > 7:
        return bytes([length, kind - 7]) + more
    return bytes([kind << 5 | length]) + more
