"""``get-sessions`` and ``get-session``: pages, filters, orders, and what is live."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.casdoor.world import Asker, World, key
from tests.support.installation import CHROME, FIREFOX

RECORDS = 7


@pytest.fixture
def shelf(each_world: World) -> Asker:
    """Seven records of one organization, a minute apart, that an application registered."""
    server = each_world.basic("wiki")
    for number in range(RECORDS):
        each_world.clock.forward(minutes=1)
        body = {
            **key(f"user{number}", "wiki" if number % 2 else "mail"),
            "sessionId": [f"s{number}"],
        }
        assert server.post("add-session", body)["data"] == "Affected"
    return server


def names(answer: dict[str, Any]) -> list[int]:
    assert answer["status"] == "ok", answer
    return [int(record["name"].removeprefix("user")) for record in answer["data"]]


def page(shelf: Asker, p: Any = 1, size: Any = 3, **more: Any) -> dict[str, Any]:
    return shelf.get("get-sessions", owner="acme", p=p, pageSize=size, **more)


def test_without_a_page_everything_comes_newest_first(shelf: Asker) -> None:
    answer = shelf.get("get-sessions", owner="acme")
    assert names(answer) == [6, 5, 4, 3, 2, 1, 0]
    assert answer["data2"] is answer["data3"] is None
    ignored = shelf.get("get-sessions", owner="acme", p="1", field="name", value="user3")
    assert names(ignored) == [6, 5, 4, 3, 2, 1, 0]


def test_pages_are_counted(shelf: Asker) -> None:
    """Covers W4: whatever stands for a page is clamped into the pages that there are."""
    answer = page(shelf)
    assert (names(answer), answer["data2"]) == ([6, 5, 4], 7)
    assert names(page(shelf, 2)) == [3, 2, 1]
    assert names(page(shelf, 3)) == names(page(shelf, 99)) == [0]
    for strange in ("0", "-4", "x", "1e9", "٣", "9" * 30, "1.5"):
        assert names(page(shelf, strange)) == [6, 5, 4], strange
    for strange in ("x", "0", "-1", "9" * 30, "٣"):
        answer = page(shelf, size=strange)
        assert (len(names(answer)), answer["data2"]) == (7, 7), strange
    # A page that is not asked for as a whole is none.
    assert shelf.get("get-sessions", owner="acme", pageSize=3)["data2"] is None


def test_fields_are_searched(shelf: Asker) -> None:
    answer = page(shelf, field="name", value="er3")
    assert (names(answer), answer["data2"]) == ([3], 1)
    assert names(page(shelf, size=9, field="application", value="mail")) == [6, 4, 2, 0]
    assert names(page(shelf, size=9, field="createdTime", value="T09:02")) == [1]
    assert names(page(shelf, size=9, field="sessionId", value="s5")) == [5]
    # What is typed is looked for as it is.
    for wildcard in ("%", "_", "user_"):
        assert names(page(shelf, field="name", value=wildcard)) == [], wildcard
    # A filter that names no field, or no value, is none.
    for field, value in (("", "x"), ("name", ""), ("na-me", "x"), ("name;--", "x")):
        assert page(shelf, field=field, value=value)["data2"] == 7, field
    unknown = page(shelf, field="secretHash", value="a")
    assert (unknown["status"], unknown["msg"]) == ("error", "no such column: secret_hash")


def test_a_live_session_is_found_by_its_id(each_world: World) -> None:
    ann, bob = each_world.user_agent("ann"), each_world.user_agent("bob")
    server = each_world.basic("wiki")
    answer = page(server, field="sessionId", value=bob.session_id[4:20])
    assert [record["sessionId"] for record in answer["data"]] == [[bob.session_id]]
    assert page(server, field="sessionId", value="0" * 32)["data2"] == 0
    assert ann.session_id in str(page(server))


def test_columns_are_sorted_by(shelf: Asker) -> None:
    up, down = {"sortOrder": "ascend"}, {"sortOrder": "descend"}
    assert names(page(shelf, size=9, sortField="name", **up)) == [0, 1, 2, 3, 4, 5, 6]
    assert names(page(shelf, sortField="name", **down)) == [6, 5, 4]
    assert names(page(shelf, size=9, sortField="application", **up))[:4] == [0, 2, 4, 6]
    assert names(page(shelf, sortField="createdTime", **up)) == [0, 1, 2]
    # The direction counts even when the column is the usual one.
    assert names(page(shelf, **up)) == [0, 1, 2]
    assert names(page(shelf, sortField="name", sortOrder="sideways")) == [6, 5, 4]
    unknown = page(shelf, sortField="userKey", **up)
    assert (unknown["status"], unknown["msg"]) == ("error", "no such column: user_key")


def test_nothing_is_an_empty_list(each_world: World) -> None:
    server = each_world.basic("wiki")
    assert server.get("get-sessions", owner="acme")["data"] == []
    answer = page(server)
    assert (answer["data"], answer["data2"]) == ([], 0)
    assert server.get("get-session", sessionPkId="acme/nobody/wiki")["data"] is None


def test_a_record_tells_what_is_known_of_each_id(each_world: World) -> None:
    """Covers W5, W10: public ids and devices, never a secret; item 10 of the acceptance list."""
    ann = each_world.user_agent("ann")
    server = each_world.basic("wiki")
    server.post("add-session", {**key(), "sessionId": ["own-1"], "ExclusiveSignin": False})
    record = server.data("get-session", sessionPkId="acme/ann/wiki", id="ignored")
    assert list(record)[:6] == [
        "owner",
        "name",
        "application",
        "createdTime",
        "sessionId",
        "ExclusiveSignin",
    ]
    assert record["sessionId"] == [ann.session_id, "own-1"]
    assert record["ExclusiveSignin"] is False
    assert record["createdTime"] == "2026-11-24T09:00:01Z"
    assert record["sessionInfos"] == [
        {
            "sessionId": ann.session_id,
            "ip": "203.0.113.7",
            "userAgent": FIREFOX,
            "createdTime": "2026-11-24T09:00:01Z",
            "lastActiveTime": "2026-11-24T09:00:01Z",
        },
        {"sessionId": "own-1", "ip": "", "userAgent": "", "createdTime": "", "lastActiveTime": ""},
    ]
    assert re.fullmatch("[0-9a-f]{32}", ann.session_id)
    answer = server.send("GET", "get-sessions", owner="acme").text
    for cookie in ann.client.cookies.values():
        assert cookie not in answer


def test_what_ran_out_is_shown_no_more(each_world: World) -> None:
    """Covers W10: at once, before anything has swept."""
    plain = each_world.user_agent("ann")
    kept = each_world.user_agent("ann", agent=CHROME, remember=True)
    server = each_world.basic("wiki")
    assert server.ids() == [plain.session_id, kept.session_id]
    each_world.clock.forward(hours=2)
    assert server.ids() == [kept.session_id]
    assert plain.get("get-account")["msg"] == "Please login first"
    assert kept.data("get-account")["name"] == "ann"
    each_world.clock.forward(days=40)
    assert server.ids() is None
    assert server.get("get-sessions", owner="acme")["data"] == []


def test_somebody_else_on_a_record_is_a_duplicate(each_world: World) -> None:
    server = each_world.basic("wiki")

    def duplicated(session_id: str) -> Any:
        return server.data(
            "is-session-duplicated", sessionPkId="acme/ann/wiki", sessionId=session_id
        )

    assert duplicated("s1") is False
    server.post("add-session", {**key(), "sessionId": []})
    assert duplicated("s1") is False
    server.post("add-session", {**key(), "sessionId": ["s1"]})
    assert duplicated("s1") is False
    assert duplicated("s2") is True
    server.post("add-session", {**key(), "sessionId": ["s2"]})
    assert duplicated("s1") is duplicated("s2") is True
