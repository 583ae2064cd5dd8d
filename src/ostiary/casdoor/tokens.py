"""Tokens as things: whose there are, and their end (contract 4.1, W24).

A token of this wire is one authorization with the code and the tokens that came of it. They are
kept as hashes, so that their fields are empty, and nobody can put one in.
"""

from __future__ import annotations

from typing import Any

from litestar import get, post
from litestar.di import NamedDependency

from ostiary.casdoor import envelopes
from ostiary.casdoor.callers import known, pair
from ostiary.casdoor.envelopes import Reply
from ostiary.casdoor.organization_fields import OWNER
from ostiary.casdoor.paging import LONGEST_SIZE, Listing, listing_of
from ostiary.casdoor.reading import Wire
from ostiary.domain.errors import BadInput, NotFound
from ostiary.services import issued
from ostiary.services.house import Act
from ostiary.storage.client_sessions import wire_time
from ostiary.storage.database import Transaction
from ostiary.storage.grant_pages import FIELDS, SEARCHED, Issued, IssuedQuery


@get("/get-tokens", sync_to_thread=True)
def get_tokens(wire: NamedDependency[Wire]) -> Reply:
    """Those that the caller administers, newest first, or one page of them."""
    act = known(wire)
    listing = listing_of(wire, searched=SEARCHED, sorted_by=FIELDS)
    read, organization = wire.visit.house.database.read, wire.get("organization") or None
    found, total = read(_listed, act, organization, listing)
    return envelopes.ok([_shown(item) for item in found], total if listing.size else None)


def _listed(
    tx: Transaction, act: Act, organization: str | None, listing: Listing
) -> tuple[list[Issued], int]:
    def page(at: Listing) -> tuple[list[Issued], int]:
        query = IssuedQuery(
            organization=organization,
            field=at.field,
            value=at.value,
            sort=at.sort,
            descending=at.descending,
            offset=at.offset,
            limit=at.size or LONGEST_SIZE,
        )
        return issued.list_issued(tx, act, query)

    found, total = page(listing)
    within = listing.within(total)
    return (found, total) if within.page == listing.page else page(within)


@get("/get-token", sync_to_thread=True)
def get_token(wire: NamedDependency[Wire]) -> Reply:
    """One of them; unlike other things an absent one is an error here (contract 4.1)."""
    act = known(wire)
    try:
        found = wire.visit.house.database.read(issued.get_issued, act, _named(wire.get("id")))
    except NotFound:
        return envelopes.error(f"The token: {wire.get('id')} does not exist")
    return envelopes.ok(_shown(found))


@post("/delete-token", sync_to_thread=True)
def delete_token(wire: NamedDependency[Wire]) -> Reply:
    """End what the body names; its session goes on."""
    act, body = known(wire), wire.body("Token")
    try:
        wire.visit.house.database.write(issued.revoke_issued, act, body.text("name"))
    except NotFound:
        return envelopes.affected(changed=False)
    return envelopes.affected(changed=True)


@post("/add-token", sync_to_thread=True)
def add_token(wire: NamedDependency[Wire]) -> Reply:
    """Tokens are issued, and not put in (W24)."""
    known(wire)
    raise BadInput("token", "adding tokens is not supported")


@post("/update-token", sync_to_thread=True)
def update_token(wire: NamedDependency[Wire]) -> Reply:
    """Nor are they changed (W24)."""
    known(wire)
    raise BadInput("token", "updating tokens is not supported")


def _named(value: str) -> str:
    owner, name = pair(value)
    return name if owner == OWNER else ""


def _shown(item: Issued) -> dict[str, Any]:
    """Metadata alone. What has ended is told by ``expiresIn`` 0, as there."""
    return {
        "owner": OWNER,
        "name": item.id,
        "createdTime": wire_time(item.created_at),
        "application": item.application,
        "organization": item.organization,
        "user": item.user,
        "code": "",
        "accessToken": "",
        "refreshToken": "",
        "idToken": "",
        "accessTokenHash": "",
        "refreshTokenHash": "",
        "expiresIn": item.access_token_lifetime if item.alive else 0,
        "scope": "",
        "tokenType": "Bearer",
        "grantType": item.kind,
        "codeChallenge": "",
        "codeIsUsed": True,
        "codeExpireIn": 0,
        "resource": "",
        "sessionId": item.session_id,
    }
