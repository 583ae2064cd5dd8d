"""The configuration: what an operator can say, and what holds when nothing is said.

``ostiary.toml``, overridden by the environment (``[server] public_url`` is
``OSTIARY_SERVER__PUBLIC_URL``), overridden by flags (DESIGN section 7). Every key is documented in
``docs/configuration.md``; a test says so. `ostiary.ops.config_file` loads it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from ostiary.domain.lifetime import LONGEST, SHORTEST, Lifetimes
from ostiary.domain.notice import GIVE_UP_AFTER
from ostiary.ops.config_values import Choice, Duration, Number, Text
from ostiary.services.house import Policy

HOUR = 3_600
DAY = 86_400


class Server(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it listens, and how it looks from outside.

    ``public_url`` empty: ``http://host:port``, filled in by the loading unless the port is 0,
    which is only known when it listens.
    """

    public_url: str = ""
    host: str = "127.0.0.1"
    port: Annotated[int, Number(0, 65_535)] = 8000
    workers: Annotated[int, Number(1, 256)] = 1
    trusted_proxies: tuple[str, ...] = ()


class Storage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where things are kept. ``url`` empty: SQLite in the data directory, filled in likewise."""

    # It may hold a password.
    url: Annotated[str, Text(secret=True)] = ""
    data: str = "data"


class Lifetime(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long sessions live, in seconds; organizations and applications may say otherwise."""

    idle: Annotated[int, Duration(SHORTEST, LONGEST)] = HOUR
    absolute: Annotated[int, Duration(SHORTEST, LONGEST)] = DAY
    remembered_idle: Annotated[int, Duration(SHORTEST, LONGEST)] = 14 * DAY
    remembered_absolute: Annotated[int, Duration(SHORTEST, LONGEST)] = 30 * DAY


class Jobs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens by itself, in seconds."""

    sweep_every: Annotated[int, Duration(1, DAY)] = 10
    retention: Annotated[int, Duration(1, 3_650 * DAY)] = 90 * DAY
    flush_last_seen_every: Annotated[int, Duration(1, HOUR)] = 5


class SignIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Failures, delays, passwords; durations in seconds."""

    failures_before_delay: Annotated[int, Number(1, 1_000)] = 5
    first_delay: Annotated[int, Duration(1, DAY)] = 1
    longest_delay: Annotated[int, Duration(1, DAY)] = 900
    forget_failures_after: Annotated[int, Duration(1, LONGEST)] = DAY
    reauthenticate_after: Annotated[int, Duration(1, LONGEST)] = 900
    # Eight is the least that ASVS 6.2.1 allows.
    password_minimum_length: Annotated[int, Number(8, 128)] = 8


class PlacesFiles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """MaxMind DB files that the operator has; empty: none."""

    city: str = ""
    network: str = ""


class Outbound(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom applications may let us call, and how long they are tried, in seconds."""

    allow_networks: tuple[str, ...] = ()
    give_up_after: Annotated[int, Duration(60, 30 * DAY)] = GIVE_UP_AFTER


class Log(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is logged: ``level`` debug, info, warning or error; ``format`` auto, json or text."""

    level: Annotated[str, Choice(("debug", "info", "warning", "error"))] = "info"
    format: Annotated[str, Choice(("auto", "json", "text"))] = "auto"


class Metrics(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may read ``/metrics``: whoever sends ``token`` as a bearer; empty: this machine only."""

    token: Annotated[str, Text(secret=True)] = ""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything, in force. All durations are whole seconds."""

    server: Server = Server()
    storage: Storage = Storage()
    lifetime: Lifetime = Lifetime()
    jobs: Jobs = Jobs()
    sign_in: SignIn = SignIn()
    places: PlacesFiles = PlacesFiles()
    outbound: Outbound = Outbound()
    log: Log = Log()
    metrics: Metrics = Metrics()


def policy_of(config: Config) -> Policy:
    """What the services need to know of it."""
    return Policy(
        lifetimes=Lifetimes(
            idle=config.lifetime.idle,
            absolute=config.lifetime.absolute,
            remembered_idle=config.lifetime.remembered_idle,
            remembered_absolute=config.lifetime.remembered_absolute,
        ),
        reauthenticate_after=config.sign_in.reauthenticate_after,
        failures_before_delay=config.sign_in.failures_before_delay,
        first_delay=config.sign_in.first_delay,
        longest_delay=config.sign_in.longest_delay,
        forget_failures_after=config.sign_in.forget_failures_after,
        password_minimum_length=config.sign_in.password_minimum_length,
        retention=config.jobs.retention,
        flush_last_seen_every=config.jobs.flush_last_seen_every,
        give_up_after=config.outbound.give_up_after,
    )
