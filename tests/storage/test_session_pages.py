"""Lists of sessions: whatever the filter, order and direction, the pages are the sorted whole."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ostiary.domain.accounts import BUILT_IN, BUILT_IN_APPLICATION, User
from ostiary.domain.search import Order, Position, SessionFilter, Sort, State
from ostiary.domain.session import EndReason, Epochs, Session, reason_dead
from ostiary.storage import (
    applications,
    client_sessions,
    cut_offs,
    organizations,
    session_pages,
    sessions,
)
from ostiary.storage.database import Transaction
from tests.storage.world import NOW, World, change, earlier, later

NEWEST = Order()


class Crowd:
    """Some thirty sessions of two organizations, and what is known of each in Python."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.chance = random.Random(7)  # noqa: S311 - which rows are tried is no secret
        world.application(BUILT_IN_APPLICATION, BUILT_IN)
        for name, organization in (("wiki", "acme"), ("mail", "acme"), ("blog", "beta")):
            world.application(name, organization)
        # All there before the one transaction begins, in which nobody else may write.
        self.people = [world.user(n, o) for o in ("acme", "beta") for n in ("ann", "bob", "cid")]
        self.ids = world.store.write(self._fill)

    def _fill(self, tx: Transaction) -> list[str]:
        rows = []
        for _ in range(34):
            user = self.chance.choice(self.people)
            own = ["wiki", "mail"] if user.organization == "acme" else ["blog"]
            first, *others = self.chance.sample([*own, BUILT_IN_APPLICATION], 2)
            one = self._session(tx, user, first)
            if self.chance.random() < 0.3:
                self.world.use(tx, one, self.world.application(others[0]), at=later(minutes=1))
            rows.append(one)
        ended = [s for s in rows if self.chance.random() < 0.3]
        for one in ended:
            self._end(tx, one)
        return [s.id for s in rows]

    def _session(self, tx: Transaction, user: User, first: str) -> Session:
        pick = self.chance.choice
        at = earlier(minutes=pick(range(0, 50, 5)))  # many at the same instant
        return self.world.write_session(
            tx,
            user,
            self.world.application(first),
            id=f"{self.chance.getrandbits(128):032x}",
            at=at,
            idle_seconds=pick([60, 3_600, 3_600, 3_600]),
            epochs=pick([Epochs()] * 7 + [Epochs(user=9)]),
            kind=pick(["desktop", "mobile"]),
            browser=pick(["Firefox", "Chrome", None]),
            os=pick(["Linux", "100% OS", None]),
            city=pick(["Köln", "São Paulo", "under_score", None]),
            country=pick(["DE", "BR", None]),
            address=pick(["192.0.2.1", "192.0.2.10", "2001:db8::1"]),
        )

    def _end(self, tx: Transaction, one: Session) -> None:
        reason = self.chance.choice([EndReason.REVOKED, EndReason.SIGNED_OUT])
        at = earlier(minutes=self.chance.choice([0, 1, 2]))
        sessions.mark_ended(tx, [one.id], reason=reason, by="x", now=at)
        client_sessions.end(tx, client_sessions.of_sessions(tx, [one.id]), at)

    def whole(self, chosen: SessionFilter, order: Order = NEWEST) -> list[Session]:
        """The list without bounds, worked out in Python."""
        every = self.world.store.read(sessions.by_ids, self.ids)
        used = self.world.store.read(client_sessions.of_sessions, self.ids, open_only=False)
        applications_of: dict[str, set[str]] = {}
        for item in used:
            applications_of.setdefault(item.session_id, set()).add(item.application)
        found = [s for s in every if matches(s, chosen, applications_of[s.id])]
        key = {
            Sort.CREATED: lambda s: (s.created_at, s.id),
            Sort.USER: lambda s: (s.user, s.created_at, s.id),
            Sort.LAST_SEEN: lambda s: (s.last_seen_at, s.id),
        }[order.sort]
        return sorted(found, key=key, reverse=order.descending)


def matches(one: Session, chosen: SessionFilter, used_in: set[str]) -> bool:
    """Whether a session belongs into a list."""
    if (chosen.state is State.LIVE) is (reason_dead(one, NOW) is not None):
        return False
    if chosen.state is State.ENDED and one.ended_at is None:
        return False
    device = one.device
    exact = [
        (chosen.organization, {one.organization}),
        (chosen.user, {one.user}),
        (chosen.application, used_in),
        (chosen.address, {device.address}),
        (chosen.device_kind, {device.kind}),
        (chosen.browser and chosen.browser.lower(), {(device.browser or "").lower()}),
        (chosen.reason, {one.ended_reason}),
    ]
    if any(wanted and wanted not in there for wanted, there in exact):
        return False
    countries = chosen.country.split(",") if chosen.country else [device.country]
    if device.country not in countries or not lies_within(one, chosen):
        return False
    shown = [
        one.user,
        one.organization,
        one.application,
        one.label,
        one.id,
        device.address,
        *(part or "" for part in (device.browser, device.os, device.city, device.country)),
    ]
    words = (chosen.text or "").split()
    return all(any(word.lower() in part.lower() for part in shown) for word in words)


