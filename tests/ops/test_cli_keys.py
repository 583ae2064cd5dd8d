"""``ostiary keys``."""

from tests.support.command_line import CommandLine


def test_keys_are_rotated_and_listed_without_their_secrets(line: CommandLine) -> None:
    """Covers R14."""
    [first] = line.json("keys", "list")["items"]
    assert (first["algorithm"], first["state"]) == ("RS256", "signing")
    assert set(first) == {"kid", "algorithm", "state", "created_at", "active_from", "retired_at"}
    made = line.json("keys", "rotate")
    assert (made["state"], made["algorithm"]) == ("next", "RS256")
    assert [k["state"] for k in line.json("keys", "list")["items"]] == ["signing", "next"]
    again = line.run("keys", "rotate", "--json")
    assert (again.code, again.error["code"]) == (1, "bad_input")


def test_known_keys_are_forgotten(line: CommandLine) -> None:
    """Covers R14."""
    [first] = line.json("keys", "list")["items"]
    said = line.ok("keys", "rotate", "--compromised")
    [row] = line.ok("keys", "list").rows
    assert said.rows[0] == ["key", row[0]]
    assert row[0] != first["kid"]
    assert row[1:3] == ["RS256", "signing"]
    assert line.ok("keys", "rotate", "--algorithm", "EdDSA").rows[1] == ["algorithm", "EdDSA"]


def test_an_unknown_algorithm_is_refused(line: CommandLine) -> None:
    assert line.run("keys", "rotate", "--algorithm", "HS256").code == 2
