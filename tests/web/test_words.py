"""The words that people read: catalogues, times, places, outcomes, messages."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import jinja2
import pytest
from litestar import Response

from ostiary import web
from ostiary.domain.access import NOBODY
from ostiary.domain.logout import Ended
from ostiary.domain.session import Device, EndReason
from ostiary.edge.house import Visit
from ostiary.web import flash, messages, pages, static_files
from ostiary.web.messages import Translator, accepted, translator
from ostiary.web.outcome import lines_of
from ostiary.web.words import Words
from tests.support.installation import Installation

TEMPLATES = Path(web.__file__).parent / "templates"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def test_languages_are_chosen_by_the_browser() -> None:
    assert accepted("") == "en"
    assert accepted("xx, en;q=0.5") == "en"
    assert accepted("en-GB,en;q=0.9") == "en"
    assert accepted("q=,;;;,\x00") == "en"
    assert accepted("en;q=banana") == "en"


def test_another_language_can_be_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    english = Path(messages.__file__).parent / "en"
    (tmp_path / "en").symlink_to(english)
    (tmp_path / "de").mkdir()
    (tmp_path / "de" / "layout.toml").write_text('[layout]\nsign_out = "Abmelden"\n')
    monkeypatch.setattr(messages, "__file__", str(tmp_path / "__init__.py"))
    for cached in (messages._languages, messages._texts, messages.translator):
        cached.cache_clear()
    try:
        assert accepted("fr, de-AT;q=0.8, en;q=0.7") == "de"
        german = translator("de")
        assert german("layout.sign_out") == "Abmelden"
        assert german("layout.sessions") == "Sessions"
    finally:
        monkeypatch.undo()
        for cached in (messages._languages, messages._texts, messages.translator):
            cached.cache_clear()


def test_every_text_that_a_page_asks_for_is_there() -> None:
    t = translator("en")
    sources = [p for p in Path(web.__file__).parent.rglob("*") if p.suffix in {".py", ".html"}]
    asked = set()
    pattern = re.compile(r"""\b(?:t|line)\(\s*["']([a-z_0-9.]+)["']\s*[,)]""")
    for path in sources:
        asked |= set(pattern.findall(path.read_text("utf-8")))
    assert len(asked) > 80
    assert {key for key in asked if not t.has(key)} == set()
    for reason in EndReason:
        assert t.has(f"ended.{reason.value}"), reason
        assert t.has(f"reason.{reason.value}"), reason


def test_every_template_compiles() -> None:
    for path in TEMPLATES.rglob("*.html"):
        pages.environment.get_template(path.relative_to(TEMPLATES).as_posix())
    assert pages.environment.undefined is jinja2.StrictUndefined
    assert pages.environment.autoescape is True


def test_every_icon_that_a_page_names_is_in_the_sprite() -> None:
    sprite = static_files.files()["vendor/icons.svg"].plain.decode()
    drawn = set(re.findall(r'<symbol id="([a-z0-9-]+)"', sprite)) | set(
        re.findall(r'id="([a-z0-9-]+)"', sprite)
    )
    named = set(pages.environment.globals["device_icons"].values())
    for path in TEMPLATES.rglob("*.html"):
        named |= set(re.findall(r'\bicon\("([a-z0-9-]+)"', path.read_text("utf-8")))
    assert len(named) > 8
    assert named - drawn == set()


def test_values_are_escaped_whatever_the_text() -> None:
    """Covers B02."""
    t = Translator("en")
    said = t("account.ended", device="<b>{0.__class__}</b>&")
    assert said == "Ended “&lt;b&gt;{0.__class__}&lt;/b&gt;&amp;”."
    assert t.listed(["<a>", "b", "c"]) == "&lt;a&gt;, b and c"
    assert t.listed([str(i) for i in range(9)]) == "0, 1, 2, 3, 4, 5 and 3 more"
    assert t.listed([]) == ""
    with pytest.raises(KeyError):
        t("no.such.text")


@pytest.mark.parametrize(
    ("instant", "words"),
    [
        (timedelta(0), "today at 09:00 UTC"),
        (timedelta(days=1), "tomorrow at 09:00 UTC"),
        (timedelta(days=-1), "yesterday at 09:00 UTC"),
        (timedelta(days=30), "on 24 December at 09:00 UTC"),
        (timedelta(days=60), "on 23 January 2027 at 09:00 UTC"),
    ],
)
def test_days_have_names(instant: timedelta, words: str) -> None:
    say = Words(translator("en"), NOW)
    assert say.at(NOW + instant).striptags() == words


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=5), "5 minutes ago"),
        (timedelta(minutes=60), "1 hour ago"),
        (timedelta(hours=8), "8 hours ago"),
        (timedelta(hours=22), "yesterday at 11:00 UTC"),
        (timedelta(days=5), "5 days ago"),
        (timedelta(days=13), "13 days ago"),
        (timedelta(days=22), "3 weeks ago"),
        (timedelta(days=50), "on 5 October"),
        (timedelta(days=400), "on 20 October 2025"),
    ],
)
def test_ages_are_said_in_words(ago: timedelta, words: str) -> None:
    assert Words(translator("en"), NOW).ago(NOW - ago).striptags() == words


