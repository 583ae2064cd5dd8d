"""The pages in Chromium, with and without JavaScript, and what they look like."""

from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page

from ostiary.domain.session import Device
from ostiary.storage import sessions
from tests.support.installation import CHROME, PASSWORD, Installation
from tests.web import windows
from tests.web.windows import LOOKS, sign_in, window


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_one_browser_ends_the_session_of_the_other(
    chromium: Browser, here: Installation, *, scripts: bool
) -> None:
    """Covers A16, R03, R11: the sign-in form's redirect passes the policy in a real browser."""
    options = {"java_script_enabled": scripts}
    with (
        window(chromium, here, **options) as laptop,
        window(chromium, here, user_agent=CHROME, **options) as desktop,
    ):
        sign_in(laptop)
        sign_in(desktop, door="/sign-in/acme/wiki")
        desktop.get_by_role("link", name="Activity").first.click()
        assert desktop.get_by_role("heading", name="Activity").is_visible()

        laptop.reload()
        laptop.get_by_role("link", name="End “Chrome on Windows”").click()
        laptop.get_by_role("heading", name="End “Chrome on Windows”?").wait_for()
        assert laptop.locator("dialog[open]").count() == (1 if scripts else 0)
        laptop.get_by_role("button", name="End it").click()
        laptop.get_by_text("Ended “Chrome on Windows”.").wait_for()
        assert laptop.get_by_text("Wiki is being told.").is_visible()

        desktop.get_by_role("link", name="Security").click()
        desktop.wait_for_url("**/sign-in/acme**")
        assert desktop.get_by_text("This session was ended").is_visible()
        laptop.get_by_role("link", name="Security").click()
        assert laptop.get_by_role("heading", name="Change your password").is_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_the_password_is_asked_for_again_and_all_others_end(
    chromium: Browser, here: Installation, *, scripts: bool
) -> None:
    with window(chromium, here, expected=("403 (Forbidden)",), java_script_enabled=scripts) as page:
        sign_in(page)
        other = here.start_session("acme", "ann")
        here.clock.forward(minutes=20)
        page.goto("/account")
        page.get_by_role("link", name="End all others").click()
        page.get_by_role("button", name="End all others").click()
        page.get_by_label("Password of ann").fill(PASSWORD)
        page.get_by_role("button", name="Go on").click()
        page.get_by_text("Ended 1 other session.").wait_for()
        assert here.read(sessions.by_id, other.session.id).ended_at is not None
        page.get_by_role("button", name="Sign out").click()
        page.get_by_text("ann has signed out.").wait_for()


def test_a_dialog_can_be_left_by_keyboard_and_button(chromium: Browser, here: Installation) -> None:
    with window(chromium, here) as page:
        sign_in(page)
        here.start_session("acme", "ann")
        page.goto("/account")
        for leave in (
            lambda: page.keyboard.press("Escape"),
            lambda: page.get_by_role("link", name="Cancel").click(),
        ):
            page.get_by_role("link", name="End “Firefox on Linux”").focus()
            page.keyboard.press("Enter")
            page.locator("dialog[open]").wait_for()
            leave()
            page.locator("dialog[open]").wait_for(state="detached")
            assert page.url.endswith("/account")
        page.goto("/account")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_the_colours_follow_the_system_with_and_without_scripts(
    chromium: Browser, here: Installation
) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        for scripts in (True, False):
            with window(chromium, here, color_scheme=scheme, java_script_enabled=scripts) as page:
                page.goto("/sign-in/acme")
                toggle = page.locator("[data-theme-toggle]")
                assert toggle.is_visible() == scripts
                seen[scheme, scripts] = page.screenshot()
                if scripts:
                    seen[scheme] = background(page)
    assert seen["light"] != seen["dark"]
    assert seen["light", False] != seen["dark", False]


