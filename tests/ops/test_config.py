"""The configuration: what can be said where, who wins, and what is in force."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.domain.lifetime import Lifetimes
from ostiary.domain.redirects import is_loopback
from ostiary.ops.config import Config, policy_of
from ostiary.ops.config_file import KEYS, Loaded, Setting, Source, load, settings
from ostiary.ops.config_force import checked_public_url, default_public_url
from ostiary.ops.config_values import Unusable, format_duration, parse_duration
from ostiary.services.house import Policy

# For each key: what a file says, what the environment says, and what both mean.
SAMPLES: Mapping[str, tuple[str, str, Any]] = {
    "server.public_url": ('"https://id.example.org/"', "https://id.example.org/", None),
    "server.host": ('"::1"', "::1", "::1"),
    "server.port": ("9000", "9000", 9000),
    "server.workers": ("4", "4", 4),
    "server.trusted_proxies": ('["10.0.0.0/8", "::1"]', "10.0.0.0/8, ::1", ("10.0.0.0/8", "::1")),
    "storage.url": ('"postgresql://db/ostiary"', "postgresql://db/ostiary", None),
    "storage.data": ('"/srv/ostiary"', "/srv/ostiary", "/srv/ostiary"),
    "lifetime.idle": ('"15m"', "15m", 900),
    "lifetime.absolute": ('"8h"', "8h", 28_800),
    "lifetime.remembered_idle": ('"7d"', "7d", 604_800),
    "lifetime.remembered_absolute": ('"400d"', "400d", 34_560_000),
    "jobs.sweep_every": ('"30s"', "30s", 30),
    "jobs.retention": ('"365d"', "365d", 31_536_000),
    "jobs.flush_last_seen_every": ("2", "2", 2),
    "sign_in.failures_before_delay": ("3", "3", 3),
    "sign_in.first_delay": ('"2s"', "2s", 2),
    "sign_in.longest_delay": ('"1h"', "1h", 3_600),
    "sign_in.forget_failures_after": ('"2d"', "2d", 172_800),
    "sign_in.reauthenticate_after": ('"5m"', "5m", 300),
    "sign_in.password_minimum_length": ("15", "15", 15),
    "places.city": ('"city.mmdb"', "city.mmdb", "city.mmdb"),
    "places.network": ('"asn.mmdb"', "asn.mmdb", "asn.mmdb"),
    "outbound.allow_networks": ('["10.1.0.0/16"]', "10.1.0.0/16", ("10.1.0.0/16",)),
    "outbound.give_up_after": ('"1d"', "1d", 86_400),
    "log.level": ('"debug"', "debug", "debug"),
    "log.format": ('"json"', "json", "json"),
    "metrics.token": ('"a-long-token-for-metrics"', "a-long-token-for-metrics", None),
}
IN_FORCE = {
    "server.public_url": "https://id.example.org",
    "storage.url": "postgresql://db/ostiary",
    "metrics.token": "a-long-token-for-metrics",
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(**environ: str) -> Config:
    return load(environ=environ).config


def value_of(loaded: Loaded, path: str) -> Any:
    section, _, name = path.partition(".")
    return getattr(getattr(loaded.config, section), name)


def setting(loaded: Loaded, path: str) -> Setting:
    return next(item for item in settings(loaded) if item.key == path)


# Every key


@pytest.mark.parametrize("path", KEYS)
def test_every_key_can_be_said_in_the_file(path: str) -> None:
    section, _, name = path.partition(".")
    text, _, meaning = SAMPLES[path]
    Path("ostiary.toml").write_text(f"[{section}]\n{name} = {text}\n")

    loaded = load(environ={})

    assert value_of(loaded, path) == (meaning or IN_FORCE[path])
    assert setting(loaded, path).source == Source.FILE
    assert loaded.file == Path("ostiary.toml")


@pytest.mark.parametrize("path", KEYS)
def test_every_key_can_be_said_in_the_environment(path: str) -> None:
    _, text, meaning = SAMPLES[path]

    loaded = load(environ={KEYS[path].variable: text, "HOME": "/root"})

    assert value_of(loaded, path) == (meaning or IN_FORCE[path])
    assert setting(loaded, path).source == Source.ENVIRONMENT


@pytest.mark.parametrize("path", [path for path in KEYS if path != "metrics.token"])
def test_what_check_config_shows_can_be_said_again(path: str) -> None:
    """A value is shown as the environment takes it."""
    loaded = load(environ={KEYS[path].variable: SAMPLES[path][1]})
    again = load(environ={KEYS[path].variable: setting(loaded, path).value})
    assert value_of(again, path) == value_of(loaded, path)


def test_there_is_a_sample_of_every_key_and_of_no_other() -> None:
    assert list(SAMPLES) == list(KEYS)


# Nothing said


def test_without_a_configuration_it_serves_sqlite_on_loopback() -> None:
    loaded = load(environ={})
    assert loaded.file is None
    assert set(loaded.sources) == set()
    config = loaded.config
    assert (config.server.host, config.server.port, config.server.workers) == (
        "127.0.0.1",
        8000,
        1,
    )
    assert config.server.public_url == "http://127.0.0.1:8000"
    assert config.storage.url == "sqlite:///data/ostiary.db"


@pytest.mark.parametrize(
    ("host", "port", "public_url"),
    [
        ("127.0.0.1", "9000", "http://127.0.0.1:9000"),
        ("0.0.0.0", "9000", "http://127.0.0.1:9000"),  # noqa: S104 - a name, not bound here
        ("::", "9000", "http://127.0.0.1:9000"),
        ("::1", "9000", "http://[::1]:9000"),
        ("localhost", "80", "http://localhost"),
        ("Localhost", "443", "http://localhost:443"),
    ],
)
def test_the_public_url_follows_from_host_and_port(host: str, port: str, public_url: str) -> None:
    server = read(OSTIARY_SERVER__HOST=host, OSTIARY_SERVER__PORT=port).server
    assert server.public_url == public_url


def test_a_port_of_zero_is_only_known_when_it_listens() -> None:
    assert read(OSTIARY_SERVER__PORT="0").server.public_url == ""
    assert default_public_url("127.0.0.1", 4711) == "http://127.0.0.1:4711"


def test_the_database_lies_in_the_data_directory_whatever_its_name() -> None:
    assert read(OSTIARY_STORAGE__DATA="/srv/o").storage.url == "sqlite:////srv/o/ostiary.db"
    odd = read(OSTIARY_STORAGE__DATA="/srv/what?#%41").storage.url
    assert odd == "sqlite:////srv/what%3F%23%2541/ostiary.db"


def test_services_are_told_what_the_configuration_says() -> None:
    assert policy_of(Config()) == Policy()
    said = {KEYS[path].variable: text for path, (_, text, _) in SAMPLES.items()}
    assert policy_of(read(**said)) == Policy(
        lifetimes=Lifetimes(900, 28_800, 604_800, 34_560_000),
        reauthenticate_after=300,
        failures_before_delay=3,
        first_delay=2,
        longest_delay=3_600,
        forget_failures_after=172_800,
        password_minimum_length=15,
        retention=31_536_000,
        flush_last_seen_every=2,
        give_up_after=86_400,
    )


# Who wins


def test_the_environment_wins_over_the_file_and_flags_over_both() -> None:
    Path("ostiary.toml").write_text('[server]\nport = 1000\nworkers = 2\n[log]\nlevel = "debug"\n')
    environ = {"OSTIARY_SERVER__PORT": "2000", "OSTIARY_SERVER__WORKERS": "3"}

    loaded = load(environ=environ, overrides={"server.port": "3000", "server.host": None})

    assert loaded.config.server.port == 3000
    assert loaded.config.server.workers == 3
    assert loaded.config.log.level == "debug"
    assert setting(loaded, "server.port").source == Source.FLAG
    assert setting(loaded, "server.workers").source == Source.ENVIRONMENT
    assert setting(loaded, "log.level").source == Source.FILE
    assert setting(loaded, "server.host").source == Source.DEFAULT


def test_an_empty_variable_takes_back_what_the_file_says() -> None:
    Path("ostiary.toml").write_text(
        '[server]\npublic_url = "https://id.example.org"\ntrusted_proxies = ["::1"]\n'
    )
    server = read(OSTIARY_SERVER__PUBLIC_URL="", OSTIARY_SERVER__TRUSTED_PROXIES=" ").server
    assert server.public_url == "http://127.0.0.1:8000"
    assert server.trusted_proxies == ()


def test_a_named_file_is_read_instead_of_the_one_that_lies_here() -> None:
    Path("ostiary.toml").write_text("[server]\nport = 1000\n")
    Path("other.toml").write_text("[server]\nport = 2000\n")
    Path("third.toml").write_text("[server]\nport = 3000\n")
    environ = {"OSTIARY_CONFIG": "third.toml"}
    assert load(file=Path("other.toml"), environ=environ).config.server.port == 2000
    assert load(environ=environ).config.server.port == 3000
    assert load(environ={"OSTIARY_CONFIG": ""}).config.server.port == 1000


def test_the_process_s_own_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTIARY_SERVER__PORT", "4000")
    assert load().config.server.port == 4000


# Durations


@given(st.integers(min_value=0, max_value=400 * 86_400))
def test_a_duration_is_written_as_it_is_read(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("1h", 3_600), ("30d", 2_592_000), ("90", 90), (90, 90)],
)
def test_a_duration_has_a_number_and_a_unit(text: str | int, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "h", "1 h", "1hour", "1.5h", "-1h", "1h30m", "٣h", "1H", " 1h", True, 1.0, None]
)
def test_what_is_no_duration_is_none(text: object) -> None:
    assert parse_duration(text) is None


# Public addresses


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("https://id.example.org", "https://id.example.org"),
        ("https://id.example.org/", "https://id.example.org"),
        ("HTTPS://Id.Example.org:443/", "https://id.example.org"),
        ("https://id.example.org:8443", "https://id.example.org:8443"),
        ("https://192.0.2.7", "https://192.0.2.7"),
        ("https://[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://localhost:80", "http://localhost"),
        ("http://wiki.localhost:8000", "http://wiki.localhost:8000"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)
def test_a_public_url_is_an_origin(text: str, normal: str) -> None:
    assert checked_public_url(text) == normal
    assert read(OSTIARY_SERVER__PUBLIC_URL=text).server.public_url == normal


@given(st.text(max_size=60) | st.from_regex(r"https?://[!-~]{0,30}", fullmatch=True))
def test_whatever_is_taken_as_a_public_url_keeps_cookies(text: str) -> None:
    """It is normal, and browsers keep ``__Host-`` cookies there, or it is this machine."""
    try:
        normal = checked_public_url(text)
    except Unusable:
        return
    assert checked_public_url(normal) == normal
    scheme, _, rest = normal.partition("://")
    assert "/" not in rest
    assert "@" not in rest
    host = rest[1 : rest.index("]")] if rest.startswith("[") else rest.partition(":")[0]
    assert scheme == "https" or is_loopback(host)


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("localhost.example.org", False),
        ("notlocalhost", False),
        ("0.0.0.0", False),  # noqa: S104 - a name, not bound here
        ("192.168.0.1", False),
        ("127.0.0.1.example.org", False),
        ("127.1", False),
    ],
)
def test_only_what_cannot_leave_this_machine_is_loopback(host: str, *, here: bool) -> None:
    assert is_loopback(host) is here


# Secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:p%40ss@db/ostiary", "postgresql://ann:***@db/ostiary"),
        (
            "postgresql://db/ostiary?password=hunter2&sslmode=require",
            "postgresql://db/ostiary?password=***&sslmode=require",
        ),
        ("postgresql://ann@db/ostiary", "postgresql://ann@db/ostiary"),
    ],
)
def test_passwords_of_the_store_are_masked(url: str, shown: str) -> None:
    loaded = load(environ={"OSTIARY_STORAGE__URL": url})
    assert loaded.config.storage.url == url
    assert setting(loaded, "storage.url").value == shown


def test_tokens_are_not_shown_at_all() -> None:
    loaded = load(environ={"OSTIARY_METRICS__TOKEN": "a-long-token-for-metrics"})
    assert setting(loaded, "metrics.token").value == "***"
    assert setting(load(environ={}), "metrics.token").value == ""
