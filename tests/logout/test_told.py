"""What an ending answers: who has been told of it by then, and who has not."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ostiary.domain.errors import Unavailable
from ostiary.domain.sso_logout import Listener
from ostiary.edge import telling
from ostiary.ops.cli.program import Work
from ostiary.ops.jobs import Jobs
from ostiary.ops.metrics import Metrics
from ostiary.services import end, see, sso_notifications
from ostiary.storage import applications, outbox
from ostiary.storage.database import Transaction
from tests.logout.conftest import Place
from tests.logout.receivers import PATIENCE, Handler, RelyingParty
from tests.oidc.flow import Person
from tests.web.reading import Page, Reader

TOLD = "was told and has signed it out"
PENDING = "is being told"


class Answering:
    """A place whose deliveries run, and whose fronts wait for them for a moment."""

    def __init__(self, place: Place) -> None:
        self.world = place.world
        self.wiki = RelyingParty(place.world, place.site, f"/told-{id(self)}")
        self.deaf = RelyingParty(place.world, place.site, f"/deaf-{id(self)}")
        self.hears = threading.Event()
        self.deaf.site.answers[self.deaf.path] = self._sleep

    def _sleep(self, handler: Handler) -> None:
        self.hears.wait(PATIENCE)
        self.deaf.receive(handler)

    def patience(self, seconds: float) -> None:
        """How long who ends a session waits."""
        house = dataclasses.replace(self.world.house, watch_notices=seconds)
        self.world.app.state.house = house

    def used(self, *parties: RelyingParty) -> Person:
        """Somebody new, seen by these applications."""
        person = self.world.person()
        for party in parties:
            party.client.code(person)
        return person

    def application(self) -> Any:
        """The built-in application, which calls by its secret."""
        client = self.world.browser(same_origin=False)
        client.auth = (self.world.client_id, self.world.client_secret)
        return client

    def admin(self) -> Reader:
        """A global administrator, signed in."""
        return Reader(self.world.again("built-in", "admin").browser)


@pytest.fixture
def answering(place: Place) -> Iterator[Answering]:
    deliveries = place.deliveries

    def committed(tx: Transaction) -> None:
        if tx.owes:
            deliveries.wake()

    place.world.database.after_commit = committed
    thread = threading.Thread(target=deliveries.run_until_stopped)
    thread.start()
    made = Answering(place)
    made.patience(PATIENCE)
    yield made
    made.hears.set()
    deliveries.stop()
    thread.join(PATIENCE)


def test_the_interface_says_who_has_been_told(answering: Answering) -> None:
    """Covers I07: one that does not answer stays pending, and holds up the answer for a moment."""
    world, wiki, deaf = answering.world, answering.wiki.client, answering.deaf.client
    ann = answering.used(answering.wiki)
    path = f"/v1/sessions/{ann.session_id}/end"
    answer = answering.application().post(path).json()
    assert (answer["told"], answer["pending"]) == ([wiki.name], [])
    assert (answer["ended"], answer["without_address"]) == ([ann.session_id], ["app-built-in"])
    bob = answering.used(answering.wiki, answering.deaf)
    answering.patience(0.4)
    answer = answering.application().post(f"/v1/sessions/{bob.session_id}/end").json()
    assert (answer["told"], answer["pending"]) == ([wiki.name], [deaf.name])
    again = answering.application().post(f"/v1/sessions/{bob.session_id}/end").json()
    assert (again["count"], again["told"], again["pending"]) == (0, [], [])
    assert world.read(outbox.untold, [ann.session_id, bob.session_id]) == {deaf.name}


def test_what_a_change_ended_says_so_too(answering: Answering) -> None:
    ann = answering.used(answering.wiki)
    changed = answering.application().patch(f"/v1/users/acme/{ann.name}", json={"disabled": True})
    ending = changed.json()["ending"]
    assert (ending["told"], ending["pending"]) == ([answering.wiki.client.name], [])


def _by_ending_one(answering: Answering, person: Person) -> Page:
    reader = Reader(answering.world.again(person.organization, person.name).browser)
    reader.open(f"/account/sessions/{person.session_id}/end")
    return reader.send(f"/account/sessions/{person.session_id}/end")


def _by_ending_others(answering: Answering, person: Person) -> Page:
    reader = Reader(answering.world.again(person.organization, person.name).browser)
    reader.open("/account/end-others")
    return reader.send("/account/end-others")


def _by_signing_out(_: Answering, person: Person) -> Page:
    reader = Reader(person.browser)
    reader.open("/sign-out")
    return reader.send("/sign-out")


def _by_a_selection(answering: Answering, person: Person) -> Page:
    reader = answering.admin()
    reader.open(f"/console/sessions/end?id={person.session_id}")
    return reader.send("/console/sessions/end")


def _by_disabling(answering: Answering, person: Person) -> Page:
    reader = answering.admin()
    address = f"/console/users/{person.organization}/{person.name}/disable"
    reader.open(address)
    return reader.send(address)


PAGES: dict[str, Callable[[Answering, Person], Page]] = {
    "end": _by_ending_one,
    "end others": _by_ending_others,
    "sign out": _by_signing_out,
    "selection": _by_a_selection,
    "disable": _by_disabling,
}


@pytest.mark.parametrize("way", PAGES)
def test_pages_say_in_words_who_has_been_told(answering: Answering, way: str) -> None:
    text = PAGES[way](answering, answering.used(answering.wiki)).text
    assert f"{answering.wiki.client.name} {TOLD}" in text
    assert PENDING not in text
    answering.patience(0.3)
    text = PAGES[way](answering, answering.used(answering.deaf)).text
    assert f"{answering.deaf.client.name} {PENDING}" in text
    assert TOLD not in text


def test_the_command_line_waits_for_servers_and_for_nobody_else(answering: Answering) -> None:
    """Only where some job of a server was done lately is there anybody who tells applications."""
    world, name = answering.world, answering.wiki.client.name
    work = Work(dataclasses.replace(world.house, watch_notices=PATIENCE))
    ann = answering.used(answering.wiki)
    ended = world.write(end.end_one, work.act, ann.session_id)
    assert work.by_now(ended) is ended
    jobs = Jobs(world.house, Metrics(), sweep_every=60)
    assert jobs.run_due()
    assert work.by_now(ended).told == (name,)
    world.clock.forward(minutes=3)
    assert work.by_now(ended) is ended


def test_waiting_keeps_no_thread(answering: Answering) -> None:
    """Twenty that wait for an application that hangs leave the only thread to everybody else."""
    ann = answering.used(answering.deaf)
    world = answering.world
    ended = world.write(end.end_one, world.act(), ann.session_id)
    assert ended.pending == (answering.deaf.client.name,)
    house = dataclasses.replace(world.house, watch_notices=PATIENCE)

    async def wait_and_work() -> list[Any]:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        waiting = [asyncio.create_task(telling.after_a_moment(house, ended)) for _ in range(20)]
        for _ in range(50):
            await asyncio.wait_for(loop.run_in_executor(None, int), PATIENCE)
        assert not any(task.done() for task in waiting)
        answering.hears.set()
        return await asyncio.gather(*waiting)

    assert {found.told for found in asyncio.run(wait_and_work())} == {ended.pending}


def test_a_store_that_is_gone_takes_no_ending_back(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = answering.used(answering.wiki)

    def gone(*_: object) -> set[str]:
        raise Unavailable("gone")

    monkeypatch.setattr(outbox, "untold", gone)
    answer = answering.application().post(f"/v1/sessions/{ann.session_id}/end")
    assert answer.status_code == 200
    assert answer.json()["pending"] == [answering.wiki.client.name]


def test_who_is_told_by_the_wires_notification_can_be_told(place: Place) -> None:
    """In the preview, the answer and the session's own page."""
    world = place.world
    mail = world.client()
    ann = world.person()
    mail.code(ann)
    found = world.read(applications.get, mail.name)
    listener = Listener(url=place.site.address("/notified"))
    world.write(sso_notifications.set_listeners, world.act(), found.key, [listener])
    preview = world.read(end.preview_of, world.act(), [ann.session_id])
    ended = world.write(end.end_one, world.act(), ann.session_id)
    for outcome in (preview, ended):
        assert (outcome.pending, outcome.without_address) == ((mail.name,), ("app-built-in",))
    place.send()
    seen = world.read(see.one_session, world.act(), ann.session_id)
    assert {c.application: c.notice for c in seen.clients}[mail.name] == "delivered"
    assert len(place.site.heard["/notified"]) == 1
