"""What happens at the same moment: in threads, on both stores (R10, W8).

Whoever comes first, what must never be is always the same: a live session of somebody who may not
have one, an ending that was acknowledged and undone, or one that was written twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ostiary.domain.errors import (
    AlreadyExists,
    NotFound,
    NotSignedIn,
    OstiaryError,
    Protected,
    WrongCredentials,
)
from ostiary.domain.logout import Ended
from ostiary.domain.session import EndReason
from ostiary.services import (
    applications,
    end,
    organizations,
    passwords,
    records,
    retention,
    setup,
    sign_in,
    users,
)
from ostiary.services.sign_in import SignedIn
from ostiary.storage import cut_offs, tables
from tests.services.scene import Scene, at_once
from tests.support.installation import PASSWORD, Installation

NEW = "another pass phrase"


def _disable(scene: Scene, name: str = "ann") -> Any:
    change = users.UserChange(disabled=True)
    return scene.write(users.update_user, scene.act(), scene.house.vault, "acme", name, change)


def _started(outcomes: list[Any]) -> list[SignedIn]:
    return [o for o in outcomes if isinstance(o, SignedIn)]


def _consistent(scene: Scene) -> None:
    """Each ending was written once, and the counters say what is there."""
    ended = [row.id for row in scene.rows(tables.session) if row.ended_at is not None]
    told = [row.session_id for row in scene.rows(tables.audit_event, event="session.ended")]
    assert sorted(told) == sorted(ended)
    owed = [row.session_id for row in scene.rows(tables.notice)]
    assert len(owed) == len(set(owed))
    live: dict[int, int] = {}
    for row in scene.rows(tables.client_session, ended_at=None):
        live[row.application_key] = live.get(row.application_key, 0) + 1
    assert sum(r.live for r in scene.rows(tables.record)) == sum(live.values())


# Sign-ins beside each other


def test_a_hundred_sign_ins_at_once_are_a_hundred_sessions(both: Scene) -> None:
    """Covers W8: none lost, none doubled."""
    started = _started(at_once(*[both.sign_in] * 40))
    assert len(started) == 40
    assert all(both.lives(one) for one in started)
    (record,) = both.rows(tables.record, application="wiki")
    assert record.live == 40
    _consistent(both)


def test_exclusive_sign_ins_at_once_leave_one(both: Scene) -> None:
    """Covers W8, W9."""
    change = applications.ApplicationChange(exclusive=True)
    both.write(applications.update_application, both.act(), both.house.vault, "wiki", change)
    started = _started(at_once(*[both.sign_in] * 12))
    assert len(started) == 12
    assert [both.lives(one) for one in started].count(True) == 1
    _consistent(both)


def test_the_cap_holds_for_sign_ins_at_once(both: Scene) -> None:
    """Covers W9."""
    first = both.sign_in()
    row = both.rows(tables.session)[0]._asdict()
    client = both.rows(tables.client_session)[0]._asdict()
    ids = [f"{number:032x}" for number in range(96)]
    copies = [{**row, "id": one, "secret_hash": one.encode(), "device_key": None} for one in ids]
    used = [{**client, "session_id": one, "sid": one} for one in ids]
    both.write(lambda tx: tx.execute(tables.session.insert(), copies))
    both.write(lambda tx: tx.execute(tables.client_session.insert(), used))
    both.execute("UPDATE record SET live = 97")
    both.clock.forward(seconds=1)
    at_once(*[both.sign_in] * 8)
    assert len(both.rows(tables.session, ended_at=None)) == 100
    assert len(both.rows(tables.session)) == 105
    assert both.row(first).application == "wiki"
    _consistent(both)


def test_two_users_on_one_device_at_once_leave_one_signed_in(both: Scene) -> None:
    """Whoever comes second ends the first one's, as when they come after each other."""
    known = both.sign_in("boss", "app-built-in").device_secret
    verbs: list[Callable[[], Any]] = [
        lambda name=name: both.sign_in(name, device_secret=known)  # type: ignore[misc]
        for name in ("ann", "bob", "ann", "bob")
    ]
    started = _started(at_once(*verbs))
    assert len(started) == 4
    assert [both.lives(one) for one in started].count(True) == 1
    _consistent(both)


