"""Seeing sessions: reach, pages, one's own list, one session, its label."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.domain.access import NOBODY
from ostiary.domain.errors import (
    BadCursor,
    BadInput,
    NotAllowed,
    NotFound,
    NotSignedIn,
    OstiaryError,
)
from ostiary.domain.search import Order, Page, SessionFilter, Sort, State
from ostiary.domain.session import Device
from ostiary.services import cursors, end, entering, extras, pages, see
from ostiary.services.house import Act
from ostiary.services.see import Seen
from ostiary.storage import tables
from tests.services.scene import Scene


def _list(
    scene: Scene,
    act: Act,
    chosen: SessionFilter | None = None,
    order: Order | None = None,
    **page: Any,
) -> Page[Seen]:
    return scene.read(
        see.list_sessions,
        act,
        scene.house.vault,
        chosen or SessionFilter(),
        order or Order(),
        **page,
    )


def _mine(scene: Scene, act: Act, **page: Any) -> Page[Seen]:
    return scene.read(see.my_sessions, act, scene.house.vault, **page)


def _users(page: Page[Seen]) -> list[str]:
    return [item.session.user for item in page.items]


def _caller(scene: Scene, who: str) -> Act:
    kind, _, name = who.partition("/")
    if who == "nobody":
        return scene.act(NOBODY)
    if kind == "app":
        return scene.by_application(name)
    return scene.by(scene.sign_in(name, "app-built-in", kind))


@pytest.mark.parametrize(
    ("who", "organization", "seen"),
    [
        ("nobody", None, NotSignedIn),
        ("acme/ann", None, NotAllowed),
        ("acme/ann", "acme", NotAllowed),
        ("acme/boss", None, {"ann", "boss"}),
        ("acme/boss", "acme", {"ann", "boss"}),
        ("acme/boss", "globex", NotAllowed),
        ("acme/boss", "built-in", NotAllowed),
        ("app/wiki", None, {"ann"}),
        ("app/shop", "acme", NotAllowed),
        ("app/shop", None, {"gus"}),
        ("built-in/admin", None, {"ann", "gus", "admin"}),
        ("built-in/admin", "globex", {"gus"}),
        ("app/app-built-in", None, {"ann", "gus"}),
    ],
)
def test_a_list_holds_what_the_caller_administers(
    scene: Scene, who: str, organization: str | None, seen: set[str] | type[OstiaryError]
) -> None:
    """Covers W2, R07, A14."""
    scene.sign_in("ann")
    scene.sign_in("gus", "shop", "globex")
    act = _caller(scene, who)
    chosen = SessionFilter(organization=organization)
    if isinstance(seen, set):
        page = _list(scene, act, chosen)
        assert set(_users(page)) == seen
        assert (page.total, page.total_is_exact) == (len(page.items), True)
        return
    with pytest.raises(seen):
        _list(scene, act, chosen)


def test_a_list_shows_no_secret_and_marks_the_session_in_use(both: Scene) -> None:
    """Covers R07, W5."""
    ann, boss = both.sign_in("ann"), both.sign_in("boss", "app-built-in")
    page = _list(both, both.by(boss))
    assert [(i.session.user, i.current) for i in page.items if i.current] == [("boss", True)]
    for secret in (ann.secret, ann.device_secret, boss.secret):
        assert str(secret) not in str(page)
    (of_ann,) = [i for i in page.items if i.session.user == "ann"]
    assert [c.application for c in of_ann.clients] == ["wiki"]


def test_a_list_agrees_with_what_works(both: Scene) -> None:
    """Covers W10: what has run out or ended is not listed, unless the ended are asked for."""
    idle, ended = both.sign_in("ann"), both.sign_in("ann")
    both.write(end.end_selected, both.act(), [ended.session.id])
    both.clock.forward(minutes=59)
    alive = both.sign_in("bob")
    both.clock.forward(minutes=1)
    act = both.by_application("wiki")
    assert [i.session.id for i in _list(both, act).items] == [alive.session.id]
    gone = _list(both, act, SessionFilter(state=State.ENDED))
    assert [i.session.id for i in gone.items] == [ended.session.id]
    assert both.row(idle).ended_at is None


def test_pages_go_in_both_directions_and_lose_nothing(both: Scene) -> None:
    for number in range(7):
        both.clock.forward(seconds=number % 2)  # some of them in the same instant
        both.sign_in(("ann", "bob")[number % 2])
    act = both.by_application("wiki")
    for sort in Sort:
        for descending in (True, False):
            order = Order(sort=sort, descending=descending)
            whole = [i.session.id for i in _list(both, act, order=order).items]
            assert len(whole) == 7
            forwards, backwards = [], []
            page = _list(both, act, order=order, limit=3)
            assert page.previous is None
            forwards.append([i.session.id for i in page.items])
            while page.next:
                page = _list(both, act, order=order, cursor=page.next, limit=3)
                forwards.append([i.session.id for i in page.items])
            while page.previous:
                page = _list(both, act, order=order, cursor=page.previous, limit=3)
                backwards.append([i.session.id for i in page.items])
            assert [i for some in forwards for i in some] == whole
            assert backwards[::-1] == forwards[:-1]
            assert page.next is not None


def test_a_cursor_that_was_tampered_with_is_refused(scene: Scene) -> None:
    """Covers R07: nobody reads on in a list that was not made for her."""
    for _ in range(3):
        scene.sign_in()
    act = scene.by_application("wiki")
    cursor = _list(scene, act, limit=1).next
    assert cursor
    bad = [
        cursor[:-2],
        cursor[:43],
        cursor[1:],
        "x" + cursor[1:],
        cursor[:43] + "AAAA",
        cursor[:50] + ("A" if cursor[50] != "A" else "B") + cursor[51:],
        "garbage",
        "é" * 60,
        "\x00" * 60,
        "=" * 60,
        "A" * 10_000,
    ]
    for one in bad:
        with pytest.raises(BadCursor):
            _list(scene, act, cursor=one, limit=1)
    for other in (SessionFilter(user="ann"), SessionFilter(application="wiki")):
        with pytest.raises(BadCursor):
            _list(scene, act, other, cursor=cursor)
    with pytest.raises(BadCursor):
        _list(scene, act, order=Order(descending=False), cursor=cursor)
    with pytest.raises(BadCursor):  # another organization's list
        _list(scene, scene.by_application("shop"), cursor=cursor)
    with pytest.raises(BadCursor):
        _mine(scene, scene.by(scene.sign_in()), cursor=cursor)
    assert _list(scene, act, cursor="", limit=1).previous is None
    assert cursors.decode(scene.house.vault, "anything", None) is None


@pytest.mark.parametrize(("asked", "given"), [(-5, 1), (0, 1), (1, 1), (3, 3), (10_000, 3)])
def test_a_page_has_at_least_one_row_and_at_most_five_hundred(
    scene: Scene, asked: int, given: int
) -> None:
    """Covers W4: clamped, never an error."""
    for _ in range(3):
        scene.sign_in()
    assert len(_list(scene, scene.by_application("wiki"), limit=asked).items) == given


def test_counts_are_exact_up_to_a_limit(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "COUNT_LIMIT", 3)
    act = scene.by_application("wiki")
    totals = []
    for _ in range(5):
        scene.sign_in()
        page = _list(scene, act)
        totals.append((page.total, page.total_is_exact))
    assert totals == [(1, True), (2, True), (3, True), (3, False), (3, False)]


def test_sorting_by_last_use_is_for_short_lists(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN section 5: it has no index, so it is offered within a user or for few matches."""
    monkeypatch.setattr(see, "SORT_BY_USE_LIMIT", 2)
    act, by_use = scene.by_application("wiki"), Order(sort=Sort.LAST_SEEN)
    for _ in range(3):
        scene.sign_in()
    with pytest.raises(BadInput) as refused:
        _list(scene, act, order=by_use)
    assert refused.value.field == "sort"
    assert len(_list(scene, act, SessionFilter(user="ann"), order=by_use).items) == 3


