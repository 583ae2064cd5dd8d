"""Tokens without an authorization endpoint: an application's own, and those for a password."""

from __future__ import annotations

from datetime import timedelta

from ostiary.domain.access import user_caller
from ostiary.domain.accounts import Application
from ostiary.domain.client import OFFLINE, USER_SCOPES, GrantType, granted
from ostiary.domain.errors import (
    BadInput,
    NotAllowed,
    NotSignedIn,
    Overloaded,
    PasswordMustChange,
    TooManyFailures,
    WrongCredentials,
)
from ostiary.domain.grant import Detail, Grant, Refused
from ostiary.domain.session import Device, Epochs
from ostiary.gateways.entropy import new_public_id
from ostiary.services import codes, sign_in
from ostiary.services.house import Act, House
from ostiary.services.issuing import audit_issued, exchange_code
from ostiary.services.minting import STANDARD, Draft, Minted, Shape, TokenAnswer, mint
from ostiary.storage import applications, grants, organizations, tokens
from ostiary.storage.database import Transaction

_ATTEMPTS = 5


def client_credentials(
    house: House,
    act: Act,
    issuer: str,
    application: Application,
    *,
    scope: str = "",
    shape: Shape = STANDARD,
) -> TokenAnswer | Refused:
    """A token of the application's own (RFC 6749, 4.4): without user, session and refresh token.

    Args:
        house: the installation.
        act: when and from where.
        issuer: who issues.
        application: a confidential client, which has proved who it is.
        scope: what it asks for; empty: all that is its own. Scopes about users are not to be had.
        shape: how the front writes tokens.
    """
    grant_id = new_public_id()

    def conclude(tx: Transaction, signed: Draft, minted: Minted) -> TokenAnswer | Refused | None:
        draft = _draft(tx, act, application, grant_id, scope)
        if isinstance(draft, Refused):
            return draft
        if draft != signed:
            return None
        grants.add(tx, draft.grant)
        tokens.add(tx, minted.tokens)
        audit_issued(tx, act, draft)
        return minted.answer

    for _ in range(_ATTEMPTS):
        draft = house.database.read(_draft, act, application, grant_id, scope)
        if isinstance(draft, Refused):
            return draft
        minted = mint(house, issuer, draft, act.now, shape=shape)
        concluded = house.database.write(conclude, draft, minted)
        if concluded is not None:
            return concluded
    return Refused(error="temporarily_unavailable", description="Try again.", retry_after=1)


def _draft(
    tx: Transaction, act: Act, application: Application, grant_id: str, scope: str
) -> Draft | Refused:
    client = applications.get(tx, application.name)
    owner = organizations.get(tx, application.organization)
    if client is None or owner is None or client.key != application.key:
        return Refused(error="invalid_client", description="The client is gone.")
    own = [s for s in client.scopes if s not in USER_SCOPES]
    scopes = granted(scope, own) if scope.split() else tuple(own)
    until = act.now + timedelta(seconds=client.access_token_lifetime)
    born = Epochs(organization=owner.epoch, user=0, application=client.epoch)
    return Draft(
        grant=Grant(
            id=grant_id,
            kind=GrantType.CLIENT_CREDENTIALS.value,
            application_key=client.key,
            organization_key=client.organization_key,
            born=born,
            current=born,
            created_at=act.now,
            expires_at=until,
        ),
        application=client,
        organization=client.organization,
        subject=None,
        detail=Detail(scope=scopes),
        scope=scopes,
        until=until,
        refreshable=False,
    )


def password(
    house: House,
    act: Act,
    issuer: str,
    application: Application,
    *,
    login: str,
    secret: str,
    device: Device,
    scope: str = "",
    shape: Shape = STANDARD,
) -> TokenAnswer | Refused:
    """Tokens for a name and a password (RFC 6749, 4.3), where an application has this turned on.

    It signs the user in: a session like any other, that can be seen, limited and ended, though no
    browser holds its cookie. Failures are counted as those of the sign-in page.

    Args:
        house: the installation.
        act: when and from where.
        issuer: who issues.
        application: the client, which has proved who it is.
        login: the user's name, in the application's organization.
        secret: the password.
        device: what is known about where it comes from.
        scope: what it asks for.
        shape: how the front writes tokens.
    """
    attempt = sign_in.Attempt(
        organization=application.organization,
        application=application.name,
        login=login,
        password=secret,
        device=device,
    )
    # Nobody could be asked for a consent here.
    wanted = granted(scope, [s for s in application.scopes if s != OFFLINE])
    try:
        signed_in = sign_in.sign_in(house, act, attempt)
        by_user = Act(
            caller=user_caller(signed_in.user, signed_in.session),
            now=act.now,
            address=act.address,
            fresh_within=act.fresh_within,
        )
        asked = codes.Asked(scope=wanted)
        code = house.database.write(codes.issue, by_user, house.vault, application.name, asked)
    except TooManyFailures as error:
        text = error.text
        return Refused(error="invalid_grant", description=text, retry_after=error.retry_after)
    except Overloaded as error:
        return Refused(error="temporarily_unavailable", description=error.text, retry_after=2)
    except (WrongCredentials, PasswordMustChange, NotSignedIn, NotAllowed, BadInput) as error:
        return Refused(error="invalid_grant", description=error.text, detail=error.detail)
    return exchange_code(
        house, act, issuer, application, code=code, redirect_uri=None, verifier="", shape=shape
    )
