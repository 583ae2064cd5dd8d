"""People sign in, look, end and are ended, over HTTP and in any order, on every surface at once.

A plain model says which sessions are alive. After each step everything that ever was a secret is
presented to `/check`, `/v1/me`, `/api/get-account` and `/account`, and the lists of administrators,
of users and of the Casdoor wire are read: all of them have to agree with the model.
"""

from __future__ import annotations

import itertools
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ostiary.services import retention
from ostiary.services.house import Policy
from tests.casdoor.world import Asker, World, key
from tests.support.installation import PASSWORD
from tests.web.reading import Reader

USERS = ("ann", "bob")
APPLICATIONS = ("wiki", "mail")
SURFACES = ("check", "me", "account", "page")
FRESH = timedelta(minutes=15)
NO_DELAYS = Policy(failures_before_delay=1_000)
"""Signing in while disabled counts as a failure; what failures cost is tested elsewhere."""


@dataclass(eq=False)
class Known:
    """What the model knows of a session: who has it, in which browser, and until when."""

    id: str
    user: str
    browser: Reader
    secret: str
    used_in: set[str]
    authenticated: datetime
    used: datetime
    idle: timedelta
    expires: datetime
    ended: bool = False
    old_secrets: list[str] = field(default_factory=list)

    def lives(self, now: datetime) -> bool:
        """By what was done to it, and by the clocks."""
        return not self.ended and now < self.expires and now < self.used + self.idle


