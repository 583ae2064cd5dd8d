"""Casdoor records: live sessions and registered ids in one list (contract 1 and 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ostiary.domain.access import NOBODY
from ostiary.domain.errors import (
    BadCursor,
    BadInput,
    NotAllowed,
    NotSignedIn,
    OstiaryError,
    ReauthenticationNeeded,
)
from ostiary.domain.session import EndReason
from ostiary.services import entering, records, users
from ostiary.services.house import Act
from ostiary.services.records import Change, RecordView
from ostiary.storage import tables
from ostiary.storage.record_pages import RecordFilter
from ostiary.storage.records import RecordQuery
from tests.services.scene import Scene

KEY = ("acme", "ann", "wiki")
OWN = ("acme", "Session_123456", "app-built-in")


def _view(scene: Scene, key: tuple[str, str, str] = KEY) -> RecordView | None:
    return scene.read(records.get_record, scene.act(), key)


def _ids(scene: Scene, key: tuple[str, str, str] = KEY) -> list[str]:
    view = _view(scene, key)
    return [] if view is None else list(view.ids)


def _add(
    scene: Scene,
    *ids: str,
    key: tuple[str, str, str] = KEY,
    exclusive: bool = False,
    act: Act | None = None,
) -> Change:
    act = act or scene.by_application("wiki")
    return scene.write(records.add_record, act, key, ids, exclusive=exclusive)


# What a record shows


def test_a_record_shows_live_sessions_by_their_public_ids(both: Scene) -> None:
    """Covers W5, W10: oldest first, never a secret."""
    first, second = both.sign_in(), both.sign_in()
    both.clock.forward(seconds=1)
    third = both.sign_in()
    ids = _ids(both)
    assert set(ids[:2]) == {first.session.id, second.session.id}
    assert ids[2] == third.session.id
    view = _view(both)
    assert view is not None
    assert view.record.created_time == "2026-11-24T09:00:00Z"
    assert first.secret not in str(view)


def test_a_session_that_ran_out_is_not_shown_though_nobody_swept(both: Scene) -> None:
    """Covers W10: expiry is enforced on reading."""
    both.sign_in()
    both.clock.forward(minutes=59)
    alive = both.sign_in()
    both.sign_in("bob")
    both.clock.forward(minutes=1)
    assert _ids(both) == [alive.session.id]
    both.clock.forward(hours=1)
    assert _view(both) is None
    shown, _ = both.read(records.list_records, both.act(), RecordQuery(owner="acme"))
    assert shown == ()


def test_one_session_in_two_applications_is_in_both_records(scene: Scene) -> None:
    started = scene.sign_in(application="wiki")
    scene.write(entering.enter, scene.by(started), "mail")
    assert _ids(scene) == _ids(scene, ("acme", "ann", "mail")) == [started.session.id]
    scene.write(records.delete_record, scene.act(), ("acme", "ann", "mail"))
    assert not scene.lives(started)
    assert _view(scene) is None


def test_signing_in_again_does_not_move_an_id(scene: Scene) -> None:
    """Contract 1.8: ``[a, c]`` stays ``[a, c]``."""
    first = scene.sign_in()
    scene.clock.forward(seconds=1)
    second = scene.sign_in()
    scene.sign_in(secret=first.secret, device_secret=first.device_secret)
    assert _ids(scene) == [first.session.id, second.session.id]


@pytest.mark.parametrize(
    ("ids", "asked", "duplicated"),
    [
        ([], "a", False),
        (["a"], "a", False),
        (["a"], "b", True),
        (["a", "b"], "a", True),
        (["a", "b"], "", True),
    ],
)
def test_whether_somebody_else_holds_a_record(
    scene: Scene, ids: list[str], asked: str, *, duplicated: bool
) -> None:
    """Contract 1.2."""
    if ids:
        _add(scene, *ids)
    assert scene.read(records.is_duplicated, scene.act(), KEY, asked) is duplicated


def test_a_record_without_ids_is_not_duplicated(scene: Scene) -> None:
    _add(scene)
    assert scene.read(records.is_duplicated, scene.act(), KEY, "a") is False


# Registering


def test_an_application_registers_ids_of_users_whom_nobody_knows(both: Scene) -> None:
    """Contract 4.2: what the SDKs' own tests do; an empty record stays."""
    assert _add(both, key=OWN, act=both.admin()).affected
    assert _ids(both, OWN) == []
    assert _view(both, OWN) is not None
    _add(both, "s1", "", "s2", "s1", key=OWN, act=both.admin())
    assert _ids(both, OWN) == ["s1", "s2"]
    assert both.write(records.delete_record, both.act(), OWN).affected
    assert _view(both, OWN) is None
    assert not both.write(records.delete_record, both.act(), OWN).affected
    assert both.events(application="app-built-in", user=OWN[1]) == [
        "record.registered",
        "record.updated",
        "record.deleted",
    ]


