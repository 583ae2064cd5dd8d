"""Exchanging codes and refresh tokens: decide, sign, decide again under lock, write.

What a token answers is decided in the transaction that writes it, with the user's, the session's
and the grant's rows held, in the order in which endings take them. An ending that was acknowledged
before is seen; one that comes after finds the new tokens, and ends them (DESIGN section 2).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeAlias

import msgspec

from ostiary.domain.access import Caller, application_caller
from ostiary.domain.accounts import Application
from ostiary.domain.claims import Subject
from ostiary.domain.client import GrantType, TokenFormat, narrowed
from ostiary.domain.events import Event
from ostiary.domain.grant import Detail, Held, Refused, TokenKind, reason_grant_dead
from ostiary.domain.secrets import digest, is_secret
from ostiary.domain.session import EndReason
from ostiary.gateways.keys import Vault, vault_of_secret
from ostiary.services import pkce
from ostiary.services.ending import end_sessions
from ostiary.services.house import Act, House
from ostiary.services.minting import (
    STANDARD,
    Draft,
    Minted,
    Shape,
    TokenAnswer,
    detail_of,
    mint,
    needs_signature,
)
from ostiary.services.users import extra_of
from ostiary.storage import audit, grants, sessions, tokens, users
from ostiary.storage.audit import NewEvent
from ostiary.storage.database import Transaction

RETRY_WITHIN = timedelta(seconds=10)
"""How long a client that lost the answer to its refresh is given the very same again (L17)."""

_ATTEMPTS = 5
_ANSWER = "token answer"
_SESSION_OVER = "The session that it belongs to has ended."


class Reused(msgspec.Struct, frozen=True, kw_only=True):
    """A code or refresh token that comes again, after what it was good for."""

    held: Held


Verdict: TypeAlias = Draft | TokenAnswer | Refused | Reused
Decide: TypeAlias = Callable[..., Verdict]


class _Presented(msgspec.Struct, frozen=True, kw_only=True):
    """One request to exchange something."""

    house: House
    act: Act
    application: Application
    value: str

    @property
    def hash(self) -> bytes:
        return digest(self.value)


def exchange_code(
    house: House,
    act: Act,
    issuer: str,
    application: Application,
    *,
    code: str,
    redirect_uri: str | None,
    verifier: str,
    shape: Shape = STANDARD,
) -> TokenAnswer | Refused:
    """Tokens for an authorization code (RFC 6749, 4.1.3; RFC 7636, 4.6).

    Args:
        house: the installation.
        act: when and from where.
        issuer: who issues.
        application: the client, which has proved who it is.
        code: what came.
        redirect_uri: the one of the authorization request, exactly; None: not compared, which only
            a front that may do without asks for (contract W17).
        verifier: the PKCE verifier; empty: none came.
        shape: how the front writes tokens.
    """
    asked = _Presented(house=house, act=act, application=application, value=code)

    def decide(tx: Transaction, *, hold: bool) -> Verdict:
        return _decide_code(tx, asked, redirect_uri, verifier, hold=hold)

    def write(tx: Transaction, draft: Draft, minted: Minted) -> None:
        tokens.use(tx, asked.hash, act.now)
        tokens.add(tx, minted.tokens)
        audit_issued(tx, act, draft)

    return _issue(asked, issuer, decide, write, shape=shape)


def refresh(
    house: House,
    act: Act,
    issuer: str,
    application: Application,
    *,
    refresh_token: str,
    scope: str | None = None,
    shape: Shape = STANDARD,
) -> TokenAnswer | Refused:
    """New tokens for a refresh token, which is spent by it (RFC 6749, 6; RFC 9700, 4.14).

    Args:
        house: the installation.
        act: when and from where.
        issuer: who issues.
        application: the client, which has proved who it is.
        refresh_token: what came.
        scope: the scopes of the new access token; None: all.
        shape: how the front writes tokens.
    """
    asked = _Presented(house=house, act=act, application=application, value=refresh_token)

    def decide(tx: Transaction, *, hold: bool) -> Verdict:
        return _decide_refresh(tx, asked, scope, hold=hold)

    def write(tx: Transaction, draft: Draft, minted: Minted) -> None:
        answer = msgspec.json.encode(minted.answer)
        tokens.use(tx, asked.hash, act.now, vault_of_secret(refresh_token).seal(answer, _ANSWER))
        if draft.detail.follows:
            # The client has the successor: nobody has to be given the answer before it again.
            tokens.forget(tx, bytes.fromhex(draft.detail.follows))
        tokens.add(tx, minted.tokens)

    return _issue(asked, issuer, decide, write, follows=asked.hash, shape=shape)


def _issue(
    asked: _Presented,
    issuer: str,
    decide: Decide,
    write: Callable[[Transaction, Draft, Minted], None],
    *,
    follows: bytes = b"",
    shape: Shape,
) -> TokenAnswer | Refused:
    """Decide, sign, and write if it is still decided so; what takes no signature is done at once.

    A signature takes longer than a transaction may. An application with opaque tokens mostly needs
    none, so for that one nothing is decided beforehand.
    """
    house, now = asked.house, asked.act.now

    def sign(draft: Draft) -> Minted:
        return mint(house, issuer, draft, now, follows=follows, shape=shape)

    def conclude(
        tx: Transaction, signed: Draft | None, minted: Minted | None
    ) -> TokenAnswer | Refused | Draft:
        verdict = decide(tx, hold=True)
        if isinstance(verdict, Reused):
            return _punish(tx, asked, verdict.held)
        if not isinstance(verdict, Draft):
            return verdict
        if minted is None or verdict != signed:
            if needs_signature(verdict):
                return verdict
            minted = sign(verdict)
        write(tx, verdict, minted)
        return minted.answer

    beforehand = _beforehand(asked, decide)
    if isinstance(beforehand, Refused):
        return beforehand
    draft = beforehand
    for _ in range(_ATTEMPTS):
        minted = None if draft is None else sign(draft)
        concluded = house.database.write(conclude, draft, minted)
        if not isinstance(concluded, Draft):
            return concluded
        draft = concluded
    return Refused(error="temporarily_unavailable", description="Try again.", retry_after=1)


def _beforehand(asked: _Presented, decide: Decide) -> Draft | Refused | None:
    """What will most probably be issued; None: whoever holds the rows decides first."""
    if not is_secret(asked.value):
        return _invalid("It was not issued here.")
    if asked.application.access_token_format == TokenFormat.OPAQUE.value:
        return None
    verdict = asked.house.database.read(decide, hold=False)
    return verdict if isinstance(verdict, Draft | Refused) else None


def hold(tx: Transaction, held: Held) -> Held | None:
    """The same token, read again with everything held that decides about it.

    User, session, grant: the order in which a sign-in and an ending take them.
    """
    if not tx.is_postgresql:
        return held
    if held.grant.user_key is not None:
        users.by_key(tx, held.grant.user_key, lock=True)
    if held.grant.session_id is not None:
        sessions.by_id(tx, held.grant.session_id, lock=True)
    grants.lock(tx, held.grant.id)
    return tokens.find(tx, held.token.hash)


def _find(tx: Transaction, asked: _Presented, kind: TokenKind, *, holding: bool) -> Held | Refused:
    """The token that was presented, if it is of this kind and this client (G10, L04)."""
    found = tokens.find(tx, asked.hash)
    if found is not None and holding:
        found = hold(tx, found)
    if found is None or found.token.kind is not kind:
        return _invalid("It was not issued here, or is long gone.")
    if found.grant.application_key != asked.application.key:
        return _invalid("It was not issued here, or is long gone.", "another client's")
    return found


def _decide_code(
    tx: Transaction,
    asked: _Presented,
    redirect_uri: str | None,
    verifier: str,
    *,
    hold: bool,
) -> Verdict:
    held = _find(tx, asked, TokenKind.CODE, holding=hold)
    if isinstance(held, Refused):
        return held
    if held.token.used_at is not None:
        return Reused(held=held)  # RFC 6749, 4.1.2
    if asked.act.now >= held.token.expires_at:
        return _invalid("The code has expired.")
    detail = detail_of(asked.house.vault, held.token.hash, held.token.sealed_detail)
    if redirect_uri is not None and redirect_uri != detail.redirect_uri:
        return _invalid("redirect_uri is not the one of the authorization request.")
    dead = reason_grant_dead(held, asked.act.now)
    wrong = pkce.refusal(detail.challenge, verifier) or (dead and _SESSION_OVER)
    if wrong:
        return _invalid(wrong, dead)
    plain = msgspec.structs.replace(detail, redirect_uri="", challenge="")
    return _draft(asked.house.vault, held, plain, plain.scope)


def _decide_refresh(
    tx: Transaction, asked: _Presented, scope: str | None, *, hold: bool
) -> Verdict:
    held = _find(tx, asked, TokenKind.REFRESH, holding=hold)
    if isinstance(held, Refused):
        return held
    now = asked.act.now
    dead = "expired" if now >= held.token.expires_at else reason_grant_dead(held, now)
    if dead:
        return _invalid("The refresh token is good no more: its time or its session is over.", dead)
    if held.token.used_at is not None:
        return _again(asked, held)
    detail = detail_of(asked.house.vault, held.token.hash, held.token.sealed_detail)
    wanted = narrowed(scope, detail.scope)
    if wanted is None:
        return Refused(error="invalid_scope", description="The grant does not have this scope.")
    return _draft(asked.house.vault, held, detail, wanted)


def _again(asked: _Presented, held: Held) -> TokenAnswer | Reused:
    """The answer that was given for this token, for a client that may have lost it."""
    used_at, sealed = held.token.used_at, held.token.sealed_detail
    if not sealed or used_at is None or asked.act.now - used_at > RETRY_WITHIN:
        return Reused(held=held)
    answer = vault_of_secret(asked.value).unseal(sealed, _ANSWER)
    return msgspec.json.decode(answer, type=TokenAnswer)


def _draft(vault: Vault, held: Held, detail: Detail, scope: tuple[str, ...]) -> Draft:
    if held.application is None or held.user is None:
        raise AssertionError  # such a grant is dead
    until = held.grant.expires_at
    if held.session is not None and not held.grant.offline:
        until = min(until, held.session.idle_expires_at)
    return Draft(
        grant=held.grant,
        application=held.application,
        organization=held.user.organization,
        subject=Subject(user=held.user, extra=extra_of(vault, held.user)),
        detail=detail,
        scope=scope,
        until=until,
        refreshable=GrantType.REFRESH_TOKEN.value in held.application.grant_types,
    )


def _punish(tx: Transaction, asked: _Presented, held: Held) -> Refused:
    """End what a token was good for that somebody else may have (RFC 9700, 4.14; D06, D09).

    With a refresh token its session ends too: who has stolen the one may have stolen the other.
    """
    grant, what = held.grant, held.token.kind
    act = msgspec.structs.replace(asked.act, caller=application_caller(asked.application))
    if what is TokenKind.REFRESH and grant.session_id is not None:
        end_sessions(tx, act, [grant.session_id], EndReason.TOKEN_REUSE)
    if grant.ended_at is None:
        grants.end_one(tx, grant.id, reason=EndReason.TOKEN_REUSE, now=act.now)
        audit_grant(tx, act, Event.GRANT_REUSED, held, {"what": what.value})
    return _invalid("It was used before, so everything that came of it is good no more.", "reused")


def audit_issued(tx: Transaction, act: Act, draft: Draft) -> None:
    """Write that an application obtained the first tokens of a grant."""
    user = draft.subject.user if draft.subject is not None else None
    event = NewEvent(
        event=Event.GRANT_ISSUED,
        actor=application_caller(draft.application).actor,
        organization=draft.organization,
        user=user.name if user is not None else "",
        application=draft.application.name,
        session_id=draft.grant.session_id or "",
        address=act.address,
        detail={
            "grant": draft.grant.id,
            "kind": draft.grant.kind,
            "scope": " ".join(draft.scope),
            "offline": draft.grant.offline,
        },
    )
    audit.write(tx, act.now, [event])


def audit_grant(
    tx: Transaction, act: Act, event: Event, held: Held, detail: dict[str, object]
) -> None:
    """Write what happened to a grant."""
    application, user = held.application, held.user
    written = NewEvent(
        event=event,
        actor=act.caller.actor,
        organization=user.organization
        if user is not None
        else (application.organization if application is not None else ""),
        user=user.name if user is not None else "",
        application=application.name if application is not None else "",
        session_id=held.grant.session_id or "",
        address=act.address,
        detail={"grant": held.grant.id, **detail},
    )
    audit.write(tx, act.now, [written])


def by_client(act: Act, application: Application) -> Act:
    """The same act, done by an application that has proved who it is."""
    caller: Caller = application_caller(application)
    return msgspec.structs.replace(act, caller=caller)


def _invalid(description: str, detail: str = "") -> Refused:
    return Refused(error="invalid_grant", description=description, detail=detail)
