"""Setting up by the command line: ``init``, ``setup-link``, ``check-config``, ``serve``."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.domain.access import OPERATOR
from ostiary.domain.errors import NotFound
from ostiary.ops import server
from ostiary.ops.config import Config
from ostiary.services import setup
from ostiary.services.house import Act
from ostiary.storage.urls import file_url
from tests.gateways import mmdb
from tests.support.command_line import CommandLine
from tests.support.installation import PASSWORD
from tests.support.server import Server


def init(line: CommandLine, *further: str, password: str | bytes = PASSWORD) -> dict[str, object]:
    given = password + "\n" if isinstance(password, str) else password
    created: dict[str, object] = json.loads(
        line.ok("init", "--password-stdin", "--json", *further, given=given).out
    )
    return created


def everything(folder: Path) -> dict[str, str]:
    """Every file below a folder, with what is in it."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


# init


def test_init_makes_the_administrator_and_prints_the_client(fresh: CommandLine) -> None:
    said = fresh.ok("init", "--admin", "root", "--password-stdin", "--json", given=PASSWORD + "\n")
    created = json.loads(said.out)
    assert list(created) == ["created", "clientId", "clientSecret"]
    assert created["created"] is True
    assert said.out.startswith('{"created":true,"clientId":"')
    [application] = fresh.json("apps", "list")["items"]
    assert (application["name"], application["organization"]) == ("app-built-in", "built-in")
    assert application["client_id"] == created["clientId"]
    assert fresh.is_live(fresh.sign_in("built-in/root").secret)


def test_init_again_changes_nothing_and_asks_for_nothing(fresh: CommandLine) -> None:
    init(fresh)
    before = fresh.ok("users", "list", "--json").out
    assert fresh.ok("init", "--admin", "other", "--json").out == '{"created":false}\n'
    assert fresh.ok("init", "--password-stdin", "--json").out == '{"created":false}\n'
    assert fresh.ok("init").out == "Ostiary has been set up before; nothing was changed.\n"
    assert fresh.ok("users", "list", "--json").out == before


def test_init_in_words_names_the_client(fresh: CommandLine) -> None:
    said = fresh.ok("init", "--password-stdin", given=PASSWORD)
    assert said.out.startswith("The administrator built-in/admin can sign in now.\nclient id\t")


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short\n", "Use at least 8 characters."),
        ("password123\n", "among those that are tried first"),
        ("built-in\n", "Do not use your name or that of your organization"),
        ("\n", "Use at least 8 characters."),
        ("", "Use at least 8 characters."),
        (f"{PASSWORD}\nmore\n", "has to hold the password alone, on one line"),
        (b"correct horse \xff battery\n", "is not UTF-8 text"),
        ("x" * 20_000, "Use at most 1,024 characters."),
    ],
)
def test_a_refused_password_leaves_nothing_half_done(
    fresh: CommandLine, password: str | bytes, said: str
) -> None:
    refused = fresh.run("init", "--password-stdin", "--json", given=password)
    assert refused.code == 1
    assert refused.out == ""
    assert said in refused.error["text"]
    assert refused.error["code"] == "bad_input"
    assert fresh.json("users", "list") == {"items": [], "more": False}
    assert fresh.json("organizations", "list") == {"items": []}
    assert init(fresh)["created"] is True


def test_a_name_that_cannot_be_used_leaves_nothing_half_done(fresh: CommandLine) -> None:
    refused = fresh.run("init", "--admin", "a/b", "--password-stdin", given=PASSWORD)
    assert refused.code == 1
    assert fresh.json("organizations", "list") == {"items": []}


def test_without_a_terminal_the_password_comes_from_standard_input(fresh: CommandLine) -> None:
    said = fresh.run("init", given=PASSWORD)
    assert said.code == 2
    assert "There is no terminal to ask for the password. Give --password-stdin." in said.err


def test_a_password_may_end_without_a_line_end_or_with_two_bytes(fresh: CommandLine) -> None:
    init(fresh, password=PASSWORD.encode() + b"\r\n")
    assert fresh.is_live(fresh.sign_in("built-in/admin").secret)


def test_of_several_inits_at_once_one_creates(fresh: CommandLine) -> None:
    def one(_: int) -> bool:
        with fresh.house() as house:
            act = Act(caller=OPERATOR, now=house.clock())
            return setup.install(house, act, admin="admin", password=PASSWORD) is not None

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(one, range(4))) == [False, False, False, True]


def test_init_makes_files_for_their_owner_alone(fresh: CommandLine) -> None:
    init(fresh)
    assert stat.S_IMODE(fresh.data.stat().st_mode) == 0o700
    for name in ("encryption.key", "ostiary.db"):
        assert stat.S_IMODE((fresh.data / name).stat().st_mode) == 0o600


