"""Each line of the checklist is named by a test, or explained in docs/conformance.md."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/conformance.md").read_text(encoding="utf-8")


def groups() -> dict[str, int]:
    """How many lines each group has."""
    rows = re.findall(r"^\| ([A-Z]) \| .+ \| (\d+) \|$", TEXT, flags=re.MULTILINE)
    return {group: int(count) for group, count in rows}


def lines() -> set[str]:
    return {
        f"{group}{number}" if group == "W" else f"{group}{number:02d}"
        for group, count in groups().items()
        for number in range(1, count + 1)
    }


def explained() -> list[str]:
    return re.findall(r"^- \*\*([A-Z]\d+)\*\*: \S", TEXT, flags=re.MULTILINE)


def covered() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for names in re.findall(r"\bCovers ([A-Z]\d+(?:,\s+[A-Z]\d+)*)", path.read_text("utf-8")):
            found |= set(re.findall(r"[A-Z]\d+", names))
    return found


def test_every_line_is_covered_or_explained() -> None:
    assert groups().keys() >= set("ABCEFMRW")
    assert sorted(lines() - covered() - set(explained())) == []


def test_nothing_is_explained_that_is_covered_or_unknown() -> None:
    assert len(explained()) == len(set(explained()))
    assert sorted(set(explained()) - lines()) == []
    assert sorted(set(explained()) & covered()) == []
