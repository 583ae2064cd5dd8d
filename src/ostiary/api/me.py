"""What the user who is signed in sees and does about herself."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ostiary.api.asked import Paged
from ostiary.api.contract import Call, operation
from ostiary.api.events import OwnEventQuery, event_values
from ostiary.api.views import (
    AuditEventView,
    EndingView,
    Listing,
    SessionView,
    UserView,
    ending_view,
    event_view,
    listing,
    session_view,
    user_view,
)
from ostiary.domain.errors import (
    BadCursor,
    BadInput,
    CurrentSession,
    NotFound,
    Overloaded,
    PasswordMustChange,
    ReauthenticationNeeded,
    TooManyFailures,
    WrongCredentials,
)
from ostiary.edge import passing
from ostiary.services import end, events, passwords, see, sign_in, users

TAG = "Me"
Password = Annotated[str, Meta(min_length=1, max_length=4_096)]
COMPARES = (WrongCredentials, TooManyFailures, Overloaded)


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in, and by which session."""

    user: UserView
    session: SessionView


class PasswordChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The password that is in force, and the one that shall be."""

    current: Password
    new: Password


class Proof(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The password once more."""

    password: Password


@operation(
    "GET",
    "/me",
    tag=TAG,
    summary="Get who is signed in",
    description="The user and the session that the cookie belongs to.",
    by_session=True,
)
def get_me(call: Call) -> Me:
    """Translate."""
    caller = call.caller
    return Me(
        user=user_view(call.read(users.get_user, caller.organization, caller.name)),
        session=_own_session(call),
    )


@operation(
    "GET",
    "/me/sessions",
    tag=TAG,
    summary="List one's own sessions",
    description="The live ones: first the one in use, then by last use.",
    raises=(BadCursor,),
    by_session=True,
)
def list_my_sessions(call: Call, query: Paged) -> Listing[SessionView]:
    """Translate."""
    page = call.read(
        see.my_sessions, call.house.vault, cursor=query.cursor or None, limit=query.limit
    )
    return listing(page, lambda seen: session_view(seen, call.act.now))


@operation(
    "POST",
    "/me/sessions/{session_id}/end",
    tag=TAG,
    summary="End one of one's own sessions",
    description=(
        "As `POST /v1/sessions/{session_id}/end`, but somebody else's session is not found, "
        "whoever asks."
    ),
    raises=(NotFound, CurrentSession, ReauthenticationNeeded),
    by_session=True,
)
def end_my_session(call: Call, session_id: str) -> EndingView:
    """Translate."""
    return ending_view(call.write(end.ensure_ended, session_id, own=True))


@operation(
    "POST",
    "/me/sessions/end-others",
    tag=TAG,
    summary="End all of one's other sessions",
    description="All but the one in use.",
    raises=(ReauthenticationNeeded,),
    by_session=True,
)
def end_my_other_sessions(call: Call) -> EndingView:
    """Translate."""
    return ending_view(call.write(end.end_others))


@operation(
    "POST",
    "/me/password",
    tag=TAG,
    summary="Change one's password",
    description=(
        "Ends the user's other sessions, unless the organization keeps them. The session in use "
        "goes on with a new secret, which the answer sets as the cookie; the old one stops working."
    ),
    raises=COMPARES,
    by_session=True,
    examples={
        "change": PasswordChange(
            current="correct horse battery staple", new="four more words in a row"
        )
    },
)
def change_my_password(call: Call, body: PasswordChange) -> EndingView:
    """Translate.

    Raises:
        BadInput: the new password is easy to guess.
    """
    try:
        done = passwords.change_own(call.house, call.act, body.current, body.new)
    except BadInput as error:
        raise BadInput("new", error.text) from error
    secret = done.secret
    if secret is not None:
        session = call.read(see.one_session, call.caller.session_id or "").session
        call.before_answering(
            lambda response: passing.renew_session(call.visit, response, session, secret)
        )
    return ending_view(done.ended)


@operation(
    "POST",
    "/me/reauthenticate",
    tag=TAG,
    summary="Enter one's password again",
    description=(
        "Makes the session in use as fresh as a sign-in: it keeps its id, application and "
        "*Keep me signed in*, and gets a new secret, which the answer sets as the cookie, and new "
        "times. Ask for this when a call answers `reauthentication_needed`."
    ),
    raises=(*COMPARES, PasswordMustChange),
    by_session=True,
    examples={"password": Proof(password="correct horse battery staple")},  # noqa: S106 - shown
)
def reauthenticate(call: Call, body: Proof) -> SessionView:
    """Translate."""
    visit = call.visit
    done = sign_in.sign_in_again(
        call.house,
        call.act,
        body.password,
        device=visit.device,
        secret=visit.cookies.session,
        device_secret=visit.cookies.device,
    )
    call.before_answering(lambda response: passing.set_session(visit, response, done))
    return _own_session(call)


@operation(
    "POST",
    "/me/sign-out",
    tag=TAG,
    summary="Sign out",
    description="Ends the session in use and takes its cookie away.",
    by_session=True,
)
def sign_out(call: Call) -> EndingView:
    """Translate."""
    call.before_answering(lambda response: passing.clear(call.visit, response))
    return ending_view(call.write(end.sign_out))


@operation(
    "GET",
    "/me/events",
    tag=TAG,
    summary="List the events about oneself",
    description="Newest first. Where somebody else was who did something is not told.",
    raises=(BadCursor,),
    by_session=True,
)
def list_my_events(call: Call, query: OwnEventQuery) -> Listing[AuditEventView]:
    """Translate."""
    values = event_values(query)
    values["organization"], values["user"] = call.caller.organization, call.caller.name
    return listing(call.read(events.list_events, call.house.vault, **values), event_view)


def _own_session(call: Call) -> SessionView:
    seen = call.read(see.one_session, call.caller.session_id or "")
    return session_view(seen, call.act.now)


OPERATIONS = (
    get_me,
    list_my_sessions,
    end_my_session,
    end_my_other_sessions,
    change_my_password,
    reauthenticate,
    sign_out,
    list_my_events,
)
