"""Organizations and applications: who keeps them, what they may be, and single sign-on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ostiary.domain.access import NOBODY
from ostiary.domain.accounts import BUILT_IN
from ostiary.domain.errors import (
    AlreadyExists,
    BadCursor,
    BadInput,
    NotAllowed,
    NotFound,
    NotSignedIn,
    OstiaryError,
    Protected,
    ReauthenticationNeeded,
)
from ostiary.domain.lifetime import LONGEST, Overrides
from ostiary.services import (
    applications,
    browse,
    doors,
    entering,
    organizations,
    overview,
    published,
    users,
)
from ostiary.services.applications import ApplicationChange
from ostiary.services.end import end_selected, sign_out
from ostiary.services.house import Act
from ostiary.services.organizations import OrganizationChange
from ostiary.storage import tables
from tests.services.scene import Scene


def _caller(scene: Scene, who: str) -> Act:
    kind, _, name = who.partition("/")
    if who == "nobody":
        return scene.act(NOBODY)
    if kind == "app":
        return scene.by_application(name)
    return scene.by(scene.sign_in(name, "app-built-in", kind))


def _organization(scene: Scene, name: str, act: Act | None = None, /, **change: Any) -> Any:
    wanted = OrganizationChange(**change)
    act = act or scene.act()
    return scene.write(organizations.update_organization, act, scene.house.vault, name, wanted)


def _application(scene: Scene, name: str, act: Act | None = None, /, **change: Any) -> Any:
    wanted = ApplicationChange(**change)
    act = act or scene.act()
    return scene.write(applications.update_application, act, scene.house.vault, name, wanted)


# Organizations


def test_an_organization_is_added_changed_and_deleted_when_it_is_empty(both: Scene) -> None:
    both.organization("fresh", extra={"masterPassword": "super-secret-master"})
    changed = _organization(
        both, "fresh", display_name="Fresh Inc.", lifetimes=Overrides(idle=60), exclusive=True
    )
    assert (changed.display_name, changed.lifetimes.idle) == ("Fresh Inc.", 60)
    vault = both.house.vault
    assert organizations.extra_of(vault, changed) == {"masterPassword": "super-secret-master"}
    assert "super-secret-master" not in str(both.everything())
    both.user("fresh", "someone")
    with pytest.raises(Protected):
        both.write(organizations.delete_organization, both.act(), "fresh")
    both.write(users.delete_user, both.act(), "fresh", "someone")
    both.write(organizations.delete_organization, both.act(), "fresh")
    with pytest.raises(NotFound):
        both.write(organizations.delete_organization, both.act(), "fresh")
    both.organization("fresh")
    events = both.events(organization="fresh")
    assert [e for e in events if e.startswith("organization.")] == [
        "organization.added",
        "organization.updated",
        "organization.deleted",
        "organization.added",
    ]
    (row,) = both.rows(tables.audit_event, organization="fresh", event="organization.updated")
    detail = json.loads(row.detail)
    assert (detail["old"]["exclusive"], detail["new"]["exclusive"]) == (False, True)


@pytest.mark.parametrize(
    "change",
    [
        {"display_name": "x" * 201},
        {"display_name": "a\nb"},
        {"default_application": "x" * 101},
        {"default_application": "a/b"},
        {"password_salt": "x" * 201},
        {"lifetimes": Overrides(idle=0)},
        {"lifetimes": Overrides(absolute=LONGEST + 1)},
        {"extra": {"x": "y" * 70_000}},
    ],
)
def test_bad_values_of_an_organization_are_refused(scene: Scene, change: dict[str, Any]) -> None:
    before = scene.everything()
    with pytest.raises(BadInput):
        _organization(scene, "acme", **change)
    with pytest.raises(BadInput):
        scene.organization("fresh", **change)
    assert scene.everything() == before


@pytest.mark.parametrize("name", ["", "a/b", "x" * 101, "..", " x"])
def test_an_organizations_name_is_part_of_ids(scene: Scene, name: str) -> None:
    with pytest.raises(BadInput):
        scene.organization(name)


def test_a_name_is_given_once(scene: Scene) -> None:
    with pytest.raises(AlreadyExists):
        scene.organization("acme")
    with pytest.raises(AlreadyExists):
        scene.application("globex", "wiki")


@pytest.mark.parametrize(
    ("who", "own", "foreign", "add"),
    [
        ("nobody", NotSignedIn, NotSignedIn, NotSignedIn),
        ("acme/ann", NotAllowed, NotAllowed, NotAllowed),
        ("acme/boss", None, NotAllowed, NotAllowed),
        ("app/wiki", None, NotAllowed, NotAllowed),
        ("built-in/admin", None, None, None),
        ("app/app-built-in", None, None, None),
    ],
)
def test_who_keeps_organizations(
    scene: Scene,
    who: str,
    own: type[OstiaryError] | None,
    foreign: type[OstiaryError] | None,
    add: type[OstiaryError] | None,
) -> None:
    """Covers R07, W2: an administrator her own; adding and deleting is for global ones."""
    scene.organization("empty")
    act, vault = _caller(scene, who), scene.house.vault
    fresh = OrganizationChange()
    verbs: list[tuple[Callable[[], Any], type[OstiaryError] | None]] = [
        (lambda: _organization(scene, "acme", act, display_name="x"), own),
        (lambda: _organization(scene, "globex", act, display_name="x"), foreign),
        (lambda: _organization(scene, BUILT_IN, act, display_name="x"), foreign),
        (lambda: scene.write(organizations.add_organization, act, vault, "new", fresh), add),
        (lambda: scene.write(organizations.delete_organization, act, "empty"), add),
    ]
    for verb, refusal in verbs:
        if refusal is None:
            verb()
            continue
        before = scene.everything()
        with pytest.raises(refusal):
            verb()
        assert scene.everything() == before


def test_which_organizations_one_sees(scene: Scene) -> None:
    names = lambda act: {o.name for o in scene.read(organizations.list_organizations, act)}  # noqa: E731
    assert names(scene.boss()) == names(_caller(scene, "acme/ann")) == {"acme"}
    assert names(scene.admin()) == {"acme", "globex", BUILT_IN}
    with pytest.raises(NotSignedIn):
        names(scene.act(NOBODY))
    get = lambda act, name: scene.read(organizations.get_organization, act, name)  # noqa: E731
    assert get(scene.boss(), "acme").name == "acme"
    for act, name in ((scene.boss(), "globex"), (_caller(scene, "acme/ann"), "acme")):
        with pytest.raises(NotFound):
            get(act, name)
    with pytest.raises(NotSignedIn):
        get(scene.act(NOBODY), "acme")
    with pytest.raises(NotFound):
        _organization(scene, "nowhere")


def test_the_built_in_things_stay(scene: Scene) -> None:
    with pytest.raises(Protected):
        scene.write(organizations.delete_organization, scene.act(), BUILT_IN)
    with pytest.raises(Protected):
        scene.write(applications.delete_application, scene.act(), "app-built-in")


# Applications


def test_an_application_has_credentials_that_can_be_changed(both: Scene) -> None:
    """Covers R01, E07: kept encrypted, and the audit says that it changed, not what it is."""
    client_id, secret = both.application("acme", "fresh", extra={"cert": "cert-built-in"})
    assert len(client_id) == 20
    assert len(secret) == 40
    find = lambda name, key: both.read(  # noqa: E731
        applications.authenticate, both.house.vault, name, key
    )
    found = find(client_id, secret)
    assert found is not None
    assert applications.caller_of(found).actor == "app/fresh"
    assert applications.extra_of(both.house.vault, found) == {"cert": "cert-built-in"}
    for wrong in ((client_id, secret[:-1]), (client_id, ""), ("unknown", secret), ("", "")):
        assert find(*wrong) is None

    _application(both, "fresh", client_id="fresh-client", client_secret="0123456789abcdef")
    assert find(client_id, secret) is None
    assert find("fresh-client", "0123456789abcdef") is not None
    rotated = both.write(applications.rotate_secret, both.act(), both.house.vault, "fresh")
    assert find("fresh-client", "0123456789abcdef") is None
    assert find("fresh-client", applications.secret_of(both.house.vault, rotated)) is not None
    dump = str(both.everything())
    assert secret not in dump
    assert "0123456789abcdef" not in dump
    details = [
        json.loads(r.detail)
        for r in both.rows(tables.audit_event, event="application.updated", application="fresh")
    ]
    assert [d["secret_changed"] for d in details] == [True, True]
    assert details[0]["new"]["client_id"] == "fresh-client"


def test_a_deleted_application_authenticates_nobody(scene: Scene) -> None:
    client_id, secret = scene.application("acme", "fresh")
    scene.write(applications.delete_application, scene.act(), "fresh")
    assert scene.read(applications.authenticate, scene.house.vault, client_id, secret) is None
    with pytest.raises(NotFound):
        scene.write(applications.delete_application, scene.act(), "fresh")
    scene.application("globex", "fresh")


@pytest.mark.parametrize(
    "change",
    [
        {"display_name": "x" * 2_001},
        {"description": "a\x00b"},
        {"client_id": "a b/c"},
        {"client_id": ""},
        {"client_secret": "too short"},
        {"client_secret": "x" * 201},
        {"lifetimes": Overrides(remembered_idle=-1)},
        {"redirect_uris": ("https://x.example/",) * 101},
        {"redirect_uris": ("/relative",)},
        {"redirect_uris": ("https://x.example/#frag",)},
        {"redirect_uris": ("https://user@x.example/",)},
        {"redirect_uris": ("https://x.example\\@evil.example/",)},
        {"redirect_uris": ("https://x.example:port/",)},
        {"redirect_uris": ("https://[::1/",)},
        {"redirect_uris": ("https:///no-host",)},
        {"redirect_uris": ("javascript:alert(1)",)},
        {"redirect_uris": ("data:text/html,x",)},
        {"redirect_uris": ("com.example.app:/x#y",)},
        {"redirect_uris": ("com.example.app:/x\ny",)},
        {"redirect_uris": ("https://x.example/a b",)},
        {"backchannel_logout_uri": "ftp://x.example/"},
        {"backchannel_logout_uri": "https://x.example/#frag"},
        {"backchannel_logout_uri": "x" * 3_000},
        {"homepage_url": "javascript:alert(1)"},
        {"homepage_url": "//evil.example"},
    ],
)
def test_bad_values_of_an_application_are_refused(scene: Scene, change: dict[str, Any]) -> None:
    """Covers D05, B16, I08."""
    before = scene.everything()
    with pytest.raises(BadInput):
        _application(scene, "wiki", **change)
    assert scene.everything() == before


def test_good_addresses_are_taken(scene: Scene) -> None:
    addresses = (
        "https://x.example/callback?a=b",
        "http://127.0.0.1:8080/cb",
        "com.example.app:/oauth",
    )
    changed = _application(
        scene,
        "wiki",
        redirect_uris=addresses,
        homepage_url="https://wiki.example/#/home",
        backchannel_logout_uri="",
    )
    assert changed.redirect_uris == addresses
    assert changed.homepage_url.endswith("#/home")


def test_a_client_id_is_given_once(scene: Scene) -> None:
    _application(scene, "wiki", client_id="the-wiki")
    _application(scene, "wiki", client_id="the-wiki")
    with pytest.raises(AlreadyExists) as refused:
        _application(scene, "shop", client_id="the-wiki")
    assert refused.value.field == "client_id"


@pytest.mark.parametrize(
    ("who", "own", "foreign", "reading"),
    [
        ("nobody", NotSignedIn, NotSignedIn, NotSignedIn),
        ("acme/ann", NotFound, NotFound, NotFound),
        ("acme/boss", None, NotFound, NotFound),
        ("app/wiki", None, NotFound, NotFound),
        ("app/shop", NotFound, None, None),
        ("built-in/admin", None, None, None),
    ],
)
def test_who_keeps_applications(
    scene: Scene,
    who: str,
    own: type[OstiaryError] | None,
    foreign: type[OstiaryError] | None,
    reading: type[OstiaryError] | None,
) -> None:
    """Covers R07, W2: of acme's mail, and of globex's shop."""
    act = _caller(scene, who)
    verbs: list[tuple[Callable[[], Any], type[OstiaryError] | None]] = [
        (lambda: scene.read(applications.get_application, act, "shop"), reading),
        (lambda: _application(scene, "mail", act, description="x"), own),
        (lambda: _application(scene, "shop", act, description="x"), foreign),
        (lambda: scene.write(applications.delete_application, act, "mail"), own),
    ]
    for verb, refusal in verbs:
        if refusal is None:
            verb()
            continue
        with pytest.raises(refusal):
            verb()


def test_applications_are_added_where_one_administers(scene: Scene) -> None:
    """Covers R07, W2: and never move, nor become global."""
    boss, vault = scene.boss(), scene.house.vault
    add = lambda owner, name: scene.write(  # noqa: E731
        applications.add_application, boss, vault, owner, name, ApplicationChange()
    )
    assert add("acme", "new").organization == "acme"
    for owner in ("globex", BUILT_IN):
        with pytest.raises(NotAllowed):
            add(owner, "mole")
    with pytest.raises(BadInput):
        add("acme", "a/b")
    with pytest.raises(NotFound):
        scene.write(
            applications.add_application, scene.act(), vault, "no", "x", ApplicationChange()
        )
    assert not {"organization", "name"} & set(ApplicationChange.__struct_fields__)


def test_which_applications_one_sees(scene: Scene) -> None:
    names = lambda act, owner=None: {  # noqa: E731
        a.name for a in scene.read(applications.list_applications, act, owner)
    }
    assert names(scene.boss()) == names(scene.admin(), "acme") == {"wiki", "mail"}
    assert names(scene.admin()) == {"wiki", "mail", "shop", "app-built-in"}
    with pytest.raises(NotAllowed):
        names(scene.boss(), "globex")
    with pytest.raises(NotAllowed):
        names(_caller(scene, "acme/ann"))
    with pytest.raises(NotSignedIn):
        names(scene.act(NOBODY))


def test_deleting_an_application_asks_for_the_password_again(scene: Scene) -> None:
    """Covers A17: it ends sessions."""
    boss = scene.sign_in("boss", "app-built-in")
    scene.clock.forward(minutes=16)
    with pytest.raises(ReauthenticationNeeded):
        scene.write(applications.delete_application, scene.by(boss), "wiki")


# Pages of them


def test_they_are_paged_by_name(scene: Scene) -> None:
    for number in range(4):
        scene.organization(f"org{number}")
        scene.application("acme", f"app{number}")
    act, vault = scene.admin(), scene.house.vault
    page = scene.read(browse.browse_organizations, act, vault, text="org", limit=3)
    assert [o.name for o in page.items] == ["org0", "org1", "org2"]
    rest = scene.read(
        browse.browse_organizations, act, vault, text="org", cursor=page.next, limit=3
    )
    assert [o.name for o in rest.items] == ["org3"]
    apps = scene.read(browse.browse_applications, scene.boss(), vault, None, limit=4)
    assert [a.name for a in apps.items] == ["app0", "app1", "app2", "app3"]
    assert apps.total == 6
    with pytest.raises(BadCursor):
        scene.read(browse.browse_applications, act, vault, None, cursor=apps.next)
    with pytest.raises(NotAllowed):
        scene.read(browse.browse_applications, scene.boss(), vault, "globex")
    own = scene.read(browse.browse_organizations, scene.boss(), vault)
    assert [o.name for o in own.items] == ["acme"]


# Doors, and what anybody may know


def _door(scene: Scene, *names: str) -> doors.Door:
    return scene.read(doors.door, scene.policy.lifetimes, *names)


def test_every_organization_has_a_door(scene: Scene) -> None:
    door = _door(scene, "acme")
    assert (door.organization, door.application) == ("acme", "app-built-in")
    _organization(scene, "acme", default_application="wiki", display_name="Acme Inc.")
    door = _door(scene, "acme")
    assert (door.application, door.organization_name) == ("wiki", "Acme Inc.")
    assert _door(scene, "acme", "mail").application == "mail"
    scene.write(applications.delete_application, scene.act(), "wiki")
    assert _door(scene, "acme").application == "app-built-in"
    for organization, application in (("acme", "shop"), ("acme", "no"), ("no", "")):
        with pytest.raises(NotFound):
            _door(scene, organization, application)


def test_a_default_application_of_somebody_else_is_no_door(scene: Scene) -> None:
    """Covers W2: an administrator can write any name there."""
    _organization(scene, "acme", scene.boss(), default_application="shop")
    with pytest.raises(NotFound):
        _door(scene, "acme")


def test_what_is_published(scene: Scene) -> None:
    wiki = scene.read(published.application, "wiki")
    assert wiki is not None
    assert scene.read(published.application_of_client, wiki.client_id) == wiki
    assert scene.read(published.application_of_client, "no") is None
    assert scene.read(published.organization, "acme") is not None
    assert scene.read(published.organization, "no") is None
    assert scene.read(doors.organization_name, "acme") == "acme"
    assert scene.read(doors.organization_name, "gone") == "gone"
    assert scene.read(doors.only_organization) is None


# Single sign-on


def test_one_session_is_used_in_several_applications(both: Scene) -> None:
    """Covers I05: each is remembered, and told at the end."""
    started = both.sign_in(application="mail")
    act = both.by(started)
    for _ in range(2):
        assert both.write(entering.enter, act, "wiki").id == started.session.id
    assert len(both.rows(tables.client_session)) == 2
    assert both.events(event="session.entered") == ["session.entered"]
    ended = both.write(end_selected, both.act(), [started.session.id])
    assert (ended.pending, ended.without_address) == (("wiki",), ("mail",))


@pytest.mark.parametrize(
    ("application", "error"), [("shop", NotAllowed), ("nothing", NotFound), ("wiki", NotAllowed)]
)
def test_where_one_may_not_go(scene: Scene, application: str, error: type[OstiaryError]) -> None:
    """Covers W12, R07."""
    act = scene.by(scene.sign_in(application="mail"))
    _application(scene, "wiki", sign_in_disabled=True)
    with pytest.raises(error):
        scene.write(entering.enter, act, application)
    _organization(scene, "acme", sign_in_disabled=True)
    with pytest.raises(NotAllowed):
        scene.write(entering.enter, act, "mail")
    assert len(scene.rows(tables.client_session)) == 1


def test_without_a_live_session_nobody_goes_on(scene: Scene) -> None:
    """Covers W12."""
    act = scene.by(scene.sign_in(application="mail"))
    scene.write(sign_out, act)
    for one in (act, scene.act(), scene.act(NOBODY), scene.by_application("wiki")):
        with pytest.raises(NotSignedIn):
            scene.write(entering.enter, one, "mail")


# The overview


def test_the_headline_numbers(scene: Scene) -> None:
    for _ in range(3):
        started = scene.sign_in()
    scene.write(end_selected, scene.act(), [started.session.id])
    scene.sign_in("gus", "shop", "globex")
    numbers = scene.read(overview.overview, scene.by_application("wiki"))
    assert (numbers.live.number, numbers.started.number, numbers.ended.number) == (2, 3, 1)
    assert (numbers.failed.number, numbers.waiting.number) == (0, 1)
    assert [(r.value, n) for r, n in numbers.reasons] == [("revoked", 1)]
    assert scene.read(overview.overview, scene.act()).live.number == 3
    assert scene.read(overview.overview, scene.act(), "globex").live.number == 1
    with pytest.raises(NotAllowed):
        scene.read(overview.overview, scene.by_application("shop"), "acme")
    scene.clock.forward(days=2)
    later = scene.read(overview.overview, scene.by_application("wiki"))
    assert (later.live.number, later.started.number, later.ended.number) == (0, 0, 0)
