"""``/oauth/jwks``: the keys that our tokens are verified with (RFC 7517)."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, get

from ostiary.edge.cors import ANYBODY
from ostiary.oidc.reading import TheVisit
from ostiary.services import keys

PATH = "/oauth/jwks"
_KEPT = {"Cache-Control": "public, max-age=300"}


@get(PATH, sync_to_thread=True)
def key_set(visit: TheVisit) -> Response[Any]:
    """Every key that will sign, signs, or has signed something that may still be good."""
    found = visit.house.database.read(keys.published, visit.now)
    return Response(
        msgspec.json.encode({"keys": found}),
        media_type="application/jwk-set+json",
        headers={**ANYBODY, **_KEPT},
    )
