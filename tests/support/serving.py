"""An installation behind a real HTTP server in this process, for clients that are not ours."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import uvicorn

from tests.support.installation import Installation

SomeInstallation = TypeVar("SomeInstallation", bound=Installation)
PATIENCE = 20


@contextmanager
def serving(
    make: Callable[[str], SomeInstallation],
    host: str = "127.0.0.1",
    *,
    certificate: Path | None = None,
) -> Iterator[SomeInstallation]:
    """Serve an installation on a free port; ``make`` gets the ``public_url`` that it has there.

    With a certificate, and its key in the same file, it is served by https.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        installation = make(f"{'https' if certificate else 'http'}://{host}:{port}")
        # Its own log_config would keep the lines of all later tests from the log.
        config = uvicorn.Config(
            installation.app,
            log_config=None,
            log_level="warning",
            lifespan="on",
            ssl_certfile=certificate,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            deadline = time.monotonic() + PATIENCE
            while not server.started:
                assert thread.is_alive()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield installation
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            installation.close()
        assert not thread.is_alive()
