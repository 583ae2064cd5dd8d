"""Tokens and what ends them at the same moment: in threads, on both stores, many times (R10).

Whoever comes first, afterwards no token is good whose session has ended, no grant has two families,
and nothing that was acknowledged as ended comes back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ostiary.domain.errors import NotSignedIn, OstiaryError
from ostiary.domain.grant import Refused, TokenKind
from ostiary.domain.logout import Ended
from ostiary.domain.session import Device, EndReason
from ostiary.services import consent, direct_grants, end, passwords, retention, users
from ostiary.services.ending import end_sessions
from ostiary.services.minting import TokenAnswer
from ostiary.services.sign_in import SignedIn
from ostiary.storage import cut_offs, tables
from tests.services.scene import Scene, at_once
from tests.services.tokens import (
    ISSUER,
    OFFLINE,
    code,
    exchange,
    granted,
    is_active,
    refresh,
    revoke,
    set_up,
)
from tests.support.installation import PASSWORD

ROUNDS = 6
SECONDS = 1.0


def _rounds() -> Iterator[int]:
    """Some rounds; fewer where a machine is slow, never none."""
    until = time.monotonic() + SECONDS
    for number in range(ROUNDS):
        if number and time.monotonic() > until:
            return
        yield number


@pytest.fixture
def scene(both: Scene) -> Scene:
    """People and a wiki that may have tokens, on each store in turn."""
    set_up(both)
    return both


def _answers(outcomes: list[Any]) -> list[TokenAnswer]:
    return [o for o in outcomes if isinstance(o, TokenAnswer)]


def _ok(outcomes: list[Any], *also: type) -> None:
    """Nothing crashed: everybody got an answer, or was refused for a reason."""
    for one in outcomes:
        assert isinstance(one, (TokenAnswer, Refused, *also)), one
        if isinstance(one, Refused):
            assert one.error == "invalid_grant", one


def _nothing_outlives_its_session(scene: Scene) -> None:
    """As the rows say it, and for everybody: an ended session leaves no grant open."""
    ended = {
        row.id: row.ended_reason for row in scene.rows(tables.session) if row.ended_at is not None
    }
    spared = {"signed_out", "idle", "expired", "displaced"}
    for row in scene.rows(tables.grant, ended_at=None):
        reason = ended.get(row.session_id)
        assert reason is None or (row.offline and reason in spared), row


def _all_dead(scene: Scene, answers: list[TokenAnswer]) -> None:
    for one in answers:
        assert not is_active(scene, one.access_token)
        assert not is_active(scene, one.refresh_token)
        assert isinstance(refresh(scene, one), Refused)


def _unspent(scene: Scene, kind: TokenKind = TokenKind.REFRESH) -> int:
    return len(scene.rows(tables.token, kind=kind, used_at=None))


# Tokens beside each other


def test_refreshes_at_once_get_the_very_same_answer(scene: Scene) -> None:
    """Covers L17, R10: several tabs that wake together lose nothing, and there is one family."""
    ann = scene.sign_in()
    for number in _rounds():
        first = granted(scene, ann)
        outcomes = at_once(*[lambda first=first: refresh(scene, first)] * 5)
        assert all(one == outcomes[0] for one in outcomes)
        [*_, last] = _answers(outcomes)
        assert _unspent(scene) == number + 1
        assert isinstance(refresh(scene, last), TokenAnswer)
    assert scene.lives(ann)


def test_refreshes_with_different_scopes_at_once_are_one_refresh(scene: Scene) -> None:
    """Covers L17: whoever comes second is told what the first one got, whatever it asked for."""
    ann = scene.sign_in()
    for _ in _rounds():
        first = granted(scene, ann, scope=("openid", "profile"))
        verbs = [
            lambda scope=scope, first=first: refresh(scene, first, scope=scope)
            for scope in ("openid", "profile", "openid profile")
        ]
        outcomes = at_once(*verbs)
        assert all(one == outcomes[0] for one in outcomes)
        assert isinstance(outcomes[0], TokenAnswer)


def test_a_code_that_comes_twice_at_once_succeeds_once_and_is_worth_nothing(scene: Scene) -> None:
    """Covers D06, L02, R10."""
    ann = scene.sign_in()
    for _ in _rounds():
        value = code(scene, ann)
        outcomes = at_once(*[lambda value=value: exchange(scene, value)] * 4)
        _ok(outcomes)
        assert len(_answers(outcomes)) == 1
        _all_dead(scene, _answers(outcomes))
    assert scene.lives(ann)


def test_a_thief_and_the_owner_at_once_both_lose(scene: Scene) -> None:
    """Covers D09, W14, R10: the spent token and its successor are presented at the same moment."""
    for _ in _rounds():
        ann = scene.sign_in()
        first = granted(scene, ann)
        second = refresh(scene, first)
        assert isinstance(second, TokenAnswer)
        scene.clock.forward(seconds=11)
        outcomes = at_once(
            lambda first=first: refresh(scene, first),
            lambda second=second: refresh(scene, second),
        )
        _ok(outcomes)
        assert isinstance(outcomes[0], Refused)
        assert scene.reason(ann) is EndReason.TOKEN_REUSE
        _all_dead(scene, [second, *_answers(outcomes)])
    _nothing_outlives_its_session(scene)


def test_a_token_that_is_given_up_while_it_is_refreshed_leaves_nothing(scene: Scene) -> None:
    """Covers L08, R10."""
    ann = scene.sign_in()
    for _ in _rounds():
        first = granted(scene, ann)
        outcomes = at_once(
            lambda first=first: refresh(scene, first),
            lambda first=first: revoke(scene, first.refresh_token),
            lambda first=first: refresh(scene, first),
        )
        _ok(outcomes, bool)
        assert outcomes[1] is True
        _all_dead(scene, [first, *_answers(outcomes)])
    assert scene.lives(ann)


# Tokens beside endings

ENDINGS: dict[str, Callable[[Scene, Any], Any]] = {
    "sign out": lambda scene, ann: scene.write(end.sign_out, scene.by(ann)),
    "end": lambda scene, ann: scene.write(end.end_one, scene.act(), ann.session.id),
    "limit": lambda scene, ann: scene.write(
        end_sessions, scene.act(), [ann.session.id], EndReason.DISPLACED
    ),
}


@pytest.mark.parametrize("how", ENDINGS)
def test_a_refresh_never_outlives_an_ending(scene: Scene, how: str) -> None:
    """Covers A10, R03, R10: whichever was first, nothing of the session is good afterwards."""
    for _ in _rounds():
        ann = scene.sign_in()
        held = [granted(scene, ann) for _ in range(3)]
        verbs = [lambda one=one: refresh(scene, one) for one in held]
        outcomes = at_once(*verbs[:2], lambda ann=ann: ENDINGS[how](scene, ann), *verbs[2:])
        assert isinstance(outcomes.pop(2), Ended)
        _ok(outcomes)
        _all_dead(scene, held + _answers(outcomes))
    _nothing_outlives_its_session(scene)


def test_a_code_never_outlives_an_ending(scene: Scene) -> None:
    """Covers A10, R03, R10."""
    for _ in _rounds():
        ann = scene.sign_in()
        values = [code(scene, ann) for _ in range(3)]
        verbs = [lambda value=value: exchange(scene, value) for value in values]
        outcomes = at_once(*verbs[:2], lambda ann=ann: ENDINGS["end"](scene, ann), *verbs[2:])
        assert isinstance(outcomes.pop(2), Ended)
        _ok(outcomes)
        _all_dead(scene, _answers(outcomes))
        assert all(isinstance(exchange(scene, value), Refused) for value in values)
    _nothing_outlives_its_session(scene)


def _change(scene: Scene, name: str, *, disabled: bool) -> Any:
    change = users.UserChange(disabled=disabled)
    return scene.write(users.update_user, scene.act(), scene.house.vault, "acme", name, change)


def _cut_off(scene: Scene, subject: str, name: str) -> Any:
    [row] = scene.rows(tables.metadata.tables[subject], name=name)
    return scene.write(
        cut_offs.raise_epoch,
        subject,
        row.key,
        reason=EndReason.RISK,
        actor="operator",
        now=scene.clock.now,
    )


MEANWHILE: dict[str, Callable[[Scene, str], Any]] = {
    "disable": lambda scene, name: _change(scene, name, disabled=True),
    "delete": lambda scene, name: scene.write(users.delete_user, scene.act(), "acme", name),
    "new password": lambda scene, name: passwords.set_for(
        scene.house, scene.act(), "acme", name, "a password that is new"
    ),
    "cut the organization off": lambda scene, _: _cut_off(scene, "organization", "acme"),
    "cut the user off": lambda scene, name: _cut_off(scene, "user", name),
    "cut the application off": lambda scene, _: _cut_off(scene, "application", "wiki"),
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_whatever_is_under_way_while_a_user_is_shut_out_comes_to_nothing(
    scene: Scene, what: str
) -> None:
    """Covers A11, R03, R10, W13: authorizing, exchanging and refreshing, offline as well."""
    for name in ("ann", "bob", "boss"):
        who = scene.sign_in(name)
        online, offline = granted(scene, who), granted(scene, who, scope=OFFLINE)
        near, far = code(scene, who), code(scene, who, scope=OFFLINE)

        def authorize(who: SignedIn = who) -> TokenAnswer | Refused:
            return exchange(scene, code(scene, who, scope=OFFLINE))

        outcomes: list[Any] = at_once(
            authorize,
            lambda near=near: exchange(scene, near),
            lambda online=online: refresh(scene, online),
            lambda name=name: MEANWHILE[what](scene, name),
            lambda far=far: exchange(scene, far),
            lambda offline=offline: refresh(scene, offline),
            authorize,
        )
        told = outcomes.pop(3)
        assert not isinstance(told, OstiaryError), told
        _ok(outcomes, NotSignedIn)
        if what == "disable":
            _change(scene, name, disabled=False)
        _all_dead(scene, [online, offline, *_answers(outcomes)])
        while scene.write(retention.settle_cut_offs, scene.clock.now):
            pass
        _nothing_outlives_its_session(scene)


def test_taking_a_consent_back_ends_what_is_just_being_refreshed(scene: Scene) -> None:
    """Covers D12, R10."""
    ann = scene.sign_in()
    for _ in _rounds():
        held = granted(scene, ann, scope=OFFLINE)
        outcomes: list[Any] = at_once(
            lambda held=held: refresh(scene, held),
            lambda: scene.write(consent.withdraw, scene.by(ann), "wiki"),
            lambda held=held: refresh(scene, held),
        )
        assert outcomes.pop(1) is None
        _ok(outcomes)
        _all_dead(scene, [held, *_answers(outcomes)])
    assert scene.lives(ann)


def test_a_password_grant_leaves_nothing_of_a_user_who_is_disabled_meanwhile(scene: Scene) -> None:
    """Covers R10, L16: the session that it began ends as any other."""
    client = set_up(scene, grant_types=("password", "refresh_token"))

    def grant(name: str) -> TokenAnswer | Refused:
        return direct_grants.password(
            scene.house,
            scene.act(),
            ISSUER,
            client,
            login=name,
            secret=PASSWORD,
            device=Device(),
            scope="openid",
        )

    for name in ("ann", "bob", "boss"):
        outcomes: list[Any] = at_once(
            lambda name=name: grant(name),
            lambda name=name: _change(scene, name, disabled=True),
            lambda name=name: grant(name),
        )
        assert not isinstance(outcomes.pop(1), OstiaryError)
        _ok(outcomes)
        _all_dead(scene, _answers(outcomes))
    assert not scene.rows(tables.session, ended_at=None)
    _nothing_outlives_its_session(scene)
