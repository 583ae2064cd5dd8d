"""The first start: one link, one administrator, one key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ostiary.domain.errors import BadInput, Misconfigured, NotFound, WrongCredentials
from ostiary.gateways.keys import Vault
from ostiary.services import setup
from ostiary.storage import tables
from tests.services.scene import Scene
from tests.support.installation import PASSWORD


@pytest.fixture
def fresh(database_url: str, tmp_path: Path) -> Iterator[Scene]:
    """An installation that nobody has set up, on each store."""
    scene = Scene(database_url, tmp_path, install=False)
    yield scene
    scene.close()


def _install(scene: Scene, *, link: str | None = None, admin: str = "admin") -> object:
    return setup.install(scene.house, scene.act(), admin=admin, password=PASSWORD, link=link)


def test_nobody_can_sign_in_before_the_first_start_is_over(fresh: Scene) -> None:
    """Covers C06, W18: no default account, whatever is tried."""
    assert not fresh.read(setup.is_installed)
    for user, password in (("admin", "123"), ("admin", "admin"), ("admin", PASSWORD)):
        with pytest.raises(WrongCredentials):
            fresh.sign_in(user, "app-built-in", "built-in", password=password)
    assert fresh.rows(tables.user) == []


def test_the_link_works_once(fresh: Scene) -> None:
    """Covers W18, C11, R01: and only its hash is stored."""
    link = fresh.write(setup.new_link)
    assert link is not None
    fresh.read(setup.check_link, link)
    assert link not in str(fresh.everything())
    installed = _install(fresh, link=link)
    assert isinstance(installed, setup.Installed)
    assert installed.application.name == "app-built-in"
    assert len(installed.client_secret) == 40
    assert fresh.lives(fresh.sign_in("admin", "app-built-in", "built-in"))
    assert fresh.read(setup.is_installed)
    before = fresh.everything()
    with pytest.raises(NotFound):
        _install(fresh, link=link, admin="second")
    with pytest.raises(NotFound):
        fresh.read(setup.check_link, link)
    assert fresh.write(setup.new_link) is None
    assert fresh.everything() == before
    assert "setup.completed" in fresh.events(organization="built-in")


def test_a_new_link_replaces_the_last(fresh: Scene) -> None:
    first, second = fresh.write(setup.new_link), fresh.write(setup.new_link)
    with pytest.raises(NotFound):
        _install(fresh, link=first)
    assert isinstance(_install(fresh, link=second), setup.Installed)


@pytest.mark.parametrize("link", ["", "x", "A" * 43])
def test_a_wrong_link_sets_nothing_up(fresh: Scene, link: str) -> None:
    with pytest.raises(NotFound):  # none was made yet
        _install(fresh, link=link)
    fresh.write(setup.new_link)
    with pytest.raises(NotFound):
        _install(fresh, link=link)
    assert not fresh.read(setup.is_installed)


def test_the_operator_needs_no_link_and_changes_nothing_twice(fresh: Scene) -> None:
    assert isinstance(_install(fresh), setup.Installed)
    before = fresh.everything()
    assert _install(fresh, admin="other") is None
    assert fresh.everything() == before


def test_bad_values_leave_the_link_as_it_is(fresh: Scene) -> None:
    link = fresh.write(setup.new_link)
    for admin, password in (("", PASSWORD), ("a/b", PASSWORD), ("admin", "short"), ("adm", "adm")):
        with pytest.raises(BadInput):
            setup.install(fresh.house, fresh.act(), admin=admin, password=password, link=link)
    assert isinstance(_install(fresh, link=link), setup.Installed)


def test_a_link_that_was_used_while_the_password_was_hashed_is_used(fresh: Scene) -> None:
    link = fresh.write(setup.new_link)
    credential = setup.passwords.prepare(fresh.house, fresh.act(), "built-in", "admin", PASSWORD)
    fresh.write(setup.new_link)
    args = (fresh.act(), fresh.house.vault, "admin", credential, link)
    with pytest.raises(NotFound):
        fresh.write(setup._install, *args)
    _install(fresh)
    assert fresh.write(setup._install, *args) is None


def test_the_store_belongs_to_one_key(fresh: Scene, tmp_path: Path) -> None:
    """Covers R14: found out at the start, not at the first secret that cannot be read."""
    assert fresh.read(setup.is_bound)
    fresh.write(setup.prepare_store, fresh.act(), fresh.house.vault)
    assert len(fresh.rows(tables.signing_key)) == 1
    other = Vault.open(tmp_path / "elsewhere", create=True)
    with pytest.raises(Misconfigured):
        fresh.write(setup.prepare_store, fresh.act(), other)
