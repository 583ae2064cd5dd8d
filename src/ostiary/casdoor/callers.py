"""Who is calling (contract 2.2): the first kind of credential that came decides.

Calls by credentials begin no session and set no cookie (contract W6). Only a cookie needs the proof
that the request comes from our own pages (W19).
"""

from __future__ import annotations

from ostiary.casdoor.reading import Refused, Wire
from ostiary.domain.access import NOBODY, Caller, Kind, user_caller
from ostiary.domain.accounts import BUILT_IN_APPLICATION
from ostiary.domain.errors import BadInput, NotSignedIn, PasswordMustChange
from ostiary.edge.identify import basic_credentials, by_client_secret, by_cookie
from ostiary.services import bearer_calls, published, sign_in
from ostiary.services.bearer_calls import Called, Spent
from ostiary.services.house import Act
from ostiary.storage.client_sessions import wire_time

_ID_PARTS = 2
_FORBIDDEN = "The user is forbidden to sign in, please contact the administrator"


def act_of(wire: Wire) -> Act:
    """Who asks, maybe nobody, and when.

    Raises:
        Refused: credentials came that are no good; the text says which.
        WrongCredentials, TooManyFailures: a name and password came that are no good.
        CrossSite: another site made a browser send its cookie.
    """
    return wire.visit.act(_caller(wire))


def known(wire: Wire) -> Act:
    """The same for what nobody may do without being known.

    Raises:
        NotSignedIn: nobody asks.
    """
    act = act_of(wire)
    if act.caller.kind is Kind.NOBODY:
        raise NotSignedIn(reason=act.caller.dead_reason)
    return act


def _caller(wire: Wire) -> Caller:
    called = by_token(wire)
    if called is not None:
        wire.visit.note_caller(called.caller)
        return called.caller
    if _scheme(wire) == "basic":
        # Wrong ones are anonymous here, silently; a cookie beside them does not count.
        credentials = basic_credentials(wire.visit)
        return by_client_secret(wire.visit, *credentials) if credentials else NOBODY
    if wire.get("clientId") and wire.get("clientSecret"):
        return _by_parameters(wire, wire.get("clientId"), wire.get("clientSecret"))
    if wire.get("accessKey") and wire.get("accessSecret"):
        raise Refused(f"Access key not found: {wire.get('accessKey')}")
    if wire.get("username") and wire.get("password") and not wire.get("grant_type"):
        return _by_password(wire, wire.get("username"), wire.get("password"))
    return by_cookie(wire.visit)


def by_token(wire: Wire) -> Called | None:
    """Who calls by an access token, and what that token is; None: none was sent.

    Raises:
        Refused: it is good for nothing; the text says why.
    """
    token = wire.get("accessToken") or wire.get("access_token")
    if not token and _scheme(wire) in {"bearer", "dpop"}:
        token = wire.visit.request.headers.get("authorization", "").partition(" ")[2].strip()
        # No token is issued here that is bound to a key, and a stolen one must not pass for it.
        token = token if token and _scheme(wire) == "bearer" else "none"
    if not token:
        return None
    visit = wire.visit
    found = visit.house.database.look(
        bearer_calls.by_token, visit.house.vault, visit.act(NOBODY), token
    )
    if found is None:
        raise Refused("Access token doesn't exist in database")
    if isinstance(found, Spent):
        raise Refused(_FORBIDDEN if found.user_gone else _expired(found))
    return found


def _scheme(wire: Wire) -> str:
    return wire.visit.request.headers.get("authorization", "").partition(" ")[0].lower()


def _expired(spent: Spent) -> str:
    return f"Access token has expired, expireTime = {wire_time(spent.since)}"


def _by_parameters(wire: Wire, client_id: str, secret: str) -> Caller:
    caller = by_client_secret(wire.visit, client_id, secret)
    if caller is not NOBODY:
        return caller
    found = wire.visit.house.database.read(published.application_of_client, client_id)
    if found is None:
        raise Refused(f"Application not found for client ID: {client_id}")
    raise Refused(f"Incorrect client secret for application: {found.name}")


def _by_password(wire: Wire, user_id: str, password: str) -> Caller:
    """The user with this name and password, slowed down after failures like any sign-in."""
    visit = wire.visit
    organization, name = pair(user_id)
    found = sign_in.authenticate(
        visit.house,
        visit.act(NOBODY),
        sign_in.Attempt(
            organization=organization,
            application=BUILT_IN_APPLICATION,
            login=name,
            password=password,
            device=visit.device,
        ),
    )
    if found.credential is not None and found.credential.must_change:
        raise PasswordMustChange
    return user_caller(found.user) if found.user is not None else NOBODY


def pair(value: str) -> tuple[str, str]:
    """The two parts of an ``owner/name`` id.

    Raises:
        BadInput: it has not two parts, or one of them is empty (contract 0.1, W4).
    """
    parts = value.split("/")
    if len(parts) != _ID_PARTS:
        raise BadInput("id", f"GetOwnerAndNameFromId() error, wrong token count for ID: {value}")
    if not all(parts):
        raise BadInput("id", f"The id {value} has an empty part.")
    return parts[0], parts[1]
