"""The pool: verdicts, equal cost, overload; and the policy for new passwords."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import argon2
import pytest
from argon2.exceptions import HashingError
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from ostiary.domain.errors import BadInput, Overloaded
from ostiary.gateways import encodings
from ostiary.gateways.passwords import Cost, Passwords, StoredPassword, Verdict, check_policy

from .samples import ALL, CHEAP, HOSTILE, SALT, VECTORS, stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OURS = "argon2id m=8,t=1,p=1"
RIGHT = Verdict(right=True, rehash=False)
RIGHT_BUT_OLD = Verdict(right=True, rehash=True)
WRONG = Verdict(right=False, rehash=False)


class Meter:
    """Counts the slow operations, and can hold them up."""

    def __init__(self) -> None:
        """Count from zero, without holding anything up."""
        self.counts: Counter[str] = Counter()
        self.held = threading.Event()
        self.held.set()
        self.begun = threading.Semaphore(0)

    def __call__(self, kind: str) -> None:
        """Count one."""
        self.counts[kind] += 1
        self.begun.release()
        assert self.held.wait(30)

    def take(self) -> Counter[str]:
        """What was counted since the last time."""
        counts, self.counts = self.counts, Counter()
        return counts


def until(condition: Callable[[], bool]) -> None:
    """Let the other threads run until something holds, which it will after some steps of theirs."""
    for _ in range(10_000_000):
        if condition():
            return
        os.sched_yield()
    pytest.fail("it never came to that")


@pytest.fixture
def meter() -> Meter:
    """A fresh count."""
    return Meter()


@pytest.fixture
def passwords(meter: Meter) -> Iterator[Passwords]:
    """A pool of two threads with cheap parameters."""
    pool = Passwords(threads=2, queue=3, cost=CHEAP, observe=meter)
    yield pool
    meter.held.set()
    pool.close()


# Hash and verify


def test_a_new_hash_is_a_phc_string_that_argon2_s_own_library_verifies() -> None:
    """Covers R02: argon2id with 19 MiB, two passes and one lane, each with a salt of its own."""
    pool = Passwords(threads=1)
    value = pool.hash("correct horse")
    other = pool.hash("correct horse")
    pool.close()
    assert value != other
    assert value.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert argon2.PasswordHasher().verify(value, "correct horse")


def test_what_was_hashed_is_right_and_need_not_be_hashed_again(passwords: Passwords) -> None:
    """Covers C05: exactly what was typed."""
    kept = StoredPassword("argon2id", passwords.hash("Correct horse "))
    assert passwords.verify("Correct horse ", kept) == RIGHT
    for other in ("correct horse ", "Correct horse", "Correct horse  ", "Correct horse \0"):
        assert passwords.verify(other, kept) == WRONG


@pytest.mark.parametrize("encoding", VECTORS)
def test_a_right_password_in_an_old_form_is_to_be_rehashed(
    passwords: Passwords, encoding: str
) -> None:
    """Contract 5.4: after a success the password moves to today's form."""
    kept = StoredPassword(encoding, VECTORS[encoding], (SALT, ""))
    assert passwords.verify("123456", kept) == RIGHT_BUT_OLD
    assert passwords.verify("123457", kept) == WRONG


def test_other_parameters_are_an_old_form_too(passwords: Passwords) -> None:
    """Raised costs reach everybody at the next sign-in."""
    value = encodings.make(b"x", b"0123456789abcdef", Cost(memory=16, passes=1, lanes=1))
    assert passwords.verify("x", StoredPassword("argon2id", value)) == RIGHT_BUT_OLD
    bcrypt = stored("bcrypt")
    assert passwords.verify("123456", bcrypt) == RIGHT_BUT_OLD


def test_73_bytes_that_differ_at_the_end_are_two_passwords(passwords: Passwords) -> None:
    """Covers C05: the bcrypt trap is absent from our own form."""
    kept = StoredPassword("argon2id", passwords.hash("a" * 72 + "x"))
    assert passwords.verify("a" * 72 + "x", kept).right
    assert not passwords.verify("a" * 72 + "y", kept).right
    assert not passwords.verify("a" * 72, kept).right


@pytest.mark.parametrize("password", ["", "a" * 4097, "\ud800", "é" * 2049, "a" * 1_000_000])
def test_what_nobody_can_have_is_wrong_for_everybody_and_refused_when_set(
    passwords: Passwords, meter: Meter, password: str
) -> None:
    """Covers C10: judged by the input alone, before anybody's account is looked at."""
    for kept in (None, StoredPassword("plain", password), StoredPassword("plain", "")):
        assert passwords.verify(password, kept) == WRONG
    with pytest.raises(BadInput) as caught:
        passwords.hash(password)
    assert caught.value.field == "password"
    assert meter.take() == Counter()


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("encoding", ["argon2id", "bcrypt", "pbkdf2-django", "unknown"])
def test_a_malformed_stored_value_is_wrong(
    passwords: Passwords, meter: Meter, encoding: str, value: str
) -> None:
    """Covers C10: and still costs our verification."""
    assert passwords.verify("123456", StoredPassword(encoding, value)) == WRONG
    assert meter.take()[OURS] >= 1


