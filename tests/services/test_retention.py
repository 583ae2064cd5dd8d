"""What happens by itself: expiring, settling cut-offs, purging."""

from __future__ import annotations

import json
from datetime import timedelta

import msgspec
import pytest

from ostiary.domain.session import EndReason
from ostiary.services import applications, end, entering, records, retention, users
from ostiary.services.house import Policy
from ostiary.storage import cut_offs, sessions, tables
from ostiary.storage.records import RecordQuery
from tests.services.scene import WIKI_LOGOUT, Scene, at_once


def _sweep(scene: Scene, limit: int = 100) -> int:
    return scene.write(retention.sweep, scene.clock.now, limit)


def _cut_off(
    scene: Scene,
    subject: str,
    key: int,
    *,
    reason: EndReason = EndReason.RISK,
    actor: str = "operator",
) -> None:
    scene.clock.forward(seconds=1)
    scene.write(cut_offs.raise_epoch, subject, key, reason=reason, actor=actor, now=scene.clock.now)


def _settle(scene: Scene, limit: int = 100) -> int:
    return scene.write(retention.settle_cut_offs, scene.clock.now, limit)


# Sweeping


def test_what_nobody_reads_any_more_is_ended_with_its_true_reason(both: Scene) -> None:
    """Covers W10, E07: audited, in the change log, and by the system."""
    expired = both.sign_in("bob")
    for _ in range(46):
        both.clock.forward(minutes=30)
        both.caller(expired, active=True)
    idle = both.sign_in()
    for _ in range(2):
        both.clock.forward(minutes=30)
        both.caller(expired, active=True)
    alive = both.sign_in("boss")
    assert _sweep(both) == 2
    assert both.reason(idle) is EndReason.IDLE
    assert both.reason(expired) is EndReason.EXPIRED
    assert both.reason(alive) is None
    assert both.row(idle).ended_by == "system"
    for gone in (idle, expired):
        assert both.rows(tables.change_log, session_id=gone.session.id)
        (event,) = both.rows(tables.audit_event, event="session.ended", session_id=gone.session.id)
        assert event.actor == "system"
        assert json.loads(event.detail)["reason"] == both.reason(gone)
    assert _sweep(both) == 0


def test_expiry_owes_notices_like_any_other_ending(both: Scene) -> None:
    """Covers I09, I05: the application is told that the session ran out."""
    started = both.sign_in(application="wiki")
    both.sign_in("bob", application="mail")
    both.clock.forward(hours=2)
    _sweep(both)
    (notice,) = both.rows(tables.notice)
    assert (notice.target, notice.reason, notice.state) == (WIKI_LOGOUT, "idle", "pending")
    (client,) = both.rows(tables.client_session, session_id=started.session.id)
    assert notice.sid == client.sid
    assert client.ended_at == both.clock.now
    assert client.settled_at is None
    records_left = both.rows(tables.record)
    assert records_left == []


def test_idleness_is_only_concluded_from_the_row(both: Scene) -> None:
    """A use that another process stored keeps the session; the sweeper comes back in time."""
    started = both.sign_in()
    both.clock.forward(minutes=40)
    both.write(sessions.store_uses, [(started.session.id, both.clock.now)])
    both.clock.forward(minutes=25)
    assert _sweep(both) == 1
    assert both.reason(started) is None
    (row,) = both.rows(tables.session)
    assert row.check_after == both.row(started).idle_expires_at
    assert _sweep(both) == 0
    both.clock.forward(minutes=34, seconds=59)
    assert _sweep(both) == 0
    both.clock.forward(seconds=1)
    assert _sweep(both) == 1
    assert both.reason(started) is EndReason.IDLE


def test_a_sweep_is_bounded_and_says_how_far_it_came(scene: Scene) -> None:
    for _ in range(7):
        scene.sign_in()
    scene.clock.forward(hours=2)
    assert [_sweep(scene, limit=3) for _ in range(4)] == [3, 3, 1, 0]
    assert {row.ended_reason for row in scene.rows(tables.session)} == {"idle"}


def test_two_sweepers_do_the_work_once(both: Scene) -> None:
    for _ in range(12):
        both.sign_in()
    both.clock.forward(hours=2)
    at_once(*[lambda: _sweep(both)] * 4)
    while _sweep(both):
        pass
    assert len(both.events(event="session.ended")) == 12
    assert len(both.rows(tables.notice)) == 12


