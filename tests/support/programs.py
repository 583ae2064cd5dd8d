"""Programs that no wheel brings (see tools/system-programs)."""

import os
import shutil
from typing import NoReturn

import pytest

# The names a program goes by, the one that Debian gives it first.
ALIASES = {"chromium": ("chromium", "chromium-browser", "google-chrome")}


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


def _do_without(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