def test_init_on_postgresql(fresh: CommandLine, postgresql_url: str) -> None:
    line = CommandLine(fresh.data, {"OSTIARY_STORAGE__URL": postgresql_url})
    assert init(line)["created"] is True
    assert init(line) == {"created": False}
    assert line.is_live(line.sign_in("built-in/admin").secret)
    assert not (fresh.data / "ostiary.db").exists()


def test_init_beside_a_running_server(fresh: CommandLine) -> None:
    """The administrator can sign in there at once, and the set-up link is of no use any more."""
    with Server(fresh.data) as running:
        assert "/set-up?link=" in running.said()
        assert init(fresh)["created"] is True
        login = {
            "type": "login",
            "application": "app-built-in",
            "organization": "built-in",
            "username": "admin",
            "password": PASSWORD,
        }
        answer = running.client().post("/api/login", json=login)
        assert answer.json()["status"] == "ok", answer.text
    assert fresh.run("setup-link").code == 1


# setup-link


def test_a_new_setup_link_replaces_the_last(fresh: CommandLine) -> None:
    links = [fresh.json("setup-link")["link"] for _ in range(2)]
    assert all(link.startswith("http://127.0.0.1:8000/set-up?link=") for link in links)
    first, second = [parse_qs(urlsplit(link).query)["link"][0] for link in links]
    with fresh.house() as house:
        with pytest.raises(NotFound):
            house.database.read(setup.check_link, first)
        house.database.read(setup.check_link, second)


def test_a_setup_link_has_the_public_address(fresh: CommandLine) -> None:
    Path("ostiary.toml").write_text('[server]\npublic_url = "https://id.example.org"\n')
    assert fresh.ok("setup-link").out.startswith("https://id.example.org/set-up?link=")


def test_there_is_no_setup_link_after_the_set_up(line: CommandLine) -> None:
    said = line.run("setup-link", "--json")
    assert said.code == 1
    assert said.error["code"] == "already_exists"


def test_a_setup_link_needs_a_known_port(fresh: CommandLine) -> None:
    Path("ostiary.toml").write_text("[server]\nport = 0\n")
    said = fresh.run("setup-link")
    assert said.code == 1
    assert "server.public_url: has to be set" in said.err


# check-config


def test_check_config_shows_every_key_its_value_default_and_source(line: CommandLine) -> None:
    Path("ostiary.toml").write_text('[lifetime]\nidle = "30m"\n')
    said = CommandLine(line.data, {"OSTIARY_SERVER__PORT": "9000"}).ok("check-config")
    rows = {row[0]: row[1:] for row in said.rows}
    assert rows["lifetime.idle"] == ["30m", "1h", "file"]
    assert rows["server.port"] == ["9000", "8000", "environment"]
    assert rows["server.public_url"] == ["http://127.0.0.1:9000", "", "default"]
    assert rows["storage.data"] == [str(line.data), "data", "flag"]
    assert rows["storage.url"] == [file_url(line.data / "ostiary.db"), "", "default"]
    assert rows["log.level"] == ["info", "info", "default"]
    assert said.err == "data directory: ready\nstore: ready\n"


def test_check_config_masks_secrets(fresh: CommandLine) -> None:
    line = CommandLine(
        fresh.data,
        {
            "OSTIARY_STORAGE__URL": "postgresql://ann:hunter2@127.0.0.1:1/ostiary",
            "OSTIARY_METRICS__TOKEN": "hunter2-hunter2-hunter2",
        },
    )
    for further in ((), ("--json",)):
        said = line.run("check-config", *further)
        assert "hunter2" not in said.out + said.err
        assert "postgresql://ann:***@127.0.0.1:1/ostiary" in said.out


def test_check_config_of_nothing_makes_nothing(fresh: CommandLine) -> None:
    found = fresh.json("check-config")
    assert found["good"] is True
    assert found["file"] is None
    assert {finding["what"]: finding["text"] for finding in found["findings"]} == {
        "data directory": "will be made at the first start",
        "store": "will be made at the first start",
    }
    assert list(Path.cwd().iterdir()) == []


def test_check_config_touches_no_file(line: CommandLine) -> None:
    before = everything(line.data)
    line.ok("check-config")
    assert everything(line.data) == before
    assert set(before) >= {"encryption.key", "ostiary.db"}


def test_check_config_beside_a_server_that_writes(line: CommandLine) -> None:
    """The store's newest pages lie in its log while somebody has it open."""
    with line.house() as house:
        house.database.write(lambda _: None)
        before = set(everything(line.data))
        assert line.json("check-config")["good"] is True
        assert set(everything(line.data)) == before


def remove_key(data: Path) -> None:
    (data / "encryption.key").unlink()


