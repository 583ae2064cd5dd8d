"""Codes and tokens by the services themselves, for what is about stores and moments."""

from __future__ import annotations

from typing import Any

from ostiary.domain.accounts import Application
from ostiary.domain.grant import Refused
from ostiary.services import applications, codes, consent, issuing, tokens
from ostiary.services.minting import TokenAnswer
from ostiary.services.sign_in import SignedIn
from ostiary.storage import applications as application_rows
from tests.services.scene import Scene

ISSUER = "https://id.example"
OFFLINE = ("openid", "offline_access")


def set_up(scene: Scene, name: str = "wiki", **change: Any) -> Application:
    """Give an application quick keys, and what else is wanted."""
    wanted = applications.ApplicationChange(**{"id_token_alg": "ES256", **change})
    scene.write(applications.update_application, scene.act(), scene.house.vault, name, wanted)
    return client_of(scene, name)


def client_of(scene: Scene, name: str = "wiki") -> Application:
    """The application as it is now."""
    found: Application | None = scene.read(application_rows.get, name)
    assert found is not None
    return found


def code(
    scene: Scene, by: SignedIn, name: str = "wiki", scope: tuple[str, ...] = ("openid",)
) -> str:
    """A code for somebody who is signed in; what is offline she has agreed to before."""
    if "offline_access" in scope:
        scene.write(consent.give, scene.by(by), name, scope)
    made: str = scene.write(
        codes.issue, scene.by(by), scene.house.vault, name, codes.Asked(scope=scope)
    )
    return made


def exchange(scene: Scene, value: str, name: str = "wiki") -> TokenAnswer | Refused:
    """Exchange a code."""
    return issuing.exchange_code(
        scene.house,
        scene.act(),
        ISSUER,
        client_of(scene, name),
        code=value,
        redirect_uri=None,
        verifier="",
    )


def granted(
    scene: Scene, by: SignedIn, name: str = "wiki", scope: tuple[str, ...] = ("openid",)
) -> TokenAnswer:
    """Tokens for somebody who is signed in."""
    answer = exchange(scene, code(scene, by, name, scope), name)
    assert isinstance(answer, TokenAnswer), answer
    return answer


def refresh(
    scene: Scene, answer: TokenAnswer, name: str = "wiki", scope: str | None = None
) -> TokenAnswer | Refused:
    """Refresh."""
    return issuing.refresh(
        scene.house,
        scene.act(),
        ISSUER,
        client_of(scene, name),
        refresh_token=answer.refresh_token,
        scope=scope,
    )


def revoke(scene: Scene, value: str, name: str = "wiki") -> bool:
    """Give a token up."""
    done: bool = scene.write(tokens.revoke, scene.act(), client_of(scene, name), value)
    return done


def is_active(scene: Scene, value: str, name: str = "wiki") -> bool:
    """Whether introspection calls a token good."""
    found = scene.read(
        tokens.introspect, scene.house.vault, scene.act(), ISSUER, client_of(scene, name), value
    )
    return found is not None
