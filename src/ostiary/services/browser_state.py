"""What a browser keeps so that applications notice when somebody signs out or in there.

See `ostiary.domain.browser_state`.
"""

from __future__ import annotations

from ostiary.domain.browser_state import origin_of, session_state
from ostiary.gateways.entropy import new_public_id
from ostiary.gateways.keys import Vault

_PURPOSE = "browser_state"


def of_session(vault: Vault, session_id: str) -> str:
    """The state of a session's browser: one that nobody can guess, and that opens nothing.

    It is another one after each sign-in that begins a session, and for each user. It says nothing
    about the session's secret, since it is made of the public id (REQUIREMENTS J06).
    """
    return vault.mac(_PURPOSE, session_id.encode())


def answer(vault: Vault, session_id: str, *, client_id: str, redirect_uri: str) -> dict[str, str]:
    """What an authorization answer says besides (Session Management 2).

    Nothing where the application is no site, since no page of its could ask.

    Args:
        vault: derives the state.
        session_id: the session's public id.
        client_id: of the application.
        redirect_uri: where the answer goes.
    """
    origin = origin_of(redirect_uri)
    if not origin:
        return {}
    state = of_session(vault, session_id)
    salt = new_public_id()
    said = session_state(client_id=client_id, origin=origin, state=state, salt=salt)
    return {"session_state": said}