def test_registered_ids_and_sessions_meet_in_one_list(scene: Scene) -> None:
    """And registering signs nobody in."""
    started = scene.sign_in()
    _add(scene, "mine", started.session.id)
    assert _ids(scene) == [started.session.id, "mine"]
    assert len(scene.rows(tables.session)) == 1
    _add(scene, "other")
    assert _ids(scene) == [started.session.id, "mine", "other"]
    scene.write(records.delete_id, scene.by_application("wiki"), KEY, started.session.id)
    assert _ids(scene) == ["mine", "other"]


def test_a_live_record_becomes_a_registered_one_and_stays(scene: Scene) -> None:
    started = scene.sign_in()
    _add(scene, "mine")
    scene.write(records.delete_id, scene.act(), KEY, started.session.id)
    scene.write(records.delete_id, scene.act(), KEY, "mine")
    assert _view(scene) is None
    assert scene.rows(tables.record) == []


def test_a_record_holds_a_hundred_ids_and_who_leaves_it_is_ended(scene: Scene) -> None:
    """Covers W9: the last hundred stay."""
    started = scene.sign_in()
    change = _add(scene, *[f"id-{n}" for n in range(99)])
    assert scene.lives(started)
    assert change.ended.count == 0
    change = _add(scene, "id-99")
    assert change.ended.ended == (started.session.id,)
    assert scene.reason(started) is EndReason.DISPLACED
    assert len(_ids(scene)) == 100
    with pytest.raises(BadInput):
        _add(scene, *[f"more-{n}" for n in range(101)])


def test_an_exclusive_registration_leaves_its_first_id_alone(scene: Scene) -> None:
    """Covers W9: contract 1.4, and the others are ended."""
    started, bob = scene.sign_in(), scene.sign_in("bob")
    change = _add(scene, "only", "not-this", exclusive=True)
    assert change.ended.ended == (started.session.id,)
    assert _ids(scene) == ["only"]
    assert scene.lives(bob)
    with pytest.raises(BadInput):
        _add(scene, "", exclusive=True)


def test_an_exclusive_registration_can_name_a_live_session(scene: Scene) -> None:
    first, second = scene.sign_in(), scene.sign_in()
    _add(scene, first.session.id, exclusive=True)
    assert scene.lives(first)
    assert not scene.lives(second)


def test_replacing_the_ids_ends_who_is_not_among_them(both: Scene) -> None:
    """Covers W9: contract 1.3."""
    first, second = both.sign_in(), both.sign_in()
    act = both.by_application("wiki")
    change = both.write(records.update_record, act, KEY, [second.session.id, "x"], created_time="")
    assert (change.affected, change.ended.ended) == (True, (first.session.id,))
    assert _ids(both) == [second.session.id, "x"]
    assert both.lives(second)