def test_running_out_of_memory_is_overload(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers D19: nobody is told that her new password is bad."""

    def fail(*_: object, **__: object) -> bytes:
        message = "Memory allocation error"
        raise HashingError(message)

    monkeypatch.setattr(argon2.low_level, "hash_secret", fail)
    with pytest.raises(Overloaded, match="Memory allocation error"):
        passwords.hash("correct horse")


# Equal cost


def cases(pool: Passwords) -> dict[str, tuple[str, StoredPassword | None]]:
    """Sign-ins that must not be told apart."""
    tried: dict[str, tuple[str, StoredPassword | None]] = {
        "unknown user": ("123456", None),
        "no password set": ("123456", StoredPassword("argon2id", "")),
        "malformed": ("123456", StoredPassword("argon2id", "garbage")),
        "ours, right": ("123456", StoredPassword("argon2id", pool.hash("123456"))),
        "ours, wrong": ("123457", StoredPassword("argon2id", pool.hash("123456"))),
    }
    for encoding in ALL:
        if encoding != "argon2id":
            tried[f"{encoding}, right"] = ("123456", stored(encoding))
            tried[f"{encoding}, wrong"] = ("123457", stored(encoding))
    return tried


def test_everybody_costs_exactly_one_verification_of_ours(
    passwords: Passwords, meter: Meter
) -> None:
    """Covers R02, C10: unknown user, wrong password and imported hash alike."""
    tried = cases(passwords)
    meter.take()
    for name, (password, kept) in tried.items():
        passwords.verify(password, kept)
        assert meter.take()[OURS] == 1, name


def test_with_slow_imported_forms_everybody_pays_for_all_of_them(
    meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers R02, C10: who has not signed in since the import does not stand out."""
    pbkdf2 = hashlib.pbkdf2_hmac

    def hurried(name: str, password: bytes, salt: bytes, _rounds: int, length: int) -> bytes:
        return pbkdf2(name, password, salt, 1, length)

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", hurried)
    slow = ["bcrypt", "pbkdf2-salt", "pbkdf2-django", "argon2id"]
    pool = Passwords(threads=1, cost=CHEAP, legacy=[*slow, "plain", "md5-salt"], observe=meter)
    tried = cases(pool)
    for encoding in ("salt", "sha512-salt", "md5-salt"):  # which are quick, as is "plain"
        del tried[f"{encoding}, right"], tried[f"{encoding}, wrong"]
    casdoor = encodings.make(b"123456", b"0123456789abcdef", Cost(memory=65536, passes=1, lanes=2))
    tried["casdoor's argon2id, right"] = ("123456", StoredPassword("argon2id", casdoor))
    tried["casdoor's argon2id, wrong"] = ("123457", StoredPassword("argon2id", casdoor))
    tried["too long for bcrypt"] = ("a" * 73, stored("bcrypt"))
    meter.take()
    everything = Counter(
        [OURS, "bcrypt", "pbkdf2-salt", "pbkdf2-django", "argon2id m=65536,t=1,p=2"]
    )
    for name, (password, kept) in tried.items():
        assert pool.verify(password, kept).right == name.endswith(" right"), name
        assert meter.take() == everything, name
    pool.close()


def test_what_is_counted_is_what_is_done(
    passwords: Passwords, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers R02: the count above is of real verifications, not of intentions."""
    done: list[str] = []
    verify_secret = argon2.low_level.verify_secret

    def record(value: bytes, secret: bytes, kind: argon2.low_level.Type) -> bool:
        done.append(value.decode())
        return verify_secret(value, secret, kind)

    monkeypatch.setattr(argon2.low_level, "verify_secret", record)
    tried = cases(passwords)
    meter.take()
    for name, (password, kept) in tried.items():
        passwords.verify(password, kept)
        assert len(done) == meter.take()[OURS] == 1, name
        assert done.pop().startswith("$argon2id$v=19$m=8,t=1,p=1$"), name


# Overload


def test_no_more_run_than_there_are_threads_and_no_more_wait_than_the_queue_holds(
    passwords: Passwords, meter: Meter
) -> None:
    """Covers C01: a flood of sign-ins takes two threads here, and the sixth is turned away."""
    meter.held.clear()
    with ThreadPoolExecutor(5) as crowd:
        waiting = [crowd.submit(passwords.verify, "x", None) for _ in range(5)]
        for _ in range(2):
            assert meter.begun.acquire(timeout=30)
        # The other three are on their way into the queue, which is full once all are in it.
        until(lambda: passwords.waiting == 5)
        with pytest.raises(Overloaded, match="queue is full"):
            passwords.verify("x", None)
        with pytest.raises(Overloaded, match="queue is full"):
            passwords.hash("x")
        assert meter.counts[OURS] == 2
        meter.held.set()
        assert [future.result(30) for future in waiting] == [WRONG] * 5
    assert passwords.verify("x", None) == WRONG


def test_room_is_given_back_after_a_failure(meter: Meter) -> None:
    """A failure in the pool must not shrink it."""

    def fail(_kind: str) -> None:
        message = "the metric is broken"
        raise RuntimeError(message)

    pool = Passwords(threads=1, queue=0, cost=CHEAP, observe=fail)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="metric"):
            pool.hash("x")
    pool.close()
    assert meter.take() == Counter()


def test_a_closed_pool_refuses(passwords: Passwords) -> None:
    """A process that is stopping answers "try again", and another one takes the retry."""
    passwords.close()
    with pytest.raises(Overloaded, match="closed"):
        passwords.verify("x", None)
    with pytest.raises(Overloaded, match="closed"):
        passwords.hash("x")
    passwords.close()


def test_closing_finishes_what_runs_and_refuses_what_waits(meter: Meter) -> None:
    """Nobody is left waiting for ever."""
    pool = Passwords(threads=1, queue=3, cost=CHEAP, observe=meter)
    meter.held.clear()
    with ThreadPoolExecutor(3) as crowd:
        running = crowd.submit(pool.verify, "x", None)
        assert meter.begun.acquire(timeout=30)
        queued = crowd.submit(pool.verify, "x", None)
        until(lambda: pool.waiting == 2)
        closing = crowd.submit(pool.close)
        with pytest.raises(Overloaded, match="closed"):
            queued.result(30)
        meter.held.set()
        closing.result(30)
        assert running.result(30) == WRONG


def test_one_core_is_left_to_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Covers C01: and there is always one thread."""
    for cores, threads in ((1, 1), (2, 1), (8, 7)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)))
        pool = Passwords(cost=CHEAP)
        assert pool.threads == threads
        pool.close()
    # Where the system does not tell which cores a process may use, it tells how many there are.
    monkeypatch.delattr(os, "sched_getaffinity")
    for count, threads in ((4, 3), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda count=count: count)
        pool = Passwords(cost=CHEAP)
        assert pool.threads == threads
        pool.close()


