"""Casdoor's SSO-logout notification (contract 3.9): who is told, and what.

Applications say so on the Casdoor wire by a provider of the category Notification. They are told of
each session that was used in them, whatever ended it: several sessions are several notifications.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from ostiary.domain.errors import BadInput
from ostiary.domain.notice import Notice
from ostiary.domain.sso_logout import EVENT, Listener, signature
from ostiary.gateways import outbound
from ostiary.gateways.entropy import new_public_id
from ostiary.gateways.outbound import Undelivered
from ostiary.services.announcing import Told
from ostiary.services.applications import checked_address, unseal_secret
from ostiary.services.courier import Courier, Outgoing
from ostiary.services.house import Act
from ostiary.storage import logout_listeners, users
from ostiary.storage.database import Transaction

MOST = 10
"""Places where one application may be told."""

_ACCEPTED = frozenset({200})


def set_listeners(
    tx: Transaction, act: Act, application_key: int, listeners: Sequence[Listener]
) -> None:
    """Say where an application is told; the caller has been allowed to change it.

    Raises:
        BadInput: it could never be told there, or in too many places.
    """
    if len(listeners) > MOST:
        raise BadInput("providers", f"An application is told in at most {MOST} places.")
    for item in listeners:
        checked_address("providers", item.url)
        if not outbound.may_be_called(item.url, act.allow):
            raise BadInput(
                "providers",
                "A notification has to go to an https address that is not of a private network. "
                "An operator may allow others: [outbound] allow_networks.",
            )
    logout_listeners.put(tx, application_key, listeners)
    kept = {item.url for item in listeners}
    logout_listeners.withdraw(tx, application_key, kept, act.now)


def sso_logout_request(courier: Courier, item: Notice, now: datetime) -> Outgoing:
    """The request, with a nonce and an instant of its own at each attempt.

    What is said of the user besides her name is what is known at that moment: of one who was
    deleted meanwhile, nothing.

    Raises:
        Undelivered: nothing is left to be told.
    """
    house = courier.house
    found = house.database.read(logout_listeners.sealed_secret, item.application_key or 0)
    if found is None or item.detail == "{}":
        raise Undelivered("withdrawn", "nothing is left to be told")
    told = msgspec.json.decode(item.detail, type=Told)
    nonce, timestamp = new_public_id(), int(now.timestamp())
    said: dict[str, Any] = {
        "owner": item.organization,
        "name": told.user,
        **_about(courier, told),
        "id": told.user_id,
        "event": EVENT,
        "sessionIds": list(told.session_ids),
        "accessTokenHashes": list(told.token_hashes),
        "nonce": nonce,
        "timestamp": timestamp,
        "signature": signature(
            unseal_secret(house.vault, *found),
            owner=item.organization,
            name=told.user,
            nonce=nonce,
            timestamp=timestamp,
            session_ids=told.session_ids,
            token_hashes=told.token_hashes,
        ),
    }
    content = urlencode({told.listener.parameter: msgspec.json.encode(said).decode()})
    if told.listener.method == "GET":
        joint = "&" if "?" in item.target else "?"
        return Outgoing(
            url=f"{item.target}{joint}{content}",
            body=b"",
            headers={},
            accepted=_ACCEPTED,
            method="GET",
        )
    return Outgoing(
        url=item.target,
        body=content.encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        accepted=_ACCEPTED,
    )


def _about(courier: Courier, told: Told) -> dict[str, str]:
    user = courier.house.database.read(users.find, id=told.user_id) if told.user_id else None
    return {
        "displayName": user.display_name if user is not None else "",
        "email": user.email if user is not None else "",
        "phone": user.phone if user is not None else "",
    }
