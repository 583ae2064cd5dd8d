"""Who may end which sessions, and how many at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from ostiary.domain.access import NOBODY, Caller
from ostiary.domain.errors import (
    CurrentSession,
    NotAllowed,
    NotFound,
    NotSignedIn,
    OstiaryError,
    ReauthenticationNeeded,
)
from ostiary.domain.search import SessionFilter, State
from ostiary.domain.session import Device, EndReason
from ostiary.gateways.entropy import new_public_id
from ostiary.services import end, records, report, users
from ostiary.services.house import Act, Policy
from ostiary.services.sign_in import SignedIn
from ostiary.storage import tables
from tests.services.conftest import MakeScene
from tests.services.scene import Scene


def _caller(scene: Scene, who: str) -> Act:
    """Whom the matrix names: ``nobody``, ``acme/ann``, ``app/wiki`` or ``operator``."""
    if who == "nobody":
        return scene.act(NOBODY)
    if who == "operator":
        return scene.act()
    kind, _, name = who.partition("/")
    if kind == "app":
        return scene.by_application(name)
    return scene.by(scene.sign_in(name, "app-built-in", kind))


MATRIX: dict[str, tuple[type[OstiaryError] | None, type[OstiaryError] | None]] = {
    # caller: what becomes of ann's session (acme), and of gus's (globex)
    "nobody": (NotSignedIn, NotSignedIn),
    "acme/ann": (None, NotFound),
    "acme/bob": (NotFound, NotFound),
    "acme/boss": (None, NotFound),
    "globex/gus": (NotFound, None),
    "globex/gina": (NotFound, None),
    "built-in/admin": (None, None),
    "app/wiki": (None, NotFound),
    "app/shop": (NotFound, None),
    "app/app-built-in": (None, None),
    "operator": (None, None),
}


@pytest.mark.parametrize("who", MATRIX)
def test_only_who_may_touch_a_session_ends_it(scene: Scene, who: str) -> None:
    """Covers A14, R07, W1, W2: for all others it does not exist."""
    victims = scene.sign_in("ann"), scene.sign_in("gus", "shop", "globex")
    for victim, refusal in zip(victims, MATRIX[who], strict=True):
        act = _caller(scene, who)
        if refusal is None:
            assert scene.write(end.end_one, act, victim.session.id).ended == (victim.session.id,)
            assert scene.reason(victim) is EndReason.REVOKED
            continue
        for verb in (end.end_one, end.ensure_ended):
            with pytest.raises(refusal) as refused:
                scene.write(verb, act, victim.session.id)
            assert refused.value.text == refusal().text
        if who != "nobody":
            assert scene.write(end.end_selected, act, [victim.session.id]).ended == ()
        assert scene.lives(victim)


@pytest.mark.parametrize("who", ["acme/ann", "acme/boss", "app/wiki", "operator"])
@pytest.mark.parametrize("unknown", ["f" * 32, "", "x", "'; DROP TABLE session; --", "a" * 5_000])
def test_an_unknown_id_is_not_found(scene: Scene, who: str, unknown: str) -> None:
    """Covers W3: an id is only ever a key to look up."""
    act = _caller(scene, who)
    for verb in (end.end_one, end.ensure_ended):
        with pytest.raises(NotFound):
            scene.write(verb, act, unknown)
    assert scene.write(end.end_selected, act, [unknown]).count == 0


def test_ending_twice_is_said_to_people_and_fine_for_programs(both: Scene) -> None:
    victim, act = both.sign_in(), both.boss()
    both.write(end.end_one, act, victim.session.id)
    first = both.row(victim)
    both.clock.forward(seconds=1)
    with pytest.raises(NotFound) as refused:
        both.write(end.end_one, act, victim.session.id)
    assert refused.value.text == "This session has ended already."
    assert both.write(end.ensure_ended, act, victim.session.id).count == 0
    assert both.write(end.end_selected, act, [victim.session.id]).count == 0
    assert both.row(victim) == first
    assert len(both.events(event="session.ended")) == 1


# One's own


def test_a_user_ends_one_of_her_sessions_and_no_other(scene: Scene) -> None:
    """Covers A16."""
    mine, other, third = scene.sign_in(), scene.sign_in(), scene.sign_in()
    assert scene.write(end.end_mine, scene.by(mine), other.session.id).count == 1
    assert [scene.lives(s) for s in (mine, other, third)] == [True, False, True]


@pytest.mark.parametrize("verb", ["mine", "ensure", "not me"])
@pytest.mark.parametrize("who", ["acme/boss", "built-in/admin"])
def test_ones_own_list_ends_nobody_elses_even_for_administrators(
    scene: Scene, who: str, verb: str
) -> None:
    victim, act = scene.sign_in(), _caller(scene, who)
    verbs: dict[str, Callable[[], Any]] = {
        "mine": lambda: scene.write(end.end_mine, act, victim.session.id),
        "ensure": lambda: scene.write(end.ensure_ended, act, victim.session.id, own=True),
        "not me": lambda: scene.write(report.not_me, act, victim.session.id),
    }
    with pytest.raises(NotFound):
        verbs[verb]()
    assert scene.lives(victim)


def test_all_others_are_ended_and_nobody_elses(both: Scene) -> None:
    """Covers A12, A16."""
    mine, *others = (both.sign_in() for _ in range(4))
    bob = both.sign_in("bob")
    ended = both.write(end.end_others, both.by(mine))
    assert set(ended.ended) == {s.session.id for s in others}
    assert (ended.users, ended.pending) == (1, ("wiki",))
    assert [both.lives(s) for s in (mine, bob, *others)] == [True, True, False, False, False]
    assert both.write(end.end_others, both.by(mine)).count == 0


def test_signing_out_ends_the_session_in_use(both: Scene) -> None:
    """Covers A10: and twice is no error."""
    mine, other = both.sign_in(), both.sign_in()
    act = both.by(mine)
    assert both.write(end.sign_out, act).ended == (mine.session.id,)
    assert both.reason(mine) is EndReason.SIGNED_OUT
    assert both.write(end.sign_out, act).count == 0
    assert both.write(end.sign_out, both.act(NOBODY)).count == 0
    assert both.lives(other)


def test_signing_out_everywhere_ends_all(both: Scene) -> None:
    mine, other, bob = both.sign_in(), both.sign_in(), both.sign_in("bob")
    act = both.by(mine)
    assert both.write(end.sign_out_everywhere, act).count == 2
    assert not both.lives(other)
    assert both.lives(bob)
    assert both.write(end.sign_out_everywhere, act).count == 0
    assert both.write(end.sign_out_everywhere, both.act(NOBODY)).count == 0


@pytest.mark.parametrize("who", ["app/wiki", "operator", "nobody"])
def test_programs_have_no_sessions_of_their_own(scene: Scene, who: str) -> None:
    act = _caller(scene, who)
    for verb in (end.end_mine, report.not_me):
        with pytest.raises(NotSignedIn):
            scene.write(verb, act, scene.sign_in().session.id)
    with pytest.raises(NotSignedIn):
        scene.write(end.end_others, act)


def test_saying_not_me_tells_the_administrators_where_it_was(scene: Scene) -> None:
    """Covers C09."""
    stranger = scene.sign_in(
        device=Device(
            kind="mobile", browser="Chrome", os="Android", address="198.51.100.9", country="FR"
        )
    )
    mine = scene.sign_in()
    assert scene.write(report.not_me, scene.by(mine), stranger.session.id).count == 1
    (row,) = scene.rows(tables.audit_event, event="session.reported")
    assert (row.actor, row.session_id) == ("acme/ann", stranger.session.id)
    for word in ("Chrome on Android", "198.51.100.9", "FR"):
        assert word in row.detail


# The session in use


def _verbs(scene: Scene, target: SignedIn) -> dict[str, Callable[[Act], Any]]:
    """Every verb by which somebody with a cookie can end ``target``."""
    write, one = scene.write, target.session.id
    key = (target.session.organization, target.session.user, target.session.application)
    return {
        "end_one": lambda act: write(end.end_one, act, one),
        "end_mine": lambda act: write(end.end_mine, act, one),
        "ensure_ended": lambda act: write(end.ensure_ended, act, one),
        "not_me": lambda act: write(report.not_me, act, one),
        "end_selected": lambda act: write(end.end_selected, act, [one]),
        "delete_id": lambda act: write(records.delete_id, act, key, one),
        "delete_record": lambda act: write(records.delete_record, act, key),
    }


def test_the_session_in_use_cannot_be_ended_from_a_list(scene: Scene) -> None:
    """Contract 1.5: signing out is the way."""
    mine, other = scene.sign_in(), scene.sign_in()
    for name, verb in _verbs(scene, mine).items():
        with pytest.raises(CurrentSession) as refused:
            verb(scene.by(mine))
        assert refused.value.session_id == mine.session.id, name
    with pytest.raises(CurrentSession):
        scene.read(end.preview_of, scene.by(mine), [mine.session.id])
    with pytest.raises(CurrentSession):
        scene.write(end.end_selected, scene.by(mine), [other.session.id, mine.session.id])
    assert scene.lives(mine)
    assert scene.lives(other)


@pytest.mark.parametrize("name", ["update", "exclusive", "full"])
def test_nor_by_rewriting_its_record(scene: Scene, name: str) -> None:
    boss = scene.sign_in("boss", "wiki")
    act, key = scene.by(boss), ("acme", "boss", "wiki")
    verbs: dict[str, Callable[[], Any]] = {
        "update": lambda: scene.write(records.update_record, act, key, ["x"], created_time=""),
        "exclusive": lambda: scene.write(records.add_record, act, key, ["x"], exclusive=True),
        "full": lambda: scene.write(
            records.add_record, act, key, [f"x{n}" for n in range(100)], exclusive=False
        ),
    }
    with pytest.raises(CurrentSession):
        verbs[name]()
    assert scene.lives(boss)
    assert scene.rows(tables.registered_id) == []


# Fresh authentication


def test_ending_asks_for_the_password_again_after_fifteen_minutes(both: Scene) -> None:
    """Covers A16: and once it was given, it goes on."""
    mine, target = both.sign_in(application="mail"), both.sign_in()
    both.clock.forward(minutes=15, seconds=1)
    stale = both.by(mine)
    for name, verb in _verbs(both, target).items():
        with pytest.raises(ReauthenticationNeeded):
            verb(stale)
        assert both.lives(target), name
    with pytest.raises(ReauthenticationNeeded):
        both.write(end.end_others, stale)
    assert both.events(event="session.ended") == []

    fresh = both.sign_in(application="mail", secret=mine.secret)
    assert both.write(end.end_others, both.by(fresh)).ended == (target.session.id,)


def test_signing_out_asks_for_nothing(scene: Scene) -> None:
    mine = scene.sign_in()
    scene.clock.forward(minutes=30)
    assert scene.write(end.sign_out, scene.by(mine)).count == 1


def test_the_installation_says_how_fresh(make_scene: MakeScene) -> None:
    scene = make_scene(policy=Policy(reauthenticate_after=60))
    mine, target = scene.sign_in(), scene.sign_in()
    scene.clock.forward(seconds=60)
    scene.write(end.end_one, scene.by(mine), target.session.id)
    scene.clock.forward(seconds=1)
    with pytest.raises(ReauthenticationNeeded):
        scene.write(end.end_others, scene.by(mine))


def test_programs_are_not_asked(scene: Scene) -> None:
    target = scene.sign_in()
    scene.clock.forward(minutes=30)
    assert scene.write(end.end_one, scene.by_application("wiki"), target.session.id).count == 1


# Many


def _crowd(scene: Scene) -> None:
    for user in ("ann", "bob"):
        scene.sign_in(user, "wiki")
        scene.sign_in(user, "mail", device=Device(kind="mobile", address="198.51.100.9"))
    scene.sign_in("gus", "shop", "globex")


FILTERS = [
    SessionFilter(),
    SessionFilter(user="ann"),
    SessionFilter(application="wiki"),
    SessionFilter(address="198.51.100.9"),
    SessionFilter(device_kind="mobile", user="bob"),
    SessionFilter(text="wiki"),
    SessionFilter(user="nobody-there"),
    SessionFilter(user="boss"),
    SessionFilter(state=State.ENDED),
]


@pytest.mark.parametrize("chosen", FILTERS, ids=str)
def test_the_preview_is_what_happens(scene: Scene, chosen: SessionFilter) -> None:
    """And the caller's own session in use is never part of it."""
    _crowd(scene)
    scene.write(end.end_selected, scene.act(), [scene.sign_in().session.id])
    boss = scene.sign_in("boss", "app-built-in")
    before = scene.everything()
    preview = scene.read(end.preview_matching, scene.by(boss), chosen)
    assert scene.everything() == before
    progress: list[int] = []
    ended = end.end_matching(scene.house, scene.by(boss), chosen, on_progress=progress.append)
    assert (preview.sessions, preview.users) == (ended.count, ended.users)
    assert (preview.pending, preview.without_address) == (ended.pending, ended.without_address)
    assert progress == ([ended.count] if ended.count else [])
    assert scene.lives(boss)
    assert [row.ended_at for row in scene.rows(tables.session, user_name="gus")] == [None]


