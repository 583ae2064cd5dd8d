"""Who may look into the console, and what each sees of it."""

from collections.abc import Callable

from ostiary.domain.search import Order, SessionFilter
from ostiary.domain.session import Device
from ostiary.services import see
from tests.support.installation import Installation
from tests.web.reading import Reader, caller_of

People = Callable[..., Reader]

PAGES = (
    "/console",
    "/console/sessions",
    "/console/sessions?state=ended",
    "/console/sessions/end",
    "/console/sessions/end-matching",
    "/console/records",
    "/console/users",
    "/console/users/acme/ann",
    "/console/users/acme/ann/edit",
    "/console/users/acme/ann/end",
    "/console/users/acme/ann/disable",
    "/console/users/acme/ann/delete",
    "/console/add-user",
    "/console/applications",
    "/console/applications/wiki",
    "/console/applications/wiki/edit",
    "/console/applications/wiki/rotate",
    "/console/applications/wiki/delete",
    "/console/add-application",
    "/console/organizations",
    "/console/organizations/acme",
    "/console/organizations/acme/edit",
    "/console/organizations/acme/webhooks",
    "/console/organizations/acme/add-webhook",
    "/console/notices",
    "/console/events",
)

GLOBAL_PAGES = ("/console/add-organization", "/console/organizations/acme/delete")

FOREIGN_PAGES = (
    "/console?organization=globex",
    "/console/sessions?organization=globex",
    "/console/sessions?q=organization:globex",
    "/console/sessions?state=ended&organization=globex",
    "/console/sessions/end-matching?organization=globex",
    "/console/sessions/end-matching?q=organization:globex",
    "/console/records?organization=globex",
    "/console/records?q=organization:globex",
    "/console/records/end?owner=globex&name=zoe&application=shop",
    "/console/users?organization=globex",
    "/console/users/globex/zoe",
    "/console/users/globex/zoe/edit",
    "/console/users/globex/zoe/delete",
    "/console/users/built-in/admin",
    "/console/applications?organization=globex",
    "/console/applications/shop",
    "/console/applications/shop/rotate",
    "/console/applications/app-built-in",
    "/console/organizations/globex",
    "/console/organizations/globex/edit",
    "/console/notices?organization=globex",
    "/console/events?organization=globex",
)

POSTS = (
    "/console/sessions/end",
    "/console/sessions/end-matching",
    "/console/records/end",
    "/console/users/acme/ann/end",
    "/console/users/acme/ann/disable",
    "/console/users/acme/ann/enable",
    "/console/users/acme/ann/delete",
    "/console/users/acme/ann/password",
    "/console/users/acme/ann/edit",
    "/console/add-user",
    "/console/applications/wiki/edit",
    "/console/applications/wiki/rotate",
    "/console/applications/wiki/delete",
    "/console/add-application",
    "/console/organizations/acme/edit",
    "/console/organizations/acme/delete",
    "/console/add-organization",
)


def test_who_is_not_signed_in_goes_to_the_sign_in_and_comes_back(
    ostiary: Installation, people: People
) -> None:
    nobody = people(ostiary)
    for path in PAGES + GLOBAL_PAGES:
        page = nobody.open(path)
        assert nobody.path == "/sign-in"
        assert page.form("/sign-in").fields["return_to"] == path


def test_a_plain_user_is_told_that_the_console_is_not_for_her(
    ostiary: Installation, people: People
) -> None:
    """Covers R07."""
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    for path in PAGES + GLOBAL_PAGES:
        page = ann.open(path)
        assert page.response.status_code == 403, path
        assert "The console is for administrators" in page.text
        assert "zoe" not in page.text


def test_a_plain_user_can_send_nothing_to_the_console(
    ostiary: Installation, people: People
) -> None:
    """Covers R07."""
    started = ostiary.start_session("globex", "zoe")
    ann = people(ostiary)
    ann.sign_in("acme", "ann")
    token = ann.open("/account/security").form("/account/security").fields["form_token"]
    for path in POSTS:
        response = ann.browser.post(path, data={"form_token": token, "id": started.session.id})
        assert response.status_code == 403, path
    assert ostiary.read(see.one_session, ostiary.act(), started.session.id).session.ended_at is None


