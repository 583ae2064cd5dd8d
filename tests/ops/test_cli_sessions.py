"""Seeing and ending sessions by the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ostiary.ops.cli import output
from ostiary.ops.cli import sessions as cli_sessions
from ostiary.ops.compose import utc_now
from ostiary.services import end
from tests.support.command_line import CommandLine
from tests.support.installation import CHROME, PASSWORD
from tests.support.server import Server

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


# end, by ids


def test_an_ended_session_is_dead(line: CommandLine) -> None:
    first, second = line.sign_in("acme/ann"), line.sign_in("acme/ann")
    said = line.ok("sessions", "end", first.session.id)
    assert said.out.startswith("1 session of 1 user ended.\n")
    assert not line.is_live(first.secret)
    assert line.caller(first.secret).dead_reason == "revoked"
    assert line.is_live(second.secret)


def test_several_sessions_end_in_one_call(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(end, "BATCH", 2)
    started = [line.sign_in(f"acme/{name}") for name in ("ann", "ann", "bob")]
    wanted = [item.session.id for item in started]
    answer = line.json("sessions", "end", *wanted, wanted[0])
    assert sorted(answer["ended"]) == sorted(wanted)
    assert (answer["count"], answer["users"], answer["not_found"]) == (3, 2, [])
    assert not any(line.is_live(item.secret) for item in started)


def test_applications_that_are_told_and_those_that_cannot_be_are_named(line: CommandLine) -> None:
    wiki = line.sign_in("acme/ann", application="wiki").session.id
    mail = line.sign_in("acme/ann", application="mail").session.id
    answer = line.json("sessions", "end", wiki, mail, "--dry-run")
    assert (answer["pending"], answer["without_address"]) == (["wiki"], ["mail"])
    said = line.ok("sessions", "end", wiki, mail)
    assert said.out == (
        "2 sessions of 1 user ended.\n"
        "Will be told: wiki.\n"
        "Cannot be told, since they name no logout address: mail.\n"
    )


def test_ids_that_are_not_live_are_named_and_the_others_end(line: CommandLine) -> None:
    started = line.sign_in("acme/ann")
    gone = "0" * 32
    said = line.run("sessions", "end", started.session.id, gone)
    assert said.code == 1
    assert said.out.startswith("1 session of 1 user ended.\n")
    assert said.err == f"There is no live session {gone}.\n"
    assert not line.is_live(started.secret)

    again = line.run("sessions", "end", started.session.id, "--json")
    assert again.code == 1
    assert again.error["code"] == "not_found"

    other = line.sign_in("acme/ann").session.id
    mixed = line.run("sessions", "end", other, gone, "--json")
    assert mixed.code == 1
    assert json.loads(mixed.out)["not_found"] == [gone]


def test_a_dry_run_by_ids_ends_nothing(line: CommandLine) -> None:
    started = line.sign_in("acme/ann", application="wiki")
    said = line.ok("sessions", "end", started.session.id, "--dry-run")
    assert said.out == "Would end 1 session of 1 user.\nWill be told: wiki.\n"
    answer = line.json("sessions", "end", started.session.id, "--dry-run")
    assert (answer["dry_run"], answer["count"], answer["ended"]) == (True, 1, [])
    assert line.is_live(started.secret)


# end, by a filter


def test_everything_that_matches_a_filter_ends_and_nothing_else(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(end, "BATCH", 2)
    matching = [line.sign_in("acme/ann", browser="Chrome") for _ in range(5)]
    others = [line.sign_in("acme/ann"), line.sign_in("built-in/admin", browser="Chrome")]
    options = ("--organization", "acme", "--browser", "Chrome")

    dry = line.json("sessions", "end", *options, "--dry-run")
    assert (dry["dry_run"], dry["count"], dry["users"]) == (True, 5, 1)
    assert all(line.is_live(item.secret) for item in matching)

    answer = line.json("sessions", "end", *options, "--yes")
    assert (answer["count"], answer["users"]) == (5, 1)
    assert sorted(answer["ended"]) == sorted(item.session.id for item in matching)
    assert not any(line.is_live(item.secret) for item in matching)
    assert all(line.is_live(item.secret) for item in others)


def test_a_filter_asks_before_it_ends(line: CommandLine) -> None:
    started = line.sign_in("acme/ann", application="wiki")
    question = "End 1 session of 1 user? 1 application will be told. [y/N]: "

    refused = line.run("sessions", "end", "--user", "ann", given="n\n")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith(question)
    assert refused.err.endswith("ostiary: Nothing was done.\n")

    assert line.run("sessions", "end", "--user", "ann", given="").code == 1
    assert line.is_live(started.secret)

    said = line.ok("sessions", "end", "--user", "ann", given="y\n")
    assert said.out.startswith("1 session of 1 user ended.\n")
    assert not line.is_live(started.secret)


def test_an_interrupted_ending_says_how_far_it_came(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ended stays ended; Ctrl-C comes between two batches here."""
    monkeypatch.setattr(end, "BATCH", 1)
    started = [line.sign_in("acme/ann") for _ in range(3)]

    @contextmanager
    def progress(_: str, total: int) -> Iterator[Callable[[int], None]]:
        def show(done: int) -> None:
            if done == total - 1:
                raise KeyboardInterrupt

        yield show

    monkeypatch.setattr(output, "progress", progress)
    said = line.run("sessions", "end", "--everything", "--yes")
    assert said.code == 130
    assert said.err.startswith("Interrupted: 2 sessions had ended by then.\n")
    assert [line.is_live(item.secret) for item in started] == [False, False, True]


