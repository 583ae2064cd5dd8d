"""An installation with two organizations and a few people."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.installation import FIREFOX, Installation
from tests.web.reading import Reader
from tests.web.serving import served
from tests.web.windows import ARGUMENTS


def furnish(installation: Installation) -> Installation:
    """Acme with two applications and two users; Globex with one."""
    installation.organization("acme", display_name="Acme")
    installation.organization("globex", display_name="Globex")
    installation.application(
        "acme",
        "wiki",
        display_name="Wiki",
        backchannel_logout_uri="https://wiki.example/logout",
    )
    installation.application("acme", "tickets", display_name="Tickets")
    installation.application("globex", "shop", display_name="Shop")
    for organization, user in (("acme", "ann"), ("acme", "bob"), ("globex", "zoe")):
        installation.user(organization, user)
    return installation


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of such an installation, to be copied: making them anew takes most of a test."""
    folder = tmp_path_factory.mktemp("furnished")
    furnish(Installation(f"sqlite:///{folder / 'o.db'}", folder)).close()
    return folder


def copied(furnished: Path, to: Path, **further: str) -> Installation:
    """An installation with a copy of these files."""
    shutil.copytree(furnished, to, dirs_exist_ok=True)
    return Installation(f"sqlite:///{to / 'o.db'}", to, install=False, **further)


@pytest.fixture
def ostiary(furnished: Path, tmp_path: Path) -> Iterator[Installation]:
    """The installation on SQLite."""
    made = copied(furnished, tmp_path)
    yield made
    made.close()


@pytest.fixture
def secure(furnished: Path, tmp_path: Path) -> Iterator[Installation]:
    """The same, reached by https."""
    made = copied(furnished, tmp_path, public_url="https://id.example")
    yield made
    made.close()


@pytest.fixture
def anywhere(database_url: str, tmp_path: Path) -> Iterator[Installation]:
    """The same on each database in turn."""
    made = furnish(Installation(database_url, tmp_path))
    yield made
    made.close()


@pytest.fixture
def people() -> Callable[..., Reader]:
    """Somebody new in front of a browser of her own."""

    def someone(installation: Installation, agent: str = FIREFOX) -> Reader:
        return Reader(installation.browser(agent))

    return someone


@pytest.fixture
def admin(ostiary: Installation, people: Callable[..., Reader]) -> Reader:
    """The global administrator."""
    reader = people(ostiary)
    reader.sign_in("built-in", "admin")
    return reader


@pytest.fixture
def boss(ostiary: Installation, people: Callable[..., Reader]) -> Reader:
    """An administrator of Acme."""
    ostiary.user("acme", "boss", is_admin=True)
    reader = people(ostiary)
    reader.sign_in("acme", "boss")
    return reader


@pytest.fixture(scope="module")
def chromium(chromium_path: str) -> Iterator[Browser]:
    """The system's browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def here(furnished: Path, tmp_path: Path) -> Iterator[Installation]:
    """The installation on SQLite, behind a real HTTP server."""
    with served(furnished, tmp_path) as installation:
        yield installation
