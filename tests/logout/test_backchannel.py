"""However a session ends, each application that it was used in is told so, once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from ostiary.domain.search import SessionFilter
from ostiary.domain.session import EndReason
from ostiary.services import applications, cutting, end, passwords, report, retention, users
from ostiary.services.cutting import Subject
from ostiary.storage import client_sessions
from ostiary.storage.tables import client_session, notice
from tests.logout.conftest import Place
from tests.logout.receivers import RelyingParty, sid_in
from tests.oidc.flow import Person, World, answered, good
from tests.support.installation import PASSWORD

_paths = (f"/rp-{number}" for number in itertools.count(1))
NEW_PASSWORD = "an entirely different passphrase"


class Used(msgspec.Struct, frozen=True):
    """A session, and the applications it was used in with what each of them calls it."""

    person: Person
    sids: list[tuple[RelyingParty, str]]


@pytest.fixture(scope="module")
def parties(shared: Place) -> dict[str, RelyingParty]:
    """Applications by what becomes of their tokens before the session ends."""
    world, site = shared.world, shared.site
    short = {"access_token_lifetime": 60, "refresh_token_idle": 60, "refresh_token_absolute": 60}
    made = {
        "alive": RelyingParty(world, site, next(_paths)),
        "expired": RelyingParty(world, site, next(_paths), id_token_alg="ES256", **short),
        "revoked": RelyingParty(world, site, next(_paths)),
        "never issued": RelyingParty(world, site, next(_paths)),
        "signed in by": RelyingParty(world, site, next(_paths), exclusive=True),
    }
    made["revoked"].success = 204
    return made


def used(world: World, parties: dict[str, RelyingParty]) -> Used:
    """Somebody new, signed in by one application and seen by the others, a while ago."""
    person = world.person(parties["signed in by"].client.name)
    alive, expired, revoked = (parties[name].client for name in ("alive", "expired", "revoked"))
    tokens = {client.name: client.tokens(person) for client in (alive, expired, revoked)}
    assert "code" in answered(parties["never issued"].client.ask(person.browser))
    answer = revoked.revoke(tokens[revoked.name]["refresh_token"])
    assert answer.status_code == 200
    world.clock.forward(minutes=2)
    assert alive.is_active(tokens[alive.name]["access_token"])
    for client in (expired, revoked):
        assert not client.is_active(tokens[client.name]["access_token"])
        assert not client.is_active(tokens[client.name]["refresh_token"])
    sids = known_as(world, person)
    for name, answered_with in tokens.items():
        assert sids[name] == sid_in(world, answered_with)
    assert len(set(sids.values())) == len(parties), "each application has a sid of its own"
    return Used(person, [(party, sids[party.client.name]) for party in parties.values()])


def known_as(world: World, person: Person) -> dict[str, str]:
    """What each application calls a session, by the applications' names."""
    found = world.read(client_sessions.of_sessions, [person.session_id])
    return {item.application: item.sid for item in found}


# The ways a session ends


def by_signing_out(world: World, it: Used) -> None:
    it.person.sign_out()


def by_its_user_elsewhere(world: World, it: Used) -> None:
    other = world.again(it.person.organization, it.person.name)
    world.write(end.end_mine, other.act, it.person.session_id)


def by_its_user_as_all_others(world: World, it: Used) -> None:
    world.write(end.end_others, world.again(it.person.organization, it.person.name).act)


def by_its_user_everywhere(world: World, it: Used) -> None:
    world.write(end.sign_out_everywhere, it.person.act)


def by_its_user_who_never_signed_in(world: World, it: Used) -> None:
    other = world.again(it.person.organization, it.person.name)
    world.write(report.not_me, other.act, it.person.session_id)


def by_an_administrator(world: World, it: Used) -> None:
    it.person.be_revoked()


def by_a_selection(world: World, it: Used) -> None:
    world.write(end.end_selected, world.act(), [it.person.session_id])


def by_a_filter(world: World, it: Used) -> None:
    chosen = SessionFilter(organization=it.person.organization, user=it.person.name)
    assert end.end_matching(world.house, world.act(), chosen).count == 1


