"""Every key and every command has its entry in the documentation, and no other has one."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ostiary.ops.cli import main
from ostiary.ops.config_file import KEYS, load

DOCS = Path(__file__).parents[2] / "docs"
CONFIGURATION = (DOCS / "configuration.md").read_text(encoding="utf-8")
COMMANDS = (DOCS / "cli.md").read_text(encoding="utf-8")
COMMON = {"--config", "--data", "--json", "--help", "-h"}


def rows() -> dict[str, list[str]]:
    """The cells of each key's row: key, variable, kind, default, example, meaning."""
    found = {}
    for line in CONFIGURATION.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"`[a-z_]+\.[a-z_]+`", cells[0]):
            found[cells[0].strip("`")] = [cell.strip("`") for cell in cells]
    return found


def commands(group: click.Group = main, *above: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)
        else:
            yield " ".join((*above, name)), command


def sections() -> dict[str, str]:
    """The text below each command's head."""
    parts = re.split(r"^## `ostiary (.+)`$", COMMANDS, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_key_has_a_row_in_the_order_of_the_code() -> None:
    assert list(rows()) == list(KEYS)


@pytest.mark.parametrize("path", KEYS)
def test_a_key_s_row_says_what_holds(path: str) -> None:
    """Its variable and default are the real ones, and its example can be used."""
    key = KEYS[path]
    _, variable, kind, default, example, meaning = rows()[path]
    assert variable == key.variable
    assert default == key.rule.write(key.default)
    assert kind
    assert meaning.endswith(".")
    further = {"OSTIARY_SERVER__PUBLIC_URL": "https://x.example"} if path == "server.host" else {}
    loaded = load(environ={variable: example, **further})
    assert path in loaded.sources


def test_every_section_is_explained() -> None:
    heads = re.findall(r"^## `\[(\w+)\]`: ", CONFIGURATION, flags=re.MULTILINE)
    assert heads == list(dict.fromkeys(key.section for key in KEYS.values()))


def test_the_example_file_can_be_used(tmp_path: Path) -> None:
    [text] = re.findall(r"^```toml\n(.+?)^```$", CONFIGURATION, flags=re.MULTILINE | re.DOTALL)
    path = tmp_path / "example.toml"
    path.write_text(text)
    loaded = load(file=path, environ={})
    said = sum(len(table) for table in tomllib.loads(text).values())
    assert len(loaded.sources) == said


def test_every_command_has_a_section() -> None:
    assert list(sections()) == [name for name, _ in commands()]


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_every_option_of_a_command_is_explained(name: str) -> None:
    section, command = sections()[name], dict(commands())[name]
    explained = set(re.findall(r"`(--[a-z-]+)`", section))
    real = {option for param in command.params for option in param.opts if option[:1] == "-"}
    assert real - COMMON == explained - COMMON
    assert COMMON - {"--help", "-h"} <= real


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_every_command_has_an_example_that_can_be_parsed(name: str) -> None:
    [block] = re.findall(r"^```sh\n(.+?)^```$", sections()[name], re.MULTILINE | re.DOTALL)
    lines = [line for line in block.splitlines() if line.startswith("ostiary ")]
    assert lines
    for line in lines:
        words = shlex.split(re.sub(r" [|<] .*", "", line))[1:]
        path = name.split()
        assert words[: len(path)] == path
        dict(commands())[name].make_context("ostiary", words[len(path) :])