def test_only_what_is_not_empty_is_replaced(scene: Scene) -> None:
    """Contract 1.3 and 4.2: the time is stored as it was sent, whatever it is."""
    started = scene.sign_in()
    act = scene.by_application("wiki")
    write = lambda ids, time: scene.write(  # noqa: E731
        records.update_record, act, KEY, ids, created_time=time
    )
    assert write([], "Updated Casdoor Website").affected
    view = _view(scene)
    assert view is not None
    assert view.record.created_time == "Updated Casdoor Website"
    assert view.ids == (started.session.id,)
    assert write([], "").affected
    with pytest.raises(BadInput):
        write([], "x" * 101)
    absent = scene.write(records.update_record, act, ("acme", "no", "wiki"), ["x"], created_time="")
    assert not absent.affected
    assert _view(scene, ("acme", "no", "wiki")) is None


@pytest.mark.parametrize(
    "ids", [["x" * 201], ["a\x00b"], ["x"] * 101 + [str(n) for n in range(101)]]
)
def test_ids_are_bounded(scene: Scene, ids: list[str]) -> None:
    """Covers W3."""
    before = scene.rows(tables.record)
    for verb in (
        lambda: _add(scene, *ids),
        lambda: scene.write(records.update_record, scene.act(), KEY, ids, created_time=""),
    ):
        with pytest.raises(BadInput):
            verb()
    assert scene.rows(tables.record) == before


# Deleting


def test_deleting_a_record_ends_its_sessions_and_forgets_its_ids(both: Scene) -> None:
    first, second, bob = both.sign_in(), both.sign_in(), both.sign_in("bob")
    _add(both, "mine")
    change = both.write(records.delete_record, both.by_application("wiki"), KEY)
    assert set(change.ended.ended) == {first.session.id, second.session.id}
    assert _view(both) is None
    assert both.rows(tables.registered_id) == []
    assert both.lives(bob)


def test_deleting_one_id_leaves_the_others(scene: Scene) -> None:
    first, second = scene.sign_in(), scene.sign_in()
    assert scene.write(records.delete_id, scene.act(), KEY, first.session.id).affected
    assert _ids(scene) == [second.session.id]


def test_an_id_that_is_in_another_record_is_not_touched(both: Scene) -> None:
    """Covers W1: contract 1.5 would destroy it wherever it is."""
    victim = both.sign_in("bob")
    both.sign_in("ann")
    change = both.write(records.delete_id, both.by_application("wiki"), KEY, victim.session.id)
    assert (change.affected, change.ended.count) == (True, 0)
    assert both.lives(victim)
    absent = both.write(records.delete_id, both.act(), ("acme", "no", "wiki"), victim.session.id)
    assert not absent.affected
    assert both.lives(victim)


def test_registering_somebody_elses_id_gives_no_power_over_it(scene: Scene) -> None:
    """Covers W1, R07: the application of another organization names a session of acme's."""
    victim = scene.sign_in("ann")
    act, key = scene.by_application("shop"), ("globex", "gus", "shop")
    _add(scene, victim.session.id, key=key, act=act)
    scene.write(records.delete_id, act, key, victim.session.id)
    _add(scene, victim.session.id, key=key, act=act)
    scene.write(records.delete_record, act, key)
    assert scene.lives(victim)


# Whose records


WHO_MAY: dict[str, dict[str, type[OstiaryError] | None]] = {
    # what acme's record of ann answers: reading it, ending in it, and writing it
    "nobody": dict.fromkeys(("read", "delete", "write"), NotSignedIn),
    "acme/ann": {"read": None, "delete": None, "write": NotAllowed},
    "acme/bob": dict.fromkeys(("read", "delete", "write"), NotAllowed),
    "acme/boss": dict.fromkeys(("read", "delete", "write")),
    "globex/gus": dict.fromkeys(("read", "delete", "write"), NotAllowed),
    "globex/gina": dict.fromkeys(("read", "delete", "write"), NotAllowed),
    "built-in/admin": dict.fromkeys(("read", "delete", "write")),
    "app/wiki": dict.fromkeys(("read", "delete", "write")),
    "app/shop": dict.fromkeys(("read", "delete", "write"), NotAllowed),
    "app/app-built-in": dict.fromkeys(("read", "delete", "write")),
}


