"""What a configuration would meet when it is started: looked at, never touched."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from ostiary.domain.errors import Misconfigured, OstiaryError
from ostiary.gateways.keys import Vault
from ostiary.gateways.visitors import Places
from ostiary.ops.config import Config
from ostiary.services import setup
from ostiary.storage.glance import glance
from ostiary.storage.schema import Condition, condition_of

_WORDS = {
    Condition.NEW: "will be made at the first start",
    Condition.CURRENT: "ready",
    Condition.OLDER: "of an earlier version; the next start brings it to this one",
}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at; ``text`` says how it is, or what has to be mended."""

    what: str
    good: bool
    text: str


def examine(config: Config) -> list[Finding]:
    """Look at the data directory, the store with its key, and the files of places."""
    found = [
        _finding("data directory", lambda: _directory(Path(config.storage.data))),
        _finding("store", lambda: _store(config)),
    ]
    if config.places.city or config.places.network:
        found.append(_finding("places", lambda: _places(config)))
    return found


def _finding(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what=what, good=True, text=look())
    except OstiaryError as error:
        return Finding(what=what, good=False, text=str(error))
    except OSError as error:
        return Finding(what=what, good=False, text=f"{error.filename}: {error.strerror}")


def _directory(path: Path) -> str:
    """Raises Misconfigured, OSError: it is no directory, or could not be made or written."""
    if not path.exists():
        above = next(parent for parent in path.absolute().parents if parent.exists())
        if not (above.is_dir() and os.access(above, os.W_OK | os.X_OK)):
            raise Misconfigured(f"{path.absolute()} cannot be made: {above} cannot be written.")
        return _WORDS[Condition.NEW]
    if not path.is_dir():
        raise Misconfigured(f"{path.absolute()} is not a directory.")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise Misconfigured(f"{path.absolute()} cannot be written by this user.")
    return _WORDS[Condition.CURRENT]


def _store(config: Config) -> str:
    """Raises OstiaryError: it cannot be used, or its key is missing or another one's."""
    with glance(config.storage.url) as store:
        condition = Condition.NEW if store is None else store.read(condition_of)
        if store is not None and condition is not Condition.NEW:
            vault = Vault.open(Path(config.storage.data), create=False)
            store.read(setup.check_key, vault)
        return _WORDS[condition]


def _places(config: Config) -> str:
    """Raises Misconfigured: a file is missing or is no such database."""
    named = (config.places.city, config.places.network)
    with Places(*(Path(name) if name else None for name in named)):
        return _WORDS[Condition.CURRENT]
