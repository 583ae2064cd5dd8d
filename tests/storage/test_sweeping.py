"""Sessions that ran out, were cut off, or ended long ago."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from ostiary.domain.lifetime import check_after
from ostiary.domain.session import EndReason, reason_dead
from ostiary.storage import client_sessions, cut_offs, sessions, sweeping
from ostiary.storage.database import Database, Transaction
from ostiary.storage.tables import client_session, session
from tests.storage.world import NOW, World, earlier, later


def everything(tx: Transaction) -> list[tuple[Any, ...]]:
    """All session rows as they are stored."""
    return [tuple(row) for row in tx.rows(select(session).order_by(session.c.id))]


def check_after_of(store: Database, public_id: str) -> datetime:
    row = store.read(
        lambda tx: tx.row(select(session.c.check_after).where(session.c.id == public_id))
    )
    assert row is not None
    found: datetime = row.check_after
    return found


# Swept


def test_the_sweeper_sees_what_is_due_the_most_overdue_first(world: World) -> None:
    waiting = world.session("ann", "wiki", idle_seconds=61, at=earlier(seconds=60))
    due = [
        world.session("ann", "wiki", idle_seconds=60, at=earlier(seconds=s)).id
        for s in (60, 90, 75)
    ]
    ended = world.session("ann", "wiki", idle_seconds=1, at=earlier(days=2))
    world.end(ended.id)
    found = world.store.write(sweeping.due, NOW, 10)
    assert [s.id for s in found] == [due[1], due[2], due[0]]
    assert [s.id for s in world.store.write(sweeping.due, NOW, 2)] == [due[1], due[2]]
    assert waiting.id not in {s.id for s in found}


def test_what_is_still_in_use_is_looked_at_again_when_it_could_be_dead(world: World) -> None:
    one = world.session("ann", "wiki", idle_seconds=60, at=earlier(seconds=60))
    short = world.session("ann", "wiki", idle_seconds=60, at=earlier(seconds=60), expires_at=NOW)
    world.store.write(sessions.store_uses, [(one.id, earlier(seconds=10))])
    found = world.store.write(sweeping.due, NOW, 10)
    world.store.write(sweeping.postpone, found)
    assert check_after_of(world.store, one.id) == later(seconds=50)
    assert check_after_of(world.store, short.id) == NOW
    world.store.write(sweeping.postpone, [])


@given(
    st.lists(
        st.tuples(st.integers(0, 7_200), st.integers(1, 7_200), st.integers(1, 7_200)), max_size=5
    )
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_dead_session_is_overlooked(world: World, rows: list[tuple[int, int, int]]) -> None:
    """DESIGN section 2: `check_after` is never later than the row can be dead."""
    dead = set()
    for age, idle, absolute in rows:
        one = world.session(
            "ann",
            "wiki",
            at=earlier(seconds=age),
            idle_seconds=idle,
            expires_at=earlier(seconds=age) + timedelta(seconds=absolute),
        )
        assert check_after_of(world.store, one.id) == check_after(
            one.last_seen_at, one.idle_seconds, one.expires_at
        )
        if reason_dead(one, NOW) is not None:
            dead.add(one.id)
    assert dead <= {s.id for s in world.store.write(sweeping.due, NOW, 1_000)}


def test_two_sweepers_share_the_work(store: Database, world: World) -> None:
    """On PostgreSQL the second passes over what the first holds; on SQLite it comes afterwards."""
    ids = {world.session("ann", "wiki", idle_seconds=1, at=earlier(hours=1)).id for _ in range(6)}
    seen: list[set[str]] = []

    def outer(tx: Transaction) -> None:
        mine = sweeping.due(tx, NOW, 4)
        seen.append({s.id for s in mine})
        if store.is_postgresql:
            other = store.write(sweeping.due, NOW, 4)
            seen.append({s.id for s in other})
        sessions.mark_ended(tx, [s.id for s in mine], reason=EndReason.IDLE, by="system", now=NOW)

    store.write(outer)
    if not store.is_postgresql:
        seen.append({s.id for s in store.write(sweeping.due, NOW, 4)})
    assert [len(group) for group in seen] == [4, 2]
    assert seen[0] | seen[1] == ids


# Cut off


@pytest.mark.parametrize("subject", ["organization", "user", "application"])
def test_a_cut_off_kills_at_once_and_its_rows_are_found_in_pieces(
    world: World, subject: str
) -> None:
    mine = [world.session("ann", "wiki") for _ in range(5)]
    world.end(mine[4].id)
    other = {
        "organization": ("ann", "blog", "beta"),
        "user": ("bob", "wiki", "acme"),
        "application": ("ann", "mail", "acme"),
    }[subject]
    spared = world.session(*other)
    key = getattr(mine[0], f"{subject}_key")
    world.store.write(
        cut_offs.raise_epoch, subject, key, reason=EndReason.ADMIN_BULK, actor="x", now=NOW
    )
    for one in mine[:4]:
        assert reason_dead(world.one(one.id), NOW) is EndReason.ADMIN_BULK
    assert reason_dead(world.one(spared.id), NOW) is None
    later_on = world.session("ann", "wiki")
    assert reason_dead(later_on, NOW) is None
    found = world.store.read(sweeping.of_cut_off, subject, key, 1, 3)
    assert len(found) == 3
    world.end(*found)
    (rest,) = world.store.read(sweeping.of_cut_off, subject, key, 1, 3)
    assert {*found, rest} == {s.id for s in mine[:4]}


def test_what_is_used_in_a_cut_off_application_is_found_too(world: World) -> None:
    elsewhere = world.session("ann", "mail")
    world.used_in(elsewhere, "wiki")
    own = world.session("ann", "wiki")
    wiki = world.application("wiki")
    world.store.write(
        cut_offs.raise_epoch, "application", wiki.key, reason=EndReason.RISK, actor="x", now=NOW
    )
    read = world.store.read
    assert read(sweeping.of_cut_off, "application", wiki.key, 1, 10) == [own.id]
    used = read(client_sessions.of_cut_off, wiki.key, 1, 10)
    assert sorted(used) == sorted([elsewhere.id, own.id])
    world.used_in(elsewhere, "wiki")  # before it was settled: it is used there again
    assert read(client_sessions.of_cut_off, wiki.key, 1, 10) == [own.id]
    world.end(own.id)
    assert read(client_sessions.of_cut_off, wiki.key, 1, 10) == []


# Purged


def test_what_ended_long_ago_goes_with_its_client_sessions_in_batches(world: World) -> None:
    old = [world.session("ann", "wiki") for _ in range(5)]
    for minute, one in enumerate(old):
        world.end(one.id, at=earlier(days=90, minutes=minute))
    recent, alive = world.session("ann", "wiki"), world.session("ann", "wiki")
    world.end(recent.id, at=earlier(days=89))
    write = world.store.write
    assert write(sweeping.purge, earlier(days=89), 2) == 2
    left = {s.id for s in world.store.read(sessions.by_ids, [s.id for s in old])}
    assert left == {s.id for s in old[:3]}  # the oldest ending goes first
    assert [write(sweeping.purge, earlier(days=89), 2) for _ in range(3)] == [2, 1, 0]
    rows = world.store.read(lambda tx: tx.rows(select(client_session.c.session_id)))
    assert {row.session_id for row in rows} == {recent.id, alive.id}
    assert {row[2] for row in world.store.read(everything)} == {recent.id, alive.id}


def test_who_was_not_told_yet_keeps_the_session(world: World) -> None:
    """Covers I10."""
    world.application("told", backchannel_logout_uri="https://told.example/logout")
    one = world.session("ann", "told")
    world.used_in(one, "wiki")
    world.end(one.id, at=earlier(days=90))
    assert world.store.write(sweeping.purge, NOW, 10) == 0
    world.store.write(
        lambda tx: tx.execute(client_session.update().values(settled_at=earlier(days=89)))
    )
    assert world.store.write(sweeping.purge, NOW, 10) == 1
    assert world.store.read(everything) == []
