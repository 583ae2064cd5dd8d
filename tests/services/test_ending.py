"""What every ending writes, whichever way it came about: all of it, or nothing."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec
import pytest

from ostiary.domain.search import SessionFilter
from ostiary.domain.session import SPARES_OFFLINE_GRANTS, EndReason
from ostiary.services import (
    applications,
    end,
    entering,
    organizations,
    passwords,
    records,
    report,
    retention,
    users,
)
from ostiary.services.sign_in import SignedIn
from ostiary.storage import cut_offs, tables
from tests.services.scene import WIKI_LOGOUT, Scene
from tests.support.installation import PASSWORD

RECORD = ("acme", "ann", "wiki")


class Route(NamedTuple):
    """A way in which ann's session in the wiki ends; ``run`` is handed her session."""

    run: Callable[[Scene, SignedIn], object]
    reason: EndReason
    actor: str


def _update(scene: Scene, **change: Any) -> None:
    vault = scene.house.vault
    scene.write(users.update_user, scene.boss(), vault, "acme", "ann", users.UserChange(**change))


def _by_matching(scene: Scene, victim: SignedIn) -> object:
    return end.end_matching(scene.house, scene.boss(), SessionFilter(user="ann"))


def _by_own_password(scene: Scene, victim: SignedIn) -> object:
    act = scene.by(scene.sign_in(application="mail"))
    scene.clock.forward(seconds=1)
    act = msgspec.structs.replace(act, now=scene.clock.now)
    return passwords.change_own(scene.house, act, PASSWORD, "another pass phrase").ended


def _by_first_sign_in(scene: Scene, victim: SignedIn) -> object:
    scene.execute("UPDATE credential SET must_change = true")
    return scene.sign_in(application="mail", new_password="another pass phrase").ended


def _by_password_of_boss(scene: Scene, victim: SignedIn) -> object:
    scene.clock.forward(seconds=1)
    return passwords.set_for(scene.house, scene.boss(), "acme", "ann", "another pass phrase").ended


def _by_cap(scene: Scene, victim: SignedIn) -> object:
    for _ in range(99):
        scene.clock.forward(milliseconds=1)
        scene.sign_in()
    return scene.sign_in().ended


def _by_exclusive_application(scene: Scene, victim: SignedIn) -> object:
    change = applications.ApplicationChange(exclusive=True)
    scene.write(applications.update_application, scene.act(), scene.house.vault, "wiki", change)
    return scene.sign_in().ended


def _by_exclusive_organization(scene: Scene, victim: SignedIn) -> object:
    change = organizations.OrganizationChange(exclusive=True)
    scene.write(organizations.update_organization, scene.act(), scene.house.vault, "acme", change)
    return scene.sign_in(application="mail").ended


def _by_entering(scene: Scene, victim: SignedIn) -> object:
    change = applications.ApplicationChange(exclusive=True)
    scene.write(applications.update_application, scene.act(), scene.house.vault, "wiki", change)
    return scene.write(entering.enter, scene.by(scene.sign_in(application="mail")), "wiki")


def _by_update_record(scene: Scene, victim: SignedIn) -> object:
    act = scene.by_application("wiki")
    return scene.write(records.update_record, act, RECORD, ["other"], created_time="").ended


def _by_exclusive_record(scene: Scene, victim: SignedIn) -> object:
    act = scene.by_application("wiki")
    return scene.write(records.add_record, act, RECORD, ["other"], exclusive=True).ended


def _by_full_record(scene: Scene, victim: SignedIn) -> object:
    ids = [f"id-{number}" for number in range(100)]
    act = scene.by_application("wiki")
    return scene.write(records.add_record, act, RECORD, ids, exclusive=False).ended


def _by_sweeping(scene: Scene, victim: SignedIn) -> object:
    scene.clock.forward(hours=1)
    return scene.write(retention.sweep, scene.clock.now)


def _by_expiring(scene: Scene, victim: SignedIn) -> object:
    scene.clock.forward(hours=24)
    return scene.write(retention.sweep, scene.clock.now)


