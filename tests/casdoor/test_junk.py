"""Whatever is sent to whatever call: an envelope comes back, and never a failure of the server."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ostiary.casdoor import routers
from tests.casdoor.world import FOUR, SEVEN, Asker, World

SKIPPED = {"/api/login", "/api/check-user-password", "/api/set-password"}
"""They would hash a password for each example; what they read is read as by the others."""

CALLS = sorted(
    (method, path.removeprefix("/api/"))
    for router in routers()
    for route in router.routes
    for method in route.methods & {"GET", "POST"}
    if (path := route.path).startswith("/api/") and path not in SKIPPED and "{" not in path
)

WITHOUT_ENVELOPE = ("login/oauth/", "userinfo", "user?")
"""Calls that answer as OAuth does, with statuses of its own."""

WORDS = st.sampled_from(
    [
        "",
        "acme",
        "ann",
        "wiki",
        "admin",
        "built-in",
        "acme/ann",
        "acme/ann/wiki",
        "admin/wiki",
        "admin/acme",
        "//",
        "../..",
        "%00",
        "\x00",
        "\x85",
        "👻",
        "\u202e",
        "a" * 300,
        "'; --",
        "0",
        "-1",
        "9" * 40,
        "***",
        "ascend",
        "createdTime",
        "sessionId",
        "true",
    ]
)
TEXTS = st.one_of(WORDS, st.text(max_size=12))
PARAMETERS = st.dictionaries(
    st.sampled_from(
        [
            "id",
            "owner",
            "organization",
            "sessionPkId",
            "sessionId",
            "p",
            "pageSize",
            "field",
            "value",
            "sortField",
            "sortOrder",
            "sorter",
            "limit",
            "email",
            "phone",
            "userId",
            "columns",
            "clientId",
            "isOnline",
            "logoutAll",
            "client_id",
            "state",
            "post_logout_redirect_uri",
            "type",
            "responseType",
            "redirectUri",
            "scope",
            "grant_type",
            "client_secret",
            "accessToken",
            "code",
            "token",
        ]
    ),
    TEXTS,
    max_size=5,
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        TEXTS,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
BODIES = st.one_of(
    st.binary(max_size=20),
    VALUES,
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            [
                "owner",
                "name",
                "application",
                "organization",
                "sessionId",
                "createdTime",
                "ExclusiveSignin",
                "displayName",
                "email",
                "phone",
                "isAdmin",
                "isForbidden",
                "isDeleted",
                "id",
                "clientId",
                "clientSecret",
                "redirectUris",
                "cookieExpireInHours",
                "backchannelLogoutUri",
                "passwordSalt",
                "tag",
            ],
            VALUES | TEXTS,
        ),
    ),
)


@settings(
    max_examples=120,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_junk_never_makes_it_fail(each_world: World, data: st.DataObject) -> None:
    """Covers W4, D19: on both stores, for a program and for a browser."""
    askers: dict[str, Asker] = each_world.__dict__.setdefault("askers", {})
    if not askers:
        askers["application"] = each_world.by_parameters("app-built-in")
        askers["user"] = each_world.user_agent("ann")
        askers["nobody"] = each_world.program()
    asker = askers[data.draw(st.sampled_from(sorted(askers)))]
    method, call = data.draw(st.sampled_from(CALLS))
    parameters: dict[str, Any] = data.draw(PARAMETERS)
    body = data.draw(BODIES) if method == "POST" else None
    response = asker.send(method, call, body, **parameters)
    if response.status_code == 302:
        return
    if f"{call}?".startswith(WITHOUT_ENVELOPE):
        assert response.status_code in {200, 400, 401, 429}, response.text
        assert isinstance(response.json(), dict)
        return
    assert response.status_code == 200, response.text
    assert list(response.json()) in (SEVEN, FOUR)
    assert response.json()["status"] in {"ok", "error"}
