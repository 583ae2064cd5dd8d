"""Organizations, applications and users: listed, added, changed and deleted."""

from typing import Any

from ostiary.services import sign_in
from tests.api.world import Client, World, back, ids, items_of, names, problem, walk
from tests.support.installation import PASSWORD

NEW = "four more words in a row"


def numbered(client: Client, path: str, count: int, **fixed: Any) -> list[str]:
    """Things with numbered names."""
    made = [f"thing-{number:02}" for number in range(count)]
    for name in made:
        answer = client.post(path, json={"name": name, **fixed})
        assert answer.status_code == 201, answer.text
    return made


def test_every_list_can_be_walked_forwards_and_backwards(both: World) -> None:
    made = {
        "/v1/organizations": numbered(both.admin, "/v1/organizations", 5),
        "/v1/applications": numbered(both.admin, "/v1/applications", 5, organization="acme"),
        "/v1/users": numbered(both.admin, "/v1/users", 5, organization="acme"),
    }
    for path, expected in made.items():
        whole = items_of(walk(both.admin, path, text="thing"), "name")
        assert whole == expected
        for size in (1, 2, 4, 5):
            pages = walk(both.admin, path, text="thing", limit=size)
            assert items_of(pages, "name") == expected
            assert {(p["total"], p["total_is_exact"]) for p in pages} == {(5, True)}
            again = [*back(both.admin, path, pages[-1], text="thing", limit=size), pages[-1]]
            assert [p["items"] for p in again] == [p["items"] for p in pages]
        cursor = both.admin.get(path, params={"limit": 1}).json()["next"]
        problem(both.admin.get(path, params={"cursor": cursor, "text": "x"}), 400, "bad_cursor")
        problem(both.boss.get(path, params={"cursor": cursor}), 400, "bad_cursor")


def test_lists_hold_what_the_caller_administers(both: World) -> None:
    """Covers R07."""
    assert names(both.boss.get("/v1/organizations")) == ["acme"]
    assert names(both.wiki.get("/v1/organizations")) == ["acme"]
    assert names(both.admin.get("/v1/organizations")) == ["acme", "built-in", "globex"]
    assert names(both.boss.get("/v1/applications")) == ["wiki"]
    assert names(both.admin.get("/v1/applications")) == ["app-built-in", "portal", "wiki"]
    assert names(both.builtin.get("/v1/applications?organization=globex")) == ["portal"]
    assert names(both.boss.get("/v1/users")) == ["ann", "bob", "boss"]
    assert names(both.portal.get("/v1/users")) == ["eve"]
    assert names(both.admin.get("/v1/users?organization=globex")) == ["eve"]
    assert names(both.admin.get("/v1/users")) == ["ann", "bob", "boss", "admin", "eve"]
    for path in ("/v1/applications", "/v1/users"):
        problem(both.boss.get(f"{path}?organization=globex"), 403, "not_allowed")
        assert both.admin.get(f"{path}?organization=nowhere").json()["total"] == 0


def test_lists_are_searched_by_words(world: World) -> None:
    world.boss.patch("/v1/users/acme/ann", json={"display_name": "Ann Archer"})
    world.boss.patch("/v1/users/acme/bob", json={"email": "bob@acme.example"})
    assert names(world.boss.get("/v1/users", params={"text": "archer ANN"})) == ["ann"]
    assert names(world.boss.get("/v1/users", params={"text": "acme.example"})) == ["bob"]
    assert names(world.boss.get("/v1/users", params={"text": "%"})) == []
    client_id = world.secrets["wiki"][0]
    assert names(world.admin.get("/v1/applications", params={"text": client_id})) == ["wiki"]
    assert names(world.admin.get("/v1/organizations", params={"text": "GLOB"})) == ["globex"]


