"""``ostiary``: the command line. One file a command, or a group of them; each has ``--json``.

All commands but ``serve`` and ``check-config`` act as the operator, through the services, on the
data itself; they work beside a running server.
"""

from ostiary.ops.cli.group import main

__all__ = ["main"]
