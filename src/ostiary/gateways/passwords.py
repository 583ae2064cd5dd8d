"""Passwords: hashing, verifying and judging them, without letting sign-ins take every core.

Verifying is the one thing that a stranger can make expensive. It runs in a few threads of its own
behind a queue with an end; whoever comes when the queue is full is told to try again.
"""

from __future__ import annotations

import functools
import os
import secrets
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from argon2.exceptions import HashingError

from ostiary.domain.errors import BadInput, Overloaded
from ostiary.gateways import encodings
from ostiary.gateways.encodings import Cost, StoredPassword

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

__all__ = ["Cost", "Passwords", "StoredPassword", "Verdict", "check_policy"]

_T = TypeVar("_T")

_DEFAULT_COST: Final = Cost()
_LONGEST: Final = 1024
_CASDOOR_ARGON2ID: Final = Cost(memory=65_536, passes=1, lanes=2)


class Verdict(msgspec.Struct, frozen=True):
    """Whether a password is right, and whether to store it again in today's form."""

    right: bool
    rehash: bool


class Passwords:
    """A pool of threads that hashes and verifies passwords. Thread-safe; one a process.

    **Equal cost.** What `verify` costs does not depend on whether the user exists, on the password
    being right, nor, with ``legacy``, on how it is stored; else the time of an answer tells names
    from nothing (ASVS 6.3.8), or the right password of a disabled user from a wrong one.

    Args:
        threads: how many hashes run at a time, each with ``cost.memory`` KiB; by default one less
            than the cores this process may use, so that checks and pages always find one.
        queue: how many callers may wait beyond those.
        cost: parameters of new hashes, and of the decoy.
        legacy: encodings that this installation still holds. The slow ones among them (``bcrypt``,
            ``pbkdf2-salt``, ``pbkdf2-django``, and ``argon2id`` for Casdoor's parameters) are added
            to each verification, so that those who have not signed in since the import do not
            stand out. Dear, so name only what is really there.
        observe: called in the pool with the kind of each slow operation before it is done
            (``"argon2id m=19456,t=2,p=1"``, ``"bcrypt"``); for metrics and tests.
    """

    def __init__(
        self,
        *,
        threads: int | None = None,
        queue: int = 64,
        cost: Cost = _DEFAULT_COST,
        legacy: Collection[str] = (),
        observe: Callable[[str], None] | None = None,
    ) -> None:
        """Start with idle threads; they are made when first needed."""
        self.threads = max(1, _cores() - 1) if threads is None else threads
        self._cost = cost
        self._observe = observe or _ignore
        self._room = self.threads + queue
        self._inside = 0
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="passwords")
        self._decoys = _decoys(cost, legacy)

    @property
    def waiting(self) -> int:
        """How many callers are being served or wait for it, at most ``threads + queue``."""
        return self._inside

    def hash(self, password: str) -> str:
        """Hash a new password with argon2id into a PHC string of some 100 characters.

        It is not judged here: `check_policy` does that.

        Raises:
            BadInput: it is empty, over 4,096 bytes, or no text.
            Overloaded: too many are waiting, or the pool is closed.
        """
        raw = _presentable(password, "password")

        def work() -> str:
            self._observe(encodings.argon2id_effort(self._cost))
            return encodings.make(raw, secrets.token_bytes(16), self._cost)

        try:
            return self._run(work)
        except HashingError as error:
            detail = f"argon2id: {error}"
            raise Overloaded(detail) from error

    def verify(self, password: str, stored: StoredPassword | None) -> Verdict:
        """Compare a password with the stored one; with None for a user who does not exist.

        A stored value that is malformed, unknown or too dear to verify is wrong, never an error.
        What nobody can have as a password (empty, over 4,096 bytes) is wrong at once, whoever
        asks.

        Raises:
            Overloaded: too many are waiting, or the pool is closed. Not a failed attempt.
        """
        raw = encodings.to_bytes(password)
        if raw is None:
            return Verdict(right=False, rehash=False)
        right = self._run(lambda: self._compare(raw, stored))
        current = stored is not None and encodings.is_current(stored, self._cost)
        return Verdict(right=right, rehash=right and not current)

    def close(self) -> None:
        """Let what runs finish, refuse what waits, and stop the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _compare(self, raw: bytes, stored: StoredPassword | None) -> bool:
        done: str | None = None
        right = False
        if stored is not None:
            done = encodings.effort(raw, stored)
            if done is not None:
                self._observe(done)
            right = encodings.matches(raw, stored)
        for kind, decoy in self._decoys.items():
            if kind != done:
                self._observe(kind)
                # bcrypt does not run at all beyond its 72 bytes; a decoy's input does not matter.
                encodings.matches(raw[:72], decoy)
        return right

    def _run(self, work: Callable[[], _T]) -> _T:
        with self._lock:
            if self._inside >= self._room:
                detail = "the password queue is full"
                raise Overloaded(detail)
            self._inside += 1
        try:
            return self._submit(work).result()
        except CancelledError as error:
            detail = "the password pool was closed"
            raise Overloaded(detail) from error
        finally:
            with self._lock:
                self._inside -= 1

    def _submit(self, work: Callable[[], _T]) -> Future[_T]:
        try:
            return self._pool.submit(work)
        except RuntimeError as error:  # how an executor says that it was shut down
            raise CancelledError from error


def check_policy(
    password: str,
    *,
    words: Iterable[str] = (),
    minimum_length: int = 8,
    field: str = "password",
) -> None:
    """Refuse a new password that is easy to guess (ASVS 6.2.1 to 6.2.11, NIST SP 800-63B-4 3.1.1).

    It may be of any characters: there are no rules of composition, which make passwords worse.

    Args:
        password: as typed.
        words: the user's and the organization's names, mail addresses and the like; none of them
            may be the password, in whatever case.
        minimum_length: in characters. NIST asks for 15 where the password is the only factor, and
            8 beside a second one; ASVS accepts 8 and recommends 15.
        field: the name under which the form sent it.

    Raises:
        BadInput: the text tells the person what to do.
    """
    if len(password) < minimum_length:
        text = (
            f"Use at least {minimum_length} characters. A few words in a row are easy to remember "
            "and hard to guess."
        )
        raise BadInput(field, text)
    if len(password) > _LONGEST:
        text = f"Use at most {_LONGEST:,} characters."
        raise BadInput(field, text)
    _presentable(password, field)
    folded = _folded(password)
    if folded in {_folded(word) for word in words}:
        text = "Do not use your name or that of your organization as the password."
        raise BadInput(field, text)
    if folded in _common():
        text = (
            "This password is among those that are tried first by people who break in. Choose "
            "another one; a few words in a row are easy to remember and hard to guess."
        )
        raise BadInput(field, text)


def _presentable(password: str, field: str) -> bytes:
    raw = encodings.to_bytes(password)
    if raw is not None:
        return raw
    if not password:
        text = "Enter a password."
    elif len(password) > _LONGEST:
        text = f"Use at most {_LONGEST:,} characters."
    else:
        text = "This password holds characters that cannot be stored. Choose another one."
    raise BadInput(field, text)


def _folded(text: str) -> str:
    return text.strip().casefold()


@functools.cache
def _common() -> frozenset[str]:
    """30,000 passwords of published breaches, the most frequent ones; some 4 MB when loaded.

    Loaded when the first password is set, since most processes never set one.
    """
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - see the docstring

    return frozenset(_folded(password) for password in FREQUENCY_LISTS["passwords"])


def _decoys(cost: Cost, legacy: Collection[str]) -> dict[str, StoredPassword]:
    """What each verification has to cost, by kind of work."""
    costs = [cost, _CASDOOR_ARGON2ID] if "argon2id" in legacy else [cost]
    decoys = {
        encodings.argon2id_effort(one): StoredPassword(
            "argon2id", encodings.decoy(secrets.token_bytes(48), one)
        )
        for one in costs
    }
    # All three are what Casdoor writes, with a hash that nothing has.
    others = {
        "bcrypt": "$2a$10$" + "." * 53,
        "pbkdf2-salt": "-",
        "pbkdf2-django": "pbkdf2_sha256$260000$salt$" + "A" * 43 + "=",
    }
    for encoding, value in others.items():
        if encoding in legacy:
            decoys[encoding] = StoredPassword(encoding, value)
    return decoys


def _cores() -> int:
    """The cores this process may use, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _ignore(_kind: str) -> None:
    pass