class Journeys(RuleBasedStateMachine):
    """See the module."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        super().__init__()
        self.directory = folder()
        self.world = self._open()
        self.sessions: list[Known] = []
        self.passwords = dict.fromkeys(USERS, PASSWORD)
        self.disabled: set[str] = set()
        self.numbers = itertools.count()

    def _open(self) -> World:
        url = f"sqlite:///{self.directory / 'ostiary.db'}"
        world = World(url, self.directory, install=False, policy=NO_DELAYS)
        # Anybody's cookie, presented by somebody without cookies of her own; one client for all.
        self.anybody = world.browser()
        self.admin = world.everywhere()
        return world

    def teardown(self) -> None:
        """Give the store back."""
        self.world.close()

    # What the model says

    @property
    def now(self) -> datetime:
        """The instant of the installation."""
        return self.world.clock.now

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

    def pick_living(self, index: int) -> Known | None:
        """One of those that live, if any does."""
        living = self.living()
        return living[index % len(living)] if living else None

    # Signing in

    @initialize()
    def two_people_are_in(self) -> None:
        """So that there is somebody to affect from the first step on."""
        for user in USERS:
            self.sign_in_anew(user, "wiki", by_page=False, remember=False)

    @rule(
        user=st.sampled_from(USERS),
        application=st.sampled_from(APPLICATIONS),
        by_page=st.booleans(),
        remember=st.booleans(),
    )
    def sign_in_anew(self, user: str, application: str, *, by_page: bool, remember: bool) -> None:
        """In a new browser, by the page or over the wire."""
        browser = Reader(self.world.browser())
        if by_page:
            chosen = {"remember": "yes"} if remember else {}
            browser.sign_in(
                "acme",
                user,
                application=application,
                password=self.passwords[user],
                **chosen,
            )
        else:
            self._over_the_wire(browser, user, application, autoSignin=remember)
        assert (browser.cookie("sid") is None) == (user in self.disabled)
        if user not in self.disabled:
            self._remember(browser, user, application)

    @precondition(lambda self: self.sessions)
    @rule(
        index=st.integers(0, 30),
        user=st.sampled_from(USERS),
        application=st.sampled_from(APPLICATIONS),
    )
    def sign_in_where_somebody_was(self, index: int, user: str, application: str) -> None:
        """The same user goes on in the same session; another one's takes its place."""
        there = self.pick(index)
        browser = there.browser
        before = [s for s in self.sessions if s.browser is browser and s.lives(self.now)]
        answer = self._over_the_wire(browser, user, application)
        assert (answer["status"] == "ok") == (user not in self.disabled)
        if user in self.disabled:
            return
        again = next((s for s in before if s.user == user), None)
        self.kill(s for s in before if s is not again)
        self._remember(browser, user, application, again)

    def _over_the_wire(
        self, browser: Reader, user: str, application: str, **form: Any
    ) -> dict[str, Any]:
        asker = Asker(browser.browser)
        form = {"password": self.passwords[user], "application": application, **form}
        return self.world.log_in(asker, user, **form)

    def _remember(
        self, browser: Reader, user: str, application: str, again: Known | None = None
    ) -> None:
        secret = browser.cookie("sid")
        assert secret is not None
        seen = self._get("/v1/me", secret).json()["session"]
        if again is None:
            assert seen["id"] not in {s.id for s in self.sessions}
            again = Known(
                id=seen["id"],
                user=user,
                browser=browser,
                secret=secret,
                used_in=set(),
                authenticated=self.now,
                used=self.now,
                idle=timedelta(0),
                expires=self.now,
            )
            self.sessions.append(again)
        else:
            assert seen["id"] == again.id
            again.old_secrets.append(again.secret)
        again.secret = secret
        again.used_in.add(application)
        again.authenticated = again.used = self.now
        again.expires = datetime.fromisoformat(seen["expires_at"])
        again.idle = datetime.fromisoformat(seen["idle_expires_at"]) - self.now

    # Ending

    @precondition(lambda self: self.sessions)
    @rule(index=st.integers(0, 30), way=st.sampled_from(["v1", "wire"]))
    def an_administrator_ends_one(self, index: int, way: str) -> None:
        """What is dead ends no more."""
        known = self.pick(index)
        if way == "v1":
            answer = self.admin.client.post(f"/v1/sessions/{known.id}/end")
            self._ended(answer.json(), [known])
            return
        application = min(known.used_in)
        body = key(known.user, application)
        self.admin.post("delete-session", body, sessionId=known.id)
        self.kill([known])

    @rule(index=st.integers(0, 30), other=st.integers(0, 30), by_page=st.booleans())
    def a_user_ends_one_of_her_own(self, index: int, other: int, *, by_page: bool) -> None:
        """Somebody else's is not hers to end, and an old sign-in is not enough."""
        mine, known = self.pick_living(index), self.pick(other)
        if mine is None or known is mine:
            return
        fresh = self.now - mine.authenticated < FRESH
        if by_page and known.user == mine.user and known.lives(self.now) and fresh:
            address = f"/account/sessions/{known.id}/end"
            mine.browser.open(address)
            mine.browser.send(address)
            assert self.kill([known])
            return
        answer = mine.browser.browser.post(f"/v1/me/sessions/{known.id}/end")
        if known.user != mine.user:
            assert answer.status_code in {403, 404}
        elif not fresh:
            assert answer.json()["code"] in {"reauthentication_needed", "not_found"}
        elif answer.status_code != 404:  # it was purged
            self._ended(answer.json(), [known])

    @rule(index=st.integers(0, 30), by_page=st.booleans())
    def a_user_ends_all_others(self, index: int, *, by_page: bool) -> None:
        """But the one that is in use."""
        mine = self.pick_living(index)
        if mine is None:
            return
        others = [s for s in self.living(mine.user) if s is not mine]
        fresh = self.now - mine.authenticated < FRESH
        if by_page and others and fresh:
            mine.browser.open("/account/end-others")
            mine.browser.send("/account/end-others")
            self.kill(others)
            return
        answer = mine.browser.browser.post("/v1/me/sessions/end-others")
        if fresh:
            self._ended(answer.json(), others)
        else:
            assert answer.json()["code"] == "reauthentication_needed"

    @rule(index=st.integers(0, 30), way=st.sampled_from(["page", "logout", "sso-logout", "v1"]))
    def a_user_signs_out(self, index: int, way: str) -> None:
        """Here, or with `/api/sso-logout` everywhere."""
        mine = self.pick_living(index)
        if mine is None:
            return
        leaving = self.living(mine.user) if way == "sso-logout" else [mine]
        if way == "page":
            mine.browser.open("/account")
            mine.browser.send("/sign-out")
        elif way == "v1":
            self._ended(mine.browser.browser.post("/v1/me/sign-out").json(), leaving)
        else:
            assert Asker(mine.browser.browser).post(way)["status"] == "ok"
        self.kill(leaving)
        assert mine.browser.cookie("sid") is None

    @rule(user=st.sampled_from(USERS), whole=st.booleans())
    def everything_ends_at_once(self, user: str, *, whole: bool) -> None:
        """One user's, or the organization's; the rows follow later."""
        body = {"subject": "user", "name": user, "organization": "acme"}
        if whole:
            body = {"subject": "organization", "name": "acme"}
        assert self.admin.client.post("/v1/cut-offs", json=body).status_code == 202
        self.kill(self.living(None if whole else user))

    @rule(user=st.sampled_from(USERS), disabled=st.booleans())
    def disable(self, user: str, *, disabled: bool) -> None:
        """Or enable, which revives nothing."""
        answer = self.admin.client.patch(f"/v1/users/acme/{user}", json={"disabled": disabled})
        assert answer.status_code == 200
        if disabled:
            self.kill(self.living(user))
            self.disabled.add(user)
        else:
            self.disabled.discard(user)

    @rule(user=st.sampled_from(USERS))
    def set_password(self, user: str) -> None:
        """What knew the old one ends."""
        self.passwords[user] = f"pass phrase number {next(self.numbers)}"
        answer = self.admin.client.put(
            f"/v1/users/acme/{user}/password", json={"password": self.passwords[user]}
        )
        self._ended(answer.json(), self.living(user))

    @rule(index=st.integers(0, 30))
    def change_own_password(self, index: int) -> None:
        """The session in use goes on, by a new secret."""
        mine = self.pick_living(index)
        if mine is None:
            return
        new = f"pass phrase number {next(self.numbers)}"
        body = {"current": self.passwords[mine.user], "new": new}
        answer = mine.browser.browser.post("/v1/me/password", json=body)
        self.passwords[mine.user] = new
        self._ended(answer.json(), [s for s in self.living(mine.user) if s is not mine])
        mine.old_secrets.append(mine.secret)
        mine.secret = mine.browser.cookie("sid") or ""

    def _ended(self, answer: dict[str, Any], meant: list[Known]) -> None:
        assert set(answer["ended"]) == self.kill(meant), answer

    # What happens by itself

    @rule(minutes=st.sampled_from([1, 14, 16, 61, 13 * 60, 15 * 24 * 60]))
    def pass_time(self, minutes: int) -> None:
        """Uses are stored every few seconds, so before any such time has gone."""
        self.world.house.activity.flush(self.world.database)
        self.world.clock.forward(minutes=minutes)
        for one in self.sessions:
            one.ended = one.ended or not one.lives(self.now)

    @rule(limit=st.sampled_from([1, 100]))
    def do_the_jobs(self, limit: int) -> None:
        """They change nothing that anybody could see."""
        self.world.house.activity.flush(self.world.database)
        self.world.write(retention.sweep, self.now, limit)
        self.world.write(retention.settle_cut_offs, self.now, limit)
        self.world.write(retention.purge, self.now, self.world.policy, limit)

    @rule()
    def restart(self) -> None:
        """Everything that was only in memory is gone."""
        clock = self.world.clock
        self.world.close()
        self.world = self._open()
        self.world.clock.now = clock.now

    # What always holds

    @invariant()
    def every_surface_agrees(self) -> None:
        """Each secret answers on all surfaces while its session lives, and on none afterwards."""
        for one in self.sessions:
            lives = one.lives(self.now)
            for surface in SURFACES:
                assert self._answers(surface, one.secret) == (one.id if lives else None), (
                    surface,
                    one,
                )
            if lives:
                one.used = self.now
            for old in one.old_secrets:
                assert self._answers("check", old) is None, one

    @invariant()
    def every_list_agrees(self) -> None:
        """Administrators, users and the wire see what works, and nothing else."""
        living = self.living()
        found = self.admin.client.get("/v1/sessions", params={"organization": "acme"}).json()
        assert {s["id"] for s in found["items"]} == {s.id for s in living}
        assert found["total"] == len(living)
        records = self.admin.data("get-sessions", owner="acme")
        assert {(r["name"], r["application"]): set(r["sessionId"]) for r in records} == {
            (user, application): ids
            for user in USERS
            for application in APPLICATIONS
            if (ids := {s.id for s in living if s.user == user and application in s.used_in})
        }
        for user in USERS:
            mine = self.living(user)
            if mine:
                own = self._get("/v1/me/sessions", mine[0].secret).json()["items"]
                assert {s["id"] for s in own} == {s.id for s in mine}
                assert own[0]["id"] == mine[0].id
                assert own[0]["current"]

    def _get(self, path: str, secret: str) -> Any:
        return self.anybody.get(path, headers={"Cookie": f"sid={secret}"}, follow_redirects=False)

    def _answers(self, surface: str, secret: str) -> str | None:
        """The public id of the session that a surface takes this secret for; None: for nobody's."""
        match surface:
            case "check":
                answer = self._get("/check", secret)
                assert answer.status_code in {200, 401}
                found: str | None = answer.headers.get("x-ostiary-session")
                return found
            case "me":
                answer = self._get("/v1/me", secret)
                assert answer.status_code in {200, 401}
                return answer.json()["session"]["id"] if answer.status_code == 200 else None
            case "account":
                answer = self._get("/api/get-account", secret).json()
                if answer["status"] == "ok":
                    return self._owner(secret, answer["name"])
                assert answer["msg"] == "Please login first"
            case _:
                answer = self._get("/account", secret)
                if answer.status_code == 200:
                    shown = re.findall(r'id="session-([0-9a-f]{32})"', answer.text)
                    user = next(s.user for s in self.sessions if s.secret == secret)
                    assert set(shown) == {s.id for s in self.living(user)}
                    return shown[0]  # the one in use comes first
                assert answer.status_code in {302, 303}
        return None

    def _owner(self, secret: str, user: str) -> str | None:
        found = next(s for s in self.sessions if s.secret == secret)
        return found.id if found.user == user else user


@pytest.fixture(scope="module")
def original() -> Any:
    """The files of an installation with people, to be copied."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "original"
        directory.mkdir()
        world = World(f"sqlite:///{directory / 'ostiary.db'}", directory)
        world.populate()
        world.close()
        yield directory


def test_any_journey(original: Path) -> None:
    """Covers A07, A10 to A13, R03, R10, W8, W10, W11."""
    numbers = itertools.count()

    def folder() -> Path:
        directory = original.with_name(str(next(numbers)))
        shutil.copytree(original, directory)
        return directory

    run_state_machine_as_test(
        lambda: Journeys(folder),
        settings=settings(
            max_examples=6,
            stateful_step_count=25,
            # The same examples in each run, and none sought after a failure: bounded in time.
            derandomize=True,
            phases=[Phase.generate],
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
