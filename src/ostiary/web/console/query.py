"""The console's search box: plain words, and ``key:value`` tokens that narrow a list of sessions.

What a page was asked for is a `Search`. It becomes a `SessionFilter` for the services, an address
for links, and chips that show what is in force. Nothing here reads anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from urllib.parse import urlencode

import msgspec

from ostiary.domain.errors import BadInput
from ostiary.domain.search import Order, SessionFilter, Sort, State
from ostiary.domain.session import EndReason
from ostiary.gateways.addresses import parse_address
from ostiary.gateways.agents import DeviceKind

LONGEST = 300
PATH = "/console/sessions"

_PART = re.compile(r'(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))')
_AGE = re.compile(r"(\d{1,5})(m|h|d|w)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_COUNTRIES = re.compile(r"[A-Za-z]{2}(?:,[A-Za-z]{2})*")
_KINDS = {
    **{kind: kind for kind in get_args(DeviceKind)},
    "computer": "desktop",
    "laptop": "desktop",
    "mobile": "phone",
}
_DEFAULTS = {"state": State.LIVE.value, "sort": Sort.CREATED.value}


class Chip(msgspec.Struct, frozen=True):
    """A token in force, and the address of the same list without it."""

    key: str
    value: str
    without: str


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What a list of sessions was asked for, as the address bar says it.

    ``anchor`` is the instant that "the last 24 hours" ends with: a page that follows, or an ending
    of everything that matched, means the same hours as the first page did.
    """

    text: str = ""
    organization: str = ""
    state: State = State.LIVE
    sort: Sort = Sort.CREATED
    anchor: datetime

    @property
    def tokens(self) -> dict[str, str]:
        """The tokens of the text, the last of each kind."""
        return {key: value for key, value, _ in _parts(self.text) if key}

    @property
    def words(self) -> str:
        """What is left of the text."""
        return " ".join(value for key, value, _ in _parts(self.text) if not key)

    @property
    def is_relative(self) -> bool:
        """Whether it depends on the instant at which one looks."""
        return any(_AGE.fullmatch(v) for k, v in self.tokens.items() if k in _RANGES)

    @property
    def narrows(self) -> bool:
        """Whether anything is left out besides what has ended, or has not."""
        return bool(self.text.strip() or self.organization)

    @property
    def problems(self) -> list[str]:
        """The keys of tokens whose values cannot be used."""
        return [k for k, v in self.tokens.items() if _read(k, v, self.anchor) is None]

    @property
    def chosen(self) -> SessionFilter:
        """The filter. Of two organizations the one that was selected wins.

        Raises:
            BadInput: a token cannot be used. To leave it out would widen the list, and end more
                than was meant.
        """
        if self.problems:
            raise BadInput("q", f"The search cannot be used: {', '.join(self.problems)}.")
        tokens = self.tokens.items()
        values = {_FIELDS[key]: _read(key, value, self.anchor) for key, value in tokens}
        if self.organization:
            values["organization"] = self.organization
        return SessionFilter(**values, text=self.words or None, state=self.state)

    @property
    def order(self) -> Order:
        """Newest first, or names from A to Z."""
        return Order(sort=self.sort, descending=self.sort is not Sort.USER)

    @property
    def chips(self) -> list[Chip]:
        """Every token in force, the selected organization among them."""
        found = [
            Chip(key, value, self.address(text=_without(self.text, key)))
            for key, value in self.tokens.items()
            if key not in self.problems
        ]
        if self.organization:
            found.insert(0, Chip("organization", self.organization, self.address(organization="")))
        return found

    def sorted_by(self, sort: Sort) -> Search:
        """The same in another order."""
        return msgspec.structs.replace(self, sort=sort)

    def parameters(self, **changes: str) -> dict[str, str]:
        """What an address or a hidden form says to mean this, without what is usual."""
        said = {
            "q": changes.get("text", self.text),
            "organization": self.organization,
            "state": self.state.value,
            "sort": self.sort.value,
            **{k: v for k, v in changes.items() if k != "text"},
        }
        return {k: v for k, v in said.items() if v and _DEFAULTS.get(k) != v}

    def anchored(self, **changes: str) -> dict[str, str]:
        """The same, holding on to the hours that were meant."""
        held = {"as_of": f"{self.anchor:%Y-%m-%dT%H:%M:%S.%f}Z"} if self.is_relative else {}
        return {**self.parameters(**changes), **held}

    def address(self, path: str = PATH, **changes: str) -> str:
        """The address of this list, with some of it changed."""
        return _address(path, self.parameters(**changes))

    def anchored_address(self, path: str = PATH, **changes: str) -> str:
        """The address of another page of this very list, or of something done to it."""
        return _address(path, self.anchored(**changes))


