"""What all commands have in common: options, help, errors, exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ostiary.ops.cli import main, output
from tests.support.command_line import PROGRAM, CommandLine, environment

pytestmark = pytest.mark.usefixtures("_elsewhere")


def commands(
    group: click.Group = main, *above: str
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with its words."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)
        else:
            yield (*above, name), command


@pytest.mark.parametrize("words", [words for words, _ in commands()], ids=" ".join)
def test_every_command_takes_the_common_options_and_explains_itself(words: tuple[str, ...]) -> None:
    said = CliRunner().invoke(main, [*words, "--help"])
    assert said.exit_code == 0
    for option in ("--config FILE", "--data DIR", "--json"):
        assert option in said.output
    command = dict(commands())[words]
    assert command.help
    assert all(p.help for p in command.params if isinstance(p, click.Option))


def test_help_shows_the_commands_in_the_order_of_their_use() -> None:
    said = CliRunner().invoke(main, ["-h"])
    listed = [line.split()[0] for line in said.output.partition("Commands:")[2].splitlines()[1:9]]
    assert listed == [
        "serve",
        "init",
        "setup-link",
        "check-config",
        "sessions",
        "users",
        "organizations",
        "apps",
    ]


def test_it_tells_its_version() -> None:
    said = CliRunner().invoke(main, ["--version"])
    assert said.output == "ostiary 0.1.0\n"


# Errors


def test_what_is_wrong_is_said_on_standard_error_with_exit_code_1(line: CommandLine) -> None:
    said = line.run("users", "disable", "acme/nobody")
    assert (said.code, said.out) == (1, "")
    assert said.err == "ostiary: There is no user acme/nobody.\n"


def test_with_json_errors_are_json_too(line: CommandLine) -> None:
    said = line.run("users", "disable", "acme/nobody", "--json")
    assert (said.code, said.out) == (1, "")
    assert said.error == {"code": "not_found", "text": "There is no user acme/nobody."}


def test_a_command_line_that_makes_no_sense_exits_with_2(line: CommandLine) -> None:
    said = line.run("users", "disable", "acme")
    assert said.code == 2
    assert "expected ORGANIZATION/NAME, like acme/ann, not 'acme'" in said.err
    said = line.run("users", "disable", "acme", "--json")
    assert said.code == 2
    assert said.error["code"] == "usage"
    assert line.run("sessions", "lst").code == 2


def test_each_wrong_key_is_said_on_a_line_of_its_own(line: CommandLine) -> None:
    Path("ostiary.toml").write_text('[server]\nprot = 1\n[log]\nlevel = "loud"\n')
    said = line.run("users", "list")
    assert said.code == 1
    assert [text.partition(" ")[2].partition(":")[0] for text in said.err.splitlines()] == [
        "server.prot",
        "log.level",
    ]
    assert all(text.startswith("ostiary: ") for text in said.err.splitlines())


def test_an_error_cannot_steer_the_terminal(line: CommandLine) -> None:
    said = line.run("users", "disable", "acme/\x1b[31mred\u202e")
    assert said.err == "ostiary: There is no user acme/\\x1b[31mred\\u202e.\n"


@pytest.mark.parametrize(
    "words",
    [
        ("sessions", "list"),
        ("sessions", "end", "--everything", "--yes"),
        ("users", "list"),
        ("users", "disable", "acme/ann"),
        ("organizations", "list"),
        ("apps", "list"),
    ],
    ids=" ".join,
)
def test_where_nothing_is_nothing_is_made(fresh: CommandLine, words: tuple[str, ...]) -> None:
    said = fresh.run(*words)
    assert said.code == 1
    assert said.err.startswith("ostiary: There is no installation in ")
    assert list(Path.cwd().iterdir()) == []


def test_the_operator_reads_what_the_store_said(line: CommandLine) -> None:
    (line.data / "ostiary.db").write_bytes(b"not a database, " * 1_000)
    said = line.run("users", "list", "--json")
    assert said.code == 1
    assert said.error["code"] == "misconfigured"
    assert "not a database" in json.dumps(said.error)


# Terminals, pipes and interrupts


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Zoë 漢字 👩‍💻", "Zoë 漢字 👩‍💻"),
        ("\x1b[2J\x07\x00\x7f", "\\x1b[2J\\x07\\x00\\x7f"),
        ("a\tb\nc\rd", "a\\tb\\nc\\rd"),
        ("\x9b31m\x85", "\\x9b31m\\x85"),
        ("\u202eevil\u2066\u2069\u200f", "\\u202eevil\\u2066\\u2069\u200f"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\ud800", "\\ud800"),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
    ],
)
def test_what_could_steer_a_terminal_is_written_out(text: str, shown: str) -> None:
    """Covers D18: what strangers chose stays on its line and does nothing."""
    assert output.clean(text) == shown


def test_json_is_plain_ascii_whatever_it_holds() -> None:
    text = "\x1b[2J\x9b31m\u202eZoë 👩‍💻\u2028"
    printed = output.to_json({"name": text})
    assert printed.isascii()
    assert printed.isprintable()
    assert json.loads(printed) == {"name": text}


def test_a_pipe_that_nobody_reads_is_left_quietly(line: CommandLine) -> None:
    """Standard output is closed before anything is written, so that the write must fail."""
    process = subprocess.Popen(
        [PROGRAM, "users", "list", "--data", line.data],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(60) == 1


def test_ctrl_c_exits_with_130(fresh: CommandLine) -> None:
    """It waits for a password on its standard input."""
    process = subprocess.Popen(
        [PROGRAM, "init", "--password-stdin", "--data", fresh.data],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdin
    assert process.stderr
    end = time.monotonic() + 60
    while not (fresh.data / "ostiary.db").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    with process.stdin, process.stderr:
        assert b"Traceback" not in process.stderr.read()
    assert process.wait(60) == 130


def test_letters_that_an_encoding_has_not_are_written_out(line: CommandLine) -> None:
    line.ok("users", "add", "acme/zoe", "--no-password", "--display-name", "Zoë 漢字")
    done = subprocess.run(
        [PROGRAM, "users", "list", "--data", line.data],
        capture_output=True,
        env=environment(PYTHONIOENCODING="latin-1"),
        timeout=60,
        check=True,
    )
    assert b"Zo\xeb \\u6f22\\u5b57" in done.stdout
    assert done.stderr == b""


@pytest.mark.parametrize("words", [(), ("sessions",), ("users",), ("organizations",), ("apps",)])
def test_no_command_s_summary_is_cut_short(words: tuple[str, ...]) -> None:
    said = CliRunner().invoke(main, [*words, "--help"])
    assert "..." not in said.output.partition("Commands:")[2]