def test_the_colours_can_be_chosen_and_stay(chromium: Browser, here: Installation) -> None:
    with window(chromium, here, color_scheme="light") as page:
        page.goto("/sign-in/acme")
        light = background(page)
        page.get_by_role("button", name="Dark colours").click()
        dark = background(page)
        assert dark != light
        page.goto("/signed-out")
        assert background(page) == dark
        page.get_by_role("button", name="Light colours").click()
        assert background(page) == light


def test_clock_times_are_those_of_the_reader(chromium: Browser, here: Installation) -> None:
    with window(chromium, here, timezone_id="Asia/Tokyo") as page:
        page.clock.install(time=here.clock.now)
        sign_in(page)
        began = page.locator("main time").first
        assert began.text_content() == "today at 18:00"
        assert began.get_attribute("title") == "24 November 2026, 09:00:00 UTC"
        ends = page.locator("main time").nth(1)
        assert ends.text_content() == "tomorrow at 18:00"


def fill_with_life(here: Installation) -> None:
    """Ann has devices in several places, of several ages."""

    def device(kind: str, browser: str | None, system: str | None, *where: str) -> Device:
        address, city, country = where
        return Device(
            kind=kind, browser=browser, os=system, address=address, city=city, country=country
        )

    phone = device("phone", "Chrome", "Android", "203.0.113.90", "Berlin", "DE")
    tablet = device("tablet", "Safari", "iPad", "203.0.113.9", "Potsdam", "DE")
    desktop = device("desktop", "Edge", "Windows", "198.51.100.4", "São Paulo", "BR")
    line = device("cli", None, None, "203.0.113.90", "Berlin", "DE")
    here.clock.forward(days=-20)
    work = here.start_session("acme", "ann", application="wiki", remember=True, device=phone)
    here.write(sessions.relabel, work.session.id, "Work phone")
    here.clock.forward(days=17)
    here.start_session("acme", "ann", application="tickets", remember=True, device=tablet)
    here.clock.forward(days=3)
    here.start_session("acme", "ann", application="wiki", device=desktop)
    here.start_session("acme", "ann", application="tickets", device=line)
    here.write(sessions.store_uses, [(work.session.id, here.clock.now - timedelta(minutes=12))])


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_every_page_can_be_looked_at(chromium: Browser, here: Installation, look: str) -> None:
    """Screenshots stay in build/screenshots; nothing may stick out of a phone's width."""
    fill_with_life(here)
    refusals = ("401 (Unauthorized)", "403 (Forbidden)", "404 (Not Found)", "409 (Conflict)")
    with window(chromium, here, expected=refusals, **LOOKS[look]) as page:

        def keep(name: str) -> None:
            windows.keep(page, name, look)

        page.goto("/sign-in")
        keep("sign-in-organization")
        page.goto("/sign-in/acme/wiki")
        keep("sign-in")
        page.get_by_label("Name").fill("ann")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_text("is incorrect").wait_for()
        keep("sign-in-wrong")
        sign_in(page, door="/sign-in/acme/wiki")
        keep("my-sessions")
        ends = page.locator(".device-buttons a").filter(has_text="End").last
        for verb in ("end", "not-me", "name"):
            page.goto((ends.get_attribute("href") or "").removesuffix("end") + verb)
            keep(f"session-{verb}")
            page.goto("/account")
        page.goto("/account/end-others")
        keep("end-others")
        for path in ("activity", "security"):
            page.goto(f"/account/{path}")
            keep(path)
        page.goto("/nothing")
        keep("not-found")
        page.goto("/sign-in/acme")
        keep("sign-in-somebody-is-here")
        page.goto("/sign-out")
        keep("sign-out")
        here.clock.forward(minutes=16)
        page.goto("/account/end-others")
        page.get_by_role("button", name="End all others").click()
        page.get_by_label("Password of ann").wait_for()
        keep("password-again")
        page.get_by_label("Password of ann").fill(PASSWORD)
        page.get_by_role("button", name="Go on").click()
        page.get_by_text("You are signed in nowhere else.").wait_for()
        keep("ended")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_text("Nobody is signed in").wait_for()
        keep("signed-out")