def search(
    now: datetime,
    *,
    q: str = "",
    organization: str = "",
    state: str = "",
    sort: str = "",
    as_of: str = "",
) -> Search:
    """Read an address; what cannot be read is left out, as if it had not been said."""
    return Search(
        text=plain(q),
        organization=organization,
        state=State.ENDED if state == State.ENDED.value else State.LIVE,
        sort=Sort(sort) if sort in set(Sort) else Sort.CREATED,
        anchor=min(instant(as_of) or now, now),
    )


def plain(text: str) -> str:
    """What was typed into a search box: on one line, and not too long."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:LONGEST]).split())


def token(key: str, value: str) -> str:
    """A token as it is typed."""
    return f'{key}:"{value}"' if " " in value else f"{key}:{value}"


def _address(path: str, parameters: dict[str, str]) -> str:
    return f"{path}?{urlencode(parameters)}" if parameters else path


def instant(text: str) -> datetime | None:
    """The instant that a text names, with its zone; None: none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo is not None else None


def _parts(text: str) -> list[tuple[str, str, str]]:
    """Key (empty for a plain word), value, and the part as it was typed.

    A key that is not ours is part of a word: an IPv6 address is full of colons.
    """
    found: list[tuple[str, str, str]] = []
    for match in _PART.finditer(text):
        key, quoted, plain = match.groups()
        value = quoted if quoted is not None else plain
        if key is not None and key not in _FIELDS:
            found.append(("", f"{key}:{value}", match.group()))
        elif value:
            found.append((key or "", value, match.group()))
    return found


def _without(text: str, key: str) -> str:
    return " ".join(typed for found, _, typed in _parts(text) if found != key)


def _read(key: str, value: str, anchor: datetime) -> Any:  # noqa: ANN401 - as the field wants it
    """A token's value as the filter takes it; None: it cannot be."""
    reader = _READERS.get(key)
    if key in _RANGES:
        return _since(value, anchor)
    return value if reader is None else reader(value)


def _since(value: str, anchor: datetime) -> datetime | None:
    """``24h`` before the anchor, or the beginning of a day in UTC."""
    age = _AGE.fullmatch(value)
    try:
        if age is not None:
            return anchor - timedelta(**{_UNITS[age[2]]: int(age[1])})
        return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _address_of(value: str) -> str | None:
    parsed = parse_address(value)
    return str(parsed) if parsed is not None else None


def _countries(value: str) -> str | None:
    return value.upper() if _COUNTRIES.fullmatch(value) else None


def _reason(value: str) -> EndReason | None:
    return EndReason(value) if value in set(EndReason) else None


_FIELDS = {
    "organization": "organization",
    "user": "user",
    "application": "application",
    "address": "address",
    "device": "device_kind",
    "browser": "browser",
    "country": "country",
    "reason": "reason",
    "created": "created_from",
    "older": "created_to",
    "seen": "seen_from",
    "unseen": "seen_to",
    "ended": "ended_from",
}
"""The keys that people type, and the fields of `SessionFilter` that they narrow."""

_RANGES = frozenset({"created", "older", "seen", "unseen", "ended"})

_READERS: dict[str, Callable[[str], Any]] = {
    "address": _address_of,
    "country": _countries,
    "device": _KINDS.get,
    "reason": _reason,
}
