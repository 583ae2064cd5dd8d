"""What each call does to a record: the contract's table (1.8), row by row, on both stores."""

from __future__ import annotations

import pytest

from ostiary.domain.session import EndReason
from ostiary.services import applications, sign_in
from ostiary.storage import sessions
from ostiary.storage.tables import session
from tests.casdoor.world import Asker, World, key
from tests.support.installation import CHROME

AFFECTED = {"status": "ok", "msg": "", "sub": "", "name": "", "data": "Affected"}
UNAFFECTED = {**AFFECTED, "data": "Unaffected"}


def answers(answer: dict[str, object], expected: dict[str, object]) -> bool:
    return answer == {"data2": None, "data3": None, **expected}


def live(world: World, *public_ids: str) -> list[bool]:
    found = {s.id: s for s in world.read(sessions.by_ids, public_ids)}
    return [found[i].ended_at is None for i in public_ids]


def reason(world: World, public_id: str) -> EndReason | None:
    found = world.read(sessions.by_id, public_id)
    return found.ended_reason


@pytest.fixture
def server(each_world: World) -> Asker:
    """Who looks at the records: an application of the organization."""
    return each_world.basic("wiki")


def test_no_row_becomes_one_at_a_sign_in(each_world: World, server: Asker) -> None:
    """Covers W10: the record appears with its first session."""
    assert server.ids() is None
    browser = Asker(each_world.browser())
    assert each_world.log_in(browser)["data"] == "acme/ann"
    (row,) = each_world.rows(session)
    assert server.ids() == [row.id]


def test_a_sign_in_elsewhere_is_appended(each_world: World, server: Asker) -> None:
    a = each_world.user_agent("ann")
    each_world.clock.forward(minutes=1)
    c = each_world.user_agent("ann", agent=CHROME)
    assert server.ids() == [a.session_id, c.session_id]


def test_signing_in_again_moves_nothing(each_world: World, server: Asker) -> None:
    """Covers W7: the same id, a new secret."""
    a = each_world.user_agent("ann")
    each_world.clock.forward(minutes=1)
    c = each_world.user_agent("ann", agent=CHROME)
    before = server.ids()
    old = c.client.cookies.get("sid")
    assert each_world.log_in(c)["status"] == "ok"
    assert server.ids() == before == [a.session_id, c.session_id]
    assert c.client.cookies.get("sid") != old


def test_an_exclusive_sign_in_leaves_itself_alone(each_world: World, server: Asker) -> None:
    """Covers W9: the others are ended."""
    a, b = each_world.user_agent("ann"), each_world.user_agent("ann", agent=CHROME)
    each_world.write(
        applications.update_application,
        each_world.act(),
        each_world.house.vault,
        "wiki",
        applications.ApplicationChange(exclusive=True),
    )
    c = each_world.user_agent("ann")
    assert server.ids() == [c.session_id]
    assert live(each_world, a.session_id, b.session_id, c.session_id) == [False, False, True]
    assert reason(each_world, a.session_id) is EndReason.DISPLACED


def test_of_a_hundred_and_one_the_first_goes(each_world: World, server: Asker) -> None:
    """Covers W9: Casdoor leaves the dropped one alive; here it ends."""
    started: list[sign_in.SignedIn] = []
    for _ in range(100):
        each_world.clock.forward(seconds=1)
        started.append(each_world.start_session("acme", "ann", application="wiki"))
    assert server.ids() == [s.session.id for s in started]
    each_world.clock.forward(seconds=1)
    last = each_world.start_session("acme", "ann", application="wiki")
    assert server.ids() == [*(s.session.id for s in started[1:]), last.session.id]
    assert live(each_world, started[0].session.id, started[1].session.id) == [False, True]


def test_deleting_one_id_leaves_the_other(each_world: World, server: Asker) -> None:
    a = each_world.user_agent("ann")
    c = each_world.user_agent("ann", agent=CHROME)
    answer = c.post("delete-session", key(), sessionId=a.session_id)
    assert answers(answer, AFFECTED)
    assert server.ids() == [c.session_id]
    assert live(each_world, a.session_id, c.session_id) == [False, True]


def test_deleting_the_last_id_deletes_the_row(each_world: World, server: Asker) -> None:
    a = each_world.user_agent("ann")
    assert answers(server.post("delete-session", key(), sessionId=a.session_id), AFFECTED)
    assert server.ids() is None
    assert live(each_world, a.session_id) == [False]
    assert a.get("get-account")["msg"] == "Please login first"


