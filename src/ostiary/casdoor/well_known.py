"""``/.well-known/jwks`` and each application's (contract 3.7): one key set, with certificates.

SDKs of this wire verify tokens by a certificate that is pasted into their configuration; ``x5c`` is
where it is read.
"""

from __future__ import annotations

import base64

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency

from ostiary.casdoor.envelopes import JSON, Reply
from ostiary.edge.cors import ANYBODY
from ostiary.edge.house import Visit
from ostiary.services import keys

PATHS = ["/.well-known/jwks", "/.well-known/{application:str}/jwks"]
_KEPT = {"Cache-Control": "public, max-age=300"}


@get(PATHS, sync_to_thread=True)
def key_set(visit: NamedDependency[Visit]) -> Reply:
    """Every key that will sign, signs, or has signed something that may still be good."""
    house = visit.house
    certificates = keys.certificates(house, visit.now)
    shown = [
        jwk | {"x5c": [base64.b64encode(certificates[jwk["kid"]]).decode()]}
        for jwk in house.database.read(keys.published, visit.now)
        if jwk["kid"] in certificates
    ]
    return Response(
        msgspec.json.encode({"keys": shown}),
        media_type=JSON,
        headers={**ANYBODY, **_KEPT},
    )
