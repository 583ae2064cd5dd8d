"""Which client calls: one way of saying so in each request (RFC 6749, 2.3; REQUIREMENTS L01)."""

from __future__ import annotations

from urllib.parse import unquote_plus

from ostiary.domain.access import NOBODY
from ostiary.domain.accounts import Application
from ostiary.domain.client import ASSERTION_TYPE, AuthMethod
from ostiary.domain.grant import Refused
from ostiary.edge.house import Visit
from ostiary.edge.identify import basic_credentials
from ostiary.oidc.reading import Posted
from ostiary.services import clients
from ostiary.services.clients import Proof


def authenticated(visit: Visit, posted: Posted) -> Application | Refused:
    """The client that calls, or why it is not believed."""
    if posted.wrong:
        return Refused(error="invalid_request", description=posted.wrong)
    proof = _proof(visit, posted)
    if isinstance(proof, Refused):
        return proof
    issuer = visit.front.public_url
    here = f"{issuer}{visit.request.scope['path']}"
    found = clients.authenticate(
        visit.house,
        visit.act(NOBODY),
        proof,
        audiences=(issuer, f"{issuer}/oauth/token", here),
    )
    if isinstance(found, Application):
        visit.note_caller(clients.caller_of(found))
    return found


def _proof(visit: Visit, posted: Posted) -> Proof | Refused:
    has_header = visit.request.headers.get("authorization", "").lower().startswith("basic ")
    ways = [has_header, posted.get("client_secret"), posted.get("client_assertion")]
    if sum(1 for way in ways if way) > 1:
        return Refused(
            error="invalid_request", description="The client authenticates in more than one way."
        )
    client_id = posted.text("client_id")
    if has_header:
        return _by_header(visit, client_id)
    if posted.get("client_assertion"):
        return _by_assertion(posted, client_id)
    if not client_id:
        return Refused(error="invalid_client", description="No client authentication was sent.")
    secret = posted.get("client_secret")
    if secret is not None:
        return Proof(client_id=client_id, method=AuthMethod.POST, secret=secret)
    return Proof(client_id=client_id, method=AuthMethod.NONE)


def _by_header(visit: Visit, client_id: str) -> Proof | Refused:
    """Both halves are form-urlencoded before they are joined (RFC 6749, 2.3.1)."""
    credentials = basic_credentials(visit)
    if credentials is None:
        return Refused(error="invalid_client", description="The header cannot be read.")
    name, secret = (unquote_plus(half) for half in credentials)
    if client_id not in {"", name}:
        return Refused(error="invalid_request", description="Two clients are named.")
    return Proof(client_id=name, method=AuthMethod.BASIC, secret=secret)


def _by_assertion(posted: Posted, client_id: str) -> Proof | Refused:
    """RFC 7523, 2.2: the client is the assertion's subject."""
    if posted.get("client_assertion_type") != ASSERTION_TYPE:
        return Refused(
            error="invalid_request", description=f"client_assertion_type is {ASSERTION_TYPE}."
        )
    assertion = posted.text("client_assertion")
    named = clients.named_by(assertion)
    if client_id not in {"", named}:
        return Refused(error="invalid_request", description="Two clients are named.")
    return Proof(client_id=named, method=AuthMethod.PRIVATE_KEY_JWT, assertion=assertion)