def test_an_id_that_is_not_in_the_row_is_left_alone(each_world: World, server: Asker) -> None:
    """Covers W1: Casdoor would destroy whatever session that id names."""
    a = each_world.user_agent("ann")
    bob = each_world.user_agent("bob")
    assert answers(server.post("delete-session", key(), sessionId=bob.session_id), AFFECTED)
    assert answers(server.post("delete-session", key(), sessionId="zzz"), AFFECTED)
    assert server.ids() == [a.session_id]
    assert live(each_world, bob.session_id) == [True]


def test_the_row_with_the_session_in_use_is_not_deleted(each_world: World, server: Asker) -> None:
    a = each_world.user_agent("ann")
    c = each_world.user_agent("ann", agent=CHROME)
    before = server.ids()
    text = f"session:session id {c.session_id} is the current session and cannot be deleted"
    refused = {**AFFECTED, "status": "error", "msg": text, "data": None}
    assert answers(c.post("delete-session", key()), refused)
    assert server.ids() == before
    assert live(each_world, a.session_id, c.session_id) == [True, True]


def test_the_session_in_use_is_not_deleted_by_its_id(each_world: World, server: Asker) -> None:
    c = each_world.user_agent("ann")
    text = f"session id {c.session_id} is the current session and cannot be deleted"
    refused = {**AFFECTED, "status": "error", "msg": text, "data": None}
    assert answers(c.post("delete-session", key(), sessionId=c.session_id), refused)
    # Nor where no record shows it: the text comes before the look-up.
    other = key(application="mail")
    assert answers(c.post("delete-session", other, sessionId=c.session_id), refused)
    assert server.ids() == [c.session_id]


def test_a_row_without_the_session_in_use_is_deleted_as_a_whole(
    each_world: World, server: Asker
) -> None:
    a, b = each_world.user_agent("ann"), each_world.user_agent("ann", agent=CHROME)
    assert answers(server.post("delete-session", key()), AFFECTED)
    assert server.ids() is None
    assert live(each_world, a.session_id, b.session_id) == [False, False]
    assert reason(each_world, a.session_id) is EndReason.REVOKED
    assert answers(server.post("delete-session", key()), UNAFFECTED)
    assert answers(server.post("delete-session", key(), sessionId=a.session_id), UNAFFECTED)


def test_signing_out_takes_the_own_id_from_the_row(each_world: World, server: Asker) -> None:
    a = each_world.user_agent("ann")
    c = each_world.user_agent("ann", agent=CHROME)
    answer = c.post("logout")
    assert (answer["status"], answer["data"]) == ("ok", "acme/ann")
    assert server.ids() == [a.session_id]
    assert reason(each_world, c.session_id) is EndReason.SIGNED_OUT
    assert "sid" not in c.client.cookies
    assert each_world.log_in(c)["status"] == "ok"
    left, new = server.ids()
    assert left == a.session_id
    assert new != c.session_id


def test_signing_out_of_this_session_takes_it_from_every_row(
    each_world: World, server: Asker
) -> None:
    a = each_world.user_agent("ann", application="mail")
    c = each_world.user_agent("ann", agent=CHROME)
    assert c.post("login", {"type": "login", "application": "mail"})["data"] == "acme/ann"
    assert server.ids() == [c.session_id]
    assert sorted(server.ids(application="mail")) == sorted([a.session_id, c.session_id])
    assert c.post("sso-logout", logoutAll="false")["status"] == "ok"
    assert server.ids() is None
    assert server.ids(application="mail") == [a.session_id]


def test_signing_out_everywhere_takes_all_rows(each_world: World, server: Asker) -> None:
    a = each_world.user_agent("ann", application="mail")
    c = each_world.user_agent("ann", agent=CHROME)
    bob = each_world.user_agent("bob")
    answer = c.post("sso-logout")
    assert (answer["status"], answer["data"]) == ("ok", None)
    assert server.ids() is server.ids(application="mail") is None
    assert live(each_world, a.session_id, c.session_id, bob.session_id) == [False, False, True]


def test_an_empty_list_and_a_time_change_the_time(each_world: World, server: Asker) -> None:
    assert answers(server.post("add-session", {**key("kim"), "sessionId": []}), AFFECTED)
    body = {**key("kim"), "sessionId": [], "createdTime": "Updated Casdoor Website"}
    assert answers(server.post("update-session", body), AFFECTED)
    record = server.data("get-session", sessionPkId="acme/kim/wiki")
    assert (record["createdTime"], record["sessionId"]) == ("Updated Casdoor Website", [])


def test_an_empty_list_changes_no_list(each_world: World, server: Asker) -> None:
    a = each_world.user_agent("ann")
    assert answers(server.post("update-session", {**key(), "sessionId": []}), AFFECTED)
    assert server.ids() == [a.session_id]
    assert live(each_world, a.session_id) == [True]