def lies_within(one: Session, chosen: SessionFilter) -> bool:
    """Whether its times are in all the ranges: the first instant counts, the last does not."""
    ranges: list[tuple[datetime | None, datetime | None, datetime | None]] = [
        (chosen.created_from, one.created_at, chosen.created_to),
        (chosen.seen_from, one.last_seen_at, chosen.seen_to),
        (chosen.ended_from, one.ended_at, chosen.ended_to),
    ]
    for lower, instant, upper in ranges:
        if lower is not None and (instant is None or instant < lower):
            return False
        if upper is not None and (instant is None or instant >= upper):
            return False
    return True


@pytest.fixture
def crowd(world: World) -> Iterator[Crowd]:
    """The rows that every filter is tried on."""
    return Crowd(world)


def walk(
    crowd: Crowd, chosen: SessionFilter, order: Order, limit: int, start: Position | None = None
) -> list[Session]:
    """All pages after a position, or before it, in the list's order."""
    backwards = start is not None and start.backwards
    found: list[Session] = []
    after = start
    while True:
        page = crowd.world.store.read(
            session_pages.page, chosen, order, after=after, limit=limit, now=NOW
        )
        found = [*page, *found] if backwards else [*found, *page]
        if len(page) < limit:
            return found
        edge = page[0] if backwards else page[-1]
        after = change(session_pages.position_of(edge, order.sort), backwards=backwards)


INSTANTS = st.none() | st.sampled_from([earlier(minutes=m) for m in (0, 1, 20, 35, 60)])
FILTERS = st.builds(
    SessionFilter,
    organization=st.sampled_from([None, None, "acme", "beta", "gamma"]),
    user=st.sampled_from([None, None, "ann", "nobody"]),
    application=st.sampled_from([None, None, "wiki", "blog", BUILT_IN_APPLICATION, "nothing"]),
    address=st.sampled_from([None, None, "192.0.2.1", "192.0.2.%"]),
    device_kind=st.sampled_from([None, None, "mobile"]),
    browser=st.sampled_from([None, None, "firefox", "CHROME"]),
    country=st.sampled_from([None, None, "DE", "DE,BR", "XX"]),
    created_from=INSTANTS,
    created_to=INSTANTS,
    seen_from=INSTANTS,
    seen_to=INSTANTS,
    ended_from=st.none(),
    ended_to=st.none(),
    reason=st.none(),
    text=st.sampled_from([None, None, "", "ann", "köln", "KÖLN", "0% o", "r_s", "_", "ann acme"]),
    state=st.just(State.LIVE),
) | st.builds(
    SessionFilter,
    organization=st.sampled_from([None, "acme"]),
    user=st.sampled_from([None, "ann"]),
    application=st.sampled_from([None, "wiki", BUILT_IN_APPLICATION]),
    ended_from=INSTANTS,
    ended_to=INSTANTS,
    reason=st.sampled_from([None, EndReason.REVOKED]),
    text=st.sampled_from([None, "b"]),
    state=st.just(State.ENDED),
)
ORDERS = st.builds(Order, sort=st.sampled_from(Sort), descending=st.booleans())


@given(chosen=FILTERS, order=ORDERS, limit=st.integers(1, 9), data=st.data())
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_in_both_directions_are_the_sorted_whole(
    crowd: Crowd, chosen: SessionFilter, order: Order, limit: int, data: st.DataObject
) -> None:
    whole = crowd.whole(chosen, order)
    assert walk(crowd, chosen, order, limit) == whole
    count = crowd.world.store.read(session_pages.count, chosen, up_to=limit, now=NOW)
    assert count == min(limit, len(whole))
    if whole:
        at = data.draw(st.integers(0, len(whole) - 1))
        here = session_pages.position_of(whole[at], order.sort)
        assert walk(crowd, chosen, order, limit, here) == whole[at + 1 :]
        assert walk(crowd, chosen, order, limit, change(here, backwards=True)) == whole[:at]


def plain(**narrowed: Any) -> SessionFilter:
    return SessionFilter(**narrowed)


