"""The deliveries of one process: when they look, and how much they do at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Row, update

from ostiary.domain.errors import Unavailable
from ostiary.domain.notice import NoticeKind, break_after, delay_after
from ostiary.ops.deliveries import MOST, MOST_TO_ONE, Deliveries
from ostiary.ops.metrics import Metrics
from ostiary.ops.worker import _watching_commits
from ostiary.services import notices
from ostiary.services.courier import Courier
from ostiary.storage import deliveries
from ostiary.storage.database import Transaction
from ostiary.storage.tables import audit_event, notice
from tests.logout.conftest import Place
from tests.logout.receivers import PATIENCE, Handler, RelyingParty, Reply, answer
from tests.oidc.flow import Person


class Watched(Deliveries):
    """Says when it has looked; between two looks it would sleep for ten minutes."""

    def __init__(self, courier: Courier) -> None:
        super().__init__(courier, tick=600)
        self.looked = threading.Event()

    def look(self) -> int:
        """Look, and say so."""
        begun = super().look()
        self.looked.set()
        return begun


@pytest.fixture
def sending(place: Place) -> Iterator[Watched]:
    """What sends in a worker, which has seen that nothing is owed."""
    world = place.world
    made = Watched(Courier(house=world.house, issuer=world.public_url, holder="watched"))
    world.database.after_commit = _watching_commits(Metrics(), made)
    thread = threading.Thread(target=made.run_until_stopped)
    thread.start()
    assert made.looked.wait(PATIENCE)
    yield made
    made.stop()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    world.database.after_commit = None


def gone(party: RelyingParty) -> Person:
    """Somebody who used an application and has signed out."""
    person = party.world.person()
    party.client.code(person)
    person.sign_out()
    return person


def number_of(person: Person) -> int:
    """The one notice about a person's session."""
    [row] = person.world.rows(notice, session_id=person.session_id)
    return int(row.id)


@pytest.mark.usefixtures("sending")
def test_a_process_sends_at_once_what_its_own_endings_owe(place: Place) -> None:
    """Covers I09: and what somebody asks it to send again."""
    wiki = RelyingParty(place.world, place.site, "/wiki")
    place.site.answers["/wiki"] = answer(500)
    ann = gone(wiki)
    place.site.wait("/wiki", 1)
    place.site.answers["/wiki"] = wiki.receive
    # The clock stands still: nothing comes due by itself.
    place.world.write(notices.resend, place.world.act(), number_of(ann))
    place.site.wait("/wiki", 2)


