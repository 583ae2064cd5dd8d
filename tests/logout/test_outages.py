"""Applications that do not answer, answer badly or are gone: they are told later, and cost nobody.

The clock is moved; nothing here waits but for the one attempt that runs out of time.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Row

from ostiary.domain.errors import Protected
from ostiary.domain.notice import BREAKS_AFTER
from ostiary.gateways.addresses import parse_networks
from ostiary.gateways.outbound import LARGEST_ANSWER, Outbound
from ostiary.ops.jobs import Jobs
from ostiary.ops.metrics import Metrics
from ostiary.services import notices
from ostiary.storage import deliveries
from ostiary.storage.outbox import lane_of
from ostiary.storage.tables import audit_event, client_session, notice, notice_lane
from tests.logout.conftest import GIVE_UP_AFTER, Place
from tests.logout.receivers import PATIENCE, Handler, RelyingParty, Reply, Site, answer, reset
from tests.oidc.flow import Person

LOOPBACK = parse_networks(["127.0.0.0/8"])


def relying_party(place: Place, path: str) -> RelyingParty:
    """An application that accepts everything that is good."""
    return RelyingParty(place.world, place.site, path)


def gone(*parties: RelyingParty) -> Person:
    """Somebody who used these applications and has signed out."""
    world = parties[0].world
    person = world.person()
    for party in parties:
        party.client.code(person)
    person.sign_out()
    return person


def hang_until(may_go: threading.Event) -> Reply:
    """Do not answer for now."""

    def reply(handler: Handler) -> None:
        may_go.wait(PATIENCE)
        handler.say(500)

    return reply


def owed(person: Person) -> Row[Any]:
    """The one notice about a person's session."""
    [row] = person.world.rows(notice, session_id=person.session_id)
    return row


def wait_until_due(place: Place, person: Person) -> timedelta:
    """Move the clock to a notice's next attempt, and say how far that was."""
    before = place.world.clock.now
    place.world.clock.now = max(before, owed(person).next_attempt_at)
    return place.world.clock.now - before


def fail(place: Place, person: Person, times: int) -> None:
    """Let attempts fail, one after the other as they come due."""
    for _ in range(times):
        wait_until_due(place, person)
        place.send()


def test_what_fails_is_tried_again_with_a_fresh_token(place: Place) -> None:
    """Covers I07: each time twice as late, and at no other time."""
    wiki = relying_party(place, "/wiki")

    def failing(handler: Handler) -> None:
        wiki.verified(place.site.heard["/wiki"][-1].token)
        handler.say(500, b"down\nfor now")

    place.site.answers["/wiki"] = failing
    ann = gone(wiki)
    for attempt in (1, 2, 3):
        place.send()
        row = owed(ann)
        assert (row.state, row.attempts) == ("pending", attempt)
        assert row.last_error == "answered 500: downfor now"
        whole = timedelta(seconds=2 ** (attempt - 1))
        assert whole * 0.75 <= row.next_attempt_at - place.world.clock.now <= whole
        place.send()
        assert len(place.site.heard["/wiki"]) == attempt
        wait_until_due(place, ann)
    place.site.answers["/wiki"] = wiki.receive
    place.send()
    row = owed(ann)
    assert (row.state, row.attempts, row.last_error) == ("delivered", 4, "")
    assert (wiki.told_of(row.sid), len(wiki.seen)) == (1, 4)
    assert place.world.rows(notice_lane) == []


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (answer(400, b'{"error":"invalid_request"}'), 'answered 400: {"error":"invalid_request"}'),
        (answer(404), "answered 404"),
        (answer(201), "answered 201"),
        (answer(302, Location="/elsewhere"), "answered 302"),
        (answer(307, Location="/elsewhere"), "answered 307"),
        (answer(200, b"x" * (LARGEST_ANSWER + 1)), "protocol: the answer is longer than"),
        (reset, "protocol: "),
    ],
    ids=["bad request", "not found", "created", "found", "redirect", "huge", "reset"],
)
def test_only_200_and_204_are_success(place: Place, reply: Reply, error: str) -> None:
    """Covers I07, I10: no redirect is followed, and no endless answer read."""
    wiki = relying_party(place, "/wiki")
    place.site.answers["/wiki"] = reply
    ann = gone(wiki)
    place.send()
    row = owed(ann)
    assert (row.state, row.attempts) == ("pending", 1)
    assert row.last_error.startswith(error)
    assert list(place.site.heard) == ["/wiki"]
    place.site.answers["/wiki"] = wiki.receive
    wait_until_due(place, ann)
    place.send()
    assert owed(ann).state == "delivered"


