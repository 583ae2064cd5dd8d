"""Ending sessions by the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ostiary.ops.cli import output
from ostiary.services import end
from tests.support.command_line import CommandLine
from tests.support.installation import PASSWORD
from tests.support.server import Server

# By ids


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


# By a filter


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
    options = ("--user", "built-in/admin", "--created-from", "1h")
    assert len(fresh.ok("sessions", "list", *options).rows) == 3
    assert fresh.ok("sessions", "end", started[0].session.id).out.startswith("1 session")
    assert fresh.json("sessions", "end", "--text", "firefox", "--yes")["count"] == 2
    assert not any(line.is_live(item.secret) for item in started)
    assert len(fresh.ok("sessions", "list", "--ended").rows) == 3


def test_what_the_operator_ended_is_in_the_audit(line: CommandLine) -> None:
    started = line.sign_in("acme/ann")
    line.ok("sessions", "end", "--user", "ann", "--yes")
    with line.house() as house, house.database.engine.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT event, actor, session_id FROM audit_event WHERE event = 'session.ended'"
        ).all()
    assert [tuple(row) for row in found] == [("session.ended", "operator", started.session.id)]


# end --all


@pytest.mark.parametrize(
    ("options", "ended"),
    [
        (("--organization", "acme"), {"acme/ann", "acme/bob"}),
        (("--user", "acme/ann"), {"acme/ann"}),
        (("--application", "mail"), {"acme/bob"}),
    ],
    ids=["organization", "user", "application"],
)
def test_everything_of_one_ends_at_once(
    line: CommandLine, options: tuple[str, ...], ended: set[str]
) -> None:
    """Covers A14."""
    started = {
        "acme/ann": line.sign_in("acme/ann", application="wiki"),
        "acme/bob": line.sign_in("acme/bob", application="mail"),
    }
    would = line.json("sessions", "end", *options, "--all", "--dry-run")
    assert (would["count"], would["dry_run"]) == (len(ended), True)
    said = line.json("sessions", "end", *options, "--all", "--yes")
    assert said["settled"] == len(ended)
    assert said["remaining"] == 0
    assert said["finished_at"] is not None
    for who, signed_in in started.items():
        shown = line.json("sessions", "show", signed_in.session.id)
        assert (shown["ended"] is not None) is (who in ended), who
        if shown["ended"]:
            assert shown["ended"]["reason"] == "admin_bulk"


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--country", "DE"),
        ("--organization", "acme", "--country", "DE"),
        ("--organization", "acme", "--application", "wiki"),
        ("--user", "ann"),
    ],
    ids=str,
)
def test_all_of_what_has_to_be_said_exactly(line: CommandLine, options: tuple[str, ...]) -> None:
    line.sign_in("acme/ann", application="wiki")
    said = line.run("sessions", "end", *options, "--all", "--yes")
    assert said.code == 2
    assert len(line.json("sessions", "list")["items"]) == 1
