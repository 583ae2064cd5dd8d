"""Agents and places: names that people recognize, and nothing that hurts where it is shown."""

from __future__ import annotations

import ipaddress
import unicodedata
from typing import TYPE_CHECKING, get_args

import maxminddb
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.domain.errors import Misconfigured
from ostiary.gateways.visitors import (
    Agent,
    DeviceKind,
    Place,
    Places,
    clean_agent,
    describe,
    parse_agent,
)

from .mmdb import MARKER, write

if TYPE_CHECKING:
    from pathlib import Path

UNSHOWABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}

KIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME = "Chrome/126.0.0.0"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
PIXEL = "Mozilla/5.0 (Linux; Android 14; Pixel 8)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X)"
IPAD = "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X)"
FIREFOX = "Gecko/20100101 Firefox/128.0"

AGENTS = [
    (f"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) {FIREFOX}", "Firefox", "Linux", "desktop"),
    (f"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:128.0) {FIREFOX}", "Firefox", "Linux", "desktop"),
    (f"Mozilla/5.0 (X11; Fedora; Linux x86_64; rv:128.0) {FIREFOX}", "Firefox", "Linux", "desktop"),
    (f"Mozilla/5.0 (X11; FreeBSD amd64; rv:128.0) {FIREFOX}", "Firefox", "FreeBSD", "desktop"),
    (f"Mozilla/5.0 (X11; Linux x86_64) {KIT} {CHROME} Safari/537.36", "Chrome", "Linux", "desktop"),
    (f"{WINDOWS} {KIT} {CHROME} Safari/537.36", "Chrome", "Windows", "desktop"),
    (f"{WINDOWS} {KIT} {CHROME} Safari/537.36 Edg/126.0.0.0", "Edge", "Windows", "desktop"),
    (f"{WINDOWS} {KIT} {CHROME} Safari/537.36 OPR/111.0.0.0", "Opera", "Windows", "desktop"),
    (
        "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
        "Internet Explorer",
        "Windows",
        "desktop",
    ),
    (
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Version/17.5 Safari/605.1.15",
        "Safari",
        "macOS",
        "desktop",
    ),
    (
        f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {KIT} {CHROME} Safari/537.36",
        "Chrome",
        "ChromeOS",
        "desktop",
    ),
    (f"{IPHONE} {APPLE} Version/17.5 Mobile/15E148 Safari/604.1", "Safari", "iOS", "phone"),
    (f"{IPHONE} {APPLE} CriOS/126.0 Mobile/15E148 Safari/604.1", "Chrome", "iOS", "phone"),
    (f"{IPHONE} {APPLE} FxiOS/127.0 Mobile/15E148 Safari/605.1.15", "Firefox", "iOS", "phone"),
    (f"{IPAD} {APPLE} Version/17.5 Mobile/15E148 Safari/604.1", "Safari", "iPadOS", "tablet"),
    (f"{IPAD} {APPLE} EdgiOS/126 Mobile/15E148 Safari/604.1", "Edge", "iPadOS", "tablet"),
    (f"{PIXEL} {KIT} {CHROME} Mobile Safari/537.36", "Chrome", "Android", "phone"),
    (f"{PIXEL} {KIT} {CHROME} Safari/537.36", "Chrome", "Android", "tablet"),
    (f"{PIXEL} {KIT} {CHROME} Mobile Safari/537.36 EdgA/125.0", "Edge", "Android", "phone"),
    (
        f"{PIXEL} {KIT} SamsungBrowser/25.0 {CHROME} Mobile Safari/537.36",
        "Samsung Internet",
        "Android",
        "phone",
    ),
    (
        "Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0",
        "Firefox",
        "Android",
        "phone",
    ),
    (
        "Mozilla/5.0 (Android 14; Tablet; rv:127.0) Gecko/127.0 Firefox/127.0",
        "Firefox",
        "Android",
        "tablet",
    ),
    (
        f"Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) {KIT} SamsungBrowser/4.0 TV Safari/537.36",
        "Samsung Internet",
        "Tizen",
        "unknown",
    ),
    (
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Googlebot",
        None,
        "bot",
    ),
    ("curl/8.5.0", "curl", None, "cli"),
    ("Wget/1.21", "Wget", None, "cli"),
    ("HTTPie/3.2.2", "HTTPie", None, "cli"),
    ("python-requests/2.32.3", "Python", None, "cli"),
    ("python-httpx/0.27", "Python", None, "cli"),
    ("Python-urllib/3.11", "Python", None, "cli"),
    ("Python/3.11 aiohttp/3.9", "Python", None, "cli"),
    ("Go-http-client/1.1", "Go", None, "cli"),
    ("okhttp/4.12.0", "OkHttp", None, "cli"),
    ("axios/1.7.2", "axios", None, "cli"),
    ("node", "Node.js", None, "cli"),
    ("casdoor-go-sdk/1.53", "Casdoor SDK", None, "cli"),
    ("Java/17.0.1", "Java", None, "cli"),
    ("somebody/1.0", None, None, "unknown"),
    ("<script>alert(1)</script>", None, None, "unknown"),
    ("", None, None, "unknown"),
    ("   ", None, None, "unknown"),
]