def _by_cut_off(scene: Scene, victim: SignedIn) -> object:
    scene.write(
        cut_offs.raise_epoch,
        "user",
        victim.session.user_key,
        reason=EndReason.RISK,
        actor="acme/boss",
        now=scene.clock.now,
    )
    return scene.write(retention.settle_cut_offs, scene.clock.now)


def _by_deleting(scene: Scene, victim: SignedIn) -> object:
    return scene.write(users.delete_user, scene.boss(), "acme", "ann")


ANN, BOSS, WIKI, SYSTEM = "acme/ann", "acme/boss", "app/wiki", "system"
REVOKED, DISPLACED = EndReason.REVOKED, EndReason.DISPLACED
CHANGED, OUT = EndReason.CREDENTIAL_CHANGED, EndReason.SIGNED_OUT

ROUTES = {
    "administrator": Route(
        lambda s, v: s.write(end.end_one, s.boss(), v.session.id), REVOKED, BOSS
    ),
    "application": Route(
        lambda s, v: s.write(end.end_one, s.by_application("wiki"), v.session.id), REVOKED, WIKI
    ),
    "program": Route(
        lambda s, v: s.write(end.ensure_ended, s.by_application("wiki"), v.session.id),
        REVOKED,
        WIKI,
    ),
    "operator": Route(
        lambda s, v: s.write(end.end_one, s.act(), v.session.id), REVOKED, "operator"
    ),
    "own list": Route(
        lambda s, v: s.write(end.end_mine, s.by(s.sign_in(application="mail")), v.session.id),
        REVOKED,
        ANN,
    ),
    "not me": Route(
        lambda s, v: s.write(report.not_me, s.by(s.sign_in(application="mail")), v.session.id),
        REVOKED,
        ANN,
    ),
    "all others": Route(
        lambda s, v: s.write(end.end_others, s.by(s.sign_in(application="mail"))), REVOKED, ANN
    ),
    "selection": Route(
        lambda s, v: s.write(end.end_selected, s.boss(), [v.session.id]), REVOKED, BOSS
    ),
    "filter": Route(_by_matching, EndReason.ADMIN_BULK, BOSS),
    "sign-out": Route(lambda s, v: s.write(end.sign_out, s.by(v)), OUT, ANN),
    "sign-out everywhere": Route(lambda s, v: s.write(end.sign_out_everywhere, s.by(v)), OUT, ANN),
    "disabled": Route(lambda s, v: _update(s, disabled=True), EndReason.USER_DISABLED, BOSS),
    "own password": Route(_by_own_password, CHANGED, ANN),
    "password by boss": Route(_by_password_of_boss, CHANGED, BOSS),
    "first sign-in": Route(_by_first_sign_in, CHANGED, ANN),
    "same device": Route(
        lambda s, v: s.sign_in(application="mail", device_secret=v.device_secret).ended,
        DISPLACED,
        ANN,
    ),
    "another user": Route(
        lambda s, v: s.sign_in("bob", "mail", secret=v.secret).ended, DISPLACED, "acme/bob"
    ),
    "cap": Route(_by_cap, DISPLACED, ANN),
    "exclusive application": Route(_by_exclusive_application, DISPLACED, ANN),
    "exclusive organization": Route(_by_exclusive_organization, DISPLACED, ANN),
    "entering": Route(_by_entering, DISPLACED, ANN),
    "record": Route(
        lambda s, v: s.write(records.delete_record, s.by_application("wiki"), RECORD).ended,
        REVOKED,
        WIKI,
    ),
    "id of a record": Route(
        lambda s, v: (
            s.write(records.delete_id, s.by_application("wiki"), RECORD, v.session.id).ended
        ),
        REVOKED,
        WIKI,
    ),
    "replaced record": Route(_by_update_record, DISPLACED, WIKI),
    "exclusive record": Route(_by_exclusive_record, DISPLACED, WIKI),
    "full record": Route(_by_full_record, DISPLACED, WIKI),
    "idle": Route(_by_sweeping, EndReason.IDLE, SYSTEM),
    "expired": Route(_by_expiring, EndReason.EXPIRED, SYSTEM),
    "cut off": Route(_by_cut_off, EndReason.RISK, BOSS),
}