def by_the_limit(world: World, it: Used) -> None:
    application = it.person.session.application
    displacing = world.again(it.person.organization, it.person.name, application)
    assert it.person.ended is EndReason.DISPLACED
    displacing.be_revoked()


def by_disabling_the_user(world: World, it: Used) -> None:
    it.person.change(disabled=True)


def by_deleting_the_user(world: World, it: Used) -> None:
    world.write(users.delete_user, world.act(), it.person.organization, it.person.name)


def by_a_new_password_of_her_own(world: World, it: Used) -> None:
    other = world.again(it.person.organization, it.person.name)
    passwords.change_own(world.house, other.act, PASSWORD, NEW_PASSWORD)


def by_a_new_password_from_an_administrator(world: World, it: Used) -> None:
    passwords.set_for(
        world.house, world.act(), it.person.organization, it.person.name, NEW_PASSWORD
    )


def by_the_reuse_of_a_refresh_token(world: World, it: Used) -> None:
    client = it.sids[0][0].client
    first = client.tokens(it.person)
    good(client.refresh(first["refresh_token"]))
    world.clock.forward(seconds=11)
    assert client.refresh(first["refresh_token"]).status_code == 400


def by_idling(world: World, it: Used) -> None:
    world.clock.forward(hours=1, seconds=1)
    swept(world)


def by_growing_too_old(world: World, it: Used) -> None:
    for _ in range(25):
        world.clock.forward(minutes=58)
        it.person.browser.get("/v1/me")
        world.house.activity.flush(world.house.database)
    swept(world)


def by_cutting_off_the_user(world: World, it: Used) -> None:
    name, organization = it.person.name, it.person.organization
    world.write(cutting.end_everything, world.act(), Subject.USER, name, organization=organization)
    settled(world)


def by_cutting_off_the_organization(world: World, it: Used) -> None:
    name = it.person.organization
    world.write(cutting.end_everything, world.act(), Subject.ORGANIZATION, name)
    settled(world)


def by_cutting_off_the_application_it_was_signed_in_by(world: World, it: Used) -> None:
    name = it.person.session.application
    world.write(cutting.end_everything, world.act(), Subject.APPLICATION, name)
    settled(world)


def swept(world: World) -> None:
    """Let the job run that ends what ran out."""
    while world.write(retention.sweep, world.clock.now) >= retention.BATCH:
        pass


def settled(world: World) -> None:
    """Let the job run that writes what a cut-off ended."""
    while world.write(retention.settle_cut_offs, world.clock.now) >= retention.BATCH:
        pass