def test_an_organization_lives_its_life(both: World) -> None:
    body = {
        "name": "initech",
        "display_name": "Initech Inc.",
        "lifetimes": {"idle": 900, "absolute": None},
        "exclusive": True,
    }
    added = both.admin.post("/v1/organizations", json=body)
    assert added.status_code == 201
    assert added.headers["location"] == "http://127.0.0.1:8000/v1/organizations/initech"
    assert added.json() == {
        "name": "initech",
        "display_name": "Initech Inc.",
        "default_application": "",
        "lifetimes": {
            "idle": 900,
            "absolute": None,
            "remembered_idle": None,
            "remembered_absolute": None,
        },
        "exclusive": True,
        "sign_in_disabled": False,
        "keep_sessions_on_password_change": False,
        "created_at": "2026-11-24T09:00:00Z",
    }
    where = "/v1/organizations/initech"
    assert both.admin.get(added.headers["location"]).json() == added.json()
    changed = both.admin.patch(where, json={"lifetimes": {"absolute": 7_200}}).json()
    assert changed["lifetimes"]["idle"] == 900
    assert changed["lifetimes"]["absolute"] == 7_200
    assert changed["exclusive"] is True
    changed = both.admin.patch(where, json={"lifetimes": {"idle": None}, "exclusive": False})
    assert changed.json()["lifetimes"]["idle"] is None
    assert changed.json()["lifetimes"]["absolute"] == 7_200
    assert both.admin.get(where).json() == changed.json()
    problem(both.admin.post("/v1/organizations", json=body), 409, "already_exists")
    both.here.user("initech", "peter")
    problem(both.admin.delete(where), 409, "protected")
    assert both.admin.delete("/v1/users/initech/peter").status_code == 200
    gone = both.admin.delete(where)
    assert (gone.status_code, gone.content) == (204, b"")
    problem(both.admin.get(where), 404, "not_found")
    problem(both.admin.delete(where), 404, "not_found")
    problem(both.admin.delete("/v1/organizations/built-in"), 409, "protected")


def test_new_lifetimes_hold_for_new_sessions(world: World) -> None:
    """Covers A01."""
    before = world.start("acme/ann", "wiki")
    world.boss.patch("/v1/organizations/acme", json={"lifetimes": {"idle": 60}})
    world.boss.patch("/v1/applications/wiki", json={"lifetimes": {"absolute": 120}})
    after = world.start("acme/ann", "wiki")
    shown = {one: world.boss.get(f"/v1/sessions/{one}").json() for one in (before, after)}
    assert shown[before]["expires_at"] == "2026-11-25T09:00:00Z"
    assert shown[after]["expires_at"] == "2026-11-24T09:02:00Z"
    assert shown[after]["idle_expires_at"] == "2026-11-24T09:01:00Z"