@pytest.mark.parametrize("name", ROUTES)
def test_every_way_writes_everything(scene: Scene, name: str) -> None:
    """Covers W9, W11, W13, I05, I06, I09, R03: whoever ends it, and however."""
    route = ROUTES[name]
    victim = scene.sign_in()
    scene.grant(victim, "online")
    scene.grant(victim, "offline", offline=True)
    outcome = route.run(scene, victim)

    session = scene.row(victim)
    assert not scene.lives(victim)
    assert (session.ended_reason, session.ended_by) == (route.reason, route.actor)
    assert session.ended_at == scene.clock.now
    (client,) = scene.rows(tables.client_session, session_id=session.id)
    assert (client.ended_at, client.settled_at) == (scene.clock.now, None)
    (notice,) = scene.rows(tables.notice, session_id=session.id)
    assert (notice.target, notice.sid) == (WIKI_LOGOUT, client.sid)
    assert (notice.reason, notice.state) == (route.reason, "pending")
    grants = {g.id: g.ended_reason for g in scene.rows(tables.grant)}
    spared = route.reason in SPARES_OFFLINE_GRANTS
    assert grants == {"online": route.reason, "offline": None if spared else route.reason}
    assert scene.rows(tables.change_log, session_id=session.id, kind="session")
    (event,) = scene.rows(tables.audit_event, event="session.ended", session_id=session.id)
    assert (event.actor, event.user) == (route.actor, "ann")
    assert json.loads(event.detail)["reason"] == route.reason
    _counters_agree(scene)
    if isinstance(outcome, end.Ended):
        assert outcome.ended == (session.id,)
        assert outcome.users == 1
        assert outcome.pending == ("wiki",)
        assert outcome.last_token_expires_at == victim.session.created_at + timedelta(days=20)


def _counters_agree(scene: Scene) -> None:
    counted = {
        (r.owner, r.name, r.application): r.live for r in scene.rows(tables.record) if r.live
    }
    real: dict[tuple[str, str, str], int] = {}
    names = {a.key: a.name for a in scene.rows(tables.application)}
    people = {u.key: u.name for u in scene.rows(tables.user)}
    owners = {o.key: o.name for o in scene.rows(tables.organization)}
    for c in scene.rows(tables.client_session, ended_at=None):
        key = (owners[c.organization_key], people[c.user_key], names[c.application_key])
        real[key] = real.get(key, 0) + 1
    assert counted == real


def test_a_deleted_users_sessions_end_and_keep_nothing_personal(both: Scene) -> None:
    """Covers W13, A11, R12: what the applications are told stays, what names her goes."""
    victim = both.sign_in()
    both.grant(victim, "offline", offline=True)
    _by_deleting(both, victim)
    session = both.row(victim)
    assert session.ended_reason is EndReason.USER_DELETED
    assert session.user.startswith("deleted:")
    assert (session.device.agent, session.device.address, session.label) == ("", "", "")
    assert [g.ended_reason for g in both.rows(tables.grant)] == ["user_deleted"]
    assert [n.session_id for n in both.rows(tables.notice)] == [victim.session.id]
    _counters_agree(both)


STEPS = (
    "sessions.by_ids",
    "sessions.mark_ended",
    "client_sessions.of_sessions",
    "client_sessions.end",
    "outbox.owe_logouts",
    "grants.end_of_sessions",
    "changes.append",
    "audit.write",
    "records.apply_deltas",
)


class Broken(Exception):
    """The process dies here."""


def _break(monkeypatch: pytest.MonkeyPatch, scene: Scene, step: str) -> None:
    module_name, name = step.split(".")
    module = importlib.import_module(f"ostiary.storage.{module_name}")
    whole = getattr(module, name)

    def broken(*args: Any, **kwargs: Any) -> Any:
        whole(*args, **kwargs)
        raise Broken

    monkeypatch.setattr(module, name, broken)
    if step == "records.apply_deltas":
        monkeypatch.setattr(scene.database, "_before_commit", broken)


