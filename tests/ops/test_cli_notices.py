"""Notices by the command line."""

from __future__ import annotations

from ostiary.domain.notice import NoticeFilter
from ostiary.storage import deliveries, outbox
from tests.support.command_line import CommandLine

LOGOUT = "https://wiki.example/logged-out"


def owe(line: CommandLine) -> int:
    """A notice that was given up; its number."""
    line.ok("apps", "change", "wiki", "--backchannel-logout-uri", LOGOUT)
    line.sign_in("acme/ann", application="wiki")
    line.ok("sessions", "end", "--organization", "acme", "--yes")
    with line.house() as house:
        found = house.database.read(outbox.page, NoticeFilter(), after=None, limit=9)
        house.database.write(deliveries.give_up, found, house.clock())
        return found[0].id


def test_notices_are_listed_shown_and_sent_again(line: CommandLine) -> None:
    number = owe(line)
    [row] = line.ok("notices", "list", "--state", "given_up").rows
    assert row[:6] == [str(number), "given_up", "backchannel_logout", "wiki", "acme/ann", "0"]
    [item] = line.json("notices", "list", "--application", "wiki")["items"]
    assert line.json("notices", "show", str(number)) == item
    assert LOGOUT in line.ok("notices", "show", str(number)).out
    assert "again" in line.ok("notices", "resend", str(number)).out
    assert line.json("notices", "show", str(number))["state"] == "pending"
    assert line.ok("notices", "list", "--state", "given_up").rows == []


def test_a_notice_that_is_not_there_is_said_so(line: CommandLine) -> None:
    said = line.run("notices", "resend", "4711")
    assert said.code == 1
    assert "There is no notice 4711" in said.err
