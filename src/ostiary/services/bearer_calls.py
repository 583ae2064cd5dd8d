"""Calls by an access token: whom it stands for, read in one statement with all that decides.

A token calls as the user whom it was issued about, by the session that it belongs to, or as the
application that it is the own token of. It begins no session and keeps none open (contract W6).
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

import msgspec

from ostiary.domain.access import Caller, application_caller, user_caller
from ostiary.domain.grant import Held, TokenKind, reason_dead
from ostiary.domain.secrets import digest
from ostiary.gateways.keys import Vault
from ostiary.services.house import Act
from ostiary.services.minting import detail_of
from ostiary.services.tokens import Bearer
from ostiary.storage import tokens
from ostiary.storage.database import Transaction

LONGEST = 16_384
"""Characters of a token that is looked up."""


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """A good access token, and who calls by it."""

    caller: Caller
    bearer: Bearer


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """An access token that is good no more. ``since`` when, as far as is known."""

    since: datetime
    user_gone: bool


Presented: TypeAlias = Called | Spent | None
"""None: no such token was ever issued here, or it is long gone."""


def by_token(tx: Transaction, vault: Vault, act: Act, token: str) -> Presented:
    """Whom an access token stands for.

    Args:
        tx: any transaction; one statement is asked.
        vault: opens what the token remembers.
        act: when.
        token: as it came.
    """
    held = find(tx, token)
    if held is None:
        return None
    if reason_dead(held, act.now):
        return _spent(held, act.now)
    caller = _caller(held)
    if caller is None:
        return _spent(held, act.now)
    detail = detail_of(vault, held.token.hash, held.token.sealed_detail)
    return Called(caller=caller, bearer=Bearer(held=held, detail=detail))


def find(tx: Transaction, token: str) -> Held | None:
    """An access token that was issued here, good or not."""
    if not token or len(token) > LONGEST:
        return None
    held = tokens.find(tx, digest(token))
    return held if held is not None and held.token.kind is TokenKind.ACCESS else None


def _caller(held: Held) -> Caller | None:
    if held.grant.user_key is None:
        return application_caller(held.application) if held.application is not None else None
    if held.user is None:
        return None
    # An offline grant outlives its session, and so calls without one.
    return user_caller(held.user, None if held.grant.offline else held.session)


def _spent(held: Held, now: datetime) -> Spent:
    ends = [held.token.expires_at, held.token.used_at, held.grant.ended_at]
    if held.session is not None and not held.grant.offline:
        ends.append(held.session.ended_at)
    past = [end for end in ends if end is not None and end <= now]
    about_user = held.grant.user_key is not None
    return Spent(
        since=min(past, default=now),
        user_gone=about_user and (held.user is None or held.user.disabled),
    )