# Agents


@pytest.mark.parametrize(("agent", "browser", "system", "kind"), AGENTS)
def test_agents_in_people_s_words(
    agent: str, browser: str | None, system: str | None, kind: DeviceKind
) -> None:
    """DESIGN section 11: "Firefox on Linux"."""
    assert parse_agent(agent) == Agent(browser=browser, os=system, device_kind=kind)


@given(
    agent=st.one_of(st.text(max_size=700), st.from_regex(r"(Mozilla/5\.0 \([^)]*\) \w+/\d+ ?)+"))
)
def test_no_agent_breaks_anything(agent: str) -> None:
    """Covers B02, D18: what comes out fits a log line, a page and a column."""
    cleaned = clean_agent(agent)
    assert len(cleaned) <= 512
    assert clean_agent(cleaned) == cleaned
    assert cleaned.encode().decode() == cleaned
    parsed = parse_agent(agent)
    assert parsed.device_kind in get_args(DeviceKind)
    for text in (cleaned, parsed.browser or "", parsed.os or ""):
        assert not UNSHOWABLE & {unicodedata.category(letter) for letter in text}
    assert len(parsed.browser or "") <= 64
    assert len(parsed.os or "") <= 64


@given(agent=st.text(max_size=700))
def test_a_word_before_it_changes_nothing_of_the_rule(agent: str) -> None:
    """The header is kept as sent, but for what cannot be shown."""
    kept = [letter for letter in clean_agent(f"agent {agent}") if letter.isalnum()]
    sent = [letter for letter in f"agent {agent}" if letter.isalnum()]
    assert kept == sent[: len(kept)]


