"""How many sessions somebody may have: the cap of a record, and exclusive sign-in."""

from __future__ import annotations

from ostiary.domain.session import EndReason
from ostiary.services import applications, entering, organizations
from ostiary.storage import tables
from tests.services.scene import Scene


def _exclusive_application(scene: Scene, name: str) -> None:
    change = applications.ApplicationChange(exclusive=True)
    scene.write(applications.update_application, scene.act(), scene.house.vault, name, change)


def _exclusive_organization(scene: Scene, name: str) -> None:
    change = organizations.OrganizationChange(exclusive=True)
    scene.write(organizations.update_organization, scene.act(), scene.house.vault, name, change)


def test_the_hundred_and_first_session_ends_the_oldest(scene: Scene) -> None:
    """Covers W9, A02: the one that leaves the list is ended, not forgotten."""
    first, second, *_ = [scene.sign_in() for _ in range(100) if scene.clock.forward(seconds=1)]
    elsewhere = scene.sign_in(application="mail")
    assert scene.lives(first)
    new = scene.sign_in()
    assert new.ended.ended == (first.session.id,)
    assert scene.reason(first) is EndReason.DISPLACED
    assert scene.lives(second)
    assert scene.lives(elsewhere)
    assert [r.live for r in scene.rows(tables.record, application="wiki")] == [100]


def test_the_dead_are_not_counted(scene: Scene) -> None:
    for _ in range(100):
        scene.sign_in()
    scene.clock.forward(hours=2)
    assert scene.sign_in().ended.count == 0


def test_an_exclusive_application_keeps_one_session_of_each_user(both: Scene) -> None:
    """Covers W8, W9: by application."""
    elsewhere = both.sign_in(application="mail")
    first = both.sign_in()
    other = both.sign_in("bob")
    _exclusive_application(both, "wiki")
    second = both.sign_in()
    assert second.ended.ended == (first.session.id,)
    assert both.reason(first) is EndReason.DISPLACED
    for untouched in (elsewhere, other, second):
        assert both.lives(untouched)


def test_an_exclusive_organization_keeps_one_session_over_all_applications(both: Scene) -> None:
    wiki, mail, other = both.sign_in(), both.sign_in(application="mail"), both.sign_in("bob")
    _exclusive_organization(both, "acme")
    last = both.sign_in(application="app-built-in")
    assert set(last.ended.ended) == {wiki.session.id, mail.session.id}
    assert both.lives(other)
    assert both.lives(last)


def test_the_session_that_authenticates_anew_is_the_one_that_stays(scene: Scene) -> None:
    old, other = scene.sign_in(), scene.sign_in()
    _exclusive_application(scene, "wiki")
    _exclusive_organization(scene, "acme")
    new = scene.sign_in(secret=old.secret, device_secret=old.device_secret)
    assert new.session.id == old.session.id
    assert new.ended.ended == (other.session.id,)
    assert scene.lives(new)


def test_entering_an_application_counts_like_signing_in_to_it(scene: Scene) -> None:
    """Covers W8: single sign-on is no way around an exclusive application."""
    there = scene.sign_in(application="mail")
    here = scene.sign_in(application="wiki")
    _exclusive_application(scene, "mail")
    scene.write(entering.enter, scene.by(here), "mail")
    assert scene.reason(there) is EndReason.DISPLACED
    assert scene.lives(here)
