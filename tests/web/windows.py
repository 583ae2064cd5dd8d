"""Windows of the system's Chromium, that fail a test for whatever the browser complains about."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Request

from tests.support.installation import FIREFOX, PASSWORD, Installation

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT = 20_000
PHONE = {"width": 390, "height": 844}
WIDE = {"width": 1_100, "height": 800}

LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "dark", "viewport": PHONE, "java_script_enabled": False},
    "phone-light": {"color_scheme": "light", "viewport": PHONE},
}


@contextmanager
def window(
    chromium: Browser, here: Installation, *, expected: tuple[str, ...] = (), **options: Any
) -> Iterator[Page]:
    """A window of its own; whatever the browser complains about fails the test."""
    context: BrowserContext = chromium.new_context(
        base_url=here.public_url, **{"user_agent": FIREFOX, "viewport": WIDE} | options
    )
    context.set_default_timeout(TIMEOUT)
    complaints: list[str] = []

    def note_failure(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page was left while it was loading
            complaints.append(f"failed: {request.url}: {request.failure}")

    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text) if message.type in {"error", "warning"} else None
        ),
    )
    page.on("requestfailed", note_failure)
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((here.public_url, "data:"))
            else complaints.append(f"third party: {request.url}")
        ),
    )
    try:
        yield page
        unexpected = [c for c in complaints if not any(e in c for e in expected)]
        assert unexpected == [], unexpected
    finally:
        context.close()


def sign_in(page: Page, name: str = "ann", door: str = "/sign-in/acme") -> None:
    page.goto(door)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/account")


def keep(page: Page, name: str, look: str) -> None:
    """Keep what the page looks like; nothing may stick out of the window."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    picture = page.screenshot(path=SCREENSHOTS / f"{name}-{look}.png", full_page=True)
    width = int.from_bytes(picture[16:20], "big")  # PNG, 11.2.2: IHDR
    assert width == (page.viewport_size or WIDE)["width"], f"{name} is wider than the window"
