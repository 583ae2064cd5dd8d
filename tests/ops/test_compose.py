"""Opening an installation: what is made, what is refused, and that nothing half done stays."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from ostiary.domain.access import OPERATOR
from ostiary.domain.errors import Misconfigured, Overloaded, Unavailable
from ostiary.ops.compose import close_house, open_house, utc_now
from ostiary.ops.config import Config, Storage
from ostiary.services import passwords, setup
from ostiary.services.house import Act
from tests.support.disk import SmallDisk, small_disk

NOBODY = 65_534


def config_of(data: Path, url: str = "") -> Config:
    return Config(storage=Storage(data=str(data), url=url))


def open_and_close(config: Config, *, create: bool = True) -> None:
    close_house(open_house(config, create=create))


def refusal(config: Config, *, create: bool = True) -> str:
    with pytest.raises(Misconfigured) as caught:
        open_and_close(config, create=create)
    return caught.value.text


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_installation_is_for_its_owner_only(tmp_path: Path) -> None:
    data = tmp_path / "var" / "data"
    before = os.umask(0o000)
    try:
        open_and_close(config_of(data))
    finally:
        os.umask(before)
    assert mode(data) == 0o700
    assert {path.name for path in data.iterdir()} >= {"encryption.key", "ostiary.db"}
    assert {mode(path) for path in data.iterdir()} == {0o600}


def test_an_installation_is_opened_again_with_the_same_key(
    database_url: str, tmp_path: Path
) -> None:
    config = config_of(tmp_path / "data", database_url)
    open_and_close(config)
    key = (tmp_path / "data" / "encryption.key").read_bytes()
    open_and_close(config)
    open_and_close(config, create=False)
    assert (tmp_path / "data" / "encryption.key").read_bytes() == key


def test_a_directory_whose_name_means_something_in_a_url_is_a_directory(tmp_path: Path) -> None:
    data = tmp_path / "a?b=c#d%20e é"
    open_and_close(config_of(data))
    assert (data / "ostiary.db").stat().st_size > 0


def test_nothing_is_made_where_nothing_is_to_be_made(database_url: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for present in (False, True):
        if present:
            data.mkdir()
        said = refusal(config_of(data, database_url), create=False)
        assert str(data) in said
        assert "ostiary init" in said
    assert list(data.iterdir()) == []
    assert not (tmp_path / "ostiary.db").exists()


def test_a_lost_key_is_not_replaced_by_a_new_one(database_url: str, tmp_path: Path) -> None:
    config = config_of(tmp_path / "data", database_url)
    open_and_close(config)
    key = tmp_path / "data" / "encryption.key"
    kept = key.read_bytes()
    key.unlink()
    assert "is missing. Restore it" in refusal(config)
    assert not key.exists()
    key.touch(0o600)
    key.write_bytes(kept)
    open_and_close(config)


def test_another_installations_key_is_refused(database_url: str, tmp_path: Path) -> None:
    open_and_close(config_of(tmp_path / "data", database_url))
    open_and_close(config_of(tmp_path / "other"))
    (tmp_path / "data" / "encryption.key").write_bytes(
        (tmp_path / "other" / "encryption.key").read_bytes()
    )
    said = refusal(config_of(tmp_path / "data", database_url))
    assert "does not belong to this database" in said


def test_data_of_a_newer_version_is_left_alone(database_url: str, tmp_path: Path) -> None:
    config = config_of(tmp_path / "data", database_url)
    house = open_house(config)
    newer = text("UPDATE alembic_version SET version_num = 'v0999'")
    house.database.write(lambda tx: tx.execute(newer))
    close_house(house)
    said = refusal(config)
    assert "newer version" in said
    assert "v0999" in said
    assert "newer version" in refusal(config, create=False)


def test_two_that_start_at_once_make_one_installation(database_url: str, tmp_path: Path) -> None:
    config = config_of(tmp_path / "data", database_url)
    with ThreadPoolExecutor(4) as pool:
        houses = list(pool.map(lambda _: open_house(config), range(4)))
    canaries = {house.vault.mac("test", b"the same key") for house in houses}
    keys = houses[0].database.read(lambda tx: tx.number(text("SELECT count(*) FROM signing_key")))
    for house in houses:
        close_house(house)
    assert len(canaries) == 1
    assert keys == 1


def test_hosts_that_start_at_once_on_one_database_do_not_both_bring_a_key(
    postgresql_url: str, tmp_path: Path
) -> None:
    def start(host: str) -> str:
        try:
            open_and_close(config_of(tmp_path / host, postgresql_url))
        except Misconfigured as error:
            return error.text
        return ""

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(start, ("one", "two")))
    # The second one is told to bring the first one's key, before anything was sealed by another.
    assert said[0] == ""
    assert "encryption.key" in said[1]


def test_a_store_that_takes_nothing_more_is_closed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = open_house(config_of(tmp_path / "data"))
    house.activity.remember("a" * 32, utc_now())

    def no_room(*_: object) -> None:
        raise Unavailable("no room")

    monkeypatch.setattr(house.database, "write", no_room)
    close_house(house)
    with pytest.raises(Overloaded):
        house.passwords.hash("anything")


def test_a_file_in_the_directorys_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no directory")
    assert "is not a directory" in refusal(config_of(tmp_path / "data"))
    assert "is not a directory" in refusal(config_of(tmp_path / "data" / "below"))


def test_a_database_that_is_none_is_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "ostiary.db").write_bytes(b"This is not a database. " * 1000)
    assert "cannot be used: file is not a database" in refusal(config_of(data))
    assert not (data / "encryption.key").exists()


def test_a_postgresql_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://ostiary:verborgen@127.0.0.1:1/ostiary"
    said = refusal(config_of(tmp_path / "data", url))
    assert "See that PostgreSQL runs" in said
    assert "refused" in said
    assert "verborgen" not in said


def test_a_places_file_that_is_missing_leaves_nothing_open(tmp_path: Path) -> None:
    config = Config(
        storage=Storage(data=str(tmp_path / "data")),
        places=Config().places.__class__(city=str(tmp_path / "none.mmdb")),
    )
    assert "none.mmdb does not exist" in refusal(config)


@pytest.fixture
def anybody() -> Iterator[Path]:
    """A directory for tests that must not be root: as long as they run, this process is not."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o777)
        if os.geteuid() == 0:
            os.seteuid(NOBODY)
            try:
                yield path
            finally:
                os.seteuid(0)
        else:
            yield path


