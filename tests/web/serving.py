"""An installation behind a real HTTP server, for real browsers."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from tests.support.installation import Installation


@contextmanager
def served(furnished: Path, to: Path) -> Iterator[Installation]:
    """A copy of the furnished installation, at its own ``public_url`` on a free port."""
    from tests.web.conftest import copied  # noqa: PLC0415 - that module offers this one's fixture

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        installation = copied(furnished, to, public_url=f"http://127.0.0.1:{port}")
        config = uvicorn.Config(installation.app, log_level="warning", lifespan="on")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            deadline = time.monotonic() + 20
            while not server.started:
                assert thread.is_alive()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield installation
        finally:
            server.should_exit = True
            thread.join(20)
            installation.close()
        assert not thread.is_alive()
