"""``docs/operations.md`` names every metric, every event of the log, and every file of the data."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from ostiary.ops import compose, listening, worker
from ostiary.ops.compose import close_house, open_house
from ostiary.ops.config import Config, Storage
from ostiary.ops.metrics import Metrics

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

# `_log.info("a.b"` and what stands for it: `tell(` and structlog's own logger.
_LOGGED = re.compile(
    r"(?:_log|get_logger\(\))\s*\.\s*(?:debug|info|warning|error|exception|critical)\(\s*\"([a-z_.]+)\""
    r"|\btell\(\s*\"([a-z_.]+)\""
)


def section(title: str) -> str:
    return DOCS.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def named_in_rows(text: str) -> set[str]:
    """What stands in backquotes in the first cell of a table's rows."""
    rows = (line for line in text.splitlines() if line.startswith("| `"))
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_every_metric_is_explained_and_no_other() -> None:
    page = Metrics().page(0).decode()
    families = text_string_to_metric_families(page)
    metrics = {f.name + ("_total" if f.type == "counter" else "") for f in families}
    assert len(metrics) >= 10
    assert named_in_rows(section("Metrics")) == metrics


def test_every_event_of_the_log_is_explained_and_no_other() -> None:
    logged = {
        next(filter(None, match))
        for path in (ROOT / "src").rglob("*.py")
        for match in _LOGGED.findall(path.read_text(encoding="utf-8"))
    }
    assert len(logged) > 15
    assert named_in_rows(section("The log")) == logged


def test_every_file_of_the_data_directory_is_explained(tmp_path: Path) -> None:
    house = open_house(Config(storage=Storage(data=str(tmp_path / "data"))))
    with listening.held(tmp_path / "data"):
        files = {path.name for path in (tmp_path / "data").iterdir()}
    close_house(house)
    assert files <= named_in_rows(section("The data directory"))
    assert listening.LOCK_FILE in files


def test_the_numbers_are_the_programs_own() -> None:
    limits = section("Limits")
    for number in (compose.PASSWORD_QUEUE, worker.PATIENCE, worker.KEEP_ALIVE):
        assert f" {number} " in limits
    assert f"at most {compose.TRANSACTIONS} connections" in section("Workers")
    assert f"after {worker.DRAIN} seconds" in section("Signals")