# One's own


def test_ones_own_list_begins_with_the_session_in_use(both: Scene) -> None:
    """Covers A16: and holds nobody else's."""
    mine = both.sign_in()
    both.sign_in("bob")
    both.clock.forward(minutes=1)
    second = both.sign_in()
    both.clock.forward(minutes=1)
    third = both.sign_in()
    page = _mine(both, both.by(mine))
    ids = [i.session.id for i in page.items]
    assert ids == [mine.session.id, third.session.id, second.session.id]
    assert [i.current for i in page.items] == [True, False, False]
    assert page.total == 3


def test_its_pages_show_the_session_in_use_once(scene: Scene) -> None:
    mine = scene.sign_in()
    for _ in range(4):
        scene.clock.forward(minutes=1)
        scene.sign_in()
    act = scene.by(mine)
    page = _mine(scene, act, limit=2)
    seen = [i.session.id for i in page.items]
    while page.next:
        page = _mine(scene, act, cursor=page.next, limit=2)
        seen += [i.session.id for i in page.items]
    assert seen[0] == mine.session.id
    assert len(seen) == len(set(seen)) == 5


@pytest.mark.parametrize("who", ["nobody", "app/wiki"])
def test_who_has_no_session_has_no_list(scene: Scene, who: str) -> None:
    with pytest.raises(NotSignedIn):
        _mine(scene, _caller(scene, who))