def test_one_session_that_is_authenticated_anew_twice_has_one_secret(both: Scene) -> None:
    """Covers A07, R10: rotate against rotate."""
    old = both.sign_in()
    again = lambda: both.sign_in(secret=old.secret, device_secret=old.device_secret)  # noqa: E731
    started = _started(at_once(*[again] * 6))
    assert len(started) == 6
    assert not both.lives(old)
    assert [both.lives(one) for one in started].count(True) == 1
    _consistent(both)


# Sign-ins beside what forbids them


MEANWHILE: dict[str, Callable[[Scene], Any]] = {
    "disable": _disable,
    "delete": lambda scene: scene.write(users.delete_user, scene.act(), "acme", "ann"),
    "delete application": lambda scene: scene.write(
        applications.delete_application, scene.act(), "wiki"
    ),
    "cut off": lambda scene: scene.write(
        cut_offs.raise_epoch,
        "organization",
        scene.rows(tables.organization, name="acme")[0].key,
        reason=EndReason.RISK,
        actor="operator",
        now=scene.clock.now,
    ),
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_a_sign_in_never_outlives_what_forbids_it(both: Scene, what: str) -> None:
    """Covers R10, W13, A11: whichever comes first, afterwards nothing of hers lives.

    A cut-off lets live what began after it, so the sign-ins are begun before: their passwords are
    compared already when it happens.
    """
    attempt = sign_in.Attempt(
        organization="acme",
        application="wiki",
        login="ann",
        password=PASSWORD,
        device=both.sign_in("bob").session.device,
    )
    found = sign_in.authenticate(both.house, both.act(), attempt)
    finish = lambda: both.write(  # noqa: E731
        sign_in._start, both.house, both.act(), attempt, found, None
    )
    before = finish()
    outcomes = at_once(*[finish] * 3, lambda: MEANWHILE[what](both), *[finish] * 3)
    assert not isinstance(outcomes[3], OstiaryError)
    assert all(isinstance(o, SignedIn | WrongCredentials) for o in (*outcomes[:3], *outcomes[4:]))
    assert not both.lives(before)
    if what == "cut off":
        epoch = both.rows(tables.organization, name="acme")[0].epoch
        for one in _started(outcomes):
            assert both.lives(one) == (one.session.born.organization == epoch)
    else:
        assert not any(both.lives(one) for one in _started(outcomes))
    while both.write(retention.settle_cut_offs, both.clock.now):
        pass
    _consistent(both)


def test_a_new_password_leaves_no_session_of_the_old_one(both: Scene) -> None:
    """Covers R10, W13, A12: a sign-in with the old password that was on its way is too late."""
    both.clock.forward(seconds=1)
    change = lambda: passwords.set_for(  # noqa: E731
        both.house, both.by_application("wiki"), "acme", "ann", NEW
    )
    outcomes = at_once(*[both.sign_in] * 2, change, *[both.sign_in] * 2)
    assert isinstance(outcomes[2], passwords.PasswordSet)
    assert not any(both.lives(one) for one in _started(outcomes))
    assert both.lives(both.sign_in(password=NEW))
    _consistent(both)


def test_of_two_that_change_one_password_at_once_one_does(both: Scene) -> None:
    """Covers R10: the one that was typed second was proven by a password that is no more."""
    acts = [both.by(both.sign_in()) for _ in range(3)]
    later = both.clock.forward(seconds=1)
    verbs: list[Callable[[], Any]] = [
        lambda act=act, new=f"{NEW} {number}": passwords.change_own(  # type: ignore[misc]
            both.house, type(act)(caller=act.caller, now=later), PASSWORD, new
        )
        for number, act in enumerate(acts)
    ]
    outcomes = at_once(*verbs)
    done = [n for n, o in enumerate(outcomes) if isinstance(o, passwords.PasswordSet)]
    assert len(done) == 1
    assert all(
        isinstance(o, WrongCredentials | NotSignedIn)
        for n, o in enumerate(outcomes)
        if n not in done
    )
    assert both.lives(both.sign_in(password=f"{NEW} {done[0]}"))
    assert len(both.events(event="user.password_changed")) == 1


def test_a_reset_wins_over_a_change_that_was_proven_before(scene: Scene) -> None:
    """Covers R10: also where the organization keeps sessions on a new password."""
    change = organizations.OrganizationChange(keep_sessions_on_password_change=True)
    scene.write(organizations.update_organization, scene.act(), scene.house.vault, "acme", change)
    thief = scene.by(scene.sign_in())
    proven = passwords.confirm(scene.house, thief, PASSWORD)
    scene.clock.forward(seconds=1)
    passwords.set_for(scene.house, scene.act(), "acme", "ann", NEW)
    with pytest.raises(WrongCredentials):
        scene.write(passwords._store_own, thief, proven, proven)
    assert scene.lives(scene.sign_in(password=NEW))


# Endings beside each other


def test_of_many_that_end_one_session_exactly_one_writes(both: Scene) -> None:
    """Covers W11: one audit row, one notice, one count."""
    victim = both.sign_in()
    boss, user = both.boss(), both.by(both.sign_in(application="mail"))
    verbs: list[Callable[[], Any]] = [
        lambda: both.write(end.end_one, boss, victim.session.id),
        lambda: both.write(end.end_one, both.act(), victim.session.id),
        lambda: both.write(end.end_mine, user, victim.session.id),
        lambda: both.write(end.end_selected, both.act(), [victim.session.id]),
        lambda: both.write(end.sign_out, both.by(victim)),
        lambda: both.write(records.delete_record, both.act(), ("acme", "ann", "wiki")).ended,
    ]
    outcomes = at_once(*verbs)
    counts = [o.count for o in outcomes if isinstance(o, Ended)]
    assert sum(counts) == 1
    assert all(isinstance(o, Ended | NotFound) for o in outcomes)
    assert len(both.rows(tables.notice)) == 1
    _consistent(both)


def test_endings_and_sign_ins_at_once_resurrect_nothing(both: Scene) -> None:
    """Covers W8: the acceptance of the issue, in small."""
    old = [both.sign_in() for _ in range(6)]
    endings: list[Callable[[], Any]] = [
        lambda one=one: both.write(end.end_one, both.act(), one.session.id)  # type: ignore[misc]
        for one in old
    ]
    outcomes = at_once(*[both.sign_in] * 12, *endings)
    started = _started(outcomes)
    assert len(started) == 12
    assert [both.lives(one) for one in old] == [False] * 6
    assert [both.lives(one) for one in started] == [True] * 12
    _consistent(both)


def test_two_that_end_each_other_leave_at_most_one(both: Scene) -> None:
    """Each needs to be alive to end the other one: never are both acknowledged."""
    for _ in range(3):
        first, second = both.sign_in(), both.sign_in()
        acts = both.by(first), both.by(second)
        outcomes = at_once(
            lambda acts=acts: both.write(end.end_others, acts[0]),  # type: ignore[misc]
            lambda acts=acts: both.write(end.end_others, acts[1]),  # type: ignore[misc]
        )
        assert {type(o) for o in outcomes} == {Ended, NotSignedIn}
        assert [both.lives(first), both.lives(second)].count(True) == 1
        both.write(end.end_selected, both.act(), [first.session.id, second.session.id])
    _consistent(both)


def test_a_session_that_ends_and_is_authenticated_anew_at_once(both: Scene) -> None:
    """Covers R10: either it is dead, or the sign-in made another one. It is never both."""
    for _ in range(3):
        old = both.sign_in()
        outcomes = at_once(
            lambda old=old: both.write(end.end_one, both.act(), old.session.id),  # type: ignore[misc]
            lambda old=old: both.sign_in(secret=old.secret),  # type: ignore[misc]
        )
        assert isinstance(outcomes[0], Ended)
        assert isinstance(outcomes[1], SignedIn)
        assert both.row(old).ended_at is not None
        assert not both.lives(old)
        new = outcomes[1]
        assert both.lives(new) == (new.session.id != old.session.id)
    _consistent(both)


def test_a_use_that_is_stored_while_the_session_ends_revives_nothing(both: Scene) -> None:
    victims = [both.sign_in() for _ in range(4)]
    both.clock.forward(minutes=40)
    ends = [v.session.id for v in victims]
    checks: list[Callable[[], Any]] = [
        lambda one=one: both.caller(one, active=True)  # type: ignore[misc]
        for one in victims
    ]
    at_once(*checks, lambda: both.write(end.end_selected, both.act(), ends), *checks)
    both.house.activity.flush(both.database)
    assert not any(both.lives(one) for one in victims)
    _consistent(both)


# Accounts


def test_of_two_that_give_one_name_one_gets_it(both: Scene) -> None:
    change = users.UserChange(email="new@acme.example")
    add = lambda: both.write(  # noqa: E731
        users.add_user, both.act(), both.house.vault, "acme", "new", change
    )
    outcomes = at_once(*[add] * 4)
    assert [type(o) for o in outcomes].count(AlreadyExists) == 3
    organization = lambda: both.write(  # noqa: E731
        organizations.add_organization,
        both.act(),
        both.house.vault,
        "fresh",
        organizations.OrganizationChange(),
    )
    assert [type(o) for o in at_once(*[organization] * 4)].count(AlreadyExists) == 3


def test_of_two_users_with_one_mail_address_one_is_added(both: Scene) -> None:
    """Covers D04: else the address names nobody any more at sign-in."""
    verbs: list[Callable[[], Any]] = [
        lambda name=name: both.write(  # type: ignore[misc]
            users.add_user,
            both.act(),
            both.house.vault,
            "acme",
            name,
            users.UserChange(email="same@acme.example"),
        )
        for name in ("u1", "u2", "u3")
    ]
    assert [type(o) for o in at_once(*verbs)].count(AlreadyExists) == 2


def test_an_organization_is_not_deleted_under_a_user_who_is_added(both: Scene) -> None:
    both.organization("fresh")
    outcomes = at_once(
        lambda: both.write(organizations.delete_organization, both.act(), "fresh"),
        lambda: both.write(
            users.add_user, both.act(), both.house.vault, "fresh", "new", users.UserChange()
        ),
        lambda: both.write(
            applications.add_application,
            both.act(),
            both.house.vault,
            "fresh",
            "fresh-app",
            applications.ApplicationChange(),
        ),
    )
    (row,) = both.rows(tables.organization, name="fresh")
    if row.deleted_at is None:
        assert isinstance(outcomes[0], Protected)
    else:
        assert isinstance(outcomes[1], NotFound)
        assert isinstance(outcomes[2], NotFound)


def test_changes_of_different_fields_at_once_are_both_kept(both: Scene) -> None:
    """Covers R10: whoever closes an organization is not undone by who renames it."""
    organization = organizations.OrganizationChange
    vault, act = both.house.vault, both.act()
    for change in (organization(exclusive=False), organization(exclusive=True)):
        outcomes = at_once(
            lambda: both.write(
                organizations.update_organization,
                act,
                vault,
                "acme",
                organization(sign_in_disabled=True),
            ),
            lambda change=change: both.write(  # type: ignore[misc]
                organizations.update_organization, act, vault, "acme", change
            ),
        )
        assert not any(isinstance(o, OstiaryError) for o in outcomes)
    (row,) = both.rows(tables.organization, name="acme")
    assert (row.sign_in_disabled, row.exclusive) == (True, True)


def test_one_set_up_link_makes_one_administrator(database_url: str, tmp_path: Any) -> None:
    """Covers C06, W18: however many follow it at once."""
    fresh = Installation(database_url, tmp_path, install=False)
    link = fresh.write(setup.new_link)
    try:
        outcomes = at_once(
            *[
                lambda: setup.install(
                    fresh.house, fresh.act(), admin="admin", password=NEW, link=link
                )
            ]
            * 4
        )
        assert [isinstance(o, setup.Installed) for o in outcomes].count(True) == 1
        assert all(o is None or isinstance(o, setup.Installed | NotFound) for o in outcomes)
    finally:
        fresh.close()