def test_an_application_lives_its_life_and_shows_its_secret_once(both: World) -> None:
    """Covers R07."""
    body = {
        "organization": "acme",
        "name": "shop",
        "display_name": "Shop",
        "redirect_uris": ["https://shop.example/callback", "com.example.shop:/callback"],
        "backchannel_logout_uri": "https://shop.example/out",
        "lifetimes": {"idle": 300},
    }
    added = both.boss.post("/v1/applications", json=body)
    assert added.status_code == 201
    assert added.headers["location"].endswith("/v1/applications/shop")
    secret = added.json()["client_secret"]
    client_id = added.json()["client_id"]
    assert len(secret) == 40
    shown = both.boss.get("/v1/applications/shop")
    assert shown.json() == {k: v for k, v in added.json().items() if k != "client_secret"}
    assert shown.json()["redirect_uris"] == body["redirect_uris"]
    both.secrets["shop"] = (client_id, secret)
    shop = both.basic("shop")
    assert shop.get("/v1/users").status_code == 200
    rotated = both.boss.post("/v1/applications/shop/secret")
    assert rotated.json()["client_id"] == client_id
    assert rotated.json()["client_secret"] != secret
    refused = shop.get("/v1/users")
    problem(refused, 401, "not_signed_in")
    assert refused.headers["www-authenticate"] == 'Basic realm="Ostiary", charset="UTF-8"'
    both.secrets["shop"] = (client_id, rotated.json()["client_secret"])
    renewed = both.basic("shop")
    assert renewed.get("/v1/users").status_code == 200
    for answer in (
        both.boss.get("/v1/applications"),
        both.boss.get("/v1/applications/shop"),
        both.boss.patch("/v1/applications/shop", json={"description": "Buy things"}),
        both.boss.get("/v1/events"),
    ):
        assert rotated.json()["client_secret"] not in answer.text
        assert secret not in answer.text
    changed = both.boss.patch(
        "/v1/applications/shop", json={"redirect_uris": [], "lifetimes": {"absolute": 600}}
    ).json()
    assert changed["redirect_uris"] == []
    assert (changed["lifetimes"]["idle"], changed["lifetimes"]["absolute"]) == (300, 600)
    assert changed["description"] == "Buy things"
    problem(both.boss.post("/v1/applications", json=body), 409, "already_exists")
    taken = {"organization": "acme", "name": "other", "client_id": client_id}
    problem(both.boss.post("/v1/applications", json=taken), 409, "already_exists")
    gone = both.boss.delete("/v1/applications/shop")
    assert (gone.status_code, gone.content) == (204, b"")
    problem(both.boss.get("/v1/applications/shop"), 404, "not_found")
    problem(renewed.get("/v1/users"), 401, "not_signed_in")


def test_the_built_in_application_cannot_be_deleted(world: World) -> None:
    problem(world.admin.delete("/v1/applications/app-built-in"), 409, "protected")


def test_a_user_lives_her_life(both: World) -> None:
    body = {
        "organization": "acme",
        "name": "carl",
        "display_name": "Carl Carpenter",
        "email": "carl@acme.example",
        "password": PASSWORD,
    }
    added = both.wiki.post("/v1/users", json=body)
    assert added.status_code == 201
    assert added.headers["location"].endswith("/v1/users/acme/carl")
    shown = both.wiki.get("/v1/users/acme/carl")
    assert shown.json() == added.json()
    assert shown.json()["email"] == "carl@acme.example"
    assert "password" not in shown.text
    made = both.start("acme/carl")
    changed = both.wiki.patch(
        "/v1/users/acme/carl", json={"display_name": "C. C.", "name": "charles"}
    ).json()
    assert changed["ending"] is None
    assert changed["user"]["id"] == added.json()["id"]
    assert changed["user"]["name"] == "charles"
    problem(both.wiki.get("/v1/users/acme/carl"), 404, "not_found")
    assert both.wiki.get(f"/v1/sessions/{made}").json()["user"] == "charles"
    gone = both.wiki.delete("/v1/users/acme/charles")
    assert gone.json()["ended"] == [made]
    problem(both.wiki.delete("/v1/users/acme/charles"), 404, "not_found")
    assert both.wiki.get(f"/v1/sessions/{made}").json()["ended"]["reason"] == "user_deleted"


def test_disabling_a_user_says_what_it_ended(both: World) -> None:
    """Covers A11, W13."""
    client, first = both.sign_in("acme/ann", application="wiki")
    second = both.start("acme/ann")
    done = both.boss.patch("/v1/users/acme/ann", json={"disabled": True}).json()
    assert done["user"]["disabled"] is True
    assert set(done["ending"]["ended"]) == {first, second}
    assert done["ending"]["pending"] == ["wiki"]
    problem(client.get("/v1/me"), 401, "not_signed_in")
    again = both.boss.patch("/v1/users/acme/ann", json={"disabled": True}).json()
    assert again["ending"] is None
    enabled = both.boss.patch("/v1/users/acme/ann", json={"disabled": False}).json()
    assert enabled["user"]["disabled"] is False
    problem(client.get("/v1/me"), 401, "not_signed_in")


