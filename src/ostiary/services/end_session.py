"""Logout requests of applications (OpenID Connect RP-Initiated Logout 1.0).

A request is read once, when it comes. What was found out travels through the page that asks, and
is what is done after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

from ostiary.domain.access import Caller, application_caller
from ostiary.domain.accounts import Application
from ostiary.domain.errors import BadInput
from ostiary.domain.logout import Ended
from ostiary.domain.notice import NoticeState
from ostiary.domain.redirects import is_registered_exactly, with_parameters
from ostiary.services import end, keys
from ostiary.services.ending import together
from ostiary.services.house import Act
from ostiary.storage import applications, client_sessions, frontchannel, users
from ostiary.storage.database import Transaction
from ostiary.storage.frontchannel import Told

LONGEST_ADDRESS = 2_500
"""Characters of where one goes afterwards, ``state`` included: it travels in an address of ours."""

LONGEST_HINT = 200

Parameters: TypeAlias = Mapping[str, Sequence[str]]
"""Names with all the values that came under them."""


class Leaving(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A logout request that was read.

    ``session_id``: that of the session which a hint of ours names; empty: none does.
    ``application`` is the name of who asks, if that was said, and ``title`` what it calls itself.
    ``logout_hint``: who is meant. ``to``: where the browser goes afterwards; empty: nowhere. It
    goes there by itself if the request is ``vouched`` for, else only if the user wants to.
    """

    session_id: str = ""
    application: str = ""
    title: str = ""
    logout_hint: str = ""
    to: str = ""
    vouched: bool = False


class _Hint(msgspec.Struct, frozen=True, kw_only=True):
    """An ID token of ours whose session is known still."""

    session_id: str
    client_id: str


def read_request(tx: Transaction, issuer: str, parameters: Parameters) -> Leaving:
    """What a logout request asks for.

    A hint that nothing can be concluded from is as good as none: the user is asked then, and no
    page of ours leads on by itself (RP-Initiated Logout 4; REQUIREMENTS H07).

    Args:
        tx: any transaction.
        issuer: who issues ID tokens here.
        parameters: as they came; ``ui_locales`` and unknown ones are ignored.

    Raises:
        BadInput: it contradicts itself, or wants to go where the application has not said.
    """
    for name, values in parameters.items():
        if len(values) > 1:
            raise BadInput(name, f"The parameter {name} comes more than once.")
    hint = _hint(tx, issuer, _value(parameters, "id_token_hint"))
    client = _client(tx, _value(parameters, "client_id"), hint)
    state = parameters.get("state", (None,))[0]
    return Leaving(
        session_id=hint.session_id if hint is not None else "",
        application=client.name if client is not None else "",
        title=(client.display_name or client.name) if client is not None else "",
        logout_hint=_value(parameters, "logout_hint")[:LONGEST_HINT],
        to=_target(client, _value(parameters, "post_logout_redirect_uri"), state),
        vouched=hint is not None,
    )


def _value(parameters: Parameters, name: str) -> str:
    values = parameters.get(name, ())
    return values[0] if values else ""


def _hint(tx: Transaction, issuer: str, token: str) -> _Hint | None:
    """The session that an ID token of ours names (RP-Initiated Logout 2; H03).

    An expired one is as good as any, while its session is known: alive, or ended and not purged.
    """
    claims = keys.verify_own(tx, issuer, token) if token else None
    if claims is None:
        return None
    named = client_sessions.by_sid(tx, str(claims.get("sid", "")))
    client = applications.by_client_id(tx, str(claims.get("aud", "")))
    if named is None or client is None or named[1] != client.key:
        return None
    return _Hint(session_id=named[0], client_id=client.client_id)


def _client(tx: Transaction, client_id: str, hint: _Hint | None) -> Application | None:
    """Who asks: the client that is named, which has to be the hint's (H04)."""
    if hint is not None and client_id not in {"", hint.client_id}:
        raise BadInput("client_id", "The id_token_hint was issued to another client than this one.")
    wanted = hint.client_id if hint is not None else client_id
    found = applications.by_client_id(tx, wanted) if wanted else None
    if wanted and found is None:
        raise BadInput("client_id", "No application is known by this client id.")
    return found