@pytest.mark.parametrize(
    "narrowed",
    [
        {"organization": "acme"},
        {"user": "ann"},
        {"application": "wiki"},
        {"application": BUILT_IN_APPLICATION},
        {"address": "192.0.2.1"},
        {"device_kind": "mobile"},
        {"browser": "FIREFOX"},
        {"country": "DE"},
        {"country": "DE,BR"},
        {"created_from": earlier(minutes=20)},
        {"created_to": earlier(minutes=20)},
        {"seen_from": earlier(minutes=20)},
        {"seen_to": earlier(minutes=20)},
        {"text": "firefox"},
        {"state": State.ENDED},
        {"state": State.ENDED, "reason": EndReason.SIGNED_OUT},
        {"state": State.ENDED, "ended_from": earlier(minutes=1)},
        {"state": State.ENDED, "ended_to": earlier(minutes=1)},
    ],
    ids=" ".join,
)
def test_each_filter_narrows_and_is_what_it_says(crowd: Crowd, narrowed: dict[str, Any]) -> None:
    chosen = plain(**narrowed)
    without = plain(state=chosen.state)
    found = walk(crowd, chosen, NEWEST, 100)
    assert found == crowd.whole(chosen)
    if narrowed != {"state": State.ENDED}:
        assert 0 < len(found) < len(crowd.whole(without))


@pytest.mark.parametrize("field", ["organization", "user", "application", "address", "text"])
def test_an_empty_filter_does_not_narrow(crowd: Crowd, field: str) -> None:
    assert walk(crowd, plain(**{field: ""}), NEWEST, 100) == crowd.whole(plain())


@pytest.mark.parametrize(
    ("text", "finds"),
    [
        ("100%", {"100% OS"}),
        ("%", {"100% OS"}),
        ("_", {"under_score"}),
        ("/", set()),
        ("a/b", set()),
        ("'", set()),
        ("\\", set()),
        ("köln", {"Köln"}),
        ("KÖLN", {"Köln"}),
        ("SÃO", {"São Paulo"}),
        ("são paulo", {"São Paulo"}),
    ],
)
def test_text_means_itself_whatever_its_case(world: World, text: str, finds: set[str]) -> None:
    for city, system in (("Köln", "100% OS"), ("São Paulo", "Linux"), ("under_score", "Linux")):
        world.session("ann", "wiki", city=city, os=system)
    found = world.store.read(
        session_pages.page, plain(text=text), NEWEST, after=None, limit=9, now=NOW
    )
    assert {s.device.city for s in found} | {s.device.os for s in found} >= finds
    assert bool(found) is bool(finds)
    assert len(found) == len(finds)


def test_every_word_has_to_be_somewhere(world: World) -> None:
    one = world.session("ann", "wiki", city="Berlin", browser="Firefox")
    world.store.write(sessions.relabel, one.id, "Ann's laptop")
    world.session("bob", "mail", city="Berlin", browser="Chrome")

    def found(text: str) -> int:
        return world.store.read(session_pages.count, plain(text=text), up_to=9, now=NOW)

    assert [found(t) for t in ("berlin", "berlin firefox", "fox wik acme ANN", "berlin opera")] == [
        2,
        1,
        1,
        0,
    ]
    assert found("  ") == 2
    assert found("Ann's") == found(one.id) == 1
    assert found("firefoxberlin") == found("nberl") == 0  # not across the columns


# Counting, and ending what matches


def test_counting_stops_where_it_is_told(crowd: Crowd) -> None:
    whole = crowd.whole(plain())
    read = crowd.world.store.read
    assert read(session_pages.count, plain(), up_to=None, now=NOW) == len(whole) > 5
    assert read(session_pages.count, plain(), up_to=5, now=NOW) == 5
    one = whole[0].id
    assert read(session_pages.count, plain(), up_to=None, now=NOW, but=one) == len(whole) - 1
    unended = [s for s in read(sessions.by_ids, crowd.ids) if s.ended_at is None]
    assert read(session_pages.count_unended) == len(unended) > len(whole)


@pytest.mark.parametrize(
    "chosen",
    [plain(), plain(organization="acme"), plain(application="wiki"), plain(user="ann")],
    ids=["all", "organization", "application", "user"],
)
def test_what_a_bulk_ending_needs_to_know(crowd: Crowd, chosen: SessionFilter) -> None:
    whole = crowd.whole(chosen, Order(descending=False))
    read = crowd.world.store.read
    first = [s.id for s in whole]
    assert read(session_pages.ids, chosen, limit=100, now=NOW) == first
    assert read(session_pages.ids, chosen, limit=2, now=NOW, but=first[0]) == first[1:3]
    assert read(session_pages.users, chosen, now=NOW) == len({s.user_key for s in whole})
    used = read(client_sessions.of_sessions, first)
    assert [name for name, _ in read(session_pages.applications, chosen, now=NOW)] == sorted(
        {item.application for item in used}
    )