def test_a_password_set_by_an_administrator_ends_all_and_has_to_be_changed(both: World) -> None:
    """Covers C11, W23."""
    client, made = both.sign_in("acme/ann")
    done = both.boss.put("/v1/users/acme/ann/password", json={"password": NEW})
    assert done.json()["ended"] == [made]
    problem(client.get("/v1/me"), 401, "not_signed_in")
    stored = both.here.read(_must_change, "acme", "ann")
    assert stored is True
    both.wiki.put("/v1/users/acme/ann/password", json={"password": NEW + "!"})
    assert both.here.read(_must_change, "acme", "ann") is False
    problem(
        both.boss.put("/v1/users/acme/boss/password", json={"password": NEW}), 403, "not_allowed"
    )


def _must_change(tx: Any, organization: str, name: str) -> bool:
    user = sign_in.users.get(tx, organization, name)
    assert user is not None
    credential = sign_in.users.credential_of(tx, user.key)
    assert credential is not None
    return credential.must_change


def test_what_ends_sessions_asks_an_administrator_for_her_password(world: World) -> None:
    """Covers A16."""
    boss = world.boss
    world.start("acme/ann")
    world.here.clock.forward(minutes=16)
    for method, path, body in (
        ("PATCH", "/v1/users/acme/ann", {"disabled": True}),
        ("DELETE", "/v1/users/acme/ann", None),
        ("PUT", "/v1/users/acme/ann/password", {"password": NEW}),
    ):
        problem(boss.request(method, path, json=body), 403, "reauthentication_needed")
    assert len(ids(boss.get("/v1/sessions", params={"user": "ann"}))) == 1


def test_users_change_of_themselves_only_what_decides_nothing(world: World) -> None:
    """Covers A15."""
    plain = world.plain
    changed = plain.patch("/v1/users/acme/ann", json={"display_name": "Ann A."})
    assert changed.json()["user"]["display_name"] == "Ann A."
    for body in (
        {"email": "new@acme.example"},
        {"phone": "+49 30 1"},
        {"is_admin": True},
        {"name": "boss2"},
        {"disabled": True},
    ):
        problem(plain.patch("/v1/users/acme/ann", json=body), 403, "not_allowed")
    problem(plain.put("/v1/users/acme/ann/password", json={"password": NEW}), 403, "not_allowed")


