"""The ground the other tests stand on."""

import os
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from tests.support.postgres import PostgresServer, ServerAddress
from tests.support.programs import need_program


def test_a_fresh_database_is_empty_and_can_be_written(database_url: str) -> None:
    url = make_url(database_url)
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE only_here (n INTEGER)"))
            connection.execute(text("INSERT INTO only_here VALUES (1)"))
        with engine.connect() as connection:
            assert connection.execute(text("SELECT n FROM only_here")).scalars().all() == [1]
    finally:
        engine.dispose()


def test_a_database_can_be_a_copy_of_another(postgres_server: PostgresServer) -> None:
    first = postgres_server.new_database()
    with psycopg.connect(first) as connection:
        connection.execute("CREATE TABLE copied AS SELECT 7 AS n")
    second = postgres_server.new_database(template=first.rpartition("/")[2])
    with psycopg.connect(second) as connection:
        assert connection.execute("SELECT n FROM copied").fetchone() == (7,)
    postgres_server.drop_database(second)
    postgres_server.drop_database(first)


def test_a_commit_is_written_before_it_is_answered(postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url) as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
        assert connection.execute("SHOW max_connections").fetchone() == ("200",)


def test_the_server_ends_with_the_process_it_was_started_for(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import os, pathlib, sys
        from tests.support.postgres import shared_server
        server = shared_server(pathlib.Path(sys.argv[1]), os.getpid())
        server.close()
        print(server.address.to_json(), flush=True)
        os.kill(os.getpid(), 9)
    """)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=Path(__file__).parents[1],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == -9, done.stderr
    address = ServerAddress.from_json(done.stdout)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            with closing(psycopg.connect(address.url("postgres"), connect_timeout=2)):
                time.sleep(0.05)
        except psycopg.OperationalError:
            break
    else:
        pytest.fail("the server still answers")


def test_a_missing_program_skips_and_in_ci_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "false")
    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed"):
        need_program("no-such-program")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-program is not installed"):
        need_program("no-such-program")
    assert os.access(need_program("sh"), os.X_OK)
