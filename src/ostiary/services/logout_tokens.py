"""Telling an application that a session has ended (OpenID Connect Back-Channel Logout 1.0)."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from ostiary.domain.notice import Notice
from ostiary.gateways.entropy import new_public_id
from ostiary.services import keys
from ostiary.services.courier import Courier, Outgoing

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
TYPE: Final = "logout+jwt"
LIFETIME: Final = 120
"""Seconds; Back-Channel Logout 4 advises at most two minutes."""


def logout_request(courier: Courier, item: Notice, now: datetime) -> Outgoing:
    """The request, with a logout token of its own (REQUIREMENTS I01 to I04)."""
    issued_at = int(now.timestamp())
    claims = {
        "iss": courier.issuer,
        "aud": item.client_id,
        "iat": issued_at,
        "exp": issued_at + LIFETIME,
        # Receivers refuse one that they have seen; a fresh one makes a second attempt count.
        "jti": new_public_id(),
        "events": {EVENT: {}},
        # No sub: receivers in the field take it as every session of the user (DESIGN section 8).
        "sid": item.sid,
    }
    token = keys.sign(courier.house, item.id_token_alg, claims, typ=TYPE)
    return Outgoing(
        url=item.target,
        body=urlencode({"logout_token": token}).encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
