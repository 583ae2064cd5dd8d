"""Users: added, seen, changed, renamed, disabled, deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ostiary.domain.access import NOBODY
from ostiary.domain.errors import (
    AlreadyExists,
    BadInput,
    NotAllowed,
    NotFound,
    NotSignedIn,
    OstiaryError,
    Protected,
    ReauthenticationNeeded,
)
from ostiary.domain.events import Event
from ostiary.services import directory, passwords, users
from ostiary.services.house import Act
from ostiary.services.users import UserChange
from ostiary.storage import tables
from tests.services.scene import Scene

ALL = {"ann", "bob", "boss", "gus", "gina", "admin"}


def _add(scene: Scene, name: str, act: Act | None = None, /, **change: Any) -> Any:
    user_id = change.pop("user_id", "")
    organization = change.pop("organization", "acme")
    return scene.write(
        users.add_user,
        act or scene.act(),
        scene.house.vault,
        organization,
        name,
        UserChange(**change),
        user_id=user_id,
    )


def _update(
    scene: Scene, who: str, act: Act | None = None, owner: str = "acme", /, **change: Any
) -> users.Written:
    act = act or scene.act()
    wanted = UserChange(**change)
    return scene.write(users.update_user, act, scene.house.vault, owner, who, wanted)


def _get(scene: Scene, name: str, organization: str = "acme") -> Any:
    return scene.read(users.get_user, scene.act(), organization, name)


# Adding


def test_a_user_is_added_with_a_subject_of_her_own(both: Scene) -> None:
    added = _add(both, "cleo", email="cleo@acme.example", phone="+49 30 1", extra={"tag": "x"})
    assert _get(both, "cleo") == added
    assert len(added.id) == 36
    assert added.display_name == "cleo"
    assert users.extra_of(both.house.vault, added) == {"tag": "x"}
    (row,) = both.rows(tables.audit_event, event="user.added", user="cleo")
    assert json.loads(row.detail)["new"]["email"] == "cleo@acme.example"


def test_what_is_kept_is_kept_encrypted(scene: Scene) -> None:
    """Covers R12: nobody knows which of the further fields are secret."""
    added = _add(scene, "cleo", extra={"totpSecret": "JBSWY3DPEHPK3PXP"})
    assert "JBSWY3DPEHPK3PXP" not in str(scene.everything())
    assert users.extra_of(scene.house.vault, added)["totpSecret"] == "JBSWY3DPEHPK3PXP"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"name": ""}, BadInput),
        ({"name": "a/b"}, BadInput),
        ({"name": "x" * 101}, BadInput),
        ({"name": "ann"}, AlreadyExists),
        ({"name": "new", "organization": "nowhere"}, NotFound),
        ({"name": "new", "email": "x" * 201}, BadInput),
        ({"name": "new", "phone": "1\n2"}, BadInput),
        ({"name": "new", "display_name": ""}, BadInput),
        ({"name": "new", "display_name": "\u202eevil"}, BadInput),
        ({"name": "new", "user_id": "a/b"}, BadInput),
        ({"name": "new", "extra": {"big": "x" * 70_000}}, BadInput),
    ],
)
def test_bad_values_are_refused_and_leave_nothing(
    scene: Scene, change: dict[str, Any], error: type[OstiaryError]
) -> None:
    change, before = dict(change), scene.everything()
    with pytest.raises(error):
        _add(scene, change.pop("name", "new"), **change)
    assert scene.everything() == before


def test_a_mail_address_is_one_persons_within_an_organization(scene: Scene) -> None:
    _update(scene, "ann", email="ann@acme.example")
    with pytest.raises(AlreadyExists) as refused:
        _add(scene, "new", email="ann@acme.example")
    assert refused.value.field == "email"
    with pytest.raises(AlreadyExists):
        _update(scene, "bob", email="ann@acme.example")
    _update(scene, "ann", email="ann@acme.example")  # her own is no conflict
    _add(scene, "new", organization="globex", email="ann@acme.example")


def test_a_subject_is_never_given_twice(scene: Scene) -> None:
    """Covers G12: not even when its user is gone."""
    _add(scene, "cleo", user_id="subject-1")
    with pytest.raises(AlreadyExists):
        _add(scene, "dora", user_id="subject-1")
    scene.write(users.delete_user, scene.act(), "acme", "cleo")
    with pytest.raises(AlreadyExists):
        _add(scene, "dora", user_id="subject-1")
    again = _add(scene, "cleo")
    assert again.id != "subject-1"


# Who may


WHO: dict[str, type[OstiaryError] | None] = {
    "nobody": NotSignedIn,
    "acme/ann": NotAllowed,
    "acme/boss": None,
    "globex/gina": NotAllowed,
    "built-in/admin": None,
    "app/wiki": None,
    "app/shop": NotAllowed,
    "app/app-built-in": None,
}


def _caller(scene: Scene, who: str) -> Act:
    kind, _, name = who.partition("/")
    if who == "nobody":
        return scene.act(NOBODY)
    if kind == "app":
        return scene.by_application(name)
    return scene.by(scene.sign_in(name, "app-built-in", kind))


@pytest.mark.parametrize("who", WHO)
def test_only_administrators_add_list_and_delete(scene: Scene, who: str) -> None:
    """Covers R07, W2."""
    act, refusal = _caller(scene, who), WHO[who]
    verbs: list[Callable[[], Any]] = [
        lambda: _add(scene, "new", act),
        lambda: scene.read(users.list_users, act, "acme"),
        lambda: scene.read(users.count_users, act, "acme"),
        lambda: passwords.prepare(scene.house, act, "acme", "new", "a good pass phrase"),
        lambda: scene.write(users.delete_user, act, "acme", "bob"),
    ]
    before = scene.everything()
    for verb in verbs:
        if refusal is None:
            verb()
            continue
        with pytest.raises(refusal):
            verb()
    assert (scene.everything() == before) == (refusal is not None)


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("acme/boss", {"ann", "bob", "boss"}),
        ("globex/gina", {"gus", "gina"}),
        ("app/wiki", {"ann", "bob", "boss"}),
        ("built-in/admin", ALL),
        ("app/app-built-in", ALL),
    ],
)
def test_a_list_without_an_organization_is_what_one_administers(
    scene: Scene, who: str, seen: set[str]
) -> None:
    act = _caller(scene, who)
    assert {u.name for u in scene.read(users.list_users, act, None)} == seen
    assert scene.read(users.count_users, act, None) == len(seen)
    found, total = scene.read(directory.query_users, act, directory.UserQuery())
    assert {u.name for u in found} == seen
    assert total == len(seen)


@pytest.mark.parametrize("who", ["nobody", "acme/ann"])
def test_a_plain_user_lists_nobody(scene: Scene, who: str) -> None:
    act = _caller(scene, who)
    refusal = NotSignedIn if who == "nobody" else NotAllowed
    for verb in (users.list_users, users.count_users):
        with pytest.raises(refusal):
            scene.read(verb, act, None)
    with pytest.raises(refusal):
        scene.read(directory.count_online, act, None)


def test_how_many_are_online(scene: Scene) -> None:
    scene.sign_in("ann")
    scene.sign_in("ann")
    scene.sign_in("gus", "shop", "globex")
    assert scene.read(directory.count_online, scene.by_application("wiki"), None) == 1
    assert scene.read(directory.count_online, scene.act(), None) == 2
    scene.clock.forward(hours=2)
    assert scene.read(directory.count_online, scene.act(), None) == 0


def test_a_list_is_searched_and_continued(scene: Scene) -> None:
    act = scene.act()
    assert [u.name for u in scene.read(users.list_users, act, "acme", text="bo")] == ["bob", "boss"]
    rest = scene.read(users.list_users, act, "acme", after=("acme", "ann"), limit=1)
    assert [u.name for u in rest] == ["bob"]


@pytest.mark.parametrize(
    ("who", "organization", "name", "error"),
    [
        ("acme/ann", "acme", "ann", None),
        ("acme/ann", "acme", "bob", NotFound),
        ("acme/ann", "globex", "gus", NotFound),
        ("acme/boss", "acme", "bob", None),
        ("acme/boss", "globex", "gus", NotFound),
        ("acme/boss", "built-in", "admin", NotFound),
        ("app/shop", "acme", "ann", NotFound),
        ("built-in/admin", "acme", "ann", None),
        ("acme/boss", "acme", "not-there", NotFound),
        ("nobody", "acme", "ann", NotSignedIn),
    ],
)
def test_who_may_not_know_of_a_user_is_told_that_there_is_none(
    scene: Scene, who: str, organization: str, name: str, error: type[OstiaryError] | None
) -> None:
    """Covers R07, C10."""
    act = _caller(scene, who)
    if error is None:
        assert scene.read(users.get_user, act, organization, name).name == name
        return
    with pytest.raises(error) as refused:
        scene.read(users.get_user, act, organization, name)
    if error is NotFound:
        assert refused.value.text == f"There is no user {organization}/{name}."


def test_finding_somebody_by_mail_stays_within_reach(scene: Scene) -> None:
    """Covers R07, W2: somebody of another organization does not stand in front either."""
    _update(scene, "gus", None, "globex", email="same@example.org", phone="1")
    _update(scene, "ann", email="same@example.org", phone="1")
    find = lambda act, **by: scene.read(users.find_user, act, **by)  # noqa: E731
    boss, gina, ann = scene.boss(), _caller(scene, "globex/gina"), _caller(scene, "acme/ann")
    for by in ({"email": "same@example.org"}, {"phone": "1"}):
        assert find(boss, **by).organization == "acme"
        assert find(gina, **by).organization == "globex"
        assert find(ann, **by).name == "ann"
        assert find(scene.act(), **by).organization in {"acme", "globex"}
    assert find(boss, organization="globex", email="same@example.org") is None
    assert find(ann, email="bob@example.org") is None
    assert find(_caller(scene, "acme/bob"), email="same@example.org") is None
    assert find(scene.act(NOBODY), email="same@example.org") is None
    user_id = _get(scene, "ann").id
    assert find(boss, user_id=user_id).name == "ann"
    assert find(gina, user_id=user_id) is None


# Changing


def test_a_change_says_what_was_and_what_is(both: Scene) -> None:
    """Covers E07: audited with old and new; what is unset stays."""
    _update(both, "ann", email="ann@acme.example", extra={"title": "Dr"})
    both.clock.forward(minutes=1)
    written = _update(both, "ann", both.boss(), display_name="Ann A.")
    user = _get(both, "ann")
    assert (user.display_name, user.email) == ("Ann A.", "ann@acme.example")
    assert user.updated_at == both.clock.now
    assert users.extra_of(both.house.vault, user) == {"title": "Dr"}
    assert written.ended.count == 0
    row = both.rows(tables.audit_event, event="user.updated")[-1]
    detail = json.loads(row.detail)
    assert (row.actor, row.user) == ("acme/boss", "ann")
    assert (detail["old"]["display_name"], detail["new"]["display_name"]) == ("ann", "Ann A.")
    assert [c.kind for c in both.rows(tables.change_log)] == ["user", "user"]


def test_users_change_of_themselves_what_decides_nothing(scene: Scene) -> None:
    _update(
        scene, "ann", email="a@x.example", extra={"groups": ["staff"], "title": "Dr", "tag": None}
    )
    act = _caller(scene, "acme/ann")
    _update(scene, "ann", act, display_name="Ann")
    # As a client sends everything back, with what changed among it.
    everything = {"groups": ["staff"], "title": "Prof", "tag": None, "bio": "…"}
    _update(
        scene,
        "ann",
        act,
        name="ann",
        email="a@x.example",
        is_admin=False,
        disabled=False,
        extra=everything,
    )
    assert users.extra_of(scene.house.vault, _get(scene, "ann")) == everything


@pytest.mark.parametrize(
    "change",
    [
        {"name": "boss2"},
        {"email": "boss@acme.example"},
        {"phone": "1"},
        {"is_admin": True},
        {"disabled": True},
        {"extra": {"groups": ["staff", "admins"], "tag": None}},
        {"extra": {"tag": None}},
        {"extra": {"groups": ["staff"]}},
        {"extra": {"groups": ["staff"], "tag": None, "roles": ["root"]}},
        {"extra": {"groups": ["staff"], "tag": None, "balance": 1_000_000}},
        {"extra": {}},
    ],
)
def test_but_not_what_decides_who_they_are_or_what_they_may(
    scene: Scene, change: dict[str, Any]
) -> None:
    """Covers A15, R07: contract 4.1; groups and roles decide elsewhere."""
    _update(scene, "ann", extra={"groups": ["staff"], "tag": None})
    act = _caller(scene, "acme/ann")
    before = scene.rows(tables.user)
    with pytest.raises(NotAllowed):
        _update(scene, "ann", act, **change)
    assert scene.rows(tables.user) == before


def test_a_mail_address_cannot_be_probed_by_asking_for_it(scene: Scene) -> None:
    """Covers C10: taken or free, the answer is the same."""
    _update(scene, "bob", email="bob@acme.example")
    act = _caller(scene, "acme/ann")
    texts = set()
    for email in ("bob@acme.example", "free@acme.example"):
        with pytest.raises(NotAllowed) as refused:
            _update(scene, "ann", act, email=email)
        texts.add(refused.value.text)
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("who", "organization", "name"),
    [
        ("acme/ann", "acme", "bob"),
        ("acme/boss", "globex", "gus"),
        ("acme/boss", "built-in", "admin"),
        ("app/shop", "acme", "ann"),
    ],
)
def test_nobody_changes_users_of_somebody_else(
    scene: Scene, who: str, organization: str, name: str
) -> None:
    """Covers W2, R07."""
    act = _caller(scene, who)
    for change in ({"display_name": "x"}, {"is_admin": True}, {"disabled": True}):
        with pytest.raises(NotFound):
            _update(scene, name, act, organization, **change)


def test_an_organizations_administrator_makes_others_but_nobody_global(scene: Scene) -> None:
    """Covers R07: global is who is of the built-in organization, and nobody moves there."""
    boss = scene.boss()
    _update(scene, "bob", boss, is_admin=True)
    assert _get(scene, "bob").is_admin
    assert not scene.caller(scene.sign_in("bob")).is_global
    with pytest.raises(NotAllowed):
        _add(scene, "mole", boss, organization="built-in", is_admin=True)
    assert "organization" not in UserChange.__struct_fields__


@pytest.mark.parametrize(
    "change",
    [
        {"email": "x@y.example"},
        {"phone": "1"},
        {"name": "x"},
        {"is_admin": True},
        {"disabled": True},
    ],
)
def test_what_decides_asks_an_administrator_for_the_password_again(
    scene: Scene, change: dict[str, Any]
) -> None:
    """Covers A15, A17."""
    boss = scene.sign_in("boss", "app-built-in")
    scene.clock.forward(minutes=16)
    stale = scene.by(boss)
    with pytest.raises(ReauthenticationNeeded):
        _update(scene, "bob", stale, **change)
    with pytest.raises(ReauthenticationNeeded):
        scene.write(users.delete_user, stale, "acme", "bob")
    _update(scene, "bob", stale, display_name="Bob")
    _update(scene, "bob", scene.by_application("wiki"), **change)


# Renaming, disabling, deleting


def test_a_renamed_user_stays_who_she_is(both: Scene) -> None:
    started = both.sign_in()
    _update(both, "ann", name="anna")
    assert both.lives(started)
    assert both.caller(started).name == "anna"
    assert both.row(started).user == "anna"
    with pytest.raises(NotFound):
        _get(both, "ann")
    again = _add(both, "ann")  # the name is free
    assert again.id != _get(both, "anna").id
    assert both.rows(tables.audit_event, user="ann", event="session.started") == []


def test_a_taken_name_is_refused(scene: Scene) -> None:
    with pytest.raises(AlreadyExists) as refused:
        _update(scene, "ann", name="bob")
    assert refused.value.field == "name"
    with pytest.raises(BadInput):
        _update(scene, "ann", name="a/b")
    _update(scene, "ann", name="ann")


def test_disabling_ends_everything_and_enabling_revives_nothing(both: Scene) -> None:
    """Covers W13, A11."""
    started = [both.sign_in(), both.sign_in(application="mail")]
    written = _update(both, "ann", both.boss(), disabled=True)
    assert written.user.disabled
    assert set(written.ended.ended) == {s.session.id for s in started}
    assert both.events(user="ann")[-3:] != []
    assert Event.USER_DISABLED in both.events(user="ann")
    _update(both, "ann", disabled=True)
    assert both.events(user="ann").count(Event.USER_DISABLED) == 1
    _update(both, "ann", disabled=False)
    assert both.events(user="ann").count(Event.USER_ENABLED) == 1
    assert not any(both.lives(s) for s in started)
    assert both.lives(both.sign_in())


def test_the_last_way_in_is_not_locked(scene: Scene) -> None:
    admin = scene.admin()
    for change in ({"disabled": True}, {"name": "root"}):
        with pytest.raises(Protected):
            _update(scene, "admin", None, "built-in", **change)
    for act in (admin, scene.act()):
        with pytest.raises(Protected):
            scene.write(users.delete_user, act, "built-in", "admin")
    boss = scene.boss()
    with pytest.raises(Protected):
        _update(scene, "boss", boss, disabled=True)
    with pytest.raises(Protected):
        scene.write(users.delete_user, boss, "acme", "boss")
    _update(scene, "admin", admin, "built-in", display_name="Root")


def test_deleting_leaves_nothing_personal(both: Scene) -> None:
    """Covers W13, R12, A11: rows, audit, devices, further fields and password."""
    _update(both, "ann", email="ann@private.example", phone="+49 151 1", extra={"bio": "likes tea"})
    _update(both, "ann", name="annika")
    started = both.sign_in("annika")
    bob = both.sign_in("bob", device_secret=started.device_secret)
    _update(both, "annika", both.by(both.sign_in("annika")), display_name="Annika Person")
    ended = both.write(users.delete_user, both.boss(), "acme", "annika")
    assert ended.count == 1
    rest = {t: r for t, r in both.everything().items() if t != "notice"}
    for trace in ("annika", "'ann'", "ann@private", "151 1", "Annika Person", "likes tea"):
        assert trace not in str(rest), trace
    assert both.row(started).user.startswith("deleted:")
    assert both.rows(tables.device_user, user_key=started.session.user_key) == []
    assert both.rows(tables.credential, user_key=started.session.user_key) == []
    (row,) = both.rows(tables.audit_event, event="user.deleted")
    assert (row.actor, row.user) == ("acme/boss", both.row(started).user)
    with pytest.raises(NotFound):
        both.write(users.delete_user, both.act(), "acme", "annika")
    assert both.lives(bob)


def test_who_is_unknown_cannot_be_deleted(scene: Scene) -> None:
    with pytest.raises(NotFound):
        scene.write(users.delete_user, scene.boss(), "acme", "nobody")
    with pytest.raises(NotFound):
        _update(scene, "nobody")
