"""A wrong configuration is refused, with the path of what is wrong and what to write instead."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.domain.errors import Misconfigured
from ostiary.ops.config_file import load

PLAIN_HTTP = "is plain http and not this machine. Browsers silently drop the cookies"
ONLY_ORIGIN = "expected scheme, host and port only: no path, query, fragment or user"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refusal_of_file(text: str | bytes) -> list[str]:
    """What is wrong with ``ostiary.toml``, line by line."""
    Path("ostiary.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return refusal()


def refusal(**environ: str) -> list[str]:
    with pytest.raises(Misconfigured) as caught:
        load(environ=environ)
    return caught.value.text.splitlines()


# Unknown keys


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[server]\nprot = 1", "server.prot: unknown key, did you mean `port`?"),
        ("[server]\nlevel = 1", "server.level: unknown key, did you mean `log.level`?"),
        ("[servers]\nport = 1", "servers: unknown key, did you mean `server`?"),
        ("port = 1", "port: unknown key, did you mean `server.port`?"),
        ("[server]\ncolour = 1", "server.colour: unknown key"),
        ("[nothing.like.this]", "nothing: unknown key"),
        ('[server]\n"a\\u001b[31mb" = 1', 'server."a\\u001b[31mb": unknown key'),
        ('"\\u202e" = 1', '"\\u202e": unknown key'),
    ],
)
def test_an_unknown_key_is_refused_with_its_path(text: str, said: str) -> None:
    assert refusal_of_file(text) == [f"{said} (in ostiary.toml)"]


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("OSTIARY_SERVER__PROT", ", did you mean `OSTIARY_SERVER__PORT`?"),
        ("OSTIARY_SERVER_PORT", ", did you mean `OSTIARY_SERVER__PORT`?"),
        ("OSTIARY_PUBLIC_URL", ", did you mean `OSTIARY_SERVER__PUBLIC_URL`?"),
        ("OSTIARY_", ""),
        ("OSTIARY_XYZZY", ""),
    ],
)
def test_an_unknown_variable_is_refused_by_name(variable: str, said: str) -> None:
    assert refusal(**{variable: "1"}) == [
        f"{variable}: unknown variable{said} (in the environment)"
    ]


def test_a_variable_of_another_case_is_none_of_ours() -> None:
    assert load(environ={"ostiary_server__port": "1"}).config.server.port == 8000


# Wrong types and values


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ('server = "x"', "server", "expected a table, [server]"),
        ("[[server]]\nport = 1", "server", "expected a table, [server]"),
        ("[server]\nport = true", "server.port", "expected a whole number from 0 to 65535"),
        ("[server]\nport = 1.0", "server.port", "expected a whole number from 0 to 65535"),
        ("[server]\nport = 65536", "server.port", "expected a whole number from 0 to 65535"),
        ("[server]\nport = -1", "server.port", "expected a whole number from 0 to 65535"),
        ('[server]\nport = "http"', "server.port", "expected a whole number from 0 to 65535"),
        ("[server.port]\nx = 1", "server.port", "expected a whole number from 0 to 65535, not a t"),
        ("[server]\nworkers = 0", "server.workers", "expected a whole number from 1 to 256"),
        ("[server]\nhost = 1", "server.host", "expected text on one line, not 1"),
        ('[server]\nhost = ""', "server.host", "expected an address or a host name"),
        ('[server]\nhost = "a b"', "server.host", "expected an address or a host name"),
        ('[server]\nhost = "http://x"', "server.host", "expected an address or a host name"),
        ('[server]\nhost = "127.0.0.1:80"', "server.host", "expected an address or a host name"),
        ('[server]\nhost = "a\\nb"', "server.host", "expected text on one line"),
        ('[server]\ntrusted_proxies = "::1"', "server.trusted_proxies", "expected a list of texts"),
        ("[server]\ntrusted_proxies = [1]", "server.trusted_proxies", "expected a list of texts"),
        (
            '[server]\ntrusted_proxies = ["10.0.0.1/8"]',
            "server.trusted_proxies",
            "'10.0.0.1/8' is not an IP network. Did you mean 10.0.0.0/8?",
        ),
        ("[lifetime]\nidle = 0", "lifetime.idle", 'expected a duration such as "90s", "15m"'),
        ('[lifetime]\nidle = "401d"', "lifetime.idle", "from 1 second to 400 days, not"),
        ('[lifetime]\nidle = "1 hour"', "lifetime.idle", "(a plain number counts seconds), from 1"),
        ("[lifetime]\nidle = 1.5", "lifetime.idle", "expected a duration"),
        ("[lifetime]\nidle = 1979-05-27", "lifetime.idle", 'not "1979-05-27"'),
        ('[jobs]\nsweep_every = "2d"', "jobs.sweep_every", "from 1 second to 1 day, not"),
        ("[sign_in]\nfailures_before_delay = 0", "sign_in.failures_before_delay", "from 1 to 1000"),
        ("[sign_in]\npassword_minimum_length = 7", "sign_in.password_minimum_length", "from 8 to"),
        ('[sign_in]\nfirst_delay = "1h"', "sign_in.first_delay", "must not be longer than"),
        (
            '[sign_in]\nforget_failures_after = "1m"',
            "sign_in.forget_failures_after",
            "must not be shorter than sign_in.longest_delay",
        ),
        ('[log]\nlevel = "loud"', "log.level", "expected one of debug, info, warning, error, not"),
        ("[log]\nformat = 1", "log.format", "expected one of auto, json, text, not 1"),
        ('[storage]\ndata = ""', "storage.data", "expected a directory"),
        ('[storage]\nurl = "mysql://db/x"', "storage.url", "it has to be sqlite:///path/to/file"),
        ('[storage]\nurl = "sqlite://"', "storage.url", "it has to name a file"),
        ('[storage]\nurl = "sqlite:///:memory:"', "storage.url", "it has to name a file"),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(text: str, path: str, expected: str) -> None:
    said = refusal_of_file(text)
    assert len(said) == 1
    assert said[0].startswith(f"{path}: ")
    assert expected in said[0]


@pytest.mark.parametrize("text", ["", "x", "1.0", "1e3", "0x10", "1_000", " 1", "٣", "99999"])
def test_a_number_in_the_environment_is_plain_digits(text: str) -> None:
    [said] = refusal(OSTIARY_SERVER__PORT=text)
    assert said.startswith("server.port: expected a whole number from 0 to 65535, not ")
    assert said.endswith("(in OSTIARY_SERVER__PORT)")


def test_a_wrong_flag_is_named_as_it_was_given() -> None:
    with pytest.raises(Misconfigured) as caught:
        load(environ={}, overrides={"server.public_url": "x\ny", "server.port": "x"})
    assert [line.rpartition(" (")[2] for line in caught.value.text.splitlines()] == [
        "given as --public-url)",
        "given as --port)",
    ]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    Path("ostiary.toml").write_text('[server]\nprot = 1\n[log]\nlevel = "loud"\n')
    said = refusal(OSTIARY_SERVER__PORT="x", OSTIARY_XYZZY="")
    assert [line.partition(":")[0] for line in said] == [
        "server.prot",
        "log.level",
        "server.port",
        "OSTIARY_XYZZY",
    ]


def test_a_long_value_is_not_repeated_whole() -> None:
    [said] = refusal(OSTIARY_LOG__LEVEL="x" * 10_000)
    assert len(said) < 200


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ann:hunter2@db/x",
        "postgresql://ann:hunter2@db:port/x",
        "postgresql://ann:hunter2@db/x\n",
        "hunter2",
    ],
)
def test_the_password_of_a_wrong_store_is_not_repeated(url: str) -> None:
    said = refusal(OSTIARY_STORAGE__URL=url)
    assert said[0].startswith("storage.url: ")
    assert "hunter2" not in "".join(said)


# Public addresses that browsers would keep no cookie for, or that no origin is


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://id.example.org", PLAIN_HTTP),
        ("http://192.0.2.7:8000", PLAIN_HTTP),
        ("http://[2001:db8::1]:8000", PLAIN_HTTP),
        ("http://0.0.0.0:8000", PLAIN_HTTP),
        ("http://127.1", PLAIN_HTTP),
        ("http://localhost.example.org", PLAIN_HTTP),
        ("https://id.example.org/sign-in", ONLY_ORIGIN),
        ("https://id.example.org/?", ONLY_ORIGIN),
        ("https://id.example.org?a=b", ONLY_ORIGIN),
        ("https://id.example.org/#", ONLY_ORIGIN),
        ("https://ann:hunter2@id.example.org", ONLY_ORIGIN),
        ("https://@id.example.org", ONLY_ORIGIN),
        ("id.example.org", "expected an address such as https://"),
        ("//id.example.org", "expected an address such as https://"),
        ("ftp://id.example.org", "expected an address such as https://"),
        ("https://", "expected an address such as https://"),
        ("https://:8000", "expected an address such as https://"),
        ("https://id.example.org:0", "expected an address such as https://"),
        ("https://id.example.org:99999", "expected an address such as https://"),
        ("https://id.example.org:x", "expected an address such as https://"),
        ("https://[::1", "expected an address such as https://"),
        ("https://bücher.example", "in plain ASCII; write other letters in their xn-- form"),
        ("https://id .example.org", "in plain ASCII"),
        ("https://id%2eexample.org", "names no host"),
        ("https://-", "names no host"),
        ("https://a,b", "names no host"),
        ("https://[fe80::1%25eth0]", "names no host"),
        ("https://" + "a" * 3_000, "expected an address such as https://"),
    ],
)
def test_a_public_url_that_would_not_work_is_refused(url: str, expected: str) -> None:
    said = refusal(OSTIARY_SERVER__PUBLIC_URL=url)
    assert said[0].startswith("server.public_url: ")
    assert expected in said[0]
    assert "hunter2" not in said[0]


def test_the_remedy_for_plain_http_is_named() -> None:
    [said] = refusal(OSTIARY_SERVER__PUBLIC_URL="http://id.example.org")
    assert "Put a proxy that speaks https in front of Ostiary" in said


def test_a_host_that_others_reach_needs_a_public_url() -> None:
    [said] = refusal(OSTIARY_SERVER__HOST="192.0.2.7")
    assert said.startswith("server.public_url: http://192.0.2.7:8000 is plain http")
    assert said.endswith("(it is empty, and follows from server.host)")
    assert refusal(OSTIARY_SERVER__HOST="192.0.2.7", OSTIARY_SERVER__PORT="0")


# The file


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"[server\n", "ostiary.toml: not TOML: "),
        (b"a = 1\na = 2\n", "ostiary.toml: not TOML: "),
        (b"[server]\nhost = '\xff'\n", "ostiary.toml: not UTF-8 text, at byte 18"),
        (b"#" * 1_048_577, "ostiary.toml: a configuration is not longer than 1048576 bytes"),
        (b"a = " + b"[" * 100_000, "ostiary.toml: nested too deeply"),
    ],
)
def test_a_file_that_is_no_toml_is_refused(text: bytes, said: str) -> None:
    [line] = refusal_of_file(text)
    assert line.startswith(said)


def test_a_named_file_has_to_be_there() -> None:
    with pytest.raises(Misconfigured, match=r"^gone.toml: cannot be read: No such file"):
        load(file=Path("gone.toml"), environ={})
    assert refusal(OSTIARY_CONFIG="gone.toml")


def test_a_directory_is_no_file() -> None:
    Path("ostiary.toml").mkdir()
    assert refusal() == ["ostiary.toml: cannot be read: Is a directory"]


def test_a_link_to_nowhere_is_no_file() -> None:
    Path("ostiary.toml").symlink_to("nowhere.toml")
    assert refusal() == ["ostiary.toml: cannot be read: No such file or directory"]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_configuration_or_are_refused(raw: bytes) -> None:
    """Nothing but that refusal comes out."""
    path = Path("any.toml")
    path.write_bytes(raw)
    with suppress(Misconfigured):
        load(file=path, environ={})
