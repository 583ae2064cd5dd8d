"""Who calls is looked at again in the transaction that writes (DESIGN section 2, R10).

Each test keeps what a front found out about the caller, lets something happen, and goes on with it,
as a request does that was on its way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ostiary.domain.access import Caller, Kind
from ostiary.domain.errors import NotAllowed, NotFound, NotSignedIn, OstiaryError
from ostiary.domain.search import SessionFilter
from ostiary.domain.session import EndReason
from ostiary.services import (
    applications,
    end,
    entering,
    organizations,
    passwords,
    records,
    report,
    see,
    users,
)
from ostiary.services.house import Act
from ostiary.storage import cut_offs, tables
from tests.services.scene import Scene
from tests.support.installation import PASSWORD

KEY = ("acme", "ann", "wiki")
Verb = Callable[[Scene, Act, str], Any]


def _verb(verb: Callable[..., Any], *args: Any, **kwargs: Any) -> Verb:
    return lambda scene, act, target: scene.write(verb, act, *args, **kwargs)


def _of_target(verb: Callable[..., Any]) -> Verb:
    return lambda scene, act, target: scene.write(verb, act, target)


def _with_vault(verb: Callable[..., Any], *args: Any) -> Verb:
    return lambda scene, act, target: scene.write(verb, act, scene.house.vault, *args)


BY_ADMINISTRATORS: dict[str, Verb] = {
    "end one": _of_target(end.end_one),
    "ensure ended": _of_target(end.ensure_ended),
    "end selected": lambda scene, act, target: scene.write(end.end_selected, act, [target]),
    "end matching": lambda scene, act, target: end.end_matching(
        scene.house, act, SessionFilter(user="ann")
    ),
    "delete id": lambda scene, act, target: scene.write(records.delete_id, act, KEY, target),
    "delete record": _verb(records.delete_record, KEY),
    "add record": _verb(records.add_record, KEY, ["x"], exclusive=True),
    "update record": _verb(records.update_record, KEY, ["x"], created_time="x"),
    "add user": _with_vault(users.add_user, "acme", "new", users.UserChange()),
    "update user": _with_vault(users.update_user, "acme", "ann", users.UserChange(disabled=True)),
    "delete user": _verb(users.delete_user, "acme", "ann"),
    "set password": lambda scene, act, target: passwords.set_for(
        scene.house, act, "acme", "ann", "another pass phrase"
    ),
    "add application": _with_vault(
        applications.add_application, "acme", "new", applications.ApplicationChange()
    ),
    "update application": _with_vault(
        applications.update_application, "wiki", applications.ApplicationChange(logo="x")
    ),
    "delete application": _verb(applications.delete_application, "wiki"),
    "update organization": _with_vault(
        organizations.update_organization, "acme", organizations.OrganizationChange(exclusive=True)
    ),
}

BY_GLOBAL: dict[str, Verb] = {
    "add organization": _with_vault(
        organizations.add_organization, "new", organizations.OrganizationChange()
    ),
    "delete organization": _verb(organizations.delete_organization, "empty"),
}

BY_ANYBODY: dict[str, Verb] = {
    "end mine": _of_target(end.end_mine),
    "end others": _verb(end.end_others),
    "not me": _of_target(report.not_me),
    "label": lambda scene, act, target: scene.write(see.label, act, target, "Ann's phone"),
    "enter": _verb(entering.enter, "mail"),
    "change password": lambda scene, act, target: passwords.change_own(
        scene.house, act, PASSWORD, "another pass phrase"
    ),
}


def _refused(scene: Scene, act: Act, verbs: dict[str, Verb], error: type[OstiaryError]) -> None:
    """None of these verbs writes anything."""
    target = scene.rows(tables.session, user_name="ann", ended_at=None)[0].id
    before = scene.everything()
    for name, verb in verbs.items():
        with pytest.raises(error):
            verb(scene, act, target)
        assert scene.everything() == before, name


GONE: dict[str, tuple[Callable[[Scene, Caller], Any], str]] = {
    "ended by somebody else": (
        lambda scene, caller: scene.write(end.end_selected, scene.act(), [caller.session_id]),
        "revoked",
    ),
    "signed out in another tab": (
        lambda scene, caller: scene.write(end.sign_out, scene.act(caller)),
        "signed_out",
    ),
    "disabled": (
        lambda scene, caller: scene.write(
            users.update_user,
            scene.act(),
            scene.house.vault,
            caller.organization,
            caller.name,
            users.UserChange(disabled=True),
        ),
        "user_disabled",
    ),
    "deleted": (
        lambda scene, caller: scene.write(
            users.delete_user, scene.act(), caller.organization, caller.name
        ),
        "user_deleted",
    ),
    "cut off": (
        lambda scene, caller: scene.write(
            cut_offs.raise_epoch,
            "user",
            caller.user_key,
            reason=EndReason.RISK,
            actor="operator",
            now=scene.clock.now,
        ),
        "admin_bulk",
    ),
    "password set by somebody else": (
        lambda scene, caller: passwords.set_for(
            scene.house, scene.act(), caller.organization, caller.name, "yet another phrase"
        ),
        "credential_changed",
    ),
}


@pytest.mark.parametrize("how", GONE)
def test_a_session_that_ended_since_writes_nothing_for_an_administrator(
    scene: Scene, how: str
) -> None:
    """Covers R10, A10, A11, W12."""
    scene.sign_in("ann")
    scene.user("acme", "other", is_admin=True)
    act = scene.by(scene.sign_in("other", "app-built-in"))
    happen, reason = GONE[how]
    happen(scene, act.caller)
    _refused(scene, act, BY_ADMINISTRATORS, NotSignedIn)
    with pytest.raises(NotSignedIn) as refused:
        scene.write(end.end_one, act, "f" * 32)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "how", ["ended by somebody else", "signed out in another tab", "disabled", "cut off"]
)
def test_nor_for_a_user(scene: Scene, how: str) -> None:
    mine, other = scene.sign_in("ann"), scene.sign_in("ann")
    act = scene.by(mine)
    GONE[how][0](scene, act.caller)
    verbs = dict(BY_ANYBODY)
    if how == "disabled":  # her password is compared first, and is nobody's
        del verbs["change password"]
    for name, verb in verbs.items():
        before = scene.rows(tables.session), scene.rows(tables.credential)
        with pytest.raises(NotSignedIn):
            verb(scene, act, other.session.id)
        assert (scene.rows(tables.session), scene.rows(tables.credential)) == before, name


def test_nor_for_a_global_administrator(scene: Scene) -> None:
    scene.organization("empty")
    scene.sign_in("ann")
    act = scene.admin()
    scene.write(end.sign_out, act)
    _refused(scene, act, {**BY_ADMINISTRATORS, **BY_GLOBAL}, NotSignedIn)


def test_it_is_the_same_on_postgresql(postgresql_scene: Scene) -> None:
    """Covers R10: where a row has to be locked for that."""
    scene = postgresql_scene
    scene.organization("empty")
    scene.sign_in("ann")
    admin, boss = scene.admin(), scene.boss()
    scene.write(end.sign_out, admin)
    scene.write(end.sign_out, boss)
    _refused(scene, admin, {**BY_ADMINISTRATORS, **BY_GLOBAL}, NotSignedIn)
    _refused(scene, boss, BY_ADMINISTRATORS, NotSignedIn)


def test_who_is_no_administrator_any_more_has_only_what_is_hers(scene: Scene) -> None:
    """Covers R10, R07: the flag is read where it decides."""
    scene.sign_in("ann")
    act = scene.boss()
    change = users.UserChange(is_admin=False)
    scene.write(users.update_user, scene.act(), scene.house.vault, "acme", "boss", change)
    not_found = {"end one", "ensure ended", "update user", "set password"}
    not_found |= {"update application", "delete application"}
    passed_over = {"end selected"}
    _refused(scene, act, {n: v for n, v in BY_ADMINISTRATORS.items() if n in not_found}, NotFound)
    rest = BY_ADMINISTRATORS.keys() - not_found - passed_over
    _refused(scene, act, {n: BY_ADMINISTRATORS[n] for n in rest}, NotAllowed)
    target = scene.rows(tables.session, user_name="ann")[0].id
    assert scene.write(end.end_selected, act, [target]).count == 0


def test_who_was_renamed_goes_on_under_the_new_name(scene: Scene) -> None:
    """And somebody who got the old name is not she."""
    mine, act = scene.sign_in("ann"), scene.boss()
    mine_act = scene.by(mine)
    rename = lambda old, new: scene.write(  # noqa: E731
        users.update_user, act, scene.house.vault, "acme", old, users.UserChange(name=new)
    )
    rename("ann", "anna")
    rename("bob", "ann")
    stranger = scene.sign_in("ann")
    with pytest.raises(NotFound):
        scene.write(end.end_one, mine_act, stranger.session.id)
    own = scene.sign_in("anna")
    assert scene.write(end.end_one, mine_act, own.session.id).count == 1
    assert scene.row(own).ended_by == "acme/anna"


def test_a_deleted_application_calls_no_more(scene: Scene) -> None:
    """Covers R10: nor one of the same name in another organization."""
    scene.sign_in("ann", "mail")
    act = scene.by_application("wiki")
    scene.write(applications.delete_application, scene.act(), "wiki")
    _refused(scene, act, BY_ADMINISTRATORS, NotSignedIn)
    scene.application("globex", "wiki")
    _refused(scene, act, BY_ADMINISTRATORS, NotSignedIn)


def test_a_user_who_calls_by_name_and_password_is_looked_at_too(scene: Scene) -> None:
    """The wire lets people call so (contract 2.2); they have no session."""
    scene.sign_in("ann")
    caller = scene.boss().caller
    by_password = Caller(
        kind=Kind.USER,
        organization=caller.organization,
        name=caller.name,
        user_key=caller.user_key,
        is_admin=True,
    )
    act = scene.act(by_password)
    target = scene.sign_in("ann").session.id
    assert scene.write(end.end_one, act, target).count == 1
    change = users.UserChange(disabled=True)
    scene.write(users.update_user, scene.act(), scene.house.vault, "acme", "boss", change)
    _refused(scene, act, BY_ADMINISTRATORS, NotSignedIn)


def test_a_purged_session_is_no_session(scene: Scene) -> None:
    scene.sign_in("ann")
    act = scene.boss()
    scene.execute("DELETE FROM session WHERE user_name = 'boss'")
    _refused(scene, act, BY_ADMINISTRATORS, NotSignedIn)
