"""Who may see and change which rows: every kind of caller against every kind of row."""

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.domain.access import (
    NOBODY,
    OPERATOR,
    SYSTEM,
    Caller,
    Kind,
    application_caller,
    may_administer,
    may_touch_user,
    reach_of,
    require_administrator,
    require_fresh,
    require_global,
    require_user,
    user_caller,
)
from ostiary.domain.accounts import BUILT_IN, Application, User
from ostiary.domain.errors import NotAllowed, NotSignedIn, ReauthenticationNeeded
from tests.domain.strategies import NOW, session


def user(organization: str, name: str, *, is_admin: bool = False) -> User:
    return User(
        key=7,
        id="subject",
        organization_key=1,
        organization=organization,
        name=name,
        display_name=name,
        created_at=NOW,
        updated_at=NOW,
        is_admin=is_admin,
    )


def application(organization: str, name: str = "wiki") -> Application:
    return Application(
        key=1,
        name=name,
        organization_key=1,
        organization=organization,
        display_name=name,
        created_at=NOW,
        client_id="id",
        sealed_secret=b"",
    )


CALLERS = {
    "nobody": NOBODY,
    "operator": OPERATOR,
    "system": SYSTEM,
    "global user": user_caller(user(BUILT_IN, "root"), session()),
    "global application": application_caller(application(BUILT_IN)),
    "acme admin": user_caller(user("acme", "boss", is_admin=True), session()),
    "acme user": user_caller(user("acme", "ann"), session()),
    "acme application": application_caller(application("acme")),
    "beta admin": user_caller(user("beta", "boss", is_admin=True), session()),
    "beta user": user_caller(user("beta", "ann"), session()),
    "beta application": application_caller(application("beta")),
}
GLOBAL = {"operator", "system", "global user", "global application"}
ORGANIZATIONS = ("acme", "beta", BUILT_IN, "", "ACME", "acme ")
USERS = ("ann", "boss", "root", "bob", "", "wiki")


def _administered_by(who: str) -> set[str]:
    if who in GLOBAL:
        return set(ORGANIZATIONS)
    return {who.split(maxsplit=1)[0]} if who.endswith(("admin", "application")) else set()


@pytest.mark.parametrize("organization", ORGANIZATIONS)
@pytest.mark.parametrize("who", CALLERS)
def test_who_administers_what(who: str, organization: str) -> None:
    """Covers W1, W2, R07."""
    caller, may = CALLERS[who], organization in _administered_by(who)
    assert may_administer(caller, organization) is may
    if may:
        require_administrator(caller, organization)
    else:
        with pytest.raises(NotSignedIn if who == "nobody" else NotAllowed):
            require_administrator(caller, organization)


@pytest.mark.parametrize("who", CALLERS)
def test_who_touches_whose_sessions(who: str) -> None:
    """Covers W1, W2, R07: administrators, and users their own; an empty part is no wildcard."""
    touched = {
        (organization, name)
        for organization, name in product(ORGANIZATIONS, USERS)
        if may_touch_user(CALLERS[who], organization, name)
    }
    expected = set(product(_administered_by(who), USERS))
    if who in {"acme user", "beta user"}:
        expected.add((who.removesuffix(" user"), "ann"))
    assert touched == expected


@pytest.mark.parametrize("who", CALLERS)
def test_only_global_callers_are_global(who: str) -> None:
    caller = CALLERS[who]
    assert caller.is_global is (who in GLOBAL)
    if who in GLOBAL:
        require_global(caller)
    else:
        with pytest.raises(NotSignedIn if who == "nobody" else NotAllowed):
            require_global(caller)


@pytest.mark.parametrize("asked", [None, *ORGANIZATIONS])
@pytest.mark.parametrize("who", CALLERS)
def test_lists_are_narrowed_to_what_one_administers(who: str, asked: str | None) -> None:
    """Covers W2: nobody's list grows by what she asks for."""
    caller, own = CALLERS[who], _administered_by(who)
    if who in GLOBAL:
        assert reach_of(caller, asked) == (asked or None)
    elif own and (not asked or asked in own):
        assert reach_of(caller, asked) == next(iter(own))
    else:
        with pytest.raises(NotSignedIn if who == "nobody" else NotAllowed):
            reach_of(caller, asked)


@pytest.mark.parametrize("who", CALLERS)
def test_only_a_session_makes_a_user(who: str) -> None:
    if "user" in who or "admin" in who:
        require_user(CALLERS[who])
    else:
        with pytest.raises(NotSignedIn):
            require_user(CALLERS[who])


def test_a_user_without_a_session_is_no_user_of_the_pages() -> None:
    with pytest.raises(NotSignedIn):
        require_user(user_caller(user("acme", "ann")))


def test_who_presents_a_dead_session_hears_why() -> None:
    dead = Caller(dead_reason="idle", organization="acme")
    for refuse in (require_user, require_global):
        with pytest.raises(NotSignedIn) as caught:
            refuse(dead)
        assert caught.value.reason == "idle"
    assert not may_administer(dead, "acme")
    assert not may_touch_user(dead, "acme", "")


def test_actors_have_one_spelling() -> None:
    assert {who: caller.actor for who, caller in CALLERS.items()} == {
        "nobody": "nobody",
        "operator": "operator",
        "system": "system",
        "global user": "built-in/root",
        "global application": "app/wiki",
        "acme admin": "acme/boss",
        "acme user": "acme/ann",
        "acme application": "app/wiki",
        "beta admin": "beta/boss",
        "beta user": "beta/ann",
        "beta application": "app/wiki",
    }


def test_a_caller_knows_the_session_it_came_by() -> None:
    came_by = session(id="f" * 32, authenticated_at=NOW - timedelta(hours=1))
    caller = user_caller(user("acme", "ann"), came_by)
    assert (caller.user_key, caller.session_id) == (7, "f" * 32)
    assert caller.authenticated_at == NOW - timedelta(hours=1)
    assert not caller.is_admin
    assert user_caller(user(BUILT_IN, "root")).is_admin  # contract 2.3: each of them is one


@pytest.mark.parametrize(("age", "fresh"), [(0, True), (900, True), (901, False), (-60, True)])
def test_an_old_authentication_is_asked_for_again(*, age: int, fresh: bool) -> None:
    """Covers A16: only users who came by a cookie are asked."""
    came_by = session(authenticated_at=NOW - timedelta(seconds=age))
    caller = user_caller(user("acme", "ann"), came_by)
    if fresh:
        require_fresh(caller, NOW, within=900)
    else:
        with pytest.raises(ReauthenticationNeeded):
            require_fresh(caller, NOW, within=900)
    for other in (OPERATOR, application_caller(application("acme")), user_caller(user("a", "b"))):
        require_fresh(other, NOW, within=0)


NAMES = st.sampled_from(["", "acme", "beta", BUILT_IN])


@given(
    st.builds(
        Caller,
        kind=st.sampled_from(Kind),
        organization=NAMES,
        name=st.sampled_from(["", "ann", "bob"]),
        is_admin=st.booleans(),
        session_id=st.none() | st.just("0" * 32),
    ),
    NAMES,
    st.sampled_from(["", "ann", "bob"]),
)
def test_an_administrator_touches_every_user_and_nobody_nothing(
    caller: Caller, organization: str, name: str
) -> None:
    if may_administer(caller, organization):
        assert may_touch_user(caller, organization, name)
        assert caller.kind is not Kind.NOBODY
    if caller.kind is Kind.NOBODY:
        assert not may_touch_user(caller, organization, name)
    if may_touch_user(caller, organization, name) and not caller.is_global:
        assert organization == caller.organization
