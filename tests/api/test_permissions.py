"""The hostile matrix: every route, every kind of caller, rows within reach and beyond it.

Each cell calls with a thing that was made for it alone, so that no call hides another.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

from ostiary.services import cutting
from ostiary.services.cutting import Subject
from tests.api.world import CALLERS, World, ids

NEW = "four more words in a row"
_numbers = itertools.count()

#                                     nobody plain boss admin wiki portal builtin
MATRIX: list[tuple[str, str, Any, str]] = [
    ("GET", "/v1/me", None, "           401   200   200  200   403  403   403"),
    ("GET", "/v1/me/sessions", None, "  401   200   200  200   403  403   403"),
    ("GET", "/v1/me/events", None, "    401   200   200  200   403  403   403"),
    ("POST", "/v1/me/sessions/{of_bob}/end", None, "401 404 404 404 403 403 403"),
    ("POST", "/v1/me/sessions/{of_eve}/end", None, "401 404 404 404 403 403 403"),
    ("POST", "/v1/me/sessions/end-others", None, "  401 200 200 200 403 403 403"),
    (
        "POST",
        "/v1/me/password",
        {"current": "wrong", "new": NEW},
        "                                  401   401   401  401   403  403   403",
    ),
    (
        "POST",
        "/v1/me/reauthenticate",
        {"password": "wrong"},
        "                                  401   401   401  401   403  403   403",
    ),
    ("GET", "/v1/sessions", None, "     401   403   200  200   200  200   200"),
    ("GET", "/v1/sessions?organization=acme", None, "  401 403 200 200 200 403 200"),
    ("GET", "/v1/sessions?organization=globex", None, "401 403 403 200 403 200 200"),
    ("GET", "/v1/sessions/{of_ann}", None, "401 200   200  200   200  404   200"),
    ("GET", "/v1/sessions/{of_bob}", None, "401 404   200  200   200  404   200"),
    ("GET", "/v1/sessions/{of_eve}", None, "401 404   404  200   404  200   200"),
    ("GET", "/v1/sessions/{unknown}", None, "401 404  404  404   404  404   404"),
    ("PATCH", "/v1/sessions/{of_ann}", {"label": "x"}, "401 200 404 404 403 403 403"),
    ("PATCH", "/v1/sessions/{of_bob}", {"label": "x"}, "401 404 404 404 403 403 403"),
    ("PATCH", "/v1/sessions/{of_eve}", {"label": "x"}, "401 404 404 404 403 403 403"),
    ("POST", "/v1/sessions/{of_ann}/end", None, "   401 200 200 200 200 404 200"),
    ("POST", "/v1/sessions/{of_bob}/end", None, "   401 404 200 200 200 404 200"),
    ("POST", "/v1/sessions/{of_eve}/end", None, "   401 404 404 200 404 200 200"),
    (
        "POST",
        "/v1/sessions/end",
        {"filter": {"organization": "acme", "user": "bob"}},
        "                                  401   403   200  200   200  403   200",
    ),
    (
        "POST",
        "/v1/sessions/end",
        {"filter": {"organization": "globex"}, "dry_run": True},
        "                                  401   403   403  200   403  200   200",
    ),
    ("POST", "/v1/sessions/end", {"all": True}, "   401 403 200 200 200 200 200"),
    ("GET", "/v1/cut-offs", None, "                     401 403 200 200 200 200 200"),
    ("GET", "/v1/cut-offs?organization=globex", None, " 401 403 403 200 403 200 200"),
    ("GET", "/v1/cut-offs/{of_acme}", None, "           401 404 200 200 200 404 200"),
    ("GET", "/v1/cut-offs/0", None, "                   401 404 404 404 404 404 404"),
    (
        "POST",
        "/v1/cut-offs",
        {"subject": "user", "name": "bob", "organization": "acme"},
        "                                  401   403   202  202   202  403   202",
    ),
    (
        "POST",
        "/v1/cut-offs",
        {"subject": "application", "name": "portal"},
        "                                  401   404   404  202   404  202   202",
    ),
    (
        "POST",
        "/v1/cut-offs",
        {"subject": "organization", "name": "globex"},
        "                                  401   403   403  202   403  202   202",
    ),
    ("GET", "/v1/users", None, "        401   403   200  200   200  200   200"),
    ("GET", "/v1/users?organization=acme", None, "  401 403 200 200 200 403 200"),
    ("GET", "/v1/users?organization=globex", None, "401 403 403 200 403 200 200"),
    ("POST", "/v1/users", {"organization": "acme"}, "  401 403 201 201 201 403 201"),
    ("POST", "/v1/users", {"organization": "globex"}, "401 403 403 201 403 201 201"),
    (
        "POST",
        "/v1/users",
        {"organization": "globex", "password": NEW},
        "                                  401   403   403  201   403  201   201",
    ),
    ("POST", "/v1/users", {"organization": "nowhere"}, "401 403 403 404 403 403 404"),
    ("GET", "/v1/users/acme/ann", None, "   401 200 200 200 200 404 200"),
    ("GET", "/v1/users/acme/{user}", None, "401 404 200 200 200 404 200"),
    ("GET", "/v1/users/globex/eve", None, " 401 404 404 200 404 200 200"),
    ("PATCH", "/v1/users/acme/ann", {"display_name": "A"}, "   401 200 200 200 200 404 200"),
    ("PATCH", "/v1/users/acme/ann", {"is_admin": False}, "     401 200 200 200 200 404 200"),
    ("PATCH", "/v1/users/acme/{user}", {"display_name": "A"}, "401 404 200 200 200 404 200"),
    ("PATCH", "/v1/users/acme/{user}", {"is_admin": True}, "   401 404 200 200 200 404 200"),
    ("PATCH", "/v1/users/acme/{user}", {"disabled": True}, "   401 404 200 200 200 404 200"),
    ("PATCH", "/v1/users/globex/eve", {"display_name": "E"}, " 401 404 404 200 404 200 200"),
    ("DELETE", "/v1/users/acme/{user}", None, "401 403 200 200 200 403 200"),
    ("DELETE", "/v1/users/globex/{foreign}", None, "401 403 403 200 403 200 200"),
    (
        "PUT",
        "/v1/users/acme/{user}/password",
        {"password": NEW},
        "                                  401   403   200  200   200  403   200",
    ),
    (
        "PUT",
        "/v1/users/globex/{foreign}/password",
        {"password": NEW},
        "                                  401   403   403  200   403  200   200",
    ),
    ("GET", "/v1/applications", None, "               401 403 200 200 200 200 200"),
    ("GET", "/v1/applications?organization=globex", None, "401 403 403 200 403 200 200"),
    ("POST", "/v1/applications", {"organization": "acme"}, "  401 403 201 201 201 403 201"),
    ("POST", "/v1/applications", {"organization": "globex"}, "401 403 403 201 403 201 201"),
    ("GET", "/v1/applications/wiki", None, "          401 404 200 200 200 404 200"),
    ("GET", "/v1/applications/portal", None, "        401 404 404 200 404 200 200"),
    ("GET", "/v1/applications/app-built-in", None, "  401 404 404 200 404 404 200"),
    ("PATCH", "/v1/applications/wiki", {"description": "x"}, "  401 404 200 200 200 404 200"),
    ("PATCH", "/v1/applications/portal", {"description": "x"}, "401 404 404 200 404 200 200"),
    ("DELETE", "/v1/applications/{app}", None, "      401 404 204 204 204 404 204"),
    ("DELETE", "/v1/applications/{foreign_app}", None, "401 404 404 204 404 204 204"),
    ("GET", "/v1/applications/wiki/protected-hosts", None, "  401 404 200 200 200 404 200"),
    ("GET", "/v1/applications/portal/protected-hosts", None, "401 404 404 200 404 200 200"),
    (
        "PUT",
        "/v1/applications/{app}/protected-hosts",
        {"hosts": []},
        "  401 404 200 200 200 404 200",
    ),
    (
        "PUT",
        "/v1/applications/{foreign_app}/protected-hosts",
        {"hosts": []},
        "401 404 404 200 404 200 200",
    ),
    ("GET", "/v1/notices", None, "                    401 403 200 200 200 200 200"),
    ("GET", "/v1/notices?organization=globex", None, "401 403 403 200 403 200 200"),
    ("GET", "/v1/notices/999999", None, "             401 404 404 404 404 404 404"),
    ("POST", "/v1/notices/999999/resend", None, "     401 404 404 404 404 404 404"),
    ("POST", "/v1/applications/{app}/secret", None, " 401 404 200 200 200 404 200"),
    ("POST", "/v1/applications/{foreign_app}/secret", None, "401 404 404 200 404 200 200"),
    ("GET", "/v1/organizations", None, "              401 403 200 200 200 200 200"),
    ("POST", "/v1/organizations", {}, "               401 403 403 201 403 403 201"),
    ("GET", "/v1/organizations/acme", None, "         401 404 200 200 200 404 200"),
    ("GET", "/v1/organizations/globex", None, "       401 404 404 200 404 200 200"),
    ("PATCH", "/v1/organizations/acme", {"exclusive": False}, "  401 404 200 200 200 404 200"),
    ("PATCH", "/v1/organizations/globex", {"exclusive": False}, "401 404 404 200 404 200 200"),
    ("DELETE", "/v1/organizations/{organization}", None, "401 403 403 204 403 403 204"),
    ("GET", "/v1/webhooks", None, "                   401 403 200 200 200 200 200"),
    ("GET", "/v1/webhooks?organization=globex", None, "401 403 403 200 403 200 200"),
    ("POST", "/v1/webhooks", {"organization": "acme"}, "  401 403 201 201 201 403 201"),
    ("POST", "/v1/webhooks", {"organization": "globex"}, "401 403 403 201 403 201 201"),
    ("GET", "/v1/webhooks/acme/{hook}", None, "       401 404 200 200 200 404 200"),
    ("GET", "/v1/webhooks/globex/{foreign_hook}", None, "401 404 404 200 404 200 200"),
    ("PATCH", "/v1/webhooks/acme/{hook}", {"enabled": False}, "401 404 200 200 200 404 200"),
    (
        "PATCH",
        "/v1/webhooks/globex/{foreign_hook}",
        {"enabled": False},
        "                                  401   404   404  200   404  200   200",
    ),
    ("DELETE", "/v1/webhooks/acme/{hook}", None, "    401 404 204 204 204 404 204"),
    ("DELETE", "/v1/webhooks/globex/{foreign_hook}", None, "401 404 404 204 404 204 204"),
    ("POST", "/v1/webhooks/acme/{hook}/secret", None, "401 404 200 200 200 404 200"),
    ("POST", "/v1/webhooks/globex/{foreign_hook}/secret", None, "401 404 404 200 404 200 200"),
    ("GET", "/v1/events", None, "                     401 200 200 200 200 200 200"),
    ("GET", "/v1/events?organization=globex", None, " 401 403 403 200 403 200 200"),
    ("GET", "/v1/events?user=bob", None, "            401 403 200 200 200 200 200"),
    ("POST", "/v1/me/sign-out", None, "               401 200 200 200 403 403 403"),
]


def made_for(world: World, path: str) -> dict[str, str]:
    """The things that a path names, new ones."""
    number = next(_numbers)
    found = {"unknown": "0" * 32}
    for key, who in (("of_ann", "acme/ann"), ("of_bob", "acme/bob"), ("of_eve", "globex/eve")):
        if f"{{{key}}}" in path:
            found[key] = world.start(who)
    for make, names in (
        (world.here.user, (("user", "acme"), ("foreign", "globex"))),
        (world.here.application, (("app", "acme"), ("foreign_app", "globex"))),
        (world.here.webhook, (("hook", "acme"), ("foreign_hook", "globex"))),
    ):
        for key, organization in names:
            if f"{{{key}}}" in path:
                found[key] = f"{key}-{number}"
                make(organization, found[key])
    if "{of_acme}" in path:
        act, subject = world.here.act(), Subject.USER
        begun = world.here.write(cutting.end_everything, act, subject, "bob", organization="acme")
        found["of_acme"] = str(begun.progress.id)
    if "{organization}" in path:
        found["organization"] = f"empty-{number}"
        world.here.organization(found["organization"])
    return found


PEOPLE = {"plain": "acme/ann", "boss": "acme/boss", "admin": "built-in/admin"}
NAMED_IN_BODY = {"/v1/users", "/v1/applications", "/v1/organizations", "/v1/webhooks"}


def test_every_caller_gets_what_is_hers_and_nothing_else(world: World) -> None:
    """Covers R07, W1, W2."""
    for method, template, body, expected in MATRIX:
        for caller, status in zip(CALLERS, expected.split(), strict=True):
            path = template.format(**made_for(world, template))
            # Signed in anew, since the cell before may have ended everything.
            client = world.sign_in(PEOPLE[caller])[0] if caller in PEOPLE else world.caller(caller)
            sent = body
            if method == "POST" and template in NAMED_IN_BODY:
                sent = {"name": f"new-{next(_numbers)}", **body}
            world.here.clock.forward(minutes=1)  # what was slowed down is so no more
            answer = client.request(method, path, json=sent)
            where = (method, template, body, caller)
            assert (*where, str(answer.status_code)) == (*where, status), answer.text
            if answer.is_error:
                assert answer.headers["content-type"] == "application/problem+json"


def test_the_matrix_holds_every_route(world: World) -> None:
    named = {(method, template.partition("?")[0]) for method, template, _, _ in MATRIX}
    for path, methods in world.nobody.get("/v1/openapi.json").json()["paths"].items():
        shape = re.compile(re.sub(r"\{\w+\}", "[^/]+", path))
        for method in methods:
            assert any(m == method.upper() and shape.fullmatch(p) for m, p in named), (method, path)


def test_what_is_refused_changed_nothing(world: World) -> None:
    """Covers R07."""
    victim = world.start("globex/eve")
    before = {
        path: world.builtin.get(path).json()
        for path in (
            "/v1/users/globex/eve",
            "/v1/applications/portal",
            "/v1/organizations/globex",
            f"/v1/sessions/{victim}",
        )
    }
    attempts: list[tuple[str, str, Any]] = [
        ("POST", f"/v1/sessions/{victim}/end", None),
        ("POST", "/v1/sessions/end", {"ids": [victim]}),
        ("POST", "/v1/sessions/end", {"filter": {"user": "eve"}}),
        ("POST", "/v1/sessions/end", {"all": True}),
        ("PATCH", f"/v1/sessions/{victim}", {"label": "mine"}),
        ("PATCH", "/v1/users/globex/eve", {"disabled": True}),
        ("DELETE", "/v1/users/globex/eve", None),
        ("PUT", "/v1/users/globex/eve/password", {"password": NEW}),
        ("PATCH", "/v1/applications/portal", {"sign_in_disabled": True}),
        ("POST", "/v1/applications/portal/secret", None),
        ("DELETE", "/v1/applications/portal", None),
        ("PATCH", "/v1/organizations/globex", {"sign_in_disabled": True}),
        ("DELETE", "/v1/organizations/globex", None),
    ]
    for caller in ("nobody", "plain", "wiki", "boss"):
        for method, path, body in attempts:
            world.caller(caller).request(method, path, json=body)
    after = {path: world.builtin.get(path).json() for path in before}
    assert after == before
    assert victim in ids(world.builtin.get("/v1/sessions"))
    assert world.portal.get("/v1/users").status_code == 200


def test_a_users_name_and_password_are_no_way_in(world: World) -> None:
    client = world.here.browser()
    client.auth = ("acme/ann", "correct horse battery staple")
    answer = client.get("/v1/me")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")


def test_a_bad_authorization_is_not_made_good_by_a_cookie(world: World) -> None:
    client, _ = world.sign_in("acme/ann")
    for value in ("Basic ", "Basic !!!", "Basic eDp5", "Bearer x", "Basic eA==", ""):
        answer = client.get("/v1/me", headers={"Authorization": value})
        assert answer.status_code == 401, value
        assert "set-cookie" not in answer.headers
    assert client.get("/v1/me").status_code == 200


def test_two_session_cookies_are_as_good_as_none(world: World) -> None:
    """Covers M05, E02."""
    client, made = world.sign_in("acme/ann")
    secret = client.cookies["sid"]
    other = world.here.browser()
    for header in (f"sid={secret}; sid=other", "sid=" + "x" * 5_000, f"sid={made}", "sid="):
        assert other.get("/v1/me", headers={"Cookie": header}).status_code == 401
    assert other.get(f"/v1/me?sid={secret}").status_code == 401
    assert other.get("/v1/me", headers={"X-Session": secret, "sid": secret}).status_code == 401
    assert other.get("/v1/me", headers={"Cookie": f"sid={secret}"}).status_code == 200


def test_what_another_site_causes_is_refused(world: World) -> None:
    """Covers B14, E09, R08, W19."""
    client, own = world.sign_in("acme/ann")
    del client.headers["Sec-Fetch-Site"]
    other = world.start("acme/ann")
    cases: list[dict[str, str]] = [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Referer": "https://evil.example/http://127.0.0.1:8000/"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8000"},
    ]
    for headers in cases:
        for path in (f"/v1/sessions/{other}/end", "/v1/me/sign-out", "/v1/me/sessions/end-others"):
            answer = client.post(path, headers=headers)
            assert (headers, answer.status_code) == (headers, 403)
            assert answer.json()["code"] == "cross_site"
            assert "access-control-allow-origin" not in answer.headers
    live = set(ids(client.get("/v1/me/sessions")))
    assert live == {own, other}
    good = {"Origin": "http://127.0.0.1:8000"}
    assert client.post(f"/v1/sessions/{other}/end", headers=good).status_code == 200


def test_no_origin_is_ever_let_in(world: World) -> None:
    """Covers B09."""
    for method in ("GET", "OPTIONS"):
        for path in ("/v1/me", "/v1/sessions", "/v1/openapi.json", "/v1/nothing"):
            answer = world.boss.request(
                method,
                path,
                headers={
                    "Origin": "https://evil.example",
                    "Access-Control-Request-Method": "POST",
                },
            )
            assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_reading_never_changes_anything(world: World) -> None:
    """Covers B14."""
    made = world.start("acme/ann")
    boss = world.boss
    for path in (
        f"/v1/sessions/{made}/end",
        "/v1/sessions/end",
        "/v1/me/sign-out",
        "/v1/me/sessions/end-others",
        "/v1/applications/wiki/secret",
    ):
        for method in ("GET", "HEAD", "OPTIONS"):
            assert boss.request(method, path).status_code in {204, 405}
    assert made in ids(boss.get("/v1/sessions"))