def _caller(scene: Scene, who: str) -> Act:
    kind, _, name = who.partition("/")
    if who == "nobody":
        return scene.act(NOBODY)
    if kind == "app":
        return scene.by_application(name)
    return scene.by(scene.sign_in(name, "app-built-in", kind))


@pytest.mark.parametrize("who", WHO_MAY)
def test_a_record_is_judged_by_its_own_key(scene: Scene, who: str) -> None:
    """Covers W1, W2, R07: contract 2.5."""
    started = scene.sign_in()
    act = _caller(scene, who)
    verbs: dict[str, list[Callable[[], Any]]] = {
        "read": [
            lambda: scene.read(records.get_record, act, KEY),
            lambda: scene.read(records.is_duplicated, act, KEY, "x"),
        ],
        "write": [
            lambda: scene.write(records.update_record, act, KEY, [], created_time="T"),
            lambda: scene.write(records.add_record, act, KEY, ["x"], exclusive=False),
        ],
        "delete": [
            lambda: scene.write(records.delete_id, act, KEY, "x"),
            lambda: scene.write(records.delete_record, act, KEY),
        ],
    }
    for kind, some in verbs.items():
        refusal = WHO_MAY[who][kind]
        for verb in some:
            if refusal is None:
                verb()
                continue
            before = scene.everything()
            with pytest.raises(refusal):
                verb()
            assert scene.everything() == before
    assert scene.lives(started) == (WHO_MAY[who]["delete"] is not None)


@pytest.mark.parametrize("key", [("", "ann", "wiki"), ("acme", "", "wiki"), ("acme", "ann", "")])
def test_an_empty_part_of_a_key_is_no_wildcard(scene: Scene, key: tuple[str, str, str]) -> None:
    """Covers W4."""
    started = scene.sign_in()
    for act in (scene.act(), scene.admin()):
        for verb in (
            lambda act=act: scene.read(records.get_record, act, key),
            lambda act=act: scene.write(records.delete_record, act, key),
            lambda act=act: scene.write(records.add_record, act, key, ["x"], exclusive=False),
        ):
            with pytest.raises(BadInput):
                verb()
    assert scene.lives(started)


@pytest.mark.parametrize("part", ["x" * 101, "a\x00b"])
def test_parts_of_a_key_are_bounded(both: Scene, part: str) -> None:
    for position in range(3):
        key = tuple(part if n == position else name for n, name in enumerate(KEY))
        with pytest.raises(BadInput):
            both.read(records.get_record, both.act(), key)


@pytest.mark.parametrize(
    ("who", "owner", "seen"),
    [
        ("acme/ann", None, {"ann"}),
        ("acme/ann", "acme", {"ann"}),
        ("acme/ann", "globex", NotAllowed),
        ("acme/boss", "acme", {"ann", "bob", "boss"}),
        ("acme/boss", None, NotAllowed),
        ("acme/boss", "globex", NotAllowed),
        ("app/wiki", "acme", {"ann", "bob"}),
        ("app/shop", "acme", NotAllowed),
        ("nobody", "acme", NotSignedIn),
        ("built-in/admin", "acme", {"ann", "bob"}),
        ("built-in/admin", None, {"ann", "bob", "gus", "admin"}),
        ("app/app-built-in", "globex", {"gus"}),
    ],
)
def test_a_list_holds_what_the_caller_may_see(
    scene: Scene, who: str, owner: str | None, seen: set[str] | type[OstiaryError]
) -> None:
    """Covers W2, R07: contract 2.5."""
    for user in ("ann", "bob"):
        scene.sign_in(user)
    scene.sign_in("gus", "shop", "globex")
    act = _caller(scene, who)
    wanted = RecordQuery(owner=owner, name="bob" if who == "acme/ann" else None)
    if not isinstance(seen, set):
        with pytest.raises(seen):
            scene.read(records.list_records, act, wanted)
        return
    shown, total = scene.read(records.list_records, act, wanted)
    assert {view.record.name for view in shown} == seen
    assert total == len(shown)