def test_a_selections_preview_is_what_happens(scene: Scene) -> None:
    _crowd(scene)
    boss = scene.by(scene.sign_in("boss", "app-built-in"))
    ids = [row.id for row in scene.rows(tables.session) if row.user_name != "boss"]
    chosen = [*ids, new_public_id(), "no id at all"]
    preview = scene.read(end.preview_of, boss, chosen)
    ended = scene.write(end.end_selected, boss, chosen)
    assert (preview.sessions, preview.users) == (ended.count, ended.users) == (4, 2)
    assert (preview.pending, preview.without_address) == (ended.pending, ended.without_address)
    assert scene.read(end.preview_of, boss, chosen) == end.Preview()


@pytest.mark.parametrize("who", ["nobody", "acme/ann", "globex/gus"])
def test_a_plain_user_ends_nothing_by_filter(scene: Scene, who: str) -> None:
    """Covers R07."""
    _crowd(scene)
    act = _caller(scene, who)
    refusal = NotSignedIn if who == "nobody" else NotAllowed
    for chosen in (SessionFilter(), SessionFilter(organization="acme", user="ann")):
        with pytest.raises(refusal):
            scene.read(end.preview_matching, act, chosen)
        with pytest.raises(refusal):
            end.end_matching(scene.house, act, chosen)
    assert scene.events(event="session.ended") == []


