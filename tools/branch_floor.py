"""Refuse when too many branches of the inner packages were never taken.

Coverage's own `fail_under` mixes lines with branches, and takes all files or none.
"""

import sys
from pathlib import Path

from coverage import Coverage

FLOOR = 90.0
PACKAGES = ("domain", "storage", "services")


def main() -> int:
    """Add up the branches of the packages; 1 when the share taken is under the floor."""
    root = Path(__file__).resolve().parent.parent
    coverage = Coverage(config_file=str(root / "pyproject.toml"), data_file=str(root / ".coverage"))
    coverage.load()
    possible = taken = 0
    worst: list[tuple[int, str]] = []
    for package in PACKAGES:
        for path in sorted((root / "src/ostiary" / package).rglob("*.py")):
            lines = coverage.branch_stats(str(path)).values()
            in_file = sum(total for total, _ in lines)
            taken_in_file = sum(done for _, done in lines)
            possible += in_file
            taken += taken_in_file
            if in_file > taken_in_file:
                worst.append((in_file - taken_in_file, str(path.relative_to(root))))
    share = 100 * taken / possible if possible else 100.0
    print(f"branches taken in {', '.join(PACKAGES)}: {taken} of {possible}, {share:.1f} %")
    if share >= FLOOR:
        return 0
    for missing, name in sorted(worst, reverse=True)[:15]:
        print(f"  {missing:4d} never taken in {name}")
    print(f"that is under the floor of {FLOOR:.0f} %")
    return 1


if __name__ == "__main__":
    sys.exit(main())