def open_key(data: Path) -> None:
    (data / "encryption.key").chmod(0o644)


def change_key(data: Path) -> None:
    (data / "encryption.key").write_text("A" * 43 + "\n")


def write_newer_schema(data: Path) -> None:
    with sqlite3.connect(data / "ostiary.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v9999'")
    connection.close()


def write_rubbish(data: Path) -> None:
    (data / "ostiary.db").write_bytes(b"not a database, " * 1_000)


def put_a_file_in_its_place(data: Path) -> None:
    data.rename(data.with_name("moved"))
    data.write_text("")


@pytest.mark.parametrize(
    ("harm", "what", "said"),
    [
        (remove_key, "store", "encryption.key is missing. Restore it from a backup"),
        (open_key, "store", "is open to other users of this machine"),
        (change_key, "store", "The encryption key does not belong to this database"),
        (write_newer_schema, "store", "was written by a newer version of Ostiary (schema v9999)"),
        (write_rubbish, "store", "file is not a database"),
        (put_a_file_in_its_place, "data directory", "is not a directory"),
    ],
)
def test_check_config_says_what_would_keep_it_from_starting(
    line: CommandLine, harm: Callable[[Path], None], what: str, said: str
) -> None:
    harm(line.data)
    found = line.run("check-config")
    assert found.code == 1
    [text] = [text for text in found.err.splitlines() if text.startswith(f"{what}: ")]
    assert said in text
    answer = line.run("check-config", "--json")
    assert answer.code == 1
    assert json.loads(answer.out)["good"] is False


def test_check_config_looks_at_the_files_of_places(line: CommandLine, tmp_path: Path) -> None:
    Path("ostiary.toml").write_text('[places]\ncity = "city.mmdb"\n')
    said = line.run("check-config")
    assert said.code == 1
    assert "places: The places file city.mmdb does not exist." in said.err
    mmdb.write(tmp_path / "city.mmdb", {"203.0.113.0/24": {"country": {"iso_code": "DE"}}})
    assert "places: ready" in line.ok("check-config").err


def test_check_config_looks_at_postgresql(fresh: CommandLine, postgresql_url: str) -> None:
    line = CommandLine(fresh.data, {"OSTIARY_STORAGE__URL": postgresql_url})
    assert "store: will be made at the first start" in line.ok("check-config").err
    init(line)
    assert "store: ready" in line.ok("check-config").err
    (fresh.data / "encryption.key").unlink()
    assert "encryption.key is missing" in line.run("check-config").err


def test_check_config_says_that_postgresql_does_not_answer(fresh: CommandLine) -> None:
    url = "postgresql://ann@127.0.0.1:1/ostiary"
    said = CommandLine(fresh.data, {"OSTIARY_STORAGE__URL": url}).run("check-config")
    assert said.code == 1
    assert "store: The server cannot reach its data at the moment." in said.err
    assert "127.0.0.1" in said.err


def test_check_config_refuses_a_wrong_key_with_its_path(fresh: CommandLine) -> None:
    Path("other.toml").write_text("[server]\nprot = 1\n")
    said = fresh.run("check-config", "--config", "other.toml")
    assert (said.code, said.out) == (1, "")
    assert said.err == ("ostiary: server.prot: unknown key, did you mean `port`? (in other.toml)\n")


# serve


def test_serve_hands_its_flags_to_the_server(
    fresh: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server itself is tested as processes of its own."""
    seen: list[Config] = []

    def run(config: Config, *, reload: Callable[[], Config]) -> int:
        seen.extend((config, reload()))
        return 7

    monkeypatch.setattr(server, "run", run)
    flags = ("--host", "::1", "--port", "9000", "--workers", "2", "--json")
    said = fresh.run("serve", *flags, "--public-url", "https://id.example.org")
    assert said.code == 7
    first, again = seen
    assert first == again
    assert (first.server.host, first.server.port, first.server.workers) == ("::1", 9000, 2)
    assert first.server.public_url == "https://id.example.org"
    assert first.storage.data == str(fresh.data)
    assert first.log.format == "json"


@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        ("--port", "http", "server.port: expected a whole number from 0 to 65535"),
        ("--workers", "0", "server.workers: expected a whole number from 1 to 256"),
        ("--host", "192.0.2.7", "server.public_url: http://192.0.2.7:8000 is plain http"),
        ("--public-url", "http://id.example.org", "Put a proxy that speaks https in front"),
    ],
)
def test_serve_refuses_what_cannot_work_and_makes_nothing(
    fresh: CommandLine, flag: str, value: str, said: str
) -> None:
    refused = fresh.run("serve", flag, value)
    assert refused.code == 1
    assert said in refused.err
    assert list(Path.cwd().iterdir()) == []