@pytest.mark.parametrize("error", [Unavailable(detail="it is away"), RuntimeError("a bug")])
def test_it_goes_on_after_a_look_that_failed(
    place: Place, sending: Watched, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("ostiary.ops.deliveries._AFTER_FAILURE", 0.01)
    failed = threading.Event()
    due = deliveries.due

    def away(*args: object) -> object:
        if not failed.is_set():
            failed.set()
            raise error
        return due(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(deliveries, "due", away)
    sending.wake()
    assert failed.wait(PATIENCE)
    wiki = RelyingParty(place.world, place.site, "/wiki")
    gone(wiki)
    place.site.wait("/wiki", 1)


def waiting_for(may_go: threading.Event, status: int = 200) -> Reply:
    """Answer when it is time."""

    def reply(handler: Handler) -> None:
        may_go.wait(PATIENCE)
        handler.say(status)

    return reply


def test_one_target_is_called_a_few_times_at_once_and_after_failures_once(place: Place) -> None:
    """Covers I07: calls are parallel."""
    wiki = RelyingParty(place.world, place.site, "/wiki")
    may_go = threading.Event()
    place.site.answers["/wiki"] = waiting_for(may_go)
    for _ in range(MOST_TO_ONE + 2):
        gone(wiki)
    assert place.deliveries.look() == MOST_TO_ONE
    place.site.wait("/wiki", MOST_TO_ONE)
    assert place.deliveries.look() == 0
    may_go.set()
    assert place.deliveries.finish(PATIENCE)
    place.site.answers["/wiki"] = answer(500)
    assert place.deliveries.look() == 2
    assert place.deliveries.finish(PATIENCE)
    for _ in range(2):
        gone(wiki)
    assert place.deliveries.look() == 1
    assert place.deliveries.finish(PATIENCE)


def test_targets_that_failed_have_half_of_the_room_between_them(place: Place) -> None:
    """Covers I07: so that however many are down, whoever is up is told."""
    down = [RelyingParty(place.world, place.site, f"/down-{i}") for i in range(MOST // 2 + 2)]
    person = place.world.person()
    for party in down:
        place.site.answers[party.path] = answer(500)
        party.client.code(person)
    person.sign_out()
    assert place.deliveries.look() == len(down)
    assert place.deliveries.finish(PATIENCE)
    place.world.clock.forward(seconds=2)
    may_go = threading.Event()
    for party in down:
        place.site.answers[party.path] = waiting_for(may_go)
    assert place.deliveries.look() == MOST // 2
    good = RelyingParty(place.world, place.site, "/good")
    gone(good)
    assert place.deliveries.look() == 1
    place.site.wait("/good", 1)
    may_go.set()
    assert place.deliveries.finish(PATIENCE)


def test_what_takes_long_stays_its_senders(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Covers I09: nobody else sends it meanwhile."""
    monkeypatch.setattr("ostiary.ops.deliveries._RENEW_EVERY", 0.0)
    wiki = RelyingParty(place.world, place.site, "/wiki")
    may_go = threading.Event()
    place.site.answers["/wiki"] = waiting_for(may_go)
    gone(wiki)
    assert place.deliveries.look() == 1
    other = place.process("other")
    for _ in range(3):
        place.world.clock.forward(seconds=10)
        place.deliveries.look()
        assert other.look() == 0
    may_go.set()
    assert place.deliveries.finish(PATIENCE)
    assert len(place.site.heard["/wiki"]) == 1


def test_what_was_sent_and_not_written_down_is_sent_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers I09, I10: after the lease, by a fresh token; told at least once."""
    wiki = RelyingParty(place.world, place.site, "/wiki")
    ann = gone(wiki)
    with monkeypatch.context() as patched:
        patched.setattr(deliveries, "delivered", _away)
        place.send()
    assert len(wiki.accepted) == 1
    assert place.deliveries.look() == 0
    place.world.clock.forward(seconds=20)
    place.send()
    [row] = place.world.rows(notice, id=number_of(ann))
    assert (row.state, row.attempts) == ("delivered", 1)
    assert wiki.told_of(row.sid) == len(wiki.seen) == 2


def _away(*_: object) -> None:
    raise Unavailable(detail="it is away")


@pytest.mark.parametrize("status", [200, 500])
def test_one_that_comes_too_late_changes_nothing(place: Place, status: int) -> None:
    """Covers I09: another process had taken it over and delivered it."""
    wiki = RelyingParty(place.world, place.site, "/wiki")
    may_go = threading.Event()
    place.site.answers["/wiki"] = waiting_for(may_go, status)
    ann = gone(wiki)
    assert place.deliveries.look() == 1
    place.site.wait("/wiki", 1)
    place.world.clock.forward(seconds=20)
    place.site.answers["/wiki"] = wiki.receive
    other = place.process("other")
    assert other.look() == 1
    assert other.finish(PATIENCE)
    place.world.clock.forward(seconds=1)
    may_go.set()
    assert place.deliveries.finish(PATIENCE)
    [row] = place.world.rows(notice, id=number_of(ann))
    assert (row.state, row.attempts, row.last_error) == ("delivered", 1, "")
    assert row.settled_at < place.world.clock.now
    events = [e.event for e in place.world.rows(audit_event, session_id=ann.session_id)]
    assert events.count("notice.delivered") == 1
    assert "notice.failed" not in events


def test_a_kind_that_this_version_cannot_send_waits_for_one_that_can(place: Place) -> None:
    wiki = RelyingParty(place.world, place.site, "/wiki")
    ann = gone(wiki)
    number = number_of(ann)

    def sent_as(kind: str) -> Row[Any]:
        changed = update(notice).where(notice.c.id == number).values(kind=kind)
        place.world.write(Transaction.execute, changed)
        place.world.clock.forward(minutes=1)
        place.send()
        [row] = place.world.rows(notice, id=number)
        return row

    assert sent_as("semaphore").last_error == "this version cannot send a semaphore"
    assert sent_as(NoticeKind.BACKCHANNEL_LOGOUT.value).state == "delivered"


def test_delays_double_up_to_an_hour_and_are_spread() -> None:
    """Covers I07."""
    assert [delay_after(n, 0.0) for n in (1, 2, 3, 12)] == [
        timedelta(seconds=s) for s in (1, 2, 4, 2048)
    ]
    assert delay_after(13, 0.0) == delay_after(10_000, 0.0) == timedelta(hours=1)
    assert delay_after(1, 1.0) == timedelta(seconds=0.75)


def test_breaks_begin_with_the_fifth_failure_and_are_five_minutes_at_most() -> None:
    """Covers I07."""
    assert break_after(4, 0.0) is None
    assert [break_after(n, 0.0) for n in (5, 6)] == [timedelta(seconds=s) for s in (15, 30)]
    assert break_after(10, 0.0) == break_after(10_000, 0.0) == timedelta(minutes=5)
    assert break_after(5, 1.0) == timedelta(seconds=11.25)
