"""Seeing the audit."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.domain.access import NOBODY
from ostiary.domain.errors import BadCursor, BadInput, NotAllowed, NotSignedIn, WrongCredentials
from ostiary.domain.events import AuditEvent, Event
from ostiary.domain.search import Page
from ostiary.domain.session import Device
from ostiary.services import end, events
from ostiary.services.house import Act
from tests.services.scene import Scene


def _list(scene: Scene, act: Act, **chosen: Any) -> Page[AuditEvent]:
    return scene.read(events.list_events, act, scene.house.vault, **chosen)


def _started(scene: Scene) -> None:
    scene.sign_in("ann")
    scene.sign_in("bob")
    scene.sign_in("gus", "shop", "globex")


def test_administrators_see_their_organization_and_users_themselves(both: Scene) -> None:
    """Covers R07, W2."""
    _started(both)
    people = lambda act, **chosen: {  # noqa: E731
        (e.organization, e.user) for e in _list(both, act, event="session.started", **chosen).items
    }
    ann, boss = both.by(both.sign_in("ann")), both.boss()
    assert people(ann) == {("acme", "ann")}
    assert people(boss) == {("acme", "ann"), ("acme", "bob"), ("acme", "boss")}
    assert people(both.by_application("shop")) == {("globex", "gus")}
    assert len(people(both.act())) == 4
    assert people(both.act(), organization="globex") == {("globex", "gus")}
    assert people(boss, user="bob") == {("acme", "bob")}
    for act, chosen in (
        (ann, {"user": "bob"}),
        (ann, {"organization": "globex"}),
        (boss, {"organization": "globex"}),
    ):
        with pytest.raises(NotAllowed):
            _list(both, act, **chosen)
    with pytest.raises(NotSignedIn):
        _list(both, both.act(NOBODY))


def test_where_an_administrator_sits_is_not_a_users_business(scene: Scene) -> None:
    """But where strangers tried is."""
    target, mine = scene.sign_in("ann"), scene.sign_in("ann")
    with pytest.raises(WrongCredentials):
        scene.sign_in("ann", password="wrong", device=Device(address="198.51.100.66"))
    boss = scene.boss()
    scene.write(end.end_one, boss, target.session.id)
    found = _list(scene, scene.by(mine)).items
    by_event = {e.event: e for e in found}
    assert by_event[Event.SIGN_IN_FAILED].address == "198.51.100.66"
    assert by_event[Event.SESSION_ENDED].actor == "acme/boss"
    assert by_event[Event.SESSION_ENDED].address == ""
    assert by_event[Event.SESSION_STARTED].address == "203.0.113.7"
    full = _list(scene, boss, session_id=target.session.id, event="session.ended").items
    assert [e.address for e in full] == ["203.0.113.7"]


def test_it_is_filtered_and_paged(scene: Scene) -> None:
    first = scene.clock.now
    for _ in range(5):
        scene.sign_in("ann")
        scene.clock.forward(minutes=1)
    act = scene.boss()
    chosen = {"actor": "acme/ann", "event": "session.started", "application": "wiki"}
    page = _list(scene, act, **chosen, limit=2)
    assert (len(page.items), page.total, page.previous) == (2, 5, None)
    rest = _list(scene, act, **chosen, cursor=page.next, limit=10)
    assert len(rest.items) == 3
    assert not {e.id for e in page.items} & {e.id for e in rest.items}
    assert _list(scene, act, **chosen, cursor=rest.previous, limit=2).items == page.items
    some = _list(scene, act, since=first, until=first.replace(minute=1), **chosen)
    assert len(some.items) == 1
    with pytest.raises(BadCursor):
        _list(scene, act, actor="acme/bob", cursor=page.next)
    with pytest.raises(BadInput):
        _list(scene, act, event="no.such_event")
