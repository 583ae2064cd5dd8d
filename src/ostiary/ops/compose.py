"""The house of a configuration: its data directory, keys, store and gateways.

Everything that the server, each of its workers and the command line need is opened here, in one
order: the directory, the store, the key that belongs to the store. Whatever is wrong with them is
the operator's to mend, and is said in words.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from ostiary.domain.access import OPERATOR
from ostiary.domain.errors import Misconfigured, NotFound, Unavailable
from ostiary.gateways.addresses import parse_networks
from ostiary.gateways.entropy import new_public_id
from ostiary.gateways.keys import Vault
from ostiary.gateways.outbound import Outbound
from ostiary.gateways.passwords import Passwords
from ostiary.gateways.visitors import Places
from ostiary.ops.config import Config, policy_of
from ostiary.ops.config_force import DATABASE_FILE
from ostiary.services import passwords, setup
from ostiary.services.activity import Activity
from ostiary.services.house import Act, House
from ostiary.storage.database import Database
from ostiary.storage.schema import open_database
from ostiary.storage.urls import file_url, parse_url

PASSWORD_QUEUE = 128
"""Sign-ins that may wait for their password to be compared; a few seconds' worth of them."""

WATCH_NOTICES = 2.0
"""Seconds; most applications answer in a tenth of that (DESIGN section 7)."""

_ROOM_TO_START = 1_048_576
"""Bytes; an empty database with its journal takes half of that."""

TRANSACTIONS = 16
"""Transactions that one process has open at a time; further ones wait for some milliseconds."""


def open_house(config: Config, *, create: bool = True) -> House:
    """Open an installation; the caller gives it back by `close_house`.

    Args:
        config: what is in force.
        create: make what a new installation needs; False: only open one that is there.

    Raises:
        Misconfigured: the operator has to mend something; nothing half done is left behind.
    """
    directory = Path(config.storage.data)
    prepare_directory(directory, create=create)
    with ExitStack() as undo:
        places = Places(
            *(Path(p) if p else None for p in (config.places.city, config.places.network))
        )
        undo.callback(places.close)
        database = _open_store(config, directory, create=create)
        undo.callback(database.close)
        try:
            vault = Vault.open(directory, create=not database.read(setup.is_bound))
            act = Act(caller=OPERATOR, now=utc_now())
            database.write(setup.prepare_store, act, vault)
            legacy = database.read(passwords.held_encodings)
        except Unavailable as error:
            raise _unusable(error, config) from error
        policy = policy_of(config)
        house = House(
            database=database,
            vault=vault,
            passwords=Passwords(
                threads=_password_threads(config.server.workers),
                queue=PASSWORD_QUEUE,
                legacy=legacy,
            ),
            places=places,
            activity=Activity(policy.flush_last_seen_every),
            policy=policy,
            clock=utc_now,
            outbound=Outbound(parse_networks(config.outbound.allow_networks)),
            watch_notices=WATCH_NOTICES,
        )
        undo.pop_all()
    return house


def close_house(house: House) -> None:
    """Store what was only remembered, and give everything back.

    The uses of the last seconds are lost where the store cannot take them; nothing that was
    acknowledged is.
    """
    try:
        house.activity.flush(house.database)
    except Unavailable:
        pass
    finally:
        house.passwords.close()
        house.places.close()
        house.database.close()


def utc_now() -> datetime:
    """The clock of everything (REQUIREMENTS R13)."""
    return datetime.now(UTC)


def prepare_directory(directory: Path, *, create: bool) -> None:
    """Make the data directory, readable for its owner alone, and see that it can be written.

    Raises:
        Misconfigured: it is missing and may not be made, is no directory, or cannot be written.
    """
    try:
        if create:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not directory.is_dir():
            raise _not_installed(directory)
        probe = directory / f".write-test.{new_public_id()}"
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        probe.unlink()
    except OSError as error:
        raise Misconfigured(_about_directory(directory, error)) from error


def store_url(config: Config) -> str:
    """Where the store is: as configured, or SQLite in the data directory."""
    if config.storage.url:
        return config.storage.url
    return file_url(Path(config.storage.data) / DATABASE_FILE)


def _about_directory(directory: Path, error: OSError) -> str:
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return f"The data directory {directory} is not a directory."
    if error.errno == errno.ENOSPC:
        return f"There is no space left for the data directory {directory}. Make room first."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            f"The data directory {directory} cannot be written ({error.strerror}). Let the user "
            "that runs Ostiary own it, on a disk that is not read-only, or name another one by "
            "storage.data or --data."
        )
    return f"The data directory {directory} cannot be used: {error.strerror}."


def _not_installed(directory: Path) -> Misconfigured:
    return Misconfigured(
        f"There is no installation in {directory} yet. Run `ostiary init` or `ostiary serve` "
        "there first, or name the right directory by storage.data or --data."
    )


def _open_store(config: Config, directory: Path, *, create: bool) -> Database:
    url = store_url(config)
    try:
        file = parse_url(url).database or ""
        if not create and url.startswith("sqlite") and not Path(file).exists():
            raise _not_installed(directory)
        return open_database(url, threads=TRANSACTIONS, create=create)
    except NotFound as error:
        raise _not_installed(directory) from error
    except Unavailable as error:
        raise _unusable(error, config) from error


def _unusable(error: Unavailable, config: Config) -> Misconfigured:
    """What the store said, and what an operator does about it."""
    said = " ".join(error.detail.split())
    if config.storage.url.startswith("postgres"):
        advice = "See that PostgreSQL runs, and that storage.url names its host, user and database."
    elif "full" in said or _is_full(Path(config.storage.data)):
        advice = "The disk is full: make room and start again. Nothing was lost."
    elif "readonly" in said or "read-only" in said:
        advice = "Let the user that runs Ostiary write the database and the directory it lies in."
    else:
        advice = "See that its directory exists, can be written, and lies on a healthy disk."
    return Misconfigured(f"The database cannot be used: {said}. {advice}")


def _is_full(directory: Path) -> bool:
    """Whether SQLite's "disk I/O error" means that: it does where shared memory found no room."""
    try:
        return shutil.disk_usage(directory).free < _ROOM_TO_START
    except OSError:
        return False


def _password_threads(workers: int) -> int:
    """Hashes that this process computes at a time: all workers together leave one core free."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, ((cores or 1) - 1) // max(1, workers))
