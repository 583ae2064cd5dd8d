"""Passwords that come with a user, in clear or hashed elsewhere (contract 5.4)."""

from __future__ import annotations

import msgspec

from ostiary.casdoor.fields import Fields
from ostiary.casdoor.reading import Body, Wire
from ostiary.domain.access import may_administer
from ostiary.domain.accounts import Credential, checked_text
from ostiary.domain.errors import BadInput
from ostiary.services import passwords
from ostiary.services.house import Act


def prepared(
    wire: Wire, act: Act, body: Body, who: tuple[str, str], *, fields: Fields | None = None
) -> Credential | None:
    """The password of a body, hashed; None when none came, or just its mask.

    Raises:
        BadInput: it is no good, or its owner has to give the old one too.
    """
    password = (fields or Fields(body)).secret("password")
    if not isinstance(password, str):
        return None
    if (act.caller.organization, act.caller.name) == who or not may_administer(act.caller, who[0]):
        raise BadInput("password", "Change your own password by /api/set-password.")
    encoding = body.text("passwordType")
    credential = passwords.prepare(wire.visit.house, act, *who, password, encoding=encoding)
    return msgspec.structs.replace(
        credential,
        salt=checked_text("passwordSalt", body.text("passwordSalt")),
        must_change=credential.must_change or body.flag("needUpdatePassword"),
    )
