"""The console in Chromium, with and without JavaScript, and what it looks like."""

import random
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from ostiary.domain.session import Device
from ostiary.services import end, records, users
from ostiary.storage import sessions
from tests.support.installation import CHROME, PASSWORD, Installation
from tests.web import windows
from tests.web.windows import LOOKS, sign_in, window

BOTH = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
LARGE = {"width": 1_280, "height": 900}


def administrator(page: Page) -> None:
    sign_in(page, name="admin", door="/sign-in/built-in")


@BOTH
def test_the_administrator_ends_a_tag_and_the_other_browser_is_signed_out(
    chromium: Browser, here: Installation, *, scripts: bool
) -> None:
    """Covers R03, R11, W1."""
    options = {"java_script_enabled": scripts}
    with (
        window(chromium, here, viewport=LARGE, **options) as console,
        window(chromium, here, user_agent=CHROME, **options) as other,
    ):
        administrator(console)
        sign_in(other, door="/sign-in/acme/wiki")
        console.goto("/console/records")
        console.get_by_role("link", name="Chrome on Windows").click()
        console.get_by_role("heading", name="End “Chrome on Windows” of ann?").wait_for()
        assert console.locator("dialog[open]").count() == (1 if scripts else 0)
        console.get_by_role("button", name="End 1 session").click()
        console.get_by_text("Ended 1 session.").wait_for()
        assert console.get_by_text("wiki is being told.").is_visible()
        assert console.get_by_role("link", name="Chrome on Windows").count() == 0
        other.get_by_role("link", name="Security").click()
        other.wait_for_url("**/sign-in/acme**")
        assert other.get_by_text("This session was ended").is_visible()
        console.get_by_role("link", name="Overview").click()
        assert console.get_by_role("heading", name="Overview").is_visible()


@BOTH
def test_a_selection_ends_and_the_session_in_use_cannot_be_ticked(
    chromium: Browser, here: Installation, *, scripts: bool
) -> None:
    chosen = [here.start_session("acme", name).session.id for name in ("ann", "bob")]
    kept = here.start_session("globex", "zoe").session.id
    with window(chromium, here, viewport=LARGE, java_script_enabled=scripts) as page:
        administrator(page)
        page.goto("/console/sessions")
        assert page.get_by_label("cannot be ended here").is_disabled()
        button = page.get_by_role("button", name="End the selected sessions")
        assert button.is_visible() is not scripts
        for session_id in chosen:
            page.locator(f"input[value='{session_id}']").check()
        if scripts:
            assert page.get_by_text("2 selected").is_visible()
            button = page.get_by_role("button", name="End 2 sessions")
        button.click()
        page.get_by_role("heading", name="End 2 sessions?").wait_for()
        page.locator("#confirm").get_by_role("button", name="End 2 sessions").click()
        page.get_by_text("Ended 2 sessions of 2 users.").wait_for()
    for session_id in chosen:
        assert here.read(sessions.by_id, session_id).ended_at is not None
    assert here.read(sessions.by_id, kept).ended_at is None


def test_the_list_filters_while_one_types_and_the_address_keeps_it(
    chromium: Browser, here: Installation
) -> None:
    for organization, name in (("acme", "ann"), ("acme", "bob"), ("globex", "zoe")):
        here.start_session(organization, name)
    # A request that another one overtakes is given up, which the browser calls a failure.
    with window(chromium, here, viewport=LARGE, expected=("failed: ",)) as page:
        administrator(page)
        page.goto("/console/sessions")
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(4)
        page.keyboard.press("/")
        page.keyboard.type("user:zoe")
        expect(rows).to_have_count(1)
        expect(page).to_have_url(f"{here.public_url}/console/sessions?q=user%3Azoe")
        expect(page.locator("#summary")).to_have_text("1 live session")
        assert page.evaluate("document.activeElement.id") == "q"
        page.get_by_role("link", name="Take “user” away").click()
        expect(rows).to_have_count(4)
        page.get_by_label("Organization", exact=True).select_option("acme")
        expect(rows).to_have_count(2)
        page.locator("label[for=state-ended]").click()
        expect(page.get_by_text("Nothing matches")).to_be_visible()
        page.reload()
        expect(page.get_by_text("Nothing matches")).to_be_visible()
        page.get_by_role("link", name="By user and application").click()
        expect(page.locator(".record-row")).to_have_count(2)
        page.go_back()
        expect(page.get_by_text("Nothing matches")).to_be_visible()