def test_a_session_that_ended_meanwhile_lists_nothing(scene: Scene) -> None:
    mine = scene.sign_in()
    act = scene.by(mine)
    scene.write(end.sign_out, act)
    with pytest.raises(NotSignedIn) as refused:
        _mine(scene, act)
    assert refused.value.reason == "signed_out"
    scene.execute("DELETE FROM session")
    with pytest.raises(NotSignedIn):
        _mine(scene, act)


# One session


@pytest.mark.parametrize(
    ("who", "error"),
    [
        ("nobody", NotSignedIn),
        ("acme/ann", None),
        ("acme/bob", NotFound),
        ("acme/boss", None),
        ("globex/gina", NotFound),
        ("app/wiki", None),
        ("app/shop", NotFound),
        ("built-in/admin", None),
    ],
)
def test_one_session_is_seen_by_who_may_touch_it(
    scene: Scene, who: str, error: type[OstiaryError] | None
) -> None:
    """Covers R07: for all others it does not exist, and reads like an unknown one."""
    started = scene.sign_in("ann")
    act = _caller(scene, who)
    if error is None:
        seen = scene.read(see.one_session, act, started.session.id)
        assert seen.session.id == started.session.id
        assert not seen.current
        assert [s.session.id for s in scene.read(see.some_sessions, act, [started.session.id])] == [
            started.session.id
        ]
        return
    texts = set()
    for asked in (started.session.id, "f" * 32, "x", ""):
        with pytest.raises(error) as refused:
            scene.read(see.one_session, act, asked)
        texts.add(refused.value.text)
    assert len(texts) == 1
    assert scene.read(see.some_sessions, act, [started.session.id]) == ()


def test_an_ended_session_can_be_looked_at(scene: Scene) -> None:
    started = scene.sign_in()
    scene.write(entering.enter, scene.by(started), "mail")
    scene.write(end.end_selected, scene.act(), [started.session.id])
    seen = scene.read(see.one_session, scene.act(), started.session.id)
    assert seen.session.ended_at == scene.clock.now
    assert {c.application for c in seen.clients} == {"wiki", "mail"}
    assert scene.read(see.some_sessions, scene.act(), [started.session.id, "x"]) == ()


# Labels


def test_a_session_can_be_named_by_its_user(both: Scene) -> None:
    mine = both.sign_in(device=Device(browser="Firefox", os="Linux"))
    act = both.by(mine)
    seen = both.write(see.label, act, mine.session.id, "  Ann's laptop ")
    assert seen.session.display_name == "Ann's laptop"
    (row,) = both.rows(tables.audit_event, event="session.labelled")
    assert '"old": ""' in row.detail
    assert (
        both.write(see.label, act, mine.session.id, "").session.display_name == "Firefox on Linux"
    )


@pytest.mark.parametrize("text", ["x" * 61, "a\nb", "\u202egnp.exe"])
def test_a_label_is_short_and_on_one_line(scene: Scene, text: str) -> None:
    """Covers B02, D18."""
    mine = scene.sign_in()
    with pytest.raises(BadInput):
        scene.write(see.label, scene.by(mine), mine.session.id, text)
    assert scene.row(mine).label == ""


@pytest.mark.parametrize("who", ["acme/boss", "acme/bob", "built-in/admin"])
def test_nobody_names_somebody_elses_session(scene: Scene, who: str) -> None:
    started = scene.sign_in("ann")
    with pytest.raises(NotFound):
        scene.write(see.label, _caller(scene, who), started.session.id, "mine now")
    for act in (scene.by_application("wiki"), scene.act()):
        with pytest.raises(NotSignedIn):
            scene.write(see.label, act, started.session.id, "mine now")


def test_a_dead_session_is_not_named_any_more(scene: Scene) -> None:
    mine, other = scene.sign_in(), scene.sign_in()
    scene.write(end.end_mine, scene.by(mine), other.session.id)
    with pytest.raises(NotFound):
        scene.write(see.label, scene.by(mine), other.session.id, "x")


# Fields that are only kept


def test_what_was_kept_comes_back_in_its_own_place_only(scene: Scene) -> None:
    vault = scene.house.vault
    sealed = extras.seal(vault, "user/1/extra", {"a": [1, {"b": None}]})
    assert extras.unseal(vault, "user/1/extra", sealed) == {"a": [1, {"b": None}]}
    assert extras.unseal(vault, "user/1/extra", b"") == {}
    with pytest.raises(OstiaryError):
        extras.unseal(vault, "user/2/extra", sealed)
    with pytest.raises(BadInput):
        extras.seal(vault, "user/1/extra", {"a": "x" * extras.LONGEST})
