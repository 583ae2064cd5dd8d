"""Everything of an organization, a user or an application ends at once."""

from __future__ import annotations

import pytest

from ostiary.domain.access import NOBODY
from ostiary.domain.errors import NotAllowed, NotFound, NotSignedIn, ReauthenticationNeeded
from ostiary.domain.session import EndReason
from ostiary.services import cutting, retention
from ostiary.services.cutting import Subject
from ostiary.storage import sessions
from tests.services.scene import Scene


@pytest.mark.parametrize(
    ("subject", "name", "organization", "ended", "spared"),
    [
        (Subject.ORGANIZATION, "acme", "", ("ann", "bob"), ("gus",)),
        (Subject.USER, "ann", "acme", ("ann",), ("bob", "gus")),
        (Subject.APPLICATION, "wiki", "", ("ann", "bob"), ("gus",)),
    ],
)
def test_a_cut_off_is_in_force_at_once_and_settled_afterwards(
    scene: Scene,
    subject: Subject,
    name: str,
    organization: str,
    ended: tuple[str, ...],
    spared: tuple[str, ...],
) -> None:
    """Covers A14, A10."""
    where = {"ann": ("wiki", "acme"), "bob": ("wiki", "acme"), "gus": ("shop", "globex")}
    started = {who: scene.sign_in(who, *where[who]) for who in where}
    began = scene.write(
        cutting.end_everything, scene.admin(), subject, name, organization=organization
    )
    assert began.progress.settled == 0
    assert began.progress.finished_at is None
    assert began.remaining == len(ended)
    for who in ended:
        assert not scene.lives(started[who]), who
    for who in spared:
        assert scene.lives(started[who]), who
    again = scene.sign_in("ann")
    assert scene.lives(again), "who signs in afterwards is in"
    assert scene.write(retention.settle_cut_offs, scene.clock.now) == len(ended)
    then = scene.read(cutting.get_cut_off, scene.admin(), began.progress.id)
    assert then.progress.settled == len(ended)
    assert then.progress.finished_at == scene.clock.now
    assert then.remaining == 0
    assert then.progress.name == name
    for who in ended:
        row = scene.read(sessions.by_id, started[who].session.id)
        assert row is not None
        assert (row.ended_reason, row.ended_by) == (EndReason.ADMIN_BULK, "built-in/admin")
    assert scene.lives(again)


def test_the_callers_own_session_ends_with_the_others(scene: Scene) -> None:
    signed_in = scene.sign_in("boss", "app-built-in")
    scene.write(cutting.end_everything, scene.by(signed_in), Subject.ORGANIZATION, "acme")
    assert not scene.lives(signed_in)


def test_only_administrators_cut_off_and_only_what_is_theirs(scene: Scene) -> None:
    """Covers W2, R07."""
    ann = scene.sign_in("ann")
    gus = scene.sign_in("gus", "shop", "globex")

    def cut(act: object, subject: Subject, name: str, organization: str = "") -> None:
        scene.write(cutting.end_everything, act, subject, name, organization=organization)

    with pytest.raises(NotAllowed):
        cut(scene.by(ann), Subject.ORGANIZATION, "acme")
    with pytest.raises(NotAllowed):
        cut(scene.by(ann), Subject.USER, "ann", "acme")
    for act in (scene.boss(), scene.by_application("wiki")):
        with pytest.raises(NotAllowed):
            cut(act, Subject.ORGANIZATION, "globex")
        with pytest.raises(NotAllowed):
            cut(act, Subject.USER, "gus", "globex")
        with pytest.raises(NotFound):
            cut(act, Subject.APPLICATION, "shop")
        with pytest.raises(NotAllowed):
            cut(act, Subject.ORGANIZATION, "")
    with pytest.raises(NotFound):
        cut(scene.admin(), Subject.ORGANIZATION, "nobody")
    with pytest.raises(NotFound):
        cut(scene.admin(), Subject.USER, "nobody", "acme")
    assert scene.lives(ann)
    assert scene.lives(gus)
    cut(scene.boss(), Subject.USER, "ann", "acme")
    assert not scene.lives(ann)


def test_a_cut_off_asks_for_a_fresh_authentication(scene: Scene) -> None:
    """Covers A16."""
    act = scene.boss()
    scene.clock.forward(minutes=16)
    late = scene.act(act.caller)
    with pytest.raises(ReauthenticationNeeded):
        scene.write(cutting.end_everything, late, Subject.ORGANIZATION, "acme")


def test_who_may_see_cut_offs(scene: Scene) -> None:
    first = scene.write(
        cutting.end_everything, scene.admin(), Subject.USER, "ann", organization="acme"
    )
    second = scene.write(cutting.end_everything, scene.admin(), Subject.APPLICATION, "shop")
    third = scene.write(cutting.end_everything, scene.admin(), Subject.ORGANIZATION, "globex")

    def numbers(act: object, organization: str | None = None) -> list[int]:
        vault = scene.house.vault
        found = scene.read(cutting.list_cut_offs, act, vault, organization=organization)
        return [item.progress.id for item in found.items]

    a, b, c = (item.progress.id for item in (first, second, third))
    assert numbers(scene.admin()) == [c, b, a]
    assert numbers(scene.admin(), "acme") == numbers(scene.boss()) == [a]
    with pytest.raises(NotAllowed):
        numbers(scene.boss(), "globex")
    admin, vault = scene.admin(), scene.house.vault
    page = scene.read(cutting.list_cut_offs, admin, vault, limit=2)
    assert ([item.progress.id for item in page.items], page.total) == ([c, b], 3)
    page = scene.read(cutting.list_cut_offs, admin, vault, limit=2, cursor=page.next)
    assert [item.progress.id for item in page.items] == [a]
    page = scene.read(cutting.list_cut_offs, admin, vault, limit=2, cursor=page.previous)
    assert [item.progress.id for item in page.items] == [c, b]
    with pytest.raises(NotFound):
        scene.read(cutting.get_cut_off, scene.boss(), b)
    assert scene.read(cutting.get_cut_off, scene.boss(), a).progress.organization == "acme"
    with pytest.raises(NotFound):
        scene.read(cutting.get_cut_off, scene.admin(), 99)
    with pytest.raises(NotFound):
        scene.read(cutting.get_cut_off, scene.by(scene.sign_in("ann")), a)


def test_many_sessions_are_settled_in_batches_that_can_be_followed(scene: Scene) -> None:
    started = [scene.sign_in("ann") for _ in range(5)]
    began = scene.write(cutting.end_everything, scene.admin(), Subject.ORGANIZATION, "acme")
    assert began.remaining == len(started)
    scene.write(retention.settle_cut_offs, scene.clock.now, 2)
    then = scene.read(cutting.get_cut_off, scene.admin(), began.progress.id)
    assert (then.progress.settled, then.remaining) == (2, 3)


def test_nobody_cuts_off_anything(scene: Scene) -> None:
    for subject, name in ((Subject.APPLICATION, "wiki"), (Subject.ORGANIZATION, "acme")):
        with pytest.raises(NotSignedIn):
            scene.write(cutting.end_everything, scene.act(NOBODY), subject, name)
    with pytest.raises(NotSignedIn):
        scene.read(cutting.get_cut_off, scene.act(NOBODY), 1)
