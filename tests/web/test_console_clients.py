"""What an application is as an OAuth client, in the console."""

from __future__ import annotations

import pytest

from ostiary.domain.accounts import Application
from ostiary.domain.client import CLIENT_SETTINGS, USER_SCOPES, USUAL_GRANTS
from ostiary.services import applications
from tests.support.installation import Installation
from tests.web.reading import Reader

EDIT = "/console/applications/wiki/edit"
CHOSEN = {
    "token_endpoint_auth_method": "none",
    "access_token_format": "opaque",
    "id_token_alg": "ES256",
    "scopes": "openid  email read openid",
    "consent_required": "on",
    "default_max_age": "15m",
    "access_token_lifetime": "2m",
    "refresh_token_idle": "1d",
    "refresh_token_absolute": "7d",
    "redirect_uris": "https://wiki.example/cb",
    "post_logout_redirect_uris": "https://wiki.example/bye\r\n\r\nhttps://wiki.example/",
    "frontchannel_logout_uri": "https://wiki.example/out",
    "jwks": "",
}


def client(ostiary: Installation, name: str = "wiki") -> Application:
    found: Application = ostiary.read(applications.get_application, ostiary.act(), name)
    return found


def settings(item: Application) -> dict[str, object]:
    return {name: getattr(item, name) for name in CLIENT_SETTINGS}


def test_a_new_application_has_the_usual_values(ostiary: Installation, boss: Reader) -> None:
    page = boss.open("/console/add-application")
    fields = page.form("/console/add-application").fields
    assert fields["scopes"] == " ".join(USER_SCOPES)
    assert fields["access_token_lifetime"] == "5m"
    assert fields["pkce_required"] == "on"
    assert {k for k in fields if k.startswith("grant_")} == {f"grant_{g}" for g in USUAL_GRANTS}
    boss.send("/console/add-application", name="chat", scopes="openid", default_max_age="1h")
    added = client(ostiary, "chat")
    assert (added.scopes, added.default_max_age) == (("openid",), 3_600)
    assert (added.grant_types, added.pkce_required) == (USUAL_GRANTS, True)


def test_every_setting_of_a_client_is_chosen_and_shown(ostiary: Installation, boss: Reader) -> None:
    boss.open(EDIT)
    page = boss.send(EDIT, **CHOSEN)
    assert settings(client(ostiary)) == {
        "grant_types": USUAL_GRANTS,
        "scopes": ("openid", "email", "read"),
        "token_endpoint_auth_method": "none",
        "jwks": "",
        "pkce_required": True,
        "consent_required": True,
        "default_max_age": 900,
        "access_token_format": "opaque",
        "access_token_lifetime": 120,
        "refresh_token_idle": 86_400,
        "refresh_token_absolute": 7 * 86_400,
        "id_token_alg": "ES256",
        "post_logout_redirect_uris": ("https://wiki.example/bye", "https://wiki.example/"),
        "frontchannel_logout_uri": "https://wiki.example/out",
    }
    for text in (
        ostiary.public_url,
        "it runs in a browser or on a phone (none)",
        "openid email read",
        "(opaque), 2 minutes",
        "https://wiki.example/bye",
    ):
        assert text in page.text, text
    page = boss.open(EDIT)
    fields = page.form(EDIT).fields
    for name in ("default_max_age", "refresh_token_idle", "frontchannel_logout_uri"):
        assert fields[name] == CHOSEN[name]
    chosen = [a["value"] for a in page.with_attributes(selected="")]
    assert {"none", "opaque", "ES256"} <= set(chosen)
    # Unticked boxes are off, an emptied duration is none.
    unticked = {"client": "shown", "display_name": "Wiki", "default_max_age": ""}
    form_token = fields["form_token"]
    boss.browser.post(EDIT, data={**unticked, "form_token": form_token})
    now = client(ostiary)
    assert (now.grant_types, now.pkce_required, now.consent_required) == ((), False, False)
    assert now.default_max_age is None
    assert now.access_token_lifetime == 120


def test_a_form_without_these_fields_leaves_them(ostiary: Installation, boss: Reader) -> None:
    boss.open(EDIT)
    before = settings(client(ostiary))
    boss.send(EDIT, client="", display_name="The wiki", scopes="read", id_token_alg="EdDSA")
    assert client(ostiary).display_name == "The wiki"
    assert settings(client(ostiary)) == before


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("scopes", 'a"b', "At most 50 scopes"),
        ("default_max_age", "soon", "Write a number and a unit"),
        ("access_token_lifetime", "1s", "between 10 and"),
        ("refresh_token_absolute", "401d", "between 60 and"),
        ("id_token_alg", "none", "takes RS256"),
        ("token_endpoint_auth_method", "private_key_jwt", "needs the application"),
        ("jwks", "{}", "not a set of public"),
        ("frontchannel_logout_uri", "https://elsewhere.example/out", "scheme, host and port"),
        ("post_logout_redirect_uris", "javascript:alert(1)", "not an address"),
    ],
)
def test_what_makes_no_sense_is_said(
    ostiary: Installation, boss: Reader, field: str, value: str, said: str
) -> None:
    before = client(ostiary)
    boss.open(EDIT)
    page = boss.send(EDIT, **{field: value})
    assert page.response.status_code == 400
    assert said in page.text
    assert page.with_attributes(id="client")[0].get("open") == ""
    assert client(ostiary) == before