def test_a_preview_leaves_out_the_session_in_use(world: World) -> None:
    world.application("told", backchannel_logout_uri="https://told.example/logout")
    own, other = world.session("ann", "told"), world.session("bob", "wiki")
    read = world.store.read
    assert read(session_pages.applications, plain(), now=NOW) == [
        ("told", True),
        ("wiki", False),
    ]
    assert read(session_pages.applications, plain(), now=NOW, but=own.id) == [("wiki", False)]
    assert read(session_pages.users, plain(), now=NOW, but=own.id) == 1
    assert read(session_pages.ids, plain(), limit=9, now=NOW, but=own.id) == [other.id]


def test_reasons_are_counted_the_commonest_first(world: World) -> None:
    ends = [EndReason.REVOKED] * 2 + [EndReason.IDLE] * 2 + [EndReason.RISK] * 3
    for minute, reason in enumerate(ends):
        one = world.session("ann", "wiki")
        world.store.write(
            sessions.mark_ended, [one.id], reason=reason, by="x", now=later(minutes=minute)
        )
    world.end(world.session("ann", "blog", "beta").id, at=later(hours=1))
    world.session("ann", "wiki")

    def reasons(since: datetime, organization: str | None, up_to: int = 99) -> Any:
        return world.store.read(
            session_pages.reasons, since, organization_name=organization, up_to=up_to
        )

    assert reasons(NOW, "acme") == [
        (EndReason.RISK, 3),
        (EndReason.IDLE, 2),
        (EndReason.REVOKED, 2),
    ]
    assert reasons(later(minutes=3), "acme") == [(EndReason.RISK, 3), (EndReason.IDLE, 1)]
    assert reasons(NOW, None)[0] == (EndReason.REVOKED, 3)
    assert reasons(NOW, "acme", up_to=4) == [(EndReason.RISK, 3), (EndReason.IDLE, 1)]
    assert reasons(NOW, "gamma") == []


# Names that were given before


def test_a_list_by_name_holds_nothing_of_who_had_the_name_before(world: World) -> None:
    """Covers W2: organizations and applications that were deleted and made anew."""
    old = world.session("ann", "wiki")
    elsewhere = world.session("ann", "mail")
    world.used_in(elsewhere, "wiki")
    world.store.write(applications.delete, world.application("wiki").key, NOW)
    world.application("wiki")
    new = world.session("bob", "wiki")

    def listed(**narrowed: Any) -> set[str]:
        return {
            s.id
            for s in world.store.read(
                session_pages.page, plain(**narrowed), NEWEST, after=None, limit=9, now=NOW
            )
        }

    assert listed(application="wiki") == listed(application="wiki", user="bob") == {new.id}
    assert listed(application="wiki", user="ann") == set()
    assert listed(organization="acme") == {old.id, elsewhere.id, new.id}
    world.end(old.id, elsewhere.id, new.id)
    world.store.write(organizations.delete, world.organization("acme").key, NOW)
    assert listed(organization="acme", state=State.ENDED) == set()
    world.organization("acme")
    assert listed(organization="acme", state=State.ENDED) == set()
    assert listed(state=State.ENDED) == {old.id, elsewhere.id, new.id}


def test_a_use_that_was_cut_off_is_not_listed_though_the_session_lives(world: World) -> None:
    one = world.session("ann", "mail")
    world.used_in(one, "wiki")
    world.store.write(
        cut_offs.raise_epoch,
        "application",
        world.application("wiki").key,
        reason=EndReason.RISK,
        actor="x",
        now=NOW,
    )
    for chosen in (plain(application="wiki"), plain(application="wiki", user="ann")):
        assert world.store.read(session_pages.count, chosen, up_to=9, now=NOW) == 0
    assert world.store.read(session_pages.count, plain(application="mail"), up_to=9, now=NOW) == 1


def test_a_position_is_small_and_survives_json() -> None:
    position = Position(instant=2**53 + 1, id="0" * 32, name="Zoë", backwards=True)
    assert msgspec.json.decode(msgspec.json.encode(position), type=Position) == position


def test_a_page_after_a_row_that_is_gone_goes_on_behind_it(world: World) -> None:
    ids = [world.session("ann", "wiki", at=earlier(minutes=m)).id for m in range(4)]
    here = session_pages.position_of(world.one(ids[1]), Sort.CREATED)
    world.end(ids[1])
    found = world.store.read(
        session_pages.page, plain(), NEWEST, after=here, limit=9, now=NOW + timedelta(0)
    )
    assert [s.id for s in found] == ids[2:]
