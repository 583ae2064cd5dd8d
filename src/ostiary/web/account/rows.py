"""A session as *My sessions* shows it: a title and sentences under it, badges beside it."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from markupsafe import Markup, escape

from ostiary.domain.accounts import BUILT_IN_APPLICATION
from ostiary.domain.session import Session
from ostiary.services.see import Seen
from ostiary.web.messages import Translator
from ostiary.web.words import Words

_ACTIVE = timedelta(minutes=2)
_BETWEEN = Markup(" · ")
_DOT = Markup('<span class="status-dot status-green"></span> ')


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One session. ``lines`` are sentences, ``applications`` where it is used."""

    id: str
    kind: str
    title: str
    lines: tuple[Markup, ...]
    applications: tuple[str, ...]
    current: bool


class Describer:
    """Says things about sessions, in one language, at one instant."""

    def __init__(self, t: Translator, say: Words) -> None:
        """Take the reader's words."""
        self._t = t
        self._say = say

    def row(self, seen: Seen) -> Row:
        """A session as a row."""
        session = seen.session
        return Row(
            id=session.id,
            kind=session.device.kind,
            title=self.title(session),
            lines=(self._whereabouts(seen), self._lifetime(session)),
            applications=tuple(
                c.display_name or c.application
                for c in seen.clients
                if c.application != BUILT_IN_APPLICATION
            ),
            current=seen.current,
        )

    def title(self, session: Session) -> str:
        """The user's own name for it, or the device."""
        return session.label or str(self._say.device(session.device).unescape())

    def _whereabouts(self, seen: Seen) -> Markup:
        """``Active now · Berlin, Germany · 203.0.113.7``."""
        session = seen.session
        parts: list[Markup] = []
        if session.label:
            parts.append(self._say.device(session.device))
        parts.append(self._use(seen, first=not parts))
        place = self._say.place(session.device)
        if place:
            parts.append(place)
        if session.device.address and (seen.current or not place):
            parts.append(escape(session.device.address))
        return _BETWEEN.join(parts)

    def _use(self, seen: Seen, *, first: bool) -> Markup:
        then = seen.session.last_seen_at
        if seen.current or self._say.now - then < _ACTIVE:
            return _DOT + self._t("account.active_first" if first else "account.active")
        key = "account.last_seen_first" if first else "account.last_seen"
        return self._t(key, ago=self._say.ago(then))

    def _lifetime(self, session: Session) -> Markup:
        """How it began, and when it ends by itself."""
        began = self._t("account.signed_in", at=self._say.began(session.created_at))
        methods = [self._t(f"method.{m}") for m in session.amr if self._t.has(f"method.{m}")]
        if methods:
            began += self._t("account.with", methods=methods)
        if session.authenticated_at > session.created_at:
            again = self._say.began(session.authenticated_at)
            began += self._t("account.confirmed", at=again)
        if session.remembered:
            began += self._t("account.remembered")
        ends = self._t(
            "account.ends",
            idle=self._say.span(session.idle_seconds),
            at=self._say.at(session.expires_at),
        )
        return _BETWEEN.join([began, ends])