def test_all_on_a_page_are_ticked_at_once_but_ones_own(
    chromium: Browser, here: Installation
) -> None:
    for _ in range(3):
        here.start_session("acme", "ann")
    with window(chromium, here, viewport=LARGE) as page:
        administrator(page)
        page.goto("/console/sessions")
        page.get_by_label("Select all on this page").check()
        assert page.get_by_text("3 selected").is_visible()
        page.locator("tbody input:checked").first.uncheck()
        assert page.get_by_text("2 selected").is_visible()
        assert page.evaluate("document.querySelector('[data-select-all]').indeterminate")


@BOTH
def test_long_work_shows_how_far_it_is(
    chromium: Browser, here: Installation, monkeypatch: pytest.MonkeyPatch, *, scripts: bool
) -> None:
    """With scripts it goes on by itself, without them by a button."""
    monkeypatch.setattr("ostiary.web.console.ending.STEP", 1)
    monkeypatch.setattr("ostiary.services.end.BATCH", 1)
    for _ in range(3):
        here.start_session("acme", "ann", application="wiki")
    with window(chromium, here, viewport=LARGE, java_script_enabled=scripts) as page:
        administrator(page)
        page.goto("/console/sessions?q=user:ann")
        page.get_by_role("link", name="End all that match").click()
        page.get_by_text("Ends 3 sessions.").wait_for()
        page.get_by_role("button", name="End 3 sessions").click()
        if not scripts:
            for done in ("1 of 3", "2 of 3", "3 of 3"):
                page.get_by_text(f"{done} have ended.").wait_for()
                page.get_by_role("button", name="Go on").click()
        page.get_by_text("Ended 3 sessions.").wait_for()
        page.wait_for_url("**/console/sessions?q=user%3Aann")


@BOTH
def test_the_password_is_asked_for_in_between(
    chromium: Browser, here: Installation, *, scripts: bool
) -> None:
    """Covers A16, A17."""
    victim = here.start_session("acme", "ann").session.id
    expected = ("403 (Forbidden)",)
    options = {"java_script_enabled": scripts, "expected": expected}
    with window(chromium, here, viewport=LARGE, **options) as page:
        administrator(page)
        here.clock.forward(minutes=20)
        page.goto(f"/console/sessions/{victim}")
        page.get_by_role("link", name="End this session").click()
        page.get_by_role("button", name="End 1 session").click()
        page.get_by_label("Password of admin").fill(PASSWORD)
        page.get_by_role("button", name="Go on").click()
        page.get_by_text("Ended 1 session.").wait_for()
        page.wait_for_url(f"**/console/sessions/{victim}")


def test_a_form_says_what_is_wrong_beside_its_field(chromium: Browser, here: Installation) -> None:
    expected = ("400 (Bad Request)", "409 (Conflict)")
    with window(chromium, here, viewport=LARGE, expected=expected) as page:
        administrator(page)
        page.goto("/console/add-application?organization=acme")
        page.get_by_label("Name", exact=True).fill("chat")
        page.get_by_label("Redirect addresses").fill("javascript:alert(1)")
        page.get_by_label("Without activity", exact=True).fill("2h")
        page.get_by_role("button", name="Add an application").click()
        field = page.get_by_label("Redirect addresses")
        assert field.get_attribute("aria-invalid") == "true"
        assert "not an address" in (page.locator("#field-redirect_uris-error").text_content() or "")
        assert field.input_value() == "javascript:alert(1)"
        assert page.get_by_label("Organization").input_value() == "acme"
        assert page.get_by_label("Without activity", exact=True).input_value() == "2h"
        field.fill("https://chat.example/back")
        page.get_by_role("button", name="Add an application").click()
        assert len(page.locator("#client-secret").text_content() or "") == 40
        assert page.get_by_text("Signed out after 2 hours without activity").is_visible()


DEVICES = (
    ("desktop", "Firefox", "Linux"),
    ("phone", "Chrome", "Android"),
    ("desktop", "Edge", "Windows"),
    ("desktop", "Chrome", "macOS"),
    ("phone", "Safari", "iPhone"),
    ("tablet", "Safari", "iPad"),
    ("cli", None, None),
)
PLACES = (
    ("DE", "Berlin", "203.0.113.7"),
    ("GH", "Accra", "198.51.100.4"),
    ("PT", "Porto", "192.0.2.18"),
    ("ID", "Jakarta", "192.0.2.201"),
    ("JP", "Osaka", "198.51.100.77"),
    (None, None, "10.0.0.9"),
)
PEOPLE = (
    ("acme", "ann", ("wiki", "tickets")),
    ("acme", "bob", ("wiki",)),
    ("acme", "m.keller", ("wiki", "tickets")),
    ("acme", "svc-backup", ("tickets",)),
    ("globex", "zoe", ("shop",)),
)


