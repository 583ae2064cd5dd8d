"""Reading an authorization request: its checks in the order of OpenID Connect Core 3.1.2.2.

Until client and redirect address are known to be right, nobody is sent anywhere: what is wrong is
shown here (RFC 6749, 4.1.2.1; REQUIREMENTS L18). After that it goes back to the client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import msgspec

from ostiary.domain.accounts import Application
from ostiary.domain.client import OPENID, GrantType, granted, is_challenge
from ostiary.domain.redirects import is_registered
from ostiary.services import keys
from ostiary.storage import applications
from ostiary.storage.database import Transaction

PROMPTS = ("none", "login", "consent", "select_account")
RESPONSE_MODES = ("query", "form_post")
LONGEST_VALUE = 4_000
_LONGEST_TIME = 10


class ErrorPage(msgspec.Struct, frozen=True, kw_only=True):
    """A request that cannot be answered to its client; a person reads why. ``field`` is wrong."""

    field: str
    text: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What goes to the client's redirect address: a code or an error, with ``state`` and ``iss``.

    ``mode``: ``query`` or ``form_post``.
    """

    redirect_uri: str
    mode: str
    parameters: dict[str, str]


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A request that makes sense: who asks for what, and how the user has to authenticate.

    ``hinted_subject`` is the ``sub`` that the request names, by a hint or a claim;
    ``essential_acr`` what has to be met (Core 5.5.1.1).
    """

    application: Application
    issuer: str
    redirect_uri: str
    mode: str = "query"
    state: str | None = None
    scope: tuple[str, ...] = ()
    nonce: str = ""
    challenge: str = ""
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    login_hint: str = ""
    hinted_subject: str = ""
    essential_acr: tuple[str, ...] = ()

    def answer(self, **parameters: str) -> Answer:
        """An answer with the request's ``state``, and ``iss`` (RFC 9207, 2)."""
        said = dict(parameters)
        if self.state is not None:
            said["state"] = self.state
        said["iss"] = self.issuer
        return Answer(redirect_uri=self.redirect_uri, mode=self.mode, parameters=said)

    def error(self, error: str, description: str = "") -> Answer:
        """An error that the client is told (RFC 6749, 4.1.2.1; Core 3.1.2.6)."""
        more = {"error_description": description} if description else {}
        return self.answer(error=error, **more)


Parameters: TypeAlias = Mapping[str, Sequence[str]]
"""Names with all the values that came under them."""


def parameters_of(query: str) -> dict[str, list[str]]:
    """The parameters of a query or form body; empty ones are as good as absent (RFC 6749, 3.1).

    Raises:
        ValueError: it has too many, or cannot be decoded.
    """
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, max_num_fields=100, errors="strict"):
        found.setdefault(name, []).append(value)
    return found


def read_request(tx: Transaction, issuer: str, parameters: Parameters) -> Wish | Answer | ErrorPage:
    """What a request asks for.

    Args:
        tx: any transaction.
        issuer: who answers.
        parameters: as they came.

    Returns:
        The wish, or the error: for the client, or where it cannot be told, for the reader.
    """
    client = _client(tx, parameters)
    if isinstance(client, ErrorPage):
        return client
    redirect_uri = _single(parameters, "redirect_uri")
    if not redirect_uri:
        return ErrorPage(field="redirect_uri", text="The request does not say where to go back to.")
    if not is_registered(client.redirect_uris, redirect_uri):
        return ErrorPage(
            field="redirect_uri",
            text="The address to go back to is not one of the application's redirect addresses.",
        )
    wish = Wish(
        application=client,
        issuer=issuer,
        redirect_uri=redirect_uri,
        mode=_mode(parameters),
        state=_single(parameters, "state"),
    )
    for check in _CHECKS:
        wrong = check(wish, parameters)
        if wrong is not None:
            return wrong
    return _with_details(tx, wish, parameters)


def _client(tx: Transaction, parameters: Parameters) -> Application | ErrorPage:
    client_id = _single(parameters, "client_id")
    found = applications.by_client_id(tx, client_id) if client_id else None
    if found is None:
        return ErrorPage(field="client_id", text="No application is known by this client id.")
    return found


def _single(parameters: Parameters, name: str) -> str | None:
    values = parameters.get(name, ())
    return values[0] if len(values) == 1 else None


def _mode(parameters: Parameters) -> str:
    wanted = _single(parameters, "response_mode")
    return wanted if wanted in RESPONSE_MODES else "query"


def _check_repeated(wish: Wish, parameters: Parameters) -> Answer | None:
    """RFC 6749, 3.1: no parameter comes twice."""
    if any(len(values) > 1 for values in parameters.values()):
        return wish.error("invalid_request", "A parameter comes more than once.")
    if any(len(value) > LONGEST_VALUE for values in parameters.values() for value in values):
        return wish.error("invalid_request", "A parameter is too long.")
    return None