def test_an_administrator_reaches_the_own_organization_only(scene: Scene) -> None:
    """Covers W2: naming another one is refused, naming none means one's own."""
    _crowd(scene)
    for act in (scene.boss(), scene.by_application("wiki")):
        with pytest.raises(NotAllowed):
            end.end_matching(scene.house, act, SessionFilter(organization="globex"))
        end.end_matching(scene.house, act, SessionFilter())
    assert [row.ended_at for row in scene.rows(tables.session, user_name="gus")] == [None]


def test_a_filter_asks_for_the_password_too(scene: Scene) -> None:
    boss = scene.sign_in("boss", "app-built-in")
    target = scene.sign_in(remember=True)
    scene.clock.forward(minutes=16)
    with pytest.raises(ReauthenticationNeeded):
        end.end_matching(scene.house, scene.by(boss), SessionFilter())
    assert scene.lives(target)


def test_it_works_in_batches_each_its_own_transaction(
    both: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ending beside it waits no longer than for one of them."""
    monkeypatch.setattr(end, "BATCH", 3)
    for _ in range(8):
        both.sign_in()
    boss = both.sign_in("boss", "app-built-in")
    progress: list[int] = []
    ended = end.end_matching(
        both.house, both.by(boss), SessionFilter(), on_progress=progress.append
    )
    assert progress == [3, 6, 8]
    assert (ended.count, ended.users) == (8, 1)
    assert both.lives(boss)


def test_it_can_stop_on_the_way(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(end, "BATCH", 2)
    for _ in range(5):
        scene.sign_in()
    act = scene.boss()
    counts = [
        end.end_matching(scene.house, act, SessionFilter(user="ann"), most=2).count
        for _ in range(4)
    ]
    assert counts == [2, 2, 1, 0]


def test_who_signs_in_while_it_works_is_ended_too(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(end, "BATCH", 1)
    scene.sign_in()
    late: list[SignedIn] = []

    def sign_in_once(done: int) -> None:
        if done == 1:
            late.append(scene.sign_in())

    ended = end.end_matching(
        scene.house, scene.act(), SessionFilter(user="ann"), on_progress=sign_in_once
    )
    assert ended.count == 2
    assert not scene.lives(late[0])


def test_a_batch_that_somebody_else_ended_is_not_the_last(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two administrators at once: the one who comes second goes on to the rest."""
    monkeypatch.setattr(end, "BATCH", 1)
    first, second = scene.sign_in(), scene.sign_in()
    whole = end.end_sessions

    def ended_before(tx: Any, act: Act, ids: Any, reason: EndReason) -> Any:
        whole(tx, act, ids, reason)
        return whole(tx, act, ids, reason)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(end, "end_sessions", ended_before)
        end.end_matching(scene.house, scene.act(), SessionFilter(user="ann"))
    assert not scene.lives(first)
    assert not scene.lives(second)


def test_who_is_no_administrator_any_more_stops_in_the_middle(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers R10: each batch looks again at who calls."""
    monkeypatch.setattr(end, "BATCH", 1)
    targets = [scene.sign_in() for _ in range(3)]
    act = scene.boss()

    def demote(_: int) -> None:
        change = users.UserChange(is_admin=False)
        scene.write(users.update_user, scene.act(), scene.house.vault, "acme", "boss", change)

    with pytest.raises(NotAllowed):
        end.end_matching(scene.house, act, SessionFilter(), on_progress=demote)
    assert [scene.lives(s) for s in targets].count(True) == 2


def test_a_user_with_more_sessions_than_a_statement_takes_values(scene: Scene) -> None:
    """Disabling ends them all in one transaction, however many they are."""
    started = scene.sign_in()

    @event.listens_for(scene.database.engine, "checkout")
    def _bound(connection: sqlite3.Connection, *_: object) -> None:
        connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)

    _copy(scene, started, 1_200)
    change = users.UserChange(disabled=True)
    written = scene.write(users.update_user, scene.act(), scene.house.vault, "acme", "ann", change)
    assert written.ended.count == 1_201
    assert written.ended.users == 1
    assert scene.rows(tables.session, ended_at=None) == []
    assert scene.rows(tables.record) == []
    assert len(scene.rows(tables.notice)) == 1_201
    selected = scene.write(end.end_selected, scene.act(), list(written.ended.ended))
    assert selected.count == 0


def _copy(scene: Scene, started: SignedIn, times: int) -> None:
    """Write copies of a session with ids of their own, as many applications would make them."""
    session = scene.rows(tables.session, id=started.session.id)[0]._asdict()
    client = scene.rows(tables.client_session, session_id=started.session.id)[0]._asdict()
    ids = [new_public_id() for _ in range(times)]
    copies = [{**session, "id": one, "secret_hash": one.encode()} for one in ids]
    used = [{**client, "session_id": one, "sid": new_public_id()} for one in ids]
    scene.write(lambda tx: tx.execute(tables.session.insert(), copies))
    scene.write(lambda tx: tx.execute(tables.client_session.insert(), used))
    scene.execute("UPDATE record SET live = live + :times", times=times)


def test_a_caller_that_is_gone_has_nothing_to_end(scene: Scene) -> None:
    caller = Caller(kind=scene.caller(scene.sign_in()).kind, session_id="f" * 32, user_key=99)
    assert scene.write(end.sign_out_everywhere, scene.act(caller)).count == 0
    assert scene.write(end.sign_out, scene.act(caller)).count == 0