def test_the_console_pages_through_records_in_both_directions(scene: Scene) -> None:
    for number in range(7):
        scene.clock.forward(seconds=1)
        _add(scene, "x", key=("acme", f"u{number}", "wiki"))
    vault, act = scene.house.vault, scene.boss()
    browse = lambda cursor, **chosen: scene.read(  # noqa: E731
        records.browse_records, act, vault, RecordFilter(**chosen), cursor=cursor, limit=3
    )
    first = browse(None, application="wiki")
    names = [v.record.name for v in first.items]
    assert names == ["u6", "u5", "u4"]
    assert (first.previous, first.total, first.total_is_exact) == (None, 7, True)
    second = browse(first.next, application="wiki")
    third = browse(second.next, application="wiki")
    assert [v.record.name for v in (*second.items, *third.items)] == ["u3", "u2", "u1", "u0"]
    assert third.next is None
    assert browse(third.previous, application="wiki").items == second.items
    assert browse(second.previous, application="wiki").items == first.items
    with pytest.raises(BadCursor):
        browse(first.next, application="mail")
    assert [v.record.name for v in browse(None, text="u3 wiki").items] == ["u3"]
    with pytest.raises(NotAllowed):
        browse(None, owner="globex")


# Following the user


def test_a_renamed_users_records_follow(both: Scene) -> None:
    """Contract 1.6 leaves them behind; here the list agrees with what works."""
    started = both.sign_in()
    _add(both, "mine")
    _add(both, "theirs", key=("acme", "anna", "wiki"))  # registered before anybody had that name
    _add(both, "other", key=("acme", "anna", "mail"))
    change = users.UserChange(name="anna")
    both.write(users.update_user, both.act(), both.house.vault, "acme", "ann", change)
    assert _view(both) is None
    assert _ids(both, ("acme", "anna", "wiki")) == [started.session.id, "theirs", "mine"]
    assert _ids(both, ("acme", "anna", "mail")) == ["other"]
    again = both.sign_in("anna")
    assert again.session.id in _ids(both, ("acme", "anna", "wiki"))
    both.write(records.delete_record, both.act(), ("acme", "anna", "wiki"))
    assert not both.lives(started)
    assert [r.application for r in both.rows(tables.record)] == ["mail"]


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_what_was_registered_for_a_user_goes_with_her(scene: Scene, how: str) -> None:
    """Covers W13, R12: contract 1.6; and nobody who gets her name inherits it."""
    scene.sign_in()
    _add(scene, "mine")
    _add(scene, "also", key=("acme", "ann", "mail"))
    _add(scene, "bobs", key=("acme", "bob", "wiki"))
    if how == "disabled":
        change = users.UserChange(disabled=True)
        scene.write(users.update_user, scene.act(), scene.house.vault, "acme", "ann", change)
    else:
        scene.write(users.delete_user, scene.act(), "acme", "ann")
    assert [r.name for r in scene.rows(tables.record)] == ["bob"]
    assert [r.public_id for r in scene.rows(tables.registered_id)] == ["bobs"]


def test_ending_by_a_record_asks_for_the_password_too(scene: Scene) -> None:
    """Covers A16."""
    mine, target = scene.sign_in(application="mail"), scene.sign_in()
    scene.clock.forward(minutes=16)
    act = scene.by(mine)
    with pytest.raises(ReauthenticationNeeded):
        scene.write(records.delete_id, act, KEY, target.session.id)
    with pytest.raises(ReauthenticationNeeded):
        scene.write(records.delete_record, act, KEY)
    assert scene.lives(target)
