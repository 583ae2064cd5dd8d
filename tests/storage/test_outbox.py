"""The outbox: what is owed, who sends it, in which order, and what becomes of it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from ostiary.domain.notice import Notice, NoticeFilter, NoticeState
from ostiary.domain.search import Position
from ostiary.domain.session import EndReason
from ostiary.storage import client_sessions, deliveries, outbox
from ostiary.storage.database import Transaction
from tests.storage.world import NOW, World, at_once, earlier, later

WIKI = "https://wiki.example/logout"
MAIL = "https://mail.example/logout"


def owe(world: World, application: str = "wiki", *, at: datetime = NOW, user: str = "ann") -> int:
    """Owe one logout, and say its number."""
    address = {"wiki": WIKI, "mail": MAIL}[application]
    world.application(application, backchannel_logout_uri=address)
    session = world.session(user, application)

    def end(tx: Transaction) -> int:
        used = client_sessions.of_sessions(tx, [session.id])
        client_sessions.end(tx, used, at)
        outbox.owe_logouts(tx, used, reason=EndReason.REVOKED, now=at)
        return outbox.of_sessions(tx, [session.id])[0].id

    return world.store.write(end)


def one(world: World, number: int) -> Notice:
    found = world.store.read(outbox.by_id, number)
    assert found is not None
    return found


def claim(world: World, holder: str = "a", *, limit: int = 10, now: datetime = NOW) -> list[Notice]:
    """What a process takes that looks at every lane."""
    lanes = world.store.read(deliveries.due, now)
    return [
        item
        for lane in lanes
        for item in world.store.write(deliveries.claim, lane.lane, holder, limit=limit, now=now)
    ]


def ids(found: list[Notice]) -> list[int]:
    return [item.id for item in found]


def settled(world: World, number: int) -> datetime | None:
    item = one(world, number)
    used = world.store.read(client_sessions.of_sessions, [item.session_id], open_only=False)
    return next(c.settled_at for c in used if c.sid == item.sid)


def test_a_notice_says_whom_it_is_owed_to(world: World) -> None:
    item = one(world, owe(world))
    assert (item.target, item.application, item.state) == (WIKI, "wiki", NoticeState.PENDING)
    assert (item.user, item.reason, item.owed_at) == ("ann", "revoked", NOW)
    assert item.id_token_alg == "RS256"
    assert item.client_id.startswith("client-wiki-")


def test_what_was_claimed_is_nobody_elses_until_the_lease_is_over(world: World) -> None:
    number = owe(world)
    assert ids(claim(world, "dead")) == [number]
    assert claim(world, "other", now=NOW + deliveries.LEASE - timedelta(seconds=1)) == []
    again = claim(world, "other", now=NOW + deliveries.LEASE)
    assert ids(again) == [number]
    assert one(world, number).claimed_by == "other"
    assert timedelta(seconds=20) >= deliveries.LEASE


def test_a_lease_is_longer_while_its_holder_lives(world: World) -> None:
    number = owe(world)
    claim(world, "a")
    world.store.write(deliveries.renew, [number], "a", later(seconds=10))
    world.store.write(deliveries.renew, [number], "b", later(seconds=500))
    assert claim(world, "b", now=later(seconds=20)) == []
    assert ids(claim(world, "b", now=later(seconds=25))) == [number]


def test_each_target_has_a_queue_of_its_own_in_due_order(world: World) -> None:
    wiki = [owe(world, "wiki", at=earlier(minutes=9 - n)) for n in range(4)]
    mail = owe(world, "mail", at=earlier(minutes=1))
    taken = claim(world, limit=2)
    assert ids(taken) == [*wiki[:2], mail]
    assert ids(claim(world, limit=2)) == wiki[2:]
    assert world.store.read(deliveries.due, NOW) == []


def test_what_is_not_due_yet_is_left(world: World) -> None:
    number = owe(world)
    claim(world)
    due_at = later(minutes=3)
    kept = world.store.write(
        deliveries.failed, one(world, number), "a", error="e" * 900, next_attempt_at=due_at
    )
    assert kept
    item = one(world, number)
    assert (item.attempts, item.last_error, item.claimed_by) == (1, "e" * 500, None)
    assert claim(world, now=due_at - timedelta(microseconds=1)) == []
    assert ids(claim(world, now=due_at)) == [number]


def test_a_failure_of_somebody_elses_claim_changes_nothing(world: World) -> None:
    number = owe(world)
    item = claim(world, "a")[0]
    assert not world.store.write(deliveries.failed, item, "b", error="x", next_attempt_at=NOW)
    assert one(world, number).claimed_by == "a"


def test_an_accepted_notice_is_settled_once_with_its_client_session(world: World) -> None:
    """Covers I05."""
    number = owe(world)
    assert settled(world, number) is None
    item = claim(world)[0]
    assert world.store.write(deliveries.delivered, item, later(seconds=1))
    assert not world.store.write(deliveries.delivered, item, later(seconds=2))
    found = one(world, number)
    assert (found.state, found.attempts) == (NoticeState.DELIVERED, 1)
    assert settled(world, number) == found.settled_at == later(seconds=1)
    assert claim(world, now=later(days=9)) == []


def test_what_a_process_sent_after_its_lease_is_delivered_all_the_same(world: World) -> None:
    number = owe(world)
    item = claim(world, "slow")[0]
    claim(world, "other", now=later(seconds=30))
    assert world.store.write(deliveries.delivered, item, later(seconds=31))
    assert not world.store.write(
        deliveries.failed, item, "other", error="x", next_attempt_at=later(seconds=32)
    )
    assert one(world, number).state is NoticeState.DELIVERED


def test_what_was_given_up_can_be_owed_again(world: World) -> None:
    number = owe(world)
    late = later(days=3)
    assert ids(world.store.write(deliveries.overdue, NOW, 10, now=late)) == [number]
    item = one(world, number)
    world.store.write(deliveries.give_up, [item], late)
    assert one(world, number).state is NoticeState.GIVEN_UP
    assert settled(world, number) == late
    assert claim(world, now=late) == []
    world.store.write(outbox.owe_again, item, target=MAIL, now=later(days=4))
    again = one(world, number)
    assert (again.state, again.target, again.attempts) == (NoticeState.PENDING, MAIL, 0)
    assert settled(world, number) is None
    assert world.store.write(deliveries.overdue, later(days=3), 10, now=later(days=4)) == []
    assert ids(claim(world, now=later(days=4))) == [number]


def test_what_is_being_sent_is_not_given_up_unless_its_holder_is_dead(world: World) -> None:
    number = owe(world)
    claim(world)
    assert world.store.write(deliveries.overdue, NOW, 10, now=later(seconds=1)) == []
    found = world.store.write(deliveries.overdue, NOW, 10, now=NOW + deliveries.LEASE)
    assert ids(found) == [number]


def test_a_target_that_fails_is_left_alone_and_remembered_by_all(world: World) -> None:
    number = owe(world)
    mail = owe(world, "mail")
    lane = outbox.lane_of(WIKI)
    assert [world.store.write(deliveries.count_failure, lane) for _ in range(3)] == [1, 2, 3]
    assert {d.failures for d in world.store.read(deliveries.due, NOW)} == {0, 3}
    world.store.write(deliveries.leave_alone, lane, later(minutes=1))
    assert ids(claim(world)) == [mail]
    assert sorted(ids(claim(world, now=later(minutes=1)))) == sorted([mail, number])
    world.store.write(deliveries.delivered, one(world, number), later(minutes=2))
    assert world.store.write(deliveries.count_failure, lane) == 1
    world.store.write(deliveries.forget_failures, lane)
    assert world.store.write(deliveries.count_failure, lane) == 1


def test_two_processes_that_look_at_once_never_take_the_same(world: World) -> None:
    numbers = [owe(world) for _ in range(12)]
    lane = outbox.lane_of(WIKI)

    def take(holder: str) -> list[int]:
        return ids(world.store.write(deliveries.claim, lane, holder, limit=6, now=NOW))

    taken = [n for some in at_once(lambda: take("a"), lambda: take("b")) for n in some]
    rest = ids(claim(world, "c", limit=20))
    assert sorted([*taken, *rest]) == numbers
    assert len(taken) >= 6


def test_addresses_of_any_length_have_a_lane(world: World) -> None:
    number = owe(world)
    long = "https://example/" + "ü" * 1_900
    item = one(world, number)
    assert item.application_key is not None
    world.store.write(outbox.retarget, item.application_key, long)
    assert [n.target for n in claim(world)] == [long]


def test_what_is_settled_keeps_the_address_it_was_sent_to(world: World) -> None:
    number = owe(world)
    item = claim(world)[0]
    world.store.write(deliveries.delivered, item, NOW)
    assert item.application_key is not None
    world.store.write(outbox.retarget, item.application_key, MAIL)
    assert one(world, number).target == WIKI


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (NoticeFilter(), [3, 2, 1, 0]),
        (NoticeFilter(state=NoticeState.PENDING), [3, 2]),
        (NoticeFilter(state=NoticeState.DELIVERED), [0]),
        (NoticeFilter(state=NoticeState.GIVEN_UP, application="wiki"), [1]),
        (NoticeFilter(application="mail", organization="acme"), [3]),
        (NoticeFilter(organization="globex"), []),
    ],
)
def test_lists_are_narrowed_and_paged(
    world: World, chosen: NoticeFilter, expected: list[int]
) -> None:
    numbers = [owe(world) for _ in range(3)] + [owe(world, "mail")]
    world.store.write(deliveries.delivered, one(world, numbers[0]), NOW)
    world.store.write(deliveries.give_up, [one(world, numbers[1])], NOW)
    found = world.store.read(outbox.page, chosen, after=None, limit=10)
    assert [numbers.index(item.id) for item in found] == expected
    assert world.store.read(outbox.count, chosen, up_to=2) == min(2, len(expected))
    if len(expected) > 1:
        after = Position(instant=found[0].id, id="")
        assert world.store.read(outbox.page, chosen, after=after, limit=1) == found[1:2]
        back = Position(instant=found[-1].id, id="", backwards=True)
        assert world.store.read(outbox.page, chosen, after=back, limit=10) == found[:-1]


def test_a_session_shows_its_notices(world: World) -> None:
    number = owe(world)
    owe(world)
    item = one(world, number)
    chosen = NoticeFilter(session_id=item.session_id)
    assert ids(world.store.read(outbox.page, chosen, after=None, limit=9)) == [number]
    assert ids(world.store.read(outbox.of_sessions, [item.session_id])) == [number]


def test_only_settled_notices_are_purged(world: World) -> None:
    waiting, told = owe(world), owe(world)
    world.store.write(deliveries.delivered, one(world, told), NOW)
    assert world.store.write(outbox.purge, NOW, 10) == 0
    assert world.store.write(outbox.purge, later(seconds=1), 10) == 1
    assert world.store.read(outbox.by_id, told) is None
    assert one(world, waiting).state is NoticeState.PENDING


def test_a_renamed_user_is_found_by_the_new_name(world: World) -> None:
    number = owe(world)
    world.store.write(outbox.rename_user, "globex", "ann", "gone")
    world.store.write(outbox.rename_user, "acme", "ann", "anna")
    assert one(world, number).user == "anna"
