"""An installation behind a real HTTP server, for real browsers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.installation import Installation
from tests.support.serving import serving


@contextmanager
def served(furnished: Path, to: Path) -> Iterator[Installation]:
    """A copy of the furnished installation, at its own ``public_url`` on a free port."""
    from tests.web.conftest import copied  # noqa: PLC0415 - that module offers this one's fixture

    with serving(lambda public_url: copied(furnished, to, public_url=public_url)) as installation:
        yield installation