# Cut-offs


@pytest.mark.parametrize("subject", ["organization", "user", "application"])
def test_a_cut_off_is_settled_with_its_reason_and_its_actor(both: Scene, subject: str) -> None:
    """Covers W11, I09: rows, notices, audit and counters follow the epoch."""
    started, other = both.sign_in(), both.sign_in("gus", "shop", "globex")
    _cut_off(both, subject, getattr(started.session, f"{subject}_key"), actor="acme/boss")
    later = both.sign_in()
    assert _settle(both) == 1
    row = both.row(started)
    assert (row.ended_reason, row.ended_by) == (EndReason.RISK, "acme/boss")
    (event,) = both.rows(tables.audit_event, event="session.ended")
    assert event.session_id == started.session.id
    assert [n.reason for n in both.rows(tables.notice)] == ["risk"]
    assert [r.live for r in both.rows(tables.record, owner="acme")] == [1]
    assert both.lives(later)
    assert both.lives(other)
    (done,) = both.rows(tables.cut_off)
    assert (done.settled, done.finished_at) == (1, both.clock.now)
    assert _settle(both) == 0


def test_settling_is_bounded(scene: Scene) -> None:
    for _ in range(5):
        started = scene.sign_in()
    key = started.session.organization_key
    _cut_off(scene, "organization", key)
    assert [_settle(scene, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    (done,) = scene.rows(tables.cut_off)
    assert done.settled == 5


def test_each_of_several_cut_offs_settles_what_it_killed(scene: Scene) -> None:
    first = scene.sign_in()
    key = first.session.organization_key
    _cut_off(scene, "organization", key, reason=EndReason.RISK, actor="acme/boss")
    second = scene.sign_in("bob")
    _cut_off(scene, "organization", key, reason=EndReason.ADMIN_BULK, actor="operator")
    third = scene.sign_in("boss")
    while _settle(scene, limit=1):
        pass
    assert scene.row(first).ended_reason is EndReason.RISK
    assert scene.row(first).ended_by == "acme/boss"
    assert scene.row(second).ended_reason is EndReason.ADMIN_BULK
    assert scene.row(second).ended_by == "operator"
    assert scene.lives(third)


def test_who_ends_a_session_whose_cut_off_waits_is_told_that_it_was_dead(scene: Scene) -> None:
    started = scene.sign_in()
    _cut_off(scene, "organization", started.session.organization_key)
    assert scene.write(end.end_selected, scene.act(), [started.session.id]).count == 0
    change = users.UserChange(disabled=True)
    scene.write(users.update_user, scene.act(), scene.house.vault, "acme", "ann", change)
    assert scene.row(started).ended_reason is EndReason.RISK
    assert _settle(scene) == 0
    assert len(scene.events(event="session.ended")) == 1


@pytest.mark.parametrize("subject", ["organization", "user", "application"])
def test_the_sweeper_gives_what_was_born_dead_the_cut_offs_reason(
    scene: Scene, subject: str
) -> None:
    """A sign-in that raced the cut-off may commit after the last row was settled."""
    started = scene.sign_in()
    _cut_off(scene, subject, getattr(started.session, f"{subject}_key"), actor="acme/boss")
    scene.execute("UPDATE cut_off SET finished_at = at")
    scene.clock.forward(days=2)
    assert _sweep(scene) == 1
    row = scene.row(started)
    assert (row.ended_reason, row.ended_by) == (EndReason.RISK, "acme/boss")


def test_a_cut_off_that_left_no_trace_is_the_systems(scene: Scene) -> None:
    started = scene.sign_in()
    _cut_off(scene, "user", started.session.user_key)
    scene.execute("DELETE FROM cut_off")
    scene.clock.forward(days=2)
    _sweep(scene)
    assert scene.row(started).ended_reason is EndReason.ADMIN_BULK
    assert scene.row(started).ended_by == "system"


def test_deleting_an_application_cuts_its_sessions_off(both: Scene) -> None:
    """Covers A10: dead before anything is settled; used elsewhere they live on."""
    wiki, mail = both.sign_in(application="wiki"), both.sign_in(application="mail")
    both.write(entering.enter, both.by(mail), "wiki")
    both.write(applications.delete_application, both.act(), "wiki")
    assert not both.lives(wiki)
    assert both.lives(mail)
    shown, _ = both.read(records.list_records, both.act(), RecordQuery(owner="acme"))
    assert [view.record.application for view in shown] == ["mail"]
    assert _settle(both) == 2
    assert both.row(wiki).ended_reason is EndReason.ADMIN_BULK
    owed = {n.session_id for n in both.rows(tables.notice)}
    assert owed == {wiki.session.id, mail.session.id}  # its use in the wiki ended as well
    assert both.lives(mail)
    assert [r.application for r in both.rows(tables.record)] == ["mail"]
    assert _settle(both) == 0


# Purging


def _purge(scene: Scene, policy: Policy | None = None) -> int:
    return scene.write(retention.purge, scene.clock.now, policy or scene.policy)


def test_nothing_within_retention_is_purged(scene: Scene) -> None:
    ended, alive = scene.sign_in(application="mail"), scene.sign_in(remember=True)
    scene.write(end.end_selected, scene.act(), [ended.session.id])
    scene.clock.forward(hours=23)
    before = scene.everything()
    assert _purge(scene) == 0
    assert scene.everything() == before
    assert scene.lives(alive)


def test_what_is_past_retention_goes_and_the_living_stay(both: Scene) -> None:
    """Covers R12: sessions, client sessions, audit, changes and old devices."""
    ended = both.sign_in(application="mail")
    both.write(end.end_selected, both.act(), [ended.session.id])
    both.clock.forward(days=91)
    alive = both.sign_in(device_secret=None or "", remember=True)
    removed = _purge(both)
    assert removed > 0
    assert [row.id for row in both.rows(tables.session)] == [alive.session.id]
    assert [row.session_id for row in both.rows(tables.client_session)] == [alive.session.id]
    assert {row.at for row in both.rows(tables.audit_event)} == {both.clock.now}
    assert {row.at for row in both.rows(tables.change_log)} <= {both.clock.now}
    (event,) = both.rows(tables.audit_event, event="retention.purged")
    assert json.loads(event.detail)["sessions"] == 1
    assert both.lives(alive)
    while _purge(both):
        pass
    assert len(both.rows(tables.device)) == 2


def test_an_ended_session_whose_application_was_not_told_is_kept(scene: Scene) -> None:
    """Covers I10: a notice that is still owed keeps what it is about."""
    ended = scene.sign_in(application="wiki")
    scene.write(end.end_selected, scene.act(), [ended.session.id])
    scene.clock.forward(days=400)
    while _purge(scene):
        pass
    assert scene.reason(ended) is EndReason.REVOKED
    scene.execute("UPDATE client_session SET settled_at = 1")
    assert _purge(scene) == 1
    assert scene.rows(tables.session) == []


def test_the_device_of_a_live_session_is_not_forgotten(scene: Scene) -> None:
    """However long ago somebody signed in on it."""
    forever = Policy(
        lifetimes=msgspec.structs.replace(
            Policy().lifetimes, remembered_idle=400 * 86_400, remembered_absolute=400 * 86_400
        )
    )
    object.__setattr__(scene.house, "policy", forever)
    alive = scene.sign_in(remember=True)
    scene.execute("UPDATE device SET last_seen_at = 1")
    gone = scene.sign_in("bob")
    scene.write(end.end_selected, scene.act(), [gone.session.id])
    scene.execute("UPDATE device SET last_seen_at = 1")
    scene.clock.forward(days=399)
    while _purge(scene):
        pass
    (device,) = scene.rows(tables.device)
    assert device.key == alive.session.device_key
    assert scene.lives(alive)


def test_the_change_log_keeps_a_day(scene: Scene) -> None:
    started = scene.sign_in()
    scene.write(end.end_selected, scene.act(), [started.session.id])
    scene.clock.forward(hours=23)
    _purge(scene)
    assert len(scene.rows(tables.change_log)) == 1
    scene.clock.forward(hours=2)
    assert _purge(scene) == 1
    assert scene.rows(tables.change_log) == []


def test_purging_is_bounded(scene: Scene) -> None:
    for _ in range(5):
        started = scene.sign_in(application="mail")
        scene.write(end.end_selected, scene.act(), [started.session.id])
    scene.clock.forward(days=500)
    gone = scene.write(retention.purge, scene.clock.now, scene.policy, 2)
    assert gone == 8  # two each of sessions, events, changes and devices
    assert len(scene.rows(tables.session)) == 3
    assert scene.clock.now - timedelta(days=500) not in {
        row.at for row in scene.rows(tables.audit_event, event="retention.purged")
    }
