"""Programs that no wheel brings (see tools/system-programs)."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

# The names a program goes by, the one that Debian gives it first.
ALIASES = {"chromium": ("chromium", "chromium-browser", "google-chrome")}
MODULES = Path(__file__).parents[2] / "frontend/node_modules"


def need_program(name: str) -> str:
    """Return the path of a program, or skip the test and say why.

    In CI nothing may be skipped silently, so there the test fails.
    """
    for alias in ALIASES.get(name, (name,)):
        # Servers lie where the paths of users do not lead.
        path = shutil.which(alias) or shutil.which(alias, path="/usr/sbin")
        if path:
            return path
    return _do_without(f"{name} is not installed (see tools/system-programs)")


def need_browser_library(path: str) -> Path:
    """Return a file of `frontend/node_modules`, which installing the project brings, or skip."""
    file = MODULES / path
    if file.is_file():
        return file
    return _do_without(f"{path} is not in {MODULES} (see hatch_build.py)")


def _do_without(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
