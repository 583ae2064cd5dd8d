"""Issuing tokens: what happens between deciding and writing, and what cut-offs do to grants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ostiary.domain.errors import Overloaded
from ostiary.domain.grant import Refused
from ostiary.domain.session import Device, EndReason
from ostiary.gateways import signing
from ostiary.services import (
    applications,
    direct_grants,
    end,
    issuing,
    keys,
    minting,
    retention,
    users,
)
from ostiary.services.minting import Minted, TokenAnswer
from ostiary.storage import cut_offs, tables
from tests.services.scene import Scene
from tests.services.tokens import (
    ISSUER,
    OFFLINE,
    client_of,
    code,
    exchange,
    granted,
    is_active,
    refresh,
    set_up,
)
from tests.support.installation import PASSWORD


def _meanwhile(
    monkeypatch: pytest.MonkeyPatch, module: Any, what: Callable[[], Any], times: int = 1
) -> None:
    """Let something happen while tokens are signed, which is between two transactions."""
    left = [what] * times

    def mint(*args: Any, **kwargs: Any) -> Minted:
        if left:
            left.pop()()
        return minting.mint(*args, **kwargs)

    monkeypatch.setattr(module, "mint", mint)


def _rename(scene: Scene, name: str) -> None:
    change = users.UserChange(display_name=name)
    scene.write(users.update_user, scene.act(), scene.house.vault, "acme", "ann", change)


def _claims(scene: Scene, answer: TokenAnswer) -> dict[str, Any]:
    published = scene.read(keys.published, scene.clock.now)
    verified = signing.verify(answer.id_token, published, signing.ALGORITHMS)
    assert verified is not None
    return verified.claims


# Between deciding and writing


def test_what_changes_while_tokens_are_signed_is_in_them(
    both: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are signed anew, since they are decided about a second time."""
    set_up(both)
    ann = both.sign_in()
    _meanwhile(monkeypatch, issuing, lambda: _rename(both, "Ann Other"))
    answer = granted(both, ann, scope=("openid", "profile"))
    assert _claims(both, answer)["name"] == "Ann Other"
    assert len(both.rows(tables.token, kind="access")) == 1


def test_a_session_that_ends_while_tokens_are_signed_gets_none(
    both: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers A10, R10: nothing was written, and nothing was given away."""
    set_up(both)
    ann = both.sign_in()
    held = granted(both, ann)
    ends = lambda: both.write(end.end_one, both.act(), ann.session.id)  # noqa: E731
    _meanwhile(monkeypatch, issuing, ends)
    assert isinstance(refresh(both, held), Refused)
    assert len(both.rows(tables.token, kind="refresh")) == 1


def test_what_never_stops_changing_is_tried_again_later(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers R09: an answer that says when, and a code that is still good."""
    set_up(scene)
    ann = scene.sign_in()
    value = code(scene, ann, scope=("openid", "profile"))
    names = iter(f"Ann {number}" for number in range(100))
    _meanwhile(monkeypatch, issuing, lambda: _rename(scene, next(names)), times=5)
    refused = exchange(scene, value)
    assert isinstance(refused, Refused)
    assert (refused.error, refused.retry_after) == ("temporarily_unavailable", 1)
    assert isinstance(exchange(scene, value), TokenAnswer)


def _own(scene: Scene) -> TokenAnswer | Refused:
    client = client_of(scene)
    return direct_grants.client_credentials(scene.house, scene.act(), ISSUER, client)


def test_an_application_that_changes_while_its_token_is_signed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers D13, R10: the token is as the application is now; without one there is none."""
    everything = ("client_credentials", "authorization_code")
    set_up(scene, grant_types=everything, scopes=("read", "write"))

    def less() -> None:
        set_up(scene, scopes=("read",))

    _meanwhile(monkeypatch, direct_grants, less)
    answer = _own(scene)
    assert isinstance(answer, TokenAnswer)
    assert answer.scope == "read"
    numbers = iter(range(100, 200))
    again = lambda: set_up(scene, access_token_lifetime=next(numbers))  # noqa: E731
    _meanwhile(monkeypatch, direct_grants, again, times=5)
    refused = _own(scene)
    assert isinstance(refused, Refused)
    assert refused.error == "temporarily_unavailable"
    gone = client_of(scene)
    delete = lambda: scene.write(applications.delete_application, scene.act(), "wiki")  # noqa: E731
    _meanwhile(monkeypatch, direct_grants, delete)
    outcomes = [
        direct_grants.client_credentials(scene.house, scene.act(), ISSUER, gone) for _ in range(2)
    ]
    assert all(isinstance(o, Refused) and o.error == "invalid_client" for o in outcomes)


def test_too_many_passwords_at_once_are_asked_to_come_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers R09."""
    client = set_up(scene, grant_types=("password",))

    def busy(*_: Any) -> None:
        raise Overloaded("the queue is full")

    monkeypatch.setattr("ostiary.services.sign_in.sign_in", busy)
    refused = direct_grants.password(
        scene.house,
        scene.act(),
        ISSUER,
        client,
        login="ann",
        secret=PASSWORD,
        device=Device(),
    )
    assert isinstance(refused, Refused)
    assert (refused.error, refused.retry_after) == ("temporarily_unavailable", 2)


# Cut-offs


@pytest.mark.parametrize("subject", ["organization", "user", "application"])
def test_a_cut_off_is_in_force_for_offline_grants_before_anything_is_settled(
    both: Scene, subject: str
) -> None:
    """Covers A14, R03: also for the applications that the session was only used in."""
    set_up(both)
    set_up(both, "mail")
    ann = both.sign_in()
    offline = granted(both, ann, "mail", OFFLINE)
    bob = both.sign_in("bob", "mail")
    other = granted(both, bob, "mail", OFFLINE)
    name = {"organization": "acme", "user": "ann", "application": "wiki"}[subject]
    [row] = both.rows(tables.metadata.tables[subject], name=name)
    both.write(
        cut_offs.raise_epoch,
        subject,
        row.key,
        reason=EndReason.ADMIN_BULK,
        actor="operator",
        now=both.clock.now,
    )
    assert not is_active(both, offline.access_token, "mail")
    assert isinstance(refresh(both, offline, "mail"), Refused)
    assert is_active(both, other.access_token, "mail") == (subject != "organization")


def test_an_offline_grant_outlives_the_row_of_its_session(scene: Scene) -> None:
    """Covers I06, W13: long after the session was purged."""
    lasting = 300 * 86_400
    set_up(scene, "mail", refresh_token_idle=lasting, refresh_token_absolute=lasting)
    ann = scene.sign_in(application="mail")
    offline, online = granted(scene, ann, "mail", OFFLINE), granted(scene, ann, "mail")
    scene.write(end.sign_out, scene.by(ann))
    scene.clock.forward(days=200)
    while scene.write(retention.purge, scene.clock.now, scene.policy):
        pass
    assert not scene.rows(tables.session, id=ann.session.id)
    assert isinstance(refresh(scene, offline, "mail"), TokenAnswer)
    assert isinstance(refresh(scene, online, "mail"), Refused)
