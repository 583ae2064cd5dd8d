"""Everything that can go wrong on purpose: drawn, coded, worded, and given a status."""

import inspect
import re

import pytest

from ostiary.domain import errors
from ostiary.domain.errors import OstiaryError
from ostiary.domain.events import Event
from ostiary.edge.errors import STATUS, headers_of, status_of

CLASSES = [
    item
    for _, item in inspect.getmembers(errors, inspect.isclass)
    if issubclass(item, OstiaryError) and item is not OstiaryError
]
LEAVES = [
    errors.BadInput("page", "The page must be a number."),
    errors.BadCursor(),
    errors.NotFound(),
    errors.AlreadyExists(field="name"),
    errors.Protected(),
    errors.NotAllowed(),
    errors.NotSignedIn(reason="idle"),
    errors.CrossSite(),
    errors.WrongCredentials(),
    errors.TooManyFailures(5),
    errors.PasswordMustChange(),
    errors.ReauthenticationNeeded(),
    errors.CurrentSession("0" * 32),
    errors.DeviceTaken("Ann", "0" * 32),
    errors.Overloaded("pool"),
    errors.Unavailable("disk full"),
    errors.Misconfigured("The data directory cannot be written."),
]


def test_the_drawing_at_the_top_shows_the_whole_tree() -> None:
    """STYLE, habit 8."""
    line = re.compile(r"^    ([| ]*)\+-- (\w+) +\S", re.MULTILINE)
    drawn = {name: len(lead) // 4 for lead, name in line.findall(errors.__doc__ or "")}
    assert drawn == {c.__name__: c.__mro__.index(OstiaryError) - 1 for c in CLASSES}


def test_there_is_an_example_of_each_here() -> None:
    assert {type(leaf) for leaf in LEAVES} == set(CLASSES)


@pytest.mark.parametrize("error", LEAVES, ids=lambda e: type(e).__name__)
def test_each_has_a_code_of_its_own_and_a_text_for_people(error: OstiaryError) -> None:
    name = type(error).__name__
    assert error.code == re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    assert "code" in vars(type(error))
    assert error.text[0].isupper()
    assert error.text.endswith((".", "!"))
    assert error.text != OstiaryError.default_text


@pytest.mark.parametrize("error", LEAVES, ids=lambda e: type(e).__name__)
def test_each_has_an_http_status(error: OstiaryError) -> None:
    assert status_of(error) == STATUS[error.code]
    assert 400 <= status_of(error) <= 599


def test_no_status_is_left_over() -> None:
    assert set(STATUS) == {c.code for c in CLASSES}


def test_what_may_pass_says_when_to_come_back() -> None:
    """Covers R09."""
    assert headers_of(errors.TooManyFailures(30)) == {"Retry-After": "30"}
    assert int(headers_of(errors.Overloaded())["Retry-After"]) > 0
    assert int(headers_of(errors.Unavailable())["Retry-After"]) > 0
    assert headers_of(errors.NotFound()) == {}


def test_an_error_that_is_none_of_these_is_the_server_s_fault() -> None:
    class NewError(OstiaryError):
        code = "new_error"

    assert status_of(NewError()) == 500


@pytest.mark.parametrize("error", LEAVES, ids=lambda e: type(e).__name__)
def test_details_are_for_the_operator_only(error: OstiaryError) -> None:
    assert not error.detail or error.detail not in error.text
    assert str(error) == (f"{error.text} ({error.detail})" if error.detail else error.text)


def test_a_refused_sign_in_never_says_why() -> None:
    """Covers W21."""
    said = errors.WrongCredentials(detail="disabled user")
    assert said.text == "Name or password is incorrect."
    assert "disabled" in str(said)


@pytest.mark.parametrize(
    ("wait", "seconds", "words"),
    [(30, 30, "30 seconds"), (1, 1, "1 second "), (0, 1, "1 second "), (-5, 1, "1 second ")],
)
def test_a_delay_is_at_least_a_second(wait: int, seconds: int, words: str) -> None:
    error = errors.TooManyFailures(wait)
    assert error.retry_after == seconds
    assert f"Wait {words}".rstrip() in error.text


def test_errors_carry_what_the_caller_needs() -> None:
    assert errors.BadInput("page", "x").field == "page"
    assert errors.BadCursor().field == "cursor"
    assert errors.NotSignedIn(reason="idle").reason == "idle"
    assert errors.CurrentSession("a").session_id == "a"
    assert errors.AlreadyExists(field="email").field == "email"
    taken = errors.DeviceTaken("Ann", "b")
    assert (taken.user_name, taken.session_id) == ("Ann", "b")
    assert taken.text.count("Ann") == 2


def test_events_are_subject_dot_action() -> None:
    """STYLE, habit 10."""
    for event in Event:
        subject, action = event.value.split(".")
        assert event.name == f"{subject}_{action}".upper()
        assert re.fullmatch(r"[a-z_]+", subject + action)
        assert len(event.value) <= 60  # the column holds no more
