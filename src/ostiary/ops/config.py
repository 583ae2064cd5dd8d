"""The configuration: what an operator can say, and what holds when nothing is said.

``ostiary.toml``, overridden by the environment (``[server] public_url`` is
``OSTIARY_SERVER__PUBLIC_URL``), overridden by flags (DESIGN section 7). Every key is documented in
``docs/configuration.md``; a test says so.
"""

from __future__ import annotations

import msgspec

DAY = 86_400


class Server(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it listens, and how it looks from outside. ``public_url`` empty: ``host:port``."""

    public_url: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    trusted_proxies: tuple[str, ...] = ()


class Storage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where things are kept. ``url`` empty: SQLite in the data directory."""

    url: str = ""
    data: str = "data"


class Lifetime(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long sessions live, in seconds; organizations and applications may say otherwise."""

    idle: int = 3_600
    absolute: int = DAY
    remembered_idle: int = 14 * DAY
    remembered_absolute: int = 30 * DAY


class Jobs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens by itself, in seconds."""

    sweep_every: int = 10
    retention: int = 90 * DAY
    flush_last_seen_every: int = 5


class SignIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Failures, delays, passwords; durations in seconds."""

    failures_before_delay: int = 5
    first_delay: int = 1
    longest_delay: int = 900
    forget_failures_after: int = DAY
    reauthenticate_after: int = 900
    password_minimum_length: int = 8


class PlacesFiles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """MaxMind DB files that the operator has; empty: none."""

    city: str = ""
    network: str = ""


class Log(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is logged: ``level`` debug, info, warning or error; ``format`` auto, json or text."""

    level: str = "info"
    format: str = "auto"


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything, in force. All durations are whole seconds."""

    server: Server = Server()
    storage: Storage = Storage()
    lifetime: Lifetime = Lifetime()
    jobs: Jobs = Jobs()
    sign_in: SignIn = SignIn()
    places: PlacesFiles = PlacesFiles()
    log: Log = Log()
