"""``POST /api/login`` (contract 3.2): a cookie for a name and a password, or for a live session.

Type ``login`` is that alone; with type ``code`` there is an authorization code besides
(`ostiary.casdoor.login_code`).

Scripts that send JSON without any cookie need no proof of their origin; a browser says where it
comes from, and another site's post is refused, so that nobody is signed in as somebody else behind
her back (REQUIREMENTS E09, E10, A19).
"""

from __future__ import annotations

from litestar import post
from litestar.di import NamedDependency

from ostiary.casdoor import envelopes, login_code
from ostiary.casdoor.envelopes import Answer, Reply
from ostiary.casdoor.obfuscation import reveal
from ostiary.casdoor.reading import Body, Wire
from ostiary.domain.access import NOBODY, user_caller
from ostiary.domain.accounts import Application
from ostiary.domain.errors import BadInput, NotFound, PasswordMustChange
from ostiary.edge.csrf import require_own_origin
from ostiary.edge.identify import by_cookie
from ostiary.edge.passing import set_session
from ostiary.services import entering, organizations, published, sign_in
from ostiary.services.authorization_request import Wish

_NEVER = frozenset({"token", "id_token", "saml", "cas", "device"})


@post("/login", sync_to_thread=True)
def login(wire: NamedDependency[Wire]) -> Reply:
    """Sign in by a password, or enter an application with the session that is there."""
    require_own_origin(wire.visit, proof_needed=bool(wire.visit.cookies.session))
    form = wire.body("AuthForm")
    _require_known(form.text("type"))
    wish = login_code.wanted(wire) if form.text("type") == "code" else None
    application = _application(wire, form.text("application"), wish)
    if form.text("username"):
        return _by_password(wire, form, application, wish)
    return _by_session(wire, application, wish)


def _require_known(kind: str) -> None:
    if kind in _NEVER:
        raise BadInput("type", f"response type: {kind} is not supported by this server")
    if kind not in {"login", "code"}:
        raise BadInput("type", f"unknown response type: {kind}")


def _by_password(wire: Wire, form: Body, application: Application, wish: Wish | None) -> Reply:
    visit = wire.visit
    method = form.text("signinMethod")
    if method not in {"", "Password"} or form.text("code"):
        text = f"login with {(method or 'verification code').lower()}"
        raise BadInput(
            "signinMethod",
            f"The login method: {text} is not enabled for the application",
        )
    organization = form.text("organization") or application.organization
    attempt = sign_in.Attempt(
        organization=organization,
        application=application.name,
        login=form.text("username"),
        password=_password(wire, organization, form.text("password")),
        device=visit.device,
        remember=form.flag("autoSignin"),
        secret=visit.cookies.session,
        device_secret=visit.cookies.device,
        new_password=form.text("newPassword") or None,
    )
    try:
        signed_in = sign_in.sign_in(visit.house, visit.act(NOBODY), attempt)
    except PasswordMustChange:
        # Nobody is signed in yet: the same call with a newPassword does both (contract W23).
        return envelopes.reply(Answer(data="RequiredUpdatePassword", data3=True))
    caller = user_caller(signed_in.user, signed_in.session)
    if wish is None:
        reply = envelopes.ok(caller.actor)
    else:
        reply = login_code.answer(wire, visit.act(caller), wish, just_now=True)
    set_session(visit, reply, signed_in)
    return reply


def _password(wire: Wire, organization: str, sent: str) -> str:
    """The password as typed; one that cannot be read is wrong, and counted as such."""
    house = wire.visit.house
    found = house.database.read(published.organization, organization)
    if found is None:
        return sent
    extra = organizations.extra_of(house.vault, found)
    kind, key = extra.get("passwordObfuscatorType"), extra.get("passwordObfuscatorKey")
    typed = reveal(kind if isinstance(kind, str) else "", key if isinstance(key, str) else "", sent)
    return typed if typed is not None else ""


def _by_session(wire: Wire, application: Application, wish: Wish | None) -> Reply:
    """Quick sign-in: a live session and an application are enough."""
    caller = by_cookie(wire.visit)
    if caller.session_id is None:
        raise BadInput("username", "Unknown authentication type (not password or provider)")
    act = wire.visit.act(caller)
    if wish is not None:
        return login_code.answer(wire, act, wish, just_now=False)
    wire.visit.house.database.write(entering.enter, act, application.name)
    return envelopes.ok(caller.actor)


def _application(wire: Wire, name: str, wish: Wish | None) -> Application:
    """The application that is signed in to; a code is for the same one, which need not be named.

    Raises:
        NotFound: there is none of this name.
        BadInput: a code is asked for another one.
    """
    if wish is not None and name in {"", wish.application.name}:
        return wish.application
    found = wire.visit.house.database.read(published.application, name)
    if found is None:
        raise NotFound(f"The application: {name} does not exist")
    if wish is not None:
        raise BadInput("clientId", "Invalid client_id")
    return found
