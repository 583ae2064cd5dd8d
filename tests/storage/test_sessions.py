"""Sessions as rows: written, read, ended once, used, swept, purged."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from ostiary.domain.session import Device, EndReason, Epochs, Session, reason_dead
from ostiary.storage import client_sessions, cut_offs, devices, outbox, sessions
from ostiary.storage.database import Database, Transaction
from ostiary.storage.tables import session
from tests.storage.world import NOW, World, at_once, change, earlier, later, secret_hash


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


# Written and read


def test_a_session_comes_back_as_it_was_written(world: World) -> None:
    device = {
        "kind": "mobile",
        "browser": "Firefox",
        "os": "Android",
        "agent": "Mozilla/5.0 …",
        "address": "2001:db8::1",
        "country": "DE",
        "city": "Köln",
        "asn": "AS64500",
    }
    found = world.session(
        "ann", "wiki", remembered=True, amr=("pwd", "otp"), acr="2", idle_seconds=77, **device
    )
    assert found == world.one(found.id)
    assert (found.organization, found.user, found.application) == ("acme", "ann", "wiki")
    assert found.device == Device(**device)
    assert (found.amr, found.acr, found.remembered) == (("pwd", "otp"), "2", True)
    assert found.created_at == found.authenticated_at == found.last_seen_at == NOW
    assert (found.expires_at, found.idle_seconds) == (later(days=1), 77)
    assert (found.label, found.ended_at, found.ended_reason, found.ended_by) == ("", None, None, "")
    assert check_after_of(world.store, found.id) == later(seconds=77)


def test_what_is_not_known_stays_unknown(world: World) -> None:
    found = world.session("ann", "wiki", amr=())
    assert found.device == Device()
    assert found.amr == ()
    assert found.device_key is None


@pytest.mark.parametrize(
    "instant",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 11, 24, 9, 0, 0, 1, tzinfo=UTC),
        datetime(2026, 11, 24, 18, 30, tzinfo=timezone(timedelta(hours=5, minutes=45))),
        datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
def test_instants_are_exact_and_come_back_in_utc(world: World, instant: datetime) -> None:
    """Covers R13."""
    found = world.session("ann", "wiki", at=instant, expires_at=instant)
    assert found.created_at == instant
    assert found.created_at.tzinfo is UTC
    assert found.expires_at - found.created_at == timedelta(0)


def test_an_instant_without_a_zone_is_a_bug_and_not_guessed(world: World) -> None:
    with pytest.raises(Exception, match="offset-naive"):
        world.session("ann", "wiki", at=NOW.replace(tzinfo=None))


def test_a_secret_is_found_by_its_hash_alone(world: World) -> None:
    """Covers R01, R02, W3."""
    one, other = world.session("ann", "wiki"), world.session("bob", "wiki")
    read = world.store.read
    assert read(sessions.by_secret, secret_hash(one.id)) == one
    assert read(sessions.by_secret, secret_hash(other.id)) == other
    for unknown in (secret_hash("unknown"), b"", one.id.encode(), secret_hash(one.id)[:31]):
        assert read(sessions.by_secret, unknown) is None


def test_an_ended_session_is_still_found(world: World) -> None:
    one = world.session("ann", "wiki")
    world.end(one.id)
    found = world.store.read(sessions.by_secret, secret_hash(one.id))
    assert found is not None
    assert found.ended_reason is EndReason.REVOKED
    assert world.one(one.id) == found


def test_ids_are_found_in_the_order_of_ids_each_once(world: World) -> None:
    ids = [world.session("ann", "wiki").id for _ in range(4)]
    read = world.store.read
    assert [s.id for s in read(sessions.by_ids, [*reversed(ids), ids[0], "f" * 32])] == ids
    assert read(sessions.by_ids, []) == []
    assert read(sessions.by_id, "f" * 32) is None


def test_any_number_of_ids_can_be_asked_for(world: World) -> None:
    """SQLite takes 32,766 parameters in one statement, PostgreSQL 65,535."""
    ids = sorted(world.session("ann", "wiki").id for _ in range(3))
    asked = [*(f"{n + 2**64:032x}" for n in range(70_000)), *ids]

    def verb(tx: Transaction) -> tuple[int, list[str], int]:
        used = client_sessions.of_sessions(tx, asked)
        found = sessions.by_ids(tx, asked, lock=True)
        ended = sessions.mark_ended(tx, asked, reason=EndReason.REVOKED, by="x", now=NOW)
        client_sessions.end(tx, used, NOW)
        return len(found), ended, len(used)

    assert world.store.write(verb) == (3, ids, 3)


def test_two_sessions_cannot_share_an_id_or_a_secret(world: World) -> None:
    one = world.session("ann", "wiki")
    for same in ({"id": one.id}, {"secret_hash": secret_hash(one.id)}):
        with pytest.raises(Exception, match=r"(?i)unique"):
            world.session("bob", "wiki", **same)
    assert len(world.store.read(everything)) == 1


# Alive, by the domain and by SQL


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sql_and_the_domain_agree_on_who_is_alive(world: World, data: st.DataObject) -> None:
    """`is_live` is `reason_dead` in SQL, to the microsecond."""
    near = st.sampled_from([-1, 0, 1]).map(lambda n: timedelta(microseconds=n))
    idle = data.draw(st.sampled_from([1, 60, 400 * 86_400]))
    last_seen = NOW - timedelta(seconds=idle) + data.draw(near | st.just(timedelta(hours=1)))
    expires = NOW + data.draw(near | st.just(timedelta(hours=1)))
    epochs = st.builds(Epochs, *[st.sampled_from([0, 0, 0, 1])] * 3)
    one = world.session(
        "ann", "wiki", at=last_seen, expires_at=expires, idle_seconds=idle, epochs=data.draw(epochs)
    )
    if data.draw(st.integers(0, 4)) == 0:
        world.end(one.id)
    found = world.one(one.id)
    mine = world.store.read(sessions.live_of_user, one.organization_key, one.user_key, NOW)
    assert (one.id in {s.id for s in mine}) is (reason_dead(found, NOW) is None)


def test_a_user_s_live_sessions_come_oldest_first(world: World) -> None:
    ann = world.user("ann")
    order = [world.session("ann", "wiki", at=earlier(minutes=m)).id for m in (9, 7, 5)]
    same = sorted(world.session("ann", "wiki", at=earlier(minutes=3)).id for _ in range(2))
    gone, elsewhere = world.session("ann", "wiki"), world.session("bob", "wiki")
    world.session("ann", "wiki", expires_at=NOW)
    world.end(gone.id)
    found = world.store.write(sessions.live_of_user, ann.organization_key, ann.key, NOW, lock=True)
    assert [s.id for s in found] == [*order, *same]
    assert elsewhere.id not in {s.id for s in found}


def test_what_the_clocks_ended_is_still_to_be_settled(world: World) -> None:
    ann = world.user("ann")
    ids = [
        world.session("ann", "wiki").id,
        world.session("ann", "wiki", expires_at=earlier(days=1)).id,
        world.session("ann", "wiki", epochs=Epochs(7, 7, 7)).id,
    ]
    world.end(world.session("ann", "wiki").id)
    unended = world.store.read(sessions.unended_of_user, ann.organization_key, ann.key)
    assert unended == sorted(ids)


def test_a_device_knows_who_is_signed_in_on_it(world: World) -> None:
    key = world.store.write(devices.add, secret_hash("device"), NOW)
    late = world.session("bob", "wiki", device_key=key)
    early = world.session("ann", "wiki", device_key=key, at=earlier(minutes=1))
    world.session("ann", "wiki", device_key=key + 1)
    world.session("ann", "wiki")
    world.end(world.session("ann", "wiki", device_key=key).id)
    world.session("ann", "wiki", device_key=key, idle_seconds=1, at=earlier(minutes=1))
    found = world.store.read(sessions.live_on_device, key, NOW)
    assert [s.id for s in found] == [early.id, late.id]


def test_an_application_s_sessions_of_a_user_come_by_their_first_use_there(world: World) -> None:
    first, second = world.session("ann", "wiki"), world.session("ann", "mail")
    world.used_in(second, "wiki", at=earlier(minutes=1))
    world.session("bob", "wiki")
    wiki, ann = world.application("wiki"), world.user("ann")

    def inside() -> list[str]:
        found = world.store.read(
            sessions.live_in_application, ann.organization_key, ann.key, wiki.key, NOW
        )
        return [s.id for s in found]

    assert inside() == [second.id, first.id]
    world.end(first.id)
    assert inside() == [second.id]
    world.store.write(
        cut_offs.raise_epoch,
        "application",
        wiki.key,
        reason=EndReason.ADMIN_BULK,
        actor="x",
        now=NOW,
    )
    assert inside() == []  # it lives, but its use there was cut off
    assert reason_dead(world.one(second.id), NOW) is None


# Authenticated anew, used, labelled


def test_a_new_authentication_keeps_the_public_id_and_nothing_of_the_secret(world: World) -> None:
    """Covers A07, W7."""
    one = world.session("ann", "wiki", address="192.0.2.1")
    ann, wiki = world.user("ann"), world.application("wiki")

    def verb(tx: Transaction) -> None:
        new = world.new_session(
            tx,
            ann,
            wiki,
            id=one.id,
            secret_hash=secret_hash("fresh"),
            at=later(hours=2),
            remembered=True,
            idle_seconds=99,
            address="192.0.2.2",
            amr=("otp",),
        )
        sessions.reauthenticate(tx, new)

    world.store.write(verb)
    read = world.store.read
    assert read(sessions.by_secret, secret_hash(one.id)) is None
    found = read(sessions.by_secret, secret_hash("fresh"))
    assert found == change(
        one,
        authenticated_at=later(hours=2),
        last_seen_at=later(hours=2),
        expires_at=later(hours=26),
        idle_seconds=99,
        remembered=True,
        device=Device(address="192.0.2.2"),
        amr=("otp",),
    )
    assert check_after_of(world.store, one.id) == later(hours=2, seconds=99)


def test_a_secret_can_be_replaced_without_authenticating(world: World) -> None:
    one, other = world.session("ann", "wiki"), world.session("ann", "wiki")
    world.store.write(sessions.replace_secret, one.id, secret_hash("fresh"))
    assert world.store.read(sessions.by_secret, secret_hash(one.id)) is None
    assert world.store.read(sessions.by_secret, secret_hash("fresh")) == one
    assert world.store.read(sessions.by_secret, secret_hash(other.id)) == other


def test_a_use_moves_forward_and_never_back(world: World) -> None:
    ids = [world.session("ann", "wiki").id for _ in range(3)]
    due = check_after_of(world.store, ids[0])
    world.end(ids[2])
    uses = [(ids[0], later(minutes=5)), (ids[1], earlier(minutes=5)), (ids[2], later(minutes=5))]
    assert world.store.write(sessions.store_uses, [*uses, ("f" * 32, NOW)]) == 4
    assert world.one(ids[0]).last_seen_at == later(minutes=5)
    assert world.one(ids[1]).last_seen_at == NOW
    assert world.one(ids[2]).last_seen_at == NOW
    # It may be too early; the sweeper moves it (DESIGN section 2).
    assert check_after_of(world.store, ids[0]) == due
    assert world.store.write(sessions.store_uses, []) == 0


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=8))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_latest_use_wins_in_whatever_order_they_arrive(
    world: World, minutes: list[int]
) -> None:
    one = world.session("ann", "wiki")
    for minute in minutes:
        world.store.write(sessions.store_uses, [(one.id, later(minutes=minute))])
    together = world.session("ann", "wiki")
    world.store.write(sessions.store_uses, [(together.id, later(minutes=m)) for m in minutes])
    expected = later(minutes=max(0, *minutes))
    assert world.one(one.id).last_seen_at == expected
    assert world.one(together.id).last_seen_at == expected


def test_uses_that_are_stored_at_once_leave_the_latest(world: World) -> None:
    ids = [world.session("ann", "wiki").id for _ in range(6)]

    def flush(minute: int) -> int:
        shuffled = ids[minute % 6 :] + ids[: minute % 6]
        uses = [(public_id, later(minutes=minute)) for public_id in shuffled]
        return world.store.write(sessions.store_uses, uses)

    at_once(*[lambda m=m: flush(m) for m in range(6)])
    assert {world.one(public_id).last_seen_at for public_id in ids} == {later(minutes=5)}


def test_a_label_is_the_user_s_own(world: World) -> None:
    one, other = world.session("ann", "wiki"), world.session("ann", "wiki")
    world.store.write(sessions.relabel, one.id, "Küche")
    assert world.one(one.id).display_name == "Küche"
    assert world.one(other.id).label == ""


# Ended once


def test_an_ending_names_reason_actor_and_time_and_is_never_overwritten(world: World) -> None:
    one, other = world.session("ann", "wiki"), world.session("ann", "wiki")
    write = world.store.write
    first = write(sessions.mark_ended, [one.id], reason=EndReason.REVOKED, by="acme/boss", now=NOW)
    again = write(
        sessions.mark_ended,
        [other.id, one.id, "f" * 32],
        reason=EndReason.IDLE,
        by="system",
        now=later(hours=1),
    )
    assert (first, again) == ([one.id], [other.id])
    found = world.one(one.id)
    assert (found.ended_at, found.ended_reason, found.ended_by) == (
        NOW,
        EndReason.REVOKED,
        "acme/boss",
    )
    assert world.one(other.id).ended_reason is EndReason.IDLE
    assert write(sessions.mark_ended, [], reason=EndReason.IDLE, by="x", now=NOW) == []


def test_of_those_who_end_one_at_once_exactly_one_learns_it(world: World) -> None:
    """Covers W8."""
    ids = [world.session("ann", "wiki").id for _ in range(5)]

    def end(order: list[str], by: str) -> list[str]:
        return world.store.write(
            sessions.mark_ended, order, reason=EndReason.REVOKED, by=by, now=NOW
        )

    learnt = at_once(*[lambda n=n: end(ids[:: 1 if n % 2 else -1], str(n)) for n in range(6)])
    assert sorted(i for group in learnt for i in group) == sorted(ids)
    for number, group in enumerate(learnt):
        assert all(world.one(public_id).ended_by == str(number) for public_id in group)


def test_whoever_holds_a_session_decides_before_the_next(world: World) -> None:
    """A decision about a row that was read with ``lock`` is still right when it is written."""
    one = world.session("ann", "wiki")

    def end_if_alive(tx: Transaction, by: str) -> bool:
        found = sessions.by_id(tx, one.id, lock=True)
        assert found is not None
        if found.ended_at is not None:
            return False
        return bool(sessions.mark_ended(tx, [one.id], reason=EndReason.REVOKED, by=by, now=NOW))

    outcomes = at_once(*[lambda n=n: world.store.write(end_if_alive, str(n)) for n in range(6)])
    assert sorted(outcomes) == [False] * 5 + [True]


# Renamed, anonymised


def test_a_new_name_is_followed_by_all_sessions_of_the_user(world: World) -> None:
    one, ended, other = (
        world.session("ann", "wiki"),
        world.session("ann", "wiki"),
        world.session("bob", "wiki"),
    )
    world.end(ended.id)
    world.store.write(sessions.rename_user, one.organization_key, one.user_key, "anna")
    assert {world.one(i).user for i in (one.id, ended.id)} == {"anna"}
    assert world.one(other.id).user == "bob"


def test_of_a_deleted_user_s_sessions_nothing_personal_is_left(world: World) -> None:
    """Covers R12."""
    one, other = (
        world.session(
            name,
            "wiki",
            address="192.0.2.1",
            agent="Agent",
            city="Köln",
            asn="AS1",
            country="DE",
            browser="Firefox",
        )
        for name in ("ann", "bob")
    )
    for public_id in (one.id, other.id):
        world.store.write(sessions.relabel, public_id, "Ann's laptop")
        world.end(public_id)
    world.store.write(sessions.anonymise_user, one.organization_key, one.user_key, "deleted:1")
    found = world.one(one.id)
    assert (found.user, found.label, found.ended_by) == ("deleted:1", "", "")
    assert found.device == Device(browser="Firefox", country="DE")
    assert found.ended_reason is EndReason.REVOKED
    assert world.one(other.id).device.address == "192.0.2.1"


def test_client_sessions_are_told_apart(world: World) -> None:
    world.application("told", backchannel_logout_uri="https://told.example/logout")
    one: Session = world.session("ann", "told")
    world.used_in(one, "wiki", at=later(minutes=1))
    found = world.store.read(client_sessions.of_sessions, [one.id])
    assert [c.application for c in found] == ["told", "wiki"]
    assert found[1].created_at == later(minutes=1)
    assert found[0].record == ("acme", "ann", "told")
    assert len({c.sid for c in found}) == 2
    world.end(one.id, at=later(hours=1))
    assert world.store.read(client_sessions.of_sessions, [one.id]) == []
    ended = world.store.read(client_sessions.of_sessions, [one.id], open_only=False)
    assert [c.ended_at for c in ended] == [later(hours=1)] * 2
    # Who has no logout address is settled with the ending: nobody can be told.
    assert [c.settled_at for c in ended] == [None, later(hours=1)]
    assert [c.notice for c in ended] == ["", ""]
    assert world.store.read(client_sessions.of_sessions, []) == []


def test_a_second_use_in_an_application_keeps_its_sid(world: World) -> None:
    one = world.session("ann", "wiki")
    (before,) = world.store.read(client_sessions.of_sessions, [one.id])
    wiki = world.application("wiki")
    assert world.store.write(world.use, one, wiki) is False
    assert world.store.read(client_sessions.of_sessions, [one.id]) == [before]


def test_a_use_after_its_end_is_a_new_one_with_a_sid_of_its_own(world: World) -> None:
    """The application was cut off and the session lives: it was told that the old sid ended."""
    one = world.session("ann", "mail")
    world.used_in(one, "wiki")
    (_, used) = world.store.read(client_sessions.of_sessions, [one.id])
    world.store.write(client_sessions.end, [used], NOW)
    assert [c.application for c in world.store.read(client_sessions.of_sessions, [one.id])] == [
        "mail"
    ]
    wiki = world.application("wiki")
    assert world.store.write(world.use, one, wiki, at=later(hours=1)) is True
    (_, again) = world.store.read(client_sessions.of_sessions, [one.id])
    assert again.sid != used.sid
    assert (again.ended_at, again.created_at) == (None, later(hours=1))


def test_what_became_of_a_notice_is_told_with_the_client_session(world: World) -> None:
    world.application("told", backchannel_logout_uri="https://told.example/logout")
    one = world.session("ann", "told")
    used = world.store.read(client_sessions.of_sessions, [one.id])
    world.end(one.id)
    world.store.write(outbox.owe_logouts, used, reason=EndReason.REVOKED, now=NOW)
    (found,) = world.store.read(client_sessions.of_sessions, [one.id], open_only=False)
    assert found.notice == "pending"
