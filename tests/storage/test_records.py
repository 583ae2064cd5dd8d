"""Casdoor records: their counters, their pages, and the ids that applications register."""

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from ostiary.domain.session import EndReason
from ostiary.storage import (
    applications,
    client_sessions,
    cut_offs,
    organizations,
    records,
    sessions,
    users,
)
from ostiary.storage.client_sessions import wire_time
from ostiary.storage.database import Database, RecordKey, Transaction
from ostiary.storage.records import FIELDS, Record, RecordQuery
from ostiary.storage.tables import record, registered_id
from tests.storage.world import NOW, World, at_once, earlier, later

KEY = ("acme", "ann", "wiki")


def stored(tx: Transaction) -> list[Record]:
    """All records, by their keys."""
    return [
        records.to_record(row)
        for row in tx.rows(
            select(record).order_by(record.c.owner, record.c.name, record.c.application)
        )
    ]


def write_all(tx: Transaction, rows: list[Record]) -> None:
    tx.execute(record.delete())
    if rows:
        values = [
            {
                "owner": r.owner,
                "name": r.name,
                "application": r.application,
                "created_time": r.created_time,
                "live": r.live,
                "registered": r.registered,
            }
            for r in rows
        ]
        tx.execute(insert(record), values)


# The counter


def test_a_record_lives_from_its_first_use_to_its_last_ending(world: World) -> None:
    first = world.session("ann", "wiki", at=earlier(minutes=5))
    second = world.session("ann", "wiki")
    (found,) = world.store.read(stored)
    assert found == Record(
        owner="acme",
        name="ann",
        application="wiki",
        created_time=wire_time(earlier(minutes=5)),
        live=2,
    )
    assert found.key == KEY
    world.end(first.id)
    assert [r.live for r in world.store.read(stored)] == [1]
    world.end(second.id)
    assert world.store.read(stored) == []


def test_a_session_counts_in_each_application_that_it_is_used_in_once(world: World) -> None:
    one = world.session("ann", "wiki")
    for _ in range(2):
        world.used_in(one, "mail")
    world.session("bob", "mail")
    assert {r.key: r.live for r in world.store.read(stored)} == {
        ("acme", "ann", "mail"): 1,
        ("acme", "ann", "wiki"): 1,
        ("acme", "bob", "mail"): 1,
    }
    world.end(one.id)
    assert [r.key for r in world.store.read(stored)] == [("acme", "bob", "mail")]


def test_what_comes_and_goes_in_one_transaction_leaves_no_record(world: World) -> None:
    ann, wiki = world.user("ann"), world.application("wiki")

    def verb(tx: Transaction) -> None:
        one = world.write_session(tx, ann, wiki)
        sessions.mark_ended(tx, [one.id], reason=EndReason.REVOKED, by="x", now=NOW)
        client_sessions.end(tx, client_sessions.of_sessions(tx, [one.id]), NOW)

    world.store.write(verb)
    assert world.store.read(stored) == []


