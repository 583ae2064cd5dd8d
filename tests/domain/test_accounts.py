"""Names and texts of people: what may be part of an id, and what may stand in a page."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.domain.accounts import (
    BUILT_IN,
    LONGEST_NAME,
    LONGEST_TEXT,
    Application,
    User,
    checked_name,
    checked_text,
)
from ostiary.domain.errors import BadInput

GOOD_NAMES = [
    "a",
    "ann",
    "Ann Smith",
    "ann@example.org",
    "o'neil",
    "app-built-in",
    "a.b_c-d",
    "...",
    "Zoë",
    "安",
    "😀",
    "x" * LONGEST_NAME,
    "100",
    "~!$^*()[]{}|\\<>,`'",
]
BAD_NAMES = [
    "",
    ".",
    "..",
    " ann",
    "ann ",
    "\u2003ann",
    "x" * (LONGEST_NAME + 1),
    *(f"a{c}b" for c in '/?:#&%=+;"'),
    *(f"a{c}b" for c in "\x00\t\n\r\x1b\x7f\x85\u2028\u2029"),
    *(f"a{c}b" for c in "\u202a\u202e\u2066\u2069"),  # they would turn the rest of a page around
    *(f"a{c}b" for c in "\ud800\udbff\udc00\udfff"),  # half a character
]


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_a_name_is_what_it_was(name: str) -> None:
    assert checked_name("name", name) == name


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_would_break_an_id_or_a_page_is_refused(name: str) -> None:
    """Covers W3, W4."""
    with pytest.raises(BadInput) as caught:
        checked_name("displayName", name)
    assert caught.value.field == "displayName"
    assert caught.value.text.startswith("displayName must not")


@given(st.text(max_size=LONGEST_NAME + 5))
def test_every_name_that_passes_can_be_part_of_an_id(name: str) -> None:
    try:
        checked = checked_name("name", name)
    except BadInput:
        return
    assert checked == name == name.strip()
    assert f"acme/{name}/wiki".split("/") == ["acme", name, "wiki"]
    assert 0 < len(name) <= LONGEST_NAME
    assert name.encode().decode() == name
    assert name.isprintable() or all(c.isprintable() or not c.isascii() for c in name)


@pytest.mark.parametrize("text", ["", " two  words ", "a/b?c:d", "x" * LONGEST_TEXT, "Zoë 😀"])
def test_a_text_may_hold_anything_on_one_line(text: str) -> None:
    assert checked_text("label", text) == text


@pytest.mark.parametrize(
    "text", ["x" * (LONGEST_TEXT + 1), "a\nb", "a\x00b", "a\u202eb", "\ud83d", "a\x9fb"]
)
def test_a_text_without_bounds_or_on_several_lines_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        checked_text("label", text)
    assert caught.value.field == "label"


def test_the_bound_is_the_caller_s() -> None:
    assert checked_text("label", "x" * 60, longest=60)
    with pytest.raises(BadInput, match="60 characters"):
        checked_text("label", "x" * 61, longest=60)


@pytest.mark.parametrize(("organization", "is_global"), [(BUILT_IN, True), ("acme", False)])
def test_what_belongs_to_the_built_in_organization_is_global(
    *, organization: str, is_global: bool
) -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    application = Application(
        key=1,
        name="wiki",
        organization_key=1,
        organization=organization,
        display_name="Wiki",
        created_at=now,
        client_id="id",
        sealed_secret=b"",
    )
    user = User(
        key=1,
        id="subject",
        organization_key=1,
        organization=organization,
        name="ann",
        display_name="Ann",
        created_at=now,
        updated_at=now,
    )
    assert application.is_global is is_global
    assert user.is_global_admin is is_global