def _check_request_object(wish: Wish, parameters: Parameters) -> Answer | None:
    """Core 6: what is not supported is refused by its own word."""
    for name in ("request", "request_uri", "registration"):
        if name in parameters:
            return wish.error(f"{name}_not_supported", f"The parameter {name} is not supported.")
    return None


def _check_response(wish: Wish, parameters: Parameters) -> Answer | None:
    """Core 3.1.2.1: only codes are issued here (D15), by the query or a form."""
    response_type = _single(parameters, "response_type")
    if response_type is None:
        return wish.error("invalid_request", "response_type is missing.")
    if response_type != "code":
        return wish.error("unsupported_response_type", "Only response_type=code is supported.")
    mode = _single(parameters, "response_mode")
    if mode is not None and mode not in RESPONSE_MODES:
        return wish.error("invalid_request", "response_mode takes query and form_post.")
    if GrantType.AUTHORIZATION_CODE.value not in wish.application.grant_types:
        return wish.error("unauthorized_client", "The application may not use this grant.")
    return None


def _check_prompt(wish: Wish, parameters: Parameters) -> Answer | None:
    """Core 3.1.2.1: ``none`` stands alone."""
    prompts = (_single(parameters, "prompt") or "").split()
    if any(prompt not in PROMPTS for prompt in prompts):
        return wish.error("invalid_request", f"prompt takes {', '.join(PROMPTS)}.")
    if "none" in prompts and len(prompts) > 1:
        return wish.error("invalid_request", "prompt=none stands alone.")
    max_age = _single(parameters, "max_age")
    if max_age is not None and not _is_whole(max_age):
        return wish.error("invalid_request", "max_age is a whole number of seconds.")
    return None


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_TIME


def _check_pkce(wish: Wish, parameters: Parameters) -> Answer | None:
    """RFC 7636, 4.3 and 4.4.1; ``plain``, which is what is meant when nothing is said, is not."""
    challenge = _single(parameters, "code_challenge")
    method = _single(parameters, "code_challenge_method")
    if challenge is None:
        if wish.application.needs_pkce:
            return wish.error("invalid_request", "code_challenge is required.")
        if method is not None:
            return wish.error("invalid_request", "code_challenge is missing.")
        return None
    if method != "S256":
        return wish.error("invalid_request", "code_challenge_method has to be S256.")
    if not is_challenge(challenge):
        return wish.error("invalid_request", "code_challenge is not an S256 challenge.")
    return None


_CHECKS: tuple[Callable[[Wish, Parameters], Answer | None], ...] = (
    _check_repeated,
    _check_request_object,
    _check_response,
    _check_prompt,
    _check_pkce,
)


def _with_details(tx: Transaction, wish: Wish, parameters: Parameters) -> Wish | Answer:
    """The rest of the request, which is right in its form."""
    claims = _claims(parameters)
    if claims is None:
        return wish.error("invalid_request", "claims is not a JSON object.")
    subject = _value(claims, "sub")
    hint = _single(parameters, "id_token_hint")
    if hint is not None:
        # Core 3.1.2.2: a hint that we did not issue says nothing that could be relied upon.
        known = keys.verify_own(tx, wish.issuer, hint)
        if known is None or (subject and known.get("sub") != subject):
            return wish.error("invalid_request", "id_token_hint was not issued here.")
        subject = str(known.get("sub", ""))
    max_age = _single(parameters, "max_age")
    return msgspec.structs.replace(
        wish,
        scope=granted(_single(parameters, "scope") or "", wish.application.scopes),
        nonce=_single(parameters, "nonce") or "",
        challenge=_single(parameters, "code_challenge") or "",
        prompt=frozenset((_single(parameters, "prompt") or "").split()),
        max_age=int(max_age) if max_age is not None else wish.application.default_max_age,
        login_hint=(_single(parameters, "login_hint") or "")[:200],
        hinted_subject=subject,
        essential_acr=_essential_acr(claims),
    )


def _claims(parameters: Parameters) -> dict[str, Any] | None:
    """What ``claims`` asks of the ID token; None: it is malformed (Core 5.5)."""
    text = _single(parameters, "claims")
    if text is None:
        return {}
    try:
        found = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return None
    about = found.get("id_token")
    return about if isinstance(about, dict) else {}


def _value(claims: Mapping[str, Any], name: str) -> str:
    asked = claims.get(name)
    value = asked.get("value") if isinstance(asked, dict) else None
    return value if isinstance(value, str) else ""


def _essential_acr(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The contexts of which one has to be met; those of ``acr_values`` are but preferred."""
    asked = claims.get("acr")
    if not isinstance(asked, dict) or asked.get("essential") is not True:
        return ()
    values = asked.get("values")
    several = values if isinstance(values, list) else [asked.get("value")]
    return tuple(value for value in several if isinstance(value, str))


def is_about_identity(wish: Wish) -> bool:
    """Whether it is an authentication request (Core 3.1.2.1), and not OAuth alone."""
    return OPENID in wish.scope
