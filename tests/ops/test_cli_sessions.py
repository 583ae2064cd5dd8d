"""Seeing sessions by the command line."""

from __future__ import annotations

import pytest

from ostiary.ops.cli import sessions as cli_sessions
from ostiary.ops.compose import utc_now
from tests.support.command_line import CommandLine
from tests.support.installation import CHROME

HOSTILE = "\x1b[2J\x1b]0;owned\x07 [bold red]x[/] \u202e\n0000\t\x9b31m"


def ids(line: CommandLine, *further: str) -> list[str]:
    return [item["id"] for item in line.json("sessions", "list", *further)["items"]]


# list


def test_a_list_shows_who_is_signed_in_where(line: CommandLine) -> None:
    started = line.sign_in("acme/ann", application="wiki", country="DE", city="Berlin")
    said = line.ok("sessions", "list")
    now = utc_now().strftime("%Y-%m-%d")
    [row] = said.rows
    assert row[:6] == [
        started.session.id,
        "acme/ann",
        "Firefox on Linux",
        "203.0.113.7",
        "Berlin, DE",
        "wiki",
    ]
    assert row[6].startswith(now)
    assert row[7].startswith(now)
    assert said.err == ""


def test_json_has_the_shape_of_the_interface(line: CommandLine) -> None:
    started = line.sign_in("acme/ann", application="wiki", agent=CHROME)
    listed = line.json("sessions", "list")
    assert {name: listed[name] for name in listed if name != "items"} == {
        "next": None,
        "previous": None,
        "total": 1,
        "total_is_exact": True,
    }
    [item] = listed["items"]
    assert item == line.json("sessions", "show", started.session.id)
    assert item["id"] == started.session.id
    assert (item["organization"], item["user"], item["application"]) == ("acme", "ann", "wiki")
    assert item["device"]["agent"] == CHROME
    assert item["created_at"].endswith("Z")
    assert item["ended"] is None