def _target(client: Application | None, wanted: str, state: str | None) -> str:
    """Where to go afterwards (RP-Initiated Logout 3; H05, H08); empty where nobody vouches."""
    if not wanted or client is None:
        return ""
    if not is_registered_exactly(client.post_logout_redirect_uris, wanted):
        raise BadInput(
            "post_logout_redirect_uri",
            "The address to go to after signing out is not one that the application has "
            "registered for that.",
        )
    return checked_target(wanted if state is None else with_parameters(wanted, state=state))


def checked_target(to: str) -> str:
    """An address to go to, of a bearable length.

    Raises:
        BadInput: it is longer.
    """
    if len(to) > LONGEST_ADDRESS:
        raise BadInput("state", "The address to go to, with its state, is too long.")
    return to


def must_ask(tx: Transaction, leaving: Leaving, caller: Caller) -> bool:
    """Whether the user has to say yes first (RP-Initiated Logout 2; H02, H10).

    Nobody is asked where nobody is signed in. Else only an ID token of this very session, about
    nobody else, lets it end without a question.
    """
    if caller.session_id is None:
        return False
    return leaving.session_id != caller.session_id or not _is_meant(tx, leaving, caller)


def _is_meant(tx: Transaction, leaving: Leaving, caller: Caller) -> bool:
    """Whether ``logout_hint``, if there is one, is about the caller."""
    user = users.by_key(tx, caller.user_key or 0)
    client = applications.get(tx, leaving.application)
    if user is None or client is None:
        return not leaving.logout_hint
    sid = client_sessions.sid_of(tx, caller.session_id or "", client.key)
    qualified = f"{user.organization}/{user.name}"
    return leaving.logout_hint in {"", user.name, qualified, user.email, user.phone, user.id, sid}


def log_out(tx: Transaction, act: Act, leaving: Leaving) -> Ended:
    """End the session in use, and the one that a hint of ours names (contract W20).

    Whoever has the ID token was given it for that session; so it ends whoever's browser sends it.
    Signing out twice is no error.

    Args:
        tx: the transaction.
        act: the user by the session in use, or nobody. Any other session is ended by the
            application that has its ID token.
        leaving: the request.
    """
    own, hinted = act.caller.session_id, leaving.session_id
    outcomes = [end.sign_out_of(tx, act, [own])] if own else []
    client = applications.get(tx, leaving.application)
    if hinted not in {"", own} and client is not None:
        on_behalf = msgspec.structs.replace(act, caller=application_caller(client))
        outcomes.append(end.sign_out_of(tx, on_behalf, [hinted]))
    return together(outcomes)


def sessions_of(leaving: Leaving, caller: Caller) -> list[str]:
    """The public ids of the sessions that a request is about."""
    return sorted({leaving.session_id, caller.session_id or ""} - {""})


def frames(tx: Transaction, issuer: str, session_ids: Sequence[str]) -> list[Told]:
    """What the browser has to load so that applications forget their part of ended sessions.

    Front-Channel Logout 2: each address with ``iss`` and the ``sid`` of that application (J02).
    """
    return [
        msgspec.structs.replace(
            found, address=with_parameters(found.address, iss=issuer, sid=found.sid)
        )
        for found in frontchannel.of_sessions(tx, session_ids)
    ]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Who has been told of an ending by now, and how these applications call themselves."""

    ended: Ended
    names: dict[str, str]


def outcome(tx: Transaction, session_ids: Sequence[str]) -> Outcome:
    """What has become of the notices of some sessions' endings."""
    used = client_sessions.of_sessions(tx, session_ids, open_only=False)
    told = {c.application for c in used if c.notice == NoticeState.DELIVERED.value}
    pending = {c.application for c in used if c.notice == NoticeState.PENDING.value}
    unreachable = {c.application for c in used if not (c.notice or c.can_be_told)}
    return Outcome(
        ended=Ended(
            told=tuple(sorted(told - pending)),
            pending=tuple(sorted(pending)),
            without_address=tuple(sorted(unreachable - told - pending)),
        ),
        names={c.application: c.display_name or c.application for c in used},
    )