def test_every_page_is_there_for_a_global_administrator(
    ostiary: Installation, people: People
) -> None:
    """Covers A13, B10: with a way out, and under the strict policy."""
    admin = people(ostiary)
    admin.sign_in("built-in", "admin")
    for path in PAGES + GLOBAL_PAGES:
        page = admin.open(path)
        assert page.response.status_code == 200, path
        assert page.form("/sign-out")
        assert "default-src 'none'" in page.response.headers["content-security-policy"]
        assert not [a for _, a in page.elements if "style" in a or "onclick" in a], path


def test_every_page_is_there_for_an_administrator_of_the_organization(boss: Reader) -> None:
    for path in PAGES:
        assert boss.open(path).response.status_code == 200, path
    for path in GLOBAL_PAGES:
        assert boss.open(path).response.status_code == 403, path


def test_another_organization_is_closed_to_an_administrator(
    ostiary: Installation, boss: Reader
) -> None:
    """Covers W1, W2, R07."""
    ostiary.start_session("globex", "zoe", application="shop")
    for path in FOREIGN_PAGES:
        page = boss.open(path)
        assert page.response.status_code in {403, 404}, path
        assert "zoe" not in page.text.replace("globex/zoe", ""), path


def test_the_lists_of_an_administrator_hold_one_organization(
    ostiary: Installation, boss: Reader
) -> None:
    """Covers W1, R07."""
    foreign = ostiary.start_session("globex", "zoe", application="shop").session.id
    for path in (
        "/console/sessions?q=zoe",
        "/console/sessions?q=user:zoe",
        f"/console/sessions?q={foreign}",
        "/console/records?q=zoe",
        "/console/users?q=zoe",
        "/console/events?user=zoe",
        f"/console/events?session={foreign}",
        "/console/applications",
        "/console/organizations",
    ):
        text = boss.open(path).response.text
        assert "/globex" not in text, path
        assert "/console/applications/shop" not in text, path
        assert f"/console/sessions/{foreign}" not in text, path
    assert boss.open(f"/console/sessions/{foreign}").response.status_code == 404


def test_an_administrator_ends_nothing_of_another_organization(
    ostiary: Installation, boss: Reader
) -> None:
    """Covers W1, W2, R07: whatever the parameters say."""
    foreign = ostiary.start_session("globex", "zoe", application="shop").session.id
    token = boss.open("/console/add-user").form("/console/add-user").fields["form_token"]
    for path, fields in (
        ("/console/sessions/end", {"id": foreign}),
        ("/console/sessions/end-matching", {"organization": "globex", "q": "user:zoe"}),
        ("/console/sessions/end-matching", {"q": "user:zoe"}),
        ("/console/sessions/end-matching", {"q": f"{foreign}"}),
        ("/console/records/end", {"owner": "globex", "name": "zoe", "application": "shop"}),
        (
            "/console/records/end",
            {"owner": "globex", "name": "zoe", "application": "shop", "session": foreign},
        ),
        (
            "/console/records/end",
            {"owner": "acme", "name": "boss", "application": "app-built-in", "session": foreign},
        ),
        ("/console/users/globex/zoe/end", {}),
        ("/console/users/globex/zoe/disable", {}),
        ("/console/users/globex/zoe/delete", {"organization": "acme", "name": "bob"}),
        ("/console/users/globex/zoe/password", {"password": "a new password of mine"}),
        ("/console/applications/shop/delete", {"name": "wiki"}),
        ("/console/organizations/globex/edit", {"sign_in_disabled": "on"}),
        ("/console/organizations/globex/delete", {}),
        ("/console/add-organization", {"name": "mine"}),
        ("/console/add-user", {"organization": "globex", "name": "spy"}),
        ("/console/add-application", {"organization": "globex", "name": "spy"}),
    ):
        data = {"form_token": token, "sure": "1", **fields}
        boss.browser.post(path, data=data, follow_redirects=False)
        seen = ostiary.read(see.one_session, ostiary.act(), foreign)
        assert seen.session.ended_at is None, path
    everywhere = ostiary.read(
        see.list_sessions, ostiary.act(), ostiary.house.vault, SessionFilter(), Order()
    )
    assert everywhere.total == 2


