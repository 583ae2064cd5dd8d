"""Failed sign-ins are slowed down, never locked out (REQUIREMENTS C01, E11, R09).

Three things are counted, failures only:

- the *source* (an IPv4 address or IPv6 /64), over all accounts;
- the *account*, over all sources;
- the *pair* of the two.

An attempt waits when its source or its pair is delayed. A delayed account delays only sources that
have failed on it themselves: somebody who tries a stranger's name all night delays nobody but the
places that the attempts come from, and the owner's first attempt is always heard. For a device on
which the account has signed in before, the pair is the device and the account: what others do to
the account, from the same place too, does not hold it up at all.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from ostiary.domain.errors import TooManyFailures
from ostiary.gateways.addresses import source_of
from ostiary.gateways.keys import Vault
from ostiary.services.house import Policy
from ostiary.storage import throttle
from ostiary.storage.database import Transaction
from ostiary.storage.throttle import Failures

_SOURCE_ALLOWANCE = 4
"""A source may fail so many times as often as an account: offices share addresses."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """The keys under which one attempt is counted; ``trusted``: from a device of the account's."""

    source: bytes
    account: bytes
    pair: bytes
    trusted: bool = False

    @property
    def keys(self) -> tuple[bytes, bytes, bytes]:
        """All of them."""
        return self.source, self.account, self.pair


def attempt(
    vault: Vault, organization: str, login: str, address: str, *, device: int | None = None
) -> Attempt:
    """What an attempt is counted under: keyed hashes, so that the store names nobody.

    Args:
        vault: holds the key of the hashes.
        organization: the account's.
        login: the account's name, as typed where nobody is known by it.
        address: where the attempt comes from.
        device: the key of the device, if the account has signed in on it before.
    """
    source, account = source_of(address), f"{organization}/{login.casefold()}"
    place = source if device is None else f"device {device}"

    def key(kind: str, value: str) -> bytes:
        return vault.mac("throttle", f"{kind}\x00{value}".encode()).encode()[:32]

    return Attempt(
        source=key("source", source),
        account=key("account", account),
        pair=key("pair", f"{place}\x00{account}"),
        trusted=device is not None,
    )


def require_patience(tx: Transaction, what: Attempt, now: datetime) -> None:
    """Refuse an attempt that comes before its delay is over. It is not counted.

    Raises:
        TooManyFailures: with the seconds to wait.
    """
    known = throttle.get(tx, what.keys)
    delays = [_delay(known, what.pair)]
    if not what.trusted:
        delays.append(_delay(known, what.source))
        if what.pair in known:
            delays.append(_delay(known, what.account))
    until = max((d for d in delays if d is not None), default=None)
    if until is not None and until > now:
        raise TooManyFailures(int((until - now).total_seconds()) + 1)


def _delay(known: dict[bytes, Failures], key: bytes) -> datetime | None:
    return known[key].delayed_until if key in known else None


def failed(tx: Transaction, what: Attempt, policy: Policy, now: datetime) -> int:
    """Count a failure.

    Returns:
        The seconds that the next attempt of this pair has to wait; 0: none.
    """
    allowances = {
        what.source: policy.failures_before_delay * _SOURCE_ALLOWANCE,
        what.account: policy.failures_before_delay,
        what.pair: policy.failures_before_delay,
    }
    forgotten = now - timedelta(seconds=policy.forget_failures_after)
    waits = {}
    for key, allowance in sorted(allowances.items()):
        count = throttle.count(tx, key, now, forgotten=forgotten)
        waits[key] = delay_after(count, allowance, policy)
        if waits[key]:
            throttle.delay(tx, key, now + timedelta(seconds=waits[key]))
    return waits[what.pair] if what.trusted else max(waits.values())


def delay_after(failures: int, allowance: int, policy: Policy) -> int:
    """Seconds to wait after so many failures in a row: doubling, up to the longest delay."""
    beyond = failures - allowance
    if beyond < 0:
        return 0
    doubled: int = policy.first_delay << min(beyond, 30)
    return min(policy.longest_delay, doubled)


def succeeded(tx: Transaction, what: Attempt) -> None:
    """Forget the failures of an account and pair; a source stays counted for other accounts."""
    throttle.forget(tx, [what.account, what.pair])
