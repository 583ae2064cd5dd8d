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

_KEPT = {"Cache-Control": "public, max-age=300"}


@get("/.well-known/jwks", sync_to_thread=True)
def key_set(visit: NamedDependency[Visit]) -> Reply:
    """Every key that will sign, signs, or has signed something that may still be good."""
    return _key_set(visit)


@get("/.well-known/{application:str}/jwks", sync_to_thread=True)
def key_set_of(visit: NamedDependency[Visit]) -> Reply:
    """The same: all applications have the same keys."""
    return _key_set(visit)


def _key_set(visit: Visit) -> Reply:
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
