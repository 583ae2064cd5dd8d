"""What the services work with, composed once by `ostiary.ops.app`, and who asks them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from ostiary.domain.access import SYSTEM, Caller
from ostiary.domain.lifetime import Lifetimes
from ostiary.domain.notice import GIVE_UP_AFTER
from ostiary.gateways.addresses import Network
from ostiary.gateways.keys import Vault
from ostiary.gateways.outbound import Outbound
from ostiary.gateways.passwords import Passwords
from ostiary.gateways.signing import Keyring
from ostiary.gateways.visitors import Places
from ostiary.services.activity import Activity
from ostiary.services.turns import Turns
from ostiary.storage.database import Database


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration says about sessions. All durations are whole seconds."""

    lifetimes: Lifetimes = Lifetimes()
    reauthenticate_after: int = 900
    failures_before_delay: int = 5
    first_delay: int = 1
    longest_delay: int = 900
    forget_failures_after: int = 86_400
    password_minimum_length: int = 8
    retention: int = 90 * 86_400
    flush_last_seen_every: int = 5
    give_up_after: int = GIVE_UP_AFTER


@dataclass(frozen=True, slots=True)
class House:
    """The store, the gateways and the policy of one running installation."""

    database: Database
    vault: Vault
    passwords: Passwords
    places: Places
    activity: Activity
    policy: Policy
    clock: Callable[[], datetime]
    turns: Turns = field(default_factory=Turns)
    keyring: Keyring = field(default_factory=Keyring)
    outbound: Outbound = field(default_factory=Outbound)
    watch_notices: float = 0.0
    """Seconds that who ended a session waits to learn who was told; 0: nobody sends notices."""


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Who does something, when, and from which address.

    ``fresh_within`` is the greatest age in seconds that a caller's authentication may have for
    ending sessions and the like; callers without a session's cookie are not asked. ``allow`` are
    the networks that notices are sent to although they are not public.
    """

    caller: Caller = SYSTEM
    now: datetime
    address: str = ""
    fresh_within: int = 900
    allow: tuple[Network, ...] = ()