def test_nobody_there_is_a_failure_like_any_other(place: Place) -> None:
    with Site() as closed:
        wiki = RelyingParty(place.world, closed, "/wiki")
        port = closed.server_address[1]
    ann = gone(wiki)
    place.send()
    assert owed(ann).last_error.startswith("connect: ")
    with Site(port) as opened:
        wait_until_due(place, ann)
        place.send()
        assert len(opened.heard["/wiki"]) == 1
    assert owed(ann).state == "delivered"


def test_one_that_hangs_is_given_little_time(place: Place) -> None:
    """Covers I07, I10."""
    wiki = relying_party(place, "/wiki")
    may_go = threading.Event()
    place.site.answers["/wiki"] = hang_until(may_go)
    ann = gone(wiki)
    hurried = place.process("hurried", Outbound(LOOPBACK, total_seconds=0.3))
    assert hurried.look() == 1
    assert hurried.finish(PATIENCE)
    may_go.set()
    assert owed(ann).last_error == "timeout: no answer within 0.3 s"


@pytest.mark.parametrize(
    ("address", "outbound"),
    [
        ("http://127.0.0.1:{port}/wiki", Outbound()),
        (
            "https://rebound.example:{port}/wiki",
            Outbound(resolve=lambda _host, _port: ["127.0.0.1"]),
        ),
    ],
    ids=["by number", "by name"],
)
def test_what_leads_to_this_machine_is_not_called(
    place: Place, address: str, outbound: Outbound
) -> None:
    """Covers I10: unless an operator allows it, whatever a name was when it was registered."""
    wiki = relying_party(place, "/wiki")
    port = place.site.server_address[1]
    wiki.client.change(backchannel_logout_uri=address.format(port=port))
    ann = gone(wiki)
    fenced = place.process("fenced", outbound)
    assert fenced.look() == 1
    assert fenced.finish(PATIENCE)
    assert owed(ann).last_error.startswith("refused_address: ")
    assert place.site.connections == 0


def test_a_target_that_fails_is_left_alone_for_a_while(place: Place) -> None:
    """Covers I07: after five failures in a row, and it alone."""
    wiki, mail = relying_party(place, "/wiki"), relying_party(place, "/mail")
    place.site.answers["/wiki"] = answer(503)
    first = gone(wiki)
    fail(place, first, BREAKS_AFTER - 1)
    second = gone(wiki)
    place.send()
    heard = place.site.heard["/wiki"]
    assert len(heard) == BREAKS_AFTER, "it was tried again after four failures"
    third = gone(wiki, mail)
    place.send()
    assert len(heard) == BREAKS_AFTER, "and after five it is not"
    assert mail.told_of(mail.accepted[0]["sid"]) == 1
    [lane] = place.world.rows(notice_lane)
    assert lane.lane == lane_of(place.site.address("/wiki"))
    # When the break is over, one attempt finds out whether it is there again.
    place.world.clock.now = lane.open_until
    place.deliveries.look()
    assert place.deliveries.finish(PATIENCE)
    assert len(heard) == BREAKS_AFTER + 1
    [longer] = place.world.rows(notice_lane)
    assert longer.open_until - place.world.clock.now > timedelta(seconds=15)
    place.site.answers["/wiki"] = wiki.receive
    place.world.clock.now = longer.open_until
    place.world.clock.forward(minutes=1)
    place.send()
    for person in (first, second, third):
        states = {row.state for row in place.world.rows(notice, session_id=person.session_id)}
        assert states == {"delivered"}
    assert place.world.rows(notice_lane) == []


def test_dead_targets_delay_nobody_else(place: Place) -> None:
    """Covers I07: however much they are owed."""
    dead = [relying_party(place, f"/dead-{i}") for i in range(3)]
    good = relying_party(place, "/good")
    may_go = threading.Event()
    for party in dead:
        place.site.answers[party.path] = hang_until(may_go)
    for _ in range(20):
        gone(*dead, good)
    thread = threading.Thread(target=place.deliveries.run_until_stopped)
    thread.start()
    try:
        place.site.wait("/good", 20)
        assert sum(len(place.site.heard[party.path]) for party in dead) >= len(dead)
    finally:
        may_go.set()
        place.deliveries.stop()
        thread.join(PATIENCE)
    assert len(good.accepted) == 20


