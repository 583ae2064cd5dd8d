"""Whatever happens in whatever order: what ended never answers again, and nobody else is affected.

A plain model says which sessions are alive. After each step every session that ever was, every
secret that ever was, the lists of administrators and users, and the records have to agree with it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ostiary.domain.access import Caller
from ostiary.domain.errors import TooManyFailures, WrongCredentials
from ostiary.domain.search import Order, SessionFilter
from ostiary.domain.secrets import digest
from ostiary.domain.session import Device, EndReason
from ostiary.services import (
    check,
    end,
    entering,
    passwords,
    records,
    retention,
    see,
    users,
)
from ostiary.services.sign_in import SignedIn
from ostiary.storage import cut_offs, tables
from ostiary.storage.database import Transaction
from ostiary.storage.records import RecordQuery
from tests.services.scene import Scene
from tests.support.installation import PASSWORD

USERS = ("ann", "bob")
APPLICATIONS = ("wiki", "mail")
HOME = Device(address="203.0.113.7")
FAR = Device(address="198.51.100.9")


@dataclass(eq=False)
class Known:
    """What the model knows of a session."""

    id: str
    user: str
    secret: str
    device: str
    used_in: set[str]
    expires_at: datetime
    idle: timedelta
    stored: datetime
    remembered_use: datetime
    ended: bool = False
    old_secrets: list[str] = field(default_factory=list)

    def lives(self, now: datetime) -> bool:
        """By what was done to it, and by the clocks."""
        return not self.ended and now < self.expires_at and now < self.stored + self.idle


class Machine(RuleBasedStateMachine):
    """See the module."""

    def __init__(self, open_scene: Callable[[], Scene]) -> None:
        super().__init__()
        self.scene = open_scene()
        self.sessions: list[Known] = []
        self.passwords = dict.fromkeys(USERS, PASSWORD)
        self.disabled: set[str] = set()
        self.changes = 0

    def teardown(self) -> None:
        """Give the store back."""
        self.scene.close()

    # What the model says

    @property
    def now(self) -> datetime:
        """The instant of the scene."""
        return self.scene.clock.now

    def living(self, user: str | None = None) -> list[Known]:
        """The sessions that have to answer."""
        return [s for s in self.sessions if s.lives(self.now) and user in (None, s.user)]

    def pick(self, index: int) -> Known:
        """One of the sessions that ever were."""
        return self.sessions[index % len(self.sessions)]

    def kill(self, some: Iterator[Known] | list[Known]) -> set[str]:
        """These are dead from now on."""
        dying = list(some)
        for one in dying:
            one.ended = True
        return {one.id for one in dying}

    def caller(self, known: Known) -> Caller:
        """Whom the session's cookie names, without using it."""
        return check.caller_of(self.scene.house, known.secret, self.now, active=False)

    # What happens

    @rule(
        user=st.sampled_from(USERS),
        application=st.sampled_from(APPLICATIONS),
        remember=st.booleans(),
        before=st.none() | st.integers(0, 30),
        present=st.booleans(),
    )
    def sign_in(
        self, user: str, application: str, before: int | None, *, remember: bool, present: bool
    ) -> None:
        """On a new device, or where somebody was before, with the session's cookie or without."""
        there = self.pick(before) if before is not None and self.sessions else None
        further: dict[str, Any] = {}
        if there is not None:
            further["device_secret"] = there.device
            if present:
                further["secret"] = there.secret
        try:
            started = self.scene.sign_in(
                user,
                application,
                password=self.passwords[user],
                remember=remember,
                device=HOME,
                **further,
            )
        except WrongCredentials:
            assert user in self.disabled
            return
        assert user not in self.disabled
        presented = there if there is not None and present and there.lives(self.now) else None
        again = presented if presented is not None and presented.user == user else None
        leaving = {
            s
            for s in self.living()
            if there is not None and (s.device == there.device or s is presented)
        } - {again}
        assert set(started.ended.ended) == self.kill(list(leaving))
        self._remember(started, application, there, again)

    def _remember(
        self, started: SignedIn, application: str, there: Known | None, again: Known | None
    ) -> None:
        session = started.session
        device = started.device_secret or (there.device if there is not None else "")
        assert started.reauthenticated == (again is not None)
        if again is not None:
            assert session.id == again.id
            again.old_secrets.append(again.secret)
        else:
            assert session.id not in {s.id for s in self.sessions}
            again = Known(
                id=session.id,
                user=session.user,
                secret="",
                device=device,
                used_in=set(),
                expires_at=session.expires_at,
                idle=timedelta(0),
                stored=self.now,
                remembered_use=self.now,
            )
            self.sessions.append(again)
        again.secret, again.device = started.secret, device
        again.used_in.add(application)
        again.expires_at = session.expires_at
        again.idle = timedelta(seconds=session.idle_seconds)
        again.stored = again.remembered_use = self.now

    @rule(user=st.sampled_from([*USERS, "nobody"]))
    def fail_to_sign_in(self, user: str) -> None:
        """Somebody far away guesses; nothing comes of it."""
        with pytest.raises((WrongCredentials, TooManyFailures)):
            self.scene.sign_in(user, password="wrong horse", device=FAR)

    @precondition(lambda self: self.sessions)
    @rule(index=st.integers(0, 30))
    def use(self, index: int) -> None:
        """Ask for a page with the session's cookie."""
        known = self.pick(index)
        caller = check.caller_of(self.scene.house, known.secret, self.now)
        assert (caller.session_id == known.id) == known.lives(self.now)
        if known.lives(self.now):
            if self.now - known.stored >= known.idle / 2:
                known.stored = self.now
            known.remembered_use = max(known.remembered_use, self.now)

    @precondition(lambda self: self.sessions)
    @rule(index=st.integers(0, 30), application=st.sampled_from(APPLICATIONS))
    def enter(self, index: int, application: str) -> None:
        """Go on to another application by the same session."""
        known = self.pick(index)
        if known.lives(self.now):
            self.scene.write(entering.enter, self.scene.act(self.caller(known)), application)
            known.used_in.add(application)

    @precondition(lambda self: self.sessions)
    @rule(index=st.integers(0, 30))
    def end_one(self, index: int) -> None:
        """By an administrator; what is dead ends no more."""
        known = self.pick(index)
        alive = known.lives(self.now)
        ended = self.scene.write(end.ensure_ended, self.scene.act(), known.id)
        assert ended.ended == ((known.id,) if alive else ())
        self.kill([known])

    @precondition(lambda self: self.sessions)
    @rule(index=st.integers(0, 30), verb=st.sampled_from(["out", "everywhere", "others"]))
    def end_own(self, index: int, verb: str) -> None:
        """By the user herself, with the cookie of one of her sessions."""
        known = self.pick(index)
        caller = self.caller(known)
        if caller.session_id is None:
            return
        mine = self.living(known.user)
        act = self.scene.act(Caller(**{**_fields(caller), "authenticated_at": None}))
        if verb == "out":
            ended = self.scene.write(end.sign_out, act)
            assert set(ended.ended) == self.kill([known])
        elif verb == "everywhere":
            ended = self.scene.write(end.sign_out_everywhere, act)
            assert set(ended.ended) == self.kill(mine)
        elif self.now - self._authenticated(known) <= timedelta(minutes=15):
            ended = self.scene.write(end.end_others, act)
            assert set(ended.ended) == self.kill([s for s in mine if s is not known])

    def _authenticated(self, known: Known) -> datetime:
        at = self.caller(known).authenticated_at
        assert at is not None
        return at

    @rule(user=st.sampled_from(USERS), application=st.sampled_from(APPLICATIONS))
    def end_matching(self, user: str, application: str) -> None:
        """Everything of a filter, as its preview says."""
        chosen = SessionFilter(organization="acme", user=user, application=application)
        preview = self.scene.read(end.preview_matching, self.scene.act(), chosen)
        ended = end.end_matching(self.scene.house, self.scene.act(), chosen)
        dying = [s for s in self.living(user) if application in s.used_in]
        assert set(ended.ended) == self.kill(dying)
        assert preview.sessions == ended.count

    @rule(user=st.sampled_from(USERS), application=st.sampled_from(APPLICATIONS))
    def delete_record(self, user: str, application: str) -> None:
        """As the Casdoor wire ends."""
        key = ("acme", user, application)
        change = self.scene.write(records.delete_record, self.scene.act(), key)
        dying = [s for s in self.living(user) if application in s.used_in]
        assert set(change.ended.ended) == self.kill(dying)

    @rule(user=st.sampled_from(USERS), disabled=st.booleans())
    def disable(self, user: str, *, disabled: bool) -> None:
        """Or enable, which revives nothing."""
        change = users.UserChange(disabled=disabled)
        written = self.scene.write(
            users.update_user, self.scene.act(), self.scene.house.vault, "acme", user, change
        )
        if disabled:
            assert set(written.ended.ended) == self.kill(self.living(user))
            self.disabled.add(user)
        else:
            self.disabled.discard(user)

    @rule(user=st.sampled_from(USERS))
    def delete_and_add_anew(self, user: str) -> None:
        """Somebody else gets the name, and nothing of what was."""
        ended = self.scene.write(users.delete_user, self.scene.act(), "acme", user)
        assert set(ended.ended) == self.kill(self.living(user))
        self.scene.user("acme", user)
        self.passwords[user] = PASSWORD
        self.disabled.discard(user)

    @rule(user=st.sampled_from(USERS))
    def set_password(self, user: str) -> None:
        """What knew the old one ends."""
        self.scene.clock.forward(seconds=1)
        self.changes += 1
        self.passwords[user] = f"pass phrase number {self.changes}"
        done = passwords.set_for(
            self.scene.house, self.scene.act(), "acme", user, self.passwords[user]
        )
        assert set(done.ended.ended) == self.kill(self.living(user))

    @rule(user=st.sampled_from(USERS), whole=st.booleans())
    def cut_off(self, user: str, *, whole: bool) -> None:
        """One user, or the organization; the rows follow later."""
        self.scene.clock.forward(seconds=1)
        subject = "organization" if whole else "user"
        key = self.scene.user_key(user)
        if whole:
            key = self.scene.rows(tables.organization, name="acme")[0].key
        self.scene.write(
            cut_offs.raise_epoch,
            subject,
            key,
            reason=EndReason.RISK,
            actor="operator",
            now=self.now,
        )
        self.kill(self.living(None if whole else user))

    @rule(minutes=st.sampled_from([1, 10, 29, 31, 61, 13 * 60, 15 * 24 * 60]))
    def pass_time(self, minutes: int) -> None:
        """Let some time go by."""
        self.scene.clock.forward(minutes=minutes)
        for one in self.sessions:
            one.ended = one.ended or not one.lives(self.now)

    @rule()
    def flush(self) -> None:
        """Store the uses that were only remembered."""
        self.scene.house.activity.flush(self.scene.database)
        for one in self.living():
            one.stored = max(one.stored, one.remembered_use)

    @rule(limit=st.sampled_from([1, 100]))
    def sweep(self, limit: int) -> None:
        """Run the jobs; they change nothing that anybody could see."""
        self.scene.write(retention.sweep, self.now, limit)
        self.scene.write(retention.settle_cut_offs, self.now, limit)
        self.scene.write(retention.purge, self.now, self.scene.policy, limit)

    # What always holds

    @invariant()
    def everybody_agrees(self) -> None:
        """The cookies, the lists and the records say what the model says."""
        living = self.living()
        self.scene.read(self._cookies)
        page = self.scene.read(
            see.list_sessions,
            self.scene.act(),
            self.scene.house.vault,
            SessionFilter(organization="acme"),
            Order(),
        )
        assert {i.session.id for i in page.items} == {s.id for s in living}
        assert page.total == len(living)
        shown, _ = self.scene.read(
            records.list_records, self.scene.act(), RecordQuery(owner="acme")
        )
        assert {(v.record.name, v.record.application): set(v.ids) for v in shown} == {
            (user, application): ids
            for user in USERS
            for application in APPLICATIONS
            if (ids := {s.id for s in living if s.user == user and application in s.used_in})
        }
        for user in USERS:
            mine = [s for s in living if s.user == user]
            if mine:
                act = self.scene.act(self.caller(mine[0]))
                own = self.scene.read(see.my_sessions, act, self.scene.house.vault)
                assert {i.session.id for i in own.items} == {s.id for s in mine}
                assert own.items[0].session.id == mine[0].id

    def _cookies(self, tx: Transaction) -> None:
        for one in self.sessions:
            caller, _ = check._find(tx, digest(one.secret), self.now)
            assert (caller.session_id == one.id) == one.lives(self.now), one
            for old in one.old_secrets:
                assert check._find(tx, digest(old), self.now)[0].session_id is None


def _fields(caller: Caller) -> dict[str, Any]:
    return {name: getattr(caller, name) for name in caller.__struct_fields__}


def test_any_order_of_events(sqlite_original: Path) -> None:
    """Covers W8 to W13, A07 to A12, R10."""
    with tempfile.TemporaryDirectory() as folder:
        numbers = iter(range(1_000_000))

        def open_scene() -> Scene:
            directory = Path(folder) / str(next(numbers))
            shutil.copytree(sqlite_original, directory)
            return Scene(f"sqlite:///{directory / 'ostiary.db'}", directory, install=False)

        run_state_machine_as_test(
            lambda: Machine(open_scene),
            settings=settings(
                max_examples=6,
                stateful_step_count=30,
                # The same examples in each run, and none sought after a failure: bounded in time.
                derandomize=True,
                phases=[Phase.generate],
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