def test_counters_are_right_after_many_did_much_at_once(world: World) -> None:
    """Covers W8: none lost, none doubled, and no deadlock is left unresolved."""
    people = [world.user(name) for name in ("ann", "bob", "cid")]
    clients = [world.application(name) for name in ("wiki", "mail", "blog")]
    there = [world.session(p.name, c.name) for p in people for c in clients for _ in range(3)]

    def signing_in(seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - which rows are tried is no secret
        for _ in range(6):
            person, client = chance.choice(people), chance.choice(clients)

            def verb(tx: Transaction, person: Any = person, client: Any = client) -> None:
                users.by_key(tx, person.key, lock=True)
                one = world.write_session(tx, person, client)
                for other in clients[::-1]:
                    world.use(tx, one, other)

            world.store.write(verb)

    def ending(seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - which rows are tried is no secret
        for _ in range(6):
            world.end(*(s.id for s in chance.sample(there, 5)))

    at_once(
        *[lambda n=n: signing_in(n) for n in range(3)], *[lambda n=n: ending(n) for n in range(3)]
    )
    assert world.store.read(live_by_rows) == {r.key: r.live for r in world.store.read(stored)}


def live_by_rows(tx: Transaction) -> dict[RecordKey, int]:
    """How many client sessions each record really has."""
    known = client_sessions.of_sessions(
        tx, [row.id for row in tx.rows(select(sessions.session.c.id))]
    )
    return dict(Counter(used.record for used in known))


def test_a_record_that_is_held_waits_for_its_ending(store: Database, world: World) -> None:
    """Two that empty one record at once leave it empty, and not under zero."""
    ids = [world.session("ann", "wiki").id for _ in range(6)]
    at_once(*[lambda i=i: world.end(i) for i in ids])
    assert store.read(stored) == []
    again = world.session("ann", "wiki")
    assert [r.live for r in store.read(stored)] == [1]
    world.end(again.id)
    assert store.read(stored) == []


# Which sessions a record shows


def test_a_record_shows_its_live_sessions_by_their_first_use(world: World) -> None:
    """Covers W10."""
    second, first = world.session("ann", "wiki"), world.session("ann", "mail")
    world.used_in(first, "wiki", at=earlier(minutes=1))
    world.end(world.session("ann", "wiki").id)
    world.session("ann", "wiki", expires_at=NOW)
    other = world.session("bob", "wiki")
    namesake = world.session("ann", "blog", "beta")
    keys = [KEY, ("acme", "bob", "wiki"), ("acme", "ann", "mail"), ("beta", "ann", "blog")]
    unknown = [
        ("beta", "ann", "wiki"),
        ("acme", "nobody", "wiki"),
        ("acme", "ann", "nothing"),
        ("", "", ""),
        ("gamma", "ann", "wiki"),
    ]
    found = world.store.read(records.live_sessions, [*keys, *unknown], NOW)
    assert {key: [s.id for s in shown] for key, shown in found.items()} == {
        KEY: [first.id, second.id],
        ("acme", "bob", "wiki"): [other.id],
        ("acme", "ann", "mail"): [first.id],
        ("beta", "ann", "blog"): [namesake.id],
    }
    assert world.store.read(records.live_sessions, [], NOW) == {}


def test_a_cut_off_application_shows_nothing_though_the_session_lives(world: World) -> None:
    one = world.session("ann", "mail")
    world.used_in(one, "wiki")
    wiki = world.application("wiki")
    world.store.write(
        cut_offs.raise_epoch, "application", wiki.key, reason=EndReason.RISK, actor="x", now=NOW
    )
    found = world.store.read(records.live_sessions, [KEY, ("acme", "ann", "mail")], NOW)
    assert list(found) == [("acme", "ann", "mail")]


def test_who_has_a_name_now_is_not_who_had_it_before(world: World) -> None:
    """Deleted and made anew: a user, an application, an organization."""
    before = world.session("ann", "wiki")
    wiki = world.application("wiki")
    world.store.write(applications.delete, wiki.key, NOW)
    world.application("wiki")
    assert world.store.read(records.live_sessions, [KEY], NOW) == {}
    after = world.session("ann", "wiki")
    ann = world.user("ann")
    world.store.write(users.delete_and_anonymise, ann.key, "deleted:1", NOW)
    world.user("ann")
    assert world.store.read(records.live_sessions, [KEY], NOW) == {}
    newest = world.session("ann", "wiki")
    found = world.store.read(records.live_sessions, [KEY], NOW)
    assert [s.id for s in found[KEY]] == [newest.id]
    world.store.write(organizations.delete, world.organization("acme").key, NOW)
    world.organization("acme")
    assert world.store.read(records.live_sessions, [KEY], NOW) == {}
    assert len({before.id, after.id, newest.id}) == 3


def test_many_records_are_looked_up_at_once(world: World) -> None:
    one = world.session("ann", "wiki")
    keys = [*(("acme", f"user{n}", "wiki") for n in range(1_500)), KEY]
    assert list(world.store.read(records.live_sessions, keys, NOW)) == [KEY]
    world.store.write(records.register, KEY, "t")
    world.store.write(records.replace_registered, KEY, ["a"])
    assert world.store.read(records.registered_ids, keys) == {KEY: ["a"]}
    assert one.id


# Registered by applications


def test_a_registered_record_needs_no_user_and_no_session(store: Database) -> None:
    key = ("no-such", "nobody", "nothing")
    store.write(records.register, key, "2026-08-22T16:53:36+08:00")
    store.write(records.replace_registered, key, ["s2", "s1"])
    found = store.read(records.get, key)
    assert found == Record(
        owner=key[0],
        name=key[1],
        application=key[2],
        created_time="2026-08-22T16:53:36+08:00",
        registered=True,
    )
    assert store.read(records.registered_ids, [key]) == {key: ["s2", "s1"]}
    store.write(records.replace_registered, key, ["s3", "s1"])
    assert store.read(records.registered_ids, [key]) == {key: ["s3", "s1"]}
    store.write(records.unregister, key)
    assert store.read(records.get, key) is None
    assert store.read(records.registered_ids, [key]) == {}


def test_registering_what_is_there_keeps_its_time_and_counter(world: World) -> None:
    """Contract 1.1: ``createdTime`` is set once."""
    one = world.session("ann", "wiki")
    world.store.write(records.register, KEY, "another time")
    (found,) = world.store.read(stored)
    assert (found.created_time, found.live, found.registered) == (wire_time(NOW), 1, True)
    world.end(one.id)
    (found,) = world.store.read(stored)
    assert (found.live, found.registered) == (0, True)
    again = world.session("ann", "wiki", at=later(days=1))
    world.store.write(records.unregister, KEY)
    (found,) = world.store.read(stored)
    assert (found.live, found.registered, found.created_time) == (1, False, wire_time(NOW))
    world.end(again.id)
    assert world.store.read(stored) == []


def test_a_registered_record_can_be_emptied_and_stays(store: Database) -> None:
    store.write(records.register, KEY, "t")
    store.write(records.replace_registered, KEY, ["a"])
    store.write(records.replace_registered, KEY, [])
    assert store.read(records.get, KEY) is not None
    store.write(records.set_created_time, KEY, "as it was sent")
    found = store.write(records.get, KEY, lock=True)
    assert found is not None
    assert found.created_time == "as it was sent"
    assert store.read(records.get, ("acme", "ann", "mail")) is None


def test_two_that_register_at_once_make_one_record(store: Database) -> None:
    at_once(*[lambda n=n: store.write(records.register, KEY, str(n)) for n in range(5)])
    (found,) = store.read(stored)
    assert found.registered
    assert found.created_time in "01234"


def test_a_new_name_takes_its_records_along(world: World) -> None:
    world.session("ann", "wiki")
    world.store.write(records.register, ("acme", "ann", "shop"), "t")
    world.store.write(records.replace_registered, ("acme", "ann", "shop"), ["a", "b"])
    world.store.write(records.register, ("beta", "ann", "shop"), "t")
    world.store.write(records.rename_user, "acme", "ann", "anna")
    assert {r.key for r in world.store.read(stored)} == {
        ("acme", "anna", "shop"),
        ("acme", "anna", "wiki"),
        ("beta", "ann", "shop"),
    }
    key = ("acme", "anna", "shop")
    assert world.store.read(records.registered_ids, [key]) == {key: ["a", "b"]}


def test_a_new_name_under_which_something_was_registered_joins_both(world: World) -> None:
    world.session("ann", "wiki")
    world.store.write(records.register, KEY, "t")
    world.store.write(records.replace_registered, KEY, ["a", "b"])
    taken = ("acme", "anna", "wiki")
    world.store.write(records.register, taken, "earlier")
    world.store.write(records.replace_registered, taken, ["b", "c"])
    world.store.write(records.rename_user, "acme", "ann", "anna")
    (found,) = world.store.read(stored)
    assert (found.key, found.live, found.registered) == (taken, 1, True)
    assert found.created_time == "earlier"
    assert world.store.read(records.registered_ids, [taken, KEY]) == {taken: ["b", "c", "a"]}


def test_of_a_deleted_user_nothing_registered_is_left_to_the_next(world: World) -> None:
    """Covers R12."""
    one = world.session("ann", "wiki")
    for application in ("wiki", "shop"):
        key = ("acme", "ann", application)
        world.store.write(records.register, key, "t")
        world.store.write(records.replace_registered, key, ["a"])
    world.store.write(records.register, ("acme", "bob", "shop"), "t")
    world.store.write(records.forget_user, "acme", "ann")
    assert {r.key: (r.live, r.registered) for r in world.store.read(stored)} == {
        KEY: (1, False),
        ("acme", "bob", "shop"): (0, True),
    }
    assert world.store.read(lambda tx: tx.rows(select(registered_id))) == []
    world.end(one.id)
    assert [r.name for r in world.store.read(stored)] == ["bob"]


# Pages


def everyone(query: RecordQuery, rows: list[Record]) -> list[Record]:
    """What a page without bounds holds, worked out in Python."""
    found = [
        r
        for r in rows
        if query.owner in (None, r.owner)
        and query.name in (None, r.name)
        and (query.field is None or query.value in getattr(r, query.field))
    ]
    return sorted(found, key=lambda r: (getattr(r, query.sort), *r.key), reverse=query.descending)


WORDS = st.sampled_from(["a", "b", "ab", "a%", "a_", "a/b", "é"])
RECORDS = st.builds(
    Record,
    owner=WORDS,
    name=WORDS,
    application=WORDS,
    created_time=WORDS,
    live=st.integers(0, 3),
    registered=st.booleans(),
)
QUERIES = st.builds(
    RecordQuery,
    owner=st.none() | WORDS,
    name=st.none() | WORDS,
    field=st.none() | st.sampled_from(FIELDS),
    value=st.sampled_from(["a", "%", "_", "/", "é", "b", ""]),
    sort=st.sampled_from(FIELDS),
    descending=st.booleans(),
)


@given(
    rows=st.lists(RECORDS, unique_by=lambda r: r.key, max_size=12),
    query=QUERIES,
    offset=st.integers(0, 8),
    limit=st.integers(1, 5),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_are_slices_of_the_sorted_whole(
    store: Database, rows: list[Record], query: RecordQuery, offset: int, limit: int
) -> None:
    """Contract 1.2: filter, sort, page and count, ``%`` and ``_`` meaning themselves (W3)."""
    store.write(write_all, rows)
    whole = everyone(query, rows)
    assert store.read(records.page, query) == whole
    assert store.read(records.count, query) == len(whole)
    page = RecordQuery(
        owner=query.owner,
        name=query.name,
        field=query.field,
        value=query.value,
        sort=query.sort,
        descending=query.descending,
        offset=offset,
        limit=limit,
    )
    assert store.read(records.page, page) == whole[offset : offset + limit]
    assert store.read(records.count, page) == len(whole)


def test_all_records_are_counted_when_nothing_narrows_them(store: Database) -> None:
    """``data2`` of a global administrator's list."""
    rows = [
        Record(owner="acme", name=str(n), application="wiki", created_time="t", live=1)
        for n in range(7)
    ]
    store.write(write_all, rows)
    assert store.read(records.count, RecordQuery()) == 7
    assert store.read(records.count, RecordQuery(limit=2)) == 7
    store.write(write_all, [])
    assert store.read(records.count, RecordQuery()) == 0
    assert store.read(records.page, RecordQuery(limit=10)) == []


def test_newest_first_unless_told_otherwise(world: World) -> None:
    for day, name in enumerate(["cid", "ann", "bob"]):
        world.session(name, "wiki", at=NOW + timedelta(days=day), expires_at=later(days=9))
    found = world.store.read(records.page, RecordQuery(owner="acme"))
    assert [r.name for r in found] == ["bob", "ann", "cid"]


@pytest.mark.parametrize("part", ["whole", "piece"])
def test_a_record_is_found_by_an_id_that_it_shows(world: World, part: str) -> None:
    one = world.session("ann", "wiki", id="abcdef" + "0" * 26)
    world.used_in(one, "mail")
    world.session("bob", "wiki")
    world.store.write(records.register, ("acme", "cid", "shop"), "t")
    world.store.write(records.replace_registered, ("acme", "cid", "shop"), ["own-abcde_f"])

    def found(value: str, **further: Any) -> set[RecordKey]:
        query = RecordQuery(field="session_id", value=value, **further)
        keys = {r.key for r in world.store.read(records.page, query)}
        assert world.store.read(records.count, query) == len(keys)
        return keys

    live = {KEY, ("acme", "ann", "mail")}
    if part == "whole":
        assert found(one.id) == live
    else:
        assert found("abcde") == live | {("acme", "cid", "shop")}
        assert found("abcde", name="cid") == {("acme", "cid", "shop")}
        assert found("e_f") == {("acme", "cid", "shop")}
        assert found("%") == set()
    world.end(one.id)
    assert found(one.id) == set()