@pytest.mark.parametrize(
    ("agent", "cleaned"),
    [
        ("curl/8\r\nX-Evil: 1", "curl/8X-Evil: 1"),
        ("a\x1b[31mred\x1b[0m", "a[31mred[0m"),
        ("a\x9b31m\x85\x7f\x00b", "a31mb"),
        ("a\u202eb\u2066c\u200bd\ufeff", "abcd"),
        ("a\u2028b\u2029c", "abc"),
        ("a\ud800b", "ab"),
        ("  padded\t", "padded"),
        ("café 😀", "café 😀"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
)
def test_what_forges_or_hides_text_is_removed_and_the_rest_kept(agent: str, cleaned: str) -> None:
    """Covers D18, B02: markup is left for the page to escape."""
    assert clean_agent(agent) == cleaned


@pytest.mark.parametrize("agent", ["a" * 100_000, "\x01" * 100_000, "Mozilla/5.0 (" * 10_000])
def test_a_huge_header_is_cut(agent: str) -> None:
    """Covers C01, M02: 512 characters are kept, and only a little more is looked at."""
    assert len(clean_agent(agent)) <= 512
    assert parse_agent(agent) == parse_agent(agent[:2048])


def test_an_agent_seen_lately_is_not_parsed_again() -> None:
    """1,024 agents are remembered."""
    first = parse_agent("Seen-Lately/1.0")
    assert parse_agent("Seen-Lately/1.0") is first
    assert parse_agent("Seen-Lately/1.0\r\n") is first
    for number in range(1024):
        parse_agent(f"curl/{number}")
    assert parse_agent("Seen-Lately/1.0") is not first


# Places


@pytest.fixture(scope="module")
def city_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in the form of GeoLite2 City."""
    return write(
        tmp_path_factory.mktemp("places") / "city.mmdb",
        {
            "192.0.2.0/25": {
                "country": {"iso_code": "DE", "names": {"en": "Germany"}},
                "city": {"names": {"de": "Köln", "en": "Cologne"}},
            },
            "2001:db8::/32": {"country": {"iso_code": "FR"}},
            "198.51.100.0/24": {
                "country": {"iso_code": "de\r\n"},
                "city": {"names": {"en": "Evil\x1b[31m\u202e town" + "x" * 500}},
                "autonomous_system_number": -5,
            },
            "203.0.113.0/24": {"country": ["DE"], "city": {"names": "Cologne"}, "asn": "ASx"},
        },
    )


@pytest.fixture(scope="module")
def network_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in the form of GeoLite2 ASN."""
    return write(
        tmp_path_factory.mktemp("places") / "asn.mmdb",
        {"192.0.2.0/24": {"autonomous_system_number": 64500}},
        version=4,
    )


def test_an_address_is_located(city_file: Path) -> None:
    """DESIGN section 11: "Berlin, Germany", by code and English name."""
    with Places(city_file) as places:
        assert places.locate("192.0.2.1") == Place(country="DE", city="Cologne")
        assert places.locate("::ffff:192.0.2.1") == Place(country="DE", city="Cologne")
        assert places.locate("2001:db8::1") == Place(country="FR")


def test_two_files_complete_each_other(city_file: Path, network_file: Path) -> None:
    """City and network are separate files at MaxMind."""
    with Places(city_file, None, network_file) as places:
        assert places.locate("192.0.2.1") == Place(country="DE", city="Cologne", asn="AS64500")
        assert places.locate("192.0.2.200") == Place(asn="AS64500")


def test_the_flat_form_is_read_too(tmp_path: Path) -> None:
    """IPinfo's files name the fields otherwise."""
    records: dict[str, object] = {
        "192.0.2.0/24": {"country": "DE", "city": "Cologne", "asn": "AS64500"},
        "198.51.100.0/24": {"country": "Germany", "country_code": "DE"},
    }
    with Places(write(tmp_path / "flat.mmdb", records)) as places:
        assert places.locate("192.0.2.1") == Place(country="DE", city="Cologne", asn="AS64500")
        assert places.locate("198.51.100.1") == Place(country="DE")


@pytest.mark.parametrize("address", ["", "10.0.0.1", "::1", "fe80::1%eth0", "nonsense", "\x00"])
def test_what_is_not_in_the_file_has_no_place(
    city_file: Path, network_file: Path, address: str
) -> None:
    """Private addresses, no addresses, and IPv6 in a file for IPv4."""
    with Places(network_file, city_file) as places:
        assert places.locate(address) == Place()


def test_hostile_records_do_not_get_through(city_file: Path) -> None:
    """Covers D18: a data set is foreign text too."""
    with Places(city_file) as places:
        evil = places.locate("198.51.100.1")
        assert (evil.country, evil.asn) == (None, None)
        assert evil.city is not None
        assert evil.city.startswith("Evil[31m townxxx")
        assert len(evil.city) == 100
        assert places.locate("203.0.113.1") == Place()


def test_without_a_file_nothing_is_known() -> None:
    """Nothing is bundled."""
    assert Places(None).locate("192.0.2.1") == Place()
    assert Places().locate("192.0.2.1") == Place()


def test_a_named_file_that_is_missing_or_bad_is_explained(tmp_path: Path) -> None:
    """The operator hears of it at the start, not by empty columns."""
    with pytest.raises(Misconfigured, match=r"city\.mmdb does not exist"):
        Places(tmp_path / "city.mmdb")
    bad = tmp_path / "bad.mmdb"
    bad.write_bytes(b"no database" * 100)
    with pytest.raises(Misconfigured, match="is not a MaxMind database"):
        Places(bad)
    bad.write_bytes(b"")
    with pytest.raises(Misconfigured, match="is not a MaxMind database"):
        Places(bad)
    with pytest.raises(Misconfigured, match=r"cannot be read|is not a MaxMind database"):
        Places(tmp_path)


def test_a_named_file_that_may_not_be_read_is_explained(
    city_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is often another user than the operator."""

    def refuse(_path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(maxminddb, "open_database", refuse)
    with pytest.raises(Misconfigured, match="cannot be read: Permission denied"):
        Places(city_file)


def test_a_damaged_or_closed_file_keeps_nobody_out(city_file: Path, tmp_path: Path) -> None:
    """A sign-in does not fail for want of a city."""
    head, marker, metadata = city_file.read_bytes().partition(MARKER)
    damaged = tmp_path / "damaged.mmdb"
    damaged.write_bytes(b"\xff" * len(head) + marker + metadata)
    with Places(damaged) as places:
        for address in ("192.0.2.1", "198.51.100.1", "2001:db8::1"):
            assert places.locate(address) == Place()
    closed = Places(city_file)
    closed.close()
    assert closed.locate("192.0.2.1") == Place()
    closed.close()


# All of it


def test_a_visitor_is_described(city_file: Path, network_file: Path) -> None:
    """What a row of a session is filled from."""
    with Places(city_file, network_file) as places:
        visitor = describe("192.0.2.1", f" {AGENTS[0][0]}\r\n", places)
    assert msgspec.to_builtins(visitor) == {
        "address": "192.0.2.1",
        "agent": AGENTS[0][0],
        "browser": "Firefox",
        "os": "Linux",
        "device_kind": "desktop",
        "country": "DE",
        "city": "Cologne",
        "asn": "AS64500",
    }


def test_a_visitor_of_whom_nothing_is_known() -> None:
    """A unix socket and no header."""
    visitor = describe("", "")
    assert (visitor.address, visitor.agent, visitor.device_kind) == ("", "", "unknown")
    assert visitor.browser is visitor.os is visitor.country is visitor.city is visitor.asn is None


def test_a_private_address_is_no_place(city_file: Path) -> None:
    """Addresses of the operator's own network are in no data set."""
    with Places(city_file) as places:
        for address in (ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("fd00::1")):
            assert describe(str(address), "curl/8.5.0", places).country is None