def test_after_the_configured_time_it_is_given_up(place: Place) -> None:
    """Covers I05, I07: to be seen, counted and settled."""
    world = place.world
    metrics = Metrics()
    world.database.after_commit = metrics.committed
    wiki = relying_party(place, "/wiki")
    place.site.answers["/wiki"] = answer(500)
    ann = gone(wiki)
    began = world.clock.now
    while owed(ann).state == "pending":
        assert world.clock.now - began < timedelta(seconds=GIVE_UP_AFTER)
        world.clock.forward(hours=1)
        place.send()
    assert world.clock.now - began == timedelta(seconds=GIVE_UP_AFTER)
    row = owed(ann)
    assert (row.state, row.last_error) == ("given_up", "answered 500")
    [use] = world.rows(client_session, sid=row.sid)
    assert use.settled_at == row.settled_at == world.clock.now
    events = [e.event for e in world.rows(audit_event, session_id=ann.session_id)]
    assert events.count("notice.failed") == row.attempts - 1
    assert events.count("notice.given_up") == 1
    page = metrics.page(0).decode()
    counted = 'ostiary_notices_total{kind="backchannel_logout",outcome='
    assert f'{counted}"given_up"}} 1.0' in page
    assert f'{counted}"failed"}} {row.attempts - 1}.0' in page
    assert f'{counted}"delivered"}} 0.0' in page
    world.clock.forward(days=1)
    before = len(place.site.heard["/wiki"])
    place.send()
    assert len(place.site.heard["/wiki"]) == before


def test_what_nobody_tries_is_given_up_too(place: Place) -> None:
    """Covers I07: by the job, where no process sends or the target is left alone."""
    world = place.world
    wiki = relying_party(place, "/wiki")
    ann = gone(wiki)
    jobs = Jobs(world.house, Metrics(), sweep_every=3_600)
    world.clock.forward(seconds=GIVE_UP_AFTER - 1)
    assert jobs.run_due()["give_up"] == 0
    assert owed(ann).state == "pending"
    world.clock.forward(minutes=1)
    assert jobs.run_due()["give_up"] == 1
    row = owed(ann)
    assert (row.state, row.attempts) == ("given_up", 0)
    assert [use.settled_at for use in world.rows(client_session, sid=row.sid)] == [row.settled_at]
    given_up = world.rows(audit_event, session_id=ann.session_id, event="notice.given_up")
    assert len(given_up) == 1
    place.send()
    assert place.site.heard["/wiki"] == []


def test_what_was_given_up_can_be_sent_again(place: Place) -> None:
    """Covers I05, I09: to where the application is now, and with all the time again."""
    world = place.world
    wiki = relying_party(place, "/wiki")
    place.site.answers["/wiki"] = answer(500)
    ann = gone(wiki)
    fail(place, ann, BREAKS_AFTER + 1)
    world.clock.forward(seconds=GIVE_UP_AFTER)
    place.send()
    assert owed(ann).state == "given_up"
    wiki.path = "/moved"
    place.site.answers["/moved"] = wiki.receive
    wiki.client.change(backchannel_logout_uri=place.site.address("/moved"))
    world.write(notices.resend, world.act(), owed(ann).id)
    assert [use.settled_at for use in world.rows(client_session, sid=owed(ann).sid)] == [None]
    place.send()
    row = owed(ann)
    assert (row.state, row.attempts, row.last_error) == ("delivered", 1, "")
    assert wiki.told_of(row.sid) == 1
    assert [use.settled_at for use in world.rows(client_session, sid=row.sid)] == [row.settled_at]
    with pytest.raises(Protected):
        world.write(notices.resend, world.act(), row.id)
    place.send()
    assert wiki.told_of(row.sid) == 1


def test_what_a_dead_process_held_is_free_within_twenty_seconds(place: Place) -> None:
    """Covers I10: and not before, while it may be alive."""
    world = place.world
    wiki = relying_party(place, "/wiki")
    ann = gone(wiki)
    lane = lane_of(place.site.address("/wiki"))
    assert world.write(deliveries.claim, lane, "dead", limit=10, now=world.clock.now)
    world.clock.forward(seconds=14)
    assert place.deliveries.look() == 0
    world.clock.forward(seconds=6)
    place.send()
    assert owed(ann).state == "delivered"
    assert wiki.told_of(owed(ann).sid) == 1


@pytest.mark.parametrize("name", ["place", "postgresql_place"])
def test_two_processes_tell_each_application_once(
    request: pytest.FixtureRequest, name: str
) -> None:
    """Covers I09."""
    place: Place = request.getfixturevalue(name)
    wiki = relying_party(place, "/wiki")
    people = [gone(wiki) for _ in range(12)]
    processes = [place.process(holder) for holder in ("one", "two")]
    begin = threading.Barrier(len(processes))

    def send(which: int) -> None:
        begin.wait(PATIENCE)
        while processes[which].look():
            processes[which].finish(PATIENCE)

    threads = [threading.Thread(target=send, args=(which,)) for which in range(len(processes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(claims["sid"] for claims in wiki.accepted) == sorted(
        owed(person).sid for person in people
    )
