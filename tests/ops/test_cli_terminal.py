"""The command line on a terminal: tables, questions, hidden passwords, Ctrl-C."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.command_line import CommandLine, Terminal
from tests.support.installation import PASSWORD
from tests.support.server import until

HOSTILE = "\x1b]0;owned\x07[bold red]x[/]\u202e"
_STYLES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def plain(shown: str) -> str:
    """What a terminal shows, without what styles it."""
    return _STYLES.sub("", shown)


def test_init_asks_for_the_password_twice_and_never_shows_it(
    fresh: CommandLine, tmp_path: Path
) -> None:
    with Terminal(["init", "--data", "data"], cwd=tmp_path) as terminal:
        terminal.wait_for("Password: ")
        terminal.type("one of two\n")
        terminal.wait_for("Repeat for confirmation: ")
        terminal.type("the other\n")
        terminal.wait_for("Error: The two entered values do not match.")
        terminal.wait_for("Password: ")
        terminal.type(PASSWORD + "\n")
        terminal.wait_for("Repeat for confirmation: ")
        terminal.type(PASSWORD + "\n")
        assert terminal.finish() == 0
    assert "The administrator built-in/admin can sign in now." in terminal.shown
    assert PASSWORD not in terminal.shown
    assert fresh.is_live(fresh.sign_in("built-in/admin").secret)


def test_ctrl_c_at_a_password_exits_with_130(fresh: CommandLine, tmp_path: Path) -> None:
    with Terminal(["init", "--data", "data"], cwd=tmp_path) as terminal:
        terminal.wait_for("Password: ")
        terminal.interrupt()
        assert terminal.finish() == 130
    assert "Traceback" not in terminal.shown
    assert fresh.json("users", "list")["items"] == []


def test_an_end_of_input_at_a_password_changes_nothing(fresh: CommandLine, tmp_path: Path) -> None:
    with Terminal(["init", "--data", "data"], cwd=tmp_path) as terminal:
        terminal.wait_for("Password: ")
        terminal.type("\x04")
        assert terminal.finish() == 1
    assert "ostiary: Nothing was done." in terminal.shown
    assert fresh.json("users", "list")["items"] == []


def test_a_list_is_a_table_that_strangers_cannot_style(line: CommandLine, tmp_path: Path) -> None:
    """Covers D18: neither escapes nor our own markup work in it."""
    started = line.sign_in("acme/ann", browser=HOSTILE, country="DE")
    with Terminal(["sessions", "list", "--data", "data"], cwd=tmp_path) as terminal:
        assert terminal.finish() == 0
    shown = plain(terminal.shown)
    head, row = [text.split("  ") for text in shown.splitlines() if text.strip()][:2]
    assert [part.strip() for part in head if part.strip()][:3] == ["ID", "USER", "DEVICE"]
    assert row[0] == started.session.id
    assert "\\x1b]0;owned\\x07[bold red]x[/]\\u202e on Linux" in shown
    assert "\x1b]0;" not in terminal.shown
    assert "\x07" not in terminal.shown
    assert "\u202e" not in terminal.shown


def test_an_id_is_never_cut_on_a_narrow_terminal(line: CommandLine, tmp_path: Path) -> None:
    started = line.sign_in("acme/ann")
    words = ["sessions", "list", "--data", "data"]
    with Terminal(words, cwd=tmp_path, columns=60) as terminal:
        assert terminal.finish() == 0
    assert started.session.id in plain(terminal.shown)


def test_ending_by_a_filter_asks_and_shows_progress(line: CommandLine, tmp_path: Path) -> None:
    started = [line.sign_in("acme/ann", application="wiki") for _ in range(2)]
    words = ["sessions", "end", "--user", "ann", "--data", "data"]
    with Terminal(words, cwd=tmp_path) as terminal:
        terminal.wait_for("End 2 sessions of 1 user? 1 application will be told. [y/N]: ")
        terminal.type("y\n")
        assert terminal.finish() == 0
    shown = plain(terminal.shown)
    assert "Ending" in shown
    assert "2/2" in shown
    assert "2 sessions of 1 user ended." in shown
    assert not any(line.is_live(item.secret) for item in started)


def test_ctrl_c_at_a_question_ends_nothing(line: CommandLine, tmp_path: Path) -> None:
    started = line.sign_in("acme/ann")
    words = ["sessions", "end", "--everything", "--data", "data"]
    with Terminal(words, cwd=tmp_path) as terminal:
        terminal.wait_for("[y/N]: ")
        terminal.interrupt()
        assert terminal.finish() == 130
    assert line.is_live(started.secret)


def test_one_session_is_shown_as_named_values(line: CommandLine, tmp_path: Path) -> None:
    started = line.sign_in("acme/ann", agent=HOSTILE)
    words = ["sessions", "show", started.session.id, "--data", "data"]
    with Terminal(words, cwd=tmp_path) as terminal:
        assert terminal.finish() == 0
    assert re.search(r"^user\s+acme/ann\r?$", plain(terminal.shown), re.MULTILINE)
    assert "\x1b]0;" not in terminal.shown


def test_the_terminal_is_given_back_as_it_was(fresh: CommandLine, tmp_path: Path) -> None:
    """A password prompt that was left by Ctrl-C must not leave the echo off."""
    with Terminal(["init", "--data", "data"], cwd=tmp_path) as terminal:
        terminal.wait_for("Password: ")
        until(lambda: not terminal.echoes, "the password is hidden")
        terminal.interrupt()
        until(lambda: terminal.echoes, "the terminal echoes again")
        assert terminal.finish() == 130