def test_ending_all_that_match_without_a_filter_stays_inside_the_organization(
    ostiary: Installation, boss: Reader
) -> None:
    """Covers W2."""
    mine = ostiary.start_session("acme", "ann", application="wiki").session.id
    foreign = ostiary.start_session("globex", "zoe", application="shop").session.id
    page = boss.open("/console/sessions/end-matching")
    assert "Ends 1 session" in page.text
    boss.send("/console/sessions/end-matching", sure="1")
    assert "Ended 1 session" in boss.page.text
    assert ostiary.read(see.one_session, ostiary.act(), mine).session.ended_at is not None
    assert ostiary.read(see.one_session, ostiary.act(), foreign).session.ended_at is None


def test_a_post_that_another_site_makes_does_nothing(ostiary: Installation, people: People) -> None:
    """Covers W19, E09, E10, F08, B14, R08."""
    victim = ostiary.start_session("acme", "ann", application="wiki").session.id
    admin = people(ostiary)
    admin.sign_in("built-in", "admin")
    page = admin.open(f"/console/sessions/end?id={victim}")
    fields = page.form("/console/sessions/end").fields
    post = admin.browser.post
    for path in POSTS:
        without = {"id": victim, "organization": "acme", "sure": "1"}
        assert post(path, data=without).status_code == 403, path
        assert post(path, data={**without, "form_token": "0" * 43}).status_code == 403, path
        cross = {**without, "form_token": fields["form_token"]}
        headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
        assert post(path, data=cross, headers=headers).status_code == 403, path
    assert ostiary.read(see.one_session, ostiary.act(), victim).session.ended_at is None


def test_a_form_of_one_session_is_not_taken_from_another(
    ostiary: Installation, people: People
) -> None:
    """Covers E10, F08."""
    ostiary.user("acme", "boss", is_admin=True)
    first, second = people(ostiary), people(ostiary)
    first.sign_in("acme", "boss")
    second.sign_in("acme", "boss")
    token = first.open("/console/add-user").form("/console/add-user").fields["form_token"]
    data = {"form_token": token, "organization": "acme", "name": "carol"}
    assert second.browser.post("/console/add-user", data=data).status_code == 403


def test_nothing_changes_by_looking(ostiary: Installation, people: People) -> None:
    """Covers B14: no page of the console changes anything when it is fetched."""
    victim = ostiary.start_session("acme", "ann", application="wiki").session.id
    admin = people(ostiary)
    admin.sign_in("built-in", "admin")
    for path in POSTS:
        for query in ("", f"?id={victim}&sure=1&organization=acme&owner=acme&name=ann"):
            admin.browser.get(path + query, follow_redirects=False)
    assert ostiary.read(see.one_session, ostiary.act(), victim).session.ended_at is None
    assert admin.open("/console/users/acme/ann").response.status_code == 200


def test_hostile_names_are_shown_as_text(ostiary: Installation, people: People) -> None:
    """Covers B02: agents, labels and names are text wherever they stand."""

    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    ostiary.user("acme", "eve", display_name=evil, email=evil)
    ostiary.application("acme", "evil", display_name=evil, description=evil)
    started = ostiary.start_session(
        "acme",
        "eve",
        application="evil",
        device=Device(kind="desktop", browser=evil, os=evil, agent=evil, city=evil, country="PT"),
    )
    label = "<b>bold</b>"
    acting = ostiary.act(caller_of(started))
    ostiary.write(see.label, acting, started.session.id, label)
    admin = people(ostiary)
    admin.sign_in("built-in", "admin")
    sid = started.session.id
    for path in (
        "/console/sessions",
        f"/console/sessions?q={evil}",
        f"/console/sessions/{sid}",
        f"/console/sessions/end?id={sid}&back={evil}",
        "/console/records",
        f"/console/records/end?owner=acme&name=eve&application=evil&session={sid}",
        "/console/records/end?owner=acme&name=eve&application=evil",
        "/console/users",
        f"/console/users?q={evil}",
        "/console/users/acme/eve",
        "/console/users/acme/eve/edit",
        "/console/applications",
        "/console/applications/evil",
        "/console/applications/evil/edit",
        "/console/events",
        f"/console/events?user={evil}",
    ):
        page = admin.open(path)
        assert page.response.status_code == 200, path
        assert not [a for tag, a in page.elements if tag in {"img", "b"}], path
        scripts = [a for tag, a in page.elements if tag == "script"]
        assert all(a.get("src", "").startswith("/static/") for a in scripts), path
    assert "<b>bold</b>" in admin.open(f"/console/sessions/{sid}").text
    assert "alert(1)" in admin.page.text
