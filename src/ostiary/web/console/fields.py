"""Forms that keep what was typed: values, and errors beside the fields that they are about."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from ostiary.domain.errors import AlreadyExists, BadInput, OstiaryError
from ostiary.domain.lifetime import Lifetimes, Overrides, decide, sentence
from ostiary.web.forms import Form

LIFETIMES = Overrides.__struct_fields__
"""The fields of the four durations."""

_DURATION = re.compile(r"(\d{1,9})\s*([a-z]*)")
_UNITS = {
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3_600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 7 * 86_400),
}
_SHORT = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """What a form shows: ``values`` by field, ``errors`` by field, ``error`` above them all."""

    values: Mapping[str, str] = {}
    errors: Mapping[str, str] = {}
    error: str = ""

    def value(self, name: str) -> str:
        """What stands in a field."""
        return self.values.get(name, "")

    def wrong(self, name: str) -> str:
        """What is wrong with it; empty: nothing."""
        return self.errors.get(name, "")


def typed(form: Form, *secret: str) -> dict[str, str]:
    """What was typed, without the fields that are never sent back, such as passwords."""
    return {name: value for name, value in form.pairs if name not in secret}


def refused(values: Mapping[str, str], error: OstiaryError) -> Fields:
    """The form again, with the error beside its field, or above all when it has none here."""
    field = error.field if isinstance(error, BadInput | AlreadyExists) else ""
    field = field.removeprefix("lifetimes.")
    if field in values or field in _NEVER_SENT_BACK:
        return Fields(values=values, errors={field: error.text})
    return Fields(values=values, error=error.text)


_NEVER_SENT_BACK = frozenset({"password"})


def duration(field: str, text: str) -> int | None:
    """The seconds that somebody typed: ``1h``, ``30 days``; None: nothing.

    Raises:
        BadInput: it is no duration.
    """
    wanted = text.strip().lower()
    if not wanted:
        return None
    match = _DURATION.fullmatch(wanted)
    if match is None or match[2] not in _UNITS:
        raise BadInput(field, "Write a number and a unit: 90s, 15m, 1h or 30d.")
    return int(match[1]) * _UNITS[match[2]]


def in_short(seconds: int | None) -> str:
    """The same as it is typed; empty for None."""
    if seconds is None:
        return ""
    size, unit = next((s, u) for s, u in _SHORT if seconds % s == 0)
    return f"{seconds // size}{unit}"


def overrides(form: Form) -> Overrides:
    """The four durations of a form.

    Raises:
        BadInput: one of them is no duration.
    """
    return Overrides(*(duration(name, form.text(name)) for name in LIFETIMES))


def of_overrides(lifetimes: Overrides) -> dict[str, str]:
    """The four durations as a form shows them."""
    return {name: in_short(getattr(lifetimes, name)) for name in LIFETIMES}


def hints(inherited: Lifetimes) -> dict[str, str]:
    """What holds where a field is left empty."""
    return {name: in_short(getattr(inherited, name)) for name in LIFETIMES}


def policy(defaults: Lifetimes, *said: Overrides) -> str:
    """The sentence that says what is in force."""
    return sentence(decide(defaults, *said))
