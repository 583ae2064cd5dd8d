"""The first start: the built-in organization, application and administrator (contract W18).

No default password exists. Whoever holds the one-time link that the first start prints, or runs
``ostiary init`` on the data itself, chooses the administrator's.
"""

from __future__ import annotations

import base64

import msgspec

from ostiary.domain.access import OPERATOR
from ostiary.domain.accounts import (
    BUILT_IN,
    BUILT_IN_APPLICATION,
    Application,
    Credential,
    checked_name,
)
from ostiary.domain.errors import AlreadyExists, Misconfigured, NotFound
from ostiary.domain.events import Event
from ostiary.domain.secrets import digest, same
from ostiary.gateways.entropy import new_secret
from ostiary.gateways.keys import Vault, new_signing_key
from ostiary.services import applications, passwords, users
from ostiary.services.house import Act, House
from ostiary.services.organizations import OrganizationChange, add_organization
from ostiary.storage import audit, organizations, settings, signing_keys
from ostiary.storage.audit import NewEvent
from ostiary.storage.database import Transaction

_LINK = "setup_link"
_CANARY = "encryption_canary"


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """The built-in application after the first start; ``client_secret`` in clear."""

    application: Application
    client_secret: str


def prepare_store(tx: Transaction, act: Act, vault: Vault) -> None:
    """Bind the encryption key to the store and make the first signing key.

    Raises:
        Misconfigured: the store was written with another encryption key.
    """
    check_key(tx, vault)
    if is_bound(tx) and signing_keys.count(tx):
        return
    # Another process may be doing the same at this moment, with a key of its own.
    settings.lock(tx)
    check_key(tx, vault)
    if not is_bound(tx):
        settings.put(tx, _CANARY, base64.b64encode(vault.canary()).decode())
    if signing_keys.count(tx) == 0:
        key = new_signing_key()
        signing_keys.add(
            tx,
            kid=key.kid,
            algorithm=key.alg,
            sealed_private=vault.seal(key.private_pem, f"signing_key/{key.kid}"),
            public_jwk=key.public_jwk,
            now=act.now,
        )


def is_bound(tx: Transaction) -> bool:
    """Whether the store belongs to an encryption key already, so that no new one may be made."""
    return settings.get(tx, _CANARY) is not None


def check_key(tx: Transaction, vault: Vault) -> None:
    """Refuse an encryption key under which the store was not written.

    Raises:
        Misconfigured: so it is; the text says what to do.
    """
    canary = settings.get(tx, _CANARY)
    if canary is not None and not vault.fits(base64.b64decode(canary)):
        raise Misconfigured(
            "The encryption key does not belong to this database. Put back the file "
            "encryption.key that was in the data directory when the database was made."
        )


def is_installed(tx: Transaction) -> bool:
    """Whether the first start is over."""
    return organizations.get(tx, BUILT_IN) is not None


def new_link(tx: Transaction) -> str | None:
    """The secret of a new one-time set-up link, which replaces the last; None when installed."""
    if is_installed(tx):
        return None
    secret = new_secret()
    settings.put(tx, _LINK, digest(secret).hex())
    return secret


def check_link(tx: Transaction, secret: str) -> None:
    """Refuse a link that is wrong or was used.

    Raises:
        NotFound: so it is; the text says how to get another one.
    """
    stored = settings.get(tx, _LINK)
    if is_installed(tx) or stored is None or not same(bytes.fromhex(stored), digest(secret)):
        raise NotFound(
            "This set-up link is wrong or has been used. If nobody has been set up yet, start the "
            "server again: it prints a new one."
        )


def install(
    house: House, act: Act, *, admin: str, password: str, link: str | None = None
) -> Installed | None:
    """Make the built-in organization, application and administrator, all at once.

    Args:
        house: the installation.
        act: when, and from where.
        admin: the administrator's name.
        password: the administrator's own choice, so that it need not be changed.
        link: the one-time link's secret; None for the operator, who has the data itself.

    Returns:
        None when it was done before; nothing is changed then.

    Raises:
        BadInput: the name or password cannot be used.
        NotFound: the link is wrong or was used.
    """
    act = msgspec.structs.replace(act, caller=OPERATOR)
    if link is not None:
        house.database.read(check_link, link)
    elif house.database.read(is_installed):
        return None
    checked_name("admin", admin)
    credential = passwords.prepare(house, act, BUILT_IN, admin, password)
    try:
        return house.database.write(_install, act, house.vault, admin, credential, link)
    except AlreadyExists:
        return None  # somebody else did it at the same moment


def _install(
    tx: Transaction,
    act: Act,
    vault: Vault,
    admin: str,
    credential: Credential,
    link: str | None,
) -> Installed | None:
    if is_installed(tx):
        return None
    if link is not None:
        check_link(tx, link)
    settings.remove(tx, _LINK)
    add_organization(tx, act, vault, BUILT_IN, OrganizationChange(display_name="Built-in"))
    application = applications.add_application(
        tx,
        act,
        vault,
        BUILT_IN,
        BUILT_IN_APPLICATION,
        applications.ApplicationChange(display_name="Ostiary"),
    )
    users.add_user(
        tx,
        act,
        vault,
        BUILT_IN,
        admin,
        users.UserChange(is_admin=True),
        credential=credential,
    )
    audit.write(
        tx,
        act.now,
        [
            NewEvent(
                event=Event.SETUP_COMPLETED,
                actor=act.caller.actor,
                organization=BUILT_IN,
                user=admin,
                address=act.address,
            )
        ],
    )
    return Installed(
        application=application,
        client_secret=applications.secret_of(vault, application),
    )
