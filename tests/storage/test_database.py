"""The way into the store: what is kept, what is undone, and what an error is called."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from ostiary.domain.errors import AlreadyExists, BadInput, Misconfigured, Overloaded, Unavailable
from ostiary.storage import organizations, records, settings
from ostiary.storage.database import Database, Transaction
from ostiary.storage.pieces import pieces
from ostiary.storage.schema import open_database
from ostiary.storage.tables import setting
from ostiary.storage.values import refuse_unstorable
from tests.storage.world import NOW, World, at_once


@pytest.fixture
def sqlite_store(sqlite_copy: Path) -> Iterator[Database]:
    """A SQLite store with a single connection, on which a test may set what it likes."""
    database = open_database(f"sqlite:///{sqlite_copy}", threads=1)
    yield database
    database.close()


@pytest.fixture
def postgresql_store(postgresql_store_url: str) -> Iterator[Database]:
    """A PostgreSQL store with two connections."""
    database = open_database(postgresql_store_url, threads=2)
    yield database
    database.write(lambda tx: tx.execute(setting.delete()))
    database.close()


def value_of(store: Database, name: str) -> str | None:
    return store.read(settings.get, name)


# A transaction is kept wholly or not at all


def test_what_a_verb_writes_is_kept_when_it_returns(store: Database) -> None:
    def verb(tx: Transaction, first: str, *, second: str) -> str:
        settings.put(tx, "first", first)
        settings.put(tx, "second", second)
        return first + second

    assert store.write(verb, "a", second="b") == "ab"
    assert (value_of(store, "first"), value_of(store, "second")) == ("a", "b")


@pytest.mark.parametrize("error", [ValueError, BadInput, KeyboardInterrupt, GeneratorExit])
def test_whatever_is_raised_undoes_everything(
    store: Database, world: World, error: type[BaseException]
) -> None:
    world.session("ann", "wiki")

    def verb(tx: Transaction) -> None:
        settings.put(tx, "half", "done")
        tx.record_deltas["acme", "ann", "wiki"] += 7
        raise error("field", "text") if error is BadInput else error

    with pytest.raises(error):
        store.write(verb)
    assert value_of(store, "half") is None
    found = store.read(records.get, ("acme", "ann", "wiki"))
    assert found is not None
    assert found.live == 1
    store.write(settings.put, "half", "whole")
    assert value_of(store, "half") == "whole"


def test_what_fails_just_before_the_commit_undoes_everything(store: Database) -> None:
    def verb(tx: Transaction) -> None:
        settings.put(tx, "half", "done")
        tx.record_deltas["acme", "ann", "wiki"] += 1  # and no birth for it: a bug

    with pytest.raises(KeyError):
        store.write(verb)
    assert value_of(store, "half") is None


def test_reading_leaves_no_transaction_open(store: Database) -> None:
    seen: list[object] = []

    def verb(tx: Transaction) -> None:
        settings.get(tx, "any")
        seen.append(tx.connection.connection.dbapi_connection)

    store.read(verb)
    with pytest.raises(ValueError, match="stop"):
        store.read(lambda tx: verb(tx) or _raise(ValueError("stop")))
    for connection in seen:
        if isinstance(connection, sqlite3.Connection):
            assert not connection.in_transaction
        else:
            assert isinstance(connection, psycopg.Connection)
            assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def _raise(error: Exception) -> None:
    raise error


def test_a_reader_that_is_done_hears_of_every_commit(sqlite_store: Database) -> None:
    """An open read transaction would freeze what `PRAGMA data_version` says (DESIGN section 9)."""

    def version(tx: Transaction) -> int:
        return tx.number(text("PRAGMA data_version"))

    before = sqlite_store.read(version)
    path = sqlite_store.engine.url.database
    for round_ in range(3):
        with closing(sqlite3.connect(path or "")) as other:
            other.execute("INSERT INTO setting VALUES (?, 'x')", (str(round_),))
            other.commit()
        assert value_of(sqlite_store, str(round_)) == "x"
        after = sqlite_store.read(version)
        assert after != before
        before = after


def test_a_write_sees_its_own_rows_and_a_reader_beside_it_does_not(store: Database) -> None:
    def verb(tx: Transaction) -> tuple[str | None, str | None]:
        settings.put(tx, "mine", "1")
        return settings.get(tx, "mine"), value_of(store, "mine")

    assert store.write(verb) == ("1", None)
    assert value_of(store, "mine") == "1"


# Two at once


def test_writers_do_not_lose_each_other_s_changes(store: Database) -> None:
    store.write(settings.put, "sum", "0")

    def add_one(tx: Transaction) -> None:
        locked = setting.select().where(setting.c.name == "sum").with_for_update()
        row = tx.row(locked)
        assert row is not None
        settings.put(tx, "sum", str(int(row.value) + 1))

    at_once(*[lambda: store.write(add_one) for _ in range(12)])
    assert value_of(store, "sum") == "12"


def test_a_deadlock_is_resolved_by_repeating_one_side(postgresql_store: Database) -> None:
    for name in ("a", "b"):
        postgresql_store.write(settings.put, name, "0")
    both_hold = threading.Barrier(2)
    runs: list[str] = []

    def verb(tx: Transaction, first: str, second: str) -> None:
        runs.append(first)
        tx.execute(text("SET LOCAL deadlock_timeout = '50ms'"))
        settings.put(tx, first, first + second)
        if len(runs) <= 2:
            both_hold.wait(10)
        settings.put(tx, second, first + second)

    at_once(
        lambda: postgresql_store.write(verb, "a", "b"),
        lambda: postgresql_store.write(verb, "b", "a"),
    )
    assert len(runs) == 3
    assert value_of(postgresql_store, "a") == value_of(postgresql_store, "b") != "0"


def test_what_postgresql_undid_is_repeated_and_given_up_at_last(
    postgresql_store: Database,
) -> None:
    runs: list[int] = []

    def verb(tx: Transaction, failures: int) -> str:
        runs.append(1)
        settings.put(tx, "runs", str(len(runs)))
        if len(runs) <= failures:
            tx.execute(text("DO $$ BEGIN RAISE 'again' USING ERRCODE = '40001'; END $$"))
        return "done"

    assert postgresql_store.write(verb, 2) == "done"
    assert value_of(postgresql_store, "runs") == "3"
    runs.clear()
    with pytest.raises(Unavailable, match="again"):
        postgresql_store.write(verb, 99)
    assert len(runs) == 5
    assert value_of(postgresql_store, "runs") == "3"


def test_of_two_that_take_a_name_at_once_one_hears_that_it_is_taken(
    store: Database, world: World
) -> None:
    acme = world.organization("acme")

    def verb(tx: Transaction) -> str:
        if organizations.get(tx, "new") is not None:
            raise AlreadyExists
        organizations.add(tx, organization_like(acme))
        return "added"

    def try_it() -> str:
        try:
            return store.write(verb)
        except AlreadyExists:
            return "taken"

    for _ in range(5):
        assert sorted(at_once(*[try_it] * 4)) == ["added", "taken", "taken", "taken"]
        new = store.read(organizations.get, "new")
        assert new is not None
        store.write(organizations.delete, new.key, NOW)


def organization_like(acme: organizations.Organization) -> organizations.Organization:
    return organizations.Organization(
        key=0, name="new", display_name="New", created_at=acme.created_at
    )


def test_a_name_that_is_taken_for_good_is_an_error_and_no_loop(store: Database) -> None:
    def verb(tx: Transaction) -> None:
        tx.execute(insert(setting).values(name="twice", value="1"))

    store.write(verb)
    with pytest.raises(IntegrityError):
        store.write(verb)
    assert value_of(store, "twice") == "1"


def test_a_sqlite_writer_reads_what_is_still_true_when_it_writes(sqlite_copy: Path) -> None:
    """Two processes, two `Database` objects: ``BEGIN IMMEDIATE`` orders them."""
    url = f"sqlite:///{sqlite_copy}"
    stores = [open_database(url, threads=2) for _ in range(3)]
    stores[0].write(settings.put, "sum", "0")

    def add_one(tx: Transaction) -> None:
        settings.put(tx, "sum", str(int(settings.get(tx, "sum") or 0) + 1))

    def many(store: Database) -> None:
        for _ in range(10):
            store.write(add_one)

    at_once(*[lambda s=store: many(s) for store in stores])
    assert value_of(stores[0], "sum") == "30"
    for store in stores:
        store.close()


# What an error is called


def test_a_full_disk_is_unavailable_and_leaves_nothing_half_done(sqlite_store: Database) -> None:
    sqlite_store.write(settings.put, "before", "1")

    def limit(tx: Transaction, pages: int) -> int:
        return tx.number(text(f"PRAGMA max_page_count = {pages}"))

    pages = sqlite_store.read(limit, 1)  # never under what is there already

    def verb(tx: Transaction) -> None:
        settings.put(tx, "small", "1")
        settings.put(tx, "large", "x" * 1_000_000)

    with pytest.raises(Unavailable, match=r"full") as caught:
        sqlite_store.write(verb)
    assert "Nothing was changed" in caught.value.text
    assert value_of(sqlite_store, "small") is None
    assert value_of(sqlite_store, "before") == "1"
    sqlite_store.read(limit, pages + 1_000)
    sqlite_store.write(verb)
    assert value_of(sqlite_store, "small") == "1"


def test_a_store_that_must_not_be_written_is_unavailable_to_writers_only(
    sqlite_store: Database, postgresql_store: Database
) -> None:
    sqlite_store.read(lambda tx: tx.execute(text("PRAGMA query_only = ON")))
    with psycopg.connect(_address(postgresql_store), autocommit=True) as other:
        name = postgresql_store.engine.url.database
        other.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        postgresql_store.engine.dispose()
        try:
            for store in (sqlite_store, postgresql_store):
                assert value_of(store, "any") is None
                with pytest.raises(Unavailable, match=r"read-?only"):
                    store.write(settings.put, "any", "1")
                assert value_of(store, "any") is None
        finally:
            other.execute("SET default_transaction_read_only = off")
            other.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
            postgresql_store.engine.dispose()


def test_somebody_who_holds_the_lock_for_too_long_makes_it_unavailable(
    sqlite_store: Database,
) -> None:
    sqlite_store.read(lambda tx: tx.execute(text("PRAGMA busy_timeout = 20")))
    with closing(sqlite3.connect(sqlite_store.engine.url.database or "")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            sqlite_store.write(settings.put, "any", "1")
        assert value_of(sqlite_store, "any") is None
        other.rollback()
    sqlite_store.write(settings.put, "any", "1")
    assert value_of(sqlite_store, "any") == "1"


def test_a_row_that_is_held_for_too_long_makes_it_unavailable(postgresql_store: Database) -> None:
    postgresql_store.write(settings.put, "held", "1")

    def verb(tx: Transaction) -> None:
        tx.execute(text("SET LOCAL lock_timeout = '20ms'"))
        settings.put(tx, "held", "2")

    with psycopg.connect(_address(postgresql_store)) as other:
        other.execute("UPDATE setting SET value = '3' WHERE name = 'held'")
        with pytest.raises(Unavailable, match="lock timeout"):
            postgresql_store.write(verb)
        other.rollback()
    assert value_of(postgresql_store, "held") == "1"


def _address(store: Database) -> str:
    url = store.engine.url.set(drivername="postgresql")
    return url.render_as_string(hide_password=False)


def test_connections_that_died_meanwhile_are_replaced(postgresql_store: Database) -> None:
    postgresql_store.look(settings.get, "any")
    postgresql_store.write(settings.put, "any", "1")
    _kill_connections(postgresql_store)
    assert postgresql_store.look(settings.get, "any") == "1"
    assert value_of(postgresql_store, "any") == "1"
    postgresql_store.write(settings.put, "any", "2")
    assert value_of(postgresql_store, "any") == "2"


def _kill_connections(store: Database) -> None:
    with psycopg.connect(_address(store), autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_connection_that_dies_in_a_transaction_makes_it_unavailable(
    postgresql_store: Database,
) -> None:
    def verb(tx: Transaction) -> None:
        settings.put(tx, "any", "1")
        _kill_connections(postgresql_store)
        settings.put(tx, "any", "2")

    with pytest.raises(Unavailable):
        postgresql_store.write(verb)
    assert value_of(postgresql_store, "any") is None


def test_a_statement_that_is_wrong_stays_an_error_of_ours(postgresql_store: Database) -> None:
    for way in (postgresql_store.read, postgresql_store.write, postgresql_store.look):
        with pytest.raises(ProgrammingError):
            way(lambda tx: tx.execute(text("SELECT nonsense")))
    assert value_of(postgresql_store, "any") is None


def test_a_store_that_is_away_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        open_database("postgresql://ostiary:x@127.0.0.1:1/ostiary")


def test_more_transactions_than_connections_are_told_to_come_back(store_url: str) -> None:
    """Covers R09: what cannot be done soon is refused, and not queued without end."""
    store = open_database(store_url, threads=2)
    store.engine.pool._timeout = 0.01
    with store.engine.connect(), store.engine.connect():
        for way in (store.read, store.look):
            with pytest.raises(Overloaded):
                way(settings.get, "any")
        with pytest.raises(Overloaded):
            store.write(settings.put, "any", "1")
    assert value_of(store, "any") is None
    store.close()


def test_looking_is_reading(store: Database) -> None:
    store.write(settings.put, "any", "1")
    assert store.look(settings.get, "any") == "1"
    store.write(settings.put, "any", "2")
    assert store.look(settings.get, "any") == "2"
    with pytest.raises(DBAPIError if store.is_postgresql else Unavailable):
        store.look(lambda tx: tx.execute(text("SELECT nonsense FROM nowhere")))
    assert store.look(settings.get, "any") == "2"


# How the databases are set


def test_sqlite_syncs_at_each_commit_and_checks_foreign_keys(sqlite_store: Database) -> None:
    def pragma(tx: Transaction, name: str) -> object:
        return tx.execute(text(f"PRAGMA {name}")).scalar()

    assert sqlite_store.read(pragma, "journal_mode") == "wal"
    assert sqlite_store.read(pragma, "synchronous") == 2  # FULL
    assert sqlite_store.read(pragma, "foreign_keys") == 1
    with pytest.raises(IntegrityError):
        sqlite_store.write(
            lambda tx: tx.execute(text("INSERT INTO device_user VALUES (99, 99, 0)"))
        )


def test_postgresql_syncs_at_each_commit_and_waits_for_no_lock_for_ever(
    postgresql_store: Database,
) -> None:
    def show(tx: Transaction, name: str) -> object:
        return tx.execute(text(f"SHOW {name}")).scalar()

    assert postgresql_store.read(show, "synchronous_commit") == "on"
    assert postgresql_store.read(show, "timezone") == "UTC"
    assert postgresql_store.read(show, "lock_timeout") == "20s"
    assert postgresql_store.read(show, "transaction_isolation") == "read committed"


def test_errors_do_not_repeat_what_was_bound(store: Database) -> None:
    """Covers R12: the text of an error ends in the log."""

    def verb(tx: Transaction) -> None:
        for _ in range(2):
            tx.execute(insert(setting).values(name="a-secret-name", value="a-secret-value"))

    with pytest.raises(IntegrityError) as caught:
        store.write(verb)
    assert "a-secret-value" not in str(caught.value)


# What cannot be stored

UNSTORABLE = [
    "a\x00b",
    "\x00",
    "\ud800",
    "half \udfff of one",
    "Ünïcode\x00",
    2**63,
    -(2**63),
    10**30,
]


@pytest.mark.parametrize("value", UNSTORABLE)
def test_what_postgresql_cannot_hold_is_refused_on_both(store: Database, value: object) -> None:
    def look_up(tx: Transaction) -> None:
        tx.row(setting.select().where(setting.c.name == value))

    def write_many(tx: Transaction) -> None:
        settings.put(tx, "before", "1")
        rows = [{"name": "good", "value": "x"}, {"name": "bad", "value": value}]
        tx.execute(insert(setting), rows)

    for way, verb in ((store.read, look_up), (store.look, look_up), (store.write, write_many)):
        with pytest.raises(BadInput, match="cannot be stored"):
            way(verb)
    assert value_of(store, "before") is None
    assert value_of(store, "good") is None


@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_every_other_text_can_be_stored(value: str) -> None:
    refuse_unstorable(None, None, "", (value, 1, None, b"\x00", 1.5, True), None, False)  # noqa: FBT003


@given(st.text(), st.sampled_from(["\x00", "\ud800", "\udfff"]), st.text())
def test_no_text_with_one_of_these_can_be(before: str, bad: str, after: str) -> None:
    with pytest.raises(BadInput):
        refuse_unstorable(None, None, "", {"a": before + bad + after}, None, False)  # noqa: FBT003


def test_texts_come_back_as_they_were(store: Database) -> None:
    for number, value in enumerate(
        ["", " ", "%_\\/'\"", "Zoë Ångström 😀", "\u202e", "\uffff", "a\nb\r\t", "x" * 100_000]
    ):
        store.write(settings.put, str(number), value)
        assert value_of(store, str(number)) == value


@given(st.lists(st.integers(), max_size=1_600))
def test_a_long_list_is_cut_into_pieces_that_hold_all_of_it(items: list[int]) -> None:
    cut = list(pieces(items))
    assert [item for piece in cut for item in piece] == items
    assert all(0 < len(piece) <= 500 for piece in cut)


# Addresses that cannot be opened


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="cannot be opened"):
        open_database(f"sqlite:///{tmp_path}/file/below/ostiary.db")


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.db"
    path.write_text("Dear Ann, " * 1_000)
    with pytest.raises(Unavailable, match="not a database"):
        open_database(f"sqlite:///{path}")
    assert path.read_text().startswith("Dear Ann")