def fill_with_life(here: Installation) -> None:
    """Some thirty sessions of a day, some of them over, and ids that a program registered."""
    chance = random.Random(5)  # noqa: S311 - the same every time, and no secret
    for organization, name, _ in PEOPLE:
        if name not in {"ann", "bob", "zoe"}:
            here.user(organization, name, email=f"{name}@{organization}.example")
    here.clock.forward(days=-1)
    ids = []
    for _ in range(30):
        organization, name, used = chance.choice(PEOPLE)
        kind, browser, system = chance.choice(DEVICES)
        country, city, address = chance.choice(PLACES)
        here.clock.forward(minutes=chance.randint(5, 45))
        device = Device(
            kind=kind, browser=browser, os=system, country=country, city=city, address=address
        )
        started = here.start_session(
            organization, name, application=chance.choice(used), remember=True, device=device
        )
        ids.append(started.session.id)
    here.write(end.end_selected, here.act(), ids[::5])
    here.write(
        users.update_user,
        here.act(),
        here.house.vault,
        "acme",
        "svc-backup",
        users.UserChange(disabled=True),
    )
    key = ("acme", "ann", "legacy")
    registered = ["made-by-the-application-1", "2"]
    here.write(records.add_record, here.act(), key, registered, exclusive=False)
    seen = here.clock.now - timedelta(minutes=12)
    here.write(sessions.store_uses, [(session_id, seen) for session_id in ids[-8:-3]])


SEEN_IN = {
    "light": (),
    "dark": ("overview", "sessions", "records", "session", "user", "end-matching", "events"),
    "phone": (
        *("sessions", "records", "end-record", "users", "organization", "end-everything"),
        "notices",
    ),
    "phone-light": ("overview", "sessions-filtered", "session", "user", "add-application"),
}
"""The pages of each look; none named: all of them."""


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_can_be_looked_at(chromium: Browser, here: Installation, look: str) -> None:
    """Screenshots stay in build/screenshots; nothing may stick out of a phone's width."""
    fill_with_life(here)
    live = here.start_session("acme", "ann", application="wiki").session.id
    record = "owner=acme&name=ann&application=wiki"
    pages = {
        "overview": "/console",
        "sessions": "/console/sessions",
        "sessions-filtered": "/console/sessions?q=country:PT,ID+user:ann&organization=acme",
        "sessions-ended": "/console/sessions?state=ended",
        "sessions-problem": "/console/sessions?q=country:Portugal",
        "sessions-none": "/console/sessions?q=nothing-like-it",
        "records": "/console/records",
        "session": f"/console/sessions/{live}",
        "end-session": f"/console/sessions/end?id={live}",
        "end-tag": f"/console/records/end?{record}&session={live}",
        "end-record": f"/console/records/end?{record}",
        "end-matching": "/console/sessions/end-matching?organization=acme",
        "end-everything": "/console/sessions/end-matching",
        "users": "/console/users",
        "user": "/console/users/acme/ann",
        "disable-user": "/console/users/acme/ann/disable",
        "add-user": "/console/add-user",
        "edit-user": "/console/users/acme/ann/edit",
        "applications": "/console/applications",
        "application": "/console/applications/wiki",
        "add-application": "/console/add-application",
        "organizations": "/console/organizations",
        "organization": "/console/organizations/acme",
        "edit-organization": "/console/organizations/acme/edit",
        "notices": "/console/notices",
        "events": "/console/events",
    }
    options = {"viewport": LARGE} | LOOKS[look]
    with window(chromium, here, expected=("400 (Bad Request)",), **options) as page:
        administrator(page)
        for name in SEEN_IN[look] or pages:
            page.goto(pages[name])
            windows.keep(page, f"console-{name}", look)
        page.goto("/console/add-user")
        page.get_by_label("Name", exact=True).fill("a/b")
        page.get_by_role("button", name="Add a user").click()
        page.get_by_text("must not hold any of").wait_for()
        windows.keep(page, "console-add-user-wrong", look)
        page.goto(f"/console/sessions/end?id={live}")
        page.get_by_role("button", name="End 1 session").click()
        page.get_by_text("Ended 1 session.").wait_for()
        windows.keep(page, "console-ended", look)