def test_neither_secrets_nor_hashes_are_shown(line: CommandLine) -> None:
    started = line.sign_in("acme/ann")
    shown = line.ok("sessions", "list", "--json").out + line.ok("sessions", "list").out
    assert started.secret not in shown
    assert started.device_secret
    assert started.device_secret not in shown


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--organization", "acme"), "ab"),
        (("--organization", "built-in"), "r"),
        (("--organization", "nobody"), ""),
        (("--user", "ann"), "a"),
        (("--user", "acme/ann"), "a"),
        (("--user", "built-in/ann"), ""),
        (("--application", "wiki"), "b"),
        (("--address", "198.51.100.9"), "b"),
        (("--device-kind", "phone"), "b"),
        (("--browser", "Chrome"), "b"),
        (("--country", "FR"), "b"),
        (("--text", "paris"), "b"),
        (("--text", "%"), ""),
        (("--created-from", "1h"), "abr"),
        (("--created-to", "1h"), ""),
        (("--created-from", "2000-01-01", "--created-to", "2999-12-31T23:59+14:00"), "abr"),
        (("--seen-from", "10m"), "abr"),
        (("--seen-to", "2020-01-01T00:00Z"), ""),
        (("--organization", "acme", "--browser", "Firefox"), "a"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_a_list_is_narrowed_by(line: CommandLine, options: tuple[str, ...], found: str) -> None:
    started = {
        "r": line.sign_in("built-in/admin"),
        "a": line.sign_in("acme/ann"),
        "b": line.sign_in(
            "acme/bob",
            application="wiki",
            kind="phone",
            browser="Chrome",
            address="198.51.100.9",
            country="FR",
            city="Paris",
        ),
    }
    named = {item.session.id: name for name, item in started.items()}
    assert sorted(named[i] for i in ids(line, *options)) == list(found)


@pytest.mark.parametrize(
    "options",
    [
        ("--created-from", "yesterday"),
        ("--created-from", "99999999d"),
        ("--created-from", "0001-01-01T00:00+14:00"),
        ("--created-from", ""),
        ("--sort", "name"),
        ("--limit", "0"),
        ("--reason", "boredom", "--ended"),
        ("--ended-from", "1h"),
        ("--reason", "revoked"),
    ],
    ids=" ".join,
)
def test_a_list_that_makes_no_sense_is_refused(line: CommandLine, options: tuple[str, ...]) -> None:
    said = line.run("sessions", "list", *options)
    assert said.code == 2
    assert said.out == ""


def test_a_list_is_sorted_and_reversed(line: CommandLine) -> None:
    bob, ann = line.sign_in("acme/bob").session.id, line.sign_in("acme/ann").session.id
    assert ids(line) == [ann, bob]
    assert ids(line, "--reverse") == [bob, ann]
    assert ids(line, "--sort", "last_seen") == [ann, bob]
    assert ids(line, "--sort", "user") == [ann, bob]
    assert ids(line, "--sort", "user", "--reverse") == [bob, ann]


def test_a_long_list_comes_in_pages(line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    every = [line.sign_in("acme/ann").session.id for _ in range(5)][::-1]
    monkeypatch.setattr(cli_sessions, "LONGEST_PAGE", 2)

    assert ids(line, "--all") == every
    assert ids(line, "--limit", "3") == every[:3]
    assert ids(line, "--limit", "5") == every

    said = line.ok("sessions", "list", "--limit", "3")
    assert [row[0] for row in said.rows] == every[:3]
    assert said.err == "3 of 5 are shown; --all shows the others.\n"
    assert line.ok("sessions", "list", "--all").err == ""


def test_a_list_goes_on_from_a_cursor(line: CommandLine) -> None:
    every = [line.sign_in("acme/ann").session.id for _ in range(3)][::-1]
    first = line.json("sessions", "list", "--limit", "2")
    second = line.json("sessions", "list", "--limit", "2", "--cursor", first["next"])
    assert [item["id"] for item in first["items"] + second["items"]] == every
    assert second["next"] is None
    assert ids(line, "--limit", "2", "--cursor", second["previous"]) == every[:2]

    said = line.run("sessions", "list", "--user", "ann", "--cursor", first["next"], "--json")
    assert (said.code, said.out) == (1, "")
    assert said.error["code"] == "bad_cursor"


def test_ended_sessions_are_listed_when_asked_for(line: CommandLine) -> None:
    live, ended = line.sign_in("acme/ann").session.id, line.sign_in("acme/bob").session.id
    line.ok("sessions", "end", ended)
    assert ids(line) == [live]
    assert ids(line, "--ended") == [ended]
    assert ids(line, "--ended", "--reason", "revoked", "--ended-from", "1h") == [ended]
    assert ids(line, "--ended", "--reason", "idle") == []
    assert ids(line, "--ended", "--ended-to", "1h") == []
    assert line.ok("sessions", "list", "--ended").rows[0][9] == "revoked"


def test_nothing_that_a_stranger_sent_steers_the_terminal(line: CommandLine) -> None:
    """Covers D18: it stays in its cell of its line, spelled out."""
    started = line.sign_in(
        "acme/ann", agent=HOSTILE, browser=HOSTILE, os="Linux", city=HOSTILE, country="DE"
    )
    listed, shown = line.ok("sessions", "list"), line.ok("sessions", "show", started.session.id)
    assert len(listed.out.splitlines()) == 1
    assert [len(row) for row in listed.rows] == [8]
    for said in (listed, shown):
        assert all(letter.isprintable() or letter in "\n\t" for letter in said.out)
    agent = dict(shown.rows)["agent"]
    assert agent == "\\x1b[2J\\x1b]0;owned\\x07 [bold red]x[/] \\u202e\\n0000\\t\\x9b31m"
    assert line.json("sessions", "show", started.session.id)["device"]["agent"] == HOSTILE


# show


def test_one_session_is_shown_live_or_ended(line: CommandLine) -> None:
    started = line.sign_in("acme/ann", application="wiki")
    session_id = started.session.id
    facts = dict(line.ok("sessions", "show", session_id).rows)
    assert facts["user"] == "acme/ann"
    assert facts["signed in to"] == "wiki"
    assert "ended" not in facts

    line.ok("sessions", "end", session_id)
    facts = dict(line.ok("sessions", "show", session_id).rows)
    assert (facts["reason"], facts["ended by"]) == ("revoked", "operator")
    ended = line.json("sessions", "show", session_id)["ended"]
    assert (ended["reason"], ended["by"]) == ("revoked", "operator")


def test_a_session_that_is_not_there_is_not_found(line: CommandLine) -> None:
    said = line.run("sessions", "show", "0" * 32, "--json")
    assert said.code == 1
    assert said.error["code"] == "not_found"
    assert line.run("sessions", "show", "not-an-id").code == 2