WAYS: dict[Callable[[World, Used], None], EndReason] = {
    by_signing_out: EndReason.SIGNED_OUT,
    by_its_user_elsewhere: EndReason.REVOKED,
    by_its_user_as_all_others: EndReason.REVOKED,
    by_its_user_everywhere: EndReason.SIGNED_OUT,
    by_its_user_who_never_signed_in: EndReason.REVOKED,
    by_an_administrator: EndReason.REVOKED,
    by_a_selection: EndReason.REVOKED,
    by_a_filter: EndReason.ADMIN_BULK,
    by_the_limit: EndReason.DISPLACED,
    by_disabling_the_user: EndReason.USER_DISABLED,
    by_deleting_the_user: EndReason.USER_DELETED,
    by_a_new_password_of_her_own: EndReason.CREDENTIAL_CHANGED,
    by_a_new_password_from_an_administrator: EndReason.CREDENTIAL_CHANGED,
    by_the_reuse_of_a_refresh_token: EndReason.TOKEN_REUSE,
    by_idling: EndReason.IDLE,
    by_growing_too_old: EndReason.EXPIRED,
    by_cutting_off_the_user: EndReason.ADMIN_BULK,
    by_cutting_off_the_organization: EndReason.ADMIN_BULK,
    by_cutting_off_the_application_it_was_signed_in_by: EndReason.ADMIN_BULK,
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_each_application_is_told_once(
    shared: Place, parties: dict[str, RelyingParty], way: Callable[[World, Used], None]
) -> None:
    """Covers I01, I02, I03, I04, I05, I07, I09: whatever became of its tokens."""
    world = shared.world
    it = used(world, parties)
    before = {party.path: len(shared.site.heard[party.path]) for party in parties.values()}
    shared.send()
    assert [party.told_of(sid) for party, sid in it.sids] == [0] * len(it.sids)
    way(world, it)
    shared.send()
    assert [party.told_of(sid) for party, sid in it.sids] == [1] * len(it.sids)
    assert it.person.ended is WAYS[way]
    owed = world.rows(notice, session_id=it.person.session_id)
    assert [(row.state, row.attempts, row.last_error) for row in owed] == [
        ("delivered", 1, "")
    ] * len(it.sids)
    assert {row.reason for row in owed} == {WAYS[way].value}
    settled_at = {r.settled_at for r in world.rows(client_session, session_id=it.person.session_id)}
    assert settled_at == {world.clock.now}
    # And then nobody hears of it again.
    world.clock.forward(hours=2)
    swept(world)
    settled(world)
    shared.send()
    assert [party.told_of(sid) for party, sid in it.sids] == [1] * len(it.sids)
    for party in parties.values():
        heard = shared.site.heard[party.path][before[party.path] :]
        assert len(heard) == len({request.body for request in heard})


def test_an_application_without_an_address_is_owed_nothing(shared: Place) -> None:
    """Covers I05: and what it used is settled with the ending."""
    world = shared.world
    person, silent = world.person(), world.client()
    silent.tokens(person)
    person.sign_out()
    assert world.rows(notice, session_id=person.session_id) == []
    assert all(row.settled_at for row in world.rows(client_session, session_id=person.session_id))


def test_a_cut_off_application_is_told_though_the_session_lives(shared: Place) -> None:
    """Covers I05, I09: and of the session's own end only under its next sid."""
    world = shared.world
    party = RelyingParty(world, shared.site, next(_paths))
    person = world.person()
    first = sid_in(world, party.client.tokens(person))
    world.write(cutting.end_everything, world.act(), Subject.APPLICATION, party.client.name)
    settled(world)
    shared.send()
    assert party.told_of(first) == 1
    assert person.ended is None
    second = sid_in(world, party.client.tokens(person))
    assert second != first
    person.sign_out()
    shared.send()
    assert (party.told_of(first), party.told_of(second)) == (1, 1)


def test_a_deleted_application_is_told_of_everything_it_was_used_for(shared: Place) -> None:
    """Covers I05, I09: by the client id and the address that it had."""
    world = shared.world
    party = RelyingParty(world, shared.site, next(_paths))
    inside = world.person(party.client.name)
    beside = world.person()
    sids = [sid_in(world, party.client.tokens(person)) for person in (inside, beside)]
    world.write(applications.delete_application, world.act(), party.client.name)
    settled(world)
    shared.send()
    assert sorted(claims["sid"] for claims in party.accepted) == sorted(sids)
    assert inside.ended is EndReason.ADMIN_BULK
    assert beside.ended is None
    beside.sign_out()
    shared.send()
    assert len(party.accepted) == 2


def test_applications_hear_of_their_own_sids_only(shared: Place) -> None:
    """Covers I03: of two sessions of one user, and of two applications."""
    world = shared.world
    wiki, mail = (RelyingParty(world, shared.site, next(_paths)) for _ in range(2))
    ann = world.person()
    again = world.again(ann.organization, ann.name)
    sids: dict[str, Any] = {
        "wiki": sid_in(world, wiki.client.tokens(ann)),
        "mail": sid_in(world, mail.client.tokens(ann)),
        "again": sid_in(world, wiki.client.tokens(again)),
    }
    ann.sign_out()
    shared.send()
    assert [claims["sid"] for claims in wiki.accepted] == [sids["wiki"]]
    assert [claims["sid"] for claims in mail.accepted] == [sids["mail"]]
    assert again.ended is None