# The policy


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "lowercaseonly",
        "9273650184",
        "        x       ",
        "naïve café 😀",
        "a\0bcdefghij",
        "k" * 64,
        "k7" * 512,
        "пароль-длинный",
    ],
)
def test_any_characters_make_a_password(password: str) -> None:
    """Covers C02, C05: no rules of composition, and 64 characters and more are accepted."""
    check_policy(password, words=["alice", "Acme"])


@pytest.mark.parametrize(
    ("password", "minimum", "accepted"),
    [
        ("seven77", 8, False),
        ("", 8, False),
        ("eight-8x", 8, True),
        ("é" * 7 + "😀", 8, True),
        ("fourteen-chars", 15, False),
        ("fifteen-charsss", 15, True),
    ],
)
def test_length_is_counted_in_characters(password: str, minimum: int, accepted: bool) -> None:  # noqa: FBT001 - a table's column
    """Covers C02, F12: 8 by default, 15 where the password is the only factor."""
    if accepted:
        check_policy(password, minimum_length=minimum)
    else:
        with pytest.raises(BadInput, match=f"at least {minimum} characters"):
            check_policy(password, minimum_length=minimum)


def test_eight_is_the_default() -> None:
    """Covers C02."""
    with pytest.raises(BadInput, match="at least 8 characters"):
        check_policy("hj4Kq,9")
    check_policy("hj4Kq,9w")


def test_more_than_1024_characters_are_refused_not_cut() -> None:
    """Covers C05."""
    with pytest.raises(BadInput, match="at most 1,024 characters"):
        check_policy("k7" * 512 + "x")
    with pytest.raises(BadInput, match="cannot be stored"):
        check_policy("correct horse \ud800")


def test_the_three_thousand_commonest_that_are_long_enough_are_refused() -> None:
    """Covers C04: the top 3,000 of those that the length rule would let through."""
    common = [word for word in FREQUENCY_LISTS["passwords"] if len(word) >= 8][:3000]
    assert len(common) == 3000
    for password in common:
        with pytest.raises(BadInput, match="tried first"):
            check_policy(password)


@pytest.mark.parametrize("password", ["Password1", "PASSWORD", " password ", "QwErTyUiOp"])
def test_a_common_password_in_disguise_is_refused(password: str) -> None:
    """Covers C04: case and surrounding blanks make it no rarer."""
    with pytest.raises(BadInput, match="tried first"):
        check_policy(password)


def test_a_name_is_no_password() -> None:
    """NIST SP 800-63B-4 3.1.1.2, context-specific words. Covers C04."""
    words = iter(["alice.smith@example.com", "AliceSmith", "Straßenbau GmbH", ""])
    with pytest.raises(BadInput, match="Do not use your name"):
        check_policy("alicesmith", words=words)
    with pytest.raises(BadInput, match="Do not use your name"):
        check_policy("STRASSENBAU GMBH", words=["Straßenbau GmbH"])
    check_policy("alicesmith and some", words=["alicesmith"])


def test_the_field_is_named_as_the_form_calls_it() -> None:
    """The page puts the text beside the right input."""
    with pytest.raises(BadInput) as caught:
        check_policy("short", field="new_password")
    assert caught.value.field == "new_password"
    assert caught.value.text.startswith("Use at least 8 characters.")