def test_an_ending_that_breaks_off_anywhere_leaves_nothing(both: Scene) -> None:
    """Covers W11, I10: all of it in one transaction; the session lives on, and can be ended."""
    victim = both.sign_in()
    both.grant(victim, "online")
    before = both.everything()
    for step in STEPS:
        with pytest.MonkeyPatch.context() as monkeypatch:
            _break(monkeypatch, both, step)
            with pytest.raises(Broken):
                both.write(end.end_one, both.act(), victim.session.id)
        assert both.everything() == before, step
    assert both.lives(victim)
    both.write(end.end_one, both.act(), victim.session.id)
    assert not both.lives(victim)


WRITTEN_TOGETHER = [
    "disabled",
    "own password",
    "password by boss",
    "same device",
    "exclusive organization",
    "replaced record",
    "id of a record",
    "idle",
    "cut off",
]


@pytest.mark.parametrize("name", WRITTEN_TOGETHER)
def test_what_an_ending_goes_with_is_undone_with_it(scene: Scene, name: str) -> None:
    """Covers W11, W13: no disabled user with a live session, no new password with an old one."""
    route = ROUTES[name]
    scene.sign_in("boss", "app-built-in")
    victim = scene.sign_in()
    users_before = scene.rows(tables.user)
    passwords_before = scene.rows(tables.credential)
    with pytest.MonkeyPatch.context() as monkeypatch:
        _break(monkeypatch, scene, "outbox.owe_logouts")
        with pytest.raises(Broken):
            route.run(scene, victim)
    assert scene.reason(victim) is None
    assert scene.rows(tables.credential) == passwords_before
    if name in {"disabled", "own password"}:
        assert [u.disabled for u in scene.rows(tables.user)] == [u.disabled for u in users_before]
    assert scene.events(event="session.ended") == []
    assert scene.rows(tables.notice) == []
    _counters_agree(scene)


def test_what_has_run_out_is_settled_with_its_true_reason(both: Scene) -> None:
    """Nobody ended what was dead by the clock, so nobody is told that she did."""
    ran_out = both.sign_in(application="mail")
    both.clock.forward(minutes=45)
    alive = both.sign_in()
    both.clock.forward(minutes=30)
    change = users.UserChange(disabled=True)
    written = both.write(
        users.update_user, both.by_application("wiki"), both.house.vault, "acme", "ann", change
    )
    assert written.ended.ended == (alive.session.id,)
    assert both.row(ran_out).ended_reason is EndReason.IDLE
    assert both.row(ran_out).ended_by == "system"
    assert both.row(alive).ended_reason is EndReason.USER_DISABLED


def test_offline_grants_of_sessions_that_ended_long_ago_fall_with_the_user(scene: Scene) -> None:
    """Covers W13: they outlive signing out, and nothing else."""
    signed_out = scene.sign_in()
    scene.grant(signed_out, "offline", offline=True)
    scene.write(end.sign_out, scene.by(signed_out))
    assert [g.ended_reason for g in scene.rows(tables.grant)] == [None]
    outcome = _by_own_password(scene, signed_out)
    assert isinstance(outcome, end.Ended)
    assert outcome.ended == ()
    assert outcome.last_token_expires_at == signed_out.session.created_at + timedelta(days=20)
    assert [g.ended_reason for g in scene.rows(tables.grant)] == [EndReason.CREDENTIAL_CHANGED]


def test_the_session_that_changes_its_password_keeps_its_grants(scene: Scene) -> None:
    mine = scene.sign_in()
    scene.grant(mine, "mine")
    scene.grant(scene.sign_in(), "other")
    scene.clock.forward(seconds=1)
    passwords.change_own(scene.house, scene.by(mine), PASSWORD, "another pass phrase")
    assert {g.id: g.ended_reason for g in scene.rows(tables.grant)} == {
        "mine": None,
        "other": EndReason.CREDENTIAL_CHANGED,
    }
