"""Notices: listed, looked at, sent again."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from ostiary.domain.notice import NoticeFilter, NoticeState
from ostiary.gateways.outbound import Outbound
from ostiary.services import deliver, end
from ostiary.services.courier import Courier
from ostiary.storage import deliveries, outbox
from tests.api.world import LOGOUT, World, problem


def owe(world: World, who: str = "acme/ann") -> str:
    """End a session that was used in the wiki; its public id."""
    session_id = world.start(who, "wiki")
    world.here.write(end.end_one, world.here.act(), session_id)
    return session_id


def give_up(world: World) -> None:
    found = world.here.read(outbox.page, NoticeFilter(), after=None, limit=99)
    world.here.write(deliveries.give_up, found, world.here.clock.now)


def test_notices_are_listed_narrowed_and_shown_one_by_one(both: World) -> None:
    first, second = owe(both), owe(both, "acme/bob")
    page = both.boss.get("/v1/notices").json()
    assert [item["session_id"] for item in page["items"]] == [second, first]
    assert (page["total"], page["total_is_exact"], page["next"]) == (2, True, None)
    one = page["items"][1]
    assert one == {
        "id": one["id"],
        "kind": "backchannel_logout",
        "state": "pending",
        "organization": "acme",
        "user": "ann",
        "session_id": first,
        "application": "wiki",
        "target": LOGOUT,
        "reason": "revoked",
        "attempts": 0,
        "last_error": "",
        "created_at": one["created_at"],
        "next_attempt_at": one["created_at"],
        "settled_at": None,
    }
    assert both.boss.get(f"/v1/notices/{one['id']}").json() == one
    for query, count in (
        (f"session_id={second}", 1),
        ("application=wiki", 2),
        ("application=portal", 0),
        ("state=delivered", 0),
        ("state=pending&limit=1", 1),
    ):
        assert len(both.boss.get(f"/v1/notices?{query}").json()["items"]) == count
    assert both.portal.get("/v1/notices").json()["items"] == []
    problem(both.portal.get(f"/v1/notices/{one['id']}"), 404, "not_found")


def test_one_that_was_given_up_is_tried_anew_where_the_application_is_now(both: World) -> None:
    owe(both)
    give_up(both)
    [item] = both.boss.get("/v1/notices?state=given_up").json()["items"]
    assert item["next_attempt_at"] is None
    moved = "https://wiki.acme.example/moved"
    both.boss.patch("/v1/applications/wiki", json={"backchannel_logout_uri": moved})
    both.here.clock.forward(minutes=10)
    answer = both.boss.post(f"/v1/notices/{item['id']}/resend")
    assert answer.status_code == 200
    again = answer.json()
    assert (again["state"], again["target"], again["attempts"]) == ("pending", moved, 0)
    assert again["next_attempt_at"] > item["created_at"]
    found = both.here.read(outbox.by_id, item["id"])
    assert found is not None
    assert found.owed_at == both.here.clock.now
    [event] = both.boss.get("/v1/events?event=notice.resent").json()["items"]
    assert event["detail"]["notice"] == item["id"]


def test_one_that_is_sent_again_does_not_wait_for_its_target_to_be_tried(world: World) -> None:
    owe(world)
    [item] = world.boss.get("/v1/notices").json()["items"]
    here, now = world.here, world.here.clock.now
    here.write(deliveries.count_failure, outbox.lane_of(LOGOUT))
    here.write(deliveries.leave_alone, outbox.lane_of(LOGOUT), now + timedelta(minutes=5))
    assert here.read(deliveries.due, now) == []
    assert world.boss.post(f"/v1/notices/{item['id']}/resend").status_code == 200
    assert [lane.failures for lane in here.read(deliveries.due, now)] == [0]


def test_users_are_not_told_where_applications_listen(world: World) -> None:
    """What their servers answered is not the users' business either."""
    session_id = owe(world)
    here = world.here
    [item] = here.write(deliveries.claim, outbox.lane_of(LOGOUT), "x", limit=1, now=here.clock.now)
    inside = Outbound(resolve=lambda *_: ["10.1.2.3"])
    house = dataclasses.replace(here.house, outbound=inside)
    courier = Courier(house=house, issuer=here.public_url, holder="x")
    assert deliver.attempt(courier, item) is deliver.Outcome.FAILED
    [event] = world.boss.get("/v1/events?event=notice.failed").json()["items"]
    assert event["session_id"] == session_id
    assert event["detail"]["target"] == LOGOUT
    assert "10.1.2.3" in event["detail"]["error"]
    ann, _ = world.sign_in("acme/ann")
    [event] = ann.get("/v1/me/events?event=notice.failed").json()["items"]
    assert event["detail"] == {"notice": item.id, "kind": "backchannel_logout", "attempts": 1}


def test_what_was_accepted_or_has_no_address_is_not_sent_again(world: World) -> None:
    owe(world)
    [item] = world.boss.get("/v1/notices").json()["items"]
    path = f"/v1/notices/{item['id']}/resend"
    world.boss.patch("/v1/applications/wiki", json={"backchannel_logout_uri": ""})
    problem(world.boss.post(path), 409, "protected")
    notice = world.here.read(outbox.by_id, item["id"])
    world.here.write(deliveries.delivered, notice, world.here.clock.now)
    world.boss.patch("/v1/applications/wiki", json={"backchannel_logout_uri": LOGOUT})
    problem(world.boss.post(path), 409, "protected")
    assert world.here.read(outbox.by_id, item["id"]).state is NoticeState.DELIVERED


@pytest.mark.parametrize("number", ["0", "x", "-1", "9" * 19, "1.5", "٣"])
def test_no_number_is_no_notice(world: World, number: str) -> None:
    assert world.boss.get(f"/v1/notices/{number}").status_code == 404
    assert world.boss.post(f"/v1/notices/{number}/resend").status_code == 404