def test_a_read_only_directory_is_named(anybody: Path) -> None:
    data = anybody / "data"
    data.mkdir(mode=0o500)
    for config in (config_of(data), config_of(data / "below")):
        said = refusal(config)
        assert "cannot be written (Permission denied)" in said
        assert config.storage.data in said
    assert list(data.iterdir()) == []


def test_a_read_only_database_is_named(anybody: Path) -> None:
    config = config_of(anybody / "data")
    open_and_close(config)
    (anybody / "data" / "ostiary.db").chmod(0o400)
    said = refusal(config)
    assert "ostiary.db cannot be opened: Permission denied" in said


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    with small_disk() as found:
        yield found


def test_a_full_disk_at_the_first_start_is_told_and_left_usable(disk: SmallDisk) -> None:
    disk.fill(leave=32_768)
    try:
        said = refusal(config_of(disk.path / "data"))
    finally:
        disk.empty()
    assert disk.said in said.lower()
    open_and_close(config_of(disk.path / "data"))


def test_what_a_comparison_costs_covers_the_encodings_that_are_held(tmp_path: Path) -> None:
    """Covers C10: a user with an imported hash does not stand out."""
    config = config_of(tmp_path / "data")
    house = open_house(config)
    act = Act(caller=OPERATOR, now=utc_now())
    assert house.database.read(passwords.held_encodings) == frozenset()
    setup.install(house, act, admin="admin", password="a horse of another colour")
    assert house.database.read(passwords.held_encodings) == frozenset()
    imported = text("UPDATE credential SET encoding = 'bcrypt', value = '$2a$10$x'")
    house.database.write(lambda tx: tx.execute(imported))
    close_house(house)
    house = open_house(config)
    assert house.database.read(passwords.held_encodings) == {"bcrypt"}
    assert "bcrypt" in house.passwords._decoys
    close_house(house)