def test_what_cannot_be_used_is_refused_with_its_field(world: World) -> None:
    long = "x" * 101
    bad: list[tuple[str, str, Any, str]] = [
        ("POST", "/v1/organizations", {"name": "a/b"}, "name"),
        ("POST", "/v1/organizations", {"name": ""}, "name"),
        ("POST", "/v1/organizations", {"name": long}, "name"),
        ("POST", "/v1/organizations", {"display_name": "No name"}, "name"),
        ("POST", "/v1/organizations", {"name": "x", "display_name": "a\nb"}, "display_name"),
        ("POST", "/v1/organizations", {"name": "x", "lifetimes": {"idle": 0}}, "lifetimes.idle"),
        ("POST", "/v1/organizations", {"name": "x", "lifetimes": {"idle": "1h"}}, "lifetimes.idle"),
        (
            "POST",
            "/v1/organizations",
            {"name": "x", "lifetimes": {"idle": 10**40}},
            "lifetimes.idle",
        ),
        (
            "PATCH",
            "/v1/organizations/acme",
            {"lifetimes": {"absolute": 34_560_001}},
            "lifetimes.absolute",
        ),
        ("PATCH", "/v1/organizations/acme", {"name": "other"}, "name"),
        ("PATCH", "/v1/organizations/acme", {"password_salt": "x"}, "password_salt"),
        ("POST", "/v1/applications", {"name": "x"}, "organization"),
        ("POST", "/v1/applications", {"organization": "acme", "name": "..%2f"}, "name"),
        (
            "PATCH",
            "/v1/applications/wiki",
            {"redirect_uris": ["javascript:alert(1)"]},
            "redirect_uris",
        ),
        (
            "PATCH",
            "/v1/applications/wiki",
            {"redirect_uris": ["https://u@x.example"]},
            "redirect_uris",
        ),
        ("PATCH", "/v1/applications/wiki", {"redirect_uris": ["https://x"] * 101}, "redirect_uris"),
        (
            "PATCH",
            "/v1/applications/wiki",
            {"backchannel_logout_uri": "file:///etc/passwd"},
            "backchannel_logout_uri",
        ),
        ("PATCH", "/v1/applications/wiki", {"client_secret": "x" * 40}, "client_secret"),
        ("PATCH", "/v1/applications/wiki", {"organization": "globex"}, "organization"),
        ("POST", "/v1/users", {"organization": "acme", "name": "."}, "name"),
        (
            "POST",
            "/v1/users",
            {"organization": "acme", "name": "x", "password": "12345678"},
            "password",
        ),
        ("POST", "/v1/users", {"organization": "acme", "name": "x", "is_admin": "yes"}, "is_admin"),
        ("POST", "/v1/users", {"organization": "acme", "name": "x", "id": "1"}, "id"),
        ("PATCH", "/v1/users/acme/ann", {"display_name": ""}, "display_name"),
        ("PATCH", "/v1/users/acme/ann", {"email": "x" * 201}, "email"),
        ("PATCH", "/v1/users/acme/ann", {"email": None}, "email"),
        ("PATCH", "/v1/users/acme/ann", {"password": NEW}, "password"),
        ("PUT", "/v1/users/acme/ann/password", {}, "password"),
        ("PUT", "/v1/users/acme/ann/password", {"password": "ann"}, "password"),
    ]
    for method, path, body, field in bad:
        answer = world.builtin.request(method, path, json=body)
        found = problem(answer, 400, "bad_input")
        assert (path, body, found["field"]) == (path, body, field)
    assert world.builtin.get("/v1/organizations").json()["total"] == 3


def test_what_is_not_there_is_not_found(world: World) -> None:
    for method, path, body in (
        ("GET", "/v1/organizations/nowhere", None),
        ("PATCH", "/v1/organizations/nowhere", {"exclusive": True}),
        ("DELETE", "/v1/organizations/nowhere", None),
        ("GET", "/v1/applications/nothing", None),
        ("PATCH", "/v1/applications/nothing", {"exclusive": True}),
        ("DELETE", "/v1/applications/nothing", None),
        ("POST", "/v1/applications/nothing/secret", None),
        ("POST", "/v1/applications", {"organization": "nowhere", "name": "x"}),
        ("GET", "/v1/users/acme/nobody", None),
        ("PATCH", "/v1/users/acme/nobody", {"display_name": "x"}),
        ("DELETE", "/v1/users/acme/nobody", None),
        ("PUT", "/v1/users/acme/nobody/password", {"password": NEW}),
        ("POST", "/v1/users", {"organization": "nowhere", "name": "x"}),
        ("GET", "/v1/users/nowhere/ann", None),
    ):
        problem(world.builtin.request(method, path, json=body), 404, "not_found")


def test_a_mail_address_belongs_to_one_user(world: World) -> None:
    assert world.wiki.patch("/v1/users/acme/ann", json={"email": "a@acme.example"}).is_success
    taken = world.wiki.patch("/v1/users/acme/bob", json={"email": "a@acme.example"})
    assert problem(taken, 409, "already_exists")["field"] == "email"
    assert (
        problem(
            world.wiki.post("/v1/users", json={"organization": "acme", "name": "ann"}),
            409,
            "already_exists",
        )["field"]
        == "name"
    )


def test_names_that_need_escaping_are_found_where_location_says(world: World) -> None:
    for name in ("Zoë Ångström", "a b", "semi'colon", "日本", "100€"):
        added = world.wiki.post("/v1/users", json={"organization": "acme", "name": name})
        assert added.status_code == 201
        assert added.headers["location"].isascii()
        assert world.wiki.get(added.headers["location"]).json()["name"] == name
