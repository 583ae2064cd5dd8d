"""Loading the configuration: file, environment, flags, and where each value came from.

What is wrong is said with its path, and everything at once, so that an operator mends it in one
go::

    server.prot: unknown key, did you mean `port`? (in ostiary.toml)
"""

from __future__ import annotations

import difflib
import enum
import json
import os
import re
import tomllib
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from ostiary.domain.errors import Misconfigured
from ostiary.ops.config import Config
from ostiary.ops.config_force import problems_between, put_in_force
from ostiary.ops.config_values import Rule, Text, Texts, Unusable, Value, from_environment
from ostiary.storage.urls import masked

DEFAULT_FILE: Final = "ostiary.toml"
PREFIX: Final = "OSTIARY_"
FILE_VARIABLE: Final = "OSTIARY_CONFIG"
"""Names the file, as ``--config`` does: the one variable that is no key."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,60}")
_LARGEST_FILE: Final = 1_048_576


class Source(enum.StrEnum):
    """Who said what is in force."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One key: ``path`` is ``section.name``."""

    section: str
    name: str
    rule: Rule
    default: Value

    @property
    def path(self) -> str:
        """How errors name it."""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return f"{PREFIX}{self.section}__{self.name}".upper()


def _all_keys() -> Iterator[Key]:
    for section, kind in typing.get_type_hints(Config).items():
        hints = typing.get_type_hints(kind, include_extras=True)
        for field in msgspec.structs.fields(kind):
            hint = hints[field.name]
            plain = Text() if hint is str else Texts()
            rule = typing.get_args(hint)[1] if hasattr(hint, "__metadata__") else plain
            yield Key(section=section, name=field.name, rule=rule, default=field.default)


KEYS: Final[Mapping[str, Key]] = {key.path: key for key in _all_keys()}
"""Every key, by its path, in the order of the documentation."""

_SECTIONS: Final = tuple(dict.fromkeys(key.section for key in KEYS.values()))
_VARIABLES: Final = {key.variable: key for key in KEYS.values()}


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration, and who said what of it. ``file``: the one that was read; None: none."""

    config: Config
    sources: Mapping[str, Source]
    file: Path | None = None


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One key as ``check-config`` shows it, written as in the environment, secrets masked."""

    key: str
    variable: str
    default: str
    value: str
    source: Source


