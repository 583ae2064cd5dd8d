"""Which client calls an OAuth endpoint of this wire, and what it sends (contract 3.4).

Parameters stand in the query, in a form, or where they are missing there in a JSON body. The client
says who it is by ``client_id`` and ``client_secret``, else by Basic, else by an assertion.
"""

from __future__ import annotations

from urllib.parse import unquote_plus

from ostiary.casdoor.reading import Body, Wire
from ostiary.domain.access import NOBODY
from ostiary.domain.accounts import Application
from ostiary.domain.client import ASSERTION_TYPE, AuthMethod
from ostiary.domain.errors import BadInput
from ostiary.domain.grant import Refused
from ostiary.edge.identify import basic_credentials
from ostiary.services import clients
from ostiary.services.clients import Proof

TOKEN_PATH = "/api/login/oauth/access_token"  # noqa: S105 - a path, not a secret


class Sent:
    """The parameters of a request, wherever they stand."""

    def __init__(self, wire: Wire) -> None:
        """Look at the body once; a form's is no JSON."""
        self._wire = wire
        try:
            self._body = wire.body("TokenRequest")
        except BadInput:
            self._body = Body("TokenRequest", {})

    def get(self, name: str) -> str:
        """A parameter; empty: it was not sent, or not as a text."""
        try:
            return self._wire.get(name) or self._body.text(name)
        except BadInput:
            return ""


def authenticated(wire: Wire, sent: Sent) -> Application | Refused:
    """The client that calls, or why it is not believed."""
    proof = _proof(wire, sent)
    if isinstance(proof, Refused):
        return proof
    visit = wire.visit
    issuer = visit.front.public_url
    found = clients.authenticate(
        visit.house,
        visit.act(NOBODY),
        proof,
        audiences=(issuer, f"{issuer}{TOKEN_PATH}", f"{issuer}{visit.request.scope['path']}"),
    )
    if isinstance(found, Application):
        visit.note_caller(clients.caller_of(found))
    return found


def _proof(wire: Wire, sent: Sent) -> Proof | Refused:
    client_id, secret = sent.get("client_id"), sent.get("client_secret")
    if secret:
        return Proof(client_id=client_id, method=AuthMethod.POST, secret=secret)
    credentials = basic_credentials(wire.visit)
    if credentials is not None:
        return _by_header(credentials, client_id)
    if sent.get("client_assertion"):
        return _by_assertion(sent, client_id)
    if not client_id:
        return Refused(error="invalid_client", description="client_id is invalid")
    return Proof(client_id=client_id, method=AuthMethod.NONE)


def _by_header(credentials: tuple[str, str], client_id: str) -> Proof | Refused:
    """RFC 6749, 2.3.1. Two clients in one request are none (REQUIREMENTS L01)."""
    name, secret = (unquote_plus(half) for half in credentials)
    if client_id not in {"", name}:
        return Refused(error="invalid_client", description="client_id is invalid")
    return Proof(client_id=name, method=AuthMethod.BASIC, secret=secret)


def _by_assertion(sent: Sent, client_id: str) -> Proof | Refused:
    """RFC 7523, 2.2."""
    assertion = sent.get("client_assertion")
    named = clients.named_by(assertion)
    if sent.get("client_assertion_type") != ASSERTION_TYPE or client_id not in {"", named}:
        return Refused(error="invalid_client", description="client_assertion is invalid")
    return Proof(client_id=named, method=AuthMethod.PRIVATE_KEY_JWT, assertion=assertion)