def test_durations_are_said_in_the_greatest_whole_unit() -> None:
    say = Words(translator("en"), NOW)
    spans = [say.span(s) for s in (1, 90, 60, 3_600, 7_200, 86_400, 1_209_600)]
    assert spans == ["1 second", "90 seconds", "1 minute", "1 hour", "2 hours", "1 day", "14 days"]


def test_places_are_named_as_far_as_they_are_known() -> None:
    say = Words(translator("en"), NOW)
    for city, country, words in (
        ("Berlin", "DE", "Berlin, Germany"),
        (None, "CI", "Côte d\N{RIGHT SINGLE QUOTATION MARK}Ivoire"),
        ("Nowhere", None, "Nowhere"),
        (None, "??", "??"),
        (None, None, ""),
    ):
        assert say.place(Device(city=city, country=country)) == words


def test_devices_are_named_as_far_as_they_are_known() -> None:
    say = Words(translator("en"), NOW)
    assert say.device(Device(browser="Firefox", os="Linux")) == "Firefox on Linux"
    assert say.device(Device(kind="cli", browser="curl")) == "Command line"
    assert say.device(Device(browser="<b>")) == "&lt;b&gt;"
    assert say.device(Device()) == "Unknown device"


def test_an_outcome_says_until_when_the_last_token_works() -> None:
    visit = cast("Visit", SimpleNamespace(now=NOW))
    ended = Ended(
        ended=("a",),
        told=("wiki", "mail"),
        pending=("app-built-in",),
        without_address=("tickets",),
        last_token_expires_at=NOW + timedelta(seconds=130),
    )
    t = translator("en")
    said = [
        str(t(x.key, **cast("Any", x.values))) for x in lines_of(visit, ended, {"wiki": "Wiki"})
    ]
    assert said == [
        "Wiki and mail were told and have signed it out.",
        "tickets cannot be told, since it names no logout address; it notices when it next asks.",
        "The last token that an application checks by itself runs out at 09:02:10 UTC.",
    ]
    past = Ended(ended=("a",), last_token_expires_at=NOW)
    assert lines_of(visit, past, {}) == []


def test_a_message_that_is_too_long_loses_its_last_lines(ostiary: Installation) -> None:
    """Covers B07, M02."""
    visit = cast(
        "Visit",
        SimpleNamespace(
            now=NOW, house=ostiary.house, front=SimpleNamespace(secure=True), cookies=None
        ),
    )
    response = Response(b"")
    lines = [flash.line("account.ended", device="x" * 500) for _ in range(60)]
    flash.put(visit, response, NOBODY, flash.line("account.gone"), *lines)
    (cookie,) = response.cookies
    assert len(f"{cookie.key}={cookie.value}") < 4_096
    visit.cookies = SimpleNamespace(get=lambda _: cookie.value)  # type: ignore[misc,assignment]
    shown = flash.take(visit, NOBODY)
    assert shown is not None
    assert 5 < len(shown.lines) < 60
    assert shown.lines[0].values["device"] == "x" * 59 + "…"
