"""The hosts of an application that a proxy guards, in the console."""

import html
import re

import pytest

from ostiary.services import protected_hosts
from ostiary.storage.protected_hosts import ProtectedHost
from tests.support.installation import Installation
from tests.web.reading import Page, Reader

WIKI = "/console/applications/wiki"
FORM = f"{WIKI}/hosts"


def hosts_of(ostiary: Installation) -> list[ProtectedHost]:
    return ostiary.read(protected_hosts.list_hosts, ostiary.act(), "wiki")


def typed_in(page: Page) -> str:
    [text] = re.findall(r"<textarea[^>]*>(.*)</textarea>", page.response.text, flags=re.DOTALL)
    return html.unescape(text)


def test_hosts_are_typed_a_line_each_and_shown_with_the_application(
    ostiary: Installation, admin: Reader
) -> None:
    """Covers L20."""
    assert "No proxy asks about hosts" in admin.open(WIKI).text
    admin.open(FORM)
    typed = "https://wiki.example\n\n https://Docs.example:443/ 12h background \n"
    page = admin.send(FORM, origin=typed)
    assert admin.path == WIKI
    assert "https://docs.example authentication good for 12 hours" in page.text
    assert hosts_of(ostiary) == [
        ProtectedHost(origin="https://docs.example", max_age=43_200, background_counts=True),
        ProtectedHost(origin="https://wiki.example"),
    ]
    assert "https://docs.example 12h background\nhttps://wiki.example" in typed_in(admin.open(FORM))
    admin.send(FORM, origin="")
    assert hosts_of(ostiary) == []


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("wiki.example", "is not an origin"),
        ("http://wiki.example", "has to be https"),
        ("https://wiki.example soon", "Write a number and a unit"),
        ("https://wiki.example 1h 2h", "is too much"),
        ("https://wiki.example\nhttps://wiki.example", "named twice"),
    ],
)
def test_what_makes_no_sense_is_shown_again_with_what_is_wrong(
    ostiary: Installation, admin: Reader, typed: str, wrong: str
) -> None:
    admin.open(FORM)
    page = admin.send(FORM, origin=typed)
    assert page.response.status_code == 400
    assert wrong in page.text
    assert typed_in(page).split() == typed.split()
    assert hosts_of(ostiary) == []
