"""Style sheets, scripts and icons, from our own package only.

Addresses carry a hash of the content (``?v=…``), so browsers keep a file for good and ask for a
new one when it changed.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from litestar import Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from ostiary.edge.house import AnyRequest

_ROOT = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
_FOR_GOOD = "public, max-age=31536000, immutable"
_ASK_AGAIN = "public, no-cache"
_VERSION_LENGTH = 16


class StaticFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it is served; ``zipped`` is its gzip form."""

    media_type: str
    plain: bytes
    zipped: bytes
    version: str


@cache
def files() -> dict[str, StaticFile]:
    """Every file there is, by its path below ``/static/``; read once."""
    found = {}
    for path in sorted(_ROOT.rglob("*")):
        media_type = _TYPES.get(path.suffix)
        if media_type is None or not path.is_file():
            continue
        plain = path.read_bytes()
        found[path.relative_to(_ROOT).as_posix()] = StaticFile(
            media_type=media_type,
            plain=plain,
            zipped=gzip.compress(plain, 6, mtime=0),
            version=hashlib.sha256(plain).hexdigest()[:_VERSION_LENGTH],
        )
    return found


def address(path: str) -> str:
    """The address of a file, with its version.

    Raises:
        KeyError: there is no such file.
    """
    return f"/static/{path}?v={files()[path].version}"


@get("/static/{path:path}", include_in_schema=False, sync_to_thread=False)
def serve(request: AnyRequest, path: FromPath[str]) -> Response[bytes]:
    """Serve a file."""
    found = files().get(path.removeprefix("/"))
    if found is None:
        raise NotFoundException
    zipped = "gzip" in request.headers.get("accept-encoding", "").lower()
    tag = f'"{found.version}{"-gz" if zipped else ""}"'
    current = request.query_params.get("v") == found.version
    headers: dict[str, Any] = {
        "Cache-Control": _FOR_GOOD if current else _ASK_AGAIN,
        "ETag": tag,
        "Vary": "Accept-Encoding",
    }
    if tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers, media_type=found.media_type)
    if zipped:
        headers["Content-Encoding"] = "gzip"
    body = found.zipped if zipped else found.plain
    return Response(body, headers=headers, media_type=found.media_type)


def router() -> Router:
    """The route of all files."""
    return Router(path="/", route_handlers=[serve])
