"""The benchmarks run, say what they found, and leave nothing behind. How fast it is, they say."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ostiary.domain.errors import Misconfigured
from ostiary.ops.bench import load, node_provider, tokens
from ostiary.ops.bench.figures import Figure, median, percentile
from ostiary.ops.bench.token_load import obtain
from ostiary.ops.cli import output
from tests.support.programs import need_program
from tests.support.server import PROGRAM


def measured(tmp_path: Path, *words: str) -> dict[str, Any]:
    """What a benchmark found, by the names of its figures."""
    command = [PROGRAM, "bench", *words, "--json", "--data", str(tmp_path)]
    done = subprocess.run(
        command, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["benchmark"] == words[0]
    figures = {figure["name"]: figure for figure in found["figures"]}
    assert figures
    assert all(math.isfinite(figure["value"]) for figure in figures.values())
    return figures


def test_a_check_is_compared_with_nginx(tmp_path: Path) -> None:
    need_program("wrk")
    need_program("nginx")
    figures = measured(tmp_path, "check", "--sessions", "200", "--seconds", "1", "--rounds", "1")
    one = figures["CPU of a check, 1 worker"]
    assert one["reference"] == "nginx, return 200"
    assert one["ratio"] == pytest.approx(one["value"] / one["reference_value"])
    assert one["bar"] == 1.7


@pytest.mark.parametrize("gate", ["on", "off"])
def test_no_answer_is_stale_unless_the_gate_is_off(tmp_path: Path, gate: str) -> None:
    """Covers A10, R03."""
    need_program("wrk")
    further = ["--gate-off"] if gate == "off" else []
    figures = measured(tmp_path, "exact", "--probes", "1500", *further)
    stale = figures["stale answers after an ending"]
    assert (stale["value"] == 0) == (gate == "on")
    assert stale["holds"] == (gate == "on")
    assert figures["other sessions that were refused"]["value"] == 0


def test_endings_are_timed_one_by_one_and_all_at_once(tmp_path: Path) -> None:
    need_program("wrk")
    figures = measured(tmp_path, "end", "--sessions", "1000", "--endings", "5", "--seconds", "1")
    assert figures["end one by /v1 under full load, p99"]["bar"] == 10
    assert figures["cut-off: in force"]["value"] > 0
    assert figures["settled"]["value"] > 0


def test_lists_are_timed_at_any_depth(tmp_path: Path) -> None:
    figures = measured(tmp_path, "list", "--sessions", "1000")
    assert {"page at 0 of 1,000, p99", "page at 500 of 1,000, p99"} <= set(figures)
    assert "get-sessions, data2 = 500, p99" in figures


def test_the_purge_is_timed_with_endings_beside(tmp_path: Path) -> None:
    figures = measured(tmp_path, "purge", "--sessions", "1000")
    assert figures["purged, batch after batch"]["value"] > 0


def test_the_memory_of_a_view_is_weighed(tmp_path: Path) -> None:
    figures = measured(tmp_path, "memory", "--sessions", "50000")
    assert 100 < figures["memory of a session in the view"]["value"] < 1_000


def test_tokens_are_timed_without_node_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_program("wrk")
    monkeypatch.setattr(node_provider, "bring", lambda _: "There is no Node.js here.")
    each_load = [tokens._kinds(1)[number] for number in (0, 1, -1)]
    monkeypatch.setattr(tokens, "_kinds", lambda _: each_load)
    found = tokens.run(tmp_path, output.progress, seconds=1, rounds=1, workers=1)
    assert found.notes == ["There is no Node.js here."]
    figures = {figure.name: figure for figure in found.figures}
    assert all(math.isfinite(figure.value) and figure.value > 0 for figure in found.figures)
    refreshes = figures[f"{tokens.REFRESHES}, a second"]
    assert (refreshes.bar, refreshes.bar_on_value, refreshes.reference_value) == (1000, True, None)
    introspections = figures[f"{tokens.INTROSPECTIONS}, a second"]
    assert (introspections.bar, introspections.holds) == (2, None)
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_the_reference_for_tokens_is_brought_and_answers(tmp_path: Path) -> None:
    need_program("node")
    need_program("npm")
    why = node_provider.bring(tmp_path / "node")
    if why:
        assert why == "oidc-provider was not measured beside: npm cannot install it."
        return
    with node_provider.run(tmp_path / "node") as provider:
        assert provider is not None
        [first, second] = obtain(provider, 2, "openid")
        assert first.access_token != second.access_token
        assert first.refresh_token
        stranger = msgspec.structs.replace(provider, cookie="")
        with pytest.raises(Misconfigured, match="No code was given"):
            obtain(stranger, 1, "openid")
        nobody = msgspec.structs.replace(provider, client_secret="wrong")
        with pytest.raises(Misconfigured, match="No tokens were given: 401"):
            obtain(nobody, 1, "openid")


def test_without_node_the_reference_is_not_brought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "there is no Node.js here" in node_provider.bring(tmp_path / "node")
    assert list(tmp_path.iterdir()) == []


def test_a_reference_that_does_not_start_is_none(tmp_path: Path) -> None:
    need_program("node")
    with node_provider.run(tmp_path) as provider:
        assert provider is None


def test_people_get_a_table(tmp_path: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "bench", "memory", "--sessions", "1000", "--data", str(tmp_path)],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    first = done.stdout.splitlines()[0].split("\t")
    assert first[0] == "memory of a session in the view"
    assert first[2] == "bytes"
    assert "With sessions: 1000." in done.stderr


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load.shutil, "which", lambda *_, **__: None)
    with pytest.raises(
        Misconfigured, match=r"needs nginx and wrk.*apt-get install nginx-light wrk"
    ):
        load.need("nginx", "wrk")


def test_bars_hold_for_the_ratio_or_for_the_value() -> None:
    common = {"name": "x", "unit": "us"}
    assert Figure(**common, value=3, reference_value=2, bar=1.7).holds
    assert not Figure(**common, value=4, reference_value=2, bar=1.7).holds
    assert Figure(**common, value=4, reference_value=2, bar=5, bar_on_value=True).holds
    assert Figure(**common, value=4, reference_value=2, bar=2, at_least=True).holds
    assert Figure(**common, value=4, bar=2).holds is None
    assert Figure(**common, value=4, reference_value=2).holds is None


def test_percentiles_are_values_that_were_there() -> None:
    values = [float(v) for v in range(1, 101)]
    assert percentile(values, 0.99) == 99
    assert percentile(values, 1.0) == 100
    assert percentile([5.0], 0.5) == 5
    assert median([3.0, 1.0, 2.0]) == 2
