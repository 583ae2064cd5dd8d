"""Passwords on the wire: compared, and set (contract 4.1)."""

from __future__ import annotations

from litestar import post
from litestar.di import NamedDependency

from ostiary.casdoor import envelopes
from ostiary.casdoor.callers import act_of, known
from ostiary.casdoor.envelopes import Reply
from ostiary.casdoor.reading import Wire
from ostiary.domain.access import NOBODY, Kind, may_touch_user, require_administrator
from ostiary.domain.accounts import BUILT_IN_APPLICATION
from ostiary.domain.errors import NotAllowed, NotFound
from ostiary.edge.passing import renew_session
from ostiary.services import passwords, see, sign_in


@post("/check-user-password", sync_to_thread=True)
def check_user_password(wire: NamedDependency[Wire]) -> Reply:
    """Whether this is the user's password; slowed down after failures like any sign-in."""
    act, body = known(wire), wire.body("User")
    owner, name = body.text("owner"), body.text("name")
    if not may_touch_user(act.caller, owner, name):
        raise NotAllowed(detail=f"{act.caller.actor} asked for the password of {owner}/{name}")
    visit = wire.visit
    sign_in.authenticate(
        visit.house,
        visit.act(NOBODY),
        sign_in.Attempt(
            organization=owner,
            application=BUILT_IN_APPLICATION,
            login=name,
            password=body.text("password"),
            device=visit.device,
        ),
    )
    return envelopes.ok()


@post("/set-password", sync_to_thread=True)
def set_password(wire: NamedDependency[Wire]) -> Reply:
    """Set a password: one's own with the old one, somebody else's as an administrator."""
    act = act_of(wire)
    if act.caller.kind is Kind.NOBODY:
        return envelopes.sign_in_first()
    owner, name, new = wire.get("userOwner"), wire.get("userName"), wire.get("newPassword")
    house = wire.visit.house
    if act.caller.kind is not Kind.USER or (act.caller.organization, act.caller.name) != (
        owner,
        name,
    ):
        require_administrator(act.caller, owner)
        try:
            passwords.set_for(house, act, owner, name, new)
        except NotFound:
            return envelopes.error(f"The user: {owner}/{name} doesn't exist")
        return envelopes.ok()
    done = passwords.change_own(house, act, wire.get("oldPassword"), new)
    reply = envelopes.ok()
    if done.secret is not None:
        session = house.database.read(see.one_session, act, act.caller.session_id or "").session
        renew_session(wire.visit, reply, session, done.secret)
    return reply