def load(
    *,
    file: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Loaded:
    """Read the configuration.

    Args:
        file: the file of ``--config``, which has to exist; None: that of ``OSTIARY_CONFIG``, else
            ``ostiary.toml`` in the working directory, if it is there.
        overrides: values of flags by path (``{"server.port": 9000}``); None values are left out.
        environ: the environment; None: the process's own.

    Raises:
        Misconfigured: names each wrong key by its path, and says what is expected.
    """
    environ = os.environ if environ is None else environ
    reading = _Reading()
    named = file or (Path(environ[FILE_VARIABLE]) if environ.get(FILE_VARIABLE) else None)
    # A link to nowhere was meant to say something, too.
    path = named or (Path(DEFAULT_FILE) if os.path.lexists(DEFAULT_FILE) else None)
    if path is not None:
        reading.file(path)
    reading.environment(environ)
    reading.flags(overrides or {})
    asked = reading.config()
    if not reading.problems:
        reading.problems += problems_between(asked)
    if reading.problems:
        raise Misconfigured("\n".join(reading.problems))
    return Loaded(config=put_in_force(asked), sources=reading.sources, file=path)


def settings(loaded: Loaded) -> list[Setting]:
    """Every key with its default, what is in force, and who said so."""
    found = []
    for key in KEYS.values():
        value = key.rule.write(getattr(getattr(loaded.config, key.section), key.name))
        if isinstance(key.rule, Text) and key.rule.secret and value:
            value = masked(value)
        found.append(
            Setting(
                key=key.path,
                variable=key.variable,
                default=key.rule.write(key.default),
                value=value,
                source=loaded.sources.get(key.path, Source.DEFAULT),
            )
        )
    return found


class _Reading:
    """Values and problems, as they are found; what is read later wins."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.sources: dict[str, Source] = {}
        self._values: dict[str, Value] = {}

    def file(self, path: Path) -> None:
        """Read a TOML file.

        Raises:
            Misconfigured: it cannot be read, or is no TOML.
        """
        where = f"(in {path})"
        for section, table in _toml(path).items():
            if section not in _SECTIONS:
                self._unknown(_shown(section), _guess_top(section), where)
            elif not isinstance(table, dict):
                self.problems.append(f"{section}: expected a table, [{section}] {where}")
            else:
                self._section(section, table, where)

    def _section(self, section: str, table: dict[str, Any], where: str) -> None:
        for name, raw in table.items():
            key = KEYS.get(f"{section}.{name}")
            if key is None:
                self._unknown(f"{section}.{_shown(name)}", _guess_in(section, name), where)
            else:
                self._take(key, raw, Source.FILE, where)

    def environment(self, environ: Mapping[str, str]) -> None:
        """Read the variables that are ours; one that we do not know is a mistake."""
        for variable in sorted(environ):
            if not variable.startswith(PREFIX) or variable == FILE_VARIABLE:
                continue
            key = _VARIABLES.get(variable)
            if key is None:
                guess = _closest(variable, _VARIABLES)
                self._unknown(_shown(variable), guess, "(in the environment)", what="variable")
            else:
                raw = from_environment(key.rule, environ[variable])
                self._take(key, raw, Source.ENVIRONMENT, f"(in {variable})")

    def flags(self, overrides: Mapping[str, object]) -> None:
        """Take the values of flags."""
        for path, raw in overrides.items():
            if raw is not None:
                flag = "--" + path.rpartition(".")[2].replace("_", "-")
                self._take(KEYS[path], raw, Source.FLAG, f"(given as {flag})")

    def config(self) -> Config:
        """What was asked for, the defaults where nothing was."""
        asked: dict[str, dict[str, Value]] = {}
        for path, value in self._values.items():
            section, _, name = path.partition(".")
            asked.setdefault(section, {})[name] = value
        return msgspec.convert(asked, Config)

    def _take(self, key: Key, raw: object, source: Source, where: str) -> None:
        try:
            self._values[key.path] = key.rule.read(raw)
        except Unusable as error:
            self.problems.append(f"{key.path}: {error} {where}")
        self.sources[key.path] = source

    def _unknown(self, name: str, guess: str | None, where: str, *, what: str = "key") -> None:
        hint = f", did you mean `{guess}`?" if guess else ""
        self.problems.append(f"{name}: unknown {what}{hint} {where}")


def _toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read: {error.strerror}") from error
    if len(raw) > _LARGEST_FILE:
        raise Misconfigured(f"{path}: a configuration is not longer than {_LARGEST_FILE} bytes")
    try:
        return tomllib.loads(raw.decode())
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{path}: not UTF-8 text, at byte {error.start + 1}") from error
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{path}: not TOML: {error}") from error
    except RecursionError as error:
        raise Misconfigured(f"{path}: nested too deeply") from error


def _guess_in(section: str, name: str) -> str | None:
    """The key of this section that was meant, or one of another section, with its path."""
    own = [key.name for key in KEYS.values() if key.section == section]
    return _closest(name, own) or _guess_elsewhere(name)


def _guess_top(name: str) -> str | None:
    return _closest(name, _SECTIONS) or _guess_elsewhere(name)


def _guess_elsewhere(name: str) -> str | None:
    paths = {key.name: key.path for key in KEYS.values()}
    match = _closest(name, paths)
    return paths[match] if match else None


def _closest(name: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)), None)


def _shown(name: str) -> str:
    """A name as an error shows it: what could confuse a terminal or a reader is escaped."""
    return name if _PLAIN.fullmatch(name) else json.dumps(name[:60])