def test_where_nothing_matches_nobody_is_asked(line: CommandLine) -> None:
    line.sign_in("acme/ann")
    assert line.ok("sessions", "end", "--user", "bob").out == "0 sessions of 0 users ended.\n"


def test_everything_ends_only_when_it_is_said(line: CommandLine) -> None:
    started = [line.sign_in("acme/ann"), line.sign_in("built-in/admin")]
    for options in (
        (),
        ("--yes",),
        ("--everything", "--user", "ann", "--yes"),
        ("--user", "ann", "0" * 32, "--yes"),
        ("--everything", "0" * 32, "--yes"),
        # What a script passes when its variable is empty must not widen what ends.
        ("--user", "", "--yes"),
        ("--user", "acme/", "--yes"),
        ("--user", "/ann", "--yes"),
        ("--user", "acme/ann", "--organization", "other", "--yes"),
        ("--organization", "acme", "--user", "", "--yes"),
        ("--text", "  ", "--yes"),
        ("--country", ",", "--yes"),
        ("--created-to", "", "--yes"),
        ("", "--yes"),
    ):
        said = line.run("sessions", "end", *options)
        assert said.code == 2, options
    assert all(line.is_live(item.secret) for item in started)
    assert line.json("sessions", "end", "--everything", "--yes")["count"] == 2
    assert not any(line.is_live(item.secret) for item in started)


def test_a_browser_that_is_signed_in_at_a_running_server_is_out_at_once(
    line: CommandLine,
) -> None:
    """The command line works beside the server, and what it ended is dead there too."""
    started = line.sign_in("acme/ann")
    with Server(line.data, workers=2) as server:
        browsers = [server.client(cookies={"sid": started.secret}) for _ in range(6)]
        assert {browser.get("/check").status_code for browser in browsers} == {200}
        line.ok("sessions", "end", "--user", "acme/ann", "--yes")
        assert {browser.get("/check").status_code for browser in browsers} == {401}


def test_seeing_and_ending_on_postgresql(fresh: CommandLine, postgresql_url: str) -> None:
    Path("ostiary.toml").write_text(f'[storage]\nurl = "{postgresql_url}"\n')
    fresh.ok("init", "--password-stdin", given=PASSWORD)
    line = CommandLine(fresh.data, {"OSTIARY_STORAGE__URL": postgresql_url})
    started = [line.sign_in("built-in/admin") for _ in range(3)]
    assert len(ids(fresh, "--user", "built-in/admin", "--created-from", "1h")) == 3
    assert fresh.ok("sessions", "end", started[0].session.id).out.startswith("1 session")
    assert fresh.json("sessions", "end", "--text", "firefox", "--yes")["count"] == 2
    assert not any(line.is_live(item.secret) for item in started)
    assert len(ids(fresh, "--ended")) == 3


def test_what_the_operator_ended_is_in_the_audit(line: CommandLine) -> None:
    started = line.sign_in("acme/ann")
    line.ok("sessions", "end", "--user", "ann", "--yes")
    with line.house() as house, house.database.engine.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT event, actor, session_id FROM audit_event WHERE event = 'session.ended'"
        ).all()
    assert [tuple(row) for row in found] == [("session.ended", "operator", started.session.id)]
