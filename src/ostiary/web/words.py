"""Times and devices as people say them, in the reader's language."""

from __future__ import annotations

from datetime import datetime, timedelta

from markupsafe import Markup

from ostiary.domain.session import Device
from ostiary.web.messages import Translator

_MINUTE, _HOUR, _DAY, _WEEK = 60, 3_600, 86_400, 604_800
_WEEKS_SAID = 5
_EVENING = 6 * _HOUR
"""What is younger is told in hours, though midnight be between."""

ICONS = {
    "desktop": "device-laptop",
    "phone": "device-mobile",
    "tablet": "device-tablet",
    "cli": "terminal-2",
    "bot": "robot",
}


def clock(instant: datetime, *, seconds: bool = False) -> str:
    """A time of day: ``"14:32 UTC"``."""
    return f"{instant:%H:%M:%S} UTC" if seconds else f"{instant:%H:%M} UTC"


class Words:
    """Phrases about instants, seen from now. Each is a ``<time>`` with the exact UTC in it.

    Clock times are UTC and say so; a script puts the reader's own zone in their place.
    """

    def __init__(self, t: Translator, now: datetime) -> None:
        """Say everything from this instant on."""
        self._t = t
        self.now = now

    def ago(self, then: datetime) -> Markup:
        """``"12 minutes ago"``, ``"yesterday at 23:40"``, ``"on 2 November"``."""
        return self._time(then, self._ago(then))

    def at(self, then: datetime) -> Markup:
        """``"today at 09:12"``, ``"tomorrow at 09:12"``, ``"on 2 November at 09:12"``."""
        key, day = self._day(then)
        return self._time(then, self._t(f"time.{key}_at", day=day, clock=clock(then)), key)

    def began(self, then: datetime) -> Markup:
        """``"today at 09:12"``; after a few days ``"3 weeks ago"``, ``"on 2 November"``."""
        key, day = self._day(then)
        if key != "day":
            text = self._t(f"time.{key}_at", day=day, clock=clock(then))
        else:
            text, key = self._ago(then), ""
        return self._time(then, text, key)

    def place(self, device: Device) -> Markup:
        """``"Berlin, Germany"``; empty when it is not known."""
        country = device.country or ""
        named = f"country.{country}"
        parts = [device.city or "", self._t(named) if self._t.has(named) else country]
        return Markup(", ").join(part for part in parts if part)

    def exact(self, then: datetime) -> Markup:
        """``"24 November 2026, 09:12:00 UTC"``."""
        return self._time(then, self.utc(then))

    def utc(self, then: datetime) -> Markup:
        """The same without the element, for titles."""
        return self._t("time.exact", date=self._date(then, year=True), clock=f"{then:%H:%M:%S}")

    def span(self, seconds: int) -> Markup:
        """``"14 days"``, ``"1 hour"``."""
        for size, unit in ((_DAY, "days"), (_HOUR, "hours"), (_MINUTE, "minutes")):
            if seconds >= size and seconds % size == 0:
                return self._t(f"time.{unit}", count=seconds // size)
        return self._t("time.seconds", count=seconds)

    def device(self, device: Device) -> Markup:
        """``"Firefox on Linux"``."""
        if device.browser and device.os:
            return self._t("device.browser_on_os", browser=device.browser, os=device.os)
        if device.kind == "cli":
            return self._t("device.cli")
        known = device.browser or device.os
        return Markup.escape(known) if known else self._t("device.unknown")

    def _ago(self, then: datetime) -> Markup:
        seconds = int((self.now - then).total_seconds())
        key, day = self._day(then)
        if seconds < _MINUTE:
            said = self._t("time.now")
        elif seconds < _HOUR:
            said = self._t("time.minutes_ago", count=seconds // _MINUTE)
        elif key == "today" or seconds < _EVENING:
            said = self._t("time.hours_ago", count=seconds // _HOUR)
        elif key == "yesterday":
            said = self._t("time.yesterday_at", clock=clock(then))
        elif seconds < 2 * _WEEK:
            said = self._t("time.days_ago", count=max(2, seconds // _DAY))
        elif seconds < _WEEKS_SAID * _WEEK:
            said = self._t("time.weeks_ago", count=seconds // _WEEK)
        else:
            said = self._t("time.on", day=day)
        return said

    def _day(self, then: datetime) -> tuple[str, str]:
        """The day's name in the catalogue, and its date."""
        days = (then.date() - self.now.date()) / timedelta(days=1)
        named = {0: "today", -1: "yesterday", 1: "tomorrow"}.get(int(days), "day")
        return named, self._date(then, year=then.year != self.now.year)

    def _date(self, then: datetime, *, year: bool) -> str:
        month = self._t(f"month.{then.month}")
        key = "time.date_with_year" if year else "time.date"
        return str(self._t(key, day=str(then.day), month=month, year=str(then.year)))

    def _time(self, then: datetime, text: Markup, day: str = "") -> Markup:
        local = Markup(' data-local="{}"').format(day) if day else Markup("")
        return Markup('<time datetime="{}" title="{}"{}>{}</time>').format(
            f"{then:%Y-%m-%dT%H:%M:%SZ}", self.utc(then), local, text
        )
