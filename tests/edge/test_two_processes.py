"""Two processes over one database: whatever happens in whatever order, both answer alike.

Each has a live view, an activity and connections of its own; they have the file in common, and the
clock, which the test moves. A plain model says whose session a secret is, and every answer of
``/check`` is compared with it. The views hold so little that they age and forget all the time.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ostiary.domain.errors import WrongCredentials
from ostiary.domain.search import SessionFilter
from ostiary.services import cutting, end, retention, users
from ostiary.services.cutting import Subject
from ostiary.services.house import Policy
from ostiary.storage import live_view
from tests.support.checking import Serving, Talk
from tests.support.installation import PASSWORD, Installation

USERS = ("ann", "bob")
APPLICATIONS = ("wiki", "mail")
SIDES = st.sampled_from([0, 1])
WHICH = st.integers(0, 30)
CAPACITY = 6
NO_DELAYS = Policy(failures_before_delay=1_000)


async def _not_here(scope: Any, receive: Any, send: Any) -> None:
    """Every question has to be answered in the parser."""
    del receive
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Side:
    """One of the two processes, and a connection to it."""

    def __init__(self, directory: Path, now: datetime) -> None:
        url = f"sqlite:///{directory / 'ostiary.db'}"
        self.here = Installation(url, directory, install=False, policy=NO_DELAYS)
        self.here.clock.now = now
        self.here.app = _not_here
        self._serving = Serving(self.here, keep_alive=600, capacity=CAPACITY)
        self._serving.start()
        self._talk = Talk(self._serving.port)

    def ask(self, secrets: list[str]) -> list[str | None]:
        """Whose sessions these are; asked at once, so that they are answered in few batches."""
        self._talk.send(
            b"".join(
                f"GET /check HTTP/1.1\r\nHost: x\r\nCookie: sid={secret}\r\n\r\n".encode()
                for secret in secrets
            )
        )
        answers = [self._talk.answer() for _ in secrets]
        for answer in answers:
            assert answer.status == (200 if "x-ostiary-session" in answer.headers else 401)
        return [answer.headers.get("x-ostiary-session") for answer in answers]

    def flush(self) -> None:
        """Store what was only remembered."""
        checks = self._serving.checks
        assert checks is not None
        checks._writer.submit(lambda: None).result(20)
        self.here.house.activity.flush(self.here.database)

    def close(self) -> None:
        """Stop as a process does."""
        self._talk.close()
        self._serving.stop()
        self.here.house.activity.flush(self.here.database)
        self.here.close()


@dataclass(eq=False)
class Known:
    """What the model knows of a session."""

    id: str
    user: str
    application: str
    device: str
    secret: str
    used: datetime
    idle: timedelta
    expires: datetime
    ended: bool = False
    old_secrets: list[str] = field(default_factory=list)

    def lives(self, now: datetime) -> bool:
        """By what was done to it, and by the clocks."""
        return not self.ended and now < self.expires and now < self.used + self.idle


class TwoProcesses(RuleBasedStateMachine):
    """See the module."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        super().__init__()
        self.directory = folder()
        self.now = datetime(2026, 11, 24, 10, tzinfo=UTC)
        self.sides = [self._open(), self._open()]
        self.sessions: list[Known] = []
        self.disabled: set[str] = set()

    def _open(self) -> Side:
        return Side(self.directory, self.now)

    def teardown(self) -> None:
        """Ask everything once more, and give everything back."""
        try:
            self.check_all(side=0)
            self.check_all(side=1)
        finally:
            for side in self.sides:
                side.close()

    # What the model says

    def living(self, user: str | None = None) -> list[Known]:
        """The sessions that have to answer."""
        return [s for s in self.sessions if s.lives(self.now) and user in (None, s.user)]

    def kill(self, some: Iterable[Known]) -> set[str]:
        """These are dead from now on."""
        dying = [s for s in some if s.lives(self.now)]
        for one in dying:
            one.ended = True
        return {one.id for one in dying}

    def pick(self, index: int) -> Known:
        """One of the sessions that ever were."""
        return self.sessions[index % len(self.sessions)]

    # Signing in

    @initialize()
    def somebody_is_in(self) -> None:
        """And both sides have seen it."""
        for user in USERS:
            self.sign_in(side=0, user=user, application="wiki")
        self.check_all(side=0)
        self.check_all(side=1)

    @rule(side=SIDES, user=st.sampled_from(USERS), application=st.sampled_from(APPLICATIONS))
    def sign_in(self, side: int, user: str, application: str) -> None:
        """On a new device."""
        here = self.sides[side].here
        try:
            started = here.start_session("acme", user, application=application)
        except WrongCredentials:
            assert user in self.disabled
            return
        assert user not in self.disabled
        self.sessions.append(
            Known(
                id=started.session.id,
                user=user,
                application=application,
                device=started.device_secret or "",
                secret=started.secret,
                used=self.now,
                idle=timedelta(seconds=started.session.idle_seconds),
                expires=started.session.expires_at,
            )
        )

    @precondition(lambda self: self.sessions)
    @rule(side=SIDES, index=WHICH)
    def sign_in_again(self, side: int, index: int) -> None:
        """The session goes on, and its old secret must not."""
        known = self.pick(index)
        if not known.lives(self.now):
            return
        started = self.sides[side].here.start_session(
            "acme",
            known.user,
            application=known.application,
            secret=known.secret,
            device_secret=known.device,
        )
        assert started.session.id == known.id
        known.old_secrets.append(known.secret)
        known.secret, known.used = started.secret, self.now
        known.expires = started.session.expires_at

    # Checks

    @precondition(lambda self: self.sessions)
    @rule(side=SIDES, index=WHICH)
    def check(self, side: int, index: int) -> None:
        """One secret."""
        self._check(side, [self.pick(index)])

    @rule(side=SIDES)
    def check_all(self, side: int) -> None:
        """Every secret that ever was, and one that never was."""
        self._check(side, self.sessions)
        old = [secret for s in self.sessions for secret in s.old_secrets] + ["A" * 43]
        assert self.sides[side].ask(old) == [None] * len(old)

    def _check(self, side: int, asked: list[Known]) -> None:
        expected = [s.id if s.lives(self.now) else None for s in asked]
        assert self.sides[side].ask([s.secret for s in asked]) == expected, (side, asked)
        for one in asked:
            if one.lives(self.now):
                one.used = self.now

    # Endings

    @precondition(lambda self: self.sessions)
    @rule(side=SIDES, index=WHICH)
    def end_one(self, side: int, index: int) -> None:
        """By the operator."""
        here, known = self.sides[side].here, self.pick(index)
        ended = here.write(end.ensure_ended, here.act(), known.id)
        assert set(ended.ended) == self.kill([known])

    @rule(side=SIDES, user=st.sampled_from(USERS))
    def end_all_of_one(self, side: int, user: str) -> None:
        """By a filter."""
        here = self.sides[side].here
        chosen = SessionFilter(organization="acme", user=user)
        ended = end.end_matching(here.house, here.act(), chosen)
        assert set(ended.ended) == self.kill(self.living(user))

    @rule(
        side=SIDES,
        what=st.sampled_from(
            [
                (Subject.USER, "ann", "acme"),
                (Subject.APPLICATION, "wiki", ""),
                (Subject.ORGANIZATION, "acme", ""),
                (Subject.ORGANIZATION, "globex", ""),
            ]
        ),
    )
    def cut_off(self, side: int, what: tuple[Subject, str, str]) -> None:
        """In force at once on both sides; of another organization nobody notices."""
        subject, name, organization = what
        here = self.sides[side].here
        here.write(cutting.end_everything, here.act(), subject, name, organization=organization)
        self.kill(s for s in self.sessions if name in {s.user, s.application, "acme"})

    @rule(side=SIDES, user=st.sampled_from(USERS), disabled=st.booleans())
    def disable(self, side: int, user: str, *, disabled: bool) -> None:
        """Or enable, which revives nothing."""
        here, change = self.sides[side].here, users.UserChange(disabled=disabled)
        here.write(users.update_user, here.act(), here.house.vault, "acme", user, change)
        if disabled:
            self.kill(self.living(user))
            self.disabled.add(user)
        else:
            self.disabled.discard(user)

    # What happens by itself

    @rule()
    def pass_seconds(self) -> None:
        """Fewer than between two flushes."""
        self._move(timedelta(seconds=2))

    @rule(minutes=st.sampled_from([1, 29, 31, 59, 61, 13 * 60]))
    def pass_time(self, minutes: int) -> None:
        """Uses are stored every few seconds, so before any such time has gone."""
        for side in self.sides:
            side.flush()
        self._move(timedelta(minutes=minutes))

    def _move(self, by: timedelta) -> None:
        self.now += by
        for side in self.sides:
            side.here.clock.now = self.now
        for one in self.sessions:
            one.ended = one.ended or not one.lives(self.now)

    @rule(side=SIDES)
    def flush(self, side: int) -> None:
        """One side's uses."""
        self.sides[side].flush()

    @rule(side=SIDES, limit=st.sampled_from([1, 100]))
    def do_the_jobs(self, side: int, limit: int) -> None:
        """They change nothing that a check could see, the purge of the change log either."""
        for each in self.sides:
            each.flush()
        here = self.sides[side].here
        here.write(retention.sweep, self.now, limit)
        here.write(retention.settle_cut_offs, self.now, limit)
        here.write(retention.purge, self.now, here.policy, limit)

    @rule(side=SIDES)
    def restart(self, side: int) -> None:
        """One side, while the other goes on."""
        self.sides[side].close()
        self.sides[side] = self._open()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an installation with people, to be copied."""
    directory = tmp_path_factory.mktemp("processes")
    here = Installation(f"sqlite:///{directory / 'ostiary.db'}", directory)
    for organization in ("acme", "globex"):
        here.organization(organization)
    for application in APPLICATIONS:
        here.application("acme", application)
    for user in USERS:
        here.user("acme", user, password=PASSWORD)
    here.close()
    return directory


def _run(original: Path, tmp_path: Path, examples: int) -> None:
    numbers = itertools.count()

    def folder() -> Path:
        directory = tmp_path / str(next(numbers))
        shutil.copytree(original, directory)
        return directory

    run_state_machine_as_test(
        lambda: TwoProcesses(folder),
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            # The same examples in each run, and none sought after a failure: bounded in time.
            derandomize=True,
            phases=[Phase.generate],
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_both_answer_as_the_model_says(original: Path, tmp_path: Path) -> None:
    """Covers A07, A10, A14, R03."""
    _run(original, tmp_path, 12)


@pytest.mark.parametrize("broken", ["no gate", "no names"])
def test_without_the_guards_they_do_not(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """The control: a view that does not look, and one that does not forget what changed."""
    if broken == "no gate":
        monkeypatch.setattr(live_view.SqliteGate, "changed", lambda *_: None)
    else:
        monkeypatch.setattr(live_view, "_names", lambda rows: ("nothing" for _ in rows))
    with pytest.raises(AssertionError):
        _run(original, tmp_path, 12)
