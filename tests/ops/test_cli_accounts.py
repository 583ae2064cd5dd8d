"""Users, organizations and applications by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ostiary.domain.errors import WrongCredentials
from ostiary.ops.cli import users as cli_users
from ostiary.services import applications
from tests.support.command_line import CommandLine
from tests.support.installation import PASSWORD

OTHER = "another horse entirely"
PUBLIC_KEY = {
    "kty": "OKP",
    "crv": "Ed25519",
    "kid": "shop",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
"""That of RFC 8037, appendix A.2."""


def names(line: CommandLine, *further: str) -> list[str]:
    return [item["name"] for item in line.json("users", "list", *further)["items"]]


def user(line: CommandLine, name: str) -> dict[str, object]:
    [found] = [u for u in line.json("users", "list")["items"] if u["name"] == name]
    assert isinstance(found, dict)
    return found


# users add


def test_a_user_is_added_with_a_password_of_standard_input(line: CommandLine) -> None:
    said = line.ok(
        "users", "add", "acme/eve", "--email", "eve@acme.example", "--display-name", "Eve Adams",
        "--phone", "+49 30 1", "--admin", "--password-stdin", given=PASSWORD + "\n",
    )  # fmt: skip
    assert said.out == "User acme/eve added.\n"
    eve = user(line, "eve")
    assert (eve["display_name"], eve["email"], eve["phone"], eve["is_admin"]) == (
        "Eve Adams",
        "eve@acme.example",
        "+49 30 1",
        True,
    )
    assert line.is_live(line.sign_in("acme/eve").secret)


def test_json_of_a_new_user_has_the_shape_of_the_list(line: CommandLine) -> None:
    added = line.json("users", "add", "acme/eve", "--no-password")
    assert added == user(line, "eve")
    assert "password" not in str(added)


def test_a_user_without_a_password_cannot_sign_in_until_one_is_set(line: CommandLine) -> None:
    line.ok("users", "add", "acme/eve", "--no-password")
    with pytest.raises(WrongCredentials):
        line.sign_in("acme/eve")
    line.ok("users", "set-password", "acme/eve", "--password-stdin", given=PASSWORD)
    assert line.is_live(line.sign_in("acme/eve").secret)


@pytest.mark.parametrize(
    ("words", "given", "code", "said"),
    [
        (("acme/ann", "--no-password"), "", 1, "There is a user acme/ann already."),
        (("nowhere/eve", "--no-password"), "", 1, "There is no organization nowhere."),
        (("acme/a;b", "--no-password"), "", 1, "name must not hold any of"),
        (("acme/a/b", "--no-password"), "", 1, "name must not hold any of"),
        (("acme/eve", "--password-stdin"), "password1", 1, "among those that are tried first"),
        (("acme/eve-adams", "--password-stdin"), "EVE-ADAMS", 1, "Do not use your name"),
        (("acme/eve", "--password-stdin"), "", 1, "Use at least 8 characters."),
        (("acme/eve", "--email", "a\nb", "--no-password"), "", 1, "email must not hold control"),
        (("eve", "--no-password"), "", 2, "expected ORGANIZATION/NAME, like acme/ann"),
        (("acme/eve",), "", 2, "Give --password-stdin or --no-password."),
        (("acme/eve", "--password-stdin", "--no-password"), "", 2, "not both"),
    ],
)
def test_a_user_that_cannot_be_is_refused_and_not_added(
    line: CommandLine, words: tuple[str, ...], given: str, code: int, said: str
) -> None:
    refused = line.run("users", "add", *words, given=given)
    assert refused.code == code
    assert said in " ".join(refused.err.split())
    assert names(line) == ["ann", "bob", "admin"]


# users list


def test_users_are_listed_by_organization_and_name(line: CommandLine) -> None:
    line.ok("users", "disable", "acme/bob")
    line.sign_in("acme/ann")
    said = line.ok("users", "list")
    assert [row[0] for row in said.rows] == ["acme/ann", "acme/bob", "built-in/admin"]
    assert [row[3] for row in said.rows] == ["", "", "yes"]
    assert [row[4] for row in said.rows] == ["", "yes", ""]
    assert said.rows[0][5].endswith("Z")
    assert names(line, "--organization", "built-in") == ["admin"]
    assert names(line, "--text", "bo") == ["bob"]
    assert line.run("users", "list", "--organization", "nowhere").out == ""


def test_a_long_list_of_users_comes_in_pages(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        line.ok("users", "add", f"acme/u{number}", "--no-password")
    monkeypatch.setattr(cli_users, "PAGE", 2)
    every = ["ann", "bob", "u0", "u1", "u2", "u3", "admin"]
    assert names(line, "--all") == every
    assert names(line, "--limit", "7") == every
    assert names(line, "--limit", "3") == every[:3]
    said = line.ok("users", "list", "--limit", "3")
    assert len(said.rows) == 3
    assert said.err == "There are more than 3; --all shows them.\n"
    assert line.json("users", "list", "--limit", "3")["more"] is True
    assert line.json("users", "list", "--limit", "7")["more"] is False


def test_a_name_that_a_stranger_chose_steers_no_terminal(line: CommandLine) -> None:
    """Covers D18: markup of our own tables means nothing either."""
    line.ok("users", "add", "acme/eve", "--no-password", "--display-name", "[red]Eve[/red]")
    assert "[red]Eve[/red]" in line.ok("users", "list").out


# users disable, enable, delete, set-password


def test_disabling_ends_the_user_s_sessions_and_enabling_revives_none(line: CommandLine) -> None:
    ann, bob = line.sign_in("acme/ann", application="wiki"), line.sign_in("acme/bob")
    said = line.ok("users", "disable", "acme/ann")
    assert said.out == (
        "User acme/ann disabled.\n1 session of 1 user ended.\nWill be told: wiki.\n"
    )
    assert not line.is_live(ann.secret)
    assert line.caller(ann.secret).dead_reason == "user_disabled"
    assert line.is_live(bob.secret)
    with pytest.raises(WrongCredentials):
        line.sign_in("acme/ann")

    assert line.ok("users", "enable", "acme/ann").out == "User acme/ann enabled.\n"
    assert not line.is_live(ann.secret)
    assert line.is_live(line.sign_in("acme/ann").secret)


def test_json_tells_what_disabling_ended(line: CommandLine) -> None:
    started = line.sign_in("acme/ann")
    answer = line.json("users", "disable", "acme/ann")
    assert answer["disabled"] is True
    assert answer["ending"]["ended"] == [started.session.id]
    assert line.json("users", "disable", "acme/ann")["ending"]["count"] == 0


def test_deleting_asks_first_and_ends_everything(line: CommandLine) -> None:
    started = line.sign_in("acme/ann")
    refused = line.run("users", "delete", "acme/ann", given="n\n")
    assert refused.code == 1
    assert refused.err.startswith("Delete acme/ann? This cannot be undone. [y/N]: ")
    assert line.is_live(started.secret)

    answer = line.json("users", "delete", "acme/ann", "--yes")
    assert (answer["organization"], answer["name"]) == ("acme", "ann")
    assert answer["ending"]["count"] == 1
    assert not line.is_live(started.secret)
    assert names(line) == ["bob", "admin"]
    assert line.ok("users", "delete", "acme/bob", given="y\n").out.startswith(
        "User acme/bob deleted.\n"
    )


def test_the_built_in_administrator_stays(line: CommandLine) -> None:
    for verb in (("delete", "--yes"), ("disable",)):
        said = line.run("users", verb[0], "built-in/admin", *verb[1:], "--json")
        assert said.code == 1
        assert said.error["code"] == "protected"


def test_a_new_password_ends_the_sessions_and_works(line: CommandLine) -> None:
    started = line.sign_in("acme/ann")
    said = line.ok("users", "set-password", "acme/ann", "--password-stdin", given=OTHER)
    assert said.out.startswith("User acme/ann has a new password.\n1 session of 1 user ended.\n")
    assert not line.is_live(started.secret)
    with pytest.raises(WrongCredentials):
        line.sign_in("acme/ann")
    line.ok("users", "set-password", "acme/ann", "--password-stdin", given=PASSWORD)
    assert line.is_live(line.sign_in("acme/ann").secret)


def test_a_refused_password_changes_nothing(line: CommandLine) -> None:
    started = line.sign_in("acme/ann")
    said = line.run("users", "set-password", "acme/ann", "--password-stdin", given="short")
    assert said.code == 1
    assert line.is_live(started.secret)
    assert line.is_live(line.sign_in("acme/ann").secret)


@pytest.mark.parametrize(
    "words", [("disable",), ("enable",), ("delete", "--yes"), ("set-password", "--password-stdin")]
)
def test_a_user_that_is_not_there_is_not_found(line: CommandLine, words: tuple[str, ...]) -> None:
    said = line.run("users", words[0], "acme/nobody", *words[1:], "--json", given=PASSWORD)
    assert said.code == 1
    assert said.error == {"code": "not_found", "text": "There is no user acme/nobody."}


# Organizations and applications


def test_organizations_are_added_and_listed(line: CommandLine) -> None:
    said = line.ok("organizations", "add", "globex", "--display-name", "Globex, Inc.")
    assert said.out == "Organization globex added.\n"
    rows = line.ok("organizations", "list").rows
    assert [row[:2] for row in rows] == [
        ["acme", "acme"],
        ["built-in", "Built-in"],
        ["globex", "Globex, Inc."],
    ]
    assert line.run("organizations", "add", "globex").code == 1


def test_an_organization_has_its_own_lifetimes(line: CommandLine) -> None:
    added = line.json(
        "organizations", "add", "globex", "--exclusive", "--idle", "15m", "--absolute", "8h",
        "--remembered-idle", "7d", "--remembered-absolute", "30d",
    )  # fmt: skip
    assert added["exclusive"] is True
    assert added["lifetimes"] == {
        "idle": 900,
        "absolute": 28_800,
        "remembered_idle": 604_800,
        "remembered_absolute": 2_592_000,
    }
    assert added in line.json("organizations", "list")["items"]
    assert line.run("organizations", "add", "other", "--idle", "401d").code == 1
    assert line.run("organizations", "add", "other", "--idle", "soon").code == 2


def test_an_application_is_added_with_a_secret_that_works(line: CommandLine) -> None:
    added = line.json(
        "apps", "add", "shop", "--organization", "acme", "--display-name", "Shop",
        "--redirect-uri", "https://shop.example/in", "--redirect-uri", "https://shop.example/cb",
        "--homepage-url", "https://shop.example", "--exclusive", "--idle", "5m",
        "--backchannel-logout-uri", "https://shop.example/logout",
    )  # fmt: skip
    assert added["redirect_uris"] == ["https://shop.example/in", "https://shop.example/cb"]
    assert added["homepage_url"] == "https://shop.example"
    assert added["backchannel_logout_uri"] == "https://shop.example/logout"
    assert (added["exclusive"], added["lifetimes"]["idle"]) == (True, 300)
    assert authenticates(line, added["client_id"], added["client_secret"]) == "shop"


def test_an_application_is_changed_and_shown(line: CommandLine, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [PUBLIC_KEY]}))
    line.ok(
        "apps", "add", "shop", "--organization", "acme", "--idle", "5m", "--exclusive",
        "--redirect-uri", "https://shop.example/in", "--scope", "openid", "--scope", "read",
    )  # fmt: skip
    changed = line.json(
        "apps", "change", "shop", "--auth-method", "private_key_jwt", "--jwks", str(keys),
        "--grant-type", "authorization_code", "--grant-type", "client_credentials",
        "--no-pkce-required", "--consent-required", "--max-age", "15m", "--id-token-alg", "ES256",
        "--access-token-format", "opaque", "--access-token-lifetime", "2m", "--absolute", "2h",
        "--refresh-token-idle", "1d", "--refresh-token-absolute", "7d",
        "--post-logout-redirect-uri", "https://shop.example/bye",
        "--frontchannel-logout-uri", "https://shop.example/out",
    )  # fmt: skip
    expected = {
        "scopes": ["openid", "read"],
        "redirect_uris": ["https://shop.example/in"],
        "exclusive": True,
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": keys.read_text(),
        "grant_types": ["authorization_code", "client_credentials"],
        "pkce_required": False,
        "consent_required": True,
        "default_max_age": 900,
        "id_token_alg": "ES256",
        "access_token_format": "opaque",
        "access_token_lifetime": 120,
        "refresh_token_idle": 86_400,
        "refresh_token_absolute": 604_800,
        "post_logout_redirect_uris": ["https://shop.example/bye"],
        "frontchannel_logout_uri": "https://shop.example/out",
    }
    assert {name: changed[name] for name in expected} == expected
    assert (changed["lifetimes"]["idle"], changed["lifetimes"]["absolute"]) == (300, 7_200)
    assert line.json("apps", "show", "shop") == changed
    said = dict(line.ok("apps", "show", "shop").rows)
    assert said["pkce required"] == "no"
    assert said["grant types"] == "authorization_code, client_credentials"
    assert said["idle lifetime"] == "300"
    assert line.ok("apps", "change", "shop", "--scope", "").out
    assert line.json("apps", "show", "shop")["scopes"] == []


def test_a_change_that_makes_no_sense_is_refused(line: CommandLine) -> None:
    before = line.json("apps", "show", "wiki")
    for words, code in (
        (("--grant-type", "implicit"), 1),
        (("--auth-method", "private_key_jwt"), 1),
        (("--auth-method", "tls"), 2),
        (("--access-token-lifetime", "soon"), 2),
        (("--frontchannel-logout-uri", "https://elsewhere.example/"), 1),
    ):
        assert line.run("apps", "change", "wiki", *words).code == code, words
    assert line.json("apps", "show", "wiki") == before
    for command in ("show", "change"):
        assert line.run("apps", command, "nothing").code == 1


def test_a_client_id_that_exists_already_is_kept(line: CommandLine) -> None:
    words = ("apps", "add", "shop", "--organization", "acme", "--client-id", "shop-client")
    said = line.ok(*words)
    assert said.rows[0] == ["Application shop of acme added."]
    assert said.rows[1] == ["client id", "shop-client"]
    assert said.rows[2][0] == "client secret"
    assert authenticates(line, "shop-client", said.rows[2][1]) == "shop"


def test_secrets_of_applications_are_not_listed(line: CommandLine) -> None:
    added = line.json("apps", "add", "shop", "--organization", "acme")
    listed = line.ok("apps", "list").out + line.ok("apps", "list", "--json").out
    assert added["client_id"] in listed
    assert added["client_secret"] not in listed
    rows = line.ok("apps", "list", "--organization", "acme").rows
    assert [row[:2] for row in rows] == [["mail", "acme"], ["shop", "acme"], ["wiki", "acme"]]
    assert rows[2][4] == "https://wiki.acme.example/logout"


def test_a_new_secret_replaces_the_old_one(line: CommandLine) -> None:
    added = line.json("apps", "add", "shop", "--organization", "acme")
    renewed = line.json("apps", "rotate-secret", "shop")
    assert renewed["client_id"] == added["client_id"]
    assert authenticates(line, added["client_id"], renewed["client_secret"]) == "shop"
    assert authenticates(line, added["client_id"], added["client_secret"]) is None
    assert line.ok("apps", "rotate-secret", "shop").rows[0] == ["client id", added["client_id"]]
    assert line.run("apps", "rotate-secret", "nothing").code == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("wiki", "--organization", "acme"), 1),
        (("shop", "--organization", "nowhere"), 1),
        (("shop", "--organization", "acme", "--redirect-uri", "javascript:alert(1)"), 1),
        (("shop", "--organization", "acme", "--backchannel-logout-uri", "ftp://x"), 1),
        (("shop",), 2),
    ],
)
def test_an_application_that_cannot_be_is_refused(
    line: CommandLine, words: tuple[str, ...], code: int
) -> None:
    assert line.run("apps", "add", *words).code == code
    assert len(line.ok("apps", "list").rows) == 3


def test_accounts_on_postgresql(fresh: CommandLine, postgresql_url: str) -> None:
    line = CommandLine(fresh.data, {"OSTIARY_STORAGE__URL": postgresql_url})
    line.ok("init", "--password-stdin", given=PASSWORD)
    line.ok("organizations", "add", "acme")
    added = line.json("apps", "add", "wiki", "--organization", "acme")
    assert authenticates(line, added["client_id"], added["client_secret"]) == "wiki"
    line.ok("users", "add", "acme/ann", "--password-stdin", given=PASSWORD)
    started = line.sign_in("acme/ann", application="wiki")
    assert line.json("users", "disable", "acme/ann")["ending"]["count"] == 1
    assert not line.is_live(started.secret)
    assert line.json("users", "delete", "acme/ann", "--yes")["ending"]["count"] == 0
    assert names(line) == ["admin"]


def authenticates(line: CommandLine, client_id: str, secret: str) -> str | None:
    with line.house() as house:
        found = house.database.read(applications.authenticate, house.vault, client_id, secret)
        return found.name if found else None


# apps hosts


def test_hosts_are_added_listed_and_removed(line: CommandLine) -> None:
    line.ok("apps", "hosts", "wiki", "--add", "https://wiki.example", "--max-age", "12h")
    said = line.json("apps", "hosts", "wiki", "--add", "https://b.example", "--background-counts")
    assert said == {
        "hosts": [
            {"origin": "https://b.example", "max_age": None, "background_counts": True},
            {"origin": "https://wiki.example", "max_age": 43_200, "background_counts": False},
        ]
    }
    assert "12 hours" in line.ok("apps", "hosts", "wiki").out
    line.ok("apps", "hosts", "wiki", "--remove", "https://B.example:443")
    assert [h["origin"] for h in line.json("apps", "hosts", "wiki")["hosts"]] == [
        "https://wiki.example"
    ]


def test_a_host_that_is_not_there_cannot_be_removed(line: CommandLine) -> None:
    gone = line.run("apps", "hosts", "wiki", "--remove", "https://a.example")
    assert gone.code == 1
    assert "is no host of wiki" in gone.err
    plain = line.run("apps", "hosts", "wiki", "--add", "http://a.example")
    assert plain.code == 1
    assert "has to be https" in plain.err
